"""Calls to a service that dies, comes back or stays away."""

import asyncio
import json
import subprocess
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from itsm.incident.v1 import incident_service_pb2  # noqa: F401 - so that its RPCs are known

from chassis.errors import DeadlinePassed, Unavailable
from chassis.rpc import Channels, client, connect, connected, methods, repeated
from chassis.rpc.client import PATIENCE, call
from tests.support.services import python

SERVER = """
import asyncio, sys, grpc
from chassis.errors import STATUS_KEY, Unavailable, to_status
from chassis.service import Service, launch
from chassis.settings import Settings

class Echo:
    async def call(self, request, context):
        print(request.decode(), flush=True)
        if request == b"refuse":
            status = to_status(Unavailable("the database does not answer"))
            await context.abort(grpc.StatusCode.UNAVAILABLE, "", ((STATUS_KEY, status.SerializeToString()),))
        await asyncio.sleep(60 if request == sys.argv[2].encode() else 0)
        return request

def add(servicer, server):
    handler = grpc.unary_unary_rpc_method_handler(servicer.call)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", {"Call": handler}),))

def build(settings):
    service = Service("sample", settings)
    service.serve(add, Echo())
    return service

launch("sample", Settings(drain_seconds=0, listen=sys.argv[1]), build)
"""


class Server:
    """A service in a process of its own, at one address however often it is started."""

    def __init__(self) -> None:
        self.address = "127.0.0.1:0"
        self._process: subprocess.Popen[str] | None = None

    async def start(self, stuck: str = "") -> None:
        """Returns when it serves. What asks for `stuck` gets no answer."""
        self._process = python(SERVER, self.address, stuck)
        self.address = json.loads(await self.line())["address"]

    async def line(self) -> str:
        """The next line that it prints: what it was asked."""
        assert self._process is not None
        assert self._process.stdout is not None
        return (await asyncio.wait_for(asyncio.to_thread(self._process.stdout.readline), 60)).strip()

    def kill(self) -> list[str]:
        """Ends it as a crash would. Returns what it was asked and nobody has read yet."""
        if self._process is None:
            return []
        self._process.kill()
        said = self._process.communicate(timeout=20)[0].splitlines()
        self._process = None
        return said


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    await server.start()
    yield server
    server.kill()


@pytest.fixture
async def channel(server: Server) -> AsyncIterator[grpc.aio.Channel]:
    async with connect(server.address) as channel:
        await asyncio.wait_for(channel.channel_ready(), 60)
        yield channel


