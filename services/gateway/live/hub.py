"""Who listens to what: each event of the tail goes to those subscribers alone whose tenant and topics its headers name.

Fails: `subscribe` with `Problem` 429 for a sixth stream of one caller. A subscriber whose queue is full is marked, and gets
nothing more.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from chassis.http.problems import Problem
from services.gateway.live.presence import Aside
from services.gateway.live.ring import Ahead, Entry, Ring, Vector, copied

MAX_STREAMS = 5
MAX_QUEUE = 1_000

Sent = tuple[Entry | Aside, bytes]
"""An event and the cursor of the client that gets it; beside events what has no cursor."""


@dataclass(frozen=True, slots=True)
class Topics:
    """What a client asked for: kinds of records (`incidents`), single records (`incidents/inc_…`), or everything."""

    plurals: frozenset[str] = frozenset()
    subjects: frozenset[str] = frozenset()

    @property
    def everything(self) -> bool:
        """Whether nothing was named."""
        return not self.plurals and not self.subjects

    def include(self, entry: Entry | Aside) -> bool:
        """Whether an event is among it, or what is said about a record."""
        return self.everything or entry.plural in self.plurals or entry.subject in self.subjects


@dataclass(slots=True, eq=False)
class Subscriber:
    """One stream. `missed` says that it has to start over, `ended` that the process leaves, `rights` that its caller may do
    something else than before."""

    tenant: str
    topics: Topics
    missed: bool = False
    overflowed: bool = False
    ended: bool = False
    rights: bool = False
    queue: deque[Sent] = field(default_factory=deque)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    replay: Iterator[tuple[Entry, Vector]] | None = None
    ahead: Ahead | None = None


class Hub:
    """All subscribers of this process."""

    def __init__(self, ring: Ring, *, queue: int = MAX_QUEUE) -> None:
        self.ring = ring
        self._queue = queue
        self._by_key: dict[tuple[str, str], set[Subscriber]] = {}
        self._all: set[Subscriber] = set()
        self._streams: Counter[tuple[str, str]] = Counter()
        self._empty = asyncio.Event()
        self._empty.set()
        self._closing = False

    def __len__(self) -> int:
        return len(self._all)

    def enter(self, tenant: str, subject: str) -> None:
        """Counts a stream of a caller, until `leave`. Raises `Problem` 429."""
        if self._streams[tenant, subject] >= MAX_STREAMS:
            raise Problem(
                429, "rate-limited", f"a caller may have {MAX_STREAMS} streams", reason="STREAMS", headers={"retry-after": "5"}
            )
        self._streams[tenant, subject] += 1

    def leave(self, tenant: str, subject: str) -> None:
        """See `enter`."""
        self._streams[tenant, subject] -= 1
        if not self._streams[tenant, subject]:
            del self._streams[tenant, subject]

    def subscribe(self, tenant: str, topics: Topics, seen: Vector | None = None) -> Subscriber:
        """A subscriber from now on, or from a position that the ring covers. Nothing comes between replay and live events."""
        subscriber = Subscriber(tenant, topics, ended=self._closing)
        if seen is not None:
            subscriber.replay = self.ring.after(seen)
            ahead = Ahead(copied(seen))
            subscriber.ahead = None if ahead.over(self.ring.vector) else ahead
        self._all.add(subscriber)
        self._empty.clear()
        for key in _keys(subscriber):
            self._by_key.setdefault(key, set()).add(subscriber)
        return subscriber

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Ends it."""
        for key in _keys(subscriber):
            listeners = self._by_key.get(key, set())
            listeners.discard(subscriber)
            if not listeners:
                self._by_key.pop(key, None)
        self._all.discard(subscriber)
        if not self._all:
            self._empty.set()

    def offer(self, entry: Entry) -> None:
        """Hands an event, just added to the ring, to those who listen to it."""
        listening: set[Subscriber] = set()
        for key in ((entry.tenant, ""), (entry.tenant, entry.plural), (entry.tenant, entry.subject)):
            listening |= self._by_key.get(key, frozenset())
        for subscriber in listening:
            if subscriber.ahead is not None:
                if not subscriber.ahead.admits(entry):
                    continue
                cursor = self.cursor(subscriber)
            else:
                cursor = self.ring.cursor
            self._put(subscriber, (entry, cursor))

    def say(self, subscriber: Subscriber, aside: Aside) -> None:
        """Hands what is of the moment to somebody who listens to its record."""
        if subscriber.tenant == aside.tenant and subscriber.topics.include(aside):
            self._put(subscriber, (aside, b""))

    @staticmethod
    def say_rights(subscriber: Subscriber) -> None:
        """Has somebody who listens to everything, as pages do, ask what he may do by now."""
        if subscriber.topics.everything:
            subscriber.rights = True
            subscriber.wake.set()

    def cursor(self, subscriber: Subscriber) -> bytes:
        """Where a subscriber is that has been given all that was read."""
        if subscriber.ahead is not None and subscriber.ahead.over(self.ring.vector):
            subscriber.ahead = None
        if subscriber.ahead is None:
            return self.ring.cursor
        return self.ring.cursors.text(subscriber.ahead.position(self.ring.vector))

    def lost(self) -> None:
        """Earlier positions have no meaning any more: everybody starts over."""
        for subscriber in self._all:
            subscriber.missed = True
            subscriber.wake.set()

    async def close(self, seconds: float) -> None:
        """Ends all streams, and waits for their last words."""
        self._closing = True
        for subscriber in self._all:
            subscriber.ended = True
            subscriber.wake.set()
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            return  # clients that do not read; the listener cuts them off

    def _put(self, subscriber: Subscriber, sent: Sent) -> None:
        if len(subscriber.queue) >= self._queue:
            subscriber.overflowed = True
        if not subscriber.overflowed:
            subscriber.queue.append(sent)
        subscriber.wake.set()


def _keys(subscriber: Subscriber) -> Iterator[tuple[str, str]]:
    topics = subscriber.topics
    for name in [""] if topics.everything else [*topics.plurals, *topics.subjects]:
        yield subscriber.tenant, name
