"""Who has to agree to something, as data: stages, who votes in each, what makes it pass, and which records it is meant for.

The arithmetic of votes is in `quorum.py`, one asking of one record in `approval.py`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from chassis.domain import Aggregate
from chassis.errors import Invalid
from services.incident.domain.quorum import Quorum
from services.incident.domain.risk import Risk

DEFAULT_POLICY_ID = "default"
CRITERIA = ("purpose", "kind", "risk", "service", "team", "category")
STAGES, VOTERS, VALUES, NAME = 10, 50, 100, 200
_LONGEST_HOURS = 24 * 366


class Purpose(StrEnum):
    """What is agreed to."""

    AUTHORIZATION = "AUTHORIZATION"
    RETROSPECTIVE = "RETROSPECTIVE"


@dataclass(slots=True, kw_only=True, frozen=True)
class VoterRule:
    """Who votes: exactly one of a person, a team, everybody with a role, or the team that owns the record.

    `one_vote` gives the people whom it names one vote together, which the first of them casts.
    """

    user_id: str = ""
    team_id: str = ""
    role: str = ""
    record_team: bool = False
    one_vote: bool = False
    weight: int = 1
    veto: bool = False

    def wrong(self) -> str:
        """What is wrong with it; empty when nothing is."""
        if sum(map(bool, (self.user_id, self.team_id, self.role, self.record_team))) != 1:
            return "names exactly one of userId, teamId, role and recordTeam"
        if not 1 <= self.weight <= 100:
            return "has a weight from 1 to 100"
        return ""


@dataclass(slots=True, kw_only=True, frozen=True)
class StageRule:
    """One stage: votes inside it are cast in parallel, stages run one after the other."""

    name: str
    quorum: Quorum = Quorum.ANY
    least: int = 0
    percent: int = 0
    voters: list[VoterRule] = field(default_factory=list)
    escalate_to: list[VoterRule] = field(default_factory=list)
    abstain_shrinks: bool = False
    silence_approves: bool = False
    hours: int = 0
    risks: list[Risk] = field(default_factory=list)

    def wrong(self, risks: Sequence[Risk]) -> dict[str, str]:
        """What is wrong with it by field; `risks` are those that its policy is for."""
        wrong: dict[str, str] = {}
        if not 0 < len(self.name.strip()) <= NAME:
            wrong["name"] = f"needs 1 to {NAME} characters"
        if not 0 < len(self.voters) <= VOTERS:
            wrong["voters"] = f"needs 1 to {VOTERS} entries"
        if self.quorum is Quorum.AT_LEAST and not 0 < self.least <= VOTERS * 100:
            wrong["least"] = "must say how many, at least 1"
        if self.quorum is Quorum.PERCENT and not 0 < self.percent <= 100:
            wrong["percent"] = "must lie between 1 and 100"
        if not 0 <= self.hours <= _LONGEST_HOURS:
            wrong["hours"] = f"must lie between 0 and {_LONGEST_HOURS}"
        if self.silence_approves:
            wrong |= self._wrong_silence(risks)
        for name in ("voters", "escalate_to"):
            for index, voter in enumerate(getattr(self, name)):
                if text := voter.wrong():
                    wrong[f"{name}[{index}]"] = text
        return wrong

    def _wrong_silence(self, risks: Sequence[Risk]) -> dict[str, str]:
        if not self.hours:
            return {"hours": "must say after how long silence is consent"}
        if list(self.risks or risks) != [Risk.LOW]:
            return {"silence_approves": "is for low risk alone: bound the stage or the policy to the risk LOW"}
        return {}


@dataclass(slots=True, kw_only=True, frozen=True)
class Facts:
    """What a policy may look at; an empty text is a fact that is not known."""

    resource: str
    purpose: Purpose = Purpose.AUTHORIZATION
    kind: str = ""
    risk: Risk | None = None
    service_ids: Sequence[str] = ()
    team_id: str = ""
    category: str = ""


@dataclass(slots=True, kw_only=True)
class ApprovalPolicy(Aggregate):
    """Stages, and the records that they are meant for. An empty criterion matches all; `number` orders equals."""

    name: str
    number: int = 100
    resource: str = "changes"
    purposes: list[Purpose] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    risks: list[Risk] = field(default_factory=list)
    service_ids: list[str] = field(default_factory=list)
    team_ids: list[str] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    stages: list[StageRule] = field(default_factory=list)
    active: bool = True
    create_time: datetime | None = None
    update_time: datetime | None = None

    def validate(self) -> None:
        """Raises `Invalid`, with the paths, for what could never be decided or would decide by itself."""
        wrong: dict[str, str] = {}
        if not 0 < len(self.name.strip()) <= NAME:
            wrong["name"] = f"needs 1 to {NAME} characters"
        if not self.resource.isalnum() or len(self.resource) > NAME:
            wrong["resource"] = "must name a kind of record: changes, requests, changeTemplates"
        if not 0 < len(self.stages) <= STAGES:
            wrong["stages"] = f"needs 1 to {STAGES} entries"
        for name in ("kinds", "service_ids", "team_ids", "categories"):
            if len(getattr(self, name)) > VALUES or not all(0 < len(each) <= NAME for each in getattr(self, name)):
                wrong[name] = f"may have {VALUES} entries of 1 to {NAME} characters"
        for index, stage in enumerate(self.stages):
            wrong |= {f"stages[{index}].{path}": text for path, text in stage.wrong(self.risks).items()}
        if wrong:
            raise Invalid(wrong)

    @property
    def criteria(self) -> list[str]:
        """The names of the criteria that narrow it, the measure of how specific it is."""
        named = (self.purposes, self.kinds, self.risks, self.service_ids, self.team_ids, self.categories)
        return [name for name, values in zip(CRITERIA, named, strict=True) if values]

    def matches(self, facts: Facts) -> bool:
        """Whether it is meant for a record with these facts."""
        return (
            self.active
            and self.resource == facts.resource
            and (not self.purposes or facts.purpose in self.purposes)
            and (not self.kinds or facts.kind in self.kinds)
            and (not self.risks or facts.risk in self.risks)
            and (not self.service_ids or bool(set(self.service_ids) & set(facts.service_ids)))
            and (not self.team_ids or facts.team_id in self.team_ids)
            and (not self.categories or facts.category in self.categories)
        )


def default_policy(resource: str) -> ApprovalPolicy:
    """The built-in policy: any one change manager. Nothing passes because nobody thought of a policy."""
    stage = StageRule(name="change managers", voters=[VoterRule(role="change-manager")], escalate_to=[VoterRule(role="admin")])
    return ApprovalPolicy(id=DEFAULT_POLICY_ID, name="Any change manager", resource=resource, stages=[stage])


def choose(policies: Iterable[ApprovalPolicy], facts: Facts) -> tuple[ApprovalPolicy, str]:
    """The policy for a record and why: the one naming most criteria, then the smallest number, then the first id."""
    matching = sorted(
        (policy for policy in policies if policy.matches(facts)),
        key=lambda policy: (-len(policy.criteria), policy.number, policy.id),
    )
    if not matching:
        return default_policy(facts.resource), "no policy matches, so the built-in one holds"
    chosen = matching[0]
    why = f"it matches by {', '.join(chosen.criteria)}" if chosen.criteria else "it matches every record of its kind"
    if len(matching) > 1:
        rival = matching[1]
        if len(rival.criteria) < len(chosen.criteria):
            return chosen, f"{why}, more closely than {rival.name}"
        return chosen, f"{why}, and its number {chosen.number} comes before {rival.name} with {rival.number}"
    return chosen, why
