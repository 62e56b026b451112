"""What is away is not missed: without Kafka every write works, without Keycloak every valid token does."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.aftermath import Aftermath
from tests.support.browser import Browser
from tests.support.callers import Callers
from tests.support.gateway import Gateway
from tests.support.history import Outcome, Recorder
from tests.support.invariants import check
from tests.support.load import Load
from tests.support.platform import Breakable

KAFKA_AWAY = {False: 4.0, True: 120.0}  # seconds: the short form, and the stated duration


@asynccontextmanager
async def away(breakable: Breakable, *names: str) -> AsyncIterator[None]:
    """These processes are stopped for the length of the block and run again afterwards."""
    await asyncio.gather(*(breakable.stack.process(name).stop() for name in names))
    try:
        yield
    finally:
        await breakable.heal()


@pytest.mark.timeout(900)
async def test_without_kafka_every_write_works_and_later_every_event_arrives_in_order(
    breakable: Breakable, agent: Gateway, auditor: Gateway, aftermath: Aftermath, tmp_path: Path, soak: bool
) -> None:
    recorder = Recorder(tmp_path / "history.jsonl")
    load = Load(agent, recorder)
    await aftermath.mark()
    await load.work(until=lambda: False, most=2)
    before = len(recorder.operations)
    async with away(breakable, "kafka"):
        end = time.monotonic() + KAFKA_AWAY[soak]
        await load.work(until=lambda: time.monotonic() > end and len(recorder.operations) >= before + 10, clients=2)
        during = recorder.operations[before:]
        assert {operation.outcome for operation in during} == {Outcome.OK}
        assert (await aftermath.pending())["incident"] >= len(during) / 2, "what was written cannot have been published"
    await load.work(until=lambda: False, most=2)
    recorder.close()
    await aftermath.drained(within=120)
    final = await aftermath.final(recorder.operations, load.run_id, agent, auditor)
    assert check(recorder, final) == []
    assert recorder.count(Outcome.OK) == len(recorder.operations)
    assert await aftermath.dead_letters() == []


async def test_without_keycloak_everybody_who_is_signed_in_works_on(breakable: Breakable, stack: dict[str, Any]) -> None:
    callers = Callers(stack)
    async with Browser(stack["gateway"]) as browser:
        await browser.sign_in("agent", stack["users"]["agent"]["password"])
        realm_token = (await callers.keycloak("agent"))["access_token"]
        made = await browser.write("POST", "tokens", {"name": f"never used before {uuid4().hex}"})
        assert made.status_code == httpx.codes.CREATED, made.text
        async with away(breakable, "keycloak"):
            by_session = await browser.write("POST", "incidents", {"title": "by a browser's session"})
            assert by_session.status_code == httpx.codes.CREATED, by_session.text
            # The secret was not exchanged before, so nothing that is remembered can answer for it.
            for token in (made.json()["secret"], realm_token):
                async with Gateway(stack["gateway"], token) as gateway:
                    opened = await gateway.post("incidents", {"title": "by a token"})
                    started = await gateway.post(f"incidents/{opened['id']}:start", version=opened["etag"])
                    assert started["state"] == "IN_PROGRESS"
        again = await browser.sign_in("agent", stack["users"]["agent"]["password"])
        assert again.status_code == httpx.codes.SEE_OTHER
    await callers.close()


async def test_opening_an_incident_needs_no_other_service(breakable: Breakable, stack: dict[str, Any]) -> None:
    callers = Callers(stack)
    realm_token = (await callers.keycloak("agent"))["access_token"]
    async with Gateway(stack["gateway"], realm_token) as gateway:
        await gateway.get("incidents")
        async with away(breakable, "asset", "monitor", "analytics", "auth"):
            opened = await gateway.post("incidents", {"title": "alone", "assetIds": ["ast_unknown"], "serviceId": "svc_1"})
            assert (await gateway.get(f"incidents/{opened['id']}"))["assetIds"] == ["ast_unknown"]
            absent = await gateway.send("GET", "kpis")
            assert absent.status_code == httpx.codes.SERVICE_UNAVAILABLE
            assert absent.headers["content-type"].startswith("application/problem+json")
    await callers.close()


async def test_a_service_that_hangs_is_told_in_time_and_keeps_nobody_else(breakable: Breakable, agent: Gateway) -> None:
    await agent.get("kpis")
    hanging = breakable.stack.process("analytics").pid
    assert hanging is not None
    os.killpg(hanging, signal.SIGSTOP)
    try:
        late, meanwhile = await asyncio.gather(
            agent.http.get("/api/v1/kpis", timeout=60), agent.http.get("/api/v1/incidents", timeout=60)
        )
    finally:
        os.killpg(hanging, signal.SIGCONT)
    assert (late.status_code, late.json()["reason"]) == (httpx.codes.GATEWAY_TIMEOUT, "DEADLINE"), late.text
    assert meanwhile.status_code == httpx.codes.OK, meanwhile.text
    assert meanwhile.elapsed < late.elapsed
