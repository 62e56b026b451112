"""Rounds of evaluation: what one rule does to others, and a rule over more series than are looked at."""

import logging
from datetime import timedelta

import pytest

from chassis import context as ctx
from chassis.store import Store
from chassis.testing import caller
from services.monitor import store as kept_where
from services.monitor.domain.series import identity, labels_of, public_id
from services.monitor.usecases import evaluation
from services.monitor.usecases.evaluation import Evaluation
from services.monitor.usecases.intake import ALERTS, Intake
from services.monitor.usecases.rules import RULES, STATES, Rules
from tests.unit.monitor.measuring import Kept

MINUTE = timedelta(minutes=1)


class Desk:
    """Samples and rules of a tenant."""

    def __init__(self) -> None:
        self.kept = Kept()
        store = Store(self.kept.backend, self.kept.clock, kept_where.KINDS, kept_where.INDEXES)
        self.rules = Rules(store, kept_where.rule_listing(b"k" * 16, self.kept.clock))
        self.evaluation = Evaluation(store, Intake(store), self.kept.reading)

    async def made(self, name: str) -> str:
        with ctx.use(caller()):
            fields = {"name": name, "match": "load", "raise_value": 90.0, "window": MINUTE, "no_data_for": 2 * MINUTE}
            return (await self.rules.create(fields)).id

    async def show(self, value: float, *hosts: str) -> None:
        """A sample of each host, and a round."""
        at = round(self.kept.clock().timestamp() * 1000)
        await self.kept.write([({"__name__": "load", "host": host}, [(at, value)]) for host in hosts])
        self.kept.clock.advance(seconds=30)
        await self.evaluation.round()

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


async def test_series_beyond_the_limit_are_told_of_and_never_called_silent(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "MOST_SERIES", 2)
    caplog.set_level(logging.WARNING, logger=evaluation.__name__)
    desk = Desk()
    rule = await desk.made("Load")
    newcomer, first, beyond = sorted(("db-1", "db-2", "db-3"), key=series)
    await desk.show(50.0, first, beyond)
    assert caplog.records == []
    for _ in range(10):
        await desk.show(50.0, newcomer, first, beyond)
    assert [record.message for record in caplog.records] == [
        "An alert rule means more series than are looked at; name more labels."
    ]
    assert desk.kept.backend.collections.get(ALERTS, {}) == {}
    (row,) = desk.kept.backend.collections[STATES].values()
    assert (row["rule_id"], [each["series_id"] for each in row["states"]]) == (
        rule,
        [series(newcomer), series(first), series(beyond)],
    )
    for _ in range(10):
        await desk.show(50.0, first, beyond)
    assert desk.alerts() == [("Load: no data", newcomer)], "of what is read, silence is told as ever"
