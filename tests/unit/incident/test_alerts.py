"""Alerts and their incidents: one open incident a key, whatever the order, and none left open when all is quiet."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis import context as ctx
from chassis.errors import Busy
from chassis.store.transaction import CLAIMS
from chassis.testing import MemoryBackend, caller
from services.incident.domain import limits
from services.incident.domain.alarm import CLEARED_CODE, Alarm, Criticality, Severity, impact
from services.incident.domain.incident import Source
from services.incident.domain.priority import Impact, Priority, heavier
from services.incident.domain.states import State
from tests.unit.incident.desk import MONDAY, Desk


class Heard(MemoryBackend):
    """Notes which collections it is asked about."""

    asked: list[str]

    def __init__(self) -> None:
        super().__init__()
        self.asked = []

    async def find(self, collection: str, *given: Any, **more: Any) -> list[dict[str, Any]]:
        self.asked.append(collection)
        return await super().find(collection, *given, **more)


@pytest.fixture
def desk() -> Any:
    with ctx.use(caller(subject="itsm-incident")):
        yield Desk(Heard())


def an_alarm(number: int = 1, key: str = "disk/db1", **more: Any) -> Alarm:
    given = {
        "id": f"alr_{number}",
        "key": key,
        "title": "The disk of db1 is full",
        "description": "",
        "severity": Severity.CRITICAL,
        "asset_id": "",
        "team_id": "",
        "start_time": MONDAY,
    }
    return Alarm(**(given | more))


async def incidents(desk: Desk) -> list[dict[str, Any]]:
    return sorted(await desk.store.find("incidents", {}), key=lambda row: row["number"])


async def test_an_alert_opens_an_incident_with_the_team_and_weight_of_its_asset(desk: Desk) -> None:
    await desk.assets.learn("ast_1", team_id="team_db", criticality=Criticality.HIGH, at=desk.clock())
    await desk.alerts.raised(an_alarm(asset_id="ast_1", team_id="team_noc"))
    (incident,) = await incidents(desk)
    assert (incident["source"], incident["team_id"], incident["priority"]) == ("ALERT", "team_db", "P1")
    assert (incident["asset_ids"], incident["alert_ids"], incident["firing_alert_count"]) == (["ast_1"], ["alr_1"], 1)
    assert incident["state"] == State.ASSIGNED
    assert {clock["state"] for clock in incident["clocks"]} == {"RUNNING"}


async def told(desk: Desk) -> list[str]:
    """What was told of incidents, in order."""
    rows = await desk.backend.find("changes", {"kind": "incidents"}, sort=[("_id", 1)])
    return [row["type"].rpartition(".")[2] for row in rows]


async def test_opening_returning_and_ending_are_one_change_each(desk: Desk) -> None:
    await desk.assets.learn("ast_1", team_id="team_db", criticality=Criticality.HIGH, at=desk.clock())
    await desk.alerts.raised(an_alarm(1, asset_id="ast_1"))
    await desk.alerts.cleared("alr_1")
    await desk.alerts.raised(an_alarm(2, asset_id="ast_1"))
    (incident,) = await incidents(desk)
    assert await told(desk) == ["IncidentOpened", "IncidentResolved", "IncidentReopened"]
    assert (incident["version"], incident["alert_ids"], incident["firing_alert_count"]) == (3, ["alr_1", "alr_2"], 1)


async def test_the_same_alert_again_changes_nothing(desk: Desk) -> None:
    await desk.alerts.raised(an_alarm())
    await desk.alerts.raised(an_alarm())
    assert await told(desk) == ["IncidentOpened"]


async def test_an_incident_waits_for_all_its_alerts_also_beyond_those_that_it_names(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ALERTS", 100)
    count = limits.ALERTS + 2
    async with desk.store.transaction():  # a batch
        for number in range(count):
            await desk.alerts.raised(an_alarm(number))
    (incident,) = await incidents(desk)
    assert (len(incident["alert_ids"]), incident["firing_alert_count"]) == (limits.ALERTS, count)
    async with desk.store.transaction():
        for number in reversed(range(1, count)):
            await desk.alerts.cleared(f"alr_{number}")
    (incident,) = await incidents(desk)
    assert (incident["state"], incident["firing_alert_count"]) == ("NEW", 1)
    await desk.alerts.cleared("alr_0")
    (incident,) = await incidents(desk)
    assert (incident["state"], incident["firing_alert_count"]) == ("RESOLVED", 0)
    assert not await desk.backend.find("claims", {"_id": {"$regex": "firing-alert"}})


async def test_an_alert_that_outlives_its_incident_counts_where_it_is_now(desk: Desk) -> None:
    await desk.alerts.raised(an_alarm(1, severity=Severity.WARNING))
    (first,) = await incidents(desk)
    await desk.incidents.resolve(first["_id"], "fixed", "by hand")
    desk.clock.advance(minutes=16)
    await desk.alerts.raised(an_alarm(1))
    assert [row["firing_alert_count"] for row in await incidents(desk)] == [0, 1]
    await desk.alerts.cleared("alr_1")
    assert [row["state"] for row in await incidents(desk)] == ["RESOLVED", "RESOLVED"]


async def test_an_alert_that_gets_worse_brings_its_incident_back_and_is_counted_once(desk: Desk) -> None:
    await desk.alerts.raised(an_alarm(1, severity=Severity.WARNING))
    (incident,) = await incidents(desk)
    await desk.incidents.resolve(incident["_id"], "fixed", "by hand")
    await desk.alerts.raised(an_alarm(1))
    (incident,) = await incidents(desk)
    assert (incident["state"], incident["priority"], incident["firing_alert_count"]) == ("IN_PROGRESS", "P2", 1)


async def test_the_end_of_an_alert_leaves_alone_what_people_have_closed(desk: Desk) -> None:
    await desk.alerts.raised(an_alarm())
    (incident,) = await incidents(desk)
    await desk.incidents.cancel(incident["_id"], "a drill")
    await desk.alerts.cleared("alr_1")
    (after,) = await incidents(desk)
    assert (after["state"], after["version"]) == ("CANCELLED", 2)
    assert not await desk.backend.find("claims", {"_id": {"$regex": "firing-alert"}})


async def test_what_a_batch_asks_ahead_is_not_asked_again(desk: Desk) -> None:
    await desk.assets.learn("ast_1", team_id="team_db", criticality=Criticality.HIGH, at=desk.clock())
    await desk.alerts.raised(an_alarm(0, "key/0"))
    alarms = [an_alarm(number, f"key/{number}", asset_id="ast_1") for number in range(1, 50)]
    async with desk.store.transaction():
        await desk.alerts.prepare([*alarms, an_alarm(50, "key/0")], ["alr_0"], [])
        asked = desk.backend.asked = []
        for alarm in [*alarms, an_alarm(50, "key/0")]:
            await desk.alerts.raised(alarm)
        await desk.alerts.cleared("alr_0")
        assert set(asked) <= {"sla_policies", "calendar_versions"}, "what is promised, once a second"
    rows = await incidents(desk)
    assert len(rows) == 50
    assert {row["firing_alert_count"] for row in rows} == {1}
    assert {row["team_id"] for row in rows if row["asset_ids"]} == {"team_db"}


class ResolvedMeanwhile(MemoryBackend):
    """A person is through with something just before incidents are read."""

    act: Callable[[], Coroutine[Any, Any, None]] | None = None

    async def find(self, collection: str, *given: Any, **more: Any) -> list[dict[str, Any]]:
        if collection == "incidents" and (act := self.act):
            self.act = None
            await asyncio.create_task(act(), context=Context())  # outside of the transaction of the batch
        return await super().find(collection, *given, **more)


async def test_an_alert_never_joins_an_incident_that_a_person_resolves_while_a_batch_is_asking() -> None:
    backend = ResolvedMeanwhile()
    with ctx.use(caller(subject="itsm-incident")):
        desk, person = Desk(backend), Desk(backend)  # two processes
        await desk.alerts.raised(an_alarm(1, severity=Severity.WARNING))
        (incident,) = await incidents(desk)

        async def resolve() -> None:
            with ctx.use(caller()):
                await person.incidents.resolve(incident["_id"], "fixed", "by hand")

        async def batch() -> None:
            async with desk.store.transaction():
                await desk.alerts.prepare([an_alarm(2)], [], [])
                await desk.alerts.raised(an_alarm(2))

        backend.act = resolve
        with pytest.raises(Busy):
            await batch()
        (after,) = await incidents(desk)
        assert (after["state"], after["alert_ids"]) == ("RESOLVED", ["alr_1"])
        await batch()
        (after,) = await incidents(desk)
        assert (after["state"], after["alert_ids"]) == ("IN_PROGRESS", ["alr_1", "alr_2"])


async def test_the_team_of_the_alert_holds_where_nothing_is_known_of_the_asset(desk: Desk) -> None:
    await desk.alerts.raised(an_alarm(asset_id="ast_9", team_id="team_noc"))
    (incident,) = await incidents(desk)
    assert (incident["team_id"], incident["impact"]) == ("team_noc", "MEDIUM")


async def test_alerts_of_one_key_share_an_incident_that_ends_with_the_last(desk: Desk) -> None:
    await desk.alerts.raised(an_alarm(1))
    await desk.alerts.raised(an_alarm(2))
    await desk.alerts.cleared("alr_1")
    (incident,) = await incidents(desk)
    assert (incident["state"], incident["firing_alert_count"]) == ("NEW", 1)
    await desk.alerts.cleared("alr_2")
    (incident,) = await incidents(desk)
    assert (incident["state"], incident["resolution_code"]) == ("RESOLVED", CLEARED_CODE)
    assert incident["alert_ids"] == ["alr_1", "alr_2"]


async def test_an_alert_that_returns_within_the_grace_period_brings_its_incident_back(desk: Desk) -> None:
    await desk.alerts.raised(an_alarm(1))
    await desk.alerts.cleared("alr_1")
    desk.clock.advance(minutes=14)
    await desk.alerts.raised(an_alarm(2))
    (incident,) = await incidents(desk)
    assert (incident["state"], incident["reopen_count"], incident["alert_ids"]) == ("IN_PROGRESS", 1, ["alr_1", "alr_2"])


async def test_where_the_last_incident_of_a_key_is_lasts_little_longer_than_the_grace_period(desk: Desk) -> None:
    await desk.alerts.raised(an_alarm(1))
    for _ in range(2):
        await desk.alerts.cleared("alr_1")
        desk.clock.advance(minutes=10)
        ended = (await incidents(desk))[0]["resolve_time"]
        [pointer] = await desk.store.find(CLAIMS, {"_id": {"$regex": "latest-incident"}})
        assert ended + timedelta(minutes=15) < pointer["expire_time"] <= ended + timedelta(hours=2)
        await desk.alerts.raised(an_alarm(1))


async def test_an_alert_that_returns_later_is_new_trouble(desk: Desk) -> None:
    await desk.alerts.raised(an_alarm(1))
    await desk.alerts.cleared("alr_1")
    desk.clock.advance(minutes=16)
    await desk.alerts.raised(an_alarm(2))
    first, second = await incidents(desk)
    assert (first["state"], second["state"]) == ("RESOLVED", "NEW")


async def test_an_incident_that_a_person_opened_is_joined_and_never_resolved_by_an_alert(desk: Desk) -> None:
    opened = await desk.incidents.open({"title": "Disk trouble", "dedup_key": "disk/db1"})
    await desk.alerts.raised(an_alarm(1))
    await desk.alerts.cleared("alr_1")
    (incident,) = await incidents(desk)
    assert (incident["_id"], incident["state"], incident["alert_ids"]) == (opened.id, "NEW", ["alr_1"])


async def test_an_alert_that_gets_worse_makes_its_incident_more_urgent_and_never_less(desk: Desk) -> None:
    await desk.alerts.raised(an_alarm(severity=Severity.WARNING))
    await desk.alerts.raised(an_alarm(severity=Severity.CRITICAL))
    await desk.alerts.raised(an_alarm(severity=Severity.WARNING))
    (incident,) = await incidents(desk)
    assert (incident["urgency"], incident["priority"]) == ("HIGH", "P2")


async def test_the_end_of_an_alert_that_was_held_back_is_nothing_to_the_incident(desk: Desk) -> None:
    await desk.alerts.raised(an_alarm(1))
    await desk.alerts.cleared("alr_suppressed")
    (incident,) = await incidents(desk)
    assert (incident["state"], incident["alert_ids"], incident["firing_alert_count"]) == ("NEW", ["alr_1"], 1)
    await desk.alerts.cleared("alr_1")
    await desk.incidents.reopen(incident["_id"], "it is not over")
    await desk.alerts.cleared("alr_suppressed")
    (incident,) = await incidents(desk)
    assert (incident["state"], incident["alert_ids"]) == ("IN_PROGRESS", ["alr_1"])


async def test_an_assessment_makes_an_incident_heavier_and_never_lighter(desk: Desk) -> None:
    await desk.assets.learn("ast_1", team_id="", criticality=Criticality.LOW, at=desk.clock())
    await desk.alerts.raised(an_alarm(asset_id="ast_1"))
    (incident,) = await incidents(desk)
    assert incident["priority"] == Priority.P3
    await desk.alerts.assessed(incident["_id"], ["ast_shop"], Criticality.CRITICAL)
    await desk.alerts.assessed(incident["_id"], [], Criticality.LOW)
    (incident,) = await incidents(desk)
    assert (incident["priority"], incident["service_id"]) == ("P1", "ast_shop")


async def test_an_assessment_of_what_is_not_there_or_was_opened_by_a_person_changes_nothing(desk: Desk) -> None:
    opened = await desk.incidents.open({"title": "Slow", "impact": Impact.LOW})
    await desk.alerts.assessed("inc_none", ["ast_shop"], Criticality.CRITICAL)
    await desk.alerts.assessed(opened.id, ["ast_shop"], Criticality.CRITICAL)
    (incident,) = await incidents(desk)
    assert (incident["impact"], incident["service_id"], incident["version"]) == ("LOW", "", 1)


def test_the_heavier_of_two_impacts_wins() -> None:
    assert heavier(Impact.LOW, Impact.HIGH) is heavier(Impact.HIGH, Impact.MEDIUM) is Impact.HIGH
    assert impact(None) is Impact.MEDIUM


STEP = st.one_of(
    st.tuples(st.just("raise"), st.integers(0, 5)),
    st.tuples(st.just("clear"), st.integers(0, 5)),
    st.tuples(st.just("person resolves"), st.integers(0, 1)),
    st.tuples(st.just("wait"), st.sampled_from((1, 10, 20))),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEP, max_size=40))
async def test_whatever_alerts_do_there_is_one_open_incident_a_key_and_none_when_all_is_quiet(
    steps: list[tuple[str, int]],
) -> None:
    firing: dict[int, str] = {}
    raised: set[str] = set()
    with ctx.use(caller(subject="itsm-incident")):
        desk = Desk()
        for number, (what, which) in enumerate(steps):
            key = f"key/{which % 2}"
            if what == "raise" and which not in firing:
                firing[which] = f"alr_{number}"
                raised.add(firing[which])
                await desk.alerts.raised(an_alarm(number, key))
            elif what == "clear" and which in firing:
                await desk.alerts.cleared(firing.pop(which))
            elif what == "wait":
                desk.clock.advance(minutes=which)
            elif what == "person resolves":
                for row in await desk.store.find("incidents", {"dedup_key": f"key/{which}"}):
                    if State(row["state"]).is_open:
                        await desk.incidents.resolve(row["_id"], "fixed", "by hand")
            rows = await incidents(desk)
            open_keys = [row["dedup_key"] for row in rows if State(row["state"]).is_open]
            assert len(open_keys) == len(set(open_keys)), "two incidents are open for one key"
        for alert in firing.values():
            await desk.alerts.cleared(alert)
        rows = await incidents(desk)
        assert not any(State(row["state"]).is_open for row in rows)
        assert {alert for row in rows for alert in row["alert_ids"]} == raised
        assert all(row["source"] == Source.ALERT for row in rows)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(STEP, min_size=1, max_size=10), max_size=8))
async def test_the_same_holds_for_alerts_in_batches(batches: list[list[tuple[str, int]]]) -> None:
    firing: dict[int, str] = {}
    raised: set[str] = set()
    with ctx.use(caller(subject="itsm-incident")):
        desk, number = Desk(), 0
        for batch in batches:
            async with desk.store.transaction():
                coming = [an_alarm(number + place, f"key/{which % 2}") for place, (_, which) in enumerate(batch)]
                await desk.alerts.prepare(coming, [*firing.values(), *(alarm.id for alarm in coming)], [])
                for (what, which), alarm in zip(batch, coming, strict=True):
                    if what == "raise" and which not in firing:
                        firing[which] = alarm.id
                        raised.add(alarm.id)
                        await desk.alerts.raised(alarm)
                    elif what == "clear" and which in firing:
                        await desk.alerts.cleared(firing.pop(which))
                    elif what == "wait":
                        desk.clock.advance(minutes=which)
            number += len(batch)
            rows = await incidents(desk)
            open_keys = sorted(row["dedup_key"] for row in rows if State(row["state"]).is_open)
            assert open_keys == sorted({f"key/{which % 2}" for which in firing})
            assert sum(row["firing_alert_count"] for row in rows) == len(firing)
        claims = await desk.backend.find("claims", {"_id": {"$regex": "firing-alert"}})
        assert {claim["_id"].rpartition("|")[2] for claim in claims} == set(firing.values())
        assert {alert for row in await incidents(desk) for alert in row["alert_ids"]} == raised
