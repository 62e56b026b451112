"""The major incident: who proposes and who declares, what is checked, told and promised, and what is learned of it at the end.

It stands beside its incident and moves by a table of its own. A verb raises `ForbiddenMove` for a state or a rule that says
no, `Invalid` for input that is wrong; the record must then be thrown away.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from itsm.incident import v1 as pb

from chassis.domain import Aggregate, Event
from chassis.errors import ForbiddenMove, Invalid
from services.incident.domain import limits
from services.incident.domain.moment import Act
from services.incident.domain.moves import Move, moved

ITEMS = 100
"""Items of a checklist, actions of a review, services."""
ITEM_LENGTH = 1_000
TEXT_LENGTH = 65_536

USUAL = (
    "Open a channel where everybody who works on it can talk",
    "Say who leads, who writes updates and who looks for the cause",
    "Find out which services and whom it hits",
    "Tell those who are hit, and when they will hear again",
    "Look at what changed before it began",
    "Decide on a workaround",
    "See with those who were hit that it is over",
    "Set the date of the review",
)
"""The checklist of a major incident that is declared without one."""


class MajorState(StrEnum):
    """Where it stands. RESOLVED is open to its review; CLOSED and DECLINED are final."""

    CANDIDATE = "CANDIDATE"
    DECLARED = "DECLARED"
    RESOLVED = "RESOLVED"
    CLOSED = "CLOSED"
    DECLINED = "DECLINED"

    @property
    def is_open(self) -> bool:
        """True while somebody has to decide or to work."""
        return self in _OPEN

    @property
    def is_final(self) -> bool:
        """True when no verb leads out."""
        return self in (MajorState.CLOSED, MajorState.DECLINED)


_OPEN = frozenset({MajorState.CANDIDATE, MajorState.DECLARED})
_LED = frozenset({MajorState.DECLARED, MajorState.RESOLVED})

MAJOR_MOVES: Mapping[str, Move[MajorState]] = {
    "declare": Move(frozenset({MajorState.CANDIDATE}), MajorState.DECLARED),
    "decline": Move(_OPEN, MajorState.DECLINED),
    "staff": Move(_OPEN, MajorState.DECLARED, keeps=_OPEN),
    "check": Move(_LED, MajorState.DECLARED, keeps=_LED),
    "tell": Move(_LED, MajorState.DECLARED, keeps=_LED),
    "resolve": Move(frozenset({MajorState.DECLARED}), MajorState.RESOLVED),
    "reopen": Move(frozenset({MajorState.RESOLVED}), MajorState.DECLARED),
    "review": Move(frozenset({MajorState.RESOLVED}), MajorState.RESOLVED),
    "close": Move(frozenset({MajorState.RESOLVED}), MajorState.CLOSED),
}


class Role(StrEnum):
    """What somebody is there for."""

    COMMANDER = "COMMANDER"
    COMMUNICATIONS = "COMMUNICATIONS"
    TECHNICAL_LEAD = "TECHNICAL_LEAD"
    SCRIBE = "SCRIBE"
    LIAISON = "LIAISON"


@dataclass(slots=True, kw_only=True, frozen=True)
class MajorRole:
    """Who has a role."""

    role: Role
    person_id: str


@dataclass(slots=True, kw_only=True, frozen=True)
class ChecklistItem:
    """Something that is not to be forgotten."""

    key: str
    text: str
    done_by: str = ""
    done_time: datetime | None = None


@dataclass(slots=True, kw_only=True, frozen=True)
class ReviewAction:
    """Something to be done after a review."""

    key: str = ""
    text: str
    owner_id: str = ""
    due_time: datetime | None = None
    done_by: str = ""
    done_time: datetime | None = None


@dataclass(slots=True, kw_only=True)
class MajorReview:
    """What was learned."""

    summary: str = ""
    cause: str = ""
    went_well: str = ""
    went_badly: str = ""
    actions: list[ReviewAction] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Major(Aggregate):
    """An incident that is handled beyond the usual."""

    number: str
    title: str
    description: str = ""
    state: MajorState = MajorState.CANDIDATE
    incident_id: str
    requester_id: str = ""
    team_id: str = ""
    assignee_id: str = ""
    roles: list[MajorRole] = field(default_factory=list)
    checklist: list[ChecklistItem] = field(default_factory=list)
    service_ids: list[str] = field(default_factory=list)
    impacted_service_ids: list[str] = field(default_factory=list)
    resolution_code: str = ""
    resolution: str = ""
    review: MajorReview | None = None
    create_time: datetime
    update_time: datetime
    declare_time: datetime | None = None
    resolve_time: datetime | None = None
    close_time: datetime | None = None
    next_update_time: datetime | None = None
    missed_update_count: int = 0
    # How many items and actions there were: keys are never used again.
    item_count: int = 0

    @classmethod
    def propose(cls, act: Act, *, id: str, number: str, title: str, **given: Any) -> Self:  # noqa: A002 - as its field
        """A candidate. Raises `Invalid` for fields beyond their limits."""
        _check_fields({"title": title, **given})
        fields = {"requester_id": act.by, **given}
        major = cls(id=id, number=number, title=title, create_time=act.at, update_time=act.at, **fields)
        major._changed(pb.MajorProposed(), act)
        return major

    def edit(self, act: Act, **fields: Any) -> None:
        """Changes named fields; nothing changed, nothing is told."""
        fields = {name: value for name, value in fields.items() if getattr(self, name) != value}
        if not fields:
            return
        if self.state.is_final:
            raise ForbiddenMove(self.state, "update")
        _check_fields(fields)
        for name, value in fields.items():
            setattr(self, name, value)
        self._changed(pb.MajorUpdated(), act)

    def declare(self, act: Act, commander_id: str, checklist: Sequence[str]) -> None:
        """It is one: somebody leads it, and there is a checklist."""
        self.state = moved(MAJOR_MOVES, self.state, "declare")
        self.declare_time = act.at
        if commander_id or not self.assignee_id:
            self._give(MajorRole(role=Role.COMMANDER, person_id=commander_id or act.by))
        self._extend(checklist or USUAL)
        self._changed(pb.MajorDeclared(), act)

    def decline(self, act: Act, reason: str) -> None:
        """It is none, or no longer."""
        self.state = moved(MAJOR_MOVES, self.state, "decline")
        limits.check({"reason": reason}, required=True)
        self.resolution, self.close_time, self.next_update_time = reason, act.at, None
        self._changed(pb.MajorDeclined(reason=reason), act)

    def staff(self, act: Act, role: MajorRole) -> None:
        """Gives a role to somebody, or to nobody. One that is declared is never without a commander."""
        self.state = moved(MAJOR_MOVES, self.state, "staff")
        limits.check({"assignee_id": role.person_id})
        if role.role is Role.COMMANDER and not role.person_id and self.state is MajorState.DECLARED:
            raise ForbiddenMove(self.state, "staff", "somebody leads a major incident: name who does instead")
        if self._give(role):
            self._changed(pb.MajorStaffed(role=pb.MajorRole(role=role.role.value, person_id=role.person_id)), act)

    def extend(self, act: Act, texts: Sequence[str]) -> None:
        """More is not to be forgotten."""
        self.state = moved(MAJOR_MOVES, self.state, "check")
        self._extend(texts)
        self._changed(pb.MajorChecked(), act)

    def check(self, act: Act, key: str, *, undone: bool = False) -> None:
        """An item is done, or not after all; the same again changes nothing."""
        self.state = moved(MAJOR_MOVES, self.state, "check")
        item = _of(self.checklist, key)
        if (item.done_time is None) is undone:
            return
        done = replace(item, done_by="" if undone else act.by, done_time=None if undone else act.at)
        self.checklist = [done if each is item else each for each in self.checklist]
        self._changed(pb.MajorChecked(key=key), act)

    def assessed(self, act: Act, service_ids: Sequence[str]) -> None:
        """The landscape says which services it hits; what people say stays beside it."""
        found = list(service_ids)[:ITEMS]
        if found != self.impacted_service_ids and not self.state.is_final:
            self.impacted_service_ids = found
            self._changed(pb.MajorAssessed(), act)

    def told(self, act: Act, next_time: datetime | None) -> None:
        """A status update was given, which promises the next one or none."""
        self.state = moved(MAJOR_MOVES, self.state, "tell")
        if next_time is not None and next_time <= act.at:
            raise Invalid({"next_update_time": "must be in the future"})
        if next_time != self.next_update_time:
            self.next_update_time = next_time
            self._changed(pb.MajorUpdatePromised(), act)

    def miss(self, act: Act) -> bool:
        """Whether the update that was promised has not come by now; that is told once."""
        promised = self.next_update_time
        if promised is None or promised > act.at:
            return False
        self.next_update_time = None
        self.missed_update_count += 1
        event = pb.MajorUpdateMissed()
        event.promised_time.FromDatetime(promised)
        self._changed(event, act)
        return True

    def resolve(self, act: Act, *, resolution_code: str, resolution: str) -> None:
        """It is over, but for the review."""
        self.state = moved(MAJOR_MOVES, self.state, "resolve")
        limits.check({"resolution_code": resolution_code, "resolution": resolution}, required=True)
        self.resolve_time, self.resolution_code, self.resolution = act.at, resolution_code, resolution
        self.next_update_time = None
        self._changed(pb.MajorResolved(resolution_code=resolution_code), act)

    def reopen(self, act: Act, reason: str) -> None:
        """It is not over. What was written of the review stays, and nobody writes on until it is resolved again."""
        self.state = moved(MAJOR_MOVES, self.state, "reopen")
        limits.check({"reason": reason}, required=True)
        self.resolve_time, self.resolution_code, self.resolution = None, "", ""
        self._changed(pb.MajorReopened(reason=reason), act)

    def learn(self, act: Act, review: MajorReview) -> None:
        """What was learned. Actions with a key are those that are there already, and stay as done as they are."""
        self.state = moved(MAJOR_MOVES, self.state, "review")
        before = {action.key: action for action in self.review.actions} if self.review else {}
        _check_review(review, before)
        actions = []
        for action in review.actions:
            kept = before.get(action.key) if action.key else None
            done = {"done_by": kept.done_by, "done_time": kept.done_time} if kept else {"done_by": "", "done_time": None}
            actions.append(replace(action, key=action.key or self._key("a"), **done))
        after = replace(review, actions=actions)
        if after != self.review:
            self.review = after
            self._changed(pb.MajorReviewed(), act)

    def complete(self, act: Act, key: str) -> None:
        """An action is done, also after it was closed; the same again changes nothing."""
        if self.review is None:
            raise ForbiddenMove(self.state, "complete", "it was not reviewed yet")
        action = _of(self.review.actions, key)
        if action.done_time is None:
            done = replace(action, done_by=act.by, done_time=act.at)
            self.review = replace(self.review, actions=[done if each is action else each for each in self.review.actions])
            self._changed(pb.MajorReviewed(), act)

    def close(self, act: Act) -> None:
        """Over for good, once somebody wrote what was learned."""
        self.state = moved(MAJOR_MOVES, self.state, "close")
        if self.review is None or not self.review.summary.strip():
            raise ForbiddenMove(MajorState.RESOLVED, "close", "it is closed with a review: write its summary first")
        self.close_time = act.at
        self._changed(pb.MajorClosed(), act)

    def _give(self, role: MajorRole) -> bool:
        others = [each for each in self.roles if each.role is not role.role]
        after = sorted([*others, role] if role.person_id else others, key=lambda each: list(Role).index(each.role))
        changed, self.roles = after != self.roles, after
        self.assignee_id = next((each.person_id for each in after if each.role is Role.COMMANDER), "")
        return changed

    def _extend(self, texts: Sequence[str]) -> None:
        if not texts or len(self.checklist) + len(texts) > ITEMS:
            raise Invalid({"checklist": f"needs 1 to {ITEMS} items in all"})
        if wrong := [text for text in texts if not 0 < len(text.strip()) <= ITEM_LENGTH]:
            raise Invalid({"checklist": f"an item has 1 to {ITEM_LENGTH} characters, not {len(wrong[0])}"})
        self.checklist = [*self.checklist, *(ChecklistItem(key=self._key("c"), text=text) for text in texts)]

    def _key(self, letter: str) -> str:
        self.item_count += 1
        return f"{letter}{self.item_count}"

    def _changed(self, event: Event, act: Act) -> None:
        self.update_time = act.at
        self.record(event)


def _of(items: Sequence[Any], key: str) -> Any:
    found = next((item for item in items if item.key == key), None)
    if found is None:
        raise Invalid({"key": "there is no such item"})
    return found


def _check_fields(fields: Mapping[str, Any]) -> None:
    services = fields.get("service_ids", [])
    limits.check({name: value for name, value in fields.items() if name != "service_ids"})
    if len(services) > ITEMS or len(set(services)) != len(services) or not all(0 < len(each) <= limits.ID for each in services):
        raise Invalid({"service_ids": f"needs up to {ITEMS} entries of 1 to {limits.ID} characters, each once"})


def _check_review(review: MajorReview, before: Mapping[str, ReviewAction]) -> None:
    wrong = {
        f"review.{name}": f"may have {TEXT_LENGTH} characters"
        for name in ("summary", "cause", "went_well", "went_badly")
        if len(getattr(review, name)) > TEXT_LENGTH
    }
    if len(review.actions) > ITEMS:
        wrong["review.actions"] = f"may have {ITEMS} entries, not {len(review.actions)}"
    keys = [action.key for action in review.actions if action.key]
    for place, action in enumerate(review.actions[:ITEMS]):
        if not 0 < len(action.text.strip()) <= ITEM_LENGTH or len(action.owner_id) > limits.ID:
            wrong[f"review.actions[{place}]"] = f"needs a text of 1 to {ITEM_LENGTH} characters, and an owner by id"
        elif action.key and (action.key not in before or keys.count(action.key) > 1):
            wrong[f"review.actions[{place}].key"] = "names no action that is there, or one twice; leave it out for a new one"
    if wrong:
        raise Invalid(wrong)
