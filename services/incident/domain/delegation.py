"""Somebody votes in the name of somebody who is away, between two instants."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from itsm.incident import v1 as pb

from chassis.domain import Aggregate
from chassis.errors import ForbiddenMove, Invalid
from services.incident.domain.limits import ID
from services.incident.domain.moment import Act

_NOTE = 1_000


@dataclass(slots=True, kw_only=True)
class ApprovalDelegation(Aggregate):
    """Counts from its start up to its end. It is never passed on: whoever received it cannot give it to a third."""

    from_id: str
    to_id: str
    start_time: datetime
    end_time: datetime
    note: str = ""
    create_time: datetime

    @classmethod
    def given(cls, act: Act, others: Iterable["ApprovalDelegation"], *, id: str, **fields: object) -> Self:  # noqa: A002 - as its field
        """A new one. Raises `Invalid` for one to oneself, without a time, or that would make a chain with one of `others`."""
        made = cls(id=id, create_time=act.at, **fields)  # type: ignore[arg-type] # as the message types them
        wrong: dict[str, str] = {}
        if not 0 < len(made.to_id) <= ID or made.to_id == made.from_id:
            wrong["to_id"] = "must name somebody else"
        if made.start_time >= made.end_time:
            wrong["end_time"] = "must lie behind the start"
        if len(made.note) > _NOTE:
            wrong["note"] = f"may have {_NOTE} characters"
        meanwhile = [each for each in others if each.start_time < made.end_time and made.start_time < each.end_time]
        if any(each.from_id == made.to_id or each.to_id == made.from_id for each in meanwhile):
            wrong["to_id"] = "this would make a chain: a vote is delegated once"
        if wrong:
            raise Invalid(wrong)
        made.record(pb.ApprovalDelegationGiven())
        return made

    def end(self, act: Act) -> None:
        """Counts no more from now on. Raises `ForbiddenMove` for one that is over."""
        if self.end_time <= act.at:
            raise ForbiddenMove("OVER", "end")
        self.end_time = max(act.at, self.start_time)
        self.record(pb.ApprovalDelegationEnded())

    def holds(self, now: datetime) -> bool:
        """Whether it counts at an instant."""
        return self.start_time <= now < self.end_time
