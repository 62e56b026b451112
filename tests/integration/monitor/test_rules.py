"""Alert rules on real parts: samples as they come in, states that are kept, alerts that follow."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from itsm.monitor import v1 as pb

from chassis import context as ctx
from chassis.errors import Busy, Denied, Invalid, NotFound, Stale
from chassis.store import Store
from chassis.store.migrations import migrate
from chassis.store.mongo import MongoBackend
from chassis.testing import caller
from services.monitor import store as kept_where
from services.monitor.domain.rule import AlertRule, Phase
from services.monitor.usecases.evaluation import Evaluation
from services.monitor.usecases.intake import ALERTS, Intake
from services.monitor.usecases.reading import Paging
from services.monitor.usecases.rules import STATES, Rules
from tests.integration.monitor.checking import Caller, Monitor, monitoring
from tests.unit.monitor.measuring import Kept

LOAD = {"__name__": "load", "host.name": "db-1"}
FIELDS: dict[str, Any] = {"name": "Load", "match": "load", "raise_value": 90.0}


class Desk:
    """Samples and rules of one tenant; `again` is another process on the same database."""

    def __init__(self, backend: Any, tenant: str = "main") -> None:
        self.kept = Kept(backend=backend, tenant=tenant)
        self.tenant = tenant
        self.again()

    def again(self) -> Evaluation:
        """A process that knows nothing but what is stored."""
        self.store = Store(self.kept.backend, self.kept.clock, kept_where.KINDS, kept_where.INDEXES)
        listing = kept_where.rule_listing(b"k" * 16, self.kept.clock)
        self.rules = Rules(self.store, listing, self.kept.reading)
        self.evaluation = Evaluation(self.store, Intake(self.store), self.kept.reading)
        return self.evaluation

    async def made(self, **fields: Any) -> AlertRule:
        with ctx.use(caller(self.tenant)):
            return await self.rules.create(FIELDS | fields)

    async def show(self, *values: float, labels: dict[str, str] = LOAD) -> None:
        """A sample and a round, for each value."""
        for value in values:
            at = round(self.kept.clock().timestamp() * 1000)
            await self.kept.write([(labels, [(at, value)])])
            await self.pass_by(seconds=15)

    async def pass_by(self, **parts: float) -> None:
        self.kept.clock.advance(**parts)
        await self.evaluation.round()

    async def alerts(self) -> list[dict[str, Any]]:
        found = await self.kept.backend.find(ALERTS, {"tenant": self.tenant}, sort=[("start_time", 1)])
        return [each for each in found if each["source"] == "rule"]

    async def states(self, rule: AlertRule) -> list[Any]:
        with ctx.use(caller(self.tenant)):
            return await self.rules.states(rule.id)


@pytest.fixture
async def backend(mongo_uri: str) -> AsyncIterator[MongoBackend]:
    backend = MongoBackend(mongo_uri)
    await migrate(backend, kept_where.INDEXES, ())
    yield backend
    await backend.close()


@pytest.fixture
def desk(backend: MongoBackend) -> Desk:
    return Desk(backend)


async def test_figures_beyond_a_limit_are_an_alert_until_they_are_back(desk: Desk) -> None:
    rule = await desk.made()
    await desk.show(50, 95)
    [alert] = await desk.alerts()
    assert (alert["state"], alert["kind"], alert["labels"]["host.name"]) == ("FIRING", "THRESHOLD", "db-1")
    [state] = await desk.states(rule)
    assert (state["phase"], state["value"]) == ("FIRING", 95.0)
    await desk.show(96, 50)
    [alert] = await desk.alerts()
    assert alert["state"] == "RESOLVED"


async def test_each_series_is_judged_by_itself(desk: Desk) -> None:
    rule = await desk.made()
    await desk.show(95, labels=LOAD)
    await desk.show(50, labels=LOAD | {"host.name": "db-2"})
    assert [state["phase"] for state in await desk.states(rule)] == [Phase.FIRING, Phase.WELL]
    assert len(await desk.alerts()) == 1


async def test_a_waiting_time_goes_on_after_a_restart(desk: Desk) -> None:
    await desk.made(pending_for=minutes(1))
    await desk.show(95, 95, 95, 95)
    assert await desk.alerts() == []
    desk.again()
    await desk.show(95)
    [alert] = await desk.alerts()
    assert alert["state"] == "FIRING"
    desk.again()
    await desk.show(95, 95)
    assert len(await desk.alerts()) == 1, "a restart tells nothing again"
    desk.again()
    await desk.show(50)
    [alert] = await desk.alerts()
    assert alert["state"] == "RESOLVED"


async def test_two_processes_that_evaluate_at_once_tell_it_once(desk: Desk, backend: MongoBackend) -> None:
    await desk.made()
    other = Desk(backend)
    await desk.show(50)
    other.kept.clock = desk.kept.clock
    other.again()
    at = round(desk.kept.clock().timestamp() * 1000)
    await desk.kept.write([(LOAD, [(at, 95.0)])])
    desk.kept.clock.advance(seconds=15)
    ends = await asyncio.gather(desk.evaluation.round(), other.evaluation.round(), return_exceptions=True)
    assert all(end is None or isinstance(end, Busy) for end in ends)
    await desk.evaluation.round()
    assert [alert["state"] for alert in await desk.alerts()] == ["FIRING"]


async def test_silence_is_told_and_ends_nothing(desk: Desk) -> None:
    await desk.made(no_data_for=minutes(10))
    await desk.show(95)
    await desk.pass_by(minutes=6)
    assert [alert["state"] for alert in await desk.alerts()] == ["FIRING"]
    await desk.pass_by(minutes=5)
    firing, silent = sorted(await desk.alerts(), key=lambda alert: str(alert["fingerprint"]))
    assert silent["fingerprint"] == f"{firing['fingerprint']}/no-data"
    assert (firing["state"], silent["state"]) == ("FIRING", "FIRING")
    await desk.show(50)
    assert [alert["state"] for alert in await desk.alerts()] == ["RESOLVED", "RESOLVED"]


async def test_what_a_rule_had_raised_ends_when_it_is_switched_off(desk: Desk) -> None:
    rule = await desk.made()
    await desk.show(95)
    with ctx.use(caller(desk.tenant)):
        await desk.rules.update(rule.id, {"enabled": False})
    await desk.pass_by(seconds=15)
    assert [alert["state"] for alert in await desk.alerts()] == ["RESOLVED"]
    assert await desk.states(rule) == []


async def test_rounds_that_change_nothing_write_once_a_minute(desk: Desk, backend: MongoBackend) -> None:
    await desk.made()
    await desk.show(50)
    [first] = await backend.find(STATES, {})
    await desk.show(51, 52, 53)
    assert await backend.find(STATES, {}) == [first]
    await desk.show(54)
    [later] = await backend.find(STATES, {})
    assert later["states"][0]["value"] == 54.0


async def test_a_rule_of_one_tenant_sees_no_series_of_another(desk: Desk, backend: MongoBackend) -> None:
    stranger = Desk(backend, tenant="acme")
    rule = await stranger.made()
    await desk.show(95)
    stranger.kept.clock = desk.kept.clock
    await stranger.again().round()
    assert await stranger.states(rule) == []
    with ctx.use(caller("main")), pytest.raises(NotFound):
        await desk.rules.states(rule.id)
    with ctx.use(caller("main")):
        assert (await desk.rules.page("", "", Paging()))[0] == []


@pytest.fixture(scope="module")
async def monitor(backing: dict[str, Any]) -> AsyncIterator[Monitor]:
    async with monitoring(backing) as running:
        yield running


async def test_a_rule_is_removed_by_who_may_and_is_gone(monitor: Monitor) -> None:
    manager: Caller = monitor.caller()
    asked = pb.AlertRule(name="Load", match="load", raise_value=90)
    rule = await manager("CreateAlertRule", pb.CreateAlertRuleRequest(alert_rule=asked))
    remove = pb.RemoveAlertRuleRequest(id=rule.id, etag=rule.etag)
    with pytest.raises(Denied):
        await manager.as_("bob", "viewer")("RemoveAlertRule", remove)
    with pytest.raises(Stale):
        await manager("RemoveAlertRule", pb.RemoveAlertRuleRequest(id=rule.id, etag="99"))
    assert (await manager("RemoveAlertRule", remove)).HasField("remove_time")
    for method, request in (
        ("GetAlertRule", pb.GetAlertRuleRequest(id=rule.id)),
        ("RemoveAlertRule", pb.RemoveAlertRuleRequest(id=rule.id)),
        ("ListAlertRuleStates", pb.ListAlertRuleStatesRequest(id=rule.id)),
    ):
        with pytest.raises(NotFound):
            await manager(method, request)
    assert not (await manager("ListAlertRules", pb.ListAlertRulesRequest())).alert_rules


async def test_rules_are_made_and_changed_by_who_may(monitor: Monitor) -> None:
    manager: Caller = monitor.caller()
    asked = pb.AlertRule(name="Load", match="load", raise_value=90, clear_value=80, pending_for=Duration(seconds=60))
    rule = await manager("CreateAlertRule", pb.CreateAlertRuleRequest(alert_rule=asked))
    assert (rule.comparison, rule.window.seconds, rule.enabled) == (pb.AlertRule.ABOVE, 300, True)
    viewer = manager.as_("bob", "viewer")
    assert await viewer("GetAlertRule", pb.GetAlertRuleRequest(id=rule.id)) == rule
    listed = await viewer("ListAlertRules", pb.ListAlertRulesRequest(filter='name : "load"'))
    assert [each.id for each in listed.alert_rules] == [rule.id]
    assert list((await viewer("ListAlertRuleStates", pb.ListAlertRuleStatesRequest(id=rule.id))).states) == []
    with pytest.raises(Denied):
        await viewer("UpdateAlertRule", pb.UpdateAlertRuleRequest(id=rule.id, alert_rule=pb.AlertRule(name="x")))
    changed = pb.UpdateAlertRuleRequest(id=rule.id, alert_rule=pb.AlertRule(raise_value=95), etag=rule.etag)
    assert (await manager("UpdateAlertRule", changed)).raise_value == 95
    with pytest.raises(Invalid) as wrong:
        await manager("UpdateAlertRule", pb.UpdateAlertRuleRequest(id=rule.id, alert_rule=pb.AlertRule(match="load{")))
    assert "match" in wrong.value.violations


def minutes(number: int) -> timedelta:

    return timedelta(minutes=number)
