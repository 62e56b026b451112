"""The analytics service as a process would run it, called over gRPC."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from itsm.analytics import v1 as pb
from pymongo import AsyncMongoClient

from chassis.errors import Denied, Invalid, NotFound
from chassis.management import Answer, ManagementServer
from chassis.policy import Policy
from chassis.rpc import call, connect
from chassis.service import running
from chassis.store.mongo import MongoBackend
from services.analytics.app import Settings, build
from services.analytics.domain.definitions import DEFINITIONS
from tests.integration.analytics.conftest import Figures, day
from tests.support.incident_events import History
from tests.support.issuers import OWN, FakeIssuer, short


async def table_of_roles() -> Policy:
    """What the auth service would answer."""
    seeing = frozenset({"kpis.get", "kpis.list"})
    return Policy(version=1, roles={"viewer": seeing, "admin": seeing | {"projections.rebuild"}}, scopes={})


@dataclass
class Caller:
    """Somebody of the tenant `main`."""

    stub: Any
    issuer: FakeIssuer
    role: str = "viewer"

    async def __call__(self, method: str, request: Any) -> Any:
        token = self.issuer.sign(short(sub="alice", tenant="main", roles=[self.role]), typ="at+jwt")
        return await call(getattr(self.stub, method), request, token=token)


@pytest.fixture(scope="module")
async def viewer(backing: dict[str, Any]) -> AsyncIterator[Caller]:
    name = f"itsm_analytics_{uuid4().hex[:8]}"
    uri = backing["mongo"]["root_uri"].replace("/?", f"/{name}?")
    issuer = FakeIssuer(OWN, "Ed25519")

    async def published(_accept: str) -> Answer:
        return Answer(json.dumps(issuer.document()).encode())

    keys = ManagementServer({"/jwks.json": published})
    keys.start("127.0.0.1:0")
    settings = Settings(
        environment="development",
        mongo_uri=uri,
        token_issuer_jwks=f"http://127.0.0.1:{keys.port}/jwks.json",
        page_token_key="of this test alone",
        drain_seconds=0,
        snapshot_seconds=0.2,
    )
    async with running(build(settings, fetch_policy=table_of_roles)) as service:
        backend = MongoBackend(uri)
        figures = Figures(backend)
        await figures.told(*(History(f"inc_{n}").open(team="network").start().resolve() for n in range(3)))
        await backend.close()
        channel = connect(service.address)
        await channel.channel_ready()
        yield Caller(pb.KpiServiceStub(channel), issuer)
        await channel.close()
    keys.stop()
    async with AsyncMongoClient(uri) as client:
        await client.drop_database(name)


async def test_every_figure_says_what_it_means_and_answers(viewer: Caller) -> None:
    told = await viewer("ListKpis", pb.ListKpisRequest())

    assert [each.name for each in told.kpis] == list(DEFINITIONS)
    for each in told.kpis:
        assert each.definition
        assert each.definition_version >= 1
        kpi = await viewer("GetKpi", pb.GetKpiRequest(name=each.name))
        assert (kpi.name, kpi.unit, kpi.definition_version) == (each.name, each.unit, each.definition_version)


async def test_a_figure_answers_by_group_over_a_period(viewer: Caller) -> None:
    request = pb.GetKpiRequest(name="mttr-resolve", group_by="team", filter='teamId = "network"', to=day(1), **{"from": day(0)})

    [row] = (await viewer("GetKpi", request)).rows

    assert (row.group, row.value, row.median, row.p90, row.count) == ("network", 3900, 3900, 3900, 3)


async def test_rows_without_a_median_leave_it_out(viewer: Caller) -> None:
    [row, *_] = (await viewer("GetKpi", pb.GetKpiRequest(name="incident-volume"))).rows

    assert row.HasField("value")
    assert not row.HasField("median")


async def test_an_unknown_figure_is_not_found_and_an_unknown_group_invalid(viewer: Caller) -> None:
    with pytest.raises(NotFound):
        await viewer("GetKpi", pb.GetKpiRequest(name="mttx"))
    with pytest.raises(Invalid) as refused:
        await viewer("GetKpi", pb.GetKpiRequest(name="mtta", group_by="color"))
    assert "groupBy" in refused.value.violations


async def test_only_who_may_rebuild_does_and_is_told_the_outcome(viewer: Caller) -> None:
    with pytest.raises(Denied):
        await viewer("RebuildProjections", pb.RebuildProjectionsRequest())

    admin = Caller(viewer.stub, viewer.issuer, "admin")
    answer = await admin("RebuildProjections", pb.RebuildProjectionsRequest())

    assert answer.state == pb.RebuildProjectionsResponse.DONE
    assert (answer.incidents, answer.corrected) == (3, 0)
