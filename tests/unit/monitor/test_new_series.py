"""Series that several bring at the same moment: each takes its room once, and no sample of them is refused."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from chassis.store.backend import Query
from chassis.testing import MemoryBackend
from services.monitor.ports import NoAssets
from services.monitor.usecases.catalog import SERIES
from tests.unit.monitor.measuring import Kept, Rows, at


class _Overtaken(MemoryBackend):
    """Another process registers just before the series are counted here."""

    def __init__(self, rows: Rows) -> None:
        super().__init__()
        self._rows = rows
        self._overtaking = False

    async def count(self, collection: str, query: Query, *, limit: int = 0) -> int:
        """See `Backend`."""
        if collection == SERIES and not self._overtaking:
            self._overtaking = True
            other = Kept(most=10, backend=self)
            await other.write(self._rows)
        return await super().count(collection, query, limit=limit)


@pytest.mark.parametrize("first", [7, 10])
async def test_a_series_that_another_process_registers_at_this_moment_takes_no_room_twice(first: int) -> None:
    rows: Rows = [({"__name__": "a", "n": str(n)}, [(at(0), 1.0)]) for n in range(10)]
    kept = Kept(most=10, backend=_Overtaken(rows[:first]))
    written = await kept.write(rows)
    assert (written.written, written.refused) == (10, {})


class _Asked(NoAssets):
    """Others get their turn while it is asked, as with the service of assets."""

    async def of(self, asked: Sequence[Any]) -> list[str]:
        """See `Assets`."""
        await asyncio.sleep(0)
        return await super().of(asked)


async def test_requests_that_bring_the_same_new_series_at_once_take_their_room_once() -> None:
    kept = Kept(most=10, assets=_Asked())
    rows: Rows = [({"__name__": "a", "n": str(n)}, [(at(0), 1.0)]) for n in range(6)]
    await asyncio.gather(*(kept.write(rows) for _ in range(5)))
    more = await kept.write([({"__name__": "b", "n": str(n)}, [(at(0), 1.0)]) for n in range(4)])
    assert (more.written, more.refused) == (4, {})
