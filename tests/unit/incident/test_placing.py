"""Wherever an incident begins, the rules find its team: from a template, as a part of another."""

from pathlib import Path
from typing import Any

import pytest

from chassis import context as ctx
from chassis.testing import caller
from services.incident import app
from services.incident import store as kept
from services.incident.app import Settings
from services.incident.app.parts import Parts
from services.incident.domain.routing import Method
from services.incident.domain.states import State
from services.incident.usecases.joining import Joining
from services.incident.usecases.replies import TicketTemplates
from tests.unit.incident.desk import KEY, Again
from tests.unit.incident.machine import Machine


@pytest.fixture
async def machine() -> Any:
    with ctx.use(caller(subject="alice")):
        made = Machine()
        await made.routing.create_rule({"name": "rest", "team_id": "team_desk", "method": Method.TEAM_ONLY})
        yield made


async def test_an_incident_from_a_template_is_opened_with_its_team_or_with_that_of_the_rules(machine: Machine) -> None:
    nothing: Any = None
    parts = Parts(
        assembly=nothing,
        settings=Settings.model_construct(reopen_days=7, grace_minutes=15),
        store=machine.store,
        listings=kept.listings(KEY, machine.clock),
        policies=machine.promises,
        reading=machine.reading,
        notes=nothing,
        linking=nothing,
        approving=nothing,
        tasks=nothing,
        routing=machine.routing,
    )
    templates = TicketTemplates(machine.store, parts.listings["ticketTemplates"], parts.incidents())
    teamless = await templates.create({"name": "mail", "title": "No mail"})
    given = await templates.create({"name": "disk", "title": "Disk full", "team_id": "team_disks"})
    opened = [await Again(templates).use(each.id) for each in (teamless, given)]
    assert [(each.team_id, each.state, each.version) for each in opened] == [
        ("team_desk", State.ASSIGNED, 1),
        ("team_disks", State.ASSIGNED, 1),
    ]
    with ctx.use(caller(subject="ann", scope={"requester_id": "ann"})):
        assert (await Again(templates).use(given.id)).team_id == "team_desk"


async def test_a_part_of_an_incident_is_placed_by_the_rules(machine: Machine) -> None:
    whole = await machine.incidents.open({"title": "Mail and printer", "team_id": "team_mail"})
    joining = Again(Joining(machine.store, machine.promises, routing=machine.routing))
    part = await joining.split(whole.id, {"title": "Printer"}, [])
    assert (part.team_id, part.state) == ("team_desk", State.ASSIGNED)


def test_no_part_of_the_service_makes_incidents_that_know_no_rules() -> None:
    where = Path(app.__file__).parent
    assert [each.name for each in sorted(where.glob("*.py")) if " Incidents(" in each.read_text("utf-8")] == ["parts.py"]
