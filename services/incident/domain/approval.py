"""Asking people to agree to something: frozen circles of voters, votes, stages in order, and why each ended as it did.

The arithmetic is in `quorum.py`, the policy in `approval_policy.py`. It knows of what is agreed to its reference alone, so that
records of every kind ask in the same way. A verb raises `ForbiddenMove` for a state or a rule that says no, `Denied` for
somebody who does not vote here; the approval must then be thrown away.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from itsm.incident import v1 as pb

from chassis.domain import Aggregate
from chassis.errors import Denied, ForbiddenMove, Invalid
from services.incident.domain.approval_policy import Purpose, StageRule
from services.incident.domain.delegation import ApprovalDelegation
from services.incident.domain.moment import Act
from services.incident.domain.quorum import Ballot, Choice, Rule, verdict
from services.incident.domain.risk import Risk

COMMENT = 4_096


class ApprovalState(StrEnum):
    """Where an approval stands."""

    WAITING = "WAITING"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    VOID = "VOID"
    EXPIRED = "EXPIRED"


class StageState(StrEnum):
    """Where a stage of it stands."""

    PENDING = "PENDING"
    OPEN = "OPEN"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    SKIPPED = "SKIPPED"


@dataclass(slots=True, kw_only=True, frozen=True)
class Seat:
    """A place in a circle and who may take it: one person, or the people of a team that has one vote together."""

    id: str
    member_ids: list[str] = field(default_factory=list)
    via: list[str] = field(default_factory=list)
    weight: int = 1
    veto: bool = False
    replaces_id: str = ""
    note: str = ""


@dataclass(slots=True, kw_only=True, frozen=True)
class Vote:
    """What was said from a seat: in whose name, and by whom where that is a delegate."""

    seat_id: str
    voter_id: str
    by_id: str
    choice: Choice
    comment: str = ""
    time: datetime


@dataclass(slots=True, kw_only=True)
class Stage:
    """One stage: its rule, and once it began the circle that decides it."""

    rule: StageRule
    state: StageState = StageState.PENDING
    seats: list[Seat] = field(default_factory=list)
    votes: list[Vote] = field(default_factory=list)
    escalated: bool = False
    start_time: datetime | None = None
    due_time: datetime | None = None
    decide_time: datetime | None = None
    reason: str = ""

    @property
    def quorum(self) -> Rule:
        """When it passes."""
        return Rule(self.rule.quorum, self.rule.least, self.rule.percent, self.rule.abstain_shrinks)

    def ballots(self) -> list[Ballot]:
        """Each seat with what was said from it."""
        said = {vote.seat_id: vote.choice for vote in self.votes}
        return [Ballot(seat.weight, seat.veto, said.get(seat.id)) for seat in self.seats]

    @property
    def short(self) -> bool:
        """Whether too few may vote for it ever to pass."""
        total = sum(seat.weight for seat in self.seats)
        return total < self.quorum.needed(total)

    def free(self, person: str) -> Seat | None:
        """The seat that somebody may still vote from: an own one before that of a team."""
        taken = {vote.seat_id for vote in self.votes}
        seats = [seat for seat in self.seats if person in seat.member_ids and seat.id not in taken]
        return min(seats, key=lambda seat: seat.id != person, default=None)

    def admit(self, seats: Iterable[Seat], barred: Sequence[str]) -> list[str]:
        """Adds seats without those who are barred, each person and each team once; says who was left out."""
        left_out: list[str] = []
        for seat in seats:
            members = [each for each in seat.member_ids if each not in barred]
            left_out += [each for each in seat.member_ids if each in barred and each not in left_out]
            known = next((own for own in self.seats if own.id == seat.id), None)
            if known is not None:
                weight, veto = max(known.weight, seat.weight), known.veto or seat.veto
                merged = replace(known, via=sorted({*known.via, *seat.via}), weight=weight, veto=veto)
                self.seats = [merged if own.id == seat.id else own for own in self.seats]
            elif members:
                self.seats = [*self.seats, replace(seat, member_ids=members)]
        return left_out


@dataclass(slots=True, kw_only=True)
class Approval(Aggregate):
    """One record asked once; `voter_ids` are those whose vote is wanted now."""

    subject: str
    title: str
    purpose: Purpose = Purpose.AUTHORIZATION
    state: ApprovalState = ApprovalState.WAITING
    policy_id: str
    policy_name: str = ""
    requester_id: str = ""
    barred_ids: list[str] = field(default_factory=list)
    risk: Risk | None = None
    team_id: str = ""
    stages: list[Stage] = field(default_factory=list)
    voter_ids: list[str] = field(default_factory=list)
    expire_time: datetime | None = None
    reasons: list[str] = field(default_factory=list)
    create_time: datetime
    update_time: datetime
    decide_time: datetime | None = None
    # Kept inside: when the timer looks again.
    next_due_time: datetime | None = None

    @classmethod
    def asked(cls, act: Act, *, stages: Iterable[StageRule], why: str, **given: Any) -> Self:
        """A new one, its first stage not begun yet. Raises `ForbiddenMove` when the policy has no stage for this risk."""
        approval = cls(create_time=act.at, update_time=act.at, **given)
        for rule in stages:
            asked = not rule.risks or approval.risk in rule.risks
            approval.stages.append(Stage(rule=rule, state=StageState.PENDING if asked else StageState.SKIPPED))
        approval.reasons = [f"{approval.policy_name}: {why}"]
        skipped = [each.rule.name for each in approval.stages if each.state is StageState.SKIPPED]
        approval.reasons += [f"{name}: not for this risk" for name in skipped]
        if approval.waiting is None:
            raise ForbiddenMove("NEW", "submit", f"the policy {approval.policy_name} has no stage for this risk")
        return approval

    @property
    def waiting(self) -> Stage | None:
        """The stage that has to begin next, where none is open."""
        if self.state is not ApprovalState.WAITING or self.current is not None:
            return None
        return next((stage for stage in self.stages if stage.state is StageState.PENDING), None)

    @property
    def current(self) -> Stage | None:
        """The stage that is open."""
        return next((stage for stage in self.stages if stage.state is StageState.OPEN), None)

    def begin(self, act: Act, seats: Iterable[Seat], escalation: Iterable[Seat]) -> None:
        """The next stage begins with this circle, frozen. Where too few are left of it, those it escalates to join."""
        stage = self.waiting
        if stage is None:
            raise RuntimeError("no stage is to begin")
        stage.state, stage.start_time = StageState.OPEN, act.at
        stage.due_time = act.at + timedelta(hours=stage.rule.hours) if stage.rule.hours else None
        left_out = stage.admit(seats, self.barred_ids)
        said = f"{stage.rule.name} began with {len(stage.seats)} voters"
        if left_out:
            said += f"; {', '.join(left_out)} may not vote, having asked for it or making it"
        self.reasons.append(said)
        if stage.short:
            self._escalate(stage, escalation, "too few voters are left")
        self._plan()

    def tell(self, act: Act) -> None:
        """Says whom it asks now: at first, or in a further stage."""
        stage = self.current
        if stage is None:
            raise RuntimeError("nobody is asked")
        first = all(each.state in (StageState.PENDING, StageState.SKIPPED) for each in self.stages if each is not stage)
        self._changed(pb.ApprovalAsked() if first else pb.ApprovalStageBegan(stage=stage.rule.name), act)

    def vote(
        self, act: Act, choice: Choice, comment: str, delegations: Iterable[ApprovalDelegation], *, for_id: str = ""
    ) -> None:
        """A vote of somebody in their own name, or as a delegate in that of `for_id` or of whoever is away."""
        stage = self._open("vote")
        if self.expire_time is not None and self.expire_time <= act.at:  # the timer may be late
            raise ForbiddenMove(self.state, "vote", "its time is over")
        if len(comment) > COMMENT:
            raise Invalid({"comment": f"may have {COMMENT} characters, not {len(comment)}"})
        if act.by in self.barred_ids:
            raise Denied("approvals.vote", "whoever asks for something or makes it does not vote on it")
        if any(act.by in (vote.by_id, vote.voter_id) for vote in stage.votes):
            raise ForbiddenMove(self.state, "vote", "one person votes once, in whoever's name")
        seat, voter = self._seat(stage, act, delegations, for_id)
        vote = Vote(seat_id=seat.id, voter_id=voter, by_id=act.by, choice=choice, comment=comment, time=act.at)
        stage.votes = [*stage.votes, vote]
        self._judge(stage, act)
        decided = self.state is not ApprovalState.WAITING
        told = pb.ApprovalDecided if decided else pb.ApprovalVoted
        self._changed(told(choice=choice.value, voter_id=voter, by_id=act.by, stage=stage.rule.name), act)

    def replace(self, act: Act, *, voter_id: str, by_id: str, note: str) -> None:
        """Somebody else takes the seat of a leaver, or where `voter_id` is empty a further one. Who voted is not replaced.

        Whoever may not vote does not choose who does.
        """
        stage = self._open("replace")
        if act.by in self.barred_ids:
            raise Denied("approvals.replace", "whoever asks for something or makes it does not name its voters")
        if not note.strip() or len(note) > COMMENT:
            raise Invalid({"note": f"must say why, in at most {COMMENT} characters"})
        if not by_id or by_id in self.barred_ids:
            raise Invalid({"by_id": "must name somebody who neither asked for it nor makes it"})
        if any(by_id == seat.id or by_id in seat.member_ids for seat in stage.seats):
            raise Invalid({"by_id": "votes here already"})
        old = next((seat for seat in stage.seats if seat.id == voter_id), None)
        if voter_id and (old is None or any(vote.seat_id == voter_id for vote in stage.votes)):
            raise Invalid({"voter_id": "must name somebody of this stage who has not voted"})
        template = old or Seat(id=by_id)
        seat = replace(template, id=by_id, member_ids=[by_id], via=[], replaces_id=voter_id, note=note)
        stage.seats = [*(each for each in stage.seats if each is not old), seat]
        self.reasons.append(f"{stage.rule.name}: {by_id} votes {f'instead of {voter_id}' if voter_id else 'too'}: {note}")
        self._changed(pb.ApprovalVoterReplaced(voter_id=voter_id, by_id=by_id), act)

    def end(self, act: Act, state: ApprovalState, reason: str) -> None:
        """Counts no more: what was asked is not so any more, or its time is over. One that failed stays as it is."""
        if self.state in (ApprovalState.WAITING, ApprovalState.APPROVED):
            self._over(state, reason, act)
            self._changed(pb.ApprovalEnded(reason=reason), act)

    def falls_due(self, act: Act, escalation: Iterable[Seat]) -> bool:
        """What the timer found: it expired, silence is consent, or too few have answered. Says whether anything is told."""
        if self.state is not ApprovalState.WAITING:
            return False
        if self.expire_time is not None and self.expire_time <= act.at:
            self.end(act, ApprovalState.EXPIRED, "its time is over")
            return True
        stage = self.current
        if stage is None or stage.due_time is None or stage.due_time > act.at:
            return False
        stage.due_time = None
        objected = any(vote.choice is Choice.REJECT for vote in stage.votes)
        if stage.rule.silence_approves and self.risk is Risk.LOW and not objected and not stage.short:
            self._pass(stage, StageState.APPROVED, f"nobody objected in {stage.rule.hours} hours", act)
            decided = self.state is not ApprovalState.WAITING
            self._changed(pb.ApprovalDecided(stage=stage.rule.name) if decided else pb.ApprovalEscalated(), act)
            return True
        self._escalate(stage, escalation, f"no decision in {stage.rule.hours} hours")
        self._changed(pb.ApprovalEscalated(), act)
        return True

    def _seat(self, stage: Stage, act: Act, delegations: Iterable[ApprovalDelegation], for_id: str) -> tuple[Seat, str]:
        own = stage.free(act.by)
        if own is not None and for_id in ("", act.by):
            return own, act.by
        voted = {person for vote in stage.votes for person in (vote.by_id, vote.voter_id)}
        for each in sorted(delegations, key=lambda each: each.id):
            absent = each.from_id
            if each.to_id != act.by or not each.holds(act.at) or absent in voted or absent in self.barred_ids:
                continue
            seat = stage.free(absent) if for_id in ("", absent) else None
            if seat is not None:
                return seat, absent
        raise Denied("approvals.vote", "only those who were asked, and their delegates, vote here")

    def _judge(self, stage: Stage, act: Act) -> None:
        passed, why = verdict(stage.quorum, stage.ballots())
        if passed is not None:
            self._pass(stage, StageState.APPROVED if passed else StageState.REJECTED, why, act)

    def _pass(self, stage: Stage, state: StageState, why: str, act: Act) -> None:
        stage.state, stage.decide_time, stage.reason = state, act.at, why
        self.reasons.append(f"{stage.rule.name} {state.lower()}: {why}")
        if state is StageState.REJECTED:
            self._over(ApprovalState.REJECTED, f"{stage.rule.name} rejected it", act)
        elif self.waiting is None:
            self._over(ApprovalState.APPROVED, "every stage approved it", act)

    def _over(self, state: ApprovalState, reason: str, act: Act) -> None:
        self.state, self.decide_time = state, act.at
        for stage in self.stages:
            if stage.state in (StageState.PENDING, StageState.OPEN):
                stage.state = StageState.SKIPPED
        self.reasons.append(f"{state.lower()}: {reason}")

    def _escalate(self, stage: Stage, seats: Iterable[Seat], why: str) -> None:
        left_out = stage.admit(seats, self.barred_ids)
        stage.escalated = True
        said = f"{stage.rule.name} escalated: {why}; now {len(stage.seats)} may vote"
        if left_out:
            said += f", without {', '.join(left_out)}"
        self.reasons.append(f"{said}; further voters have to be named" if stage.short else said)

    def _open(self, verb: str) -> Stage:
        stage = self.current if self.state is ApprovalState.WAITING else None
        if stage is None:
            raise ForbiddenMove(self.state, verb)
        return stage

    def _plan(self) -> None:
        stage = self.current
        voted = {vote.seat_id for vote in stage.votes} if stage is not None else set()
        asked = [each for seat in (stage.seats if stage else []) if seat.id not in voted for each in seat.member_ids]
        self.voter_ids = sorted(set(asked))
        dues = [each for each in (self.expire_time, stage.due_time if stage else None) if each is not None]
        self.next_due_time = min(dues, default=None) if self.state is ApprovalState.WAITING else None

    def _changed(self, event: Any, act: Act) -> None:
        self.update_time = act.at
        self._plan()
        self.record(event)
