"""The history of an incident of another system, replayed through our clocks with its original times.

The other system's moves are taken as they were: no guard asks whether our table allows them. Its counters win.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from services.incident.domain.note import LONGEST
from services.incident.domain.priority import Impact, Urgency
from services.incident.domain.states import HoldReason, State

MOST_UPDATES = 1_000
MOST_NOTES = 1_000
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
"""No desk is older; a slip of a date would have the figures count every day since."""
_SKEW = timedelta(minutes=5)


@dataclass(slots=True, kw_only=True, frozen=True)
class Update:
    """One update there: the values that held from then on. An impact or urgency that it does not say stays as it was."""

    time: datetime
    state: State
    actor: str = ""
    hold_reason: HoldReason | None = None
    impact: Impact | None = None
    urgency: Urgency | None = None
    team_id: str = ""
    assignee_id: str = ""
    category: str = ""
    service_id: str = ""
    asset_ids: list[str] = field(default_factory=list)
    resolution_code: str = ""
    resolution: str = ""
    reopen_count: int = 0
    reassignment_count: int = 0


@dataclass(slots=True, kw_only=True, frozen=True)
class ImportedNote:
    """Something that was said there."""

    time: datetime
    text: str
    public: bool = False
    author_id: str = ""


@dataclass(slots=True, kw_only=True, frozen=True)
class Imported:
    """An incident there, with its updates, oldest first."""

    external_number: str
    title: str
    open_time: datetime
    updates: list[Update] = field(default_factory=list)
    description: str = ""
    requester_id: str = ""
    made_sla: bool | None = None
    notes: list[ImportedNote] = field(default_factory=list)


def faults(imported: Imported, now: datetime) -> Sequence[str]:
    """Why it cannot be taken over; empty when it can."""
    found = []
    updates = imported.updates
    if not updates:
        found.append("updates: there is none, so its state is not known")
    if len(updates) > MOST_UPDATES:
        found.append(f"updates: may be {MOST_UPDATES}, not {len(updates)}")
    if imported.open_time < EARLIEST:
        found.append(f"open_time: {imported.open_time.isoformat()} is before {EARLIEST:%Y}")
    before = imported.open_time
    for index, update in enumerate(updates):
        if update.time < before:
            found.append(f"updates[{index}].time: {update.time.isoformat()} is before what precedes it, {before.isoformat()}")
        if min(update.reopen_count, update.reassignment_count) < 0:
            found.append(f"updates[{index}]: a count is below zero")
        before = max(before, update.time)
    if before > now + _SKEW:
        found.append(f"updates: {before.isoformat()} is in the future")
    return [*found, *_note_faults(imported.notes, now)]


def _note_faults(notes: Sequence[ImportedNote], now: datetime) -> Iterator[str]:
    if len(notes) > MOST_NOTES:
        yield f"notes: may be {MOST_NOTES}, not {len(notes)}"
    for index, note in enumerate(notes):
        if not EARLIEST <= note.time <= now + _SKEW:
            yield f"notes[{index}].time: {note.time.isoformat()} is before {EARLIEST:%Y} or in the future"
        if not note.text.strip() or len(note.text) > LONGEST:
            yield f"notes[{index}].text: must have 1 to {LONGEST} characters, not {len(note.text.strip())}"
