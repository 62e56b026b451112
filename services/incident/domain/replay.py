"""Taking an incident over from another system: its history there is replayed, one update after the other."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Self

from itsm.incident import v1 as pb

from services.incident.domain import limits
from services.incident.domain.escalation import passed
from services.incident.domain.history import Imported, Update
from services.incident.domain.levels import Moment
from services.incident.domain.priority import prioritize
from services.incident.domain.states import Source, State
from services.incident.domain.ticket import Ticket


@dataclass(slots=True, kw_only=True)
class Replayed(Ticket):
    """An incident that comes with a history."""

    @classmethod
    def taken_over(cls, moment: Moment, *, id: str, number: str, told: Imported) -> Self:  # noqa: A002 - as its field
        """An incident of another system as it was opened there, before its first update is replayed."""
        limits.check({"title": told.title, "description": told.description, "external_number": told.external_number})
        incident = cls(
            id=id,
            number=number,
            title=told.title,
            description=told.description,
            source=Source.IMPORT,
            requester_id=told.requester_id,
            external_number=told.external_number,
            imported_made_sla=told.made_sla,
            create_time=told.open_time,
            update_time=told.open_time,
        )
        incident._copy(told.updates[0])
        incident.clocks = moment.levels.begin(incident.facts, told.open_time)
        return incident

    def imported(self, moment: Moment, update: Update, *, source: str, known_at: datetime) -> None:
        """Replays one update at its time. What the clocks missed by `known_at` is flagged and never told: it is history."""
        before, was = self.facts, self.state
        self._copy(update)
        self._retarget(before, moment)
        if self.assignee_id or update.state is State.IN_PROGRESS:
            self._acknowledge(moment)
        if update.state is not was or update.hold_reason is not self.hold_reason:
            self._follow(was, update, moment)
        for clock in self.clocks:
            clock.check(known_at)
        self.told = [*self.told, *passed(self.clocks, self.told, known_at)]
        self._changed(pb.IncidentImported(source=source, external_actor=update.actor), moment)

    def _follow(self, was: State, update: Update, moment: Moment) -> None:
        over = (State.RESOLVED, State.CLOSED)
        self._wake(moment)
        self.state = update.state
        if update.state is State.ON_HOLD and update.hold_reason is not None:
            self.hold_reason = update.hold_reason
            moment.levels.pause(self.clocks, update.hold_reason, moment.at)
        if update.state in over and was not in over:
            self._end_work(moment, update.resolution_code)
        if update.state.is_open and not was.is_open:
            self._back_to_work(moment, "reopened there")
        if update.state is State.CANCELLED:
            self._withdraw(moment, "cancelled there")
        self.close_time = moment.at if update.state.is_final else None

    def _copy(self, update: Update) -> None:
        limits.check({name: getattr(update, name) for name in _COPIED})
        for name in _COPIED:
            if (value := getattr(update, name)) is not None:
                setattr(self, name, value)
        self.priority = prioritize(self.impact, self.urgency, self.matrix_version)


# What an imported update says under the same name is taken over as it is; its state is followed instead.
_COPIED = tuple(
    name
    for name in (each.name for each in fields(Update))
    if name in {own.name for own in fields(Ticket)} - {"state", "hold_reason"}
)
