"""Schedules: layers of people who take turns, overrides, and what the one who goes tells the one who comes."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from itsm.monitor import v1 as pb

from chassis.domain import Aggregate, Event
from chassis.errors import Invalid, NotFound
from services.monitor.domain.rotation import LONGEST, Layer, Override, Rota, Shift, wrong_layer

NAME_LENGTH, TEXT_LENGTH = 200, 4_000
MOST_LAYERS, MOST_OVERRIDES, MOST_RESTRICTIONS = 20, 200, 40
KEPT = timedelta(days=92)
"""How long an override that is over is kept, so that the past can be shown."""
NEAR, AHEAD = timedelta(days=1), timedelta(days=14)
"""How far is looked for who comes next, at first and at last."""


@dataclass(slots=True, kw_only=True, frozen=True)
class HandoverNote:
    """What the one who goes tells the one who comes."""

    text: str
    author_id: str
    time: datetime


@dataclass(slots=True, kw_only=True)
class Schedule(Aggregate):
    """Who is on call when."""

    name: str
    description: str = ""
    team_id: str = ""
    time_zone: str = "UTC"
    layers: list[Layer] = field(default_factory=list)
    overrides: list[Override] = field(default_factory=list)
    handover: HandoverNote | None = None
    creator_id: str = ""
    create_time: datetime
    update_time: datetime
    # Kept inside: since when it is gone.
    remove_time: datetime | None = None

    @classmethod
    def made(cls, *, id: str, by: str, at: datetime, **given: Any) -> Self:  # noqa: A002 - as its field
        """A new one. Raises `Invalid`."""
        if not given.get("name"):
            raise Invalid({"name": "is needed"})
        schedule = cls(id=id, creator_id=by, create_time=at, update_time=at, **given)
        schedule.validate()
        schedule.record(pb.ScheduleCreated())
        return schedule

    @property
    def rota(self) -> Rota:
        """What decides who is on call."""
        return Rota(zone=self.time_zone, layers=self.layers, overrides=self.overrides)

    def duty(self, at: datetime) -> tuple[Shift | None, Shift | None]:
        """Who is on call at an instant, and who comes next."""
        current = following = None
        for ahead in (NEAR, AHEAD):
            try:
                found = self.rota.shifts(at, at + ahead)
            except Invalid:  # too many turns to look so far ahead: what is near is known
                break
            current = found[0] if found and found[0].start_time == at else None
            rest = found[1:] if current else found
            following = next((each for each in rest if current is None or each.user_id != current.user_id), None)
            if following is not None and following.end_time < at + ahead:
                break
        return current, following

    def edit(self, at: datetime, **fields: Any) -> None:
        """Changes named fields. Nothing changed, nothing is told. Raises `Invalid`."""
        fields = {name: value for name, value in fields.items() if getattr(self, name) != value}
        for name, value in fields.items():
            setattr(self, name, value)
        if fields:
            self.validate()
            self._changed(pb.ScheduleUpdated(), at)

    def add_override(self, override: Override, at: datetime) -> None:
        """Puts somebody on call; those that are long over go. Raises `Invalid`."""
        wrong = {}
        if not 0 < len(override.user_id) <= NAME_LENGTH:
            wrong["user_id"] = "must name a person"
        if len(override.comment) > TEXT_LENGTH:
            wrong["comment"] = f"may have {TEXT_LENGTH} characters"
        if override.end_time <= max(override.start_time, at):
            wrong["end_time"] = "must come after the start, and after now"
        elif override.end_time - override.start_time > LONGEST:
            wrong["end_time"] = f"may be {LONGEST.days} days after the start"
        kept = [each for each in self.overrides if each.end_time > at - KEPT]
        if len(kept) >= MOST_OVERRIDES:
            wrong[""] = f"a schedule may have {MOST_OVERRIDES} overrides"
        if wrong:
            raise Invalid(wrong)
        self.overrides = [*kept, override]
        self._changed(pb.ScheduleOverridden(), at)

    def remove_override(self, override_id: str, at: datetime) -> None:
        """Takes one back. Raises `NotFound`."""
        kept = [each for each in self.overrides if each.id != override_id]
        if len(kept) == len(self.overrides):
            raise NotFound("override", override_id)
        self.overrides = kept
        self._changed(pb.ScheduleOverridden(), at)

    def hand_over(self, text: str, by: str, at: datetime) -> None:
        """Writes down what whoever comes next has to know; an empty text takes the note away. Raises `Invalid`."""
        if len(text) > TEXT_LENGTH:
            raise Invalid({"text": f"may have {TEXT_LENGTH} characters"})
        if not text.strip() and self.handover is None:
            return
        self.handover = HandoverNote(text=text, author_id=by, time=at) if text.strip() else None
        self._changed(pb.ScheduleHandedOver(), at)

    def remove(self, at: datetime) -> None:
        """It is gone; what names it calls nobody by it."""
        self.remove_time = at
        self._changed(pb.ScheduleDeleted(), at)

    def validate(self) -> None:
        """Raises `Invalid`, naming the fields."""
        wrong = {}
        if not 0 < len(self.name.strip()) <= NAME_LENGTH:
            wrong["name"] = f"needs 1 to {NAME_LENGTH} characters"
        if len(self.description) > TEXT_LENGTH:
            wrong["description"] = f"may have {TEXT_LENGTH} characters"
        if len(self.team_id) > NAME_LENGTH:
            wrong["team_id"] = "must name a team"
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):  # the latter two of names that are no names of files
            wrong["time_zone"] = "there is no such time zone; one is Europe/Berlin"
        if len(self.layers) > MOST_LAYERS:
            wrong["layers"] = f"may be {MOST_LAYERS}"
        elif sum(len(layer.restrictions) for layer in self.layers) > MOST_RESTRICTIONS:
            wrong["layers"] = f"may have {MOST_RESTRICTIONS} restrictions together"
        for place, layer in enumerate(self.layers):
            wrong |= {f"layers[{place}].{name}": why for name, why in wrong_layer(layer).items()}
        if wrong:
            raise Invalid(wrong)

    def _changed(self, event: Event, at: datetime) -> None:
        self.update_time = at
        self.record(event)
