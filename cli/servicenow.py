"""A ServiceNow event log as incidents with their history. Pure: bytes in, incidents and refusals out.

The log is a CSV file in UTF-8 with a header; each row is one update of one incident and holds the values from then on.
Dates are day-month-year with minutes, taken as UTC; `?` is unknown. The order of the rows is the order of the updates. The
file is read twice: first to count the rows of each incident, then to build each incident as soon as its last row is in, so
that memory holds only incidents still open.

Fails: `UnreadableLog` when there is no usable header. A row that cannot be used becomes a `Refusal` with its line and
the reason, and the others go in.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

COLUMNS = (
    "number", "incident_state", "active", "reassignment_count", "reopen_count", "sys_mod_count", "made_sla", "caller_id",
    "opened_by", "opened_at", "sys_created_by", "sys_created_at", "sys_updated_by", "sys_updated_at", "contact_type",
    "location", "category", "subcategory", "u_symptom", "cmdb_ci", "impact", "urgency", "priority", "assignment_group",
    "assigned_to", "knowledge", "u_priority_confirmation", "notify", "problem_id", "rfc", "vendor", "caused_by",
    "closed_code", "resolved_by", "resolved_at", "closed_at",
)  # fmt: skip
"""The header of the log; the order of the columns does not matter."""

STATES = {
    "New": ("NEW", ""),
    "Active": ("IN_PROGRESS", ""),
    "Awaiting User Info": ("ON_HOLD", "CALLER"),
    "Awaiting Vendor": ("ON_HOLD", "VENDOR"),
    "Awaiting Problem": ("ON_HOLD", "PROBLEM"),
    "Awaiting Evidence": ("ON_HOLD", "CALLER"),
    "Resolved": ("RESOLVED", ""),
    "Closed": ("CLOSED", ""),
}
"""Their state → ours, with what an incident on hold waits for."""

LEVELS = {"1 - High": "HIGH", "2 - Medium": "MEDIUM", "3 - Low": "LOW", "?": ""}
VERDICTS = {"TRUE": True, "FALSE": False, "?": None}
UNKNOWN = "?"

MAX_LINE = 65_536
"""Bytes of a line; a real one has about 350."""

_TELLING = frozenset({"number", "incident_state", "sys_mod_count", "sys_updated_at"})
_COUNT = re.compile(r"[0-9]{1,9}", re.ASCII)
_DATE = re.compile(r"([0-9]{1,2})-([0-9]{1,2})-([0-9]{4}) ([0-9]{1,2}):([0-9]{2})", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ENDED = frozenset({"RESOLVED", "CLOSED"})


class UnreadableLog(ValueError):
    """The file is no event log: its header is missing or has other columns."""


class _Refused(ValueError):
    """Why a row cannot be used."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was left out. `line` counts from 1, the header included; `number` is empty where the row does not tell it."""

    line: int
    number: str
    reason: str

    def document(self) -> dict[str, Any]:
        """As the summary of an import shows it."""
        return {"line": self.line, "number": self.number, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Imported:
    """An incident, as a message of `POST /api/v1/incidents:import`; `line` is that of its first row."""

    line: int
    number: str
    rows: int
    message: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Survey:
    """What a log holds: its rows, and how many of them each incident has. Rows without a number count in `rows` only."""

    rows: int
    incidents: Counter[str]


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    number: str
    title: str
    requester: str
    opened: datetime
    made_sla: bool | None
    time: datetime
    values: dict[str, Any]


def is_log(file: Path) -> bool:
    """Whether a file is meant to be an event log, right or wrong: its first line has columns that no other export has."""
    with file.open("rb") as log:
        header = log.readline(MAX_LINE).decode("utf-8", "replace").replace('"', "").strip("\ufeff \r\n")
    return set(header.split(",")) >= _TELLING


def survey(log: BinaryIO) -> Survey:
    """Counts the rows. Raises `UnreadableLog`."""
    rows = 0
    incidents: Counter[str] = Counter()
    for _, cells, _ in _records(log):
        rows += 1
        if cells and (number := cells["number"]) != UNKNOWN:
            incidents[number] += 1
    return Survey(rows, incidents)


def read(log: BinaryIO, known: Survey) -> Iterator[Imported | Refusal]:
    """Each incident once all its rows were seen, and each refusal where it stands. `known` is the survey of the same log."""
    left = known.incidents.copy()
    waiting: dict[str, list[_Row]] = {}
    for line, cells, reason in _records(log):
        if cells is None:
            yield Refusal(line, "", reason)
            continue
        number = cells["number"]
        try:
            row = _row(line, cells)
        except _Refused as refused:
            yield Refusal(line, "" if number == UNKNOWN else number, str(refused))
        else:
            waiting.setdefault(number, []).append(row)
        if number in left:
            left[number] -= 1
            if left[number] == 0:
                del left[number]
                if rows := waiting.pop(number, None):
                    yield _incident(rows)


def _records(log: BinaryIO) -> Iterator[tuple[int, dict[str, str] | None, str]]:
    """Line, cells by column, and where there are none the reason. Blank lines are passed over."""
    header: list[str] | None = None
    for line, content in enumerate(_lines(log), start=1):
        if content is not None and not content.strip():
            continue
        try:
            cells = _cells(content)
            if header is not None and len(cells) != len(header):
                raise _Refused(f"has {len(cells)} columns instead of {len(header)}")
        except _Refused as refused:
            if header is None:
                raise UnreadableLog(f"the header in line {line} {refused}") from refused
            yield line, None, str(refused)
            continue
        if header is None:
            header = _header(cells)
        else:
            yield line, dict(zip(header, cells, strict=True)), ""
    if header is None:
        raise UnreadableLog("the file is empty")


def _lines(log: BinaryIO) -> Iterator[bytes | None]:
    """The lines; None for one that is longer than any honest one, of which only a part is ever held."""
    while content := log.readline(MAX_LINE + 1):
        if len(content) <= MAX_LINE:
            yield content
            continue
        while content and not content.endswith(b"\n"):
            content = log.readline(MAX_LINE)
        yield None


def _cells(content: bytes | None) -> list[str]:
    if content is None:
        raise _Refused(f"is longer than {MAX_LINE} bytes")
    try:
        text = content.decode("utf-8").removeprefix("\ufeff").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise _Refused(f"is not UTF-8 at byte {error.start + 1}") from error
    if found := _CONTROL.search(text):
        raise _Refused(f"holds the control character U+{ord(found[0]):04X}")
    try:
        # One line at a time: no column holds a line break, so a stray quote costs its row and not the rest of the file.
        return [cell.strip() for cell in next(csv.reader([text], strict=True))]
    except csv.Error as error:
        raise _Refused(f"is no CSV: {error}") from error


def _header(cells: list[str]) -> list[str]:
    missing = [column for column in COLUMNS if column not in cells]
    foreign = [cell for cell in cells if cell not in COLUMNS]
    if missing or foreign or len(cells) != len(COLUMNS):
        wrong = [f"lacks {', '.join(missing)}"] if missing else []
        wrong += [f"has the unknown {', '.join(foreign[:5])}"] if foreign else []
        raise UnreadableLog("the header " + (" and ".join(wrong) or "names a column twice"))
    return cells


def _row(line: int, cells: dict[str, str]) -> _Row:
    number = cells["number"]
    if number in ("", UNKNOWN):
        raise _Refused("has no number")
    if cells["incident_state"] not in STATES:
        raise _Refused(f"incident_state: {cells['incident_state']!r} is unknown")
    if cells["made_sla"] not in VERDICTS:
        raise _Refused(f"made_sla: {cells['made_sla']!r} is neither TRUE nor FALSE")
    _count(cells, "sys_mod_count")  # not needed, but a row in which it is broken is not to be trusted
    state, hold_reason = STATES[cells["incident_state"]]
    values = {
        "actor": _known(cells["sys_updated_by"]),
        "state": state,
        "holdReason": hold_reason,
        "impact": _level(cells, "impact"),
        "urgency": _level(cells, "urgency"),
        "teamId": _known(cells["assignment_group"]),
        "assigneeId": _known(cells["assigned_to"]),
        "category": _known(cells["category"]),
        "resolutionCode": _known(cells["closed_code"]) if state in _ENDED else "",
        "reopenCount": _count(cells, "reopen_count"),
        "reassignmentCount": _count(cells, "reassignment_count"),
    }
    return _Row(
        line=line,
        number=number,
        title=_title(cells),
        requester=_known(cells["caller_id"]),
        opened=_date(cells, "opened_at"),
        made_sla=VERDICTS[cells["made_sla"]],
        time=_date(cells, "sys_updated_at"),
        values={name: value for name, value in values.items() if value != ""},
    )


def _incident(rows: list[_Row]) -> Imported:
    first, last = rows[0], rows[-1]
    updates: list[dict[str, Any]] = []
    latest = last.time
    # The file's own order is the true one: counts and times of a few rows contradict it. A time after that of a later row
    # is that row's, and none lies before the opening.
    for row in reversed(rows):
        latest = min(latest, row.time)
        updates.append({"time": _text(max(latest, first.opened)), **row.values})
    updates.reverse()
    message: dict[str, Any] = {
        "externalNumber": first.number,
        "title": last.title,
        "requesterId": first.requester,
        "openTime": _text(first.opened),
        "updates": updates,
    }
    if last.made_sla is not None:
        message["madeSla"] = last.made_sla
    return Imported(min(row.line for row in rows), first.number, len(rows), message)


def _title(cells: dict[str, str]) -> str:
    """`Symptom 72 (Category 55 / Subcategory 170)`, of what is known."""
    place = " / ".join(part for part in (_known(cells["category"]), _known(cells["subcategory"])) if part)
    symptom = _known(cells["u_symptom"])
    if symptom and place:
        return f"{symptom} ({place})"
    return symptom or place or f"Incident {cells['number']}"


def _known(cell: str) -> str:
    return "" if cell == UNKNOWN else cell


def _level(cells: dict[str, str], column: str) -> str:
    if cells[column] not in LEVELS:
        raise _Refused(f"{column}: {cells[column]!r} is unknown")
    return LEVELS[cells[column]]


def _count(cells: dict[str, str], column: str) -> int:
    if not _COUNT.fullmatch(cells[column]):
        raise _Refused(f"{column}: {cells[column]!r} is not a count")
    return int(cells[column])


def _date(cells: dict[str, str], column: str) -> datetime:
    match = _DATE.fullmatch(cells[column])
    if match is None:
        raise _Refused(f"{column}: {cells[column]!r} is not a date like 29-02-2016 01:16")
    day, month, year, hour, minute = map(int, match.groups())
    try:
        return datetime(year, month, day, hour, minute, tzinfo=UTC)
    except ValueError as error:
        raise _Refused(f"{column}: {cells[column]!r}: {error}") from error


def _text(time: datetime) -> str:
    return time.replace(tzinfo=None).isoformat() + "Z"