@pytest.fixture
def echo(channel: grpc.aio.Channel) -> Any:
    return channel.unary_unary("/test.Echo/Call")


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a slow machine even a small process takes seconds to start."""
    monkeypatch.setattr(client, "PATIENCE", 60.0)


async def lost(channel: grpc.aio.Channel) -> None:
    """Returns when the channel knows that nobody is there."""
    async with asyncio.timeout(60):
        state = channel.get_state()
        while state is not grpc.ChannelConnectivity.TRANSIENT_FAILURE:
            await channel.wait_for_state_change(state)
            state = channel.get_state(try_to_connect=True)


@pytest.mark.usefixtures("patient")
async def test_what_may_be_asked_twice_is_answered_by_the_service_that_comes_back(
    server: Server, channel: grpc.aio.Channel, echo: Any
) -> None:
    server.kill()
    await lost(channel)
    asked = asyncio.create_task(call(echo, b"hello", timeout=60, repeatable=True))
    await server.start()
    assert await asked == b"hello"


@pytest.mark.usefixtures("patient")
async def test_what_may_be_asked_twice_is_asked_again_when_the_service_dies_over_it(
    server: Server, channel: grpc.aio.Channel, echo: Any
) -> None:
    server.kill()
    await lost(channel)
    await server.start(stuck="hello")
    asked = asyncio.create_task(call(echo, b"hello", timeout=60, repeatable=True))
    assert await server.line() == "hello"
    server.kill()
    await server.start()
    assert await asked == b"hello"


@pytest.mark.usefixtures("patient")
async def test_what_may_arrive_once_only_is_not_asked_again(server: Server, channel: grpc.aio.Channel, echo: Any) -> None:
    server.kill()
    await lost(channel)
    await server.start(stuck="hello")
    await asyncio.wait_for(channel.channel_ready(), 60)
    asked = asyncio.create_task(call(echo, b"hello", timeout=60))
    assert await server.line() == "hello"
    server.kill()
    with pytest.raises(Unavailable, match="does not answer"):
        await asked
    await server.start()
    await connected(channel, 60)
    assert server.kill() == []


@pytest.mark.usefixtures("patient")
async def test_a_write_is_held_back_until_there_is_a_connection_and_is_sent_once(
    server: Server, channel: grpc.aio.Channel, echo: Any
) -> None:
    server.kill()
    await lost(channel)
    waiting = asyncio.create_task(connected(channel, 60))
    await server.start()
    await waiting
    assert await call(echo, b"write", timeout=60) == b"write"
    assert server.kill() == ["write"]


async def test_the_word_of_a_service_stands(server: Server, echo: Any) -> None:
    with pytest.raises(Unavailable, match="the database does not answer"):
        await call(echo, b"refuse", timeout=60, repeatable=True)
    assert server.kill() == ["refuse"]


async def test_patience_begins_when_the_connection_breaks_not_when_the_call_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PATIENCE", 0.2)
    made = []

    async def attempt(left: float) -> bytes:
        made.append(left)
        if len(made) == 1:
            await asyncio.sleep(0.5)
            raise grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata())
        return b"answered"

    assert await repeated(attempt, 60) == b"answered"
    assert made[1] < made[0]


async def test_who_stays_away_is_asked_a_few_times_and_once_more_when_patience_ends() -> None:
    made: list[float] = []

    async def attempt(left: float) -> bytes:
        made.append(left)
        raise grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata())

    with pytest.raises(grpc.aio.AioRpcError):
        await repeated(attempt, 600)
    assert 2 <= len(made) <= 20
    assert made[0] - made[-1] >= PATIENCE - 0.1


async def test_a_service_that_stays_away_is_given_up_long_before_the_deadline(
    server: Server, channel: grpc.aio.Channel, echo: Any
) -> None:
    server.kill()
    await lost(channel)
    began = time.monotonic()
    with pytest.raises(Unavailable):
        await call(echo, b"hello", timeout=600, repeatable=True)
    await connected(channel, 600)
    assert 2 * PATIENCE * 0.9 < time.monotonic() - began < 120


@pytest.mark.usefixtures("patient")
async def test_nobody_waits_longer_than_the_caller(server: Server, channel: grpc.aio.Channel, echo: Any) -> None:
    server.kill()
    await lost(channel)
    with pytest.raises((Unavailable, DeadlinePassed)):
        await asyncio.wait_for(call(echo, b"hello", timeout=0.2, repeatable=True), 30)
    await asyncio.wait_for(connected(channel, 0.2), 30)


def test_reads_are_safe_and_writes_are_not() -> None:
    service = methods("itsm.incident.v1.IncidentService")
    safe = {path.rpartition("/")[2] for path, method in service.items() if method.safe}
    assert {"GetIncident", "ListIncidents"} <= safe
    assert not {"OpenIncident", "StartIncident"} & safe


async def test_channels_are_connected_before_the_first_call_and_who_is_away_is_not_waited_for_long(server: Server) -> None:
    channels = Channels()
    away = "127.0.0.1:1"
    began = time.monotonic()
    await channels.open([server.address], 60)
    assert channels.to(server.address).get_state() is grpc.ChannelConnectivity.READY
    assert time.monotonic() - began < 60
    await channels.open([server.address, away], 0.2)
    assert channels.to(away).get_state() is not grpc.ChannelConnectivity.READY
    await channels.close()
