"""The classes that every tenant has: a table, nothing else."""

from services.asset.domain.classes import AssetClass, AttributeDefinition, AttributeType, IdentificationEntry
from services.asset.domain.identity import IdentifierKind as Kind

ROOT = "item"

_TYPES = {
    "": AttributeType.TEXT,
    "#": AttributeType.INTEGER,
    "~": AttributeType.NUMBER,
    "?": AttributeType.FLAG,
    "*": AttributeType.LIST,
}
# A name's mark says its type: none text, # whole number, ~ number, ? flag, * list.
_TABLE: tuple[tuple[str, str, str, str], ...] = (
    (ROOT, "", "Item", "description url environment notes tags*"),
    ("hardware", ROOT, "Hardware", "vendor model purchaseDate warrantyEndDate"),
    (
        "computer",
        "hardware",
        "Computer",
        "cpu cpuCount# memoryBytes# diskBytes# architecture virtualization os osVersion kernel",
    ),
    ("server", "computer", "Server", "rack rackUnit# powerFeeds#"),
    ("virtual_machine", "computer", "Virtual machine", "hypervisor image"),
    ("container", "computer", "Container", "image runtime cluster"),
    ("network_device", "hardware", "Network device", "firmware portCount# managementAddress"),
    ("storage", "hardware", "Storage", "firmware capacityBytes# usedShare~ redundancyLevel"),
    ("kit", "hardware", "Person's kit", "kitKind phoneNumber loaned?"),
    ("cloud_resource", ROOT, "Cloud resource", "provider region account resourceType"),
    ("software", ROOT, "Software", "vendor version edition command port#"),
    ("database", "software", "Database", "engine sizeBytes#"),
    ("business_service", ROOT, "Business service", "audience serviceHours availabilityTarget~"),
)
_MACHINE = (
    (Kind.AGENT,),
    (Kind.CLOUD_ID,),
    (Kind.UUID,),
    (Kind.SERIAL,),
    (Kind.ASSET_TAG,),
    (Kind.MAC,),
    (Kind.MACHINE, Kind.HOSTNAME),
)
# What firmware and adapters say inside of a container is its host's.
_CONTAINER = ((Kind.AGENT,), (Kind.CLOUD_ID,))
_RULES: dict[str, tuple[tuple[Kind, ...], ...]] = {
    ROOT: ((Kind.CLOUD_ID,), (Kind.ASSET_TAG,)),
    "hardware": ((Kind.SERIAL,), (Kind.ASSET_TAG,), (Kind.MAC,)),
    "computer": _MACHINE,
    "container": _CONTAINER,
    "software": ((Kind.CLOUD_ID,), (Kind.ASSET_TAG,)),
}


def _attribute(marked: str) -> AttributeDefinition:
    mark = marked[-1] if marked[-1] in _TYPES else ""
    name = marked.removesuffix(mark)
    return AttributeDefinition(name=name, type=_TYPES[mark], unit="bytes" if name.endswith("Bytes") else "")


BUILT_IN: tuple[AssetClass, ...] = tuple(
    AssetClass(
        id=name,
        name=name,
        title=title,
        parent=parent,
        attributes=[_attribute(each) for each in attributes.split()],
        identification=[IdentificationEntry(kinds=list(kinds)) for kinds in _RULES.get(name, ())],
        built_in=True,
    )
    for name, parent, title, attributes in _TABLE
)
