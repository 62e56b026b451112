"""Taking samples in. One request is one document, durable when it is answered; `folding` moves them to their series later.

So a sample costs a few microseconds on its way in, whatever the number of series, and an update of its series only once a
minute together with its neighbors. A resend writes the samples again and changes nothing: buckets are unions.

Fails: `Unavailable` when too much of a tenant waits to be folded or the database is silent; all may be sent again then.
"""

import time
from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from chassis import context as ctx
from chassis.domain import uuid7
from chassis.errors import Unavailable
from chassis.store import Store
from chassis.store.backend import Insert
from services.monitor.usecases.catalog import Catalog, Remembered
from services.monitor.usecases.incoming import Incoming

BLOCKS = "sample_blocks"

LATE = timedelta(days=1)
"""How old a sample may be: a sender that was cut off for a day still delivers what it kept."""
EARLY = timedelta(minutes=10)
"""How far ahead the clock of a sender may be."""
_LARGEST = 100_000  # samples in a document: 2.4 MB of the 16 that one may have
_MOST_WAITING = 20_000  # documents of a tenant that are not folded yet
_COUNTED_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a request; `refused` by reason, for good."""

    received: int
    written: int
    refused: Counter[str]


class Samples:
    """The way in for samples, of the tenant of the current context."""

    def __init__(self, store: Store, catalog: Catalog, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store, self._catalog, self._monotonic = store, catalog, monotonic
        # By tenant, so that none is refused for what another sends: how many documents waited when they were counted last.
        self._waiting: dict[str, int] = {}
        self._counted = float("-inf")

    @property
    def known(self) -> Remembered:
        """Where a decoder asks for the number of a series."""
        return self._catalog.known

    async def write(self, incoming: Incoming) -> Written:
        """Keeps all that may be kept."""
        await self._check_room()
        if incoming.unseen:
            await self._catalog.register(incoming)
        self._bound(incoming)
        numbers, times, values = incoming.numbers, incoming.times, incoming.values
        tenant = ctx.current().tenant
        rows = []
        for start in range(0, len(times), _LARGEST):
            end = start + _LARGEST
            rows.append(
                Insert(
                    BLOCKS,
                    {
                        "_id": uuid7(),
                        "tenant": tenant,
                        "count": len(times[start:end]),
                        "numbers": numbers[start:end].tobytes(),
                        "times": times[start:end].tobytes(),
                        "values": values[start:end].tobytes(),
                    },
                )
            )
        if rows:
            await self._store.backend.write(rows)
        return Written(incoming.received, len(times), incoming.refused)

    def _bound(self, incoming: Incoming) -> None:
        """Takes out what is refused and what was never, or cannot be yet."""
        times = incoming.times
        if not times:
            return
        now = self._store.clock()
        oldest, newest = _milliseconds(now - LATE), _milliseconds(now + EARLY)
        late = early = 0
        if min(times) < oldest or max(times) > newest:
            for place, at in enumerate(times):
                if at < oldest and incoming.numbers[place]:
                    late += 1
                elif at > newest and incoming.numbers[place]:
                    early += 1
                else:
                    continue
                incoming.numbers[place] = 0
        for count, reason in ((late, "older than a day"), (early, "of the future")):
            if count:
                incoming.refused[reason] += count
        if incoming.numbers.count(0):
            kept = [place for place, number in enumerate(incoming.numbers) if number]
            incoming.numbers = array("Q", (incoming.numbers[place] for place in kept))
            incoming.times = array("q", (times[place] for place in kept))
            incoming.values = array("d", (incoming.values[place] for place in kept))

    async def _check_room(self) -> None:
        now, tenant = self._monotonic(), ctx.current().tenant
        if now - self._counted > _COUNTED_SECONDS:
            self._counted = now
            self._waiting.clear()
        if tenant not in self._waiting:
            self._waiting[tenant] = await self._store.backend.count(BLOCKS, {"tenant": tenant}, limit=_MOST_WAITING + 1)
        if self._waiting[tenant] > _MOST_WAITING:
            raise Unavailable("too many samples wait to be kept", timedelta(seconds=10), reason="TOO_MANY_SAMPLES")


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
