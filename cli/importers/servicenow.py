"""ServiceNow: records of its Table API (JSON), of its lists (CSV) and of its XML exports.

Fields come as a value, as a reference with a link, or as value and display value beside each other, according to how they
were asked for; all are taken. Values are in UTC; display values are in the zone of whoever exported. Tables: `incident`,
`sys_journal_field` (notes), `sys_audit` (history), `sys_user`, `sys_user_group`, `cmdb_ci` and those below it, `cmdb_rel_ci`,
`task_ci`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import zip_longest
from typing import Any

from cli.importers.mapping import SKIP, Defaults, Meanings
from cli.importers.records import Asset, Change, Part, Person, Piece, Raw, Relation, Remark, Team, Ticket, Unusable
from cli.importers.values import count, first, flag, path, shown, size_in_bytes, text, whole

_LEVELS = {"1": "HIGH", "2": "MEDIUM", "3": "LOW", "1 - High": "HIGH", "2 - Medium": "MEDIUM", "3 - Low": "LOW"}
DEFAULTS = Defaults(
    tables={
        "states": {
            "1": "NEW", "2": "IN_PROGRESS", "3": "ON_HOLD", "4": "ON_HOLD CALLER", "5": "ON_HOLD CALLER", "6": "RESOLVED",
            "7": "CLOSED", "8": "CANCELLED", "New": "NEW", "In Progress": "IN_PROGRESS", "Active": "IN_PROGRESS",
            "On Hold": "ON_HOLD", "Resolved": "RESOLVED", "Closed": "CLOSED", "Canceled": "CANCELLED",
            "hold 1": "ON_HOLD CALLER", "hold 3": "ON_HOLD PROBLEM", "hold 4": "ON_HOLD VENDOR", "hold 5": "ON_HOLD CHANGE",
            "Awaiting Caller": "ON_HOLD CALLER", "Awaiting Problem": "ON_HOLD PROBLEM", "Awaiting Vendor": "ON_HOLD VENDOR",
            "Awaiting Change": "ON_HOLD CHANGE", "Awaiting User Info": "ON_HOLD CALLER", "Awaiting Evidence": "ON_HOLD CALLER",
        },
        "priorities": {
            "1": "P1", "2": "P2", "3": "P3", "4": "P4", "5": "P5", "1 - Critical": "P1", "2 - High": "P2",
            "3 - Moderate": "P3", "4 - Low": "P4", "5 - Planning": "P5",
        },
        "impacts": _LEVELS,
        "urgencies": _LEVELS,
        "classes": {
            "cmdb_ci": "item", "cmdb_ci_server": "server", "cmdb_ci_linux_server": "server", "cmdb_ci_win_server": "server",
            "cmdb_ci_unix_server": "server", "cmdb_ci_esx_server": "server", "cmdb_ci_vm_instance": "virtual_machine",
            "cmdb_ci_vmware_instance": "virtual_machine", "cmdb_ci_computer": "computer", "cmdb_ci_hardware": "hardware",
            "cmdb_ci_netgear": "network_device", "cmdb_ci_ip_router": "network_device", "cmdb_ci_ip_switch": "network_device",
            "cmdb_ci_ip_firewall": "network_device", "cmdb_ci_storage_device": "storage", "cmdb_ci_storage_server": "storage",
            "cmdb_ci_printer": "hardware", "cmdb_ci_appl": "software", "cmdb_ci_web_server": "software",
            "cmdb_ci_app_server": "software", "cmdb_ci_database": "database", "cmdb_ci_db_instance": "database",
            "cmdb_ci_db_mysql_instance": "database", "cmdb_ci_db_ora_instance": "database",
            "cmdb_ci_db_mssql_instance": "database", "cmdb_ci_service": "business_service",
            "cmdb_ci_service_auto": "business_service", "cmdb_ci_business_app": "business_service", "Server": "server",
            "Linux Server": "server", "Windows Server": "server", "Computer": "computer", "Database": "database",
            "Virtual Machine Instance": "virtual_machine", "Network Gear": "network_device",
            "Business Service": "business_service", "Application": "software", "Configuration Item": "item",
        },
        "relations": {
            "Runs on::Runs": "RUNS_ON", "Virtualized by::Virtualizes": "RUNS_ON", "Hosted on::Hosts": "HOSTS",
            "Depends on::Used by": "USES", "Uses::Used by": "USES", "Provided by::Provides": "USES",
            "Powered by::Powers": "USES", "Connects to::Connected by": "CONNECTED_TO", "Contains::Contained by": "PART_OF",
            "Members::Member of": "MEMBER_OF", "Cluster of::Cluster": "MEMBER_OF", "Consists of::Member of": "MEMBER_OF",
            "Sends data to::Receives data from": "INFORMS reversed", "Receives data from::Sends data to": "INFORMS",
        },
    }
)  # fmt: skip

_ENTRY = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) - (.{1,200}?) \(([^()]{1,60})\)$", re.MULTILINE)
_AUDITED = {
    "state": "state", "incident_state": "state", "assigned_to": "assignee", "assignment_group": "team", "priority": "priority",
    "impact": "impact", "urgency": "urgency", "category": "category", "business_service": "service",
}  # fmt: skip
_INSTALL = {
    "1": "IN_USE", "Installed": "IN_USE", "2": "ORDERED", "On Order": "ORDERED", "3": "IN_REPAIR", "5": "IN_REPAIR",
    "In Maintenance": "IN_REPAIR", "Pending Repair": "IN_REPAIR", "6": "IN_STOCK", "In Stock": "IN_STOCK", "7": "RETIRED",
    "Retired": "RETIRED", "8": "LOST", "Stolen": "LOST", "100": "LOST", "Absent": "LOST",
}  # fmt: skip
_CRITICAL = {"1": "CRITICAL", "2": "HIGH", "3": "MEDIUM", "4": "LOW"}


class ServiceNow:
    """See the module."""

    api = 1
    name = "servicenow"
    title = "ServiceNow"
    defaults = DEFAULTS
    members: Mapping[str, int] = {"result": 1, "records": 1}

    def pieces(self, raw: Raw, meanings: Meanings) -> Iterable[Piece]:
        """What a record of one of the tables says."""
        table = _table(raw)
        if table.startswith("cmdb_ci"):
            return _asset(raw, table)
        make = _MAKERS.get(table)
        return make(raw, meanings) if make else ()


def _table(raw: Raw) -> str:
    """Which table a record is of: as the file says, as it says itself, else by fields that only one has."""
    said, fields = raw.table.lower(), raw.fields
    class_ = _value(fields.get("sys_class_name")).lower()
    if said in _MAKERS or said.startswith("cmdb_ci_") or said == "cmdb_ci":
        return said
    if class_ in _MAKERS or class_.startswith("cmdb_ci"):
        return class_
    for table, needed in _TELLING.items():
        if needed <= fields.keys():
            return table
    return said


def _incident(raw: Raw, meanings: Meanings) -> Iterator[Piece]:
    fields, times = raw.fields, meanings.times
    number = text(fields.get("number"))
    if not number:
        raise Unusable("number", "is empty")
    key = text(fields.get("sys_id")) or number
    moments = {"RESOLVED": times.read(fields.get("resolved_at"), "resolved_at"),
               "CLOSED": times.read(fields.get("closed_at"), "closed_at")}  # fmt: skip
    hold = _value(fields.get("hold_reason")) or shown(fields.get("hold_reason"))
    yield Ticket(
        key=key,
        number=number,
        title=text(fields.get("short_description")),
        description=text(fields.get("description")),
        opened=times.needed(first(raw, "opened_at", "sys_created_on"), "opened_at"),
        updated=times.read(fields.get("sys_updated_on"), "sys_updated_on"),
        state=_either(first(raw, "state", "incident_state")),
        hold=f"hold {hold}" if hold.isdigit() else hold,
        requester=_reference(first(raw, "caller_id", "opened_by")),
        assignee=_reference(fields.get("assigned_to")),
        team=_reference(fields.get("assignment_group")),
        priority=_either(fields.get("priority")),
        impact=_either(fields.get("impact")),
        urgency=_either(fields.get("urgency")),
        category=path((shown(fields.get("category")), shown(fields.get("subcategory")))),
        service=_reference(fields.get("business_service")),
        code=shown(fields.get("close_code")),
        resolution=text(fields.get("close_notes")),
        reopened=count(fields.get("reopen_count"), "reopen_count"),
        reassigned=count(fields.get("reassignment_count"), "reassignment_count"),
        made_sla=flag(fields["made_sla"], "made_sla") if text(fields.get("made_sla")) else None,
        moments={state: time for state, time in moments.items() if time},
    )
    for role in ("caller_id", "opened_by", "assigned_to"):
        yield from _named(fields.get(role))
    yield from _team(fields.get("assignment_group"))
    if item := _reference(fields.get("cmdb_ci")):
        yield Part(key=key, id=item, role="asset", who=item)
    for name in ("comments", "work_notes", "comments_and_work_notes"):
        yield from _log(key, text(fields.get(name)), name, times.read)


def _log(key: str, said: str, field: str, read: Any) -> Iterator[Remark]:
    """The entries of a journal as lists and display values show it: a head, then what was said."""
    heads = list(_ENTRY.finditer(said))
    for head, following in zip_longest(heads, heads[1:]):
        end = following.start() if following else len(said)
        if words := said[head.end() : end].strip():
            time: datetime = read(head[1], field)
            public = head[3].casefold() == "additional comments"
            yield Remark(key=key, id=f"{head[1]} {head[2]} {words[:40]}", time=time, text=words, public=public, author=head[2])


def _journal(raw: Raw, meanings: Meanings) -> Iterator[Piece]:
    if text(raw.fields.get("name")) not in ("incident", "task", ""):
        return
    key, words = text(raw.fields.get("element_id")), text(raw.fields.get("value"))
    if not key:
        raise Unusable("element_id", "is empty")
    if words:
        time = meanings.times.needed(raw.fields.get("sys_created_on"), "sys_created_on")
        public = text(raw.fields.get("element")) == "comments"
        author = text(raw.fields.get("sys_created_by"))
        note_id = text(raw.fields.get("sys_id")) or f"{time.isoformat()} {author}"
        yield Remark(key=key, id=note_id, time=time, text=words, public=public, author=author)


def _audit(raw: Raw, meanings: Meanings) -> Iterator[Piece]:
    what = _AUDITED.get(text(raw.fields.get("fieldname")))
    if text(raw.fields.get("tablename")) not in ("incident", "task", "") or what is None:
        return
    yield Change(
        key=text(raw.fields.get("documentkey")),
        id=text(raw.fields.get("sys_id")) or f"{text(raw.fields.get('sys_created_on'))} {what}",
        time=meanings.times.needed(raw.fields.get("sys_created_on"), "sys_created_on"),
        what=what,
        old=text(raw.fields.get("oldvalue")),
        new=text(raw.fields.get("newvalue")),
        actor=text(first(raw, "user", "sys_created_by")),
    )


def _user(raw: Raw, _: Meanings) -> Iterator[Piece]:
    login = text(raw.fields.get("user_name"))
    key = text(raw.fields.get("sys_id")) or login
    if not key:
        raise Unusable("sys_id", "is empty")
    name = text(raw.fields.get("name")) or " ".join(
        part for part in (text(raw.fields.get("first_name")), text(raw.fields.get("last_name"))) if part
    )
    yield Person(key=key, login=login, name=name, mail=text(raw.fields.get("email")))


def _group(raw: Raw, _: Meanings) -> Iterator[Piece]:
    if name := text(raw.fields.get("name")):
        yield Team(key=text(raw.fields.get("sys_id")) or name, name=name)


def _related(raw: Raw, meanings: Meanings) -> Iterator[Piece]:
    parent, child = _reference(raw.fields.get("parent")), _reference(raw.fields.get("child"))
    kind = shown(raw.fields.get("type"))
    if not parent or not child:
        raise Unusable("parent" if not parent else "child", "is empty")
    means = meanings.find("relations", kind)
    if not means:
        raise Unusable("type", f"{kind[:80]!r} is no kind of relation here: say in the map what it means, or skip")
    if means != SKIP:
        serves, served = (parent, child) if means.endswith(" reversed") else (child, parent)
        yield Relation(key=serves, consumer=served, kind=means.removesuffix(" reversed"))


def _touched(raw: Raw, _: Meanings) -> Iterator[Piece]:
    ticket, item = _reference(raw.fields.get("task")), _reference(raw.fields.get("ci_item"))
    if ticket and item:
        yield Part(key=ticket, id=item, role="asset", who=item)


def _asset(raw: Raw, table: str) -> Iterator[Piece]:
    fields = raw.fields
    name = text(fields.get("name"))
    if not name:
        raise Unusable("name", "is empty")
    class_ = _value(fields.get("sys_class_name")) or table
    install = _either(fields.get("install_status"))
    values = {
        "state": _INSTALL.get(install, ""),
        "criticality": _CRITICAL.get(shown(first(raw, "busines_criticality", "business_criticality"))[:1], ""),
        "location": shown(fields.get("location")),
        "ownerId": _reference(fields.get("assigned_to")),
        "teamId": _reference(first(raw, "support_group", "assignment_group")),
        "identifiers.SERIAL": text(fields.get("serial_number")),
        "identifiers.ASSET_TAG": text(fields.get("asset_tag")),
        "identifiers.MAC": text(fields.get("mac_address")),
        "identifiers.IP": text(fields.get("ip_address")),
        "identifiers.FQDN": text(fields.get("fqdn")),
        "identifiers.HOSTNAME": text(fields.get("host_name")),
        "attributes.vendor": shown(first(raw, "manufacturer", "vendor")),
        "attributes.model": shown(first(raw, "model_id", "model_number")),
        "attributes.os": shown(fields.get("os")),
        "attributes.osVersion": text(fields.get("os_version")),
        "attributes.cpu": text(first(raw, "cpu_name", "cpu_type")),
        "attributes.cpuCount": whole(fields.get("cpu_count")),
        "attributes.memoryBytes": size_in_bytes(fields.get("ram"), "m"),
        "attributes.diskBytes": size_in_bytes(fields.get("disk_space"), "g"),
        "attributes.version": text(fields.get("version")),
        "attributes.environment": shown(first(raw, "environment", "used_for")),
        "attributes.description": text(fields.get("short_description")),
    }
    key = text(fields.get("sys_id")) or f"{class_}/{name}"
    yield Asset(key=key, class_=class_, name=name, values={target: value for target, value in values.items() if value})
    yield from _named(fields.get("assigned_to"))
    yield from _team(first(raw, "support_group", "assignment_group"))


def _named(value: Any) -> Iterator[Person]:
    """Somebody whose id and name stand beside each other."""
    key, name = _reference(value), shown(value)
    if key and name and key != name:
        yield Person(key=key, name=name)


def _team(value: Any) -> Iterator[Team]:
    key, name = _reference(value), shown(value)
    if key != name:
        yield Team(key=key, name=name)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return text(value.get("value"))
    return text(value)


def _reference(value: Any) -> str:
    """The id where there is one, else the words."""
    return _value(value) or shown(value)


def _either(value: Any) -> str:
    """The words of a choice where there are some, else its value: both are in the tables."""
    return shown(value)


_MAKERS: Mapping[str, Any] = {
    "incident": _incident,
    "sys_journal_field": _journal,
    "sys_audit": _audit,
    "sys_user": _user,
    "sys_user_group": _group,
    "cmdb_rel_ci": _related,
    "task_ci": _touched,
}
_TELLING: Mapping[str, frozenset[str]] = {
    "incident": frozenset({"number", "short_description", "caller_id"}),
    "sys_journal_field": frozenset({"element_id", "element", "value"}),
    "sys_audit": frozenset({"documentkey", "fieldname"}),
    "sys_user": frozenset({"user_name", "email"}),
    "cmdb_rel_ci": frozenset({"parent", "child", "type"}),
    "task_ci": frozenset({"task", "ci_item"}),
    "cmdb_ci": frozenset({"name", "serial_number", "asset_tag"}),
}
