"""Samples at the door, without a network: the answers that senders act upon."""

import asyncio
import gzip
import json
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from starlette.routing import Route

from chassis.auth import Policy, Principal
from chassis.errors import Unauthenticated, Unavailable
from chassis.store import Store
from chassis.telemetry import Metrics
from services.monitor.ingest import remote_write
from services.monitor.ingest.keys import Keys
from services.monitor.ingest.places import Places
from services.monitor.ingest.remote_write import Malformed
from services.monitor.ingest.requests import Handler, answering
from services.monitor.ingest.samples import SampleDoor
from services.monitor.usecases.integrations import Integrations
from services.monitor.usecases.samples import BLOCKS
from tests.unit.monitor.measuring import Kept, Rows, at, snappy, write_request
from tests.unit.monitor.otlp import gauge, point, request

UP = {"__name__": "up", "job": "node"}
WRITE = {
    "content-encoding": "snappy",
    "content-type": "application/x-protobuf",
    "x-prometheus-remote-write-version": "0.1.0",
    "authorization": "Bearer iti_good",
}
PROTOBUF = {"content-type": "application/x-protobuf", "authorization": "Bearer iti_good"}
JSON = PROTOBUF | {"content-type": "application/json"}


class Site:
    """The door with a store behind it."""

    def __init__(self, **limits: int) -> None:
        self.kept = Kept(**limits)
        self.down = False
        self.metrics = Metrics()
        integrations = Integrations(Store(self.kept.backend, self.kept.clock, ()))
        self.keys = Keys(self.exchange, self, integrations)
        self.door = SampleDoor(self.keys, self.kept.samples, self.metrics)
        self.app = FastAPI()
        self.door.addresses(self.post)
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://door")

    def post(self, path: str, handler: Handler) -> None:
        self.app.router.routes.append(Route(path, answering(handler), methods=["POST"]))

    async def exchange(self, secret: str) -> str:
        await asyncio.sleep(0)
        if self.down:
            raise Unavailable("the auth service does not answer")
        if not secret.startswith("iti_"):
            raise Unauthenticated("this key is not known")
        return secret

    async def verify(self, token: str, tenant_hint: str = "") -> Principal:
        return Principal(
            subject="agt_7",
            kind="service",
            tenant="other" if token == "iti_other" else "main",
            roles=frozenset({token.removeprefix("iti_"), "integration" if token != "iti_reader" else "viewer"}),
            expires_at=int(time.time()) + 60,
            issuer="auth",
            session_id=f"crd_{token}",
        )

    def policy(self) -> Policy:
        return Policy(1, {"integration": frozenset({"samples.write"}), "viewer": frozenset()}, {})

    async def write(self, rows: Rows, **headers: str) -> httpx.Response:
        body = snappy(write_request(rows))
        return await self.client.post("/api/v1/write", content=body, headers=WRITE | headers)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    yield site
    await site.client.aclose()


async def test_a_remote_write_is_answered_when_it_is_kept(site: Site) -> None:
    answer = await site.write([(UP, [(at(0), 1.0)])])
    assert (answer.status_code, answer.content) == (204, b"")
    assert await site.kept.values("up") == {"__name__=up,job=node": [1.0]}


async def test_a_request_without_a_series_is_fine(site: Site) -> None:
    assert (await site.write([])).status_code == 204


async def test_a_key_decides_the_tenant(site: Site) -> None:
    await site.write([(UP, [(at(0), 1.0)])], authorization="Bearer iti_other")
    assert await site.kept.values("up") == {}
    site.kept.tenant = "other"
    assert await site.kept.values("up") == {"__name__=up,job=node": [1.0]}


