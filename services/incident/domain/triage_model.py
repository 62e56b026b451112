"""What was learned from a tenant's incidents: asked for, learned beside the service, put to use, taken out of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Self

from itsm.incident import v1 as pb

from chassis.domain import Aggregate
from services.incident.domain.moment import Act
from services.incident.domain.moves import Move, moved

_FAILURE = 1_000


class Purpose(StrEnum):
    """What a model is for."""

    CATEGORY = "CATEGORY"
    TEAM = "TEAM"
    PRIORITY = "PRIORITY"
    SIMILAR_INCIDENTS = "SIMILAR_INCIDENTS"


class ModelState(StrEnum):
    """How far it is."""

    TRAINING = "TRAINING"
    READY = "READY"
    ACTIVE = "ACTIVE"
    FAILED = "FAILED"
    RETIRED = "RETIRED"


_USABLE = frozenset({ModelState.READY, ModelState.ACTIVE})

MOVES: Mapping[str, Move[ModelState]] = {
    "learn": Move(frozenset({ModelState.TRAINING}), ModelState.READY),
    "fail": Move(frozenset({ModelState.TRAINING}), ModelState.FAILED),
    "activate": Move(_USABLE, ModelState.ACTIVE),
    "deactivate": Move(frozenset({ModelState.ACTIVE}), ModelState.READY),
    "retire": Move(_USABLE, ModelState.RETIRED),
}


@dataclass(slots=True, kw_only=True)
class TriageModel(Aggregate):
    """One model of one purpose; what it knows lies in pieces under its id."""

    purpose: Purpose
    state: ModelState = ModelState.TRAINING
    held_back: bool = False
    incident_count: int = 0
    labels: list[str] = field(default_factory=list)
    accuracy: float = 0.0
    failure: str = ""
    creator_id: str
    create_time: datetime
    train_time: datetime | None = None
    # Kept inside: since when it waits to be learned, and in how many pieces it is kept.
    next_due_time: datetime | None = None
    pieces: int = 0

    @classmethod
    def asked_for(cls, act: Act, *, id: str, purpose: Purpose, held_back: bool) -> Self:  # noqa: A002 - as its field
        """One that is to be learned now."""
        model = cls(id=id, purpose=purpose, held_back=held_back, creator_id=act.by, create_time=act.at, next_due_time=act.at)
        model.record(pb.TriageModelCreated())
        return model

    def learned(self, at: datetime, *, incident_count: int, labels: Sequence[str], accuracy: float, pieces: int) -> None:
        """It was learned, and takes its place unless it is held back."""
        self._move("learn")
        if not self.held_back:
            self._move("activate")
        self.incident_count, self.labels, self.accuracy, self.pieces = incident_count, list(labels), accuracy, pieces
        self.train_time, self.next_due_time = at, None
        self.record(pb.TriageModelTrained())

    def fail(self, why: str) -> None:
        """Nothing could be learned."""
        self._move("fail")
        self.failure, self.next_due_time = why[:_FAILURE], None
        self.record(pb.TriageModelFailed())

    def activate(self) -> None:
        """Suggestions come from it; once more is no news."""
        if self._move("activate"):
            self.record(pb.TriageModelActivated())

    def deactivate(self) -> None:
        """Another takes its place; it stays ready."""
        self._move("deactivate")
        self.record(pb.TriageModelDeactivated())

    def retire(self) -> None:
        """What it knows is forgotten."""
        self._move("retire")
        self.pieces = 0
        self.record(pb.TriageModelRetired())

    def _move(self, verb: str) -> bool:
        before, self.state = self.state, moved(MOVES, self.state, verb)
        return self.state is not before
