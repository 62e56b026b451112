"""GLPI: what its REST interface answers for an item type (JSON, one file each, named after the type: `Ticket.json`,
`Ticket_User.json`, `ITILFollowup.json`, `Computer.json`, …), and lists as its interface exports them (CSV, in English).

Texts are HTML, kept as entities by older versions. Times are in the zone of the server. Ids of lists are resolved by the
files of these lists (`ITILCategory.json`, `Location.json`, `Manufacturer.json`, …) or stand as names where the interface was
asked with `expand_dropdowns=true`. Templates and what lies in the bin are left out.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from cli.importers.mapping import SKIP, Defaults, Meanings
from cli.importers.records import Asset, Label, Part, Person, Piece, Raw, Relation, Remark, Team, Ticket, Unusable
from cli.importers.values import first, text, unmarked

_LEVELS = {"1": "LOW", "2": "LOW", "3": "MEDIUM", "4": "HIGH", "5": "HIGH", "Very low": "LOW", "Low": "LOW",
           "Medium": "MEDIUM", "High": "HIGH", "Very high": "HIGH"}  # fmt: skip
DEFAULTS = Defaults(
    tables={
        "states": {
            "1": "NEW", "2": "ASSIGNED", "3": "IN_PROGRESS", "4": "ON_HOLD CALLER", "5": "RESOLVED", "6": "CLOSED",
            "New": "NEW", "Processing (assigned)": "ASSIGNED", "Processing (planned)": "IN_PROGRESS",
            "Pending": "ON_HOLD CALLER", "Solved": "RESOLVED", "Closed": "CLOSED",
        },
        "priorities": {
            "1": "P5", "2": "P4", "3": "P3", "4": "P2", "5": "P2", "6": "P1", "Very low": "P5", "Low": "P4", "Medium": "P3",
            "High": "P2", "Very high": "P2", "Major": "P1",
        },
        "impacts": _LEVELS,
        "urgencies": _LEVELS,
        "types": {"1": "take", "2": "take", "Incident": "take", "Request": "take"},
        "classes": {
            "Computer": "computer", "Computer: Server": "server", "Computer: Virtual Machine": "virtual_machine",
            "Computer: VMware": "virtual_machine", "NetworkEquipment": "network_device", "Printer": "hardware",
            "Monitor": "kit", "Peripheral": "kit", "Phone": "kit", "Rack": "hardware", "Enclosure": "hardware",
            "PDU": "hardware", "Appliance": "business_service", "DatabaseInstance": "database", "Unmanaged": "item",
        },
    }
)  # fmt: skip

_TICKET_COLUMNS = {
    "ID": "id", "Title": "name", "Status": "status", "Type": "type", "Priority": "priority", "Urgency": "urgency",
    "Impact": "impact", "Opening date": "date", "Last update": "date_mod", "Closing date": "closedate",
    "Resolution date": "solvedate", "Category": "itilcategories_id", "Description": "content", "Requester": "requester",
    "Requester - Requester": "requester", "Technician": "technician", "Assigned to - Technician": "technician",
    "Technician group": "group", "Assigned to - Technician group": "group", "Solution": "solution",
    "Solution - Solution": "solution", "Take into account date": "takeintoaccountdate",
}  # fmt: skip
_ASSET_COLUMNS = {
    "ID": "id", "Name": "name", "Status": "states_id", "Manufacturer": "manufacturers_id", "Serial number": "serial",
    "Inventory number": "otherserial", "Type": "type", "Model": "model", "Location": "locations_id", "User": "users_id",
    "Group": "groups_id", "Comments": "comment", "UUID": "uuid", "Operating System - Name": "os",
    "Operating system - Name": "os",
    "Operating System - Version": "osversion", "Operating system - Version": "osversion",
}  # fmt: skip
_LISTS = {
    "ITILCategory": "category", "Location": "locations", "Manufacturer": "manufacturers", "State": "states",
    "ComputerModel": "computermodels", "ComputerType": "computertypes", "NetworkEquipmentModel": "networkequipmentmodels",
    "NetworkEquipmentType": "networkequipmenttypes", "PrinterModel": "printermodels", "PhoneModel": "phonemodels",
    "MonitorModel": "monitormodels", "PeripheralModel": "peripheralmodels", "SolutionType": "solutiontypes",
}  # fmt: skip
_ROLES = {"1": "requester", "2": "assignee"}


class Glpi:
    """See the module."""

    api = 1
    name = "glpi"
    title = "GLPI"
    defaults = DEFAULTS
    members: Mapping[str, int] = {"data": 1}

    def pieces(self, raw: Raw, meanings: Meanings) -> Iterable[Piece]:
        """What an item of one of the types says."""
        if _is(raw, "is_template") or _is(raw, "is_deleted"):
            return ()
        table = _table(raw)
        if table in _MAKERS:
            made: Iterable[Piece] = _MAKERS[table](raw, meanings)
            return made
        if table in _LISTS:
            return _label(raw, _LISTS[table])
        if table in DEFAULTS.tables["classes"] or meanings.said("classes", table):
            return _asset(_renamed(raw, _ASSET_COLUMNS, meanings), table)
        return ()


def _table(raw: Raw) -> str:
    """The item type: the name of the file, else fields that only one has."""
    said = text(raw.fields.get("itemtype_export")) or raw.table
    known = {name.lower(): name for name in (*_MAKERS, *_LISTS, *DEFAULTS.tables["classes"])}
    plain = said.lower()
    if found := known.get(plain) or known.get(plain.removesuffix("s")):
        return found
    if {"Title", "Opening date"} <= raw.fields.keys() or {"itilcategories_id", "content"} <= raw.fields.keys():
        return "Ticket"
    return "Computer" if {"computermodels_id", "serial"} <= raw.fields.keys() else said


def _ticket(bare: Raw, meanings: Meanings) -> Iterator[Piece]:
    raw = _renamed(bare, _TICKET_COLUMNS, meanings)
    fields, times = raw.fields, meanings.times
    key = "".join(text(fields.get("id")).split())  # lists write thousands apart
    if not key:
        raise Unusable("id", "is empty")
    if meanings.said("types", text(fields.get("type"))) == SKIP:
        return
    moments = {"ASSIGNED": _time(times, fields, "takeintoaccountdate"), "RESOLVED": _time(times, fields, "solvedate"),
               "CLOSED": _time(times, fields, "closedate")}  # fmt: skip
    yield Ticket(
        key=key,
        number=key,
        title=unmarked(fields.get("name"), escaped=True),
        description=unmarked(fields.get("content"), escaped=True),
        opened=times.needed(first(raw, "date", "date_creation"), "date"),
        updated=_time(times, fields, "date_mod"),
        state=text(fields.get("status")),
        requester=_some(first(raw, "requester", "users_id_recipient")) if "requester" in fields else "",
        assignee=_some(fields.get("technician")),
        team=_some(fields.get("group")),
        priority=text(fields.get("priority")),
        impact=text(fields.get("impact")),
        urgency=text(fields.get("urgency")),
        category=_some(fields.get("itilcategories_id")).replace(" > ", " / "),
        resolution=unmarked(fields.get("solution"), escaped=True),
        moments={state: time for state, time in moments.items() if time},
    )


def _actor(raw: Raw, _: Meanings) -> Iterator[Piece]:
    """A person's part in a ticket; whoever only looks on has none here."""
    ticket = text(raw.fields.get("tickets_id"))
    role = _ROLES.get(text(raw.fields.get("type")))
    who = _some(raw.fields.get("users_id")) or text(raw.fields.get("alternative_email"))
    if ticket and role and who:
        yield Part(key=ticket, id=f"{role} {who}", role=role, who=who)


