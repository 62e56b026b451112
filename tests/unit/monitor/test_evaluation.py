"""Rounds of evaluation: what one rule does to others, and a rule over more series than are looked at."""

import json
from datetime import timedelta
from typing import Any

import pytest

from chassis import context as ctx
from chassis.errors import Invalid
from chassis.store import CHANGES, Store
from chassis.testing import caller
from services.monitor import store as kept_where
from services.monitor.domain.series import identity, labels_of, public_id
from services.monitor.usecases.evaluation import Evaluation
from services.monitor.usecases.intake import ALERTS, Intake
from services.monitor.usecases.rules import RULES, STATES, Rules
from tests.unit.incident.desk import Again
from tests.unit.monitor.measuring import Kept

MINUTE = timedelta(minutes=1)


class Desk:
    """Samples and rules of a tenant."""

    def __init__(self, most: int = 1_000) -> None:
        self.kept = Kept()
        store = Store(self.kept.backend, self.kept.clock, kept_where.KINDS, kept_where.INDEXES)
        listing = kept_where.rule_listing(b"k" * 16, self.kept.clock)
        self.rules: Any = Again(Rules(store, listing, self.kept.reading, most=most))
        self.evaluation = Evaluation(store, Intake(store), self.kept.reading, most=most)

    async def made(self, name: str, **more: Any) -> str:
        with ctx.use(caller()):
            fields = {"name": name, "match": "load", "raise_value": 90.0, "window": MINUTE, "no_data_for": 2 * MINUTE}
            return str((await self.rules.create(fields | more)).id)

    async def show(self, value: float, *hosts: str) -> None:
        """A sample of each host, and a round."""
        at = round(self.kept.clock().timestamp() * 1000)
        await self.kept.write([({"__name__": "load", "host": host}, [(at, value)]) for host in hosts])
        self.kept.clock.advance(seconds=30)
        await self.evaluation.round()

    def told(self, rule: str) -> list[tuple[str, int, int]]:
        """The conditions that events told of the rule, with its counts."""
        with ctx.use(caller()):
            rows = sorted(self.kept.backend.collections[CHANGES].values(), key=lambda row: str(row["_id"]))
        kinds = [row for row in rows if row["key"] == rule and row["type"].endswith("AlertRuleConditionChanged")]
        events = [json.loads(row["data"])["alertRule"]["evaluation"] for row in kinds]
        return [(each["condition"], each["seriesCount"], each["evaluatedCount"]) for each in events]

    def alerts(self) -> list[tuple[str, str]]:
        return sorted((each["title"], each["labels"]["host"]) for each in self.kept.backend.collections[ALERTS].values())


def series(host: str) -> str:
    return public_id(identity("main", labels_of({"__name__": "load", "host": host})))


async def test_a_rule_that_cannot_be_read_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    broken = await desk.made("Broken")
    await desk.made("Load")
    desk.kept.backend.collections[RULES][broken]["aggregate"] = "OF_ANOTHER_RELEASE"
    await desk.show(95.0, "db-1")
    assert desk.alerts() == [("Load: 95 is at or above 90", "db-1")]
    assert [record.message for record in caplog.records] == ["An alert rule cannot be read."]


async def test_series_beyond_the_limit_are_told_of_on_the_rule_and_never_called_silent() -> None:
    desk = Desk(most=2)
    rule = await desk.made("Load")
    newcomer, first, beyond = sorted(("db-1", "db-2", "db-3"), key=series)
    await desk.show(50.0, first, beyond)
    assert desk.kept.backend.collections[RULES][rule]["evaluation"]["condition"] == "COMPLETE"
    assert (desk.told(rule), desk.kept.backend.collections[RULES][rule]["version"]) == ([], 1)
    for _ in range(10):
        await desk.show(50.0, newcomer, first, beyond)
    assert desk.told(rule) == [("PARTIAL", 3, 2)]
    kept = desk.kept.backend.collections[RULES][rule]["evaluation"]
    assert kept["message"] == "1 of 3 series are not looked at: name more labels, or make several rules"
    assert desk.kept.backend.collections.get(ALERTS, {}) == {}
    (row,) = desk.kept.backend.collections[STATES].values()
    assert (row["rule_id"], [each["series_id"] for each in row["states"]]) == (
        rule,
        [series(newcomer), series(first), series(beyond)],
    )
    for _ in range(10):
        await desk.show(50.0, first, beyond)
    assert desk.alerts() == [("Load: no data", newcomer)], "of what is read, silence is told as ever"


async def test_counts_of_a_rule_follow_without_a_new_version() -> None:
    desk = Desk(most=2)
    rule = await desk.made("Load")
    await desk.show(50.0, "a", "b", "c")
    version = desk.kept.backend.collections[RULES][rule]["version"]
    for _ in range(4):
        await desk.show(50.0, "a", "b", "c", "d")
    kept = desk.kept.backend.collections[RULES][rule]
    assert (kept["evaluation"]["series_count"], kept["version"]) == (4, version)
    assert desk.told(rule) == [("PARTIAL", 3, 2)]


async def test_a_rule_that_means_too_much_is_refused_when_it_is_made_changed_or_switched_on() -> None:
    desk = Desk(most=2)
    narrow = await desk.made("Narrow", match='load{host="a"}')
    off = await desk.made("Off", enabled=False)
    await desk.show(50.0, "a", "b", "c")
    with ctx.use(caller()):
        with pytest.raises(Invalid, match="it means 3 series, and 2 of a rule are looked at"):
            await desk.rules.create({"name": "Wide", "match": "load", "raise_value": 1.0})
        with pytest.raises(Invalid, match="3 series"):
            await desk.rules.update(narrow, {"match": "load"})
        with pytest.raises(Invalid, match="3 series"):
            await desk.rules.update(off, {"enabled": True})
        await desk.rules.update(off, {"title": "still off"})
    desk.kept.clock.advance(days=8)
    await desk.show(50.0, "a", "b")
    await desk.kept.fold()
    with ctx.use(caller()):
        assert (await desk.rules.update(off, {"enabled": True})).enabled, "what is gone for a week takes no room"


async def test_a_rule_that_cannot_be_evaluated_says_so_until_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    rule = await desk.made("Load")

    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("a secret of the database")

    with monkeypatch.context() as patch:
        patch.setattr(desk.kept.reading, "window", broken)
        for _ in range(3):
            await desk.show(50.0, "a")
    kept = desk.kept.backend.collections[RULES][rule]["evaluation"]
    assert (kept["condition"], "secret" in kept["message"]) == ("FAILED", False)
    await desk.show(50.0, "a")
    assert [condition for condition, _, _ in desk.told(rule)] == ["FAILED", "COMPLETE"]


async def test_a_rule_that_another_process_evaluated_is_changed_as_it_stands() -> None:
    desk = Desk()
    rule = await desk.made("Load")
    other = Store(desk.kept.backend, desk.kept.clock, kept_where.KINDS, kept_where.INDEXES)
    desk.evaluation = Evaluation(other, Intake(other), desk.kept.reading)
    await desk.show(50.0, "a")
    assert desk.kept.backend.collections[RULES][rule]["evaluation"]["condition"] == "COMPLETE"
    with ctx.use(caller()):
        changed = await desk.rules.update(rule, {"enabled": False})
    assert changed.evaluation is None
    assert desk.kept.backend.collections[RULES][rule]["evaluation"] is None
