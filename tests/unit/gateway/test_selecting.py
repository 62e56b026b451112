"""`:select` of every resource: what it counts, what it gives, what it refuses; and what nobody may count by its back door."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest
from google.protobuf.message import Message

from chassis.http.problems import Problem
from chassis.listing.facets import ANSWER_KEY, ASKED_KEY, COUNTED, Facets
from chassis.testing import FakeClock
from services.gateway.rest.route import SELECT, Route
from services.gateway.rest.selecting import Selecting
from services.gateway.usecases.selections import Selections
from tests.unit.gateway.work import ROUTES, Guard

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
TOKEN = orjson.dumps({"sub": "ann", "roles": ["agent"], "permissions": []}).decode()
METADATA = [("authorization", f"Bearer {TOKEN}"), ("x-itsm-tenant", "main")]


def route(template: str = "/api/v1/incidents:select") -> Route:
    return next(each for each in ROUTES.generic if each.template == template)


async def selected(body: bytes, there: int) -> tuple[dict[str, Any], Selections, list[Any]]:
    """What a body gets of a list that finds so many, and what that was asked."""
    selections, asked = Selections(b"a key", FakeClock(NOON)), list[Any]()

    async def ask(request: Message, more: Sequence[tuple[str, str]], said: dict[str, Any] | None) -> Message:
        asked.append((request, list(more)))
        assert said is not None
        said[ANSWER_KEY] = Facets(["*"], settled=True).answer({"looked_at": [{"n": there}] if there else []})
        return request

    selecting: Any = Selecting(selections, Guard(), FakeClock(NOON))  # type: ignore[arg-type] # all of a guard that is asked
    return orjson.loads(await selecting.answer(route(), body, METADATA, ask)), selections, asked


async def test_a_selection_is_the_number_of_what_matches_and_a_text_that_stands_for_it() -> None:
    found, selections, ((request, more),) = await selected(b'{"filter": "state = NEW"}', 4312)
    assert (request.filter, more) == ("state = NEW", [(ASKED_KEY, "*")])
    assert (found["count"], found["capped"], found["expireTime"]) == (4312, False, "2026-05-04T13:00:00Z")
    read = selections.read(found["selection"], "main", "ann", "incidents")
    assert (read.filter, read.count, read.time) == ("state = NEW", 4312, NOON)


@pytest.mark.parametrize(("there", "told"), [(0, (0, False)), (COUNTED, (COUNTED, False)), (COUNTED + 1, (COUNTED, True))])
async def test_it_is_exact_up_to_what_a_job_takes(there: int, told: tuple[int, bool]) -> None:
    found, selections, _ = await selected(b"{}", there)
    assert (found["count"], found["capped"]) == told
    assert selections.read(found["selection"], "main", "ann", "incidents").count == there


@pytest.mark.parametrize("body", [b"[]", b'{"filter": 1}', b'{"where": ""}', b"{", b'{"filter": "a", "filter": "b"}'])
async def test_a_body_says_a_filter_and_nothing_else(body: bytes) -> None:
    with pytest.raises(Problem) as refused:
        await selected(body, 1)
    assert refused.value.status in (400, 422)


def test_every_list_of_records_has_it() -> None:
    found = {each.template for each in ROUTES.generic if each.generic == SELECT}
    assert {"/api/v1/incidents:select", "/api/v1/assets:select", "/api/v1/alerts:select"} <= found


async def test_facets_do_not_take_the_name_by_which_everything_is_counted(gateway: httpx.AsyncClient) -> None:
    answer = await gateway.get("/api/v1/incidents:facets", params={"fields": "*"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/fields")
