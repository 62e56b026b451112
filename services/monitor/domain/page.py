"""The page: people are called by steps until somebody takes note. What its verbs demand, change, and the one event of each."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from itsm.monitor import v1 as pb

from chassis.domain import Aggregate, Event
from chassis.errors import ForbiddenMove, Invalid
from services.monitor.domain.escalation import Step, wrong_steps
from services.monitor.domain.signal import Severity

TITLE_LENGTH, TEXT_LENGTH = 500, 2_000
MOST_CALLS, MOST_REMARKS = 200, 100
HELP = "help"
"""What a call names where somebody asked for help."""


class PageState(StrEnum):
    """Where a page stands."""

    OPEN = "OPEN"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    RESOLVED = "RESOLVED"
    EXPIRED = "EXPIRED"


class Cause(StrEnum):
    """Why people are called."""

    ALERT = "ALERT"
    HAND = "HAND"
    TEST = "TEST"


@dataclass(slots=True, kw_only=True, frozen=True)
class Call:
    """Somebody was called: by which step of which round, both counted from 1, or by somebody who asked for help."""

    user_id: str
    time: datetime
    via: str = ""
    step: int = 0
    round: int = 0


@dataclass(slots=True, kw_only=True, frozen=True)
class Remark:
    """What somebody said of it."""

    author_id: str
    time: datetime
    text: str


@dataclass(slots=True, kw_only=True)
class Page(Aggregate):
    """One call for people, from its first step to its end. `step` counts those that were made of the present round."""

    title: str
    state: PageState = PageState.OPEN
    cause: Cause
    severity: Severity = Severity.CRITICAL
    alert_id: str = ""
    asset_id: str = ""
    team_id: str = ""
    policy_id: str = ""
    steps: list[Step]
    repeat_count: int = 0
    step: int = 0
    round: int = 1
    calls: list[Call] = field(default_factory=list)
    called_ids: list[str] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    acknowledged_by: str = ""
    ack_time: datetime | None = None
    end_time: datetime | None = None
    next_due_time: datetime | None = None
    creator_id: str = ""
    create_time: datetime
    update_time: datetime

    @classmethod
    def opened(cls, *, id: str, at: datetime, **given: Any) -> Self:  # noqa: A002 - as its field
        """A new one, whose first step is due now. Raises `Invalid`."""
        page = cls(id=id, create_time=at, update_time=at, next_due_time=at, **given)
        wrong = wrong_steps(page.steps, page.repeat_count)
        if not 0 < len(page.title.strip()) <= TITLE_LENGTH:
            wrong["title"] = f"needs 1 to {TITLE_LENGTH} characters"
        if wrong:
            raise Invalid(wrong)
        page.record(pb.PageOpened())
        return page

    @property
    def is_running(self) -> bool:
        """True while people are called by its steps."""
        return self.state is PageState.OPEN

    def following(self) -> tuple[int, int] | None:
        """The place of the step that comes next and its round; None when there is none."""
        if self.step < len(self.steps):
            return self.step, self.round
        return (0, self.round + 1) if self.round <= self.repeat_count else None

    def pass_over(self, place: int, round_: int) -> None:
        """Nobody is there whom a step could call: the next one follows."""
        self.step, self.round = place + 1, round_

    def call(self, place: int, round_: int, people: Sequence[tuple[str, str]], at: datetime) -> None:
        """A step calls people, each with what names them; then they have time to take note."""
        made = [Call(user_id=who, time=at, via=via, step=place + 1, round=round_) for who, via in people]
        self.step, self.round = place + 1, round_
        self.calls, self.called_ids = [*self.calls, *made][-MOST_CALLS:], [each.user_id for each in made]
        self.next_due_time = at + self.steps[place].wait
        self._changed(pb.PageCalled(), at)

    def expire(self, at: datetime) -> None:
        """Nobody took note, and there is nobody left to call."""
        self.state, self.end_time, self.next_due_time = PageState.EXPIRED, at, None
        self._changed(pb.PageExpired(), at)

    def acknowledge(self, by: str, at: datetime) -> None:
        """Somebody is on it: nobody else is called. Again by somebody else changes nothing. Raises `ForbiddenMove`.

        One that expired may still be taken note of: late is better than never.
        """
        if self.state is PageState.RESOLVED:
            raise ForbiddenMove(self.state, "acknowledge", "it is over")
        if self.state is PageState.ACKNOWLEDGED:
            return
        self.state, self.acknowledged_by, self.ack_time = PageState.ACKNOWLEDGED, by, at
        self.end_time = self.next_due_time = None
        self._changed(pb.PageAcknowledged(), at)

    def ask(self, user_id: str, text: str, by: str, at: datetime) -> None:
        """Calls one more person. Raises `Invalid`; `ForbiddenMove` when it is over."""
        if self.state is PageState.RESOLVED:
            raise ForbiddenMove(self.state, "help", "it is over")
        if not 0 < len(user_id) <= TITLE_LENGTH:
            raise Invalid({"user_id": "must name a person"})
        if text.strip():
            self._say(text, by, at)
        self.calls = [*self.calls, Call(user_id=user_id, time=at, via=HELP)][-MOST_CALLS:]
        self.called_ids = [user_id]
        self._changed(pb.PageHelpAsked(), at)

    def note(self, text: str, by: str, at: datetime) -> None:
        """Somebody says something of it. Raises `Invalid`."""
        if not text.strip():
            raise Invalid({"text": "is needed"})
        self._say(text, by, at)
        self._changed(pb.PageNoted(), at)

    def resolve(self, at: datetime) -> None:
        """What it is about is over. Again changes nothing."""
        if self.state is PageState.RESOLVED:
            return
        self.state, self.end_time, self.next_due_time = PageState.RESOLVED, at, None
        self._changed(pb.PageResolved(), at)

    def _say(self, text: str, by: str, at: datetime) -> None:
        if len(text) > TEXT_LENGTH:
            raise Invalid({"text": f"may have {TEXT_LENGTH} characters"})
        self.remarks = [*self.remarks, Remark(author_id=by, time=at, text=text)][-MOST_REMARKS:]

    def _changed(self, event: Event, at: datetime) -> None:
        self.update_time = at
        self.record(event)
