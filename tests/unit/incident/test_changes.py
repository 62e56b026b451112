"""Changes: their tables of moves, what verbs demand, what an edit voids, and walks that never leave the tables."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors import Error, ForbiddenMove, Invalid
from services.incident.domain.change import MATERIAL, Change
from services.incident.domain.change_states import (
    MOVES,
    VERBS,
    ApprovalStanding,
    ChangeKind,
    ChangeState,
    Outcome,
)
from services.incident.domain.moment import Act
from services.incident.domain.moves import moved
from services.incident.domain.priority import Impact
from services.incident.domain.risk import Questions, Record, Risk, weigh

NOON = datetime(2126, 6, 3, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

ALLOWED = {
    ("STANDARD", "NEW"): {"schedule": "SCHEDULED", "cancel": "CANCELLED"},
    ("STANDARD", "SCHEDULED"): {"start": "IMPLEMENT", "replan": "NEW", "cancel": "CANCELLED"},
    ("NORMAL", "NEW"): {"assess": "ASSESS", "cancel": "CANCELLED"},
    ("NORMAL", "ASSESS"): {"submit": "AUTHORIZE", "revise": "NEW", "cancel": "CANCELLED"},
    ("NORMAL", "AUTHORIZE"): {"schedule": "SCHEDULED", "replan": "ASSESS", "revise": "NEW", "cancel": "CANCELLED"},
    ("NORMAL", "SCHEDULED"): {"start": "IMPLEMENT", "replan": "ASSESS", "cancel": "CANCELLED"},
    ("EMERGENCY", "NEW"): {"submit": "AUTHORIZE", "expedite": "SCHEDULED", "cancel": "CANCELLED"},
    ("EMERGENCY", "AUTHORIZE"): {
        "schedule": "SCHEDULED",
        "expedite": "SCHEDULED",
        "replan": "NEW",
        "revise": "NEW",
        "cancel": "CANCELLED",
    },
    ("EMERGENCY", "SCHEDULED"): {"start": "IMPLEMENT", "replan": "NEW", "cancel": "CANCELLED"},
    **{(kind.value, "IMPLEMENT"): {"finish": "REVIEW"} for kind in ChangeKind},
    **{(kind.value, "REVIEW"): {"close": "CLOSED"} for kind in ChangeKind},
}


def at(when: datetime = NOON, by: str = "ann") -> Act:
    return Act(when, by)


def planned(kind: ChangeKind = ChangeKind.NORMAL, **more: Any) -> Change:
    fields: dict[str, Any] = {
        "kind": kind,
        "implementer_id": "ian",
        "implementation_plan": "swap the disk",
        "test_plan": "read it back",
        "back_out_plan": "put the old one in",
        "start_time": NOON + HOUR,
        "end_time": NOON + 3 * HOUR,
        "template_id": "ctp_1" if kind is ChangeKind.STANDARD else "",
        **more,
    }
    change = Change.open(at(), id="chg_1", number="CHG0000001", title="a new disk", record=Record(), **fields)
    change.take_recorded()
    return change


def verbs(change: Change, now: Act) -> dict[str, Callable[[], object]]:
    return {
        "assess": lambda: change.assess(now),
        "submit": lambda: change.submitted(now, "apr_1"),
        "revise": lambda: change.revise(now, reason="wrong week"),
        "schedule": lambda: change.schedule(now, "its approval is given"),
        "approved": lambda: change.approved(now, "2 of 3"),
        "refused": lambda: change.unapproved(now, ApprovalStanding.REJECTED, "too risky"),
        "expedite": lambda: change.expedite(now, approver_id="eve", words="do it"),
        "start": lambda: change.start(now),
        "finish": lambda: change.finish(now, Outcome.SUCCESSFUL),
        "confirm": lambda: change.confirmed(now, ApprovalStanding.APPROVED),
        "close": lambda: change.close(now, review="went as planned"),
        "cancel": lambda: change.cancel(now, reason="not needed"),
        "escalate": lambda: change.escalate(now),
        "edit plan": lambda: change.edit(now, back_out_plan=f"back at {now.at}"),
        "edit title": lambda: change.edit(now, title=f"disk at {now.at}"),
        "edit kind": lambda: change.edit(now, kind=ChangeKind.EMERGENCY),
    }


@pytest.mark.parametrize("kind", ChangeKind)
@pytest.mark.parametrize("state", ChangeState)
@pytest.mark.parametrize("verb", sorted(VERBS))
def test_each_kind_goes_where_its_table_says_and_nowhere_else(kind: ChangeKind, state: ChangeState, verb: str):
    leads = ALLOWED.get((kind, state), {})
    if verb in leads:
        assert moved(MOVES[kind], state, verb) == leads[verb]
    elif verb in MOVES[kind]:
        with pytest.raises(ForbiddenMove):
            moved(MOVES[kind], state, verb)


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(ChangeKind),
    steps=st.lists(st.tuples(st.sampled_from(sorted(verbs(planned(), at()))), st.integers(0, 5)), max_size=14),
)
def test_no_walk_leaves_the_tables(kind: ChangeKind, steps: list[tuple[str, int]]):
    change = planned(kind)
    now = NOON
    for verb, hours in steps:
        now += hours * HOUR / 4
        before, was = change.state, change.kind
        try:
            verbs(change, at(now))[verb]()
        except (ForbiddenMove, Invalid):
            assert change.recorded is None
            change.state = before  # what a refused verb leaves behind is thrown away
            return
        told = change.take_recorded()
        if change.state is not before:
            assert told is not None
            assert change.state in ALLOWED[was.value, before.value].values()
        if change.state is ChangeState.IMPLEMENT and before is not ChangeState.IMPLEMENT:
            assert change.start_time is not None
            assert change.end_time is not None
            assert change.start_time <= now < change.end_time
            assert change.kind is ChangeKind.STANDARD or change.approval is ApprovalStanding.APPROVED


def test_what_is_planned_needs_window_plans_and_somebody_who_makes_it():
    change = Change.open(at(), id="chg_1", number="CHG1", title="a disk", record=Record())
    change.take_recorded()
    change.assess(at())
    change.take_recorded()
    with pytest.raises(Invalid) as refusal:
        change.submitted(at(), "apr_1")
    assert set(refusal.value.violations) == {
        *("implementation_plan", "test_plan", "back_out_plan", "implementer_id", "start_time")
    }


def test_a_window_that_ends_before_it_begins_is_refused():
    with pytest.raises(Invalid) as refusal:
        planned(end_time=NOON)
    assert list(refusal.value.violations) == ["end_time"]


def scheduled(kind: ChangeKind = ChangeKind.NORMAL) -> Change:
    change = planned(kind)
    if kind is ChangeKind.NORMAL:
        change.assess(at())
        change.take_recorded()
    if kind is ChangeKind.STANDARD:
        change.schedule(at(), "by its template")
    else:
        change.submitted(at(), "apr_1")
        change.take_recorded()
        change.approved(at(), "2 of 3")
    change.take_recorded()
    return change


def test_it_is_made_inside_its_window_and_its_end_is_outside():
    for when in (NOON, NOON + 3 * HOUR):
        with pytest.raises(ForbiddenMove, match="outside of its window"):
            scheduled().start(at(when))
    change = scheduled()
    change.start(at(NOON + HOUR))
    assert change.work_start_time == NOON + HOUR


@pytest.mark.parametrize("name", sorted(MATERIAL))
def test_a_material_edit_voids_what_was_approved_and_returns_to_planning(name: str):
    values = {
        "asset_ids": ["ast_1"],
        "service_ids": ["ast_2"],
        "start_time": NOON + 2 * HOUR,
        "end_time": NOON + 5 * HOUR,
        "questions": Questions(impact=Impact.HIGH),
        "implementer_id": "ivy",
    }
    change = scheduled()
    assert change.edit(at(), **{name: values.get(name, "another way")})
    assert (change.state, change.approval) == (ChangeState.ASSESS, ApprovalStanding.VOID)


def test_words_may_be_mended_after_approval():
    change = scheduled()
    assert not change.edit(at(), title="the new disk", description="in rack 4")
    assert (change.state, change.approval) == (ChangeState.SCHEDULED, ApprovalStanding.APPROVED)


def test_what_is_being_made_keeps_its_plan():
    change = scheduled()
    change.start(at(NOON + HOUR))
    change.take_recorded()
    with pytest.raises(ForbiddenMove):
        change.edit(at(), back_out_plan="run")


def test_the_kind_changes_only_while_nobody_was_asked():
    change = planned()
    change.edit(at(), kind=ChangeKind.EMERGENCY)
    change.take_recorded()
    change.submitted(at(), "apr_1")
    change.take_recorded()
    change.revise(at(), reason="not that urgent")
    change.take_recorded()
    with pytest.raises(ForbiddenMove, match="nobody was asked"):
        change.edit(at(), kind=ChangeKind.NORMAL)


def test_a_standard_change_comes_from_a_template_and_takes_its_plans_from_there():
    with pytest.raises(Invalid, match="template"):
        planned(ChangeKind.STANDARD, template_id="")
    with pytest.raises(Invalid, match="template"):
        planned(ChangeKind.NORMAL, template_id="ctp_1")
    with pytest.raises(Invalid, match="template"):
        planned(ChangeKind.STANDARD).edit(at(), test_plan="none")
    with pytest.raises(Invalid, match="template"):
        planned(ChangeKind.STANDARD).edit(at(), category="network")


def test_a_window_that_passes_takes_the_approval_with_it():
    change = scheduled()
    assert change.next_due_time == NOON + 3 * HOUR
    assert change.escalate(at(NOON + 2 * HOUR)) == ""
    assert change.escalate(at(NOON + 4 * HOUR)) == "window-missed"
    assert (change.state, change.approval) == (ChangeState.ASSESS, ApprovalStanding.EXPIRED)
    assert change.take_recorded().late_by_ms == 3_600_000


def test_who_works_beyond_the_window_is_told_of_once_and_goes_on():
    change = scheduled()
    change.start(at(NOON + HOUR))
    change.take_recorded()
    late = at(NOON + 3 * HOUR)
    assert change.escalate(late) == "window-overrun"
    change.take_recorded()
    assert change.escalate(late) == ""
    assert change.next_due_time is None
    change.finish(late, Outcome.SUCCESSFUL_WITH_ISSUES, "took longer")
    assert change.state is ChangeState.REVIEW


def test_an_emergency_by_word_of_mouth_is_approved_by_somebody_else():
    for approver in ("ann", "ian", "ted"):
        change = planned(ChangeKind.EMERGENCY)
        change.edit(at(by="ted"), back_out_plan="run")
        with pytest.raises(Invalid) as refusal:
            change.expedite(at(), approver_id=approver, words="go")
        assert list(refusal.value.violations) == ["approver_id"]


def test_an_emergency_closes_only_when_it_was_confirmed_in_time_or_told_to_be_late():
    change = planned(ChangeKind.EMERGENCY)
    change.expedite(at(), approver_id="eve", words="go")
    change.take_recorded()
    change.start(at(NOON + HOUR))
    change.take_recorded()
    change.finish(at(NOON + HOUR), Outcome.SUCCESSFUL)
    change.take_recorded()
    assert change.is_unasked
    assert (change.retrospective_due_time, change.next_due_time) == (NOON + 73 * HOUR, NOON + HOUR)
    change.confirming(at(NOON + HOUR), "apr_2")
    change.take_recorded()
    with pytest.raises(ForbiddenMove, match="after the fact"):
        change.close(at(), review="all well")
    change.state = ChangeState.REVIEW
    assert change.next_due_time == NOON + 73 * HOUR
    assert change.escalate(at(NOON + 74 * HOUR)) == "retrospective-overdue"
    change.take_recorded()
    change.confirmed(at(NOON + 75 * HOUR), ApprovalStanding.APPROVED)
    change.take_recorded()
    change.close(at(NOON + 75 * HOUR), review="all well")
    assert change.state is ChangeState.CLOSED


@pytest.mark.parametrize("kind", ChangeKind)
def test_what_was_begun_is_finished_and_not_canceled(kind: ChangeKind):
    change = planned(kind, state=ChangeState.IMPLEMENT, work_start_time=NOON)
    with pytest.raises(ForbiddenMove, match="finish it, as BACKED_OUT or FAILED"):
        change.cancel(at(), reason="nobody needs to know")
    change.finish(at(), Outcome.BACKED_OUT, "the new disk was broken")
    assert change.state is ChangeState.REVIEW


def test_what_went_wrong_is_said_and_reviewed():
    change = scheduled()
    change.start(at(NOON + HOUR))
    change.take_recorded()
    with pytest.raises(Invalid):
        change.finish(at(NOON + HOUR), Outcome.BACKED_OUT)
    change.state = ChangeState.IMPLEMENT
    change.finish(at(NOON + HOUR), Outcome.BACKED_OUT, "the disk was broken too")
    change.take_recorded()
    with pytest.raises(Invalid):
        change.close(at(NOON + HOUR))


def test_risk_is_a_sum_that_says_what_it_is_made_of():
    calm = Questions(impact=Impact.LOW, tested=True, back_out_tested=True, routine=True)
    assert weigh(calm, 1, 1, Record()) == (Risk.LOW, 0, [])
    risk, score, why = weigh(Questions(impact=Impact.HIGH, outage=True), 11, 2, Record(10, 5))
    assert (risk, score) == (Risk.HIGH, 95)
    assert sum(int(each.partition(":")[0]) for each in why) == score
    assert "5: 5 of the last 10 changes there went wrong" in why


@given(st.sampled_from(Impact), st.booleans(), st.booleans(), st.booleans(), st.integers(0, 100), st.integers(0, 60), st.data())
def test_risk_stays_between_nothing_and_a_hundred_and_more_tries_never_raise_it(
    impact: Impact, tested: bool, routine: bool, outage: bool, reach: int, ended: int, data: st.DataObject
):
    record = Record(ended, data.draw(st.integers(0, ended)))
    asked = {"impact": impact, "routine": routine, "outage": outage}
    _, score, _ = weigh(Questions(tested=tested, **asked), reach, reach, record)
    _, tried, _ = weigh(Questions(tested=True, **asked), reach, reach, record)
    assert 0 <= tried <= score <= 100


def test_a_refused_verb_says_state_and_verb():
    with pytest.raises(Error) as refusal:
        planned(ChangeKind.STANDARD).assess(at())
    assert refusal.value.facts == {"state": "NEW", "verb": "assess"}
