"""Jobs: long work that somebody asked for, how far it has come, how it ends and whether it can be taken back."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from itsm.gateway import v1 as pb

from chassis.domain import Aggregate, Event
from chassis.errors import ForbiddenMove, Invalid

MOST_IDS = 10_000
MOST_SELECTED = 100_000
"""The largest selection that a job takes."""
MOST_OPEN = 20
"""How many jobs of one person may wait or be under way."""
KEPT = timedelta(days=7)
FILE_KEPT = timedelta(days=1)
"""How long a file may be fetched; what became of it is told as long as the job is kept."""
LONGEST = timedelta(hours=20)
"""After so long a job is given up: services know for 24 hours which writes they have done already."""
UNDO_WITHIN = timedelta(hours=24)


class Kind(StrEnum):
    """What a job does."""

    BULK = "BULK"
    EXPORT = "EXPORT"


class State(StrEnum):
    """Where a job stands."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class Format(StrEnum):
    """Kinds of file."""

    CSV = "CSV"
    JSONL = "JSONL"
    XLSX = "XLSX"


class ItemState(StrEnum):
    """Where a record of a bulk action stands."""

    WAITING = "WAITING"
    DONE = "DONE"
    REFUSED = "REFUSED"
    SKIPPED = "SKIPPED"


OPEN = frozenset({State.PENDING, State.RUNNING})


@dataclass(slots=True, kw_only=True)
class Progress:
    """How far a job has come; a `total` of 0 is not known yet. What was refused is done, too."""

    done: int = 0
    total: int = 0
    failed: int = 0


@dataclass(slots=True, kw_only=True)
class Result:
    """The file of an export."""

    file_name: str
    media_type: str
    size: int
    expire_time: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Job(Aggregate):
    """Long work by the rights of its creator.

    `roles`, `limits` and `credential_id` are what he came with: the roles, the permissions, and the token made beforehand, if
    it was one. `selected` and `selected_time` are what a selection counted and when; -1 and None where records were named.
    `collected` says that it is settled which records it is about, `run` names the list of those, or the pieces of the file.
    """

    kind: Kind
    resource: str
    action: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    filter: str = ""
    fields: list[str] = field(default_factory=list)
    order_by: str = ""
    format: Format | None = None
    state: State = State.PENDING
    progress: Progress = field(default_factory=Progress)
    reason: str = ""
    cancel_requested: bool = False
    undo_expire_time: datetime | None = None
    undo_of: str = ""
    undone_by: str = ""
    result: Result | None = None
    creator_id: str
    create_time: datetime
    start_time: datetime | None = None
    end_time: datetime | None = None
    expire_time: datetime
    delete_time: datetime | None = None
    roles: list[str] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)
    credential_id: str = ""
    selected: int = -1
    selected_time: datetime | None = None
    collected: bool = False
    invertible: bool = False
    run: str = ""

    @classmethod
    def made(cls, *, id: str, at: datetime, **given: Any) -> Self:  # noqa: A002 - as its field
        """A new one, which waits for its turn. Raises `Invalid` for one that nobody asked for: it has nobody's rights."""
        job = cls(id=id, create_time=at, expire_time=at + KEPT, **given)
        if not job.creator_id:
            raise Invalid({"": "a job is done by the rights of a person: a key has none that could be asked for later"})
        job.record(pb.JobCreated())
        return job

    @property
    def open(self) -> bool:
        """Whether it waits or is under way."""
        return self.state in OPEN

    @property
    def list_id(self) -> str:
        """What the rows of its report lie under."""
        return f"{self.id}|{self.run}"

    def start(self, at: datetime) -> None:
        """Its turn has come; again changes nothing."""
        if self.state is State.RUNNING:
            return
        if self.state is not State.PENDING:
            raise ForbiddenMove(self.state, "start")
        self.state, self.start_time = State.RUNNING, at
        self.record(pb.JobStarted())

    def settle(self, total: int, run: str = "") -> None:
        """It is clear now what it is about, kept as `run`. Of records the first list counts; a file is begun anew."""
        self._running("settle")
        if self.collected and self.kind is Kind.BULK:
            return
        self.collected, self.progress, self.run = True, Progress(total=total), run
        self.record(pb.JobProgressed())

    def advance(self, progress: Progress) -> None:
        """It has come so far; nothing new, nothing is told."""
        self._running("advance")
        if progress != self.progress:
            self.progress = progress
            self.record(pb.JobProgressed())

    def cancel(self, at: datetime) -> None:
        """Ends it, as soon as what is being done is done. Raises `ForbiddenMove` for one that has ended."""
        if self.state is State.PENDING:
            self._end(State.CANCELLED, at)
        elif self.state is not State.RUNNING:
            raise ForbiddenMove(self.state, "cancel", "the job has ended")
        elif not self.cancel_requested:
            self.cancel_requested = True
            self.record(pb.JobCancelRequested())

    def finish(self, at: datetime, progress: Progress, result: Result | None = None) -> None:
        """It went as far as it should: through all, or to where somebody wanted no more."""
        self._running("finish")
        self.progress, self.result = progress, result
        self._end(State.CANCELLED if self.cancel_requested else State.SUCCEEDED, at)

    def fail(self, at: datetime, reason: str, progress: Progress | None = None) -> None:
        """It cannot go on."""
        if not self.open:
            raise ForbiddenMove(self.state, "fail")
        self.reason, self.progress = reason, progress or self.progress
        self._end(State.FAILED, at)

    def delete(self, at: datetime) -> None:
        """Nobody needs it any more: it is forgotten now. Raises `ForbiddenMove` for one that has not ended."""
        if self.open:
            raise ForbiddenMove(self.state, "delete", "the job has not ended: cancel it first")
        self.delete_time = self.expire_time = at
        self.record(pb.JobDeleted())

    def undo(self, at: datetime, by: str) -> None:
        """Another job takes it back. Raises `ForbiddenMove`, saying why that cannot be."""
        if self.open:
            raise ForbiddenMove(self.state, "undo", "the job has not ended: cancel it first")
        if not self.invertible:
            raise ForbiddenMove(self.state, "undo", "what this job does has no inverse")
        if self.undo_of:
            raise ForbiddenMove(self.state, "undo", "this job took another back already")
        if self.undone_by:
            raise ForbiddenMove(self.state, "undo", f"the job {self.undone_by} takes it back already")
        if self.undo_expire_time is None or at >= self.undo_expire_time:
            raise ForbiddenMove(self.state, "undo", "it did nothing, or too long ago")
        self.undone_by = by
        self.record(pb.JobUndone())

    def _running(self, verb: str) -> None:
        if self.state is not State.RUNNING:
            raise ForbiddenMove(self.state, verb)

    def _end(self, state: State, at: datetime) -> None:
        self.state, self.end_time = state, at
        # What is forgotten with its report must not be forgotten while it may be taken back.
        self.expire_time = at + KEPT
        if self.invertible and not self.undo_of and self.progress.done > self.progress.failed:
            self.undo_expire_time = at + UNDO_WITHIN
        event: Event = pb.JobFinished()
        self.record(event)
