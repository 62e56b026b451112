"""The task: a piece of work of a record, the table of its moves, and the one event that tells of each.

Additions of ours to what products do: a mandatory task is neither skipped nor cancelled (it is made optional first, which
its history shows), a failed one can be tried again, and what the platform does itself is a task like any other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from itsm.incident import v1 as pb

from chassis.domain import Aggregate, Event
from chassis.errors import ForbiddenMove, Invalid
from services.incident.domain import limits
from services.incident.domain.moment import Act
from services.incident.domain.moves import Move, moved

DEPENDENCIES = 50
"""How many others one task may wait for."""
PATIENCE = (timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=2))
"""How long the platform waits before it tries again what did not answer; after the last time the task has failed."""


class TaskKind(StrEnum):
    """What is to be done: by a person, or by the platform through the asset service."""

    MANUAL = "MANUAL"
    RESERVE_ASSET = "RESERVE_ASSET"
    ASSIGN_ASSET = "ASSIGN_ASSET"
    ASSIGN_LICENSE = "ASSIGN_LICENSE"


class TaskState(StrEnum):
    PENDING = "PENDING"
    READY = "READY"
    IN_PROGRESS = "IN_PROGRESS"
    DONE = "DONE"
    SKIPPED = "SKIPPED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_settled(self) -> bool:
        """True when what waits for it need not wait any longer."""
        return self in (TaskState.DONE, TaskState.SKIPPED)

    @property
    def is_over(self) -> bool:
        """True when no verb leads out."""
        return self.is_settled or self is TaskState.CANCELLED


_UNDONE = frozenset({TaskState.PENDING, TaskState.READY, TaskState.IN_PROGRESS, TaskState.FAILED})
_AT_HAND = frozenset({TaskState.READY, TaskState.IN_PROGRESS})

TASK_MOVES: Mapping[str, Move[TaskState]] = {
    "assign": Move(_UNDONE, TaskState.PENDING, keeps=_UNDONE),
    "ready": Move(frozenset({TaskState.PENDING}), TaskState.READY),
    "start": Move(frozenset({TaskState.READY}), TaskState.IN_PROGRESS),
    "complete": Move(_AT_HAND, TaskState.DONE),
    "skip": Move(_UNDONE, TaskState.SKIPPED),
    "fail": Move(_AT_HAND, TaskState.FAILED),
    "retry": Move(frozenset({TaskState.FAILED}), TaskState.READY),
    "cancel": Move(_UNDONE, TaskState.CANCELLED),
}


@dataclass(slots=True, kw_only=True)
class Task(Aggregate):
    """A piece of work of a record."""

    number: str
    title: str
    description: str = ""
    kind: TaskKind = TaskKind.MANUAL
    state: TaskState = TaskState.PENDING
    about: str
    depends_on: list[str] = field(default_factory=list)
    mandatory: bool = True
    team_id: str = ""
    assignee_id: str = ""
    requester_id: str = ""
    key: str = ""
    asset_class: str = ""
    asset_id: str = ""
    receiver_id: str = ""
    reason: str = ""
    result: str = ""
    attempts: int = 0
    due_time: datetime | None = None
    create_time: datetime
    update_time: datetime
    ready_time: datetime | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    # Kept inside: when the platform tries what it does itself.
    next_try_time: datetime | None = None

    @classmethod
    def create(cls, act: Act, *, waits: bool, id: str, number: str, **given: Any) -> Self:  # noqa: A002 - as its field
        """A new task, READY unless it `waits` for others. Raises `Invalid` for fields beyond their limits."""
        limits.check(given)
        task = cls(id=id, number=number, create_time=act.at, update_time=act.at, **given)
        wrong: dict[str, str] = {}
        if len(task.depends_on) > DEPENDENCIES or len(set(task.depends_on)) != len(task.depends_on):
            wrong["depends_on"] = f"may name {DEPENDENCIES} tasks, each once"
        if task.is_own and not task.receiver_id:
            wrong["receiver_id"] = "must say whom it is for"
        if task.is_own and not task.asset_class:
            wrong["asset_class"] = "must say what is looked for"
        if wrong:
            raise Invalid(wrong)
        if not waits:
            task._become_ready(act)
        task._changed(pb.TaskCreated(), act)
        return task

    @property
    def is_own(self) -> bool:
        """Whether the platform does it itself."""
        return self.kind is not TaskKind.MANUAL

    def edit(self, act: Act, **fields: Any) -> None:
        """Changes named fields; nothing changed, nothing is told."""
        fields = {name: value for name, value in fields.items() if getattr(self, name) != value}
        if not fields:
            return
        if self.state.is_over:
            raise ForbiddenMove(self.state, "update")
        limits.check(fields)
        for name, value in fields.items():
            setattr(self, name, value)
        self._changed(pb.TaskUpdated(), act)

    def assign(self, act: Act, *, team_id: str, assignee_id: str = "") -> None:
        """Gives it to a team and, where named, to a person; the same owner again changes nothing."""
        moved(TASK_MOVES, self.state, "assign")
        limits.check({"team_id": team_id, "assignee_id": assignee_id})
        if not team_id.strip():
            raise Invalid({"team_id": "must name the team that owns it"})
        if (self.team_id, self.assignee_id) != (team_id, assignee_id):
            self.team_id, self.assignee_id = team_id, assignee_id
            self._changed(pb.TaskAssigned(), act)

    def ready(self, act: Act) -> None:
        """All that it waited for is done."""
        moved(TASK_MOVES, self.state, "ready")
        self._become_ready(act)
        self._changed(pb.TaskReady(), act)

    def start(self, act: Act) -> None:
        """Work begins, by the caller where nobody was assigned."""
        self.state = moved(TASK_MOVES, self.state, "start")
        if not self.assignee_id and act.by_person:
            self.assignee_id = act.by
        self.start_time = act.at
        self._changed(pb.TaskStarted(), act)

    def complete(self, act: Act, *, result: str = "") -> None:
        """It is done."""
        self.state = moved(TASK_MOVES, self.state, "complete")
        limits.check({"result": result})
        self.start_time = self.start_time or act.at
        self.result, self.reason = result, ""
        self._end(act)
        self._changed(pb.TaskCompleted(), act)

    def skip(self, act: Act, *, reason: str) -> None:
        """It is not needed."""
        after = moved(TASK_MOVES, self.state, "skip")
        self._check_optional("skip")
        self._withdraw(act, after, reason)
        self._changed(pb.TaskSkipped(reason=reason), act)

    def fail(self, act: Act, *, reason: str) -> None:
        """It could not be done."""
        after = moved(TASK_MOVES, self.state, "fail")
        limits.check({"reason": reason}, required=True)
        self.state, self.reason, self.next_try_time = after, reason, self._time_to_give_back(act)
        self._changed(pb.TaskFailed(reason=reason), act)

    def retry(self, act: Act) -> None:
        """It can be begun again."""
        moved(TASK_MOVES, self.state, "retry")
        self.reason, self.attempts = "", 0
        self._become_ready(act)
        self._changed(pb.TaskRetried(), act)

    def cancel(self, act: Act, *, reason: str, with_record: bool = False) -> None:
        """It is withdrawn; a mandatory one only together with its record."""
        after = moved(TASK_MOVES, self.state, "cancel")
        if not with_record:
            self._check_optional("cancel")
        self._withdraw(act, after, reason)
        self._changed(pb.TaskCancelled(reason=reason), act)

    def pick(self, act: Act, asset_id: str) -> None:
        """The platform has chosen an asset for it, or has given one up; written down before anything is done to it."""
        if self.asset_id != asset_id:
            self.asset_id = asset_id
            self._changed(pb.TaskUpdated(), act)

    def postpone(self, act: Act, reason: str) -> None:
        """What the platform needs did not answer: later again, and failed when patience ends."""
        if self.attempts >= len(PATIENCE):
            self.fail(act, reason=reason)
            return
        self.next_try_time = act.at + PATIENCE[self.attempts]
        self.attempts += 1
        self._changed(pb.TaskUpdated(), act)

    def give_back(self, act: Act) -> None:
        """What it set aside is not wanted any more: the platform puts it back, as soon as it can."""
        if self.state.is_over and self.next_try_time is None and (at := self._time_to_give_back(act)):
            self.next_try_time = at
            self._changed(pb.TaskUpdated(), act)

    def given_back(self, act: Act, *, kept: bool) -> None:
        """What it set aside is in stock again, or somebody's. What failed keeps what was handed over for it, `kept`."""
        self.asset_id, self.next_try_time = self.asset_id if kept and not self.state.is_over else "", None
        self._changed(pb.TaskUpdated(), act)

    def _become_ready(self, act: Act) -> None:
        self.state, self.ready_time = TaskState.READY, act.at
        self.next_try_time = act.at if self.is_own else None

    def _time_to_give_back(self, act: Act) -> datetime | None:
        return act.at if self.is_own and self.asset_id else None

    def _check_optional(self, verb: str) -> None:
        if self.mandatory:
            raise ForbiddenMove(self.state, verb, f"{self.number} is mandatory; make it optional first")

    def _withdraw(self, act: Act, after: TaskState, reason: str) -> None:
        limits.check({"reason": reason}, required=True)
        self.state, self.reason = after, reason
        self._end(act)
        self.next_try_time = self._time_to_give_back(act)

    def _end(self, act: Act) -> None:
        self.end_time, self.next_try_time = act.at, None

    def _changed(self, event: Event, act: Act) -> None:
        self.update_time = act.at
        self.record(event)
