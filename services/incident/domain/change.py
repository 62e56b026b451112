"""The change: what its verbs demand, what they alter, and the one event that tells of each.

The tables of moves are in `change_states.py`. A verb raises `ForbiddenMove` for a state or a rule that says no, `Invalid` for
input that is wrong; the change must then be thrown away.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

from itsm.incident import v1 as pb

from chassis.domain import Aggregate, Event
from chassis.errors import ForbiddenMove, Invalid
from services.incident.domain import limits
from services.incident.domain.change_states import MOVES, ApprovalStanding, ChangeKind, ChangeState, Outcome
from services.incident.domain.link import Link
from services.incident.domain.moment import Act
from services.incident.domain.moves import moved
from services.incident.domain.risk import Questions, Record, Risk, weigh

MATERIAL = frozenset(
    {
        *("asset_ids", "service_ids", "start_time", "end_time", "questions", "implementer_id"),
        *("implementation_plan", "test_plan", "back_out_plan"),
        *("requester_id", "category"),  # by these it was chosen who votes and who may not
    }
)
"""What approvers approved: scope, assets, window, plans, risk, who makes it and for whom. An edit voids their votes."""
_PLANS = ("implementation_plan", "test_plan", "back_out_plan")
CONFIRMED_WITHIN = timedelta(days=3)
"""Until when after it was made an emergency change has to be confirmed."""
MISSED, OVERRUN, OVERDUE = "window-missed", "window-overrun", "retrospective-overdue"
"""What may be late about a change."""


@dataclass(slots=True, kw_only=True)
class Change(Aggregate):
    """Something that is going to be altered, from proposal to review."""

    number: str
    title: str
    description: str = ""
    state: ChangeState = ChangeState.NEW
    kind: ChangeKind = ChangeKind.NORMAL
    risk: Risk = Risk.MEDIUM
    risk_score: int = 0
    risk_reasons: list[str] = field(default_factory=list)
    questions: Questions = field(default_factory=Questions)
    asset_ids: list[str] = field(default_factory=list)
    service_ids: list[str] = field(default_factory=list)
    category: str = ""
    requester_id: str = ""
    team_id: str = ""
    assignee_id: str = ""
    implementer_id: str = ""
    implementation_plan: str = ""
    test_plan: str = ""
    back_out_plan: str = ""
    start_time: datetime | None = None
    end_time: datetime | None = None
    template_id: str = ""
    template_version: int = 0
    approval_id: str = ""
    approval: ApprovalStanding = ApprovalStanding.NOT_ASKED
    spoken_by_id: str = ""
    spoken_words: str = ""
    retrospective_id: str = ""
    retrospective: ApprovalStanding = ApprovalStanding.NOT_ASKED
    retrospective_due_time: datetime | None = None
    outcome: Outcome | None = None
    outcome_note: str = ""
    review: str = ""
    work_start_time: datetime | None = None
    work_end_time: datetime | None = None
    links: list[Link] = field(default_factory=list)
    create_time: datetime
    update_time: datetime
    close_time: datetime | None = None
    # Kept inside: when the timer looks again, what it has told, what became of the changes before it, who opened it, who
    # edited last what is approved, and who said that it ended.
    next_due_time: datetime | None = None
    told: list[str] = field(default_factory=list)
    record_before: Record = field(default_factory=Record)
    opened_by_id: str = ""
    edited_by_id: str = ""
    finished_by_id: str = ""

    @classmethod
    def open(cls, act: Act, *, id: str, number: str, title: str, record: Record, **given: Any) -> Self:  # noqa: A002 - as its field
        """A new change with its risk. Raises `Invalid` for fields beyond their limits."""
        limits.check({"title": title, **given})
        given.setdefault("requester_id", act.by)
        change = cls(id=id, number=number, title=title, record_before=record, create_time=act.at, update_time=act.at, **given)
        change.opened_by_id = act.by
        change._check_window()
        if (change.kind is ChangeKind.STANDARD) is not bool(change.template_id):
            raise Invalid({"template_id": "a standard change, and no other, is made from a template"})
        change._weigh()
        change._changed(pb.ChangeOpened(), act)
        return change

    def edit(self, act: Act, **fields: Any) -> bool:
        """Edits named fields; nothing changed, nothing is told. Says whether what was approved is not so any more."""
        fields = {name: value for name, value in fields.items() if getattr(self, name) != value}
        if not fields:
            return False
        material = bool(MATERIAL & fields.keys())
        if self.state.is_final or (material and self.state in (ChangeState.IMPLEMENT, ChangeState.REVIEW)):
            raise ForbiddenMove(self.state, "update")
        limits.check(fields)
        if "kind" in fields:
            self._check_kind(fields["kind"])
        if self.kind is ChangeKind.STANDARD and (fixed := sorted({*_PLANS, "questions", "category"} & fields.keys())):
            raise Invalid(dict.fromkeys(fixed, "comes from the template of a standard change"))
        for name, value in fields.items():
            setattr(self, name, value)
        if material:
            self.edited_by_id = act.by
        self._check_window()
        self._weigh()
        void = material and not self.state.is_planning
        if void:
            self._replan(ApprovalStanding.VOID)
        self._changed(pb.ChangeUpdated(material=void), act)
        return void

    @property
    def barred_ids(self) -> list[str]:
        """Who does not agree to it: whoever asks for it, wrote it, makes it or said that it was made."""
        wrote = {self.opened_by_id, self.edited_by_id, self.finished_by_id}
        return sorted({self.requester_id, self.implementer_id, *wrote} - {""})

    @property
    def is_unasked(self) -> bool:
        """Whether its approval after the fact is still to be asked for."""
        return self.retrospective is ApprovalStanding.WAITING and not self.retrospective_id

    def assign(self, act: Act, *, team_id: str, assignee_id: str = "") -> bool:
        """Gives it to a team and, where named, to a person; the same owner again changes nothing.

        Says whether what was approved is not so any more: who approves goes by the team. A standard change has its template.
        """
        if self.state.is_final:
            raise ForbiddenMove(self.state, "assign")
        limits.check({"team_id": team_id, "assignee_id": assignee_id})
        if not team_id.strip():
            raise Invalid({"team_id": "must name the team that owns it"})
        if (self.team_id, self.assignee_id) == (team_id, assignee_id):
            return False
        approved = self.state in (ChangeState.AUTHORIZE, ChangeState.SCHEDULED) and self.kind is not ChangeKind.STANDARD
        void = approved and self.team_id != team_id
        self.team_id, self.assignee_id = team_id, assignee_id
        if void:
            self._replan(ApprovalStanding.VOID)
        self._changed(pb.ChangeAssigned(), act)
        return void

    def assess(self, act: Act) -> None:
        """Its assessment begins."""
        self._move("assess")
        self._changed(pb.ChangeAssessed(), act)

    def check_submit(self, act: Act) -> None:
        """Raises as `submitted` would, before anybody is asked."""
        moved(MOVES[self.kind], self.state, "submit") if "submit" in MOVES[self.kind] else self._refuse("submit")
        self._check_plan(act, "submit")

    def submitted(self, act: Act, approval_id: str) -> None:
        """Its approval was asked for: what is approved is complete from here on."""
        self.check_submit(act)
        self._move("submit")
        self.approval_id, self.approval = approval_id, ApprovalStanding.WAITING
        self._changed(pb.ChangeSubmitted(approval_id=approval_id), act)

    def revise(self, act: Act, *, reason: str) -> None:
        """Back to where everything may be planned anew; its approvals are void."""
        limits.check({"reason": reason}, required=True)
        self._move("revise")
        self._unapprove(ApprovalStanding.VOID)
        self._changed(pb.ChangeRevised(reason=reason), act)

    def approved(self, act: Act, reason: str) -> None:
        """Its approval was given: it may be made in its window."""
        self.approval = ApprovalStanding.APPROVED
        self._move("schedule")
        self._changed(pb.ChangeScheduled(reason=reason), act)

    def approved_only(self, act: Act) -> None:
        """Its approval was given, but something else stands against it; `schedule` tries again."""
        self.approval = ApprovalStanding.APPROVED
        self._changed(pb.ChangeUpdated(), act)

    def unapproved(self, act: Act, standing: ApprovalStanding, reason: str) -> None:
        """Its approval was refused or ran out: back to planning."""
        self._replan(standing)
        self._changed(pb.ChangeRevised(reason=reason), act)

    def schedule(self, act: Act, reason: str) -> None:
        """May be made in its window: a standard change by its template, another one when its approval is there."""
        if self.kind is not ChangeKind.STANDARD and self.approval is not ApprovalStanding.APPROVED:
            raise ForbiddenMove(self.state, "schedule", "its approval is not given")
        self._move("schedule")
        self._check_plan(act, "schedule")
        self._changed(pb.ChangeScheduled(reason=reason), act)

    def expedite(self, act: Act, *, approver_id: str, words: str) -> None:
        """An emergency that was approved by word of mouth, by somebody who neither asked for it, nor wrote it, nor makes it."""
        limits.check({"approver_id": approver_id, "reason": words}, required=True)
        if approver_id in self.barred_ids:
            raise Invalid({"approver_id": "whoever asks for a change, wrote or makes it does not approve it"})
        self._move("expedite")
        self._check_plan(act, "expedite")
        self.spoken_by_id, self.spoken_words, self.approval = approver_id, words, ApprovalStanding.APPROVED
        self._changed(pb.ChangeScheduled(reason="approved by word of mouth"), act)

    def start(self, act: Act) -> None:
        """It is being made; only inside its window."""
        self._move("start")
        if self.start_time is None or self.end_time is None or not self.start_time <= act.at < self.end_time:
            raise ForbiddenMove(ChangeState.SCHEDULED, "start", "this is outside of its window")
        self.work_start_time = act.at
        self._changed(pb.ChangeStarted(), act)

    def finish(self, act: Act, outcome: Outcome, note: str = "") -> None:
        """Making it ended. An emergency has to be confirmed from now on, whoever can be asked."""
        self._move("finish")
        limits.check({"outcome_note": note}, required=outcome is not Outcome.SUCCESSFUL)
        self.outcome, self.outcome_note, self.work_end_time, self.finished_by_id = outcome, note, act.at, act.by
        if self.kind is ChangeKind.EMERGENCY:
            self.retrospective, self.retrospective_due_time = ApprovalStanding.WAITING, act.at + CONFIRMED_WITHIN
        self._changed(pb.ChangeFinished(outcome=outcome.value), act)

    def confirming(self, act: Act, approval_id: str) -> None:
        """The approval after the fact was asked for."""
        self.retrospective_id = approval_id
        self._changed(pb.ChangeConfirmed(), act)

    def confirmed(self, act: Act, standing: ApprovalStanding) -> None:
        """The approval after the fact was decided."""
        self.retrospective = standing
        self._changed(pb.ChangeConfirmed(), act)

    def close(self, act: Act, *, review: str = "") -> None:
        """Over for good, after its review."""
        self._move("close")
        needs = self.kind is ChangeKind.EMERGENCY or self.outcome is not Outcome.SUCCESSFUL
        limits.check({"review": review}, required=needs)
        decided = (ApprovalStanding.APPROVED, ApprovalStanding.REJECTED)
        if self.kind is ChangeKind.EMERGENCY and self.retrospective not in decided:
            raise ForbiddenMove(ChangeState.REVIEW, "close", "its approval after the fact is not decided")
        self.review, self.close_time = review, act.at
        self._changed(pb.ChangeClosed(), act)

    def cancel(self, act: Act, *, reason: str) -> None:
        """Will not be made. What was begun is finished instead, with what became of it."""
        if self.state is ChangeState.IMPLEMENT:
            raise ForbiddenMove(self.state, "cancel", "it was begun: finish it, as BACKED_OUT or FAILED where it is given up")
        self._move("cancel")
        limits.check({"reason": reason}, required=True)
        self._unapprove(ApprovalStanding.VOID)
        self.close_time = act.at
        self._changed(pb.ChangeCancelled(reason=reason), act)

    def link(self, act: Act, link: Link) -> None:
        """Refers to another record; a reference that is there already changes nothing."""
        limits.check_link(link.target, f"changes/{self.id}")
        if link in self.links:
            return
        if len(self.links) >= limits.LINKS:
            raise Invalid({"link": f"there are {limits.LINKS} references already"})
        self.links = [*self.links, link]
        self._changed(pb.ChangeLinked(link=link.message()), act)

    def unlink(self, act: Act, link: Link) -> None:
        """Takes a reference away; one that is not there changes nothing."""
        if link in self.links:
            self.links = [other for other in self.links if other != link]
            self._changed(pb.ChangeLinked(link=link.message(), removed=True), act)

    def escalate(self, act: Act) -> str:
        """Tells of the first thing that is late by now, and says which; empty when there is none (any more)."""
        for step, at in self._dues():
            if at <= act.at:
                self.told = [*self.told, _told(step, at)]
                if step == MISSED:
                    self._replan(ApprovalStanding.EXPIRED)
                late = min(int((act.at - at) / timedelta(milliseconds=1)), 2**31 - 1)
                self._changed(pb.ChangeEscalated(step=step, late_by_ms=late), act)
                return step
        return ""

    def _dues(self) -> list[tuple[str, datetime]]:
        waits: Mapping[str, datetime | None] = {
            MISSED: self.end_time if self.state in (ChangeState.AUTHORIZE, ChangeState.SCHEDULED) else None,
            OVERRUN: self.end_time if self.state is ChangeState.IMPLEMENT else None,
            OVERDUE: self.retrospective_due_time if self.retrospective is ApprovalStanding.WAITING else None,
        }
        dues = [(step, at) for step, at in waits.items() if at is not None and _told(step, at) not in self.told]
        return sorted(dues, key=lambda due: due[1])

    def _check_kind(self, kind: ChangeKind) -> None:
        if self.state is not ChangeState.NEW or self.approval is not ApprovalStanding.NOT_ASKED:
            raise ForbiddenMove(self.state, "update", "its kind changes only while it is NEW and nobody was asked for approval")
        if ChangeKind.STANDARD in (kind, self.kind):
            raise Invalid({"kind": "a standard change is made from a template, and stays one"})

    def _check_window(self) -> None:
        if self.start_time is not None and self.end_time is not None and self.start_time >= self.end_time:
            raise Invalid({"end_time": "must lie behind the start"})

    def _check_plan(self, act: Act, verb: str) -> None:
        missing = {name: "is needed before a change is planned" for name in _PLANS if not getattr(self, name).strip()}
        if not self.implementer_id:
            missing["implementer_id"] = "must name the person who makes it"
        if self.start_time is None or self.end_time is None:
            missing["start_time" if self.start_time is None else "end_time"] = "is needed before a change is planned"
        if missing:
            raise Invalid(missing)
        if self.end_time is not None and self.end_time <= act.at:
            raise ForbiddenMove(self.state, verb, "its window has passed")

    def _weigh(self) -> None:
        weighed = weigh(self.questions, len(self.asset_ids), len(self.service_ids), self.record_before)
        self.risk, self.risk_score, self.risk_reasons = weighed

    def _move(self, verb: str) -> None:
        if verb not in MOVES[self.kind]:
            self._refuse(verb)
        self.state = moved(MOVES[self.kind], self.state, verb)

    def _refuse(self, verb: str) -> None:
        raise ForbiddenMove(self.state, verb, f"a change of the kind {self.kind} is never to {verb}")

    def _replan(self, standing: ApprovalStanding) -> None:
        self._move("replan")
        self._unapprove(standing)

    def _unapprove(self, standing: ApprovalStanding) -> None:
        if self.approval in (ApprovalStanding.WAITING, ApprovalStanding.APPROVED):
            self.approval = standing
        self.spoken_by_id = self.spoken_words = ""

    def _changed(self, event: Event, act: Act) -> None:
        self.update_time = act.at
        dues = [at for _, at in self._dues()]
        if self.is_unasked and self.work_end_time is not None:
            dues.append(self.work_end_time)
        self.next_due_time = min(dues, default=None)
        self.record(event)


def _told(step: str, at: datetime) -> str:
    return f"{step}@{at.isoformat()}"
