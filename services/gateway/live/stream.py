"""The live stream: `GET /api/v1/stream` as server-sent events (docs/reference/rest.md, "Live events").

`topics` names what to hear of, `Last-Event-ID` or `lastEventId` the point to go on from. Each event has the cursor of that
point as id, its type as name and one JSON object as data; pings carry the cursor too, so that somebody who hears nothing
still knows a recent one. `reset` says that something was missed, `reauth` that the caller is not known any more, `rights` that
he may do something else than before, `presence` who is at a record where the caller is too (services/gateway/live/presence.py).

Fails: before the first byte like any request (400 a cursor that is none of ours, 401, 403, 422 an unknown parameter or
topic, 429 too many streams, 503 while the stream is not up to date); later the stream ends, and its client comes back.
"""

import asyncio
import logging
import random
import re
import time
from collections.abc import Iterator
from functools import cache
from typing import Any

from google.protobuf import descriptor_pool
from itsm.type.v1 import annotations_pb2

from chassis.auth import Principal
from chassis.errors import Denied, Error, Unauthenticated, Unavailable
from chassis.failpoints import Failpoints
from chassis.guard import Guard
from chassis.http.problems import Problem
from chassis.telemetry import Metrics
from services.gateway.live.beat import Beat
from services.gateway.live.hub import Hub, Subscriber, Topics
from services.gateway.live.presence import Aside
from services.gateway.live.ring import Entry, Vector
from services.gateway.live.sight import Sight
from services.gateway.live.tail import Tail
from services.gateway.rest.exchange import Exchange, Receive, Scope, Send
from services.gateway.rest.routes import descriptors
from services.gateway.signin.credentials import Credentials

_log = logging.getLogger(__name__)

