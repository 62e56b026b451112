"""How those see it whom the desk works for: who is asked, and what they say."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import ClassVar, Self

from itsm.incident import v1 as pb

from chassis.domain import Aggregate
from chassis.errors import ForbiddenMove, Invalid
from services.incident.domain.kept import Kept
from services.incident.domain.moment import Act

WORST, BEST = 1, 5
LONGEST = 4_096
LONGEST_DAYS, DAYS = 90, 14


@dataclass(slots=True, kw_only=True)
class SurveyPolicy(Kept):
    """Whom the desk asks. A tenant has one."""

    CREATED: ClassVar = pb.SurveyPolicyCreated
    UPDATED: ClassVar = pb.SurveyPolicyUpdated
    DELETED: ClassVar = pb.SurveyPolicyDeleted

    question: str = ""
    sampling_percent: int = 0
    expire_days: int = DAYS
    active: bool = True

    def asks_about(self, key: str) -> bool:
        """Whether it asks about the record with this id: always the same for one, and about as often as it says."""
        return self.active and int.from_bytes(sha256(key.encode()).digest()[:4]) % 100 < self.sampling_percent

    def faults(self, now: Act) -> dict[str, str]:  # noqa: ARG002 - see `Unnamed`
        """See `Unnamed`."""
        wrong = {}
        if not 0 < len(self.question.strip()) <= LONGEST:
            wrong["question"] = f"needs 1 to {LONGEST} characters"
        if not 0 <= self.sampling_percent <= 100:
            wrong["sampling_percent"] = "must be 0 to 100"
        if not 1 <= self.expire_days <= LONGEST_DAYS:
            wrong["expire_days"] = f"must be 1 to {LONGEST_DAYS}"
        return wrong


class State(StrEnum):
    """Where a survey stands."""

    SENT = "SENT"
    ANSWERED = "ANSWERED"
    EXPIRED = "EXPIRED"


@dataclass(slots=True, kw_only=True)
class Survey(Aggregate):
    """One person is asked about one record. `expire_time` is what its timer goes by; an answer stays as it is."""

    about: str
    number: str
    requester_id: str
    question: str
    state: State = State.SENT
    score: int = 0
    comment: str = ""
    assignee_id: str = ""
    team_id: str = ""
    expire_time: datetime
    answer_time: datetime | None = None
    create_time: datetime
    due_time: datetime | None = None

    @classmethod
    def sent(
        cls,
        at: datetime,
        policy: SurveyPolicy,
        *,
        id: str,  # noqa: A002 - as its field
        about: str,
        number: str,
        requester_id: str,
        assignee_id: str,
        team_id: str,
    ) -> Self:
        """Somebody is asked now."""
        until = at + timedelta(days=policy.expire_days)
        survey = cls(
            id=id,
            about=about,
            number=number,
            requester_id=requester_id,
            question=policy.question,
            assignee_id=assignee_id,
            team_id=team_id,
            expire_time=until,
            create_time=at,
            due_time=until,
        )
        survey.record(pb.SurveySent())
        return survey

    def answer(self, now: Act, score: int, comment: str) -> None:
        """The one answer. Raises `ForbiddenMove` after it, and when it is too late."""
        if self.state is not State.SENT or now.at >= self.expire_time:
            raise ForbiddenMove(self.state, "answer", "it was answered, or is over")
        wrong = {} if WORST <= score <= BEST else {"score": f"must be {WORST} to {BEST}"}
        if len(comment) > LONGEST:
            wrong["comment"] = f"may have {LONGEST} characters"
        if wrong:
            raise Invalid(wrong)
        self.state, self.score, self.comment, self.answer_time = State.ANSWERED, score, comment, now.at
        self.due_time = None
        self.record(pb.SurveyAnswered())

    def expire(self) -> None:
        """Nobody answered in time."""
        self.state, self.due_time = State.EXPIRED, None
        self.record(pb.SurveyExpired())
