"""A meeting of the change advisory board: its agenda, and minutes that are final once it was held.

What it recommends is advice: votes are cast on the approval of each change, by those whom its policy names.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from itsm.incident import v1 as pb

from chassis.domain import Aggregate
from chassis.errors import ForbiddenMove, Invalid
from services.incident.domain import limits
from services.incident.domain.moment import Act

ATTENDEES, ITEMS, MINUTES = 100, 200, 16_384


class MeetingState(StrEnum):
    """Where a meeting stands."""

    PLANNED = "PLANNED"
    HELD = "HELD"
    CANCELLED = "CANCELLED"


class Advice(StrEnum):
    """What the board recommends."""

    OPEN = "OPEN"
    APPROVE = "APPROVE"
    REJECT = "REJECT"
    DEFER = "DEFER"


@dataclass(slots=True, kw_only=True, frozen=True)
class Item:
    """A change that is talked about."""

    change_id: str
    advice: Advice = Advice.OPEN
    minutes: str = ""


@dataclass(slots=True, kw_only=True)
class CabMeeting(Aggregate):
    """Who comes, what is talked about, what was said."""

    title: str
    state: MeetingState = MeetingState.PLANNED
    start_time: datetime
    end_time: datetime
    attendee_ids: list[str] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    minutes: str = ""
    chair_id: str = ""
    create_time: datetime
    update_time: datetime

    @classmethod
    def planned(cls, act: Act, *, id: str, **given: Any) -> Self:  # noqa: A002 - as its field
        """A new one. Raises `Invalid` for fields beyond their limits."""
        meeting = cls(id=id, chair_id=act.by, create_time=act.at, update_time=act.at, **given)
        meeting._check()
        meeting.record(pb.CabMeetingPlanned())
        return meeting

    def edit(self, act: Act, **fields: Any) -> None:
        """Edits agenda and minutes until it was held; nothing changed, nothing is told."""
        fields = {name: value for name, value in fields.items() if getattr(self, name) != value}
        if not fields:
            return
        self._open("update")
        for name, value in fields.items():
            setattr(self, name, value)
        self._check()
        self._changed(pb.CabMeetingUpdated(), act)

    def collect(self, act: Act, change_ids: Iterable[str]) -> None:
        """Puts changes on the agenda behind those that are there."""
        known = {item.change_id for item in self.items}
        fresh = [Item(change_id=each) for each in change_ids if each not in known]
        self._open("collect")
        self.edit(act, items=[*self.items, *fresh][:ITEMS])

    def hold(self, act: Act) -> None:
        """Was held: its minutes are final. Each change needs a recommendation."""
        self._open("hold")
        undecided = {f"items[{i}].advice": "was not given" for i, item in enumerate(self.items) if item.advice is Advice.OPEN}
        if undecided:
            raise Invalid(undecided)
        self.state = MeetingState.HELD
        self._changed(pb.CabMeetingHeld(), act)

    def cancel(self, act: Act) -> None:
        """Is not held."""
        self._open("cancel")
        self.state = MeetingState.CANCELLED
        self._changed(pb.CabMeetingCancelled(), act)

    def _open(self, verb: str) -> None:
        if self.state is not MeetingState.PLANNED:
            raise ForbiddenMove(self.state, verb)

    def _check(self) -> None:
        limits.check({"title": self.title})
        wrong: dict[str, str] = {}
        if self.start_time >= self.end_time:
            wrong["end_time"] = "must lie behind the start"
        changes = [item.change_id for item in self.items]
        for name, values, most in (("attendee_ids", self.attendee_ids, ATTENDEES), ("items", changes, ITEMS)):
            if len(values) > most or len(set(values)) != len(values) or not all(0 < len(each) <= limits.ID for each in values):
                wrong[name] = f"may have {most} entries, each once"
        if any(len(text) > MINUTES for text in (self.minutes, *(item.minutes for item in self.items))):
            wrong["minutes"] = f"may have {MINUTES} characters each"
        if wrong:
            raise Invalid(wrong)

    def _changed(self, event: Any, act: Act) -> None:
        self.update_time = act.at
        self.record(event)