PATH = "/api/v1/stream"
MAX_TOPICS = 100
_PING_SECONDS = 25.0
_LIFE_SECONDS = 30 * 60.0
_JITTER_SECONDS = 5 * 60.0
_READY_SECONDS = 3.0
_STALLED_SECONDS = 10.0
_AHEAD_OF_EXPIRY = 10.0
_AGAIN_SECONDS = 5.0
_PATIENCE_SECONDS = 30.0  # as the leeway of every token
_BATCH_BYTES = 64 << 10
_TOPIC = re.compile(r"([a-z][A-Za-z]{0,62})(/[A-Za-z0-9._:-]{1,128})?", re.ASCII)
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class Stream:
    """The ASGI application of this one address. `ping` is the time between signs of life, in seconds."""

    def __init__(
        self,
        hub: Hub,
        tail: Tail,
        credentials: Credentials,
        guard: Guard,
        failpoints: Failpoints,
        metrics: Metrics,
        *,
        ping: float = _PING_SECONDS,
    ) -> None:
        self.hub, self.tail, self.guard, self.failpoints = hub, tail, guard, failpoints
        self.beat = Beat(ping)
        self._credentials, self._metrics = credentials, metrics
        self._open: dict[tuple[str, str], set[_Conversation]] = {}
        self._learning: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one client until it leaves, or has to."""
        exchange = Exchange(scope, receive)
        principal = await self.caller(scope)
        topics, last = _asked(exchange)
        self._check_permitted(principal, topics)
        await self.tail.wait(_READY_SECONDS)
        seen, known = await self._position(last)
        self.hub.enter(principal.tenant, principal.subject)
        self._metrics.sse_connections.inc()
        subscriber = self.hub.subscribe(principal.tenant, topics, seen)
        conversation = _Conversation(self, scope, send, subscriber, principal)
        caller = principal.tenant, principal.subject
        self._open.setdefault(caller, set()).add(conversation)
        try:
            await conversation.run(receive, reset=not known)
        finally:
            self.beat.leave(conversation)
            self._open[caller].discard(conversation)
            if not self._open[caller]:
                del self._open[caller]
            self.hub.unsubscribe(subscriber)
            self._metrics.sse_connections.dec()
            self.hub.leave(principal.tenant, principal.subject)

    def again(self, tenant: str, subject: str) -> None:
        """Has the streams of somebody ask at once who that is by now: a right or a sign-in has ended."""
        for conversation in self._open.get((tenant, subject), ()):
            conversation.again.set()

    def changed(self, tenant: str, role: str) -> None:
        """Learns at once what a role permits by now, and tells those who hold it."""
        task = asyncio.get_running_loop().create_task(self._learn(tenant, role))
        self._learning.add(task)
        task.add_done_callback(self._learning.discard)

    async def _learn(self, tenant: str, role: str) -> None:
        try:
            await self.guard.refresh()
        except Error as error:  # it is asked for again in a moment, and the pages ask by themselves
            _log.warning("Policy not refreshed.", extra={"reason": error.reason})
        for (of, _), conversations in list(self._open.items()):
            for conversation in conversations if of == tenant else ():
                conversation.learn(role)

    @property
    def tenants(self) -> frozenset[str]:
        """Those of which somebody is connected."""
        return frozenset(tenant for tenant, _ in self._open)

    def say(self, subject: str, aside: Aside) -> None:
        """Says something of the moment on the streams of somebody."""
        for conversation in self._open.get((aside.tenant, subject), ()):
            self.hub.say(conversation.subscriber, aside)

    async def caller(self, scope: Scope) -> Principal:
        """Who this is by now. Raises `Unauthenticated`, `Denied`, `Unavailable`."""
        metadata = dict(await self._credentials.metadata(scope))
        token = metadata["authorization"].removeprefix("Bearer ")
        return await self.guard.verify(token, metadata.get("x-itsm-tenant", ""))

    def _check_permitted(self, principal: Principal, topics: Topics) -> None:
        policy = self.guard.policy().of(principal.tenant)
        for plural in topics.plurals | {subject.partition("/")[0] for subject in topics.subjects}:
            policy.require(f"{plural}.get", principal.roles, principal.limits, caveat=principal.caveat)

    async def _position(self, last: str) -> tuple[Vector | None, bool]:
        """Where to go on, and whether that is where the client was."""
        if not last:
            return None, True
        seen = self.hub.ring.cursors.opened(last)
        if seen is None or not self.hub.ring.covers(seen) or await self.tail.beyond(seen):
            return None, False
        # Asking the brokers took time, in which the ring may have dropped something.
        return (seen, True) if self.hub.ring.covers(seen) else (None, False)


class _Conversation:
    """One client that is connected."""

    def __init__(self, stream: Stream, scope: Scope, send: Send, subscriber: Subscriber, principal: Principal) -> None:
        self._stream, self._scope, self._send, self.subscriber = stream, scope, send, subscriber
        self._hub = stream.hub
        self._sight = Sight(principal, stream.guard.policy().of(principal.tenant))
        self._gone = self._refused = self._over = False
        self._pushing = self._due = False
        self.again = asyncio.Event()

    async def run(self, receive: Receive, *, reset: bool) -> None:
        """All of it."""
        helpers = [asyncio.create_task(work) for work in (self._until_gone(receive), self._keep_known(), self._until_old())]
        for helper in helpers:
            helper.add_done_callback(self._end)
        try:
            await self._send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
            await self._speak(reset=reset)
            await self._push(b"", more=False)
        except TimeoutError:
            _log.info("A client of the event stream does not read.", extra={"tenant": self.subscriber.tenant})
            if abort := self._scope.get("itsm.abort"):
                abort()
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.wait(helpers)

    async def _speak(self, *, reset: bool) -> None:
        subscriber = self.subscriber
        first = b"retry: 3000\n"
        if reset:
            first += b"event: reset\ndata: {}\n"
        if subscriber.replay is None:
            first += b"id: %b\n" % self._hub.cursor(subscriber)
        await self._push(first + b"\n")
        await self._repeat()
        self._stream.beat.join(self)
        while not self._gone:
            ending = self._ending()
            if ending:
                await self._push(ending)
                return
            if subscriber.rights:
                subscriber.rights = False
                await self._push(b"event: rights\ndata: {}\n\n")
                continue
            if subscriber.queue:
                await self._push_queued()
                continue
            if self._due:
                self._due = False
                await self._push(self._ping())
                continue
            subscriber.wake.clear()
            await subscriber.wake.wait()

    def live(self) -> None:
        """Gives a sign of life, where nothing else is being said; a client that does not take it at once is waited for."""
        if self._pushing or self.subscriber.queue:
            return
        say = self._scope.get("itsm.say")
        if say is None or not say(self._ping()):
            self._due = True
            self.subscriber.wake.set()

    def _ping(self) -> bytes:
        return b": ping\nid: %b\n\n" % self._hub.cursor(self.subscriber)

    def learn(self, role: str) -> None:
        """Tells the caller where he holds a role that permits something else by now."""
        if role in self._sight.principal.roles:
            self._hub.say_rights(self.subscriber)

    def _end(self, _helper: "asyncio.Task[None]") -> None:
        # However it ended: nobody stays connected whom nothing watches over.
        self._over = True
        self.subscriber.wake.set()

    def _ending(self) -> bytes:
        """The last words, where it is time for them."""
        subscriber = self.subscriber
        if subscriber.missed:
            return b"event: reset\ndata: {}\n\n"
        if subscriber.overflowed:
            return b"id: %b\nevent: reset\ndata: {}\n\n" % self._hub.cursor(subscriber)
        if self._refused:
            return b"event: reauth\ndata: {}\n\n"
        if subscriber.ended:
            return b": this process leaves\nretry: %d\n\n" % random.randint(500, 3000)  # noqa: S311 - spreads reconnects
        if self._over:
            return b": come again\nretry: %d\n\n" % random.randint(500, 3000)  # noqa: S311 - spreads reconnects
        return b""

    async def _repeat(self) -> None:
        """What a client that comes back has missed."""
        subscriber = self.subscriber
        if subscriber.replay is None:
            return
        cursors, last = self._hub.ring.cursors, time.monotonic()
        for entry, position in subscriber.replay:
            if time.monotonic() - last > 0.01:
                await asyncio.sleep(0)  # others get their turn
                last = time.monotonic()
            if entry.tenant == subscriber.tenant and subscriber.topics.include(entry) and self._sees(entry):
                await self._push_events(entry.frame(cursors.text(position)))
            if self._gone or self._refused or subscriber.missed:
                return
        subscriber.replay = None

    async def _push_queued(self) -> None:
        frames, size = [], 0
        queue = self.subscriber.queue
        while queue and size < _BATCH_BYTES:
            entry, cursor = queue.popleft()
            if self._sees(entry):
                frames.append(entry.frame(cursor))
                size += len(frames[-1])
        if frames:
            await self._push_events(b"".join(frames))

    async def _push_events(self, frames: bytes) -> None:
        await self._push(frames)
        await self._stream.failpoints.reached("R10")

    def _sees(self, entry: Entry | Aside) -> bool:
        policy = self._stream.guard.policy().of(self._sight.principal.tenant)
        if policy is not self._sight.policy:
            self._sight = Sight(self._sight.principal, policy)
        return self._sight.sees(entry)

    async def _push(self, content: bytes, *, more: bool = True) -> None:
        """Raises `TimeoutError` for a client that does not take it."""
        self._pushing = True
        try:
            async with asyncio.timeout(_STALLED_SECONDS):
                await self._send({"type": "http.response.body", "body": content, "more_body": more})
        finally:
            self._pushing = False

    async def _until_gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            continue
        self._gone = True

    async def _until_old(self) -> None:
        await asyncio.sleep(_LIFE_SECONDS + random.uniform(-_JITTER_SECONDS, _JITTER_SECONDS))  # noqa: S311 - as above

    async def _keep_known(self) -> None:
        """Asks again who this is before each end of a token, and says when the answer is nobody."""
        while True:
            left = self._sight.principal.expires_at - _AHEAD_OF_EXPIRY - time.time()
            await self._until_asked(max(left, _AGAIN_SECONDS))
            known = self._sight.principal
            try:
                principal = await self._stream.caller(self._scope)
            except (Unauthenticated, Denied):
                principal = None
            except Unavailable:
                if time.time() < known.expires_at + _PATIENCE_SECONDS:
                    continue
                return
            if principal is None or (principal.tenant, principal.subject) != (known.tenant, known.subject):
                self._refused = True
                self.subscriber.wake.set()
                return
            self._sight = Sight(principal, self._stream.guard.policy().of(principal.tenant))
            if principal.roles != known.roles:
                self._hub.say_rights(self.subscriber)

    async def _until_asked(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.again.wait()
        except TimeoutError:
            return
        self.again.clear()


def _asked(exchange: Exchange) -> tuple[Topics, str]:
    """The topics, and the cursor to go on from. Raises `Problem` 400, 422."""
    given = exchange.parameters()
    errors = [(f"/{name}", "is no parameter of the stream") for name in given if name not in ("topics", "lastEventId")]
    names = [name for text in given.get("topics", ()) for name in text.split(",")]
    if len(names) > MAX_TOPICS:
        errors.append(("/topics", f"may name {MAX_TOPICS} topics"))
        names = []
    for name in names:
        match = _TOPIC.fullmatch(name)
        if match is None or match[1] not in _plurals():
            errors.append(("/topics", "takes kinds of records (incidents) and records (incidents/inc_1), divided by commas"))
            break
    if errors:
        raise Problem(422, "validation", f"{errors[0][0]}: {errors[0][1]}", reason="INVALID", errors=errors)
    # A browser's EventSource repeats its address as it was and says in the header where it is by now.
    last = exchange.header("last-event-id") or (given.get("lastEventId") or [""])[-1]
    wanted = frozenset(names)
    return Topics(
        frozenset(name for name in wanted if "/" not in name), frozenset(name for name in wanted if "/" in name)
    ), last


@cache
def _plurals() -> frozenset[str]:
    """All kinds of records, as the protos name them."""
    return frozenset(_resources())


def _resources() -> Iterator[str]:
    pool = descriptor_pool.Default()
    for file in descriptors().file:
        for message in file.message_type:
            options: Any = pool.FindMessageTypeByName(f"{file.package}.{message.name}").GetOptions()
            if plural := options.Extensions[annotations_pb2.resource].plural:
                yield plural
