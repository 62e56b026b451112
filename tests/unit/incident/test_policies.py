"""Policies and calendars of a tenant."""

from typing import Any

import pytest

from chassis import context as ctx
from chassis.errors import Invalid, NotFound
from chassis.testing import caller
from services.incident.domain.calendar import Weekday, Window
from services.incident.domain.clock import ClockKind, ClockState
from services.incident.domain.priority import Priority
from services.incident.domain.sla import Target, Unit
from services.incident.domain.states import HoldReason
from tests.unit.incident.desk import Desk

TARGETS = [Target(priority=Priority.P3, kind=ClockKind.RESOLVE, amount=60)]
OFFICE = [Window(weekday=Weekday.MONDAY, start="09:00", end="17:00")]


@pytest.fixture
def desk() -> Any:
    with ctx.use(caller()):
        yield Desk()


async def test_a_tenant_without_policies_is_promised_the_built_in_ones(desk: Desk) -> None:
    incident = await desk.incidents.open({"title": "no mail"})
    assert {(clock.policy_id, clock.calendar_id) for clock in incident.clocks} == {("default", "24x7")}
    assert (await desk.policies.policy("default")).id == "default"
    assert (await desk.policies.calendar("24x7")).around_the_clock


async def test_the_policies_of_one_tenant_promise_nothing_in_another(desk: Desk) -> None:
    policy = await desk.policies.create_policy({"name": "ours", "targets": TARGETS})
    assert (await desk.incidents.open({"title": "no mail"})).clocks[0].policy_id == policy.id
    with ctx.use(caller(tenant="other")):
        assert (await desk.incidents.open({"title": "no mail"})).clocks[0].policy_id == "default"
        with pytest.raises(NotFound):
            await desk.policies.policy(policy.id)


async def test_the_promise_does_not_depend_on_which_rows_its_caller_sees(desk: Desk) -> None:
    policy = await desk.policies.create_policy({"name": "ours", "targets": TARGETS})
    desk.promises._levels.clear()
    with ctx.use(caller(scope={"requester_id": "user-1"})):
        assert (await desk.incidents.open({"title": "no mail"})).clocks[0].policy_id == policy.id


async def test_what_another_process_changed_holds_after_a_second(desk: Desk) -> None:
    now = 0.0
    desk.promises._monotonic = lambda: now
    await desk.promises.levels()
    other = Desk(desk.backend)
    policy = await other.policies.create_policy({"name": "ours", "targets": TARGETS})
    assert (await desk.incidents.open({"title": "no mail"})).clocks[0].policy_id == "default"
    now = 1.0
    assert (await desk.incidents.open({"title": "no mail"})).clocks[0].policy_id == policy.id


async def test_a_policy_must_promise_something_by_a_calendar_that_is_there(desk: Desk) -> None:
    for fields in (
        {"name": "", "targets": TARGETS},
        {"name": "none", "targets": []},
        {"name": "twice", "targets": TARGETS * 2},
        {"name": "lost", "targets": TARGETS, "calendar_id": "cal_gone"},
    ):
        with pytest.raises(Invalid):
            await desk.policies.create_policy(fields)
    assert "sla_policies" not in desk.backend.collections


async def test_a_calendar_that_never_opens_is_refused_and_leaves_the_old_one(desk: Desk) -> None:
    calendar = await desk.policies.create_calendar({"name": "office", "windows": OFFICE})
    with pytest.raises(Invalid):
        await desk.policies.update_calendar(calendar.id, {"windows": []})
    assert (await desk.policies.calendar(calendar.id)).windows == OFFICE
    same = await desk.policies.update_calendar(calendar.id, {"windows": OFFICE})
    assert same.version == 1


async def test_a_changed_policy_holds_for_what_starts_after_it(desk: Desk) -> None:
    policy = await desk.policies.create_policy({"name": "ours", "targets": TARGETS})
    first = await desk.incidents.open({"title": "no mail"})
    shorter = [Target(priority=Priority.P3, kind=ClockKind.RESOLVE, amount=30)]
    await desk.policies.update_policy(policy.id, {"targets": shorter}, etag="1")
    second = await desk.incidents.open({"title": "no mail"})
    assert [each.clocks[0].target.seconds for each in (first, second)] == [3600, 1800]


async def test_what_only_the_new_policy_promises_starts_with_the_incident_and_waits_with_it(desk: Desk) -> None:
    await desk.policies.create_policy({"name": "all", "targets": TARGETS})
    more = [Target(priority=Priority.P3, kind=kind, amount=30) for kind in ClockKind]
    vip = {"name": "vip", "targets": more, "team_ids": ["vip"], "pause_reasons": [HoldReason.VENDOR]}
    policy = await desk.policies.create_policy(vip)
    incident = await desk.incidents.open({"title": "no mail"})
    opened = desk.clock.now
    await desk.incidents.start(incident.id)
    await desk.incidents.hold(incident.id, HoldReason.VENDOR, "")
    desk.clock.advance(minutes=10)
    moved = await desk.incidents.assign(incident.id, "vip", "bob")
    current = [clock for clock in moved.clocks if clock.is_open]
    assert {clock.kind for clock in current} == {ClockKind.RESOLVE, ClockKind.NEXT_UPDATE}
    assert {(clock.policy_id, clock.start_time, clock.state) for clock in current} == {(policy.id, opened, ClockState.PAUSED)}


@pytest.mark.parametrize(
    ("amount", "unit"), [(0, Unit.BUSINESS_MINUTES), (2**31 - 1, Unit.CALENDAR_DAYS), (3651, Unit.BUSINESS_DAYS)]
)
async def test_a_target_is_at_least_something_and_at_most_ten_years(desk: Desk, amount: int, unit: Unit) -> None:
    target = Target(priority=Priority.P3, kind=ClockKind.RESOLVE, amount=amount, unit=unit)
    with pytest.raises(Invalid) as refused:
        await desk.policies.create_policy({"name": "for ever", "targets": [target]})
    assert list(refused.value.violations) == ["targets[0].amount"]
    assert (await desk.incidents.open({"title": "no mail"})).clocks[0].policy_id == "default"


async def test_what_is_promised_can_be_done_in_the_hours_of_its_calendar(desk: Desk) -> None:
    minute = [Window(weekday=Weekday.MONDAY, start="09:00", end="09:01")]
    seldom = await desk.policies.create_calendar({"name": "seldom", "windows": minute})
    long = [Target(priority=Priority.P3, kind=ClockKind.RESOLVE, amount=10_000)]
    with pytest.raises(Invalid) as refused:
        await desk.policies.create_policy({"name": "never", "targets": long, "calendar_id": seldom.id})
    assert list(refused.value.violations) == ["targets[0].amount"]
    office = await desk.policies.create_calendar({"name": "office", "windows": OFFICE})
    await desk.policies.create_policy({"name": "weeks", "targets": long, "calendar_id": office.id})
    with pytest.raises(Invalid) as refused:
        await desk.policies.update_calendar(office.id, {"windows": minute})
    assert refused.value.violations == {"windows": "too few for what weeks promises"}
    assert (await desk.policies.calendar(office.id)).windows == OFFICE
