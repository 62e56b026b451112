"""The real listener: heads that come slowly or say two things at once, and streams whose clients do not read."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from chassis.errors import Unauthenticated
from chassis.failpoints import OFF
from chassis.http import listener
from chassis.http.listener import Listener
from chassis.telemetry import Metrics
from services.gateway.live import stream
from services.gateway.live.hub import Hub
from services.gateway.live.ring import Ring
from services.gateway.live.stream import Stream
from services.gateway.rest.limits import Limits
from tests.support.events import listening
from tests.support.eventually import eventually
from tests.unit.gateway.test_hub import a_policy, an_event, somebody, tell
from tests.unit.gateway.test_ring import CURSORS


@dataclass
class Known:
    """Says who everybody is: the guard, the credentials and the tail of one test."""

    lives: float = 60
    refused: bool = False

    def policy(self) -> Any:
        return a_policy()

    async def metadata(self, _scope: Any) -> list[tuple[str, str]]:
        if self.refused:
            raise Unauthenticated("the session has ended")
        return [("authorization", "Bearer t")]

    async def verify(self, _token: str, _tenant: str) -> Any:
        return somebody(expires_at=int(time.time() + self.lives))

    async def wait(self, _seconds: float) -> None:
        return

    async def beyond(self, _seen: Any) -> bool:
        return False


@dataclass
class Served:
    """A listener on a free port of this process, with a stream behind it and an application that keeps what it saw."""

    url: str
    port: int
    hub: Hub
    known: Known
    listener: Listener
    seen: list[str] = field(default_factory=list)


@pytest.fixture
async def served(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    """Everything with its patience shortened."""
    monkeypatch.setattr(listener, "_HEAD_SECONDS", 0.5)
    monkeypatch.setattr(stream, "_STALLED_SECONDS", 0.5)
    monkeypatch.setattr(stream, "_AGAIN_SECONDS", 0.05)
    ring = Ring(CURSORS)
    ring.begin({"incident": [0]})
    hub, known, seen = Hub(ring, queue=50), Known(), []
    events = Stream(hub, known, known, known, OFF, Metrics(), ping=0.2)  # type: ignore[arg-type]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["path"])
        if scope["path"] == stream.PATH:
            await events(scope, receive, send)
            return
        await receive()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    made = Listener("127.0.0.1:0", Limits(app, secure=False), lambda: hub.close(1))
    await made.start()
    yield Served(f"http://127.0.0.1:{made.port}", made.port, hub, known, made, seen)
    await made.stop()


async def answer_to(port: int, *pieces: bytes, pause: float = 0) -> bytes:
    """All that comes back until the other side closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
        async with asyncio.timeout(5):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Content-Length : 5\r\n",
        b"Content-Length: -1\r\n",
        b"X-A: b\r\n c\r\n",
        b"X-A: b\nContent-Length: 5\n",
    ],
    ids=["both", "two-lengths", "identity-last", "space-before-colon", "negative", "folded", "bare-line-feed"],
)
async def test_a_head_that_can_be_read_in_two_ways_smuggles_nothing(served: Served, head: bytes) -> None:
    request = b"POST /shown HTTP/1.1\r\nHost: a\r\n" + head + b"\r\n0\r\n\r\n" + HIDDEN
    answer = await answer_to(served.port, request)
    assert "/hidden" not in served.seen
    assert answer == b"" or answer.split(b" ")[1] in (b"400", b"408"), answer[:200]


@pytest.mark.parametrize(
    "head", [b"BREW / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"]
)
async def test_what_is_no_http_is_answered_like_every_other_refusal(served: Served, head: bytes) -> None:
    answer = await answer_to(served.port, head)
    told, _, body = answer.partition(b"\r\n\r\n")
    assert told.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in told and b"nosniff" in told
    assert orjson.loads(body)["type"] == "urn:itsm:problem:malformed"
    assert served.seen == []


async def test_a_head_that_comes_letter_by_letter_is_cut_off_and_others_are_served(served: Served) -> None:
    began = time.monotonic()
    slow = asyncio.create_task(answer_to(served.port, *[b"G", b"E", b"T"] * 200, pause=0.1))
    silent = asyncio.create_task(answer_to(served.port))
    quick = await answer_to(served.port, b"GET /quick HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert quick.startswith(b"HTTP/1.1 204")
    await silent
    assert time.monotonic() - began < 30
    assert not (await slow).startswith(b"HTTP/1.1 2")
    assert served.seen == ["/quick"]


async def test_a_client_that_does_not_read_is_cut_off_while_others_go_on(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port, limit=1024)
    writer.write(b"GET /api/v1/stream HTTP/1.1\r\nHost: a\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    async with listening(served.url) as events:
        await eventually(lambda: len(served.hub) == 2)
        for offset in range(400):
            tell(served.hub, an_event(offset=offset, description="x" * 60_000))
            event = await events.next()
            assert event is not None and event[0] == "itsm.incident.v1.IncidentOpened"
        await eventually(lambda: len(served.hub) == 1, within=30)
        tell(served.hub, an_event(offset=400))
        assert await events.next() is not None
    writer.close()


async def test_who_falls_behind_is_told_to_start_over_and_knows_where(served: Served) -> None:
    async with listening(served.url) as events:
        for offset in range(60):  # more than the queue holds, in one go
            tell(served.hub, an_event(offset=offset))
        event = await events.next()
        assert event == ("reset", {})
        assert CURSORS.opened(events.last) == {"incident": [60]}
        assert await events.next() is None


async def test_silence_is_told_with_a_recent_position(served: Served) -> None:
    async with listening(served.url, topics="incidents/inc_2") as events:
        tell(served.hub, an_event())
        with pytest.raises(TimeoutError):
            await events.next(within=0.5)
        assert "ping" in events.comments
        assert CURSORS.opened(events.last) == {"incident": [1]}


async def test_a_position_that_is_not_kept_any_more_is_answered_with_reset(served: Served) -> None:
    old = CURSORS.text({"incident": [0], "asset": [0]}).decode()
    async with listening(served.url, last=old, begun=False) as events:
        assert await events.next() == ("reset", {})
        assert CURSORS.opened(events.last) == {"incident": [0]}


async def test_a_caller_whose_session_ended_is_told_so(served: Served) -> None:
    served.known.lives = 0
    async with listening(served.url) as events:
        tell(served.hub, an_event())
        assert (await events.next()) is not None
        served.known.refused = True
        assert await events.next() == ("reauth", {})
        assert await events.next() is None


async def test_a_lost_place_in_the_topics_tells_everybody_to_start_over(served: Served) -> None:
    async with listening(served.url) as events:
        served.hub.lost()
        assert await events.next() == ("reset", {})
        assert await events.next() is None


async def test_a_stop_says_goodbye(served: Served) -> None:
    async with listening(served.url) as events:
        stopping = asyncio.create_task(served.listener.stop())
        assert await events.next() is None
        assert events.comments == ["this process leaves"]
        await asyncio.wait_for(stopping, 30)
