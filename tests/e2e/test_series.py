"""Measurements from real senders to the answer of REST: OpenTelemetry's own exporters, Debian's Prometheus, a death between."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from tests.support.eventually import eventually
from tests.support.gateway import Gateway
from tests.support.platform import Breakable
from tests.support.prometheus import Prometheus, prometheus
from tests.unit.monitor.measuring import snappy, write_request

PATIENCE = 90.0


@pytest.fixture(scope="session")
async def key(keeper: Gateway) -> str:
    """A key that may send."""
    made = await keeper.post("tokens", {"kind": "INTEGRATION", "name": "a sender of samples", "roles": ["integration"]})
    return str(made["secret"])


@pytest.fixture
async def door(stack: dict[str, Any], key: str) -> AsyncIterator[httpx.AsyncClient]:
    """The ingestion listener, with the key."""
    headers = {"authorization": f"Bearer {key}", "content-type": "application/x-protobuf", "content-encoding": "snappy"}
    async with httpx.AsyncClient(base_url=stack["ingest"], headers=headers, timeout=30, trust_env=False) as http:
        yield http


async def query(gateway: Gateway, match: str, **more: str) -> list[dict[str, Any]]:
    """The rows of an answer."""
    found: list[dict[str, Any]] = (await gateway.get("series:query", match=match, **more))["rows"]
    return found


async def appeared(gateway: Gateway, match: str, number: int = 1, **more: str) -> list[dict[str, Any]]:
    """Those rows, once there are so many."""
    async with asyncio.timeout(PATIENCE):
        while True:
            rows = await query(gateway, match, **more)
            if len(rows) >= number:
                return rows
            await asyncio.sleep(0.5)


def moment(seconds: float) -> str:
    """As REST takes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


@pytest.mark.parametrize("transport", ["grpc", "http"])
async def test_OpenTelemetry_sends_by_its_own_exporters(
    stack: dict[str, Any], agent: Gateway, key: str, transport: str
) -> None:
    name = f"e2e.{uuid4().hex[:12]}"

    def send() -> None:
        headers = {"authorization": f"Bearer {key}"}
        exporter: MetricExporter
        if transport == "grpc":
            exporter = GrpcExporter(endpoint=stack["otlp_grpc"], insecure=True, headers=headers, timeout=30)
        else:
            exporter = HttpExporter(endpoint=f"{stack['ingest']}/v1/metrics", headers=headers, timeout=30)
        reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
        provider = MeterProvider([reader], Resource({"service.name": "shop", "host.name": name}))
        meter = provider.get_meter("e2e")
        meter.create_counter(f"{name}.orders").add(5, {"paid": True})
        meter.create_histogram(f"{name}.wait").record(0.25)
        assert provider.force_flush(30_000)
        provider.shutdown()

    await asyncio.to_thread(send)
    (orders,) = await appeared(agent, f"{name}.orders")
    assert orders["values"] == [5]
    assert orders["series"]["kind"] == "COUNTER"
    assert orders["series"]["labels"]["paid"] == "true"
    assert orders["series"]["labels"]["host.name"] == name
    wanted, found = {f"{name}.wait_count", f"{name}.wait_sum", f"{name}.wait_bucket"}, set()
    async with asyncio.timeout(PATIENCE):
        while not wanted <= found:
            await asyncio.sleep(0.2)
            parts = await query(agent, f'{{"host.name"="{name}", __name__=~".*wait.*"}}')
            found = {part["series"]["name"] for part in parts}
    assert found == wanted


async def test_prometheus_writes_here_and_a_death_in_between_loses_and_doubles_nothing(
    breakable: Breakable, stack: dict[str, Any], agent: Gateway, key: str, tmp_path: Path
) -> None:
    job = f"e2e-{uuid4().hex[:12]}"
    targets = [stack["services"]["incident"]["management"].removeprefix("http://")]
    async with prometheus(tmp_path, url=stack["ingest"], key=key, targets=targets, job=job) as sender:
        await appeared(agent, f'up{{job="{job}"}}', 2)
        began = time.time()
        await asyncio.sleep(3)
        process = breakable.stack.process("monitor")
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        await eventually(lambda: not breakable.alive("monitor"), within=30)
        await asyncio.sleep(3)
        await breakable.heal()
        await asyncio.sleep(3)
        ended = time.time()
        await _the_same(sender, agent, job, began, ended)


