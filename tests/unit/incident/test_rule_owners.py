"""Who may try, stop and start a rule."""

from typing import Any

import pytest

from chassis import context as ctx
from chassis.errors import Denied
from services.incident.domain.automation import ActionKind, RuleAction
from services.incident.usecases.tasks import Tasks
from tests.unit.incident.desk import Again
from tests.unit.incident.machine import MANAGER, Machine
from tests.unit.incident.test_automation import note, rule


@pytest.fixture
def machine() -> Any:
    made = Machine()
    with made.by(MANAGER):
        yield made


async def test_the_past_of_tasks_is_that_of_tasks(machine: Machine) -> None:
    problem = await machine.problems.open({"title": "leaks"})
    with machine.by(MANAGER):
        task = await Again(Tasks(machine.store)).create({"title": "look", "about": f"problems/{problem.id}"})
    tried = rule(note("seen"), event_types=["itsm.incident.v1.Task*"])
    matches, matched, _, _ = await machine.asked.attempt(tried, None)
    assert ([match.subject for match in matches], matched) == ([f"tasks/{task.id}"], 1)


async def test_whoever_may_change_rules_may_stop_one_that_does_more_than_he_may(machine: Machine) -> None:
    made = await machine.rules.create(rule(RuleAction(kind=ActionKind.ASSIGN, team_id="t")))
    for actor in (ctx.Actor(id="peter"), ctx.Actor(id="key", kind="service")):
        with ctx.use(ctx.Context(tenant="main", actor=actor)):
            stopped = await machine.rules.update(made.id, {"enabled": False, "name": "stopped"})
            assert (stopped.enabled, stopped.owner_id) == (False, MANAGER)
            with pytest.raises(Denied):
                await machine.rules.update(made.id, {"enabled": True})
            with pytest.raises(Denied):
                await machine.rules.update(made.id, {"filter": 'title = "x"'})
    assert (await machine.rules.update(made.id, {"enabled": True})).enabled
