"""What changes and approvals are on the wire: messages in, messages out, through the servicers."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from itsm.incident import v1 as pb

from chassis import context as ctx
from chassis.errors import Invalid, NotFound
from chassis.testing import caller
from services.incident import store as kept
from services.incident.api.approvals import ApprovalApi
from services.incident.api.cab import CabApi
from services.incident.api.change_templates import ChangeTemplateApi
from services.incident.api.changes import ChangeApi
from services.incident.usecases.approving import Approving
from services.incident.usecases.cab import Meetings
from services.incident.usecases.change_templates import ChangeTemplates
from services.incident.usecases.changes import Changes
from services.incident.usecases.gating import Gating
from services.incident.usecases.reading import Reading
from services.incident.usecases.simulating import Simulating
from tests.unit.incident.desk import KEY, Again
from tests.unit.incident.test_change_stories import NOON, Board

PLANS = {"implementation_plan": "swap", "test_plan": "read", "back_out_plan": "swap back"}


class Wire:
    """The servicers over one store."""

    def __init__(self, board: Board) -> None:
        self.board, store = board, board.store
        approving, gating = Approving(store, board.realm), Gating(store)
        reading = Reading(store, kept.listings(KEY, board.clock))
        self.changes: Any = Again(ChangeApi(Changes(store, approving), gating, reading))
        self.approvals: Any = Again(ApprovalApi(approving, Simulating(store, approving), reading))
        self.templates: Any = Again(ChangeTemplateApi(ChangeTemplates(store, approving), reading))
        self.cab: Any = Again(CabApi(Meetings(store, gating), reading))


@pytest.fixture
def wire() -> Iterator[Wire]:
    with ctx.use(caller(subject="ann")):
        yield Wire(Board())


async def test_a_change_goes_its_way_in_messages(wire: Wire):
    window = {"start_time": NOON, "end_time": NOON + timedelta(hours=2)}
    stage = pb.ApprovalPolicy.Stage(
        name="board", quorum="PERCENT", percent=60, voters=[pb.ApprovalPolicy.Voter(team_id="board", veto=True, weight=2)]
    )
    policy = pb.ApprovalPolicy(name="mail", kinds=["NORMAL"], purposes=["AUTHORIZATION"], risks=["LOW"], stages=[stage])
    made = await wire.approvals.CreateApprovalPolicy(pb.CreateApprovalPolicyRequest(approval_policy=policy), None)
    assert (made.number, made.active, made.stages[0].voters[0].weight) == (100, True, 2)
    mask = FieldMask(paths=["risks"])
    empty = pb.UpdateApprovalPolicyRequest(id=made.id, approval_policy=pb.ApprovalPolicy(), update_mask=mask)
    assert not (await wire.approvals.UpdateApprovalPolicy(empty, None)).risks

    questions = pb.Change.Questions(impact="LOW", tested=True)
    proposed = pb.Change(title="a disk", implementer_id="ian", questions=questions, **PLANS, **window)
    change = await wire.changes.OpenChange(pb.OpenChangeRequest(change=proposed), None)
    assert (change.kind, change.risk, change.requester_id) == (pb.Change.NORMAL, pb.Change.LOW, "ann")
    assert change.start_time.ToDatetime(UTC) == NOON
    await wire.changes.AssessChange(pb.AssessChangeRequest(id=change.number), None)
    asked = await wire.changes.SubmitChange(pb.SubmitChangeRequest(id=change.id), None)
    approval = await wire.approvals.GetApproval(pb.GetApprovalRequest(id=asked.approval_id), None)
    assert list(approval.voter_ids) == ["eve", "meg"]
    assert approval.stages[0].state == pb.Approval.Stage.OPEN
    waiting = await wire.approvals.ListApprovals(pb.ListApprovalsRequest(filter='voterIds = "eve" AND state = WAITING'), None)
    assert [each.id for each in waiting.approvals] == [approval.id]
    for voter in ("eve", "meg"):
        with ctx.use(caller(subject=voter)):
            vote = pb.VoteApprovalRequest(id=approval.id, choice="APPROVE", comment="fine")
            voted = await wire.approvals.VoteApproval(vote, None)
    assert (voted.state, voted.stages[0].votes[1].voter_id) == (pb.Approval.APPROVED, "meg")
    gate = await wire.changes.GateChange(pb.GateChangeRequest(id=change.number), None)
    assert (gate.open, gate.state, gate.number) == (True, pb.Change.SCHEDULED, change.number)
    assert gate.end_time.ToDatetime(UTC) == NOON + timedelta(hours=2)
    await wire.changes.StartChange(pb.StartChangeRequest(id=change.id), None)
    finish = pb.FinishChangeRequest(id=change.id, outcome="FAILED", outcome_note="broken")
    await wire.changes.FinishChange(finish, None)
    closed = await wire.changes.CloseChange(pb.CloseChangeRequest(id=change.id, review="buy others"), None)
    assert (closed.state, closed.outcome) == (pb.Change.CLOSED, pb.Change.FAILED)
    entries = (await wire.changes.ListChangeTimeline(pb.ListChangeTimelineRequest(id=change.id), None)).entries
    told = [entry.type.rpartition(".")[2] for entry in entries]
    assert told.index("ChangeClosed") == 0
    assert told.count("ApprovalVoted") == 1
    assert all("approval" not in entry.detail for entry in entries)
    simulated = await wire.approvals.SimulateApprovalPolicy(pb.SimulateApprovalPolicyRequest(id=made.id), None)
    assert simulated.looked_at == 0  # it was asked at this very instant, which is outside of what lies before it
    later = pb.SimulateApprovalPolicyRequest(id=made.id, end_time=NOON + timedelta(hours=1))
    simulated = await wire.approvals.SimulateApprovalPolicy(later, None)
    assert (simulated.matched, simulated.different, simulated.approvals[0].would_be) == (1, 0, pb.Approval.APPROVED)


async def test_an_update_without_a_mask_takes_what_its_body_holds_and_a_kind_of_unknown_words_is_refused(wire: Wire):
    change = await wire.changes.OpenChange(pb.OpenChangeRequest(change=pb.Change(title="a disk")), None)
    update = pb.UpdateChangeRequest(id=change.id, change=pb.Change(service_ids=["ast_1"], number="CHG9"))
    changed = await wire.changes.UpdateChange(update, None)
    assert (list(changed.service_ids), changed.number, changed.title) == (["ast_1"], change.number, "a disk")
    fixed = pb.UpdateChangeRequest(id=change.id, change=pb.Change(template_id="ctp_1"))
    with pytest.raises(Invalid, match="cannot be changed"):
        await wire.changes.UpdateChange(fixed, None)


async def test_a_delegate_who_sees_only_what_waits_for_him_reads_and_votes_for_whom_he_stands_in_for(wire: Wire):
    board = wire.board
    await board.policy()
    change = await board.submitted()
    for subject, start in (("eve", NOON), ("meg", NOON + timedelta(days=1))):
        with ctx.use(caller(subject=subject)):
            await board.approving.delegate({"to_id": "sam", "start_time": start, "end_time": start + timedelta(hours=1)})
    mine = pb.GetApprovalRequest(id=change.approval_id)
    with ctx.use(caller(subject="tom", scope={"voter_ids": "tom"})):
        with pytest.raises(NotFound):
            await wire.approvals.GetApproval(mine, None)
        with pytest.raises(NotFound):
            await wire.approvals.VoteApproval(pb.VoteApprovalRequest(id=change.approval_id, choice=pb.Approval.APPROVE), None)
    with ctx.use(caller(subject="sam", scope={"voter_ids": "sam"})):
        assert (await wire.approvals.GetApproval(mine, None)).voter_ids == ["eve", "meg"]
        listed = await wire.approvals.ListApprovals(pb.ListApprovalsRequest(), None)
        assert [each.id for each in listed.approvals] == [change.approval_id]
        voted = await wire.approvals.VoteApproval(
            pb.VoteApprovalRequest(id=change.approval_id, choice=pb.Approval.APPROVE), None
        )
        assert [(each.voter_id, each.by_id) for each in voted.stages[0].votes] == [("eve", "sam")]
        # What waits for somebody else alone is not shown before the delegation of that one begins, nor after it ended.
        for seen in ([], [change.approval_id], []):
            listed = await wire.approvals.ListApprovals(pb.ListApprovalsRequest(), None)
            assert [each.id for each in listed.approvals] == seen
            board.clock.advance(days=1)


async def test_templates_meetings_and_delegations_go_in_and_come_out(wire: Wire):
    template = pb.CreateChangeTemplateRequest(change_template=pb.ChangeTemplate(name="disk", **PLANS))
    made = await wire.templates.CreateChangeTemplate(template, None)
    asked = await wire.templates.SubmitChangeTemplate(pb.SubmitChangeTemplateRequest(id=made.id), None)
    assert (made.state, asked.state, made.revision) == (pb.ChangeTemplate.DRAFT, pb.ChangeTemplate.WAITING, 1)
    listed = await wire.templates.ListChangeTemplates(pb.ListChangeTemplatesRequest(filter="state = WAITING"), None)
    assert [each.id for each in listed.change_templates] == [made.id]

    item = pb.CabMeeting.Item(change_id="chg_1")
    times = {"start_time": NOON, "end_time": NOON + timedelta(hours=1)}
    meeting = pb.CreateCabMeetingRequest(cab_meeting=pb.CabMeeting(title="CAB", items=[item], **times))
    cab = await wire.cab.CreateCabMeeting(meeting, None)
    assert (cab.items[0].advice, cab.chair_id, cab.state) == (pb.CabMeeting.OPEN, "ann", pb.CabMeeting.PLANNED)
    assert (await wire.cab.CancelCabMeeting(pb.CancelCabMeetingRequest(id=cab.id), None)).state == pb.CabMeeting.CANCELLED

    away = pb.ApprovalDelegation(to_id="sam", end_time=datetime(2126, 6, 4, tzinfo=UTC))
    given = await wire.approvals.CreateApprovalDelegation(pb.CreateApprovalDelegationRequest(approval_delegation=away), None)
    assert (given.from_id, given.start_time.ToDatetime(UTC)) == ("ann", NOON)
    ended = await wire.approvals.EndApprovalDelegation(pb.EndApprovalDelegationRequest(id=given.id), None)
    assert ended.end_time.ToDatetime(UTC) == NOON
