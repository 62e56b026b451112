"""Approvals: the arithmetic of votes against all ways to go on, circles, stages, delegates, and why each ended as it did."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors import Denied, ForbiddenMove, Invalid
from services.incident.domain.approval import Approval, ApprovalState, Seat, StageState
from services.incident.domain.approval_policy import ApprovalPolicy, Facts, StageRule, VoterRule, choose, default_policy
from services.incident.domain.delegation import ApprovalDelegation
from services.incident.domain.moment import Act
from services.incident.domain.quorum import Ballot, Choice, Quorum, Rule, verdict
from services.incident.domain.risk import Risk

NOON = datetime(2126, 6, 3, 12, tzinfo=UTC)
DAY = timedelta(days=1)
YES, NO, PASS = Choice.APPROVE, Choice.REJECT, Choice.ABSTAIN


def at(by: str, when: datetime = NOON) -> Act:
    return Act(when, by)


def seats(*people: str, **more: Any) -> list[Seat]:
    return [Seat(id=each, member_ids=[each], **more) for each in people]


def stage(name: str = "board", **more: Any) -> StageRule:
    return StageRule(name=name, voters=[VoterRule(user_id="x")], **more)


def asked(*people: str, barred: tuple[str, ...] = ("ann",), rules: tuple[StageRule, ...] = (), **more: Any) -> Approval:
    fields: dict[str, Any] = {"subject": "changes/chg_1", "title": "a disk", "policy_id": "apl_1", "policy_name": "board"}
    escalation = more.pop("escalation", ())
    given = {**fields, "requester_id": "ann", "barred_ids": list(barred), **more}
    approval = Approval.asked(at("ann"), id="apr_1", stages=rules or (stage(),), why="it matches", **given)
    approval.begin(at("ann"), seats(*people), escalation)
    approval.tell(at("ann"))
    approval.take_recorded()
    return approval


def vote(approval: Approval, by: str, choice: Choice = YES, when: datetime = NOON, **more: Any) -> None:
    approval.vote(at(by, when), choice, "", more.pop("delegations", ()), **more)
    approval.take_recorded()


def away(absent: str, substitute: str, start: datetime = NOON, end: datetime = NOON + DAY) -> ApprovalDelegation:
    return ApprovalDelegation(
        id=f"adg_{absent}_{substitute}", from_id=absent, to_id=substitute, start_time=start, end_time=end, create_time=NOON
    )


@pytest.mark.parametrize(
    ("rule", "of", "needed"),
    [
        (Rule(Quorum.ANY), 5, 1),
        (Rule(Quorum.ALL), 5, 5),
        (Rule(Quorum.AT_LEAST, least=3), 5, 3),
        (Rule(Quorum.PERCENT, percent=50), 5, 3),
        (Rule(Quorum.PERCENT, percent=1), 5, 1),
        (Rule(Quorum.PERCENT, percent=67), 3, 3),
        (Rule(Quorum.PERCENT, percent=66), 3, 2),
        (Rule(Quorum.PERCENT, percent=100), 4, 4),
        (Rule(Quorum.ALL), 0, 1),
    ],
)
def test_what_a_circle_needs(rule: Rule, of: int, needed: int):
    assert rule.needed(of) == needed


@pytest.mark.parametrize(
    ("rule", "said", "passed"),
    [
        (Rule(Quorum.ANY), [NO, NO, None], None),
        (Rule(Quorum.ANY), [NO, NO, YES], True),
        (Rule(Quorum.ANY), [NO, NO, NO], False),
        (Rule(Quorum.ALL), [YES, NO, None], False),
        (Rule(Quorum.AT_LEAST, least=2), [YES, YES, None, None], True),
        (Rule(Quorum.AT_LEAST, least=2), [YES, NO, NO, None], None),
        (Rule(Quorum.AT_LEAST, least=2), [None, NO, NO, NO], False),
        (Rule(Quorum.ALL), [YES, YES, PASS], False),
        (Rule(Quorum.ALL, abstain_shrinks=True), [YES, YES, PASS], True),
        (Rule(Quorum.PERCENT, percent=60), [YES, NO, PASS, YES], False),
        (Rule(Quorum.PERCENT, percent=60, abstain_shrinks=True), [YES, NO, PASS, YES], True),
        (Rule(Quorum.ANY, abstain_shrinks=True), [PASS, PASS], False),
        (Rule(Quorum.AT_LEAST, least=3), [YES, YES], None),
    ],
)
def test_a_stage_is_decided_as_soon_as_it_can_be(rule: Rule, said: list[Choice | None], passed: bool | None):
    assert verdict(rule, [Ballot(choice=each) for each in said])[0] is passed


def test_a_veto_rejects_alone_and_weights_count():
    rule = Rule(Quorum.AT_LEAST, least=3)
    assert verdict(rule, [Ballot(3, choice=YES), Ballot(), Ballot()])[0] is True
    assert verdict(rule, [Ballot(3, choice=YES), Ballot(veto=True, choice=NO)])[0] is False


rules = st.builds(
    Rule,
    st.sampled_from(Quorum),
    least=st.integers(1, 6),
    percent=st.integers(1, 100),
    abstain_shrinks=st.booleans(),
)


@settings(max_examples=200, deadline=None)
@given(
    rule=rules,
    said=st.lists(
        st.builds(Ballot, weight=st.integers(1, 2), veto=st.booleans(), choice=st.one_of(st.none(), st.sampled_from(Choice))),
        min_size=1,
        max_size=5,
    ),
)
def test_an_early_decision_is_the_one_that_every_way_to_go_on_would_end_in(rule: Rule, said: list[Ballot]):
    early, _ = verdict(rule, said)
    still_open = [i for i, each in enumerate(said) if each.choice is None]
    ends = set()
    for rest in product(Choice, repeat=len(still_open)):
        full = list(said)
        for i, choice in zip(still_open, rest, strict=True):
            full[i] = Ballot(said[i].weight, said[i].veto, choice)
        ends.add(verdict(rule, full)[0])
    vetoable = any(said[i].veto for i in still_open)
    if early is False or (early is True and not vetoable):
        assert ends == {early}
    elif early is None and sum(each.weight for each in said) >= rule.needed(sum(each.weight for each in said)):
        assert ends == {True, False}


def test_whoever_asked_and_whoever_makes_it_do_not_vote():
    approval = asked("ann", "ian", "eve", barred=("ann", "ian"))
    assert approval.voter_ids == ["eve"]
    for barred in ("ann", "ian"):
        with pytest.raises(Denied, match="does not vote on it"):
            vote(approval, barred)
    assert any("ann, ian may not vote" in each for each in approval.reasons)


def test_too_few_voters_escalate_and_never_pass_by_themselves():
    two = stage(quorum=Quorum.AT_LEAST, least=2)
    approval = asked("ann", "eve", rules=(two,), escalation=seats("meg"))
    assert approval.stages[0].escalated
    assert approval.voter_ids == ["eve", "meg"]
    left = asked("ann", "eve", rules=(two,))
    vote(left, "eve")
    assert left.state is ApprovalState.WAITING
    left.replace(at("cm"), voter_id="", by_id="meg", note="nobody else is there")
    left.take_recorded()
    vote(left, "meg")
    assert left.state is ApprovalState.APPROVED


def test_nobody_at_all_is_no_consent():
    approval = asked("ann")
    assert (approval.state, approval.voter_ids) == (ApprovalState.WAITING, [])
    assert "further voters have to be named" in approval.reasons[-1]


def test_one_person_votes_once_however_often_they_are_named():
    approval = asked("eve", "eve", "meg", rules=(stage(quorum=Quorum.ALL),))
    assert [seat.id for seat in approval.stages[0].seats] == ["eve", "meg"]
    vote(approval, "eve")
    with pytest.raises(ForbiddenMove, match="votes once"):
        vote(approval, "eve")
    with pytest.raises(ForbiddenMove, match="votes once"):
        vote(approval, "eve", delegations=[away("meg", "eve")])


def test_a_team_may_have_one_vote_together():
    approval = asked(rules=(stage(quorum=Quorum.ALL),))
    approval.stages[0].seats = [
        Seat(id="teams/net", member_ids=["eve", "meg"], via=["teams/net"]),
        Seat(id="teams/db", member_ids=["eve", "dan"], via=["teams/db"]),
    ]
    vote(approval, "eve")
    with pytest.raises(ForbiddenMove, match="votes once"):
        vote(approval, "eve")
    vote(approval, "dan")
    assert approval.state is ApprovalState.APPROVED


def test_a_delegate_votes_in_the_name_of_who_is_away_and_both_names_are_kept():
    approval = asked("eve", "meg", rules=(stage(quorum=Quorum.ALL),))
    vote(approval, "sam", delegations=[away("eve", "sam")])
    kept = approval.stages[0].votes[0]
    assert (kept.voter_id, kept.by_id) == ("eve", "sam")
    with pytest.raises(ForbiddenMove, match="votes once"):
        vote(approval, "eve")


def test_a_delegation_counts_in_its_time_alone_and_goes_no_further():
    approval = asked("eve")
    later = away("eve", "sam", start=NOON + DAY, end=NOON + 2 * DAY)
    with pytest.raises(Denied):
        vote(approval, "sam", delegations=[later])
    with pytest.raises(Denied):
        vote(approval, "sam", when=NOON + 2 * DAY, delegations=[later])
    with pytest.raises(Denied):
        vote(approval, "pat", delegations=[away("eve", "sam"), away("sam", "pat")])
    with pytest.raises(Denied, match="does not vote on it"):
        vote(approval, "ann", delegations=[away("eve", "ann")])
    vote(approval, "sam", when=NOON + DAY, delegations=[later])
    assert approval.state is ApprovalState.APPROVED


@pytest.mark.parametrize("others", [[("bob", "cid")], [("zoe", "ann")]])
def test_a_delegation_that_would_make_a_chain_is_refused(others: list[tuple[str, str]]):
    given = {"from_id": "ann", "to_id": "bob", "start_time": NOON, "end_time": NOON + DAY}
    with pytest.raises(Invalid, match="chain"):
        ApprovalDelegation.given(at("ann"), [away(*each) for each in others], id="adg_1", **given)
    past = [away(*each, start=NOON - 2 * DAY, end=NOON) for each in others]
    assert ApprovalDelegation.given(at("ann"), past, id="adg_1", **given).holds(NOON)


def test_stages_run_one_after_the_other_and_a_rejected_one_stops_the_rest():
    approval = asked("eve", rules=(stage("lead"), stage("board")))
    vote(approval, "eve")
    assert (approval.state, approval.voter_ids) == (ApprovalState.WAITING, [])
    approval.begin(at("eve"), seats("meg", "dan"), ())
    vote(approval, "meg", NO)
    vote(approval, "dan", NO)
    assert approval.state is ApprovalState.REJECTED
    first = asked("eve", rules=(stage("lead"), stage("board")))
    vote(first, "eve", NO)
    assert [each.state for each in first.stages] == [StageState.REJECTED, StageState.SKIPPED]


def test_a_circle_is_frozen_when_its_stage_begins_and_leavers_are_replaced_with_a_note():
    approval = asked("eve", "meg", rules=(stage(quorum=Quorum.ALL),))
    with pytest.raises(Denied):
        vote(approval, "new")
    for wrong in ({"note": " "}, {"by_id": "ann"}, {"by_id": "meg"}, {"voter_id": "nobody"}):
        with pytest.raises(Invalid):
            approval.replace(at("cm"), **{"voter_id": "eve", "by_id": "new", "note": "left us", **wrong})
    with pytest.raises(Denied, match="does not name its voters"):
        approval.replace(at("ann"), voter_id="eve", by_id="new", note="left us")
    approval.replace(at("cm"), voter_id="eve", by_id="new", note="left us")
    approval.take_recorded()
    assert "new votes instead of eve: left us" in approval.reasons[-1]
    with pytest.raises(Denied):
        vote(approval, "eve")
    vote(approval, "new")
    vote(approval, "meg")
    assert approval.state is ApprovalState.APPROVED


def test_silence_is_consent_only_where_the_policy_says_so_and_the_risk_is_low():
    quiet = stage(silence_approves=True, hours=24, risks=[Risk.LOW])
    approval = asked("eve", rules=(quiet,), risk=Risk.LOW)
    assert not approval.falls_due(at("timer", NOON + DAY / 2), ())
    assert approval.falls_due(at("timer", NOON + DAY), ())
    assert (approval.state, approval.next_due_time) == (ApprovalState.APPROVED, None)
    loud = asked("eve", rules=(stage(hours=24),), risk=Risk.LOW)
    assert loud.falls_due(at("timer", NOON + DAY), seats("meg"))
    assert (loud.state, loud.voter_ids) == (ApprovalState.WAITING, ["eve", "meg"])
    objected = asked("eve", "meg", rules=(quiet,), risk=Risk.LOW)
    vote(objected, "eve", NO)
    objected.falls_due(at("timer", NOON + DAY), ())
    assert objected.state is ApprovalState.WAITING


def test_silence_of_nobody_is_no_consent():
    quiet = stage(silence_approves=True, hours=1, risks=[Risk.LOW])
    approval = asked("ann", rules=(quiet,), risk=Risk.LOW)
    assert approval.falls_due(at("timer", NOON + DAY), ())
    assert (approval.state, approval.voter_ids) == (ApprovalState.WAITING, [])
    assert "further voters have to be named" in approval.reasons[-1]


def test_it_expires_with_its_window_and_what_is_over_takes_no_votes():
    approval = asked("eve", expire_time=NOON + DAY)
    assert approval.next_due_time == NOON + DAY
    approval.falls_due(at("timer", NOON + DAY), ())
    approval.take_recorded()
    assert approval.state is ApprovalState.EXPIRED
    with pytest.raises(ForbiddenMove):
        vote(approval, "eve")


def test_a_vote_after_its_time_counts_no_more_though_the_timer_is_late():
    approval = asked("eve", expire_time=NOON + DAY)
    with pytest.raises(ForbiddenMove, match="its time is over"):
        vote(approval, "eve", when=NOON + DAY)
    vote(approval, "eve", when=NOON + DAY - timedelta(seconds=1))
    assert approval.state is ApprovalState.APPROVED


def test_what_is_void_says_why_and_what_was_refused_stays_refused():
    approval = asked("eve")
    vote(approval, "eve")
    approval.end(at("ann"), ApprovalState.VOID, "the window was moved")
    assert (approval.state, approval.reasons[-1]) == (ApprovalState.VOID, "void: the window was moved")
    refused = asked("eve")
    vote(refused, "eve", NO)
    refused.end(at("ann"), ApprovalState.VOID, "the window was moved")
    assert refused.state is ApprovalState.REJECTED


def test_a_policy_without_a_stage_for_the_risk_refuses_to_be_asked():
    with pytest.raises(ForbiddenMove, match="no stage"):
        asked("eve", rules=(stage(risks=[Risk.HIGH]),), risk=Risk.LOW)
    approval = asked("eve", rules=(stage("board", risks=[Risk.HIGH]), stage("lead")), risk=Risk.LOW)
    assert "board: not for this risk" in approval.reasons


@pytest.mark.parametrize(
    "wrong",
    [
        stage(quorum=Quorum.PERCENT),
        stage(quorum=Quorum.PERCENT, percent=101),
        stage(quorum=Quorum.AT_LEAST),
        stage(silence_approves=True, hours=24),
        stage(silence_approves=True, risks=[Risk.LOW]),
        StageRule(name="nobody"),
        StageRule(name="both", voters=[VoterRule(user_id="x", team_id="y")]),
        StageRule(name="none", voters=[VoterRule()]),
    ],
)
def test_a_policy_that_could_never_be_decided_or_decides_by_itself_is_refused(wrong: StageRule):
    with pytest.raises(Invalid):
        ApprovalPolicy(id="apl_1", name="board", stages=[wrong]).validate()


def test_the_policy_that_names_most_criteria_wins_and_says_why():
    wide = ApprovalPolicy(id="apl_1", name="all", stages=[stage()])
    high = ApprovalPolicy(id="apl_2", name="high", risks=[Risk.HIGH], stages=[stage()])
    mail = ApprovalPolicy(id="apl_3", name="mail", risks=[Risk.HIGH], service_ids=["ast_mail"], stages=[stage()])
    facts = Facts(resource="changes", risk=Risk.HIGH, service_ids=["ast_mail", "ast_web"])
    assert choose([wide, high, mail], facts)[0] is mail
    assert choose([wide, high], facts) == (high, "it matches by risk, more closely than all")
    assert choose([wide], Facts(resource="requests"))[0] == default_policy("requests")


@settings(max_examples=150, deadline=None)
@given(
    rule=st.builds(stage, quorum=st.sampled_from(Quorum), least=st.integers(1, 4), percent=st.integers(1, 100)),
    circle=st.sets(st.sampled_from("abcdef"), max_size=5),
    votes=st.lists(st.tuples(st.sampled_from("abcdefg"), st.sampled_from(Choice)), max_size=10),
)
def test_whatever_happens_nobody_votes_twice_nor_on_their_own_and_nothing_passes_without_votes(
    rule: StageRule, circle: set[str], votes: list[tuple[str, Choice]]
):
    approval = asked(*circle, barred=("a",), rules=(rule,))
    for by, choice in votes:
        try:
            vote(approval, by, choice, delegations=[away("f", "g")])
        except (Denied, ForbiddenMove):
            continue
    heard = [each.by_id for each in approval.stages[0].votes]
    assert len(set(heard)) == len(heard)
    assert "a" not in heard
    said = [each.choice for each in approval.stages[0].votes]
    if approval.state is ApprovalState.APPROVED:
        assert said.count(YES) >= Rule(rule.quorum, rule.least, rule.percent).needed(len(circle - {"a"}))
    if approval.state is ApprovalState.REJECTED:
        assert set(said) - {YES}
    assert (approval.state is ApprovalState.WAITING) == (approval.decide_time is None)
