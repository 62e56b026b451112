"""The graphs of the tenants in memory, as fresh as the database.

A commit of this process marks what it changed, and the next question reads it first: who changed something sees it at once.
Commits of other processes are found in the change rows, looked through every second; an answer is at most that old. Rows
are made a little before they are committed, and clocks of machines differ, so each look begins some seconds back, and a
long one comes twice a minute. What a row says does not matter, only what it is about: that is read from where it is kept.

A tenant's graph is made when it is first asked for. The least recently used ones go when all together pass their bound.
Raises `Unavailable` while the database does not answer; a graph that is known to be behind is never used.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from chassis import context as ctx
from chassis.errors import Unavailable
from chassis.store import CHANGES, Store
from chassis.store.backend import Document
from services.asset.domain.graph import Graph, Item, Link, Need

ASSETS, RELATIONS, CLASSES = "assets", "relations", "asset_classes"
_KINDS = ("assets", "relations", "assetClasses")
"""What changes are about, as their rows say it, of what the graphs hold."""

LOOK_SECONDS = 1.0
_BACK, _FAR_BACK = 5.0, 120.0  # seconds that a look begins before the end of the one before it
_FAR_EVERY = 30.0
_PAGE = 1_000
_SEEN = 50_000  # versions remembered for a tenant; without them a changed record is read once more, nothing worse
_ITEM = {"_id": 1, "name": 1, "class": 1, "state": 1, "criticality": 1, "redundancy": 1}
_LINK = {"_id": 1, "provider_id": 1, "consumer_id": 1, "kind": 1, "group": 1, "remove_time": 1}


@dataclass(slots=True)
class _Held:
    """One tenant's graph, what of it is behind, and which versions were marked already."""

    graph: Graph | None = None
    assets: set[str] = field(default_factory=set)
    relations: set[str] = field(default_factory=set)
    classes: bool = False
    seen: dict[str, int] = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def behind(self) -> bool:
        return self.graph is None or self.classes or bool(self.assets or self.relations)


