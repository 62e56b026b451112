"""Which series there are: each is registered when it is first seen, then known by number in every process that meets it.

A tenant may have so many active series and begin so many a minute: a sender whose labels change with every request (a
request id, a time) is the usual way in which such a store is filled up. What is above the first limit is refused for good,
what is above the second put off, because a resend does no harm.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from chassis import context as ctx
from chassis.errors import Unavailable
from chassis.races import again
from chassis.store import Store, Update
from services.monitor.domain.series import NAME, Labels, hints, identity, number_of, public_id
from services.monitor.ports import Assets
from services.monitor.usecases.incoming import Incoming, Unseen

SERIES = "series"
ACTIVE = timedelta(days=1)
"""A series without a sample for so long does not count towards the limit."""
_AT_ONCE = 500
_COUNTED_SECONDS = 60.0
# 64 bits name millions of series; if two ever share a name, neither is mixed up with the other.
_CLASH = "of a series whose id is taken"
_REMEMBERED = 100_000  # keys in a generation, about 15 MB; there are two


class Remembered:
    """Numbers by key. When a generation is full the one before is dropped: what is in use moves over in time."""

    def __init__(self, size: int = _REMEMBERED) -> None:
        self._size = size
        self._young: dict[bytes, int] = {}
        self._old: dict[bytes, int] = {}

    def get(self, key: bytes, default: int = 0) -> int:
        """The number, or `default`."""
        number = self._young.get(key)
        if number is not None:
            return number
        number = self._old.get(key)
        if number is None:
            return default
        self.put(key, number)
        return number

    def put(self, key: bytes, number: int) -> None:
        """Remembers it."""
        if len(self._young) >= self._size:
            self._old, self._young = self._young, {}
        self._young[key] = number


@dataclass(slots=True)
class _Account:
    """How much of its limits a tenant has used, as far as this process knows."""

    active: int
    counted: float
    allowance: float
    filled: float


class Catalog:
    """Registers series of the tenant of the current context."""

    def __init__(
        self,
        store: Store,
        assets: Assets,
        *,
        most: int,
        per_minute: int,
        kept: timedelta,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.known = Remembered()
        self._store, self._assets = store, assets
        self._most, self._per_minute, self._kept = most, per_minute, kept
        self._monotonic = monotonic
        self._full = f"of new series: the tenant has {most} active ones, its limit"
        self._above = Remembered()  # until when each of those above the limit need not be looked for again
        self._accounts: dict[str, _Account] = {}
        self._registering: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)  # by tenant

    async def register(self, incoming: Incoming) -> None:
        """Gives all that is unseen a number, in the columns too; refuses what is above the limit.

        Raises `Unavailable` when too many series began lately: nothing of them is registered, and all may be sent again.
        """
        tenant, now = ctx.current().tenant, int(self._monotonic())
        for key in [key for key in incoming.unseen if self._above.get(key) > now]:
            incoming.refused[self._full] += sum(end - start for start, end in incoming.unseen.pop(key).spans)
        numbers = {key: identity(tenant, unseen.labels) for key, unseen in incoming.unseen.items()}
        clashing = await self._settle(incoming, numbers)
        for key, unseen in incoming.unseen.items():
            number = numbers[key]
            reason = clashing.get(number)
            if reason is None:
                self.known.put(key, number)
            elif reason == self._full:
                self._above.put(key, now + int(_COUNTED_SECONDS))
            for start, end in unseen.spans:
                if reason is not None:
                    incoming.refused[reason] += end - start
                    continue
                for place in range(start, end):
                    incoming.numbers[place] = number

    async def _settle(self, incoming: Incoming, numbers: Mapping[bytes, int]) -> dict[int, str]:
        """Registers what is new; says why of those that cannot be."""
        wanted: dict[int, Unseen] = {}
        refused: dict[int, str] = {}
        for key, number in numbers.items():
            unseen = incoming.unseen[key]
            if wanted.setdefault(number, unseen).labels != unseen.labels:
                refused[number] = _CLASH
        refused.update(await self._without_held(wanted))
        if wanted:
            async with self._registering[ctx.current().tenant]:
                await self._register(wanted, refused)
        return refused

    async def _register(self, wanted: dict[int, Unseen], refused: dict[int, str]) -> None:
        """One at a time, counted before it is looked once more: no series is both in the count and believed to be new, or
        those that another request or process registers at this moment would be refused for want of room."""
        account = await self._account()
        refused.update(await self._without_held(wanted))
        if not wanted:
            return
        fresh = list(wanted)
        self._spend(account, len(fresh))
        room = max(self._most - account.active, 0)
        for number in fresh[room:]:
            refused[number] = self._full
        await self._insert([(number, wanted[number]) for number in fresh[:room]])
        account.active += len(fresh[:room])

    async def _without_held(self, wanted: dict[int, Unseen]) -> dict[int, str]:
        """Takes out what is registered; says why of those that cannot be."""
        held = await self._held(list(wanted))
        return {number: _CLASH for number, labels in held.items() if wanted.pop(number).labels != labels}

    async def _held(self, numbers: Sequence[int]) -> dict[int, Labels]:
        """The labels of those that are registered."""
        found: dict[int, Labels] = {}
        for start in range(0, len(numbers), _AT_ONCE):
            ids = [public_id(number) for number in numbers[start : start + _AT_ONCE]]
            rows = await self._store.backend.find(
                SERIES, {"tenant": ctx.current().tenant, "_id": {"$in": ids}}, projection={"pairs": 1}
            )
            found.update({number_of(row["_id"]): labels_from(row["pairs"]) for row in rows})
        return found

    async def _account(self) -> _Account:
        tenant, now = ctx.current().tenant, self._monotonic()
        account = self._accounts.get(tenant)
        if account is None or now - account.counted > _COUNTED_SECONDS:
            query = {"tenant": tenant, "last_time": {"$gte": self._store.clock() - ACTIVE}}
            active = await self._store.backend.count(SERIES, query, limit=self._most + 1)
            before = account or _Account(0, 0, self._per_minute, now)
            account = self._accounts[tenant] = _Account(active, now, before.allowance, before.filled)
        return account

    def _spend(self, account: _Account, fresh: int) -> None:
        now = self._monotonic()
        gained = (now - account.filled) * self._per_minute / 60
        account.allowance, account.filled = min(account.allowance + gained, self._per_minute), now
        if account.allowance <= 0:
            seconds = 1 - account.allowance * 60 / self._per_minute
            raise Unavailable("too many new series lately", timedelta(seconds=seconds), reason="TOO_MANY_SERIES")
        # One request may go into debt: it would else never come through, however often it is sent again.
        account.allowance -= fresh

    async def _insert(self, fresh: Sequence[tuple[int, Unseen]]) -> None:
        assets = await self._assets.of([hints(unseen.labels) for _, unseen in fresh])
        now = self._store.clock()
        rows = [self._row(number, unseen, asset, now) for (number, unseen), asset in zip(fresh, assets, strict=True)]
        for start in range(0, len(rows), _AT_ONCE):
            # Another process may meet the same series at this moment.
            await again(partial(self._store.backend.write, rows[start : start + _AT_ONCE]))

    def _row(self, number: int, unseen: Unseen, asset: str, now: datetime) -> Update:
        row: dict[str, Any] = {
            "name": dict(unseen.labels)[NAME],
            "pairs": [f"{name}={value}" for name, value in unseen.labels],
            "kind": unseen.kind.value,
            "asset_id": asset,
            "create_time": now,
            "last_time": now,
            "expire_time": now + self._kept,
        }
        query = {"_id": public_id(number), "tenant": ctx.current().tenant}
        return Update(SERIES, query, {"$setOnInsert": row}, strict=False, upsert=True)


def labels_from(pairs: Sequence[str]) -> Labels:
    """Labels as they are kept, `name=value`. No name holds an equals sign (`checked`)."""
    return tuple((name, value) for name, _, value in (pair.partition("=") for pair in pairs))
