"""Changes with the people who agree to them: approved, refused, edited, by template, in an emergency, through a gate."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis import context as ctx
from chassis.errors import Denied, ForbiddenMove, Invalid, Unavailable
from chassis.store import Store
from chassis.testing import FakeClock, MemoryBackend, caller
from services.incident import store as kept
from services.incident.domain.approval import Approval, ApprovalState
from services.incident.domain.approval_policy import Facts, StageRule, VoterRule
from services.incident.domain.cab import Advice, Item, MeetingState
from services.incident.domain.change import Change
from services.incident.domain.change_states import ApprovalStanding, ChangeKind, ChangeState, Outcome
from services.incident.domain.change_template import ChangeTemplate, TemplateState
from services.incident.domain.quorum import Choice, Quorum
from services.incident.domain.risk import Risk
from services.incident.usecases.approving import Approving
from services.incident.usecases.cab import Meetings
from services.incident.usecases.change_templates import ChangeTemplates
from services.incident.usecases.changes import Changes
from services.incident.usecases.gating import Gating
from services.incident.usecases.simulating import Simulating
from tests.unit.incident.desk import Again

NOON = datetime(2126, 6, 3, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PLANS = {"implementation_plan": "swap the disk", "test_plan": "read it back", "back_out_plan": "put the old one in"}


class Realm:
    """People as the auth service would tell of them."""

    def __init__(self) -> None:
        self.teams = {"board": ["eve", "meg", "ann"], "net": ["nat"]}
        self.roles = {"change-manager": ["cm"], "admin": ["root"]}
        self.away = False

    async def members(self, team_id: str) -> Sequence[str]:
        if self.away:
            raise Unavailable("auth does not answer")
        return self.teams.get(team_id, [])

    async def holders(self, role: str) -> Sequence[str]:
        return self.roles.get(role, [])


class Watchful:
    """Something outside of the change that may stand against it."""

    def __init__(self) -> None:
        self.against_it: dict[str, str] = {}

    async def against(self, change: Change, verb: str) -> Sequence[str]:
        return [self.against_it[verb]] if verb in self.against_it else []


class Board:
    """All parts, plugged together as the app does."""

    def __init__(self) -> None:
        self.clock = FakeClock(NOON)
        self.store = Store(MemoryBackend(), self.clock, kept.KINDS, kept.INDEXES)
        self.realm, self.watchful = Realm(), Watchful()
        approving = Approving(self.store, self.realm)
        gating = Gating(self.store, [self.watchful])
        self.approving, self.gating = Again(approving), gating
        self.changes = Again(Changes(self.store, approving, objections=[self.watchful]))
        self.templates = Again(ChangeTemplates(self.store, approving))
        self.meetings = Again(Meetings(self.store, gating))
        self.simulating = Simulating(self.store, approving)

    async def policy(self, **more: Any) -> str:
        stages = [StageRule(name="board", quorum=Quorum.AT_LEAST, least=2, voters=[VoterRule(team_id="board")])]
        return (await self.approving.create_policy({"name": "board", "stages": stages, **more})).id

    async def proposed(self, kind: ChangeKind = ChangeKind.NORMAL, **more: Any) -> Change:
        window = {"start_time": self.clock.now + HOUR, "end_time": self.clock.now + 3 * HOUR}
        fields = {"title": "a disk", "kind": kind, "implementer_id": "ian", "requester_id": "ann", **window, **PLANS, **more}
        return await self.changes.open(fields)

    async def submitted(self, **more: Any) -> Change:
        change = await self.proposed(**more)
        if change.kind is ChangeKind.NORMAL:
            await self.changes.assess(change.id)
        return await self.changes.submit(change.id)

    async def standard(self, **more: Any) -> dict[str, Any]:
        """What a change is opened with that is made from an approved template, in a window that has begun."""
        await self.policy(resource="changeTemplates")
        template = await self.templates.create({"name": "swap a disk", **PLANS, **more})
        asked = await self.templates.submit(template.id)
        for voter in ("eve", "meg"):
            await self.vote(asked.approval_id, voter)
        window = {"start_time": self.clock.now, "end_time": self.clock.now + HOUR}
        return {"title": "a disk", "template_id": template.id, "implementer_id": "ian", **window}

    async def vote(self, approval_id: str, by: str, choice: Choice = Choice.APPROVE, for_id: str = "") -> Approval:
        with ctx.use(caller(subject=by)):
            return await self.approving.vote(approval_id, choice, "", for_id)

    async def change(self, id: str) -> Change:  # noqa: A002 - the field's name
        return await self.store.get(Change, id)


@pytest.fixture
def board() -> Iterator[Board]:
    with ctx.use(caller(subject="ann")):
        yield Board()


async def test_two_of_the_board_plan_a_change_and_it_is_made_in_its_window(board: Board):
    await board.policy()
    change = await board.submitted()
    asked = await board.store.get(Approval, change.approval_id)
    assert (change.state, asked.voter_ids, asked.expire_time) == (ChangeState.AUTHORIZE, ["eve", "meg"], change.end_time)
    await board.vote(asked.id, "eve")
    assert (await board.change(change.id)).state is ChangeState.AUTHORIZE
    await board.vote(asked.id, "meg")
    planned = await board.change(change.id)
    assert (planned.state, planned.approval) == (ChangeState.SCHEDULED, ApprovalStanding.APPROVED)
    assert not (await board.gating.gate(change.id)).open
    board.clock.advance(hours=1)
    assert (await board.gating.gate(change.id)).open
    await board.changes.start(change.id)
    await board.changes.finish(change.id, Outcome.SUCCESSFUL, "")
    gate = await board.gating.gate(change.id)
    assert (gate.open, gate.pending, gate.reasons) == (False, False, ["it is REVIEW"])
    assert (await board.changes.close(change.id, "")).state is ChangeState.CLOSED


async def test_whoever_asks_in_the_name_of_somebody_does_not_agree_to_it(board: Board):
    await board.policy()
    with ctx.use(caller(subject="eve")):
        change = await board.submitted(requester_id="bob")
    approval = await board.store.get(Approval, change.approval_id)
    assert (approval.barred_ids, approval.voter_ids) == (["bob", "eve", "ian"], ["ann", "meg"])
    with pytest.raises(Denied):
        await board.vote(approval.id, "eve")


async def test_a_refusal_takes_it_back_to_planning_with_its_reason(board: Board):
    await board.policy()
    change = await board.submitted()
    await board.vote(change.approval_id, "eve", Choice.REJECT)
    back = await board.change(change.id)
    assert (back.state, back.approval) == (ChangeState.ASSESS, ApprovalStanding.REJECTED)


async def test_a_material_edit_voids_the_votes_and_words_do_not(board: Board):
    await board.policy()
    change = await board.submitted()
    await board.vote(change.approval_id, "eve")
    await board.changes.update(change.id, {"title": "the new disk"})
    assert (await board.store.get(Approval, change.approval_id)).state is ApprovalState.WAITING
    await board.changes.update(change.id, {"back_out_plan": "buy another"})
    back, void = await board.change(change.id), await board.store.get(Approval, change.approval_id)
    assert (back.state, back.approval, void.state) == (ChangeState.ASSESS, ApprovalStanding.VOID, ApprovalState.VOID)
    again = await board.changes.submit(change.id)
    assert again.approval_id != change.approval_id


async def test_what_stands_against_it_is_asked_before_at_approval_and_at_the_start(board: Board):
    await board.policy()
    board.watchful.against_it["submit"] = "a freeze of the service"
    change = await board.proposed()
    await board.changes.assess(change.id)
    with pytest.raises(ForbiddenMove, match="a freeze"):
        await board.changes.submit(change.id)
    board.watchful.against_it = {"schedule": "CHG0000009 alters the same asset"}
    asked = await board.changes.submit(change.id)
    for voter in ("eve", "meg"):
        await board.vote(asked.approval_id, voter)
    held = await board.change(change.id)
    assert (held.state, held.approval) == (ChangeState.AUTHORIZE, ApprovalStanding.APPROVED)
    with pytest.raises(ForbiddenMove, match="same asset"):
        await board.changes.schedule(change.id)
    board.watchful.against_it = {"start": "redundancy would fall below zero", "gate": "redundancy would fall below zero"}
    await board.changes.schedule(change.id)
    board.clock.advance(hours=1)
    assert (await board.gating.gate(change.id)).reasons == ["redundancy would fall below zero"]
    with pytest.raises(ForbiddenMove, match="redundancy"):
        await board.changes.start(change.id)


async def test_without_a_policy_a_change_manager_decides_and_nothing_passes_by_itself(board: Board):
    change = await board.submitted()
    approval = await board.store.get(Approval, change.approval_id)
    assert (approval.policy_id, approval.voter_ids) == ("default", ["cm"])
    board.realm.roles["change-manager"] = ["ann"]
    lonely = await board.store.get(Approval, (await board.submitted()).approval_id)
    assert (lonely.state, lonely.voter_ids, lonely.stages[0].escalated) == (ApprovalState.WAITING, ["root"], True)


async def test_a_window_that_passes_ends_the_approval_and_the_change_is_planned_anew(board: Board):
    await board.policy()
    change = await board.submitted()
    board.clock.advance(hours=3)
    await board.approving.falls_due("main", change.approval_id)
    await board.changes.escalate("main", change.id)
    back = await board.change(change.id)
    assert (back.state, back.approval) == (ChangeState.ASSESS, ApprovalStanding.EXPIRED)
    assert (await board.store.get(Approval, change.approval_id)).state is ApprovalState.EXPIRED


async def test_an_approved_change_that_nobody_made_loses_its_approval(board: Board):
    await board.policy()
    change = await board.submitted()
    for voter in ("eve", "meg"):
        await board.vote(change.approval_id, voter)
    board.clock.advance(hours=4)
    await board.changes.escalate("main", change.id)
    assert (await board.change(change.id)).state is ChangeState.ASSESS
    assert (await board.store.get(Approval, change.approval_id)).state is ApprovalState.EXPIRED


async def test_an_emergency_by_word_of_mouth_is_confirmed_afterwards_by_others(board: Board):
    await board.policy()
    change = await board.proposed(ChangeKind.EMERGENCY)
    await board.changes.expedite(change.id, "eve", "by phone at noon")
    board.clock.advance(hours=1)
    await board.changes.start(change.id)
    done = await board.changes.finish(change.id, Outcome.SUCCESSFUL, "")
    assert done.retrospective is ApprovalStanding.WAITING
    with pytest.raises(ForbiddenMove, match="after the fact"):
        await board.changes.close(change.id, "well")
    board.clock.advance(days=4)
    await board.changes.escalate("main", change.id)
    assert (await board.change(change.id)).told[-1].startswith("retrospective-overdue")
    for voter in ("eve", "meg"):
        await board.vote(done.retrospective_id, voter)
    closed = await board.changes.close(change.id, "well")
    assert (closed.state, closed.retrospective) == (ChangeState.CLOSED, ApprovalStanding.APPROVED)


async def test_a_template_is_approved_once_and_suspended_by_a_change_that_goes_wrong(board: Board):
    await board.policy(resource="changeTemplates")
    template = await board.templates.create({"name": "swap a disk", **PLANS})
    given = {"title": "a disk", "template_id": template.id, "implementer_id": "ian"}
    window = {"start_time": NOON, "end_time": NOON + HOUR}
    with pytest.raises(ForbiddenMove, match="not approved"):
        await board.changes.open({**given, **window})
    asked = await board.templates.submit(template.id)
    for voter in ("eve", "meg"):
        await board.vote(asked.approval_id, voter)
    change = await board.changes.open({**given, **window})
    assert (change.kind, change.back_out_plan, change.template_version) == (ChangeKind.STANDARD, PLANS["back_out_plan"], 1)
    with pytest.raises(Invalid, match="template"):
        await board.changes.open({**given, **window, "test_plan": "none"})
    other = await board.changes.open({**given, **window})
    await board.changes.schedule(change.id)
    await board.changes.start(change.id)
    await board.changes.finish(change.id, Outcome.BACKED_OUT, "the new disk was broken")
    suspended = await board.store.get(ChangeTemplate, template.id)
    assert (suspended.state, suspended.suspended_by_id) == (TemplateState.SUSPENDED, change.id)
    with pytest.raises(ForbiddenMove, match="SUSPENDED"):
        await board.changes.schedule(other.id)
    await board.templates.reinstate(template.id, "a bad lot of disks")
    assert (await board.changes.schedule(other.id)).state is ChangeState.SCHEDULED


async def test_an_edited_template_needs_a_new_approval_and_its_former_changes_are_proposed_anew(board: Board):
    await board.policy(resource="changeTemplates")
    template = await board.templates.create({"name": "swap a disk", **PLANS})
    asked = await board.templates.submit(template.id)
    for voter in ("eve", "meg"):
        await board.vote(asked.approval_id, voter)
    change = await board.changes.open(
        {"title": "a disk", "template_id": template.id, "implementer_id": "ian", "start_time": NOON, "end_time": NOON + HOUR}
    )
    await board.templates.update(template.id, {"description": "for racks"})
    assert (await board.store.get(ChangeTemplate, template.id)).state is TemplateState.APPROVED
    edited = await board.templates.update(template.id, {"test_plan": "read it twice"})
    assert (edited.state, edited.revision, edited.approved_revision) == (TemplateState.DRAFT, 2, 1)
    with pytest.raises(ForbiddenMove):
        await board.changes.schedule(change.id)
    again = await board.templates.submit(template.id)
    for voter in ("eve", "meg"):
        await board.vote(again.approval_id, voter)
    with pytest.raises(ForbiddenMove, match="newer version"):
        await board.changes.schedule(change.id)


async def test_a_delegation_is_given_by_oneself_or_by_whoever_edits_policies(board: Board):
    await board.policy()
    change = await board.submitted()
    with pytest.raises(Denied):
        await board.approving.delegate({"from_id": "eve", "to_id": "sam", "end_time": NOON + HOUR})
    with ctx.use(caller(subject="eve")):
        given = await board.approving.delegate({"to_id": "sam", "end_time": NOON + HOUR})
    voted = await board.vote(change.approval_id, "sam")
    assert (voted.stages[0].votes[0].voter_id, voted.stages[0].votes[0].by_id) == ("eve", "sam")
    with pytest.raises(Denied):
        await board.approving.end_delegation(given.id)
    with ctx.use(caller(subject="cm", permissions=frozenset({"approvalPolicies.update"}))):
        await board.approving.end_delegation(given.id)
    with pytest.raises(Denied):
        await board.vote(change.approval_id, "sam2")


async def test_a_record_of_any_kind_asks_and_hears_of_the_decision_in_the_transaction_of_the_vote(board: Board):
    heard: list[ApprovalState] = []

    async def decided(approval: Approval) -> None:
        heard.append(approval.state)

    approving = Approving(board.store, board.realm)
    approving.on("requests", decided)
    policy = await board.policy(resource="requests")
    asked = await approving.ask(
        "requests/req_1", Facts(resource="requests"), title="a laptop", requester_id="ann", policy_id=policy
    )
    for voter in ("eve", "meg"):
        with ctx.use(caller(subject=voter)):
            await Again(approving).vote(asked.id, Choice.APPROVE, "", "")
    assert heard == [ApprovalState.APPROVED]


async def test_the_next_stage_has_the_people_of_its_own_moment(board: Board):
    stages = [
        StageRule(name="lead", voters=[VoterRule(user_id="eve")]),
        StageRule(name="net", voters=[VoterRule(team_id="net")]),
    ]
    await board.policy(stages=stages)
    change = await board.submitted()
    board.realm.teams["net"] = ["new"]
    voted = await board.vote(change.approval_id, "eve")
    board.realm.teams["net"] = ["newer"]
    assert voted.voter_ids == ["new"]
    assert (await board.vote(change.approval_id, "new")).state is ApprovalState.APPROVED


async def test_a_policy_is_tried_on_what_is_past_before_it_holds(board: Board):
    await board.policy()
    approved, refused = await board.submitted(), await board.submitted()
    for voter in ("eve", "meg"):
        await board.vote(approved.approval_id, voter)
        if voter == "eve":
            await board.vote(refused.approval_id, voter, Choice.REJECT)
    board.clock.advance(hours=1)
    strict = [StageRule(name="all", quorum=Quorum.ALL, voters=[VoterRule(team_id="board"), VoterRule(user_id="cm")])]
    tried = await board.policy(name="strict", stages=strict, active=False)
    found = await board.simulating.simulate(tried, None, None)
    would = {each.approval.id: each.would_be for each in found.matched}
    assert would == {approved.approval_id: ApprovalState.WAITING, refused.approval_id: ApprovalState.REJECTED}
    assert (found.looked_at, found.different) == (2, 1)
    easy = await board.policy(name="easy", stages=[StageRule(name="one", voters=[VoterRule(team_id="board")])], active=False)
    again = {each.approval.id: each.would_be for each in (await board.simulating.simulate(easy, None, None)).matched}
    assert again == {approved.approval_id: ApprovalState.APPROVED, refused.approval_id: ApprovalState.WAITING}
    other = await board.policy(name="other", risks=[Risk.LOW], active=False)
    assert (await board.simulating.simulate(other, None, None)).matched == []


async def test_the_board_has_an_agenda_and_minutes_that_are_final(board: Board):
    await board.policy()
    change = await board.submitted()
    await board.proposed()
    meeting = await board.meetings.plan({"title": "CAB", "start_time": NOON + HOUR / 2, "end_time": NOON + HOUR})
    collected = await board.meetings.collect(meeting.id, None)
    assert [item.change_id for item in collected.items] == [change.id]
    with pytest.raises(Invalid, match="was not given"):
        await board.meetings.hold(meeting.id)
    await board.meetings.update(meeting.id, {"items": [Item(change_id=change.id, advice=Advice.APPROVE, minutes="fine")]})
    assert (await board.meetings.hold(meeting.id)).state is MeetingState.HELD
    with pytest.raises(ForbiddenMove):
        await board.meetings.update(meeting.id, {"minutes": "I never said that"})


async def test_periods_at_the_ends_of_the_calendar_are_periods(board: Board):
    policy = await board.policy()
    last, first = datetime(9999, 12, 31, 23, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)
    assert await board.gating.agenda(last, None) == []
    assert (await board.simulating.simulate(policy, None, first)).looked_at == 0
    meeting = await board.meetings.plan({"title": "CAB", "start_time": last, "end_time": last + HOUR / 2})
    assert (await board.meetings.collect(meeting.id, None)).items == []
