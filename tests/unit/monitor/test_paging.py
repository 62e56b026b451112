"""People are called by steps until somebody takes note: by the clock, once each, also where an event comes again."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from itsm.monitor import v1 as pb

from chassis import context as ctx
from chassis.codec import from_document, to_message
from chassis.context import Actor, Context
from chassis.errors import ForbiddenMove, Invalid, NotFound
from chassis.store import CHANGES
from chassis.testing import caller
from services.monitor.domain.alert import Alert, Suppression, SuppressionReason
from services.monitor.domain.escalation import EscalationPolicy, Step, Target, TargetKind, chosen
from services.monitor.domain.page import Page
from services.monitor.domain.rotation import Layer, Unit
from services.monitor.domain.signal import Severity
from services.monitor.usecases.alerts import Alerts
from services.monitor.usecases.paging import PAGES, page_id
from services.monitor.usecases.reading import Paging
from tests.unit.monitor.alerting import Room, firing, minute, resolved
from tests.unit.monitor.calling import calling

BOSS = caller(subject="boss")
ANN = caller(subject="ann")
BOB = caller(subject="bob", permissions=frozenset({"alerts.acknowledge"}))
SERVICE = Context(tenant=BOSS.tenant, actor=Actor(id="itsm-monitor", kind="service"))
STRANGER = caller(tenant="other", subject="boss")


class Desk(Room):
    """Alerts, and who is called because of them."""

    def __init__(self) -> None:
        super().__init__()
        self.schedules, self.policies, self.calling = calling(self.store)

    async def rota(self, *people: str) -> str:
        """A schedule by which people take turns daily since noon of the first day."""
        layer = Layer(user_ids=list(people), start="2126-06-03T12:00", unit=Unit.DAYS)
        with ctx.use(BOSS):
            return (await self.schedules.create({"name": "rota", "layers": [layer]})).id

    async def policy(self, *steps: Step, **more: Any) -> EscalationPolicy:
        with ctx.use(BOSS):
            return await self.policies.create({"name": "p", "steps": list(steps), **more})

    async def fire(self, **more: Any) -> Alert:
        """An alert that is let through, heard of twice."""
        with ctx.use(SERVICE):
            await self.intake.take([firing(0, **more)])
            row = (await self.alerts())[-1]
            alert = from_document(row, Alert)
            for _ in range(2):
                await self.calling.fired(to_message(alert, pb.Alert))
        return alert

    async def due(self) -> None:
        """What the worker does, by two processes at once."""
        rows = await self.store.backend.find(PAGES, {"next_due_time": {"$lte": self.clock.now, "$gt": minute(-999)}})
        with ctx.use(SERVICE):
            for row in rows:
                await asyncio.gather(*(self.calling.advance("", row["_id"]) for _ in range(2)), return_exceptions=True)

    async def page(self, alert: Alert) -> Page:
        return from_document((await self.store.find(PAGES, {"_id": page_id(BOSS.tenant, alert.id)}))[0], Page)

    async def told(self) -> list[str]:
        rows = await self.store.find(CHANGES, {"kind": "pages"}, sort=[("_id", 1)])
        return [row["type"].rpartition(".")[2] for row in rows]


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    with ctx.use(BOSS):
        yield desk


def step(minutes: float, *targets: tuple[str, str]) -> Step:
    return Step(targets=[Target(kind=TargetKind(kind), id=id_) for kind, id_ in targets], wait=timedelta(minutes=minutes))


async def test_steps_call_until_somebody_takes_note_and_then_nobody(desk: Desk) -> None:
    schedule = await desk.rota("ann", "bob")
    await desk.policy(step(5, ("SCHEDULE", schedule)), step(5, ("USER", "boss"), ("TEAM", "crew")), repeat_count=1)
    alert = await desk.fire()
    await desk.due()
    assert (await desk.page(alert)).called_ids == ["ann"]
    desk.clock.now = minute(4.9)
    await desk.due()
    assert await desk.told() == ["PageOpened", "PageCalled"]
    desk.clock.now = minute(5)
    await desk.due()
    page = await desk.page(alert)
    assert [(call.user_id, call.via, call.step, call.round) for call in page.calls] == [
        ("ann", f"schedules/{schedule}", 1, 1),
        ("boss", "users/boss", 2, 1),
        ("cat", "teams/crew", 2, 1),
        ("dan", "teams/crew", 2, 1),
    ]
    desk.store.recent.clear()
    with ctx.use(BOB):
        await desk.calling.acknowledge(page.id)
    with ctx.use(ANN):
        assert (await desk.calling.acknowledge(page.id)).acknowledged_by == "bob", "who was first stays"
    assert (await desk.reading.alert(alert.id))["acknowledged_by"] == "bob"
    desk.clock.now = minute(100)
    await desk.due()
    assert await desk.told() == ["PageOpened", "PageCalled", "PageCalled", "PageAcknowledged"]


@pytest.mark.parametrize(
    ("who", "takes_note"),
    [
        (ANN, True),
        (caller(subject="max", permissions=frozenset({"pages.acknowledge", "alerts.acknowledge"})), True),
        (caller(subject="max", permissions=frozenset({"pages.acknowledge"})), False),
    ],
)
async def test_of_an_alert_takes_note_whom_its_page_called_or_who_may_anyway(
    desk: Desk, who: Context, takes_note: bool
) -> None:
    await desk.policy(step(5, ("USER", "ann")))
    alert = await desk.fire()
    desk.clock.now = minute(1)
    await desk.due()

    with ctx.use(who):
        page = await desk.calling.acknowledge((await desk.page(alert)).id)

    assert page.acknowledged_by == who.actor.id
    assert ((await desk.alerts())[-1]["ack_time"] is not None) is takes_note


async def test_rounds_come_again_and_then_the_page_expires_and_may_still_be_taken_note_of(desk: Desk) -> None:
    await desk.policy(step(1, ("USER", "ann")), step(1, ("TEAM", "nobody")), repeat_count=1)
    alert = await desk.fire()
    for number in range(4):
        desk.clock.now = minute(number)
        await desk.due()
    page = await desk.page(alert)
    assert [(call.user_id, call.round) for call in page.calls] == [("ann", 1), ("ann", 2)]
    assert (page.state, page.next_due_time) == ("EXPIRED", None)
    desk.store.recent.clear()
    with ctx.use(ANN):
        assert (await desk.calling.acknowledge(page.id)).state == "ACKNOWLEDGED"


@pytest.mark.parametrize(("heard", "state"), [("resolve", "RESOLVED"), ("acknowledge", "ACKNOWLEDGED")])
async def test_what_became_of_the_alert_stops_the_page_with_its_event_or_before_it(desk: Desk, heard: str, state: str) -> None:
    await desk.policy(step(1, ("USER", "ann")))
    for fingerprint, told in (("told", True), ("late", False)):
        alert = await desk.fire(fingerprint=fingerprint)
        with ctx.use(BOB):
            after = await getattr(Alerts(desk.store), heard)(alert.id)
        if told:
            with ctx.use(SERVICE):
                for _ in range(2):
                    await {"resolve": desk.calling.resolved, "acknowledge": desk.calling.acknowledged}[heard](
                        to_message(after, pb.Alert)
                    )
        await desk.due()
        page = await desk.page(alert)
        assert (page.state, page.calls) == (state, [])
        if heard == "acknowledge":
            assert page.acknowledged_by == "bob"


async def test_while_its_alert_is_kept_from_people_nobody_is_called_and_then_goes_on(desk: Desk) -> None:
    await desk.policy(step(1, ("USER", "ann")))
    alert = await desk.fire()
    async with desk.store.transaction() as tx:
        stored = await tx.get(Alert, alert.id)
        stored.suppress(Suppression(reason=SuppressionReason.SILENCE, reference="silences/s", since=minute(0)), minute(0))
        tx.save(stored)
    await desk.due()
    assert (await desk.page(alert)).calls == []
    async with desk.store.transaction() as tx:
        stored = await tx.get(Alert, alert.id)
        stored.unsuppress(minute(1))
        tx.save(stored)
    desk.clock.now = minute(1)
    await desk.due()
    assert (await desk.page(alert)).called_ids == ["ann"]


async def test_a_batch_that_holds_a_whole_life_leaves_nobody_called(desk: Desk) -> None:
    await desk.policy(step(1, ("USER", "ann")))
    with ctx.use(SERVICE):
        await desk.intake.take([firing(0)])
        fired = to_message(from_document((await desk.alerts())[0], Alert), pb.Alert)
        await desk.intake.take([resolved(0, 1)])
        over = to_message(from_document((await desk.alerts())[0], Alert), pb.Alert)
        async with desk.store.transaction():
            await desk.calling.fired(fired)
            await desk.calling.fired(fired)
            await desk.calling.resolved(over)
    assert await desk.told() == ["PageOpened", "PageResolved"]


async def test_help_calls_one_more_and_notes_are_kept(desk: Desk) -> None:
    await desk.policy(step(1, ("USER", "ann")))
    alert = await desk.fire()
    await desk.due()
    page = await desk.page(alert)
    desk.store.recent.clear()
    with ctx.use(ANN):
        await desk.calling.acknowledge(page.id)
        await desk.calling.note(page.id, "Looking into it")
        asked = await desk.calling.ask(page.id, "bob", "the database is yours")
        assert (asked.called_ids, asked.calls[-1].via, asked.state) == (["bob"], "help", "ACKNOWLEDGED")
        assert [remark.text for remark in asked.remarks] == ["Looking into it", "the database is yours"]
        with pytest.raises(Invalid):
            await desk.calling.note(page.id, " ")
        with pytest.raises(Invalid) as refused:
            await desk.calling.resolve(page.id)
        assert alert.id in refused.value.violations["id"]
    with ctx.use(STRANGER), pytest.raises(NotFound):
        await desk.calling.acknowledge(page.id)


async def test_a_test_calls_the_caller_and_a_page_by_hand_whom_it_names(desk: Desk) -> None:
    with ctx.use(ANN):
        tried = await desk.calling.test()
        made = await desk.calling.create({"title": "Come", "steps": [step(1, ("TEAM", "crew"))]})
        with pytest.raises(Invalid):
            await desk.calling.create({"title": "Come"})
        with pytest.raises(NotFound):
            await desk.calling.create({"title": "Come", "policy_id": "esp_none"})
    await desk.due()
    with ctx.use(ANN):
        rows, _ = await desk.calling.page('calls.userId = "ann"', "", Paging())
        assert [(row["_id"], row["cause"]) for row in rows] == [(tried.id, "TEST")]
        assert (await desk.calling.get(made.id))["called_ids"] == ["cat", "dan"]
        desk.store.recent.clear()
        assert (await desk.calling.resolve(made.id)).state == "RESOLVED"
        with pytest.raises(ForbiddenMove):
            await desk.calling.acknowledge(made.id)


async def test_an_override_is_called_and_a_schedule_that_is_gone_calls_nobody(desk: Desk) -> None:
    schedule = await desk.rota("ann")
    with ctx.use(BOSS):
        added = await desk.schedules.add_override(schedule, "max", None, minute(60))
        assert [shift.user_id for _, shift in await desk.schedules.shifts(schedule, None, minute(120))] == ["max", "ann"]
    await desk.policy(step(1, ("SCHEDULE", schedule)), step(1, ("USER", "boss")))
    first = await desk.fire()
    await desk.due()
    assert (await desk.page(first)).called_ids == ["max"]
    with ctx.use(caller(subject="max")):
        assert [shift.end_time for _, shift in await desk.schedules.mine(None, None)] == [minute(60)]
    with ctx.use(BOSS):
        await desk.schedules.remove_override(schedule, added.overrides[0].id)
        assert [current.user_id for _, current, _ in await desk.schedules.duties(None, "") if current] == ["ann"]
        await desk.schedules.remove(schedule)
        with pytest.raises(NotFound):
            await desk.schedules.get(schedule)
        assert await desk.schedules.duties(None, "") == []
    second = await desk.fire(fingerprint="g")
    await desk.due()
    assert (await desk.page(second)).called_ids == ["boss"]


def test_the_policy_of_the_team_goes_before_that_of_all_and_none_is_for_what_is_too_mild() -> None:
    def policy(name: str, **more: Any) -> EscalationPolicy:
        return EscalationPolicy.made(id=name, at=minute(0), name=name, steps=[step(1, ("USER", "ann"))], **more)

    known = [
        policy("all", severity=Severity.WARNING),
        policy("second", team_ids=["crew"], order=2),
        policy("first", team_ids=["crew"], order=1, severity=Severity.CRITICAL),
        policy("off", team_ids=["crew"], enabled=False),
    ]

    def of(team: str, severity: Severity) -> str:
        found = chosen(known, team, severity)
        return found.id if found else ""

    assert of("crew", Severity.CRITICAL) == "first"
    assert of("crew", Severity.ERROR) == "second"
    assert of("crew", Severity.WARNING) == "all"
    assert of("others", Severity.CRITICAL) == "all"
    assert of("others", Severity.INFO) == ""


async def test_a_schedule_is_looked_at_before_it_is_kept_with_the_overrides_of_the_one_that_is(desk: Desk) -> None:
    kept = await desk.rota("ann", "bob")
    layer = Layer(user_ids=["max"], start="2126-06-03T12:00", unit=Unit.DAYS)
    given = {"name": "next", "layers": [layer]}
    await desk.schedules.add_override(kept, "eve", None, minute(60))
    alone = await desk.schedules.preview(given, minute(0), minute(120))
    beside = await desk.schedules.preview(given, minute(0), minute(120), kept)
    assert [shift.user_id for _, shift in alone] == ["max"]
    assert [shift.user_id for _, shift in beside] == ["eve", "max"]
    assert [schedule.name for schedule, *_ in await desk.schedules.duties(None, "")] == ["rota"], "nothing of it is kept"
    with pytest.raises(Invalid) as wrong:
        await desk.schedules.preview({"name": "next", "layers": [Layer(user_ids=[], start="noon")]}, None, None)
    assert set(wrong.value.violations) == {"layers[0].user_ids", "layers[0].start"}
    with ctx.use(STRANGER), pytest.raises(NotFound):
        await desk.schedules.preview(given, None, None, kept)
