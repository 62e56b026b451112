"""Checks and rules that were removed: gone for everybody, and what they had raised with them."""

from datetime import timedelta
from typing import Any

import pytest

from chassis import context as ctx
from chassis.errors import NotFound, Stale
from chassis.store import CHANGES
from chassis.testing import caller
from services.monitor import store as kept_where
from services.monitor.domain.check import CheckResult, Outcome, State
from services.monitor.domain.check_settings import Kind
from services.monitor.usecases.intake import ALERTS
from services.monitor.usecases.reading import Paging
from services.monitor.usecases.rules import RULES, STATES
from tests.unit.incident.desk import Again
from tests.unit.monitor.checks import NOON
from tests.unit.monitor.test_check_agents import Desk
from tests.unit.monitor.test_evaluation import Desk as RuleDesk


@pytest.fixture
def desk() -> Any:
    with ctx.use(caller()):
        made = Desk()
        made.verbs = Again(made.checks)  # type: ignore[attr-defined]
        yield made


async def fail(desk: Desk, check_id: str) -> None:
    for minute in (1, 2):
        desk.store.clock.advance(minutes=1)  # type: ignore[attr-defined]
        found = CheckResult(time=NOON + timedelta(minutes=minute), outcome=Outcome.FAILED, value=99.0)
        await desk.checks._results.hear(check_id, found)


async def told(desk: Desk, subject: str) -> list[str]:
    rows = await desk.store.find(CHANGES, {"kind": "checks", "key": subject}, sort=[("_id", 1)])
    return [row["type"].rpartition(".")[2] for row in rows]


async def test_a_removed_check_is_gone_and_what_it_had_raised_is_over(desk: Any) -> None:
    check = await desk.check()
    await fail(desk, check.id)
    [alert] = await desk.store.find(ALERTS, {"check_id": check.id})
    assert alert["state"] == "FIRING"
    removed = await desk.verbs.remove(check.id)
    assert (removed.enabled, removed.state) == (False, State.PENDING)
    assert (await told(desk, check.id))[-1] == "CheckRemoved"
    [alert] = await desk.store.find(ALERTS, {"check_id": check.id})
    assert alert["state"] == "RESOLVED"
    assert (await desk.checks.page("", "", Paging()))[0] == []
    assert await desk.checks.count("") == (0, False)
    for ask in (desk.verbs.get, desk.verbs.enable, desk.verbs.disable, desk.verbs.run, desk.verbs.remove):
        with pytest.raises(NotFound):
            await ask(check.id)
    with pytest.raises(NotFound):
        await desk.verbs.update(check.id, {"name": "again"})
    with pytest.raises(NotFound):
        await desk.checks._results.hear(check.id, CheckResult(time=NOON + timedelta(minutes=3), outcome=Outcome.OK))
    with pytest.raises(NotFound):
        await desk.checks._results.page(check.id, Paging())


async def test_a_check_that_was_off_had_nothing_raised_and_goes_quietly(desk: Any) -> None:
    check = await desk.check()
    await desk.verbs.disable(check.id)
    await desk.verbs.remove(check.id)
    assert await told(desk, check.id) == ["CheckCreated", "CheckDisabled", "CheckRemoved"]


async def test_who_decided_on_an_older_version_removes_nothing(desk: Any) -> None:
    check = await desk.check()
    await desk.verbs.update(check.id, {"name": "another"})
    with pytest.raises(Stale):
        await desk.verbs.remove(check.id, etag="1")
    assert (await desk.verbs.get(check.id))["name"] == "another"


async def test_a_new_check_may_take_the_place_of_a_removed_one(desk: Any) -> None:
    first = await desk.check(kind=Kind.MEMORY)
    await desk.verbs.remove(first.id)
    second = await desk.check(kind=Kind.MEMORY)
    assert [row["_id"] for row in (await desk.checks.page("", "", Paging()))[0]] == [second.id]


async def test_a_removed_rule_is_gone_and_what_it_had_raised_is_over_with_the_next_round() -> None:
    desk = RuleDesk()
    rule = await desk.made("Load")
    await desk.show(95.0, "db-1")
    collections = desk.kept.backend.collections
    assert [each["state"] for each in collections[ALERTS].values()] == ["FIRING"]
    with ctx.use(caller()):
        with pytest.raises(Stale):
            await desk.rules.remove(rule, etag="7")
        await desk.rules.remove(rule)
        assert (await desk.rules.page("", "", Paging()))[0] == []
        for ask in (desk.rules.get, desk.rules.remove, desk.rules.states):
            with pytest.raises(NotFound):
                await ask(rule)
        with pytest.raises(NotFound):
            await desk.rules.update(rule, {"enabled": True})
    for _ in range(2):
        await desk.show(95.0, "db-1")
    assert [each["state"] for each in collections[ALERTS].values()] == ["RESOLVED"]
    assert collections[STATES] == {}, "where its series stood is forgotten"
    assert collections[RULES][rule]["remove_time"] is not None


def goes(desk: RuleDesk, rule: str) -> bool:
    """Whether the database would remove the record of a rule by now."""
    row = desk.kept.backend.collections[RULES][rule]
    ends = [(row.get(each.keys[0][0]), each.expire_after) for each in kept_where.INDEXES if each.collection == RULES]
    return any(start is not None and start + after <= desk.kept.clock() for start, after in ends if after is not None)


async def test_a_removed_rule_goes_only_when_what_it_had_raised_has_ended_however_late_that_is() -> None:
    desk = RuleDesk()
    loud, quiet = await desk.made("Load"), await desk.made("Quiet", enabled=False)
    await desk.show(95.0, "db-1")
    with ctx.use(caller()):
        for rule in (loud, quiet):
            await desk.rules.remove(rule)
    desk.kept.clock.advance(days=3)
    assert not goes(desk, loud), "nobody has evaluated since, and the alert is still open"
    await desk.evaluation.round()
    assert [row["state"] for row in desk.kept.backend.collections[ALERTS].values()] == ["RESOLVED"]
    assert (goes(desk, loud), goes(desk, quiet)) == (False, False)
    desk.kept.clock.advance(hours=23)
    await desk.evaluation.round()
    assert (goes(desk, loud), goes(desk, quiet)) == (False, False)
    desk.kept.clock.advance(hours=1)
    assert (goes(desk, loud), goes(desk, quiet)) == (True, True)
