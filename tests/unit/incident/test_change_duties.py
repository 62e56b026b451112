"""Who may not agree to a change, what a template covers, what the past says of it, and how an emergency ends."""

from collections.abc import Iterator
from typing import Any

import pytest

from chassis import context as ctx
from chassis.errors import Denied, ForbiddenMove, Invalid, Unavailable
from chassis.testing import caller
from services.incident.domain.approval import Approval, ApprovalState
from services.incident.domain.approval_policy import StageRule, VoterRule
from services.incident.domain.change import Change
from services.incident.domain.change_states import ApprovalStanding, ChangeKind, ChangeState, Outcome
from services.incident.domain.risk import Risk
from tests.unit.incident.test_change_stories import HOUR, PLANS, Board


@pytest.fixture
def board() -> Iterator[Board]:
    with ctx.use(caller(subject="ann")):
        yield Board()


async def test_whoever_proposed_or_edited_a_change_does_not_agree_to_it_though_another_submits_it(board: Board):
    await board.policy()
    with ctx.use(caller(subject="eve")):
        change = await board.proposed()
    with ctx.use(caller(subject="meg")):
        await board.changes.update(change.id, {"back_out_plan": "buy another"})
    with ctx.use(caller(subject="sue")):
        await board.changes.update(change.id, {"description": "words that nobody approves"})
    await board.changes.assess(change.id)
    asked = await board.store.get(Approval, (await board.changes.submit(change.id)).approval_id)
    assert asked.barred_ids == ["ann", "eve", "ian", "meg"]
    for author in ("eve", "meg"):
        with pytest.raises(Denied):
            await board.vote(asked.id, author)


async def test_whoever_edited_a_template_does_not_agree_to_it_though_another_submits_it(board: Board):
    await board.policy(resource="changeTemplates")
    template = await board.templates.create({"name": "swap a disk", **PLANS})
    with ctx.use(caller(subject="eve")):
        await board.templates.update(template.id, {"test_plan": "read it twice"})
    with ctx.use(caller(subject="sue")):
        asked = await board.store.get(Approval, (await board.templates.submit(template.id)).approval_id)
    assert asked.barred_ids == ["ann", "eve", "sue"]


@pytest.mark.parametrize("edit", [{"category": "easy"}, {"requester_id": "bob"}])
async def test_what_chose_the_voters_is_not_edited_under_their_hands(board: Board, edit: dict[str, Any]):
    await board.policy()
    change = await board.submitted()
    edited = await board.changes.update(change.id, edit)
    assert (edited.state, edited.approval) == (ChangeState.ASSESS, ApprovalStanding.VOID)
    assert (await board.store.get(Approval, change.approval_id)).state is ApprovalState.VOID


async def test_other_services_bring_their_own_past_into_the_risk(board: Board):
    for _ in range(5):
        change = await board.proposed(ChangeKind.EMERGENCY, service_ids=["ast_mail"])
        await board.changes.expedite(change.id, "eve", "by phone")
        board.clock.advance(hours=1)
        await board.changes.start(change.id)
        await board.changes.finish(change.id, Outcome.FAILED, "the disk was broken")
    change = await board.proposed(service_ids=["ast_web"])
    assert not any("went wrong" in each for each in change.risk_reasons)
    worse = await board.changes.update(change.id, {"service_ids": ["ast_mail"]})
    assert worse.risk_reasons[-1] == "10: 5 of the last 5 changes there went wrong"
    assert worse.risk_score == change.risk_score + 10
    better = await board.changes.update(change.id, {"service_ids": ["ast_web"]})
    assert better.risk_score == change.risk_score


async def made_by_word_of_mouth(board: Board) -> Change:
    """An emergency that is being made."""
    change = await board.proposed(ChangeKind.EMERGENCY)
    await board.changes.expedite(change.id, "eve", "by phone at noon")
    board.clock.advance(hours=1)
    return await board.changes.start(change.id)


