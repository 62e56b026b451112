"""Event logs made row by row."""

import csv
import io

from cli.servicenow import COLUMNS, Imported, Refusal, read, survey

ROW = dict.fromkeys(COLUMNS, "?") | {
    "number": "INC0000001",
    "incident_state": "New",
    "active": "TRUE",
    "reassignment_count": "0",
    "reopen_count": "0",
    "sys_mod_count": "0",
    "made_sla": "TRUE",
    "caller_id": "Ada Berg",
    "opened_at": "05-01-2026 08:00",
    "sys_updated_by": "Desk 1",
    "sys_updated_at": "05-01-2026 08:05",
    "category": "Network",
    "subcategory": "VPN",
    "u_symptom": "Tunnel drops",
    "impact": "2 - Medium",
    "urgency": "1 - High",
    "assignment_group": "Network Europe",
    "assigned_to": "Ines Vogel",
    "closed_code": "repaired",
}
"""A row that can be used."""


def row(**cells: str) -> str:
    """The usable row with some cells replaced, as a line without its end."""
    text = io.StringIO()
    csv.DictWriter(text, COLUMNS, lineterminator="").writerow(ROW | cells)
    return text.getvalue()


def log(*rows: str | bytes, header: str = ",".join(COLUMNS)) -> bytes:
    """A whole log."""
    return b"".join((line.encode() if isinstance(line, str) else line) + b"\n" for line in (header, *rows))


def items(content: bytes) -> list[Imported | Refusal]:
    """What the log says."""
    file = io.BytesIO(content)
    known = survey(file)
    file.seek(0)
    return list(read(file, known))


def incidents(content: bytes) -> list[Imported]:
    """The incidents of a log that has no fault."""
    found = items(content)
    assert all(isinstance(item, Imported) for item in found), found
    return [item for item in found if isinstance(item, Imported)]


def refusals(content: bytes) -> list[tuple[int, str, str]]:
    """Line, number and reason of what was left out."""
    return [(item.line, item.number, item.reason) for item in items(content) if isinstance(item, Refusal)]
