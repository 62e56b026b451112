"""The release: changes that reach people together, each with an approval of its own.

A verb raises `ForbiddenMove` for a state or a rule that says no, `Invalid` for input that is wrong; the release must then be
thrown away. What its changes have to have reached is asked of them by whoever moves it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from itsm.incident import v1 as pb

from chassis.domain import Aggregate, Event
from chassis.errors import ForbiddenMove, Invalid
from services.incident.domain import limits
from services.incident.domain.change_states import ChangeState
from services.incident.domain.link import Link
from services.incident.domain.moment import Act
from services.incident.domain.moves import Move, moved

CHANGES = 200


class ReleaseState(StrEnum):
    """Where a release stands. `rework` leads back to BUILD from a test or a deployment that found something."""

    PLANNING = "PLANNING"
    BUILD = "BUILD"
    TEST = "TEST"
    DEPLOY = "DEPLOY"
    EARLY_LIFE_SUPPORT = "EARLY_LIFE_SUPPORT"
    CLOSED = "CLOSED"
    CANCELLED = "CANCELLED"

    @property
    def is_final(self) -> bool:
        """True when no verb leads out."""
        return self in (ReleaseState.CLOSED, ReleaseState.CANCELLED)


_S = ReleaseState
_EARLY = frozenset({_S.PLANNING, _S.BUILD, _S.TEST})

RELEASE_MOVES: Mapping[str, Move[ReleaseState]] = {
    "build": Move(frozenset({_S.PLANNING}), _S.BUILD),
    "test": Move(frozenset({_S.BUILD}), _S.TEST),
    "rework": Move(frozenset({_S.TEST, _S.DEPLOY}), _S.BUILD),
    "deploy": Move(frozenset({_S.TEST}), _S.DEPLOY),
    "support": Move(frozenset({_S.DEPLOY}), _S.EARLY_LIFE_SUPPORT),
    "close": Move(frozenset({_S.EARLY_LIFE_SUPPORT}), _S.CLOSED),
    "cancel": Move(_EARLY, _S.CANCELLED),
}

_MADE = frozenset({ChangeState.REVIEW, ChangeState.CLOSED})
REACHED: Mapping[str, frozenset[ChangeState]] = {
    "deploy": frozenset({ChangeState.SCHEDULED, ChangeState.IMPLEMENT, *_MADE}),
    "support": _MADE,
    "close": frozenset({ChangeState.CLOSED}),
}
"""What each change of a release has to have reached for a verb; a change that was cancelled is passed over."""


@dataclass(slots=True, kw_only=True)
class Release(Aggregate):
    """Changes that reach people together."""

    number: str
    title: str
    description: str = ""
    state: ReleaseState = ReleaseState.PLANNING
    release_version: str = ""
    requester_id: str = ""
    team_id: str = ""
    assignee_id: str = ""
    change_ids: list[str] = field(default_factory=list)
    start_time: datetime | None = None
    end_time: datetime | None = None
    result: str = ""
    links: list[Link] = field(default_factory=list)
    create_time: datetime
    update_time: datetime
    deploy_time: datetime | None = None
    close_time: datetime | None = None

    @classmethod
    def open(cls, act: Act, *, id: str, number: str, title: str, **given: Any) -> Self:  # noqa: A002 - as its field
        """A planned release. Raises `Invalid` for fields beyond their limits."""
        limits.check({"title": title, **given})
        fields = {"requester_id": act.by, **given}
        release = cls(id=id, number=number, title=title, create_time=act.at, update_time=act.at, **fields)
        release._check()
        release._changed(pb.ReleaseOpened(), act)
        return release

    def edit(self, act: Act, **fields: Any) -> None:
        """Changes named fields; nothing changed, nothing is told."""
        fields = {name: value for name, value in fields.items() if getattr(self, name) != value}
        if not fields:
            return
        if self.state.is_final:
            raise ForbiddenMove(self.state, "update")
        limits.check(fields)
        for name, value in fields.items():
            setattr(self, name, value)
        self._check()
        self._changed(pb.ReleaseUpdated(), act)

    def fill(self, act: Act, change_id: str, *, removed: bool = False) -> None:
        """Contains one change more, or one less, until it is deployed; the same again changes nothing."""
        if self.state not in _EARLY:
            raise ForbiddenMove(self.state, "fill", "what is deployed contains what it contains")
        if (change_id in self.change_ids) is not removed:
            return
        if not removed and len(self.change_ids) >= CHANGES:
            raise Invalid({"change_id": f"a release contains {CHANGES} changes"})
        others = [each for each in self.change_ids if each != change_id]
        self.change_ids = others if removed else [*others, change_id]
        self._changed(pb.ReleaseFilled(change_id=change_id, removed=removed), act)

    def move(self, act: Act, verb: str, states: Collection[ChangeState], *, reason: str = "") -> None:
        """Goes on, or back with a reason. `states` are those of its changes.

        Raises `ForbiddenMove` where one of them has not reached what the verb asks for, or a deployment would be of nothing.
        """
        before, self.state = self.state, moved(RELEASE_MOVES, self.state, verb)
        if verb == "rework":
            limits.check({"reason": reason}, required=True)
        self._check_reached(before, verb, states)
        if verb == "deploy":
            self.deploy_time = act.at
        self._changed(pb.ReleaseMoved(reason=reason), act)

    def close(self, act: Act, states: Collection[ChangeState], result: str) -> None:
        """Over for good."""
        before, self.state = self.state, moved(RELEASE_MOVES, self.state, "close")
        limits.check({"result": result}, required=True)
        self._check_reached(before, "close", states)
        self.result, self.close_time = result, act.at
        self._changed(pb.ReleaseClosed(), act)

    def cancel(self, act: Act, reason: str) -> None:
        """Called off; its changes stay as they are."""
        self.state = moved(RELEASE_MOVES, self.state, "cancel")
        limits.check({"reason": reason}, required=True)
        self.close_time = act.at
        self._changed(pb.ReleaseCancelled(reason=reason), act)

    def _check_reached(self, state: ReleaseState, verb: str, states: Collection[ChangeState]) -> None:
        wanted = REACHED.get(verb)
        if wanted is None:
            return
        counted = [each for each in states if each is not ChangeState.CANCELLED]
        if verb == "deploy" and not counted:
            raise ForbiddenMove(state, verb, "it contains no change that may be made")
        if left := sorted({each for each in counted if each not in wanted}):
            names = ", ".join(sorted(wanted))
            raise ForbiddenMove(state, verb, f"each of its changes has to be {names}; there are some in {', '.join(left)}")

    def _check(self) -> None:
        if len(self.release_version) > limits.ID:
            raise Invalid({"release_version": f"may have {limits.ID} characters"})
        if self.start_time is not None and self.end_time is not None and self.start_time >= self.end_time:
            raise Invalid({"end_time": "must lie behind the start"})

    def _changed(self, event: Event, act: Act) -> None:
        self.update_time = act.at
        self.record(event)
