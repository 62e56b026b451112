"""How far a request is, in words that whoever asked for it understands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from chassis.store import Store
from services.incident.domain.clock import ClockKind
from services.incident.domain.request import Request, RequestState
from services.incident.domain.states import HoldReason
from services.incident.domain.task import Task, TaskState
from services.incident.usecases.tasks import Tasks

_WAITS: Mapping[HoldReason | None, str] = {
    HoldReason.CALLER: "for your answer",
    HoldReason.VENDOR: "for a supplier",
    HoldReason.CHANGE: "for a change",
    HoldReason.PROBLEM: "until a problem is solved",
    HoldReason.SCHEDULED: "until the agreed date",
    None: "for something",
}
_OVER: Mapping[RequestState, str] = {
    RequestState.RESOLVED: "It is done",
    RequestState.CLOSED: "It is done and closed",
    RequestState.CANCELLED: "It was withdrawn",
}


class Opinions(Protocol):
    """What is known of an approval that is under way."""

    async def words(self, request: Request) -> str:
        """How the approval of a request stands, in words; empty where nothing is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressStep:
    """A step on the way of a request."""

    title: str
    status: str
    done: bool = False
    end_time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestProgress:
    """Where a request stands, and what was and will be done."""

    summary: str
    steps: Sequence[ProgressStep]
    due_time: datetime | None

    @property
    def done(self) -> int:
        """How many steps are over."""
        return sum(step.done for step in self.steps)


class Progress:
    """Looks at a request, its approval and its tasks."""

    def __init__(self, store: Store, tasks: Tasks, opinions: Opinions) -> None:
        self._store = store
        self._tasks = tasks
        self._opinions = opinions

    async def of(self, id: str) -> RequestProgress:  # noqa: A002 - the field's name everywhere
        """Raises `NotFound`."""
        request = await self._store.get(Request, id)
        async with self._store.transaction() as tx:
            tasks = [t for t in await self._tasks.of(tx, f"requests/{request.id}") if t.state is not TaskState.CANCELLED]
        opinion = await self._opinions.words(request) if request.state is RequestState.WAITING_FOR_APPROVAL else ""
        due = next((clock.due_time for clock in request.clocks if clock.kind is ClockKind.RESOLVE and clock.is_open), None)
        steps = [*_approval(request, opinion), *(_step(task, tasks) for task in tasks)]
        return RequestProgress(summary=_summary(request, tasks, opinion), steps=steps, due_time=due)


def _summary(request: Request, tasks: Sequence[Task], opinion: str) -> str:
    match request.state:
        case RequestState.NEW:
            return "It is being written and has not been sent yet."
        case RequestState.WAITING_FOR_APPROVAL:
            return f"It waits for approval. {opinion}".strip()
        case RequestState.REJECTED:
            return f"It was rejected: {request.rejection_reason or 'no reason was given'}. Change it to send it again."
        case RequestState.APPROVED:
            return "It is approved; work on it begins soon."
        case RequestState.ON_HOLD:
            return f"Work on it waits {_WAITS[request.hold_reason]}."
        case RequestState.IN_PROGRESS:
            return f"Work on it goes on{_standing(tasks)}."
    told = request.resolution.partition("\n")[0] if request.state is not RequestState.CANCELLED else ""
    return f"{_OVER[request.state]}{f': {told}' if told else ''}."


def _standing(tasks: Sequence[Task]) -> str:
    if not tasks:
        return ""
    over = sum(task.state.is_settled for task in tasks)
    at_hand = [t.title for t in tasks if t.state in (TaskState.IN_PROGRESS, TaskState.READY, TaskState.FAILED)]
    now = f"; next: {', '.join(at_hand[:3])}" if at_hand else ""
    return f": {over} of {len(tasks)} steps are done{now}"


def _approval(request: Request, opinion: str) -> list[ProgressStep]:
    if not request.approval_policy_id:
        return []
    if request.approve_time is not None:
        return [ProgressStep(title="Approval", status="given", done=True, end_time=request.approve_time)]
    words = {
        RequestState.NEW: "not asked for yet",
        RequestState.WAITING_FOR_APPROVAL: opinion or "asked for",
        RequestState.REJECTED: f"refused: {request.rejection_reason}",
    }
    return [ProgressStep(title="Approval", status=words.get(request.state, "not needed any more"))]


def _step(task: Task, tasks: Sequence[Task]) -> ProgressStep:
    match task.state:
        case TaskState.DONE:
            return ProgressStep(title=task.title, status=task.result or "done", done=True, end_time=task.end_time)
        case TaskState.SKIPPED:
            return ProgressStep(title=task.title, status="not needed", done=True, end_time=task.end_time)
        case TaskState.IN_PROGRESS:
            return ProgressStep(title=task.title, status="under way")
        case TaskState.READY:
            return ProgressStep(title=task.title, status="next")
        case TaskState.FAILED:
            return ProgressStep(title=task.title, status="has not worked yet; it will be tried again")
    before = [each.title for each in tasks if each.id in task.depends_on and not each.state.is_settled]
    return ProgressStep(title=task.title, status=f"after {', '.join(before)}" if before else "later")