async def test_what_is_refused_of_a_request_is_told_with_counts(site: Site) -> None:
    answer = await site.write([(UP, [(at(0), 1.0), (at(-100_000), 1.0)]), ({"a": "b"}, [(at(0), 1.0)])])
    assert answer.status_code == 400
    assert answer.text == "2 of 3 samples refused: 1 with no metric name; 1 older than a day"
    told = site.metrics.render()[0]
    assert b'itsm_samples_total{outcome="kept"} 1.0' in told
    assert b'itsm_samples_total{outcome="refused"} 2.0' in told
    assert await site.kept.values("up") == {"__name__=up,job=node": [1.0]}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": ""}, 401),
        ({"authorization": "Bearer bad"}, 401),
        ({"authorization": "Bearer iti_reader"}, 403),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"}, 415),
        ({"content-type": "application/x-protobuf;proto=prometheus.WriteRequest"}, 204),
        ({"content-encoding": "gzip"}, 415),
    ],
)
async def test_headers_decide(site: Site, headers: dict[str, str], status: int) -> None:
    assert (await site.write([(UP, [(at(0), 1.0)])], **headers)).status_code == status


@pytest.mark.parametrize("body", [b"", b"\xff" * 20, b"sNaPpY", snappy(b"\x0a\xff\xff\xff"), snappy(b"\x0a\x05abc")])
async def test_what_cannot_be_read_is_never_sent_again(site: Site, body: bytes) -> None:
    answer = await site.client.post("/api/v1/write", content=body, headers=WRITE)
    assert answer.status_code == 400
    assert BLOCKS not in site.kept.backend.collections


async def test_a_body_that_holds_too_much_is_413(site: Site) -> None:
    bomb = snappy(b"\0" * (33 << 20))
    assert len(bomb) < 16 << 20
    assert (await site.client.post("/api/v1/write", content=bomb, headers=WRITE)).status_code == 413
    assert (await site.client.post("/api/v1/write", content=b"x" * ((16 << 20) + 1), headers=WRITE)).status_code == 413


async def test_what_cannot_be_kept_now_is_sent_again_later() -> None:
    site = Site(per_minute=1)
    await site.write([(UP | {"n": str(n)}, [(at(0), 1.0)]) for n in range(5)])
    answer = await site.write([(UP, [(at(0), 1.0)])])
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 60
    answer = await site.client.post(
        "/v1/metrics", content=request(gauge("a", point(1)), job="x").SerializeToString(), headers=PROTOBUF
    )
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 60
    assert Status.FromString(answer.content).code == 14
    await site.client.aclose()


async def test_while_keys_cannot_be_checked_all_is_sent_again_later(site: Site) -> None:
    site.down = True
    assert (await site.write([(UP, [(at(0), 1.0)])])).status_code == 503
    answer = await site.client.post("/v1/metrics", content=b"", headers=PROTOBUF)
    assert answer.status_code == 503


async def test_otlp_is_answered_in_the_form_of_the_request(site: Site) -> None:
    sent = request(gauge("load", point(0.5)), host__name="h")
    answer = await site.client.post("/v1/metrics", content=sent.SerializeToString(), headers=PROTOBUF)
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, b"", "application/x-protobuf")
    metric = {"name": "load", "gauge": {"dataPoints": [{"timeUnixNano": str(at(1) * 10**6), "asInt": "2"}]}}
    resource = {"attributes": [{"key": "host.name", "value": {"stringValue": "h"}}]}
    told = {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [metric]}]}]}
    body = gzip.compress(json.dumps(told).encode())
    answer = await site.client.post("/v1/metrics", content=body, headers=JSON | {"content-encoding": "gzip"})
    assert (answer.status_code, answer.json()) == (200, {})
    assert await site.kept.values("load") == {"__name__=load,host.name=h": [0.5, 2.0]}


async def test_an_empty_export_is_a_success(site: Site) -> None:
    assert (await site.client.post("/v1/metrics", content=b"", headers=PROTOBUF)).status_code == 200
    assert (await site.client.post("/v1/metrics", content=b"{}", headers=JSON)).status_code == 200


