"""iTop: exports as XML or CSV (with `no_localize=1`), and answers of its REST interface (JSON).

The class of a record is its element in XML, `class` in JSON, `finalclass` or the name of the file in CSV. Times are in the
zone of the server. Case logs are entries in JSON and one text with heads between the entries elsewhere. Foreign keys stand
for relations: what a machine is hosted on, is powered by, or runs in.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import Any

from cli.importers.mapping import SKIP, Defaults, Meanings
from cli.importers.records import Asset, Label, Part, Person, Piece, Raw, Relation, Remark, Team, Ticket, Unusable
from cli.importers.values import first, path, size_in_bytes, text, unmarked, whole

DEFAULTS = Defaults(
    tables={
        "states": {
            "new": "NEW", "assigned": "ASSIGNED", "dispatched": "ASSIGNED", "redispatched": "ASSIGNED", "escalated_tto": "NEW",
            "escalated_ttr": "ASSIGNED", "pending": "ON_HOLD CALLER", "waiting_for_approval": "NEW", "approved": "NEW",
            "rejected": "CANCELLED", "resolved": "RESOLVED", "closed": "CLOSED", "Escalated TTO": "NEW",
            "Escalated TTR": "ASSIGNED", "Waiting for approval": "NEW",
        },
        "priorities": {"1": "P1", "2": "P2", "3": "P3", "4": "P4", "critical": "P1", "high": "P2", "medium": "P3", "low": "P4"},
        "impacts": {"1": "HIGH", "2": "MEDIUM", "3": "LOW", "A department": "HIGH", "A service": "MEDIUM", "A person": "LOW"},
        "urgencies": {
            "1": "HIGH", "2": "HIGH", "3": "MEDIUM", "4": "LOW", "critical": "HIGH", "high": "HIGH",
            "medium": "MEDIUM", "low": "LOW",
        },
        "types": {"incident": "take", "service_request": "take"},
        "classes": {
            "Server": "server", "VirtualMachine": "virtual_machine", "PC": "computer", "NetworkDevice": "network_device",
            "SANSwitch": "network_device", "StorageSystem": "storage", "NAS": "storage", "TapeLibrary": "storage",
            "Hypervisor": "software", "Farm": "item", "DBServer": "database", "DatabaseSchema": "database",
            "WebServer": "software", "WebApplication": "software", "Middleware": "software", "MiddlewareInstance": "software",
            "OtherSoftware": "software", "PCSoftware": "software", "ApplicationSolution": "business_service",
            "BusinessProcess": "business_service", "Rack": "hardware", "Enclosure": "hardware", "PowerSource": "hardware",
            "PDU": "hardware", "Printer": "hardware", "Phone": "kit", "IPPhone": "kit", "MobilePhone": "kit", "Tablet": "kit",
            "Peripheral": "kit",
        },
    }
)  # fmt: skip

_HEAD = re.compile(r"^=+ (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) : (.*?) \((\d*)\) =+$", re.MULTILINE)
_STATUS = {"production": "IN_USE", "implementation": "RECEIVED", "stock": "IN_STOCK", "obsolete": "RETIRED", "active": "IN_USE"}
_CRITICAL = {"high": "HIGH", "medium": "MEDIUM", "low": "LOW"}
_SERVED_BY = {
    "virtualhost_id": ("RUNS_ON", ""), "system_id": ("RUNS_ON", ""), "dbserver_id": ("RUNS_ON", ""),
    "webserver_id": ("RUNS_ON", ""), "middleware_id": ("RUNS_ON", ""), "server_id": ("RUNS_ON", ""),
    "rack_id": ("HOSTS", ""), "enclosure_id": ("HOSTS", ""), "powerA_id": ("USES", "power"), "powerB_id": ("USES", "power"),
    "powerstart_id": ("USES", ""),
}  # fmt: skip
_LINKS = {
    "lnkApplicationSolutionToFunctionalCI": ("functionalci_id", "applicationsolution_id", "USES"),
    "lnkApplicationSolutionToBusinessProcess": ("applicationsolution_id", "businessprocess_id", "USES"),
    "lnkConnectableCIToNetworkDevice": ("networkdevice_id", "connectableci_id", "CONNECTED_TO"),
}
_TICKETS = frozenset({"UserRequest", "Incident"})


class Itop:
    """See the module."""

    api = 1
    name = "itop"
    title = "iTop"
    defaults = DEFAULTS
    members: Mapping[str, int] = {"objects": 1}

    def pieces(self, raw: Raw, meanings: Meanings) -> Iterable[Piece]:
        """What an object of one of the classes says."""
        flat = _flat(raw, meanings)
        class_ = _class(flat)
        if class_ in _TICKETS:
            return _ticket(flat, meanings)
        if class_ in _LINKS:
            return _link(flat, *_LINKS[class_])
        if class_ == "lnkFunctionalCIToTicket":
            return _touched(flat)
        if class_ in ("Person", "Team", "Service"):
            return _contact(flat, class_)
        if class_ in DEFAULTS.tables["classes"] or meanings.said("classes", class_):
            return _asset(flat, class_)
        return ()


def _flat(raw: Raw, meanings: Meanings) -> Raw:
    """An object of the REST interface as the exports have it; columns of a table by their codes."""
    inner = raw.fields.get("fields")
    if isinstance(inner, Mapping):
        fields = {
            **inner,
            "id": text(inner.get("id")) or text(raw.fields.get("key")),
            "finalclass": text(raw.fields.get("class")),
        }
        return Raw(raw.place, raw.table, fields)
    return Raw(raw.place, raw.table, {meanings.column(name): value for name, value in raw.fields.items()})


def _class(raw: Raw) -> str:
    known = {name.lower(): name for name in (*_TICKETS, *_LINKS, *DEFAULTS.tables["classes"], *_OTHERS)}
    for said in (text(raw.fields.get("finalclass")), raw.table):
        if found := known.get(said.replace(" ", "").lower()):
            return found
    if {"ref", "caller_id"} <= raw.fields.keys():
        return "UserRequest"
    return text(raw.fields.get("finalclass")) or raw.table


def _ticket(raw: Raw, meanings: Meanings) -> Iterator[Piece]:
    fields, times = raw.fields, meanings.times
    number = text(fields.get("ref"))
    if not number:
        raise Unusable("ref", "is empty")
    if meanings.said("types", text(fields.get("request_type"))) == SKIP:
        return
    key = _some(fields.get("id")) or number
    moments = {state: times.read(fields.get(name), name) for state, name in
               (("ASSIGNED", "assignment_date"), ("RESOLVED", "resolution_date"), ("CLOSED", "close_date"))}  # fmt: skip
    category = path(_named(raw, name) for name in ("service", "servicesubcategory"))
    yield Ticket(
        key=key,
        number=number,
        title=text(fields.get("title")),
        description=unmarked(fields.get("description")),
        opened=times.needed(fields.get("start_date"), "start_date"),
        updated=times.read(fields.get("last_update"), "last_update"),
        state=text(first(raw, "status", "operational_status")),
        requester=_who(raw, "caller"),
        assignee=_who(raw, "agent"),
        team=_who(raw, "team"),
        priority=text(fields.get("priority")),
        impact=text(fields.get("impact")),
        urgency=text(fields.get("urgency")),
        category=category,
        service=_some(fields.get("service_id")),
        code=text(fields.get("resolution_code")),
        resolution=unmarked(fields.get("solution")),
        moments={state: time for state, time in moments.items() if time},
    )
    for role in ("caller", "agent"):
        if (who := _some(fields.get(f"{role}_id"))) and (name := _named(raw, role)) and name != who:
            yield Person(key=who, name=name)
    if (service := _some(fields.get("service_id"))) and (name := _named(raw, "service")):
        yield Label(key=f"service/{service}", name=name)
    if (team := _some(fields.get("team_id"))) and (name := _named(raw, "team")) and name != team:
        yield Team(key=team, name=name)
    for log, public in (("public_log", True), ("private_log", False)):
        yield from _log(key, fields.get(log), log, public, meanings)


def _log(key: str, value: Any, log: str, public: bool, meanings: Meanings) -> Iterator[Remark]:
    for place, (time, author, words) in enumerate(_entries(value)):
        if words:
            at = meanings.times.needed(time, log)
            yield Remark(key=key, id=f"{log} {place} {time}", time=at, text=words, public=public, author=author)


def _entries(value: Any) -> Iterator[tuple[str, str, str]]:
    if isinstance(value, Mapping):
        entries = value.get("entries")
        for entry in entries if isinstance(entries, list) else []:
            if isinstance(entry, Mapping):
                words = text(entry.get("message")) or unmarked(entry.get("message_html"))
                yield text(entry.get("date")), text(entry.get("user_login")), words
        return
    said = text(value)
    heads = list(_HEAD.finditer(said))
    for head, following in zip_longest(heads, heads[1:]):
        end = following.start() if following else len(said)
        yield head[1], head[2], unmarked(said[head.end() : end])


def _contact(raw: Raw, class_: str) -> Iterator[Piece]:
    fields = raw.fields
    key, name = _some(fields.get("id")), text(fields.get("name"))
    if not key:
        raise Unusable("id", "is empty")
    if class_ == "Team":
        yield Team(key=key, name=name)
    elif class_ == "Service":
        yield Label(key=f"service/{key}", name=name)
    else:
        whole_name = text(fields.get("friendlyname")) or " ".join(
            part for part in (text(fields.get("first_name")), name) if part
        )
        yield Person(key=key, login=text(fields.get("login")), name=whole_name, mail=text(fields.get("email")))


def _link(raw: Raw, provider: str, consumer: str, kind: str) -> Iterator[Piece]:
    ends = [_some(raw.fields.get(name)) for name in (provider, consumer)]
    for name, end in zip((provider, consumer), ends, strict=True):
        if not end:
            raise Unusable(name, "is empty")
    yield Relation(key=f"ci/{ends[0]}", consumer=f"ci/{ends[1]}", kind=kind)


def _touched(raw: Raw) -> Iterator[Piece]:
    ticket, item = _some(raw.fields.get("ticket_id")), _some(raw.fields.get("functionalci_id"))
    if ticket and item:
        yield Part(key=ticket, id=item, role="asset", who=f"ci/{item}")


def _asset(raw: Raw, class_: str) -> Iterator[Piece]:
    fields = raw.fields
    name, own = text(fields.get("name")), _some(fields.get("id"))
    if not name:
        raise Unusable("name", "is empty")
    values = {
        "state": _STATUS.get(text(fields.get("status")).lower(), ""),
        "criticality": _CRITICAL.get(text(fields.get("business_criticity")).lower(), ""),
        "location": _named(raw, "location"),
        "identifiers.SERIAL": text(fields.get("serialnumber")),
        "identifiers.ASSET_TAG": text(fields.get("asset_number")),
        "identifiers.IP": text(first(raw, "managementip_name", "managementip")),
        "attributes.vendor": _named(raw, "brand"),
        "attributes.model": _named(raw, "model"),
        "attributes.os": _named(raw, "osfamily"),
        "attributes.osVersion": _named(raw, "osversion"),
        "attributes.cpu": text(fields.get("cpu")) if not whole(fields.get("cpu")) else "",
        "attributes.cpuCount": whole(fields.get("cpu")),
        "attributes.memoryBytes": size_in_bytes(fields.get("ram"), "m"),
        "attributes.purchaseDate": text(fields.get("purchase_date")),
        "attributes.warrantyEndDate": text(fields.get("end_of_warranty")),
        "attributes.description": unmarked(fields.get("description")),
    }
    key = f"ci/{own}" if own else f"{class_}/{name}"
    yield Asset(key=key, class_=class_, name=name, values={target: value for target, value in values.items() if value})
    for field, (kind, group) in _SERVED_BY.items():
        if provider := _some(fields.get(field)):
            yield Relation(key=f"ci/{provider}", consumer=key, kind=kind, group=group)
    if class_ == "Hypervisor" and (farm := _some(fields.get("farm_id"))):
        yield Relation(key=key, consumer=f"ci/{farm}", kind="MEMBER_OF")


def _who(raw: Raw, role: str) -> str:
    return _some(raw.fields.get(f"{role}_id")) or _named(raw, role)


def _named(raw: Raw, role: str) -> str:
    """The words beside a foreign key, under any of the names that exports have for them."""
    names = (f"{role}_id_friendlyname", f"{role}_id->friendlyname", f"{role}_id->name", f"{role}_name")
    return text(first(raw, *names))


def _some(value: Any) -> str:
    """0 is what the system has for nothing, and exports write null as a word."""
    said = text(value)
    return "" if said in ("0", "null") else said


_OTHERS = ("lnkFunctionalCIToTicket", "Person", "Team", "Service")
