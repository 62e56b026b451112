"""The request: what its verbs demand, what they change, and the one event that tells of each.

The table is iTop's (new, waiting for approval, approved or rejected, rejected back to new) with what fulfillment needs beside
it: hold and resume, resolve, reopen, close, cancel, and `withdraw` for who asked, before work has begun. A request that nobody
has to approve is approved as soon as it is made. Its clocks begin with the approval: neither the response nor the fulfillment
runs against the team while others decide.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from itsm.incident import v1 as pb

from chassis.domain import Event
from chassis.errors import ForbiddenMove, Invalid
from services.incident.domain import limits
from services.incident.domain.catalog import CatalogItem, Money
from services.incident.domain.clock import ClockKind
from services.incident.domain.escalation import Step
from services.incident.domain.form import judge
from services.incident.domain.levels import Moment
from services.incident.domain.link import Link
from services.incident.domain.moves import Move, moved
from services.incident.domain.plan import PlannedTask
from services.incident.domain.priority import Impact, Priority, Urgency, prioritize
from services.incident.domain.promised import Promised
from services.incident.domain.sla import Facts
from services.incident.domain.states import HoldReason
from services.incident.domain.task import Task


class RequestState(StrEnum):
    NEW = "NEW"
    WAITING_FOR_APPROVAL = "WAITING_FOR_APPROVAL"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    IN_PROGRESS = "IN_PROGRESS"
    ON_HOLD = "ON_HOLD"
    RESOLVED = "RESOLVED"
    CLOSED = "CLOSED"
    CANCELLED = "CANCELLED"

    @property
    def is_open(self) -> bool:
        """True while the team owes something: from the approval until it is resolved."""
        return self in WORKABLE

    @property
    def is_final(self) -> bool:
        """True when no verb leads out."""
        return self in (RequestState.CLOSED, RequestState.CANCELLED)


_S = RequestState
WORKABLE = frozenset({_S.APPROVED, _S.IN_PROGRESS, _S.ON_HOLD})
_BEFORE = frozenset({_S.NEW, _S.WAITING_FOR_APPROVAL})

REQUEST_MOVES: Mapping[str, Move[RequestState]] = {
    "submit": Move(frozenset({_S.NEW}), _S.WAITING_FOR_APPROVAL),
    "accept": Move(frozenset({_S.NEW}), _S.APPROVED),
    "approve": Move(frozenset({_S.WAITING_FOR_APPROVAL}), _S.APPROVED),
    "reject": Move(frozenset({_S.WAITING_FOR_APPROVAL}), _S.REJECTED),
    "revise": Move(frozenset({_S.NEW, _S.WAITING_FOR_APPROVAL, _S.REJECTED}), _S.NEW),
    "withdraw": Move(frozenset({*_BEFORE, _S.REJECTED, _S.APPROVED}), _S.CANCELLED),
    "assign": Move(_BEFORE | WORKABLE, _S.NEW, keeps=_BEFORE | WORKABLE),
    "start": Move(frozenset({_S.APPROVED}), _S.IN_PROGRESS),
    "hold": Move(frozenset({_S.APPROVED, _S.IN_PROGRESS}), _S.ON_HOLD),
    "resume": Move(frozenset({_S.ON_HOLD}), _S.IN_PROGRESS),
    "resolve": Move(WORKABLE, _S.RESOLVED),
    "reopen": Move(frozenset({_S.RESOLVED}), _S.IN_PROGRESS),
    "close": Move(frozenset({_S.RESOLVED}), _S.CLOSED),
    "cancel": Move(frozenset({*_BEFORE, _S.REJECTED, *WORKABLE}), _S.CANCELLED),
}


@dataclass(slots=True, kw_only=True)
class Request(Promised):
    """Something that somebody asked for."""

    number: str
    title: str
    description: str = ""
    state: RequestState = RequestState.NEW
    catalog_item_id: str = ""
    catalog_item_revision: int = 0
    answers: dict[str, Any] = field(default_factory=dict)
    price: Money | None = None
    impact: Impact = Impact.MEDIUM
    urgency: Urgency = Urgency.MEDIUM
    priority: Priority = Priority.P3
    service_id: str = ""
    asset_ids: list[str] = field(default_factory=list)
    receiver_id: str = ""
    team_id: str = ""
    assignee_id: str = ""
    category: str = ""
    approval_policy_id: str = ""
    approval_id: str = ""
    rejection_reason: str = ""
    resolution_code: str = ""
    resolution: str = ""
    reopen_count: int = 0
    links: list[Link] = field(default_factory=list)
    approve_time: datetime | None = None
    resolve_time: datetime | None = None
    close_time: datetime | None = None
    # Kept inside: the form and the plan of the revision that it is made of, and what its promises went by when it was resolved.
    form: dict[str, Any] = field(default_factory=dict)
    planned: list[PlannedTask] = field(default_factory=list)
    resolved_facts: Facts | None = None

    @classmethod
    def open(cls, moment: Moment, item: CatalogItem | None, *, id: str, number: str, **given: Any) -> Self:  # noqa: A002
        """A new request for an item, or for what none offers. Raises `Invalid` for answers that do not fit its form."""
        if item is not None:
            given = {**_of(item), **given}
        given["title"] = given.get("title") or (item.title if item is not None else "")
        limits.check(given)
        given["requester_id"] = given.get("requester_id") or moment.by
        given["receiver_id"] = given.get("receiver_id") or given["requester_id"]
        request = cls(id=id, number=number, create_time=moment.at, update_time=moment.at, **given)
        request._check_answers()
        request.priority = prioritize(request.impact, request.urgency)
        request._changed(pb.RequestOpened(), moment)
        return request

    @property
    def facts(self) -> Facts:
        """What decides which policy holds."""
        return Facts(service_id=self.service_id, team_id=self.team_id, category=self.category, priority=self.priority)

    def escalated(self, step: Step, late_by_ms: int) -> Event:
        """The event that tells of a step of its clocks."""
        return pb.RequestEscalated(step=step, late_by_ms=late_by_ms)

    def updated(self) -> Event:
        """The event that tells of changed clocks."""
        return pb.RequestUpdated()

    def edit(self, moment: Moment, **fields: Any) -> None:
        """Changes named fields; a changed priority or policy re-targets the clocks. Nothing changed, nothing is told."""
        fields = {name: value for name, value in fields.items() if getattr(self, name) != value}
        if not fields:
            return
        if self.state.is_final:
            raise ForbiddenMove(self.state, "update")
        limits.check(fields)
        before = self.facts
        moment.levels.catch_up(self.clocks)
        for name, value in fields.items():
            setattr(self, name, value)
        self.priority = prioritize(self.impact, self.urgency)
        self._retarget(before, moment)
        self._changed(pb.RequestUpdated(), moment)

    def submit(self, moment: Moment, approval_id: str) -> None:
        """It is with those who approve it."""
        self._move("submit", moment)
        self.approval_id = approval_id
        self._changed(pb.RequestSubmitted(), moment)

    def approve(self, moment: Moment) -> None:
        """Work on it may begin, and its clocks do. From NEW only where nobody has to approve it."""
        self._move("approve" if self.approval_policy_id else "accept", moment)
        self.approve_time = moment.at
        self.clocks = moment.levels.begin(self.facts, moment.at)
        self._changed(pb.RequestApproved(), moment)

    def reject(self, moment: Moment, *, reason: str) -> None:
        """It is not approved."""
        self._move("reject", moment)
        self.rejection_reason = reason
        self._changed(pb.RequestRejected(reason=reason), moment)

    def revise(self, moment: Moment, *, answers: Mapping[str, Any] | None, description: str) -> None:
        """It is changed before it is sent again."""
        self._move("revise", moment)
        if answers is not None:
            self.answers = dict(answers)
        self.description = description or self.description
        limits.check({"description": self.description})
        self._check_answers()
        self.rejection_reason = ""
        self._changed(pb.RequestRevised(), moment)

    def withdraw(self, moment: Moment, *, reason: str) -> None:
        """It is not wanted any more."""
        self._move("withdraw", moment)
        self._end(moment, reason)

    def cancel(self, moment: Moment, *, reason: str) -> None:
        """It comes to nothing: its clocks count nowhere."""
        self._move("cancel", moment)
        self._end(moment, reason)

    def assign(self, moment: Moment, *, team_id: str, assignee_id: str = "") -> None:
        """Gives it to a team and, where named, to a person; the same owner again changes nothing."""
        moved(REQUEST_MOVES, self.state, "assign")
        limits.check({"team_id": team_id, "assignee_id": assignee_id})
        if not team_id.strip():
            raise Invalid({"team_id": "must name the team that owns it"})
        if (self.team_id, self.assignee_id) == (team_id, assignee_id):
            return
        moment.levels.catch_up(self.clocks)
        before = self.facts
        self.team_id, self.assignee_id = team_id, assignee_id
        if assignee_id and moment.by_person and self.state.is_open:
            self._acknowledge(moment)
        self._retarget(before, moment)
        self._changed(pb.RequestAssigned(), moment)

    def start(self, moment: Moment, *, by_task: bool = False) -> None:
        """Work begins, by the caller where nobody was assigned; `by_task` when it is one of its tasks that was begun."""
        self._move("start", moment)
        if not self.assignee_id and not by_task:
            self.assignee_id = moment.by
        if moment.by_person:
            self._acknowledge(moment)
        self._changed(pb.RequestStarted(), moment)

    def hold(self, moment: Moment, reason: HoldReason, *, note: str = "") -> None:
        """Waits for somebody or something; the requester must be told when it is the requester."""
        self._move("hold", moment)
        if reason is HoldReason.CALLER and not note.strip():
            raise Invalid({"note": "tell the requester what you wait for"})
        self.hold_reason = reason
        moment.levels.pause(self.clocks, reason, moment.at)
        self._changed(pb.RequestHeld(reason=reason.value), moment)

    def resume(self, moment: Moment) -> None:
        """Takes work up again."""
        self._move("resume", moment)
        self._wake(moment)
        self._changed(pb.RequestResumed(), moment)

    def resolve(self, moment: Moment, tasks: Sequence[Task], *, resolution_code: str, resolution: str) -> None:
        """Says how it ended; refused while mandatory tasks are `tasks`."""
        if tasks and self.state.is_open:
            names = ", ".join(f"{task.number} {task.title}" for task in tasks[:5])
            raise ForbiddenMove(self.state, "resolve", f"not yet done: {names}")
        self._move("resolve", moment)
        limits.check({"resolution_code": resolution_code, "resolution": resolution}, required=True)
        self._wake(moment)
        self.resolve_time, self.resolution_code, self.resolution = moment.at, resolution_code, resolution
        self.resolved_facts = self.facts
        moment.levels.stop(self.clocks, moment.at, reason="resolved")
        self._changed(pb.RequestResolved(resolution_code=resolution_code), moment)

    def reopen(self, moment: Moment, *, reason: str, window: timedelta) -> None:
        """It is not over: clocks go on where they stopped. Only within `window` after it was resolved."""
        limits.check({"reason": reason}, required=True)
        if self.state is RequestState.RESOLVED and self.resolve_time is not None and moment.at > self.resolve_time + window:
            raise ForbiddenMove(self.state, "reopen", f"it was resolved more than {window.days} days ago: make a new one")
        self._move("reopen", moment)
        self.resolution_code = self.resolution = ""
        moment.levels.reopen(self.clocks, moment.at, reason)
        self._retarget(self.resolved_facts or self.facts, moment)
        self.reopen_count += 1
        self._changed(pb.RequestReopened(reason=reason), moment)

    def close(self, moment: Moment) -> None:
        """Over for good."""
        self._move("close", moment)
        self.close_time = moment.at
        self._changed(pb.RequestClosed(), moment)

    def link(self, moment: Moment, link: Link) -> None:
        """Refers to another record; a reference that is there already changes nothing."""
        limits.check_link(link.target, f"requests/{self.id}")
        if link in self.links:
            return
        if len(self.links) >= limits.LINKS:
            raise Invalid({"link": f"there are {limits.LINKS} references already"})
        self.links = [*self.links, link]
        self._changed(pb.RequestLinked(link=link.message()), moment)

    def unlink(self, moment: Moment, link: Link) -> None:
        """Takes a reference away; one that is not there changes nothing."""
        if link in self.links:
            self.links = [other for other in self.links if other != link]
            self._changed(pb.RequestLinked(link=link.message(), removed=True), moment)

    def _move(self, verb: str, moment: Moment) -> None:
        after = moved(REQUEST_MOVES, self.state, verb)
        moment.levels.catch_up(self.clocks)
        self.state = after

    def _end(self, moment: Moment, reason: str) -> None:
        limits.check({"reason": reason}, required=True)
        self.hold_reason, self.close_time = None, moment.at
        moment.levels.cancel(self.clocks, moment.at, reason)
        self._changed(pb.RequestCancelled(reason=reason), moment)

    def _retarget(self, before: Facts, moment: Moment) -> None:
        if self.approve_time is not None:
            self._replan(before, moment, owed=ClockKind if self.state.is_open else (), began=self.approve_time)

    def _check_answers(self) -> None:
        wrong = judge(self.form, self.answers)
        if wrong:
            raise Invalid({f"answers{each.pointer.replace('/', '.')}": each.message for each in wrong})


def _of(item: CatalogItem) -> dict[str, Any]:
    """What a request takes over from the item that it is for."""
    return {
        "catalog_item_id": item.id,
        "catalog_item_revision": item.revision,
        "price": item.price,
        "impact": item.impact,
        "urgency": item.urgency,
        "service_id": item.service_id,
        "team_id": item.team_id,
        "category": item.category,
        "approval_policy_id": item.approval_policy_id,
        "form": item.form,
        "planned": item.plan,
    }