async def test_points_that_are_refused_for_good_are_a_partial_success(site: Site) -> None:
    sent = request(gauge("a", point(1), point(1, 9999)), host__name="h")
    answer = await site.client.post("/v1/metrics", content=sent.SerializeToString(), headers=PROTOBUF)
    partial = ExportMetricsServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, partial.rejected_data_points) == (200, 1)
    assert partial.error_message == "1 of 2 samples refused: 1 of the future"


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        (PROTOBUF | {"authorization": ""}, b"", 401),
        (PROTOBUF | {"authorization": "Bearer iti_reader"}, b"", 403),
        (PROTOBUF, b"\xff", 400),
        (JSON, b"{", 400),
        (JSON | {"content-encoding": "gzip"}, b"{}", 400),
        (PROTOBUF | {"content-type": "text/plain"}, b"", 415),
        (PROTOBUF | {"content-encoding": "br"}, b"", 415),
        (PROTOBUF | {"content-encoding": "gzip"}, gzip.compress(b"\0" * (33 << 20)), 413),
    ],
)
async def test_refusals_of_otlp_are_a_status(site: Site, headers: dict[str, str], body: bytes, status: int) -> None:
    answer = await site.client.post("/v1/metrics", content=body, headers=headers)
    assert answer.status_code == status
    if headers["content-type"] == "application/x-protobuf":
        assert Status.FromString(answer.content).message
    else:
        assert answer.json()["message"]


async def test_a_defect_of_ours_does_not_have_the_sender_drop_its_points(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(site.kept.backend, "write", broken)
    sent = request(gauge("a", point(1)), host__name="h").SerializeToString()
    answer = await site.client.post("/v1/metrics", content=sent, headers=PROTOBUF)
    assert answer.status_code == 503
    assert b"a defect" not in answer.content


async def test_an_agent_is_known_by_its_key(site: Site) -> None:
    sent = request(gauge("a", point(1))).SerializeToString()
    await site.client.post("/v1/metrics", content=sent, headers=PROTOBUF | {"authorization": "Bearer iti_endpoint"})
    assert await site.kept.values("a") == {"__name__=a,agent.id=agt_7": [1.0]}


async def test_more_requests_than_can_be_read_at_once_are_sent_again_later_and_other_tenants_are_taken(site: Site) -> None:
    slow = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        await slow.wait()
        yield snappy(b"")

    waiting = [asyncio.create_task(site.client.post("/api/v1/write", content=pieces(), headers=WRITE)) for _ in range(40)]
    refused, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED, timeout=60)
    assert {each.result().status_code for each in refused} == {503}
    answer = await site.write([(UP, [(at(0), 1.0)])])
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert (await site.write([(UP, [(at(0), 1.0)])], authorization="Bearer iti_other")).status_code == 204
    otlp = PROTOBUF | {"authorization": "Bearer iti_other"}
    assert (await site.client.post("/v1/metrics", content=b"", headers=otlp)).status_code == 200
    slow.set()
    answers = [each.status_code for each in await asyncio.gather(*waiting)]
    assert answers.count(204) == 12
    assert (await site.write([(UP, [(at(0), 1.0)])])).status_code == 204


async def test_what_costs_more_than_it_weighs_is_never_sent_again(site: Site) -> None:
    empty = b"\x0a\0" * 20_001
    answer = await site.client.post("/api/v1/write", content=snappy(empty), headers=WRITE)
    assert (answer.status_code, "20000 series" in answer.json()["detail"]) == (413, True)
    answer = await site.client.post("/v1/metrics", content=empty, headers=PROTOBUF)
    assert (answer.status_code, Status.FromString(answer.content).code) == (413, 8)
    answer = await site.client.post("/v1/metrics", content=b'{"resourceMetrics":[' + b"{}," * 100_000 + b"{}]}", headers=JSON)
    assert (answer.status_code, "values of JSON" in answer.json()["message"]) == (413, True)


async def test_a_body_that_is_still_read_keeps_its_place_when_nobody_waits_for_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, let_go = threading.Event(), threading.Event()

    def slow(*_: Any) -> None:
        begun.set()
        let_go.wait(60)
        raise Malformed("it was none after all")

    site.door.places = Places(1)
    monkeypatch.setattr(remote_write, "decode", slow)
    large = snappy(b"\0" * (1 << 20))
    waiting = asyncio.create_task(site.client.post("/api/v1/write", content=large, headers=WRITE))
    try:
        assert await asyncio.to_thread(begun.wait, 60)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert (await site.write([])).status_code == 503
    finally:
        let_go.set()
    monkeypatch.undo()
    for _ in range(3000):
        if (await site.write([])).status_code == 204:
            return
        await asyncio.sleep(0.01)
    pytest.fail("its place was never free again")