class Graphs:
    """`most` bounds the items and links of all tenants together; `clock` says seconds since 1970 as ids of rows do."""

    def __init__(self, store: Store, *, most: int = 500_000, clock: Callable[[], float] = time.time) -> None:
        self._store, self._most, self._clock = store, most, clock
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._looked = self._looked_far = clock()
        store.on_commit(self._mark)

    @property
    def size(self) -> int:
        """How many items and links are in memory."""
        return sum(len(held.graph) for held in self._held.values() if held.graph is not None)

    async def current(self) -> Graph:
        """The graph of the caller's tenant. Nothing in it is bounded by what the caller may see."""
        tenant = ctx.current().tenant
        held = self._held.setdefault(tenant, _Held())
        self._held.move_to_end(tenant)
        while held.behind:
            async with held.lock:
                if held.behind:
                    await self._catch_up(tenant, held)
            self._shed()
        if held.graph is None:
            raise AssertionError("what has caught up has a graph")
        return held.graph

    async def knowing(self, ids: Iterable[str]) -> Graph:
        """The same, with these assets in it wherever they were made, if they are there at all: what is not in it is looked for
        where it is kept, so that whoever has made an asset, in whichever process, can ask about it at once."""
        graph, tenant = await self.current(), ctx.current().tenant
        unknown = [each for each in ids if graph.number(each) is None]
        if not unknown:
            return graph
        there = {row["_id"] for row in await self._some(ASSETS, tenant, unknown, {"_id": 1})}
        if not there:
            return graph
        await self.look()  # their relations are as new as they are
        self._held.setdefault(tenant, _Held()).assets |= there
        return await self.current()

    async def forget(self, tenant: str) -> None:
        """Lets go of a tenant's graph, which is read anew when it is asked for."""
        self._held.pop(tenant, None)

    async def follow(self) -> None:
        """Looks for what other processes committed, until it is canceled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            with suppress(Unavailable):  # the next look begins where this one did
                await self.look()

    async def look(self) -> None:
        """Marks what was committed elsewhere since the last look."""
        now = self._clock()
        far = now - self._looked_far >= _FAR_EVERY
        since = self._looked_far - _FAR_BACK if far else self._looked - _BACK
        if self._held:
            # Ids of rows begin with the milliseconds of their making.
            query = {"_id": {"$gt": _row_id(since), "$lt": _row_id(now + 86_400)}, "kind": {"$in": list(_KINDS)}}
            wanted = {"tenant": 1, "kind": 1, "key": 1, "version": 1}
            self._mark(await self._store.backend.find(CHANGES, query, projection=wanted))
        self._looked = now
        if far:
            self._looked_far = now
            for held in self._held.values():
                if len(held.seen) > _SEEN:
                    held.seen.clear()

    def _mark(self, rows: Sequence[Document]) -> None:
        for row in rows:
            held = self._held.get(row["tenant"])
            if held is None or row["kind"] not in _KINDS or held.seen.get(row["key"], 0) >= row["version"]:
                continue
            held.seen[row["key"]] = row["version"]
            match row["kind"]:
                case "assets":
                    held.assets.add(row["key"])
                case "relations":
                    held.relations.add(row["key"])
                case _:
                    held.classes = True

    async def _catch_up(self, tenant: str, held: _Held) -> None:
        """Reads what is behind. What is marked meanwhile stays marked."""
        if held.graph is None:
            held.graph = await self._read(tenant)
            held.assets |= held.graph.missing
            return
        assets, held.assets = held.assets, set()
        relations, held.relations = held.relations, set()
        classes, held.classes = held.classes, False
        try:
            if classes:
                held.graph.put_classes(await self._parents(tenant))
            links = await self._some(RELATIONS, tenant, relations, _LINK)
            items = await self._some(ASSETS, tenant, assets, _ITEM)
        except BaseException:
            held.assets |= assets
            held.relations |= relations
            held.classes |= classes
            raise
        there = {row["_id"]: _link(row) for row in links if row.get("remove_time") is None}
        held.graph.put_all(map(_item, items), there.values())
        for gone in relations - there.keys():
            held.graph.drop_link(gone)
        held.assets |= held.graph.missing - assets
        held.graph.missing -= assets  # asked for, and not there: asked for again when a link names it again

    async def _read(self, tenant: str) -> Graph:
        """All of it, page by page, so that others are served meanwhile."""
        graph = Graph()
        graph.put_classes(await self._parents(tenant))
        for collection, wanted in ((ASSETS, _ITEM), (RELATIONS, _LINK)):
            last = ""
            while True:
                query: dict[str, Any] = {"tenant": tenant, "_id": {"$gt": last}}
                if collection == RELATIONS:
                    query["remove_time"] = None
                rows = await self._store.backend.find(collection, query, sort=[("_id", 1)], limit=_PAGE, projection=wanted)
                if collection == ASSETS:
                    graph.put_all(map(_item, rows), ())
                else:
                    graph.put_all((), map(_link, rows))
                if len(rows) < _PAGE:
                    break
                last = rows[-1]["_id"]
        return graph

    async def _parents(self, tenant: str) -> dict[str, str]:
        rows = await self._store.backend.find(CLASSES, {"tenant": tenant}, projection={"name": 1, "parent": 1})
        return {row["name"]: row["parent"] for row in rows}

    async def _some(self, collection: str, tenant: str, ids: Iterable[str], wanted: Mapping[str, int]) -> list[Document]:
        keys, found = sorted(ids), []
        for start in range(0, len(keys), _PAGE):
            query = {"tenant": tenant, "_id": {"$in": keys[start : start + _PAGE]}}
            found += await self._store.backend.find(collection, query, projection=wanted)
        return found

    def _shed(self) -> None:
        sizes = {tenant: len(held.graph) for tenant, held in self._held.items() if held.graph is not None}
        total = sum(sizes.values())
        for tenant in list(self._held)[:-1]:
            if total <= self._most:
                break
            if not self._held[tenant].lock.locked():
                total -= sizes.get(tenant, 0)
                del self._held[tenant]


def _row_id(seconds: float) -> str:
    """The smallest id of a row made then (RFC 9562: 48 bits of milliseconds come first)."""
    text = f"{int(seconds * 1000):012x}"
    return f"{text[:8]}-{text[8:]}"


def _item(row: Document) -> Item:
    needs = (
        Need(said["group"], said.get("minimum_count", 0), said.get("minimum_percent", 0)) for said in row.get("redundancy", ())
    )
    return Item(
        id=row["_id"],
        name=row["name"],
        class_name=row["class"],
        state=row["state"],
        criticality=row.get("criticality") or "",
        needs=tuple(needs),
    )


def _link(row: Document) -> Link:
    return Link(row["_id"], row["provider_id"], row["consumer_id"], row["kind"], row["group"])
