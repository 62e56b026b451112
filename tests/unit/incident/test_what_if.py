"""The past under another policy: the same incidents, other promises, and nothing that is written."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import context as ctx
from chassis.errors import Invalid, NotFound
from chassis.testing import caller
from services.incident.domain.calendar import BusinessCalendar
from services.incident.domain.clock import ClockKind
from services.incident.domain.priority import Impact, Priority, Urgency
from services.incident.domain.sla import SlaPolicy, Target
from services.incident.domain.states import HoldReason, State
from services.incident.domain.what_if import Step, rerun
from services.incident.usecases.what_if import WhatIf
from tests.unit.incident.desk import MONDAY, Desk

RESOLVE, RESPONSE = ClockKind.RESOLVE, ClockKind.RESPONSE
ALWAYS = BusinessCalendar.never_closing()


def targets(minutes: int, response: int = 30) -> list[Target]:
    return [
        Target(priority=priority, kind=kind, amount=amount)
        for priority in Priority
        for kind, amount in ((RESOLVE, minutes), (RESPONSE, response))
    ]


def promise(minutes: int, **more: object) -> SlaPolicy:
    return SlaPolicy(id="sla_1", name="tried", targets=targets(minutes), **more)  # type: ignore[arg-type]


async def resolved(desk: Desk, after: int, *, held: int = 0, **fields: object) -> str:
    """An incident that is taken up after 10 minutes, waits so long for a vendor, and is resolved after so many minutes."""
    opened = await desk.incidents.open({"title": "slow", "impact": Impact.LOW, "urgency": Urgency.LOW, **fields})
    desk.clock.advance(minutes=10)
    await desk.incidents.assign(opened.id, "team", "bob")
    if held:
        await desk.incidents.hold(opened.id, HoldReason.VENDOR, "")
        desk.clock.advance(minutes=held)
        await desk.incidents.resume(opened.id)
    desk.clock.advance(minutes=after - held - 10)
    await desk.incidents.resolve(opened.id, "fixed", "done")
    return str(opened.id)


async def test_a_quarter_is_tried_against_a_policy_that_never_held() -> None:
    desk = Desk()
    what_if = WhatIf(desk.store, desk.promises)
    with ctx.use(caller(subject="alice")):
        long_ago = await resolved(desk, 600)
        desk.clock.advance(days=100)
        quick = await resolved(desk, 60)
        waited = await resolved(desk, 180, held=100)
        slow = await resolved(desk, 200)
        elsewhere = await resolved(desk, 200, category="paper")
        strict = await desk.policies.create_policy(
            {"name": "two hours", "targets": targets(120), "pause_reasons": [HoldReason.VENDOR], "active": False}
        )
        rows = len(desk.backend.collections["changes"])
        found = await what_if.rerun(strict.id, None, None)
        assert (found.looked_at, found.matched) == (4, 4)
        assert found.missed(RESOLVE) == (4, 0, 2)
        assert found.missed(RESPONSE) == (4, 0, 0)
        assert {each.incident_id for each in found.different} == {slow, elsewhere}
        assert not {quick, waited} & {each.incident_id for each in found.different}
        await desk.policies.update_policy(strict.id, {"categories": ["paper"], "targets": targets(120, response=5)})
        found = await what_if.rerun(strict.id, None, None)
        assert (found.looked_at, found.matched, found.missed(RESPONSE)) == (4, 1, (1, 0, 1))
        whole = await what_if.rerun(strict.id, MONDAY - timedelta(days=1), None)
        assert whole.looked_at == 5
        assert long_ago not in {each.incident_id for each in whole.different}
        assert len(desk.backend.collections["changes"]) == rows + 1, "nothing is written but the policy's own change"
        with pytest.raises(Invalid):
            await what_if.rerun(strict.id, MONDAY, MONDAY)
        with pytest.raises(NotFound):
            await what_if.rerun("sla_none", None, None)
    with ctx.use(caller(tenant="acme", subject="eve")), pytest.raises(NotFound):
        await what_if.rerun(strict.id, None, None)


async def test_a_history_longer_than_a_page_counts_from_its_beginning() -> None:
    desk = Desk()
    with ctx.use(caller(subject="alice")):
        opened = await desk.incidents.open({"title": "slow", "impact": Impact.LOW, "urgency": Urgency.LOW})
        await desk.incidents.start(opened.id)
        await desk.incidents.hold(opened.id, HoldReason.VENDOR, "")
        desk.clock.advance(minutes=300)
        await desk.incidents.resume(opened.id)
        row = next(row for row in desk.backend.collections["changes"].values() if row["type"].endswith("IncidentResumed"))
        for number in range(1_000):
            copied = {**row, "_id": f"{row['_id']}-{number:04}", "version": row["version"] + number + 1}
            desk.backend.collections["changes"][copied["_id"]] = copied
        desk.clock.advance(minutes=60)
        policy = await desk.policies.create_policy(
            {"name": "two hours", "targets": targets(120), "pause_reasons": [HoldReason.VENDOR], "active": False}
        )
        found = await WhatIf(desk.store, desk.promises).rerun(policy.id, None, None)
        assert found.missed(RESOLVE) == (1, 0, 0), "the hold that is a thousand rows back pauses the clock"


def test_reopening_counts_on_and_what_was_cancelled_is_no_verdict() -> None:
    told = ((0, State.NEW), (50, State.RESOLVED), (500, State.IN_PROGRESS), (600, State.RESOLVED))
    steps = [Step(MONDAY + timedelta(minutes=at), state, acknowledged=at > 0) for at, state in told]
    now = MONDAY + timedelta(days=1)
    clocks = rerun(promise(120), Priority.P3, MONDAY, steps, now, lambda _: ALWAYS)
    assert (clocks[RESOLVE].breached, clocks[RESPONSE].breached) == (True, True)
    assert clocks[RESOLVE].elapsed == timedelta(minutes=150)
    assert not rerun(promise(160), Priority.P3, MONDAY, steps, now, lambda _: ALWAYS)[RESOLVE].breached


_STATES = st.sampled_from([State.ASSIGNED, State.IN_PROGRESS, State.ON_HOLD, State.RESOLVED, State.CLOSED, State.CANCELLED])


@given(st.lists(st.tuples(_STATES, st.integers(0, 300), st.sampled_from(HoldReason)), max_size=8), st.integers(1, 2_000))
def test_a_longer_promise_and_one_that_waits_more_are_never_missed_more(
    steps: list[tuple[State, int, HoldReason]], minutes: int
):
    past, time = [Step(MONDAY, State.NEW)], MONDAY
    for state, after, reason in steps:
        time += timedelta(minutes=after)
        past.append(Step(time, state, reason if state is State.ON_HOLD else None, acknowledged=state is State.IN_PROGRESS))

    def missed(amount: int, *pauses: HoldReason) -> bool:
        policy = promise(amount, pause_reasons=list(pauses))
        return rerun(policy, Priority.P1, MONDAY, past, time + timedelta(days=9), lambda _: ALWAYS)[RESOLVE].breached

    assert missed(minutes) >= missed(minutes + 60)
    assert missed(minutes) >= missed(minutes, *HoldReason)
