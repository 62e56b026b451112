"""How a record looks on a terminal; incidents have a page of their own."""

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cli.output import clean, heading, plain, span, styled

_FACTS = (
    ("Service", "serviceId"),
    ("Assets", "assetIds"),
    ("Category", "category"),
    ("Reporter", "requesterId"),
    ("Team", "teamId"),
    ("Assignee", "assigneeId"),
    ("Waits for", "holdReason"),
    ("Opened", "createTime"),
    ("Updated", "updateTime"),
    ("Resolved", "resolveTime"),
    ("Closed", "closeTime"),
    ("Ended as", "resolutionCode"),
    ("Reopened", "reopenCount"),
    ("Changed hands", "reassignmentCount"),
    ("Imported from", "externalNumber"),
)
_NOTHING: tuple[Any, ...] = ("", None, [], 0, "HOLD_REASON_UNSPECIFIED")


def incident_row(record: dict[str, Any]) -> dict[str, Any]:
    """The record as a line of a list: what is on hold says what it waits for."""
    reason = record.get("holdReason")
    if record.get("state") == "ON_HOLD" and reason not in _NOTHING:
        return {**record, "state": f"ON_HOLD · {reason}"}
    return record


def incident_page(record: dict[str, Any], timeline: Sequence[dict[str, Any]] | None) -> RenderableType:
    """The whole incident; `timeline` newest first, None to leave it out."""
    state, priority = plain(record.get("state")), plain(record.get("priority"))
    head = Text("  ").join([Text(clean(plain(record.get("number"))), "bold"), styled(priority), styled(state)])
    parts: list[RenderableType] = [head, Text(clean(plain(record.get("title"))), "bold")]
    if record.get("description"):
        parts.append(Padding(Text(clean(record["description"])), (1, 2, 0, 2)))
    parts.append(Padding(_facts(record), (1, 0, 0, 0)))
    if record.get("resolution"):
        parts.append(Padding(Text(clean(record["resolution"]), "green"), (1, 2, 0, 2)))
    if record.get("clocks"):
        parts.append(Padding(_clocks(record["clocks"]), (1, 0, 0, 0)))
    if timeline is not None:
        parts.append(Padding(_timeline(timeline), (1, 0, 0, 0)))
    return Group(*parts)


def record_page(record: dict[str, Any]) -> RenderableType:
    """Any record: a line a field, what is empty left out."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in record.items():
        if value in _NOTHING or value == {}:
            continue
        if isinstance(value, dict):
            value = "\n".join(f"{key}: {clean(plain(each))}" for key, each in value.items())
            table.add_row(heading(name).capitalize(), Text(value))
        elif isinstance(value, list) and any(isinstance(each, dict) for each in value):
            table.add_row(heading(name).capitalize(), Text("\n".join(clean(plain(each)) for each in value)))
        else:
            table.add_row(heading(name).capitalize(), styled(value))
    return table


def _facts(record: dict[str, Any]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for label, name in _FACTS:
        if record.get(name) not in _NOTHING:
            value = plain(record[name])
            table.add_row(label, styled(value.lower() if name == "holdReason" else value))
    return table


def _clocks(clocks: Sequence[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold dim")
    for name in ("CLOCK", "STATE", "USED", "TARGET", "DUE"):
        table.add_column(name, no_wrap=True)
    for clock in clocks:
        breached = bool(clock.get("breached"))
        state = Text("breached", "bold red") if breached else Text(clean(plain(clock.get("state")).lower()))
        kind = clean(plain(clock.get("kind")).lower().replace("_", " "))
        table.add_row(kind, state, _span(clock.get("elapsed")), _span(clock.get("target")), styled(clock.get("dueTime")))
    return table


def _span(duration: Any) -> str:
    """`"5400s"` → `1 h 30 min`."""
    text = plain(duration)
    try:
        return span(float(text.removesuffix("s")))
    except ValueError:
        return clean(text)


def _timeline(entries: Sequence[dict[str, Any]]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(style="dim", no_wrap=True, overflow="ellipsis")
    table.add_column(overflow="fold")
    for entry in entries:
        kind = plain(entry.get("type")).rpartition(".")[2]
        table.add_row(styled(entry.get("time")), styled(kind), styled(entry.get("actor")), Text(_entry(entry)))
    return table


def _entry(entry: dict[str, Any]) -> str:
    changes = [
        f"{change.get('field')}: {plain(change.get('old')) or '-'} → {plain(change.get('new')) or '-'}"
        for change in entry.get("changes", [])
    ]
    return clean("; ".join(changes))