async def test_an_emergency_ends_though_nobody_can_be_asked_and_the_timer_asks_later(board: Board):
    await board.policy()
    change = await made_by_word_of_mouth(board)
    board.realm.away = True
    with ctx.use(caller(subject="fin")):
        done = await board.changes.finish(change.id, Outcome.SUCCESSFUL, "")
    assert (done.state, done.retrospective, done.retrospective_id) == (ChangeState.REVIEW, ApprovalStanding.WAITING, "")
    assert (done.next_due_time, done.retrospective_due_time) == (board.clock.now, board.clock.now + 72 * HOUR)
    with pytest.raises(ForbiddenMove, match="after the fact"):
        await board.changes.close(change.id, "well")
    board.clock.advance(days=4)
    with pytest.raises(Unavailable), ctx.use(caller(subject="timer")):
        await board.changes.escalate("main", change.id)
    assert (await board.change(change.id)).told[-1].startswith("retrospective-overdue")
    board.realm.away = False
    with ctx.use(caller(subject="timer")):
        for _ in range(2):
            await board.changes.escalate("main", change.id)
    asked = await board.change(change.id)
    approval = await board.store.get(Approval, asked.retrospective_id)
    assert (asked.next_due_time, approval.voter_ids) == (None, ["eve", "meg"])
    assert "fin" in approval.barred_ids
    for voter in ("eve", "meg"):
        await board.vote(approval.id, voter)
    assert (await board.changes.close(change.id, "well")).retrospective is ApprovalStanding.APPROVED


async def test_an_emergency_whose_policy_has_no_stage_for_its_risk_is_confirmed_by_the_built_in_one(board: Board):
    stages = [StageRule(name="low", voters=[VoterRule(team_id="board")], risks=[Risk.LOW])]
    await board.approving.create_policy({"name": "low alone", "stages": stages})
    change = await made_by_word_of_mouth(board)
    done = await board.changes.finish(change.id, Outcome.SUCCESSFUL, "")
    approval = await board.store.get(Approval, done.retrospective_id)
    assert (approval.policy_id, approval.voter_ids) == ("default", ["cm"])


async def test_a_standard_change_stays_within_the_services_that_its_template_was_approved_for(board: Board):
    given = await board.standard(service_ids=["ast_mail", "ast_web"])
    with pytest.raises(Invalid, match="not approved for ast_bank"):
        await board.changes.open({**given, "service_ids": ["ast_mail", "ast_bank"]})
    change = await board.changes.open({**given, "service_ids": ["ast_mail"]})
    with pytest.raises(Invalid, match="not approved for ast_bank"):
        await board.changes.update(change.id, {"service_ids": ["ast_bank"]})
    assert (await board.changes.update(change.id, {"service_ids": ["ast_web"]})).service_ids == ["ast_web"]
    assert (await board.changes.open(given)).service_ids == ["ast_mail", "ast_web"]


async def test_a_suspended_template_starts_no_change_that_was_planned_before(board: Board):
    given = await board.standard()
    wrong, waiting = [await board.changes.open(given) for _ in range(2)]
    for each in (wrong, waiting):
        await board.changes.schedule(each.id)
    assert (await board.gating.gate(waiting.id)).open
    await board.changes.start(wrong.id)
    await board.changes.finish(wrong.id, Outcome.FAILED, "the new disk was broken")
    gate = await board.gating.gate(waiting.id)
    assert (gate.open, gate.reasons) == (False, ["the template swap a disk is SUSPENDED, not approved"])
    with pytest.raises(ForbiddenMove, match="SUSPENDED"):
        await board.changes.start(waiting.id)
    await board.templates.reinstate(given["template_id"], "a bad lot of disks")
    assert (await board.changes.start(waiting.id)).state is ChangeState.IMPLEMENT


async def test_another_team_makes_what_was_approved_only_after_it_was_asked_for_anew(board: Board):
    await board.policy()
    change = await board.submitted()
    same = await board.changes.assign(change.id, "t-first", "bob")
    assert (same.state, same.approval) == (ChangeState.ASSESS, ApprovalStanding.VOID)
    voided = await board.store.get(Approval, change.approval_id)
    assert (voided.state, voided.reasons[-1]) == (ApprovalState.VOID, "void: another team makes what was approved")
    again = await board.changes.submit(change.id)
    assert again.approval_id != change.approval_id
    kept = await board.changes.assign(change.id, "t-first", "cid")
    assert (kept.state, kept.approval) == (ChangeState.AUTHORIZE, ApprovalStanding.WAITING)
