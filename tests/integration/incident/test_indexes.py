"""Lists stay flat: each common question has an index that gives its rows in order."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.uri_parser import parse_uri

from chassis.domain import SystemClock
from chassis.listing.facets import Facets
from services.incident.store import DUE_FIELD, INCIDENT_FIELDS, listings
from tests.integration.incident.conftest import Caller

QUESTIONS = [
    ("", ""),
    ("", "updateTime desc"),
    ('state = "NEW"', ""),
    ('assigneeId = "alice"', ""),
    ('teamId = "team_1"', ""),
    ('teamId = "team_1" AND state IN (NEW, ASSIGNED, IN_PROGRESS, ON_HOLD)', ""),
    ('category = "Mail" AND priority = P1', ""),
    ('requesterId = "rita"', ""),
    ('number = "INC0000001"', ""),
]


def stages(plan: dict[str, Any]) -> set[str]:
    inner = [plan[name] for name in ("inputStage", "queryPlan") if name in plan] + plan.get("inputStages", [])
    return {plan.get("stage", "")}.union(*(stages(each) for each in inner))


async def planned(database: str, query: dict[str, Any], sort: dict[str, int]) -> set[str]:
    client: Any = AsyncMongoClient(database)
    find = {"find": "incidents", "filter": query, "sort": sort, "limit": 51}
    explained = await client[parse_uri(database)["database"]].command("explain", find, verbosity="queryPlanner")
    await client.close()
    return stages(explained["queryPlanner"]["winningPlan"])


@pytest.mark.parametrize(("filter_text", "order_by"), QUESTIONS)
async def test_a_list_is_read_in_the_order_of_an_index(desk: Caller, database: str, filter_text: str, order_by: str) -> None:
    await desk.open()
    page = listings(b"a key that signs page tokens", SystemClock())["incidents"].page("main", filter_text, order_by)
    found = await planned(database, {"tenant": "main", **page.query}, dict(page.sort))
    assert "IXSCAN" in found
    assert "COLLSCAN" not in found
    assert "SORT" not in found or "number" in filter_text


async def test_the_counts_beside_a_queue_are_told_without_reading_a_record(desk: Caller, database: str) -> None:
    for _ in range(3):
        await desk.open()
    facets = Facets.of("state,priority,teamId,category")
    assert facets is not None
    facets.settle(INCIDENT_FIELDS)
    among = 'teamId = "team_1" AND state IN (NEW, ASSIGNED, IN_PROGRESS, ON_HOLD)'
    page = listings(b"a key that signs page tokens", SystemClock())["incidents"].page("main", among)
    pipeline = [{"$match": {"tenant": "main"}}, *facets.pipeline(page.query)]
    client: Any = AsyncMongoClient(database)
    asked = {"aggregate": "incidents", "pipeline": pipeline, "cursor": {}}
    explained = await client[parse_uri(database)["database"]].command("explain", asked, verbosity="queryPlanner")
    await client.close()
    found = stages(explained["stages"][0]["$cursor"]["queryPlanner"]["winningPlan"])
    assert "PROJECTION_COVERED" in found
    assert "FETCH" not in found


async def test_the_timer_reads_only_what_has_something_to_come(desk: Caller, database: str) -> None:
    opened = await desk.open()
    due = {"$gt": datetime(1970, 1, 1, tzinfo=UTC), "$lte": opened.create_time.ToDatetime()}
    found = await planned(database, {DUE_FIELD: due}, {DUE_FIELD: 1})
    assert "IXSCAN" in found
    assert "SORT" not in found
