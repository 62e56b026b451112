"""The problem: what makes incidents happen, what is known of it, and what ends it.

The table of moves is the one that large desks share (assess, analyze, fix, watch, close), with three ends beside the fix that
held: the risk is accepted, another problem is the same, it was none. Ours are in addition:

- `analyze` also from FIXING: the fix may show that the cause is another;
- `assign` from every open state, which it keeps.

A known error is no state but what is known: the cause or a workaround, while the fix is outstanding or will never come.
No verb touches an incident: what a problem caused ends by its own moves. A verb raises `ForbiddenMove` for a state or a rule
that says no, `Invalid` for input that is wrong; the problem must then be thrown away.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from itsm.incident import v1 as pb

from chassis.domain import Aggregate, Event
from chassis.errors import ForbiddenMove, Invalid
from services.incident.domain import limits
from services.incident.domain.link import Link, LinkKind
from services.incident.domain.moment import Act
from services.incident.domain.moves import Move, moved
from services.incident.domain.priority import Impact, Priority, Urgency, prioritize
from services.incident.domain.recurrence import words_of


class ProblemState(StrEnum):
    """Where a problem stands."""

    NEW = "NEW"
    ASSESS = "ASSESS"
    ANALYSIS = "ANALYSIS"
    FIXING = "FIXING"
    RESOLVED = "RESOLVED"
    CLOSED = "CLOSED"
    CANCELLED = "CANCELLED"

    @property
    def is_open(self) -> bool:
        """True while somebody still owes something."""
        return self in OPEN

    @property
    def is_final(self) -> bool:
        """True when no verb leads out."""
        return self in (ProblemState.CLOSED, ProblemState.CANCELLED)


class ClosingCode(StrEnum):
    """As what a problem was closed."""

    FIXED = "FIXED"
    RISK_ACCEPTED = "RISK_ACCEPTED"
    DUPLICATE = "DUPLICATE"


OPEN = frozenset({ProblemState.NEW, ProblemState.ASSESS, ProblemState.ANALYSIS, ProblemState.FIXING})
_EARLY = frozenset({ProblemState.NEW, ProblemState.ASSESS})
_LATE = frozenset({ProblemState.ANALYSIS, ProblemState.FIXING})

MOVES: Mapping[str, Move[ProblemState]] = {
    "assign": Move(OPEN, ProblemState.NEW, keeps=OPEN),
    "assess": Move(frozenset({ProblemState.NEW}), ProblemState.ASSESS),
    "analyze": Move(frozenset({ProblemState.ASSESS, ProblemState.FIXING}), ProblemState.ANALYSIS),
    "fix": Move(frozenset({ProblemState.ANALYSIS}), ProblemState.FIXING),
    "resolve": Move(frozenset({ProblemState.FIXING}), ProblemState.RESOLVED),
    "reopen": Move(frozenset({ProblemState.RESOLVED}), ProblemState.FIXING),
    "close": Move(frozenset({ProblemState.RESOLVED}), ProblemState.CLOSED),
    "acceptRisk": Move(_LATE, ProblemState.CLOSED),
    "markDuplicate": Move(_EARLY, ProblemState.CLOSED),
    "cancel": Move(_EARLY, ProblemState.CANCELLED),
}


@dataclass(slots=True, kw_only=True)
class Problem(Aggregate):
    """What makes incidents happen."""

    number: str
    title: str
    description: str = ""
    state: ProblemState = ProblemState.NEW
    closing_code: ClosingCode | None = None
    impact: Impact = Impact.MEDIUM
    urgency: Urgency = Urgency.MEDIUM
    priority: Priority = Priority.P3
    service_id: str = ""
    asset_ids: list[str] = field(default_factory=list)
    category: str = ""
    requester_id: str = ""
    team_id: str = ""
    assignee_id: str = ""
    cause: str = ""
    workaround: str = ""
    known_error: bool = False
    resolution: str = ""
    reopen_count: int = 0
    links: list[Link] = field(default_factory=list)
    create_time: datetime
    update_time: datetime
    known_time: datetime | None = None
    resolve_time: datetime | None = None
    close_time: datetime | None = None
    # Kept inside: the words of the title, by which a known error is found.
    words: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, act: Act, *, id: str, number: str, title: str, **given: Any) -> Self:  # noqa: A002 - as its field
        """A new problem with its priority. Raises `Invalid` for fields beyond their limits."""
        limits.check({"title": title, **given})
        given.setdefault("requester_id", act.by)
        problem = cls(id=id, number=number, title=title, create_time=act.at, update_time=act.at, **given)
        problem._changed(pb.ProblemOpened(), act)
        return problem

    def edit(self, act: Act, **fields: Any) -> None:
        """Changes named fields. Nothing changed, nothing is told."""
        fields = {name: value for name, value in fields.items() if getattr(self, name) != value}
        if not fields:
            return
        if self.state.is_final:
            raise ForbiddenMove(self.state, "update")
        limits.check(fields)
        for name, value in fields.items():
            setattr(self, name, value)
        self._changed(pb.ProblemUpdated(), act)

    def assign(self, act: Act, *, team_id: str, assignee_id: str = "") -> None:
        """Gives it to a team and, where named, to a person; the same owner again changes nothing."""
        moved(MOVES, self.state, "assign")
        limits.check({"team_id": team_id, "assignee_id": assignee_id})
        if not team_id.strip():
            raise Invalid({"team_id": "must name the team that owns it"})
        owners = ((self.team_id, team_id), (self.assignee_id, assignee_id))
        if any(old != new for old, new in owners):
            self.team_id, self.assignee_id = team_id, assignee_id
            self._changed(pb.ProblemAssigned(reassigned=any(old and old != new for old, new in owners)), act)

    def assess(self, act: Act) -> None:
        """Somebody asks whether it is one."""
        self._move("assess")
        self._changed(pb.ProblemAssessed(), act)

    def analyze(self, act: Act) -> None:
        """The cause is looked for, by a team."""
        after = moved(MOVES, self.state, "analyze")
        if not self.team_id:
            raise ForbiddenMove(self.state, "analyze", "no team owns it: assign it first")
        self.state = after
        self._changed(pb.ProblemAnalyzed(), act)

    def diagnose(self, act: Act, *, cause: str | None = None, workaround: str | None = None) -> None:
        """Says what is known; what is not given stays. Nothing new, nothing is told."""
        said = {name: text for name, text in (("cause", cause), ("workaround", workaround)) if text is not None}
        limits.check(said)
        if self.state.is_final and self.closing_code is not ClosingCode.RISK_ACCEPTED:
            raise ForbiddenMove(self.state, "diagnose")
        if all(getattr(self, name) == text for name, text in said.items()):
            return
        for name, text in said.items():
            setattr(self, name, text)
        self._changed(pb.ProblemDiagnosed(), act)

    def fix(self, act: Act) -> None:
        """The cause is being removed, so it has to be known."""
        after = moved(MOVES, self.state, "fix")
        if not self.cause.strip():
            raise ForbiddenMove(self.state, "fix", "nobody has said what the cause is: diagnose it first")
        self.state = after
        self._changed(pb.ProblemFixStarted(), act)

    def resolve(self, act: Act, *, resolution: str) -> None:
        """The fix is in, and is watched."""
        self._move("resolve")
        limits.check({"resolution": resolution}, required=True)
        self.resolution, self.resolve_time = resolution, act.at
        self._changed(pb.ProblemResolved(), act)

    def reopen(self, act: Act, *, reason: str) -> None:
        """The fix did not hold."""
        self._move("reopen")
        limits.check({"reason": reason}, required=True)
        self.resolution = ""
        self.reopen_count += 1
        self._changed(pb.ProblemReopened(reason=reason), act)

    def close(self, act: Act) -> None:
        """The fix held."""
        self._close("close", ClosingCode.FIXED, act)

    def accept_risk(self, act: Act, *, reason: str) -> None:
        """Nobody will fix it; what is known of it goes on being of use."""
        limits.check({"reason": reason}, required=True)
        self.resolution = reason
        self._close("acceptRisk", ClosingCode.RISK_ACCEPTED, act)

    def mark_duplicate(self, act: Act, original: str) -> None:
        """Another problem, `problems/prb_…`, is the same."""
        limits.check_link(original, f"problems/{self.id}")
        self.links = [*self.links, Link(kind=LinkKind.DUPLICATE_OF, target=original)]
        self._close("markDuplicate", ClosingCode.DUPLICATE, act)

    def cancel(self, act: Act, *, reason: str) -> None:
        """It was none."""
        self._move("cancel")
        limits.check({"reason": reason}, required=True)
        self.close_time = act.at
        self._changed(pb.ProblemCancelled(reason=reason), act)

    def link(self, act: Act, link: Link) -> None:
        """Refers to another record; a reference that is there already changes nothing."""
        limits.check_link(link.target, f"problems/{self.id}")
        if link in self.links:
            return
        if len(self.links) >= limits.LINKS:
            raise Invalid({"link": f"there are {limits.LINKS} references already"})
        self.links = [*self.links, link]
        self._changed(pb.ProblemLinked(link=link.message()), act)

    def unlink(self, act: Act, link: Link) -> None:
        """Takes a reference away; one that is not there changes nothing."""
        if link in self.links:
            self.links = [other for other in self.links if other != link]
            self._changed(pb.ProblemLinked(link=link.message(), removed=True), act)

    def _move(self, verb: str) -> None:
        self.state = moved(MOVES, self.state, verb)

    def _close(self, verb: str, code: ClosingCode, act: Act) -> None:
        self._move(verb)
        self.closing_code, self.close_time = code, act.at
        self._changed(pb.ProblemClosed(closing_code=code.value), act)

    def _changed(self, event: Event, act: Act) -> None:
        known = bool(self.cause.strip() or self.workaround.strip())
        self.known_error = known and (self.state.is_open or self.closing_code is ClosingCode.RISK_ACCEPTED)
        self.known_time = (self.known_time or act.at) if known else None
        self.priority = prioritize(self.impact, self.urgency)
        self.words = words_of(self.title)
        self.update_time = act.at
        self.record(event)
