"""Samples that came in and are not folded yet, read from their blocks: what was answered can be asked for at once."""

import asyncio
from array import array
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Set
from dataclasses import dataclass

from chassis import context as ctx
from chassis.store import Store
from services.monitor.domain.samples import Columns
from services.monitor.usecases.samples import BLOCKS

_MOST_SAMPLES = 2_000_000  # remembered, about 50 MB
_FEW = 16
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class _Block:
    numbers: bytes
    times: "array[int]"
    values: "array[float]"

    def of(self, wanted: Set[int]) -> Iterator[tuple[int, int]]:
        """Each of the wanted series with the place of a sample."""
        if len(wanted) > _FEW:
            yield from ((number, place) for place, number in enumerate(array("Q", self.numbers)) if number in wanted)
            return
        for number in wanted:
            searched = number.to_bytes(8, "little")
            found = self.numbers.find(searched)
            while found >= 0:
                if found % 8 == 0:
                    yield number, found // 8
                found = self.numbers.find(searched, found + 1)


class Waiting:
    """Reads blocks once each and remembers them while they wait, up to a bound. Raises `Unavailable`.

    A block never changes, so concurrent questions at worst read one twice.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._blocks: OrderedDict[str, dict[str, _Block]] = OrderedDict()

    async def of(self, wanted: Set[int], start: int, end: int) -> dict[int, Columns]:
        """Samples of these series of the tenant, at or after `start` and before `end`, in no order."""
        found: dict[int, Columns] = {}
        async for block in self._all():
            for number, place in block.of(wanted):
                at = block.times[place]
                if start <= at < end:
                    columns = found.setdefault(number, Columns.empty())
                    columns.times.append(at)
                    columns.values.append(block.values[place])
        return found

    async def _all(self) -> AsyncIterator[_Block]:
        """Every block of the tenant; no more than a portion is held beside those that are remembered."""
        tenant, backend = ctx.current().tenant, self._store.backend
        listed = [row["_id"] for row in await backend.find(BLOCKS, {"tenant": tenant}, projection={"_id": 1})]
        before = self._blocks.get(tenant, {})
        kept = self._blocks[tenant] = {key: before[key] for key in listed if key in before}
        self._blocks.move_to_end(tenant)
        for block in list(kept.values()):
            yield block
        room = _MOST_SAMPLES - sum(len(block.times) for each in self._blocks.values() for block in each.values())
        missing = [key for key in listed if key not in before]
        for at in range(0, len(missing), _AT_ONCE):
            rows = await backend.find(BLOCKS, {"tenant": tenant, "_id": {"$in": missing[at : at + _AT_ONCE]}})
            # A block that went meanwhile has been folded: buckets are read after this.
            for row in rows:
                block = _Block(row["numbers"], array("q", row["times"]), array("d", row["values"]))
                yield block
                room -= len(block.times)
                if room > 0:
                    kept[row["_id"]] = block
            await asyncio.sleep(0)
        while room <= 0 and len(self._blocks) > 1:
            _, dropped = self._blocks.popitem(last=False)
            room += sum(len(block.times) for block in dropped.values())
