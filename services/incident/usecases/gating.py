"""Questions about changes that are no lists of them: may this one be made now, and what does the board have to talk about."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chassis.errors import ForbiddenMove
from chassis.store import Store
from services.incident.domain.change import Change
from services.incident.domain.change_states import ChangeState
from services.incident.domain.spans import shifted
from services.incident.usecases.changes import CHANGES, Objections, template_of

AGENDA = 200
AHEAD = timedelta(weeks=4)

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether a change may be made now; `pending` when it can still come to that."""

    change: Change
    open: bool
    pending: bool
    reasons: Sequence[str]


def judged(change: Change, now: datetime, against: Sequence[str]) -> Gate:
    """What its own state and window say, with what others have against it."""
    if change.state in (ChangeState.REVIEW, ChangeState.CLOSED, ChangeState.CANCELLED):
        return Gate(change, False, False, [f"it is {change.state}"])
    reasons = list(against)
    if change.state not in (ChangeState.SCHEDULED, ChangeState.IMPLEMENT):
        reasons.insert(0, f"it is not approved yet: {change.state}")
    passed = change.end_time is not None and change.end_time <= now
    if change.start_time is None or change.end_time is None:
        reasons.append("it has no window")
    elif passed:
        reasons.append("its window has passed")
    elif now < change.start_time:
        reasons.append("its window has not begun")
    return Gate(change, not reasons, not passed, reasons)


class Gating:
    """Queries; none of them changes anything."""

    def __init__(self, store: Store, objections: Sequence[Objections] = ()) -> None:
        self._store, self._objections = store, objections

    async def gate(self, id: str) -> Gate:  # noqa: A002 - the field's name everywhere
        """Whether a pipeline may make the change now."""
        change = await self._store.get(Change, id)
        against = [each for objecting in self._objections for each in await objecting.against(change, "gate")]
        if template := await template_of(self._store, change):
            try:
                template.check_usable(change.template_version)
            except ForbiddenMove as unusable:
                against.append(unusable.message)
        return judged(change, self._store.clock(), against)

    async def agenda(self, start: datetime | None, end: datetime | None) -> list[Document]:
        """Changes that wait for approval and begin in the period, the soonest first, to become messages."""
        begin = start or self._store.clock()
        period = {"$gte": begin, "$lt": end or shifted(begin, AHEAD)}
        query = {"state": ChangeState.AUTHORIZE.value, "start_time": period}
        return await self._store.find(CHANGES, query, sort=[("start_time", 1), ("_id", 1)], limit=AGENDA)
