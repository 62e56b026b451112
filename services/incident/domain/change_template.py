"""What standard changes are made from: a text that is approved once for all of them.

An edit of what was approved is a new revision and needs a new approval; a change that went wrong suspends the template until
somebody reviewed why. Verbs raise as those of a change do.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from itsm.incident import v1 as pb

from chassis.domain import Aggregate
from chassis.errors import ForbiddenMove, Invalid
from services.incident.domain import limits
from services.incident.domain.moment import Act
from services.incident.domain.moves import Move, moved
from services.incident.domain.risk import Questions

APPROVED_TEXT = frozenset({"service_ids", "questions", "category", "implementation_plan", "test_plan", "back_out_plan"})
COPIED = ("category", "questions", "implementation_plan", "test_plan", "back_out_plan")
_PLANS = ("implementation_plan", "test_plan", "back_out_plan")


class TemplateState(StrEnum):
    """Where a template stands."""

    DRAFT = "DRAFT"
    WAITING = "WAITING"
    APPROVED = "APPROVED"
    SUSPENDED = "SUSPENDED"
    RETIRED = "RETIRED"


_ALIVE = frozenset(TemplateState) - {TemplateState.RETIRED}

MOVES: Mapping[str, Move[TemplateState]] = {
    "edit": Move(_ALIVE, TemplateState.DRAFT),
    "submit": Move(frozenset({TemplateState.DRAFT}), TemplateState.WAITING),
    "approve": Move(frozenset({TemplateState.WAITING}), TemplateState.APPROVED),
    "refuse": Move(frozenset({TemplateState.WAITING}), TemplateState.DRAFT),
    "suspend": Move(frozenset({TemplateState.APPROVED}), TemplateState.SUSPENDED),
    "reinstate": Move(frozenset({TemplateState.SUSPENDED}), TemplateState.APPROVED),
    "retire": Move(_ALIVE, TemplateState.RETIRED),
}


@dataclass(slots=True, kw_only=True)
class ChangeTemplate(Aggregate):
    """A text for standard changes, and whether it may be used."""

    name: str
    description: str = ""
    state: TemplateState = TemplateState.DRAFT
    category: str = ""
    service_ids: list[str] = field(default_factory=list)
    team_id: str = ""
    questions: Questions = field(default_factory=Questions)
    implementation_plan: str
    test_plan: str
    back_out_plan: str
    revision: int = 1
    approved_revision: int = 0
    approval_id: str = ""
    suspended_by_id: str = ""
    review: str = ""
    requester_id: str = ""
    create_time: datetime
    update_time: datetime
    # Kept inside: who edited last what is approved.
    edited_by_id: str = ""

    @classmethod
    def made(cls, act: Act, *, id: str, **given: Any) -> Self:  # noqa: A002 - as its field
        """A new one, to be approved before it is used. Raises `Invalid` for fields beyond their limits."""
        template = cls(id=id, requester_id=act.by, create_time=act.at, update_time=act.at, **given)
        template._check()
        template.record(pb.ChangeTemplateCreated())
        return template

    def edit(self, act: Act, **fields: Any) -> bool:
        """Edits named fields; nothing changed, nothing is told. Says whether it needs a new approval now."""
        fields = {name: value for name, value in fields.items() if getattr(self, name) != value}
        if not fields:
            return False
        if self.state is TemplateState.RETIRED:
            raise ForbiddenMove(self.state, "update")
        for name, value in fields.items():
            setattr(self, name, value)
        self._check()
        material = bool(APPROVED_TEXT & fields.keys())
        if material:
            self.state = moved(MOVES, self.state, "edit")
            self.revision += 1
            self.edited_by_id = act.by
        self._changed(pb.ChangeTemplateUpdated(), act)
        return material

    def submitted(self, act: Act, approval_id: str) -> None:
        """Its approval was asked for."""
        self.state, self.approval_id = moved(MOVES, self.state, "submit"), approval_id
        self._changed(pb.ChangeTemplateSubmitted(), act)

    def decided(self, act: Act, approved: bool) -> None:
        """Its approval was given or refused."""
        self.state = moved(MOVES, self.state, "approve" if approved else "refuse")
        if approved:
            self.approved_revision = self.revision
        self._changed(pb.ChangeTemplateDecided(), act)

    def suspend(self, act: Act, change_id: str) -> None:
        """A change from it went wrong; one that is not in use stays as it is."""
        if self.state is TemplateState.APPROVED:
            self.state, self.suspended_by_id, self.review = moved(MOVES, self.state, "suspend"), change_id, ""
            self._changed(pb.ChangeTemplateSuspended(change_id=change_id), act)

    def reinstate(self, act: Act, *, review: str) -> None:
        """What went wrong was reviewed: it may be used again."""
        self.state = moved(MOVES, self.state, "reinstate")
        limits.check({"review": review}, required=True)
        self.suspended_by_id, self.review = "", review
        self._changed(pb.ChangeTemplateReinstated(), act)

    def retire(self, act: Act) -> None:
        """Out of use for good."""
        self.state = moved(MOVES, self.state, "retire")
        self._changed(pb.ChangeTemplateRetired(), act)

    def fields(self) -> dict[str, Any]:
        """What a change from it begins with. Raises `ForbiddenMove` while it may not be used."""
        self.check_usable(self.revision)
        return {name: getattr(self, name) for name in COPIED} | {"template_version": self.revision}

    def check_usable(self, revision: int) -> None:
        """Raises `ForbiddenMove` unless changes from this revision may be planned."""
        if self.state is not TemplateState.APPROVED:
            raise ForbiddenMove(self.state, "use", f"the template {self.name} is {self.state}, not approved")
        if revision != self.revision:
            raise ForbiddenMove(self.state, "use", f"the template {self.name} has a newer version: propose the change anew")

    def check_scope(self, service_ids: Iterable[str]) -> None:
        """Raises `Invalid` for services that its approval does not cover."""
        if beyond := sorted(set(service_ids) - set(self.service_ids)):
            raise Invalid({"service_ids": f"the template {self.name} was not approved for {', '.join(beyond)}"})

    def _check(self) -> None:
        limits.check({"title": self.name, **{name: getattr(self, name) for name in ("description", "category", "service_ids")}})
        limits.check({name: getattr(self, name) for name in _PLANS}, required=True)
        if len(self.team_id) > limits.ID:
            raise Invalid({"team_id": f"may have {limits.ID} characters"})

    def _changed(self, event: Any, act: Act) -> None:
        self.update_time = act.at
        self.record(event)
