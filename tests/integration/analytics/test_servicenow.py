"""A real ServiceNow log through the importer's reading, the incident service and the analytics service, against the oracle."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from itsm.incident import v1 as incident_pb
from pymongo import AsyncMongoClient

from chassis import context as ctx
from chassis import protojson
from chassis.events.wire import Source, headers_of, parse
from chassis.store import Store
from chassis.store.mongo import MongoBackend
from chassis.testing import FakeClock, MemoryBackend, caller
from cli import servicenow
from services.analytics import store as kept
from services.analytics.reactions import fact_of
from services.incident import store as incident_kept
from services.incident.api.incidents import IncidentApi
from services.incident.usecases.imports import Imports
from services.incident.usecases.policies import Policies
from tests.integration.analytics.conftest import Figures
from tests.support import servicenow_oracle
from tests.support.incident_events import START

# A real log where one lies beside the repository, else the small one of its own: the second opinion is computed from either.
ROOT = Path(__file__).parents[3]
REAL = ROOT.parent / "shared" / "data" / "servicenow-incident-log" / "incident_event_log.csv"
LOG = REAL if REAL.exists() else ROOT / "docs" / "samples" / "servicenow-incident-log.csv"
DATABASE = "itsm_analytics_import_test"
BATCH = 500
PORTION = 10


async def changes() -> list[dict[str, Any]]:
    """What the incident service tells after importing the log."""
    with LOG.open("rb") as log:
        survey = servicenow.survey(log)
        log.seek(0)
        messages = [each.message for each in servicenow.read(log, survey) if isinstance(each, servicenow.Imported)]
    rows: list[dict[str, Any]] = []
    for start in range(0, len(messages), PORTION):
        # The memory database copies all that it holds at each write, so it is given little.
        backend = MemoryBackend()
        store = Store(backend, FakeClock(START), incident_kept.KINDS)
        api = IncidentApi(None, None, None, Imports(store, Policies(store)))  # type: ignore[arg-type] # only the import is called
        portion = {"source": "servicenow", "incidents": messages[start : start + PORTION]}
        with ctx.use(caller()):
            answer = await api.ImportIncidents(protojson.decode(portion, incident_pb.ImportIncidentsRequest), None)
        assert {result.outcome for result in answer.results} == {incident_pb.ImportResult.CREATED}
        rows += backend.collections["changes"].values()
    return rows


@pytest.fixture(scope="module")
async def figures(backing: dict[str, Any]) -> AsyncIterator[Figures]:
    uri = backing["mongo"]["root_uri"].replace("/?", f"/{DATABASE}?")
    backend = MongoBackend(uri)
    await backend.ensure_indexes(kept.INDEXES)
    figures = Figures(backend)
    rows = await changes()
    for start in range(0, len(rows), BATCH):
        async with figures.store.transaction():
            for row in rows[start : start + BATCH]:
                event = protojson.decode(row["data"].encode(), getattr(incident_pb, row["type"].rpartition(".")[2]))
                headers = headers_of(row, Source("local", "incident", 1))
                envelope = parse(headers, f"{row['tenant']}/{row['key']}".encode())
                await figures.log.record(fact_of(event.incident, envelope))
    yield figures
    await backend.close()
    async with AsyncMongoClient(uri) as client:
        await client.drop_database(DATABASE)


@pytest.fixture(scope="module")
def oracle() -> dict[str, Any]:
    with LOG.open(encoding="utf-8-sig", newline="") as log:
        return servicenow_oracle.figures(log)


async def test_incidents_by_state_and_group(figures: Figures, oracle: dict[str, Any]) -> None:
    by_state = await figures.count("incidents-by-state")
    by_group = {row.group: row.count for row in await figures.rows("incidents-by-state", group_by="team")}

    assert by_state == {f"/{state}": number for state, number in oracle["by_state"].items()}
    assert by_group == oracle["by_group"]


async def test_reopened_reassigned_and_kept_by_their_own_verdict(figures: Figures, oracle: dict[str, Any]) -> None:
    [reopened] = await figures.rows("reopen-rate")
    [reassigned] = await figures.rows("reassignment-rate")
    [imported] = await figures.rows("imported-sla")

    number = oracle["incidents"]
    assert (reopened.value, reopened.count) == (oracle["reopened"] / number, number)
    assert (reassigned.value, reassigned.count) == (oracle["reassigned"] / number, number)
    verdicts = oracle["made_sla"]
    assert (imported.value, imported.count) == (verdicts["made"] / verdicts["with_verdict"], verdicts["with_verdict"])


async def test_time_to_resolve_in_whole_and_by_group(figures: Figures, oracle: dict[str, Any]) -> None:
    [whole] = await figures.rows("mttr-resolve")
    by_group = await figures.rows("mttr-resolve", group_by="team")

    assert (whole.count, whole.value, whole.median) == _expected(oracle["resolve"])
    assert {row.group: (row.count, row.value, row.median) for row in by_group} == {
        name: _expected(one) for name, one in oracle["resolve_by_group"].items()
    }


async def test_the_backlog_of_each_day_is_made_up_from_the_history(figures: Figures, oracle: dict[str, Any]) -> None:
    await figures.snapshots.catch_up("main")
    by_day: dict[str, float] = {}
    for row in await figures.rows("incident-backlog", group_by="day"):
        by_day[row.group] = by_day.get(row.group, 0) + (row.value or 0)

    with LOG.open(encoding="utf-8-sig", newline="") as log:
        assert by_day == servicenow_oracle.open_at_midnight(log)


async def test_a_rebuild_of_the_imported_history_finds_nothing_to_correct(figures: Figures, oracle: dict[str, Any]) -> None:
    assert await figures.rebuild.run("main") == (oracle["incidents"], 0)


def _expected(one: dict[str, float]) -> tuple[Any, Any, Any]:
    return one["count"], pytest.approx(one["mean"]), one["median"]
