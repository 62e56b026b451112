"""The clock and its ledger. Unless said: Mon-Fri 09:00-17:00 Europe/Berlin, Monday is 2026-06-08."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from chassis.errors import ForbiddenMove, Invalid
from services.incident.domain.calendar import ROUND_THE_CLOCK, BusinessCalendar
from services.incident.domain.clock import Act, Clock, ClockKind, ClockState, Retarget
from services.incident.domain.explain import explain, lasting
from tests.unit.incident.office import BERLIN, OFFICE, a_calendar, day, hours


def a_clock(target: float = 8, at: datetime | None = None, kind: ClockKind = ClockKind.RESOLVE) -> Clock:
    return Clock.start(kind, hours(target), at or day("Mon", "09:00"), OFFICE)


def acts(clock: Clock) -> list[str]:
    return [entry.act.value for entry in clock.ledger]


def test_a_new_clock_runs_and_knows_when_it_is_due_and_when_to_warn():
    clock = a_clock()
    assert (clock.state, clock.due_time, clock.warn_time) == ("RUNNING", day("Mon", "17:00"), day("Mon", "15:00"))
    assert (clock.elapsed, clock.breached, clock.calendar_id) == (timedelta(0), False, "cal")


def test_a_target_that_is_not_positive_is_refused():
    with pytest.raises(Invalid):
        a_clock(target=0)


def test_hold_over_night_shifts_the_due_time_by_its_business_hours():
    clock = a_clock()
    assert clock.pause("CALLER", day("Mon", "11:00"), OFFICE)
    assert (clock.state, clock.due_time, clock.warn_time) == ("PAUSED", None, None)
    assert clock.resume("CALLER", day("Tue", "10:00"), OFFICE)
    assert (clock.elapsed, clock.due_time) == (hours(2), day("Tue", "16:00"))


def test_a_pause_outside_business_hours_costs_nothing():
    clock = a_clock(target=12)
    before = clock.due_time
    clock.pause("CALLER", day("Mon", "18:00"), OFFICE)
    clock.resume("CALLER", day("Tue", "08:00"), OFFICE)
    assert clock.due_time == before


def test_nested_reasons_are_a_union_and_never_summed():
    clock = a_clock()
    clock.pause("CALLER", day("Mon", "10:00"), OFFICE)
    clock.pause("VENDOR", day("Mon", "11:00"), OFFICE)
    clock.resume("CALLER", day("Mon", "12:00"), OFFICE)
    assert (clock.state, clock.due_time) == ("PAUSED", None)
    clock.resume("VENDOR", day("Mon", "13:00"), OFFICE)
    assert (clock.state, clock.due_time) == ("RUNNING", day("Tue", "12:00"))


def test_the_same_reason_twice_and_an_unknown_reason_leave_no_entry():
    clock = a_clock()
    assert clock.pause("CALLER", day("Mon", "10:00"), OFFICE)
    assert not clock.pause("CALLER", day("Mon", "11:00"), OFFICE)
    assert not clock.resume("VENDOR", day("Mon", "12:00"), OFFICE)
    assert acts(clock) == ["START", "PAUSE"]


def test_resolving_straight_from_a_pause_closes_the_pause_first():
    clock = a_clock()
    clock.pause("CALLER", day("Mon", "10:00"), OFFICE)
    clock.stop(day("Wed", "12:00"), OFFICE)
    assert acts(clock) == ["START", "PAUSE", "RESUME", "STOP"]
    assert (clock.elapsed, clock.breached, clock.stop_time) == (hours(1), False, day("Wed", "12:00"))


def test_a_breach_is_stamped_at_the_due_instant_and_not_when_it_is_noticed():
    clock = a_clock(target=4)
    assert not clock.check(day("Mon", "12:59"))
    assert clock.check(day("Tue", "03:00"))
    assert (clock.breached, clock.breach_time) == (True, day("Mon", "13:00"))
    assert not clock.check(day("Tue", "04:00"))


def test_a_breach_that_no_timer_saw_is_found_by_the_next_act():
    clock = a_clock(target=4)
    clock.stop(day("Mon", "13:01"), OFFICE)
    assert (clock.breached, clock.breach_time) == (True, day("Mon", "13:00"))


def test_a_stop_at_the_very_due_instant_meets_the_target():
    clock = a_clock(target=8)
    clock.stop(day("Mon", "17:00"), OFFICE)
    assert not clock.breached


def test_a_stop_after_closing_misses_a_target_that_was_due_at_closing():
    clock = a_clock(target=8)
    clock.stop(day("Mon", "20:00"), OFFICE)
    assert (clock.breached, clock.breach_time, clock.elapsed) == (True, day("Mon", "17:00"), hours(8))


def test_a_pause_begun_after_the_breach_changes_nothing_about_it():
    clock = a_clock(target=4)
    clock.pause("CALLER", day("Mon", "14:00"), OFFICE)
    assert (clock.breached, clock.breach_time, clock.due_time) == (True, day("Mon", "13:00"), None)
    clock.resume("CALLER", day("Mon", "16:00"), OFFICE)
    assert (clock.breached, clock.breach_time, clock.due_time) == (True, day("Mon", "13:00"), day("Mon", "13:00"))


def test_a_late_timer_does_not_call_a_paused_or_postponed_clock_missed():
    clock = a_clock(target=4)
    clock.pause("CALLER", day("Mon", "12:00"), OFFICE)
    assert not clock.check(day("Mon", "14:00"))
    clock.resume("CALLER", day("Mon", "15:00"), OFFICE)
    assert not clock.check(day("Mon", "15:30"))
    assert clock.check(day("Mon", "16:00"))


@pytest.mark.parametrize(
    ("mode", "due"),
    [
        (Retarget.RETROACTIVE, ("Mon", "15:00")),
        (Retarget.RESTART, ("Tue", "10:00")),
        (Retarget.BETTER, ("Tue", "10:00")),
    ],
)
def test_a_shorter_target_after_a_hold_is_due_as_its_policy_says(mode: Retarget, due: tuple[str, str]):
    clock = a_clock(target=16)
    clock.pause("CALLER", day("Mon", "10:00"), OFFICE)
    clock.resume("CALLER", day("Mon", "12:00"), OFFICE)
    assert clock.due_time == day("Wed", "11:00")
    successor = clock.retarget(hours(4), mode, day("Mon", "14:00"), OFFICE, reason="P1")
    assert (successor.state, successor.due_time, successor.breached) == ("RUNNING", day(*due), False)


def test_a_longer_target_keeps_the_earlier_promise_where_the_better_counts():
    successor = a_clock(target=4).retarget(hours(16), Retarget.BETTER, day("Mon", "10:00"), OFFICE)
    assert successor.due_time == day("Mon", "13:00")


def test_the_old_clock_is_cancelled_and_keeps_its_ledger():
    clock = a_clock(target=16)
    successor = clock.retarget(hours(4), Retarget.RETROACTIVE, day("Mon", "10:00"), OFFICE, policy_id="pol_2")
    assert (clock.state, acts(clock), clock.target) == ("CANCELLED", ["START", "CANCEL"], hours(16))
    assert (acts(successor), successor.elapsed, successor.policy_id) == (["START", "RETARGET"], hours(1), "pol_2")
    assert successor.start_time == day("Mon", "09:00")


def test_a_retroactive_target_that_is_over_already_is_missed_at_its_due_instant():
    clock = a_clock(target=16)
    clock.pause("CALLER", day("Mon", "10:00"), OFFICE)
    clock.resume("CALLER", day("Mon", "12:00"), OFFICE)
    successor = clock.retarget(hours(2), Retarget.RETROACTIVE, day("Mon", "16:00"), OFFICE)
    assert (successor.breached, successor.breach_time) == (True, day("Mon", "13:00"))
    assert successor.due_time == day("Mon", "13:00")


def test_a_retroactive_target_used_up_exactly_at_closing_was_missed_by_the_evening():
    clock = a_clock(target=16)
    clock.pause("CALLER", day("Mon", "20:00"), OFFICE)
    successor = clock.retarget(hours(8), Retarget.RETROACTIVE, day("Mon", "21:00"), OFFICE)
    assert (successor.breached, successor.breach_time) == (True, day("Mon", "17:00"))


def test_a_retroactive_target_used_up_exactly_when_the_pause_began_is_not_missed():
    clock = a_clock(target=16)
    clock.pause("CALLER", day("Mon", "17:00"), OFFICE)
    successor = clock.retarget(hours(8), Retarget.RETROACTIVE, day("Tue", "12:00"), OFFICE)
    assert not successor.breached
    successor.resume("CALLER", day("Tue", "13:00"), OFFICE)
    assert successor.check(day("Tue", "13:01"))
    assert successor.breach_time == day("Tue", "13:00")


@pytest.mark.parametrize("mode", Retarget)
def test_a_new_target_while_paused_stays_paused_for_the_same_reasons(mode: Retarget):
    clock = a_clock(target=16)
    clock.pause("CALLER", day("Mon", "10:00"), OFFICE)
    clock.pause("VENDOR", day("Mon", "11:00"), OFFICE)
    successor = clock.retarget(hours(4), mode, day("Mon", "12:00"), OFFICE)
    assert (successor.state, successor.due_time) == ("PAUSED", None)
    successor.resume("CALLER", day("Mon", "13:00"), OFFICE)
    successor.resume("VENDOR", day("Mon", "14:00"), OFFICE)
    expected = ("Mon", "17:00") if mode is Retarget.RETROACTIVE else ("Tue", "10:00")
    assert successor.due_time == day(*expected)


def test_a_retroactive_target_on_another_calendar_measures_the_ledger_anew():
    always = BusinessCalendar.never_closing("Europe/Berlin")
    clock = a_clock(target=16)
    successor = clock.retarget(hours(24), Retarget.RETROACTIVE, day("Tue", "05:00"), always, counted=OFFICE)
    assert (clock.elapsed, successor.elapsed) == (hours(8), hours(20))
    assert (successor.due_time, successor.calendar_id) == (day("Tue", "09:00"), ROUND_THE_CLOCK)


def test_a_decided_clock_takes_no_new_target():
    clock = a_clock()
    clock.stop(day("Mon", "10:00"), OFFICE)
    with pytest.raises(ForbiddenMove):
        clock.retarget(hours(1), Retarget.RESTART, day("Mon", "11:00"), OFFICE)


def test_a_refused_target_leaves_the_clock_as_it_was():
    clock = a_clock()
    with pytest.raises(Invalid):
        clock.retarget(timedelta(0), Retarget.RESTART, day("Mon", "11:00"), OFFICE)
    assert (clock.state, acts(clock)) == ("RUNNING", ["START"])


def test_reopening_continues_the_ledger_and_shows_the_gap_without_counting_it():
    clock = a_clock(target=8)
    clock.stop(day("Mon", "14:00"), OFFICE)
    assert clock.reopen(day("Wed", "09:00"), OFFICE, "came back")
    assert (clock.state, clock.elapsed, clock.due_time) == ("RUNNING", hours(5), day("Wed", "12:00"))
    assert clock.gaps == [(day("Mon", "14:00"), day("Wed", "09:00"))]
    assert clock.stop_time is None


def test_reopening_does_not_heal_a_breach():
    clock = a_clock(target=4)
    clock.stop(day("Mon", "16:00"), OFFICE)
    clock.reopen(day("Tue", "09:00"), OFFICE)
    assert (clock.breached, clock.breach_time) == (True, day("Mon", "13:00"))


def test_a_response_is_not_owed_a_second_time():
    clock = a_clock(kind=ClockKind.RESPONSE)
    clock.stop(day("Mon", "10:00"), OFFICE)
    assert not clock.reopen(day("Tue", "10:00"), OFFICE)
    assert not clock.stop(day("Tue", "11:00"), OFFICE)
    assert (clock.stop_time, acts(clock)) == (day("Mon", "10:00"), ["START", "STOP"])


def test_a_cancelled_clock_stays_so():
    clock = a_clock()
    assert clock.cancel(day("Mon", "10:00"), OFFICE, "duplicate")
    for act in (clock.stop, clock.reopen, clock.cancel):
        assert not act(day("Mon", "11:00"), OFFICE)
    assert not clock.pause("CALLER", day("Mon", "11:00"), OFFICE)
    assert clock.state is ClockState.CANCELLED


def test_an_edited_calendar_moves_open_due_times_and_keeps_what_is_booked():
    shorter = a_calendar(("09:00", "13:00"), version=2)
    clock = a_clock(target=8)
    assert clock.recalendar(shorter, day("Mon", "14:00"), OFFICE)
    assert (clock.elapsed, clock.calendar_version) == (hours(5), 2)
    assert clock.due_time == day("Tue", "12:00")


def test_an_edited_calendar_does_not_change_a_verdict():
    longer = a_calendar(("00:00", "24:00"), version=2)
    met, missed = a_clock(target=4), a_clock(target=4)
    met.stop(day("Mon", "12:00"), OFFICE)
    assert not met.recalendar(longer, day("Mon", "14:00"), OFFICE)
    missed.recalendar(longer, day("Mon", "14:00"), OFFICE)
    assert (met.breached, missed.breached, missed.breach_time) == (False, True, day("Mon", "13:00"))


def test_an_escalation_counts_business_time_from_the_due_time():
    clock = a_clock(target=8)
    assert clock.escalation(hours(1), OFFICE) == day("Tue", "10:00")
    assert clock.escalation(hours(-2), OFFICE) == day("Mon", "15:00")
    assert clock.escalation(hours(-20), OFFICE) == day("Mon", "09:00")


def test_an_escalation_is_planned_anew_after_a_hold_and_not_at_all_during_it():
    clock = a_clock(target=8)
    clock.pause("CALLER", day("Mon", "10:00"), OFFICE)
    assert clock.escalation(hours(-2), OFFICE) is None
    clock.resume("CALLER", day("Mon", "16:00"), OFFICE)
    assert clock.escalation(hours(-2), OFFICE) == day("Tue", "13:00")


def test_nobody_is_woken_at_midnight_for_an_office_clock():
    clock = a_clock(target=8, at=day("Fri", "13:00"))
    first = clock.escalation(hours(4.5), OFFICE)
    assert first == day("Tue+", "09:30")
    assert OFFICE.is_open(first)


def test_remaining_time_and_forecast_tell_a_clock_at_risk():
    clock = a_clock(target=8)
    assert clock.remaining(day("Mon", "12:00"), OFFICE) == hours(5)
    assert not clock.at_risk(day("Mon", "14:59"), OFFICE)
    assert clock.at_risk(day("Mon", "15:00"), OFFICE)
    assert clock.at_risk(day("Mon", "12:00"), OFFICE, forecast=hours(6))
    assert not clock.at_risk(day("Mon", "12:00"), OFFICE, forecast=hours(5))


def test_a_missed_clock_is_no_longer_at_risk_and_shows_its_overrun():
    clock = a_clock(target=4)
    assert not clock.at_risk(day("Mon", "15:00"), OFFICE)
    assert clock.remaining(day("Mon", "15:00"), OFFICE) == hours(-2)


def test_the_survivor_of_a_merge_takes_the_earliest_start_and_its_own_pauses():
    clock = a_clock(target=8, at=day("Mon", "11:00"))
    clock.pause("CALLER", day("Mon", "12:00"), OFFICE)
    clock.resume("CALLER", day("Mon", "13:00"), OFFICE)
    survivor = clock.merged(day("Mon", "09:00"), day("Mon", "14:00"), OFFICE)
    assert (survivor.start_time, survivor.elapsed) == (day("Mon", "09:00"), hours(4))
    assert survivor.due_time == day("Tue", "10:00")
    assert (clock.state, clock.ledger[0].act) == ("CANCELLED", Act.START)


def test_a_merge_with_a_later_incident_changes_no_clock():
    clock = a_clock()
    assert clock.merged(day("Mon", "10:00"), day("Mon", "11:00"), OFFICE) is clock


def test_a_merge_that_uncovers_a_missed_target_stamps_its_due_instant():
    clock = a_clock(target=4, at=day("Mon", "12:00"))
    survivor = clock.merged(day("Mon", "09:00"), day("Mon", "14:00"), OFFICE)
    assert (survivor.breached, survivor.breach_time) == (True, day("Mon", "13:00"))


def test_an_act_that_reads_an_earlier_time_counts_as_at_the_entry_before():
    clock = a_clock()
    clock.pause("CALLER", day("Mon", "11:00"), OFFICE)
    clock.resume("CALLER", day("Mon", "10:59"), OFFICE)
    assert clock.ledger[-1].time == day("Mon", "11:00")
    assert clock.due_time == day("Mon", "17:00")


def test_a_clock_survives_storage_in_plain_values():
    clock = a_clock()
    clock.pause("CALLER", day("Mon", "11:00"), OFFICE)
    stored = msgspec.to_builtins(clock, builtin_types=(datetime,))
    assert msgspec.convert(stored, Clock) == clock
    assert stored["ledger"][1]["reasons"] == ["CALLER"]


def test_the_explanation_names_every_step_to_the_due_time():
    clock = Clock.start(
        ClockKind.RESOLVE, hours(8), day("Mon", "09:00"), OFFICE, policy_id="pol_1", policy_reason="it matches by service"
    )
    clock.pause("CALLER", day("Mon", "11:00"), OFFICE)
    clock.resume("CALLER", day("Tue", "10:00"), OFFICE)
    resumed, due = "Tue 2026-06-09 10:00", "Tue 2026-06-09 16:00"
    assert explain(clock, day("Tue", "11:00"), OFFICE) == [
        "The target is 8 h on the calendar cal, zone Europe/Berlin, policy pol_1 (it matches by service).",
        "Mon 2026-06-08 09:00: started.",
        "Mon 2026-06-08 11:00: paused (CALLER) after 2 h of business time.",
        "Tue 2026-06-09 10:00: resumed (CALLER); 7 h of business time since the entry before do not count.",
        f"From {resumed} on 6 h are left, counted through {resumed} to {due}: due {due}.",
    ]


def test_the_explanation_of_a_long_way_is_cut_in_the_middle():
    steps = explain(a_clock(target=80), day("Mon", "09:00"), OFFICE)
    assert "4 more stretches" in steps[-1]
    assert steps[-1].endswith("due Fri 2026-06-19 17:00.")


def test_the_explanation_tells_pause_breach_and_verdict():
    clock = a_clock(target=4)
    late = day("Mon", "15:00")
    assert explain(clock, late, OFFICE)[-1].startswith("The target was missed at Mon 2026-06-08 13:00")
    clock.pause("CALLER", day("Mon", "10:00"), OFFICE)
    assert explain(clock, late, OFFICE)[-1] == "Paused, so there is no due time; 3 h are left."
    clock.stop(day("Tue", "10:00"), OFFICE)
    assert explain(clock, late, OFFICE)[-1] == "The target was met with 3 h left."
    clock.reopen(day("Wed", "10:00"), OFFICE, "came back")
    gap = "Wed 2026-06-10 10:00: reopened (came back); the gap of 24 h, 8 h of it business time, does not count."
    assert gap in explain(clock, late, OFFICE)


def test_durations_are_told_in_hours_minutes_and_seconds():
    assert [lasting(timedelta(seconds=of)) for of in (0, 30.5, 5400, 90000)] == ["no time", "30.5 s", "1 h 30 min", "25 h"]


def test_times_are_utc_and_cut_to_the_millisecond():
    clock = a_clock(at=datetime(2026, 6, 8, 9, 0, 0, 1999, tzinfo=BERLIN))
    assert clock.start_time == datetime(2026, 6, 8, 7, 0, 0, 1000, tzinfo=UTC)
    assert clock.start_time.tzinfo is UTC