def _group_actor(raw: Raw, _: Meanings) -> Iterator[Piece]:
    ticket, group = text(raw.fields.get("tickets_id")), _some(raw.fields.get("groups_id"))
    if ticket and group and text(raw.fields.get("type")) == "2":
        yield Part(key=ticket, id=f"team {group}", role="team", who=group)


def _item(raw: Raw, _: Meanings) -> Iterator[Piece]:
    ticket, item = text(raw.fields.get("tickets_id")), _item_key(raw, "itemtype", "items_id")
    if ticket and item:
        yield Part(key=ticket, id=item, role="asset", who=item)


def _followup(raw: Raw, meanings: Meanings) -> Iterator[Piece]:
    if (key := _about(raw)) and (words := unmarked(raw.fields.get("content"), escaped=True)):
        time = meanings.times.needed(first(raw, "date", "date_creation"), "date")
        author, public = _some(raw.fields.get("users_id")), not _is(raw, "is_private")
        yield Remark(
            key=key, id=f"{_table(raw)} {text(raw.fields.get('id'))}", time=time, text=words, public=public, author=author
        )


def _solution(raw: Raw, _: Meanings) -> Iterator[Piece]:
    words = unmarked(raw.fields.get("content"), escaped=True)
    if (key := _about(raw)) and words and text(raw.fields.get("status")) != "4":  # refused by whoever had reported it
        yield Part(key=key, id=f"solution {text(raw.fields.get('id'))}", role="solution", who=words)