async def _the_same(sender: Prometheus, agent: Gateway, job: str, began: float, ended: float) -> None:
    """How many samples each second has, there and here."""
    names = ("up", "scrape_duration_seconds", "process_cpu_seconds_total")
    # What the sender holds of that time does not change any more; what it has sent of it catches up.
    span = f"[{round(time.time() - began) + 5}s]"
    wanted = {}
    for name in names:
        for series in await sender.samples(f'{name}{{job="{job}"}}{span}'):
            counted = Counter(int(float(at)) for at, _ in series["values"])
            wanted[name, series["metric"]["instance"]] = {at: n for at, n in counted.items() if began < at < ended - 1}
    assert len(wanted) == 2 * len(names)
    assert all(len(counted) >= 5 for counted in wanted.values())
    found: dict[tuple[str, str], dict[int, float]] = {}

    async def caught_up() -> None:
        while found != wanted:
            await asyncio.sleep(0.5)
            found.clear()
            for name in names:
                asked = {"from": moment(began), "to": moment(ended), "step": "1s", "aggregate": "COUNT"}
                for row in await query(agent, f'{name}{{job="{job}"}}', **asked):
                    counted = dict(zip(map(int, row["times"]), row["values"], strict=True))
                    series = name, row["series"]["labels"]["instance"]
                    found[series] = {at: n for at, n in counted.items() if began < at < ended - 1}

    try:
        await asyncio.wait_for(caught_up(), PATIENCE)
    except TimeoutError:
        assert found == wanted


async def test_a_series_finds_the_asset_that_its_labels_name(keeper: Gateway, agent: Gateway, door: httpx.AsyncClient) -> None:
    host = f"host-{uuid4().hex[:12]}.example"
    asset = await keeper.post(
        "assets",
        {"name": host, "class": "server", "state": "IN_USE", "identifiers": [{"kind": "FQDN", "value": host}]},
    )
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(PATIENCE):
        # The monitor hears of the asset by its event: series that begin before have none for some minutes.
        for number in range(1000):
            labels = {"__name__": "load", "instance": f"{host}:9100", "n": str(number)}
            body = snappy(write_request([(labels, [(round(time.time() * 1000), 0.5)])]))
            assert (await door.post("/api/v1/write", content=body)).status_code == 204
            found = (await agent.get("series", filter=f'assetId = "{asset["id"]}"'))["series"]
            if found:
                break
            await asyncio.sleep(0.5)
    assert found[0]["assetId"] == asset["id"]
    assert found[0]["labels"]["instance"] == f"{host}:9100"


async def test_samples_of_a_key_that_may_not_send_are_refused(stack: dict[str, Any], door: httpx.AsyncClient) -> None:
    assert (await door.post("/api/v1/write", content=snappy(b""))).status_code == 204
    for authorization, status in (("", 401), ("Bearer iti_nobody", 401), (f"Bearer {stack['users']['viewer']['token']}", 403)):
        answer = await door.post("/api/v1/write", content=snappy(b""), headers={"authorization": authorization})
        assert answer.status_code == status, authorization
        answer = await door.post("/v1/metrics", content=b"", headers={"authorization": authorization, "content-encoding": ""})
        assert answer.status_code == status, authorization


async def test_questions_about_series_are_checked_and_need_a_permission(stack: dict[str, Any], agent: Gateway) -> None:
    for wrong in ({"match": "{}"}, {"match": "up", "step": "0.5s"}, {"match": "up", "to": moment(0), "from": moment(0)}):
        assert (await agent.http.get("/api/v1/series:query", params=wrong)).status_code == 422, wrong
    assert (await agent.http.get("/api/v1/series:query", params={"match": "up{"})).status_code == 422
    assert (await agent.http.get("/api/v1/series:query")).status_code == 422
    ages = {"match": "up", "from": "1926-01-01T00:00:00Z", "step": "1s"}
    refused = await agent.http.get("/api/v1/series:query", params=ages)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/step")
    async with Gateway(stack["gateway"], stack["users"]["requester"]["token"]) as requester:
        assert (await requester.send("GET", "series")).status_code == 403
        assert (await requester.send("GET", "series:query?match=up")).status_code == 403
