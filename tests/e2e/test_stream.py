"""The live stream on the real platform: what happens arrives at once, at whom it may, once, on whichever process."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from stack.ports import Ports
from tests.support.callers import Callers
from tests.support.events import Events, listening
from tests.support.gateway import Gateway
from tests.support.running import background

ROOT = Path(__file__).parents[2]


@dataclass
class Second:
    """A further process of the gateway, beside that of the stack."""

    url: str
    process: asyncio.subprocess.Process

    async def end(self, number: signal.Signals) -> int:
        """Sends a signal and returns the exit status."""
        self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), 60)


Start = Callable[[], Awaitable[Second]]


@pytest.fixture
async def start(stack: dict[str, Any], tmp_path: Path) -> AsyncIterator[Start]:
    """Starts further processes of the gateway, which end with the test."""
    ports, numbers = Ports(tmp_path / "ports.json"), count()
    async with AsyncExitStack() as running:

        async def one() -> Second:
            number = next(numbers)
            return await running.enter_async_context(_second(stack, ports.get(f"http-{number}"), ports.get(f"m-{number}")))

        yield one


@asynccontextmanager
async def _second(stack: dict[str, Any], http: int, management: int) -> AsyncIterator[Second]:
    environment = stack["backing"]["service_environment"]["gateway"] | {
        "ITSM_LISTEN": f"127.0.0.1:{http}",
        "ITSM_MANAGEMENT_LISTEN": f"127.0.0.1:{management}",
        "ITSM_GRPC_LISTEN": "127.0.0.1:0",
        "ITSM_MAIL_LISTEN": "",
        "PATH": os.environ["PATH"],
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "services.gateway", cwd=ROOT, env=environment)
    try:
        async with httpx.AsyncClient(trust_env=False) as client:
            await _ready(client, f"http://127.0.0.1:{management}/readyz", process)
        yield Second(f"http://127.0.0.1:{http}", process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _ready(client: httpx.AsyncClient, address: str, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(60):
        while True:
            assert process.returncode is None, "the gateway ended before it was ready"
            try:
                if (await client.get(address)).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.1)
            await asyncio.sleep(0.1)


@pytest.fixture(autouse=True)
async def settled(stack: dict[str, Any], agent: Gateway) -> None:
    """Waits until what tests before brought about has gone through: a stream begins where its process has read up to."""
    async with listening(stack["gateway"], stack["users"]["viewer"]["token"], topics="incidents") as events:
        await events.until(await opened(agent, "The last of what was before"), within=60)


async def opened(gateway: Gateway, title: str = "The printer is on fire") -> str:
    """Opens an incident and returns its subject."""
    answer = await gateway.post("incidents", {"title": title, "impact": "LOW", "urgency": "LOW"})
    return f"incidents/{answer['id']}"


async def test_an_opened_incident_arrives_within_a_second(stack: dict[str, Any], agent: Gateway) -> None:
    async with listening(stack["gateway"], stack["users"]["viewer"]["token"], topics="incidents") as events:
        assert events.answer.headers["content-type"].startswith("text/event-stream")
        assert events.answer.headers["cache-control"] == "no-store"
        assert events.answer.headers["x-accel-buffering"] == "no"
        assert events.retry == 3000
        taken = []
        while not taken or (min(taken) >= 1 and len(taken) < 30):  # other work on the machine may delay many of them
            began = time.monotonic()
            subject = await opened(agent, "Two\nlines\r\nid: 7\n\nevent: reset\u2028end")
            event = await events.next()
            while event is not None and event[1]["subject"] != subject:  # the platform itself opens incidents too
                event = await events.next()
            taken.append(time.monotonic() - began)
        assert min(taken) < 1
    assert event is not None
    name, data = event
    assert name == data["type"] == "itsm.incident.v1.IncidentOpened"
    assert (data["subject"], data["version"]) == (subject, 1)
    assert data["data"]["incident"]["title"].startswith("Two\nlines")
    assert data["data"]["incident"]["id"] == subject.partition("/")[2]


async def test_one_incident_may_be_followed_alone(stack: dict[str, Any], agent: Gateway) -> None:
    first, other = await opened(agent), await opened(agent)
    async with listening(stack["gateway"], stack["users"]["viewer"]["token"], topics=first) as events:
        await agent.post(f"{other}:start", version=1)
        await agent.post(f"{first}:start", version=1)
        heard = []
        while not heard or heard[-1][0] != "itsm.incident.v1.IncidentStarted":  # its opening may still be on the way
            event = await events.next()
            assert event is not None
            heard.append((event[0], event[1]["subject"]))
    assert {subject for _, subject in heard} == {first}


async def test_a_client_goes_on_where_it_was_after_the_process_died(
    stack: dict[str, Any], agent: Gateway, start: Start
) -> None:
    token = stack["users"]["viewer"]["token"]
    made: list[str] = []
    got: list[str] = []
    more = asyncio.Event()

    async def keep_opening() -> None:
        while not more.is_set():
            made.append(await opened(agent, "One of many"))

    async def receive(events: Events, count: int) -> None:
        while len(got) < count:
            event = await events.next()
            assert event is not None
            assert event[0] != "reset"
            if event[1]["data"].get("incident", {}).get("title") == "One of many":
                got.append(event[1]["subject"])

    first = await start()
    async with listening(first.url, token, topics="incidents") as events, background(keep_opening) as opening:
        await receive(events, 10)
        await first.end(signal.SIGKILL)
        second = await start()
        async with listening(second.url, token, topics="incidents", last=events.last, begun=False) as events:
            await receive(events, 30)
            await second.end(signal.SIGTERM)
        async with listening(stack["gateway"], token, topics="incidents", last=events.last, begun=False) as events:
            await receive(events, 50)
            more.set()
            await asyncio.wait(opening)
            await receive(events, len(made))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await receive(events, len(made) + 1)
    # Events of different records have no order among each other, as in Kafka.
    assert sorted(got) == sorted(made)


async def test_another_tenant_hears_only_its_own(stack: dict[str, Any], agent: Gateway) -> None:
    callers = Callers(stack)
    try:
        token = await callers.person("agent", "acme")
        async with (
            Gateway(stack["gateway"], token) as foreign,
            listening(stack["gateway"], token, topics="incidents") as theirs,
            listening(stack["gateway"], stack["users"]["viewer"]["token"], topics="incidents") as ours,
        ):
            canary = await opened(foreign, "canary of acme")
            mine = await opened(agent)
            last_of_theirs = await opened(foreign)
            assert not {canary, last_of_theirs} & set(await ours.until(mine))
            heard = await theirs.until(last_of_theirs)
            assert canary in heard
            assert mine not in heard
            last = ours.last
        async with listening(stack["gateway"], token, last=last, begun=False) as replayed:
            assert last_of_theirs in await replayed.until(last_of_theirs), "a position of another tenant tells one's own events"
    finally:
        await callers.close()


async def test_whoever_may_not_read_incidents_hears_nothing_of_them(stack: dict[str, Any], agent: Gateway) -> None:
    token = stack["users"]["operator"]["token"]
    with pytest.raises(httpx.HTTPStatusError) as refused:
        async with listening(stack["gateway"], token, topics="incidents"):
            pass
    assert refused.value.response.status_code == 403
    assert refused.value.response.json()["permission"] == "incidents.get"
    async with listening(stack["gateway"], token) as events:
        subject = await opened(agent)
        with pytest.raises(TimeoutError):
            await events.until(subject, within=1.5)


async def test_a_requester_hears_of_what_he_reported_alone(stack: dict[str, Any], agent: Gateway) -> None:
    token = stack["users"]["requester"]["token"]
    async with Gateway(stack["gateway"], token) as requester, listening(stack["gateway"], token, topics="incidents") as events:
        await opened(agent)
        own = await opened(requester)
        assert await events.until(own) == [own]
        await agent.post(f"{own}:start", version=1)
        event = await events.next()
        assert event is not None
        assert (event[0], event[1]["subject"]) == ("itsm.incident.v1.IncidentStarted", own)


@pytest.mark.parametrize(
    ("query", "status", "reason"),
    [
        ({"topic": "incidents"}, 422, "INVALID"),
        ({"topics": "nothings"}, 422, "INVALID"),
        ({"topics": "incidents/.*/x"}, 422, "INVALID"),
        ({"topics": ",".join(["incidents"] * 101)}, 422, "INVALID"),
        ({"lastEventId": "AAAA"}, 400, "CURSOR"),
    ],
)
async def test_what_cannot_be_subscribed_to_is_refused(
    stack: dict[str, Any], query: dict[str, str], status: int, reason: str
) -> None:
    with pytest.raises(httpx.HTTPStatusError) as refused:
        async with listening(stack["gateway"], stack["users"]["viewer"]["token"], **query):
            pass
    assert (refused.value.response.status_code, refused.value.response.json()["reason"]) == (status, reason)


async def test_nobody_hears_anything_without_a_token(stack: dict[str, Any]) -> None:
    for token in ("", "pat_no-such-secret", "a.b.c"):
        with pytest.raises(httpx.HTTPStatusError) as refused:
            async with listening(stack["gateway"], token):
                pass
        assert refused.value.response.status_code == 401


async def test_a_caller_may_have_five_streams(stack: dict[str, Any]) -> None:
    token, gateways = stack["users"]["analyst"]["token"], sum(name.startswith("gateway") for name in stack["services"])
    async with AsyncExitStack() as streams:
        count = 0
        with pytest.raises(httpx.HTTPStatusError) as refused:
            while count <= 5 * gateways:
                await streams.enter_async_context(listening(stack["gateway"], token))
                count += 1
        assert 5 <= count <= 5 * gateways  # each of several gateways counts its own
        assert refused.value.response.status_code == 429
        assert refused.value.response.headers["retry-after"] == "5"
        async with listening(stack["gateway"], stack["users"]["auditor"]["token"]):
            pass
    async with asyncio.timeout(60):
        while True:
            try:
                async with listening(stack["gateway"], token):
                    return
            except httpx.HTTPStatusError:
                await asyncio.sleep(0.05)


async def test_a_stop_ends_streams_with_a_word_and_does_not_wait_for_them(stack: dict[str, Any], start: Start) -> None:
    second = await start()
    async with listening(second.url, stack["users"]["viewer"]["token"]) as events:
        began = time.monotonic()
        ending = asyncio.create_task(second.end(signal.SIGTERM))
        assert await events.next() is None, "the end is clean: no error, no event"
        assert events.comments == ["this process leaves"]
        assert 500 <= events.retry <= 3000
        assert await ending == 0
        assert time.monotonic() - began < 25
