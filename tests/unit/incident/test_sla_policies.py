"""Target units and the choice of a policy. Unless said: Mon-Fri 09:00-17:00 Europe/Berlin, Monday is 2026-06-08."""

from datetime import datetime

import pytest

from chassis.errors import Invalid
from services.incident.domain.calendar import ROUND_THE_CLOCK, BusinessCalendar
from services.incident.domain.clock import ClockKind
from services.incident.domain.priority import Priority
from services.incident.domain.sla import Facts, SlaPolicy, Target, Unit, choose, default_policy
from services.incident.domain.states import HoldReason
from tests.unit.incident.office import OFFICE, day, hours


@pytest.mark.parametrize(
    ("unit", "due"),
    [(Unit.BUSINESS_DAYS, ("Wed", "11:00")), (Unit.CALENDAR_DAYS, ("Wed", "11:00"))],
)
def test_two_days_from_monday_end_on_wednesday_in_either_unit(unit: Unit, due: tuple[str, str]):
    assert due_of(unit, day("Mon", "11:00")) == day(*due)


def test_two_business_days_skip_the_weekend_and_two_calendar_days_do_not():
    assert due_of(Unit.BUSINESS_DAYS, day("Fri", "11:00")) == day("Tue+", "11:00")
    assert due_of(Unit.CALENDAR_DAYS, day("Fri", "11:00")) == day("Sun", "11:00")


def due_of(unit: Unit, start: datetime) -> datetime | None:
    target = Target(priority=Priority.P3, kind=ClockKind.RESOLVE, amount=2, unit=unit)
    policy = SlaPolicy(id="pol", name="Office", calendar_id="cal", targets=[target])
    calendars = {"cal": OFFICE, ROUND_THE_CLOCK: BusinessCalendar.never_closing()}
    return policy.clock(target, "why", start, calendars[policy.calendar_for(target)]).due_time


def test_business_minutes_count_while_the_calendar_is_open():
    target = Target(priority=Priority.P1, kind=ClockKind.RESOLVE, amount=90)
    policy = SlaPolicy(id="pol", name="Office", calendar_id="cal", targets=[target])
    clock = policy.clock(target, "because", day("Fri", "16:00"), OFFICE)
    assert (clock.due_time, clock.policy_id, clock.policy_reason) == (day("Mon+", "09:30"), "pol", "because")


FACTS = Facts(service_id="svc", team_id="team", category="mail", priority=Priority.P2)


def a_policy(name: str, number: int = 100, **fields: object) -> SlaPolicy:
    return SlaPolicy(**{"id": f"pol_{name}", "name": name, "number": number} | fields)


def test_the_policy_naming_most_criteria_wins_whatever_the_numbers():
    general, narrow = a_policy("general", 1), a_policy("narrow", 9, service_ids=["svc"], priorities=[Priority.P2])
    chosen, why = choose([general, narrow], FACTS)
    assert chosen is narrow
    assert why == "it matches by service, priority, more closely than general"


def test_equally_specific_policies_are_ordered_by_number():
    chosen, why = choose([a_policy("b", 20, team_ids=["team"]), a_policy("a", 10, categories=["mail"])], FACTS)
    assert chosen.name == "a"
    assert why == "it matches by category, and its number 10 comes before b with 20"


def test_a_policy_with_one_criterion_amiss_or_switched_off_does_not_match():
    others = [a_policy("other", service_ids=["svc"], team_ids=["strangers"]), a_policy("off", active=False)]
    chosen, why = choose([*others, a_policy("any")], FACTS)
    assert (chosen.name, why) == ("any", "it matches every incident")


def test_without_a_match_the_built_in_policy_holds_and_says_so():
    chosen, why = choose([a_policy("other", categories=["phone"])], FACTS)
    assert (chosen.id, why) == ("default", "no policy matches, so the built-in one holds")


def test_the_built_in_policy_promises_every_priority_a_response_before_its_resolution():
    policy = default_policy()
    policy.validate()
    for priority in Priority:
        response, resolve = (policy.target_for(priority, kind) for kind in (ClockKind.RESPONSE, ClockKind.RESOLVE))
        assert 0 < response.amount < resolve.amount
    assert policy.target_for(Priority.P1, ClockKind.RESPONSE).amount == 15
    assert policy.target_for(Priority.P1, ClockKind.RESOLVE).duration(OFFICE) == hours(4)


def test_only_listed_reasons_pause_and_never_the_response_clock():
    policy = default_policy()
    assert policy.pauses(ClockKind.RESOLVE, HoldReason.CALLER)
    assert not policy.pauses(ClockKind.RESOLVE, HoldReason.VENDOR)
    assert not policy.pauses(ClockKind.RESPONSE, HoldReason.CALLER)


def test_a_policy_without_a_usable_target_is_refused_with_the_paths():
    target = Target(priority=Priority.P1, kind=ClockKind.RESOLVE, amount=0)
    with pytest.raises(Invalid) as refusal:
        a_policy("bad", targets=[target, target]).validate()
    assert set(refusal.value.violations) == {"targets[0].amount", "targets[1].amount", "targets[1]"}
    with pytest.raises(Invalid):
        a_policy("empty").validate()