def _user(raw: Raw, _: Meanings) -> Iterator[Piece]:
    fields = raw.fields
    key, login = text(fields.get("id")), text(fields.get("name"))
    if not key or not login:
        raise Unusable("name" if key else "id", "is empty")
    name = " ".join(part for part in (text(fields.get("firstname")), text(fields.get("realname"))) if part)
    mails = fields.get("_useremails")
    mail = next(iter(mails), "") if isinstance(mails, list) else fields.get("email")
    yield Person(key=key, login=login, name=name or login, mail=text(mail))


def _group(raw: Raw, _: Meanings) -> Iterator[Piece]:
    if (key := text(raw.fields.get("id"))) and (name := text(first(raw, "completename", "name"))):
        yield Team(key=key, name=name.replace(" > ", " / "))


def _impact(raw: Raw, _: Meanings) -> Iterator[Piece]:
    source, hit = _item_key(raw, "itemtype_source", "items_id_source"), _item_key(raw, "itemtype_impacted", "items_id_impacted")
    if not source or not hit:
        raise Unusable("items_id_source" if not source else "items_id_impacted", "is empty")
    yield Relation(key=source, consumer=hit, kind="USES")


def _label(raw: Raw, list_: str) -> Iterator[Piece]:
    if (key := text(raw.fields.get("id"))) and (name := text(first(raw, "completename", "name"))):
        yield Label(key=f"{list_}/{key}", name=name.replace(" > ", " / "))


def _asset(raw: Raw, itemtype: str) -> Iterator[Piece]:
    fields, own = raw.fields, itemtype.lower()
    name = text(fields.get("name"))
    if not name:
        raise Unusable("name", "is empty")
    values = {
        "ownerId": _some(fields.get("users_id")),
        "teamId": _some(first(raw, "groups_id_tech", "groups_id")),
        "identifiers.SERIAL": text(fields.get("serial")),
        "identifiers.ASSET_TAG": text(fields.get("otherserial")),
        "identifiers.UUID": text(fields.get("uuid")),
        "attributes.notes": text(fields.get("comment")),
        "attributes.os": text(fields.get("os")),
        "attributes.osVersion": text(fields.get("osversion")),
    }
    labels = {
        "class": f"{own}types/{_some(first(raw, f'{own}types_id', 'type'))}",
        "location": f"locations/{_some(fields.get('locations_id'))}",
        "attributes.vendor": f"manufacturers/{_some(fields.get('manufacturers_id'))}",
        "attributes.model": f"{own}models/{_some(first(raw, f'{own}models_id', 'model'))}",
        "attributes.status": f"states/{_some(fields.get('states_id'))}",
    }
    key = f"{itemtype}/{text(fields.get('id')) or name}"
    said = {target: value for target, value in values.items() if value}
    yield Asset(
        key=key, class_=itemtype, name=name, values=said, labels={t: each for t, each in labels.items() if each[-1] != "/"}
    )


def _renamed(raw: Raw, columns: Mapping[str, str], meanings: Meanings) -> Raw:
    """A row of a list by the names of the fields; a record of the interface as it is."""
    named = {meanings.column(name): value for name, value in raw.fields.items()}
    return Raw(raw.place, raw.table, {columns.get(name, name): value for name, value in named.items()})


def _about(raw: Raw) -> str:
    """The ticket that something hangs on; nothing where it hangs on a problem or a change."""
    if text(raw.fields.get("itemtype")) not in ("Ticket", ""):
        return ""
    return text(first(raw, "items_id", "tickets_id"))


def _item_key(raw: Raw, type_: str, id_: str) -> str:
    kind, key = text(raw.fields.get(type_)), _some(raw.fields.get(id_))
    return f"{kind}/{key}" if kind and key else ""


def _some(value: Any) -> str:
    """0 is what the system has for nothing."""
    said = text(value)
    return "" if said == "0" else said


def _is(raw: Raw, name: str) -> bool:
    return text(raw.fields.get(name)) in ("1", "true")


def _time(times: Any, fields: Mapping[str, Any], name: str) -> datetime | None:
    found: datetime | None = times.read(fields.get(name), name)
    return found


_MAKERS: Mapping[str, Any] = {
    "Ticket": _ticket,
    "Ticket_User": _actor,
    "Group_Ticket": _group_actor,
    "Item_Ticket": _item,
    "ITILFollowup": _followup,
    "TicketFollowup": _followup,
    "TicketTask": _followup,
    "ITILSolution": _solution,
    "User": _user,
    "Group": _group,
    "ImpactRelation": _impact,
}
