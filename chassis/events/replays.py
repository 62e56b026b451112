"""Replays at work: rows of the history published again, beside the relay, under the ids that they had.

Fails: never; while the broker or the database is away it waits. A death in between publishes up to a page twice.
"""

import asyncio
import logging
from contextlib import suppress
from typing import Any

from chassis import context as ctx
from chassis.context import Actor, Context
from chassis.errors import Unavailable
from chassis.events import wire
from chassis.events.publisher import Outgoing, Publisher
from chassis.lease import Lease
from chassis.operations import REPLAYS, Replay
from chassis.service import Service, Stage
from chassis.settings import Settings
from chassis.store import CHANGES, Store, Update
from chassis.store.backend import Document

_log = logging.getLogger(__name__)
_ROUND_SECONDS = 1.0
_PAGE = 200


class Replays:
    """Those of one service; one process at a time works on them."""

    def __init__(self, store: Store, settings: Settings, service: str, *, topic: str = "") -> None:
        self._store, self._backend = store, store.backend
        self._source = wire.Source(settings.installation, service, settings.epoch)
        self._topic = topic or wire.topic_of(service)
        self._actor = Actor(id=f"itsm-{service}", kind="service")
        self._publisher = Publisher(settings)
        self._lease = Lease(store.backend, "replays", service)

    def attach(self, service: Service) -> None:
        """Makes it part of a process."""
        service.background("replays", self.run, stage=Stage.CONSUMERS)

    async def run(self) -> None:
        """Works whenever it holds the lease, until it is canceled."""
        try:
            await self._lease.lead(self._rounds)
        finally:
            await self._publisher.close()

    async def _rounds(self) -> None:
        while True:
            with suppress(Unavailable):  # the next round comes soon, and begins at the cursor
                for document in await self._backend.find(REPLAYS, {"state": "RUNNING"}, sort=[("_id", 1)], limit=_PAGE):
                    context = Context(tenant=document["tenant"], actor=self._actor, correlation_id=document["_id"])
                    with ctx.use(context):
                        await self._run(document["_id"])
            await asyncio.sleep(_ROUND_SECONDS)

    async def _run(self, id: str) -> None:  # noqa: A002 - the field's name everywhere
        replay = await self._store.get(Replay, id)
        cursor, published = replay.cursor, replay.published
        while True:
            query = {"$and": [replay.query(), {"_id": {"$gt": cursor}}], "pending": {"$exists": False}}
            page = await self._store.find(CHANGES, query, sort=[("_id", 1)], limit=_PAGE)
            if not page:
                break
            await self._send(page)
            cursor, published = page[-1]["_id"], published + len(page)
            where = {"_id": id, "tenant": ctx.current().tenant, "state": "RUNNING"}
            await self._backend.write([Update(REPLAYS, where, {"$set": {"cursor": cursor, "published": published}})])
        async with self._store.transaction() as tx:
            ended = await tx.get(Replay, id)
            ended.finish(published)
            tx.save(ended)
        _log.info("Replay finished.", extra={"replay": id, "events": published})

    async def _send(self, rows: list[Document]) -> None:
        """Publishes rows one version of a record after the other; returns when the broker has them all."""
        left = rows
        while left:
            await self._publisher.ready()
            # Several versions of one record in a page go one after the other, as at the first time.
            first = {wire.key_of(row): row for row in reversed(left)}
            answers = [await self._send_one(row) for row in first.values()]
            outcomes = await asyncio.gather(*answers)
            arrived = {row["_id"] for row, error in zip(first.values(), outcomes, strict=True) if error is None}
            left = [row for row in left if row["_id"] not in arrived]
            if not arrived:
                await asyncio.sleep(_ROUND_SECONDS)

    async def _send_one(self, row: Document) -> "asyncio.Future[Any]":
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        record = Outgoing(self._topic, wire.key_of(row).encode(), row["data"].encode(), wire.headers_of(row, self._source))
        await self._publisher.send([record], answer.set_result)
        return answer
