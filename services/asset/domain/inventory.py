"""What an agent sees of its machine: what of it is kept, and what it says of the asset.

A section that a report names is whole and replaces what was known. One that it holds without naming it is partial: its entries
are added. A section reported earlier than the one that is known changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from itsm.asset import v1 as pb

from chassis.errors import Invalid
from services.asset.domain.identity import IdentifierKind, is_junk
from services.asset.domain.report import Report, cleaned

SINGLE = ("hardware", "system")
# Sections of many entries: how many at most, and what names an entry.
MANY: Mapping[str, tuple[int, tuple[str, ...]]] = {
    "packages": (20_000, ("name", "architecture", "manager")),
    "disks": (1_000, ("device", "mountPoint")),
    "interfaces": (1_000, ("name",)),
    "processes": (5_000, ("name", "port", "protocol", "address")),
}
SECTIONS = (*SINGLE, *MANY)

_CONTAINERS = frozenset(
    {"docker", "podman", "lxc", "lxc-libvirt", "containerd", "kubernetes", "openvz", "systemd-nspawn", "rkt", "container"}
)
_VENDORS = {
    "dell": "Dell", "dell inc.": "Dell", "dell computer corporation": "Dell", "hewlett-packard": "HP", "hp inc.": "HP",
    "hewlett packard enterprise": "HPE", "lenovo": "Lenovo", "vmware, inc.": "VMware", "microsoft corporation": "Microsoft",
    "fujitsu siemens": "Fujitsu", "fujitsu limited": "Fujitsu", "ibm corporation": "IBM", "apple inc.": "Apple",
    "super micro computer, inc.": "Supermicro", "supermicro": "Supermicro", "asustek computer inc.": "ASUS",
    "innotek gmbh": "Oracle", "google": "Google", "amazon ec2": "Amazon",
}  # fmt: skip
_LONGEST = 4_096


@dataclass(frozen=True, slots=True)
class Section:
    """One section as it is kept: its JSON, whether that is all there is, and when it was looked at."""

    content: Any
    whole: bool
    report_time: datetime


def sections(inventory: pb.Inventory, contents: Mapping[str, Any], at: datetime) -> dict[str, Section]:
    """What a report holds; `contents` is its JSON. Raises `Invalid` for sections that there are not or that hold too much."""
    named, wrong = set(inventory.sections), {}
    if unknown := sorted(named - set(SECTIONS)):
        wrong["inventory.sections"] = f"are {', '.join(SECTIONS)}, not {', '.join(unknown)[:200]}"
    for name, (most, _) in MANY.items():
        if len(contents[name]) > most:
            wrong[f"inventory.{name}"] = f"may have {most} entries"
    if wrong:
        raise Invalid(wrong)
    held = {name for name in SINGLE if inventory.HasField(name)} | {name for name in MANY if contents[name]}
    empty: dict[str, Any] = {name: {} for name in SINGLE} | {name: [] for name in MANY}
    return {name: Section(contents.get(name) or empty[name], name in named, at) for name in SECTIONS if name in held | named}


def merged(known: Section | None, said: Section, name: str) -> Section:
    """What is known of a section after a report of it."""
    if known is None or said.report_time < known.report_time:
        return known or said
    if said.whole:
        return said
    if name in SINGLE:
        return Section({**known.content, **_filled(said.content)}, known.whole, said.report_time)
    most, key = MANY[name]
    entries = {tuple(each.get(part) for part in key): each for each in (*known.content, *said.content)}
    return Section(list(entries.values())[:most], known.whole, said.report_time)


def _filled(content: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if value not in ("", 0, "0")}


def report(inventory: pb.Inventory, agent_id: str, at: datetime) -> Report:
    """What it says of the asset. Addresses of a partial section are not all that there are, and say nothing."""
    values: dict[str, Any] = {}
    identifiers: dict[IdentifierKind, list[str]] = {IdentifierKind.AGENT: [agent_id]}
    whole = set(inventory.sections)
    if inventory.HasField("hardware"):
        values |= _of_hardware(inventory.hardware)
        if values["class"] != "container":
            identifiers[IdentifierKind.SERIAL] = [inventory.hardware.serial]
            identifiers[IdentifierKind.UUID] = [inventory.hardware.uuid]
    if inventory.HasField("system"):
        values |= _of_system(inventory.system)
        identifiers[IdentifierKind.HOSTNAME] = [inventory.system.hostname]
        identifiers[IdentifierKind.FQDN] = [inventory.system.fqdn]
        if values.get("class") != "container":
            identifiers[IdentifierKind.MACHINE] = [inventory.system.machine_id]
    if "interfaces" in whole:
        own = [each for each in inventory.interfaces if not each.virtual]
        identifiers[IdentifierKind.MAC] = [each.mac for each in own]
        identifiers[IdentifierKind.IP] = [address for each in own for address in each.addresses][:40]
    if "disks" in whole:
        # A disk may be told beside what is mounted from it.
        mounted = [each for each in inventory.disks if each.mount_point] or inventory.disks
        values["diskBytes"] = sum({each.device: each.size_bytes for each in mounted}.values())
    told = {name: value for name, value in values.items() if value not in ("", 0)}
    return Report(source=f"agent:{agent_id}", time=at, values=told, identifiers=_some(cleaned(identifiers)))


def _some(identifiers: dict[IdentifierKind, list[str]]) -> dict[IdentifierKind, list[str]]:
    """Nothing said is not that there is none: a reader without rights sees no serial."""
    return {kind: values[:40] for kind, values in identifiers.items() if values}


def _of_hardware(hardware: pb.Hardware) -> dict[str, Any]:
    virtual = hardware.virtualization.strip().lower()
    return {
        "class": "container" if virtual in _CONTAINERS else "virtual_machine" if virtual else "computer",
        "vendor": _VENDORS.get(hardware.vendor.strip().lower(), _text(hardware.vendor)),
        "model": _text(hardware.model),
        "cpu": _text(hardware.cpu),
        "cpuCount": hardware.cpu_count,
        "memoryBytes": hardware.memory_bytes,
        "architecture": _text(hardware.architecture),
        "virtualization": virtual[:100],
    }


def _of_system(system: pb.System) -> dict[str, Any]:
    return {
        "name": _text(system.hostname)[:300],
        "os": _text(system.os),
        "osVersion": _text(system.version),
        "kernel": _text(system.kernel),
    }


def _text(text: str) -> str:
    plain = " ".join(text.split())[:_LONGEST]
    return "" if is_junk(plain) else plain
