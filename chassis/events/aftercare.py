"""What becomes of records that did not go through at once: parked ones go on when their time has come, dead ones are put
on the dead-letter topic, requeued ones are handled again.

One process of a group does it, by a lease; the compare-and-set on versions and states makes a second one harmless.
Fails: never; what fails is tried again at the next round, a requeued record is dead again.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any

from chassis.errors import Unavailable
from chassis.events import wire
from chassis.events.handling import Handling
from chassis.events.publisher import Outgoing, Publisher
from chassis.events.records import DEAD_LETTERS, PARKED, Record
from chassis.events.versions import Verdict
from chassis.lease import Lease
from chassis.settings import Settings
from chassis.store import Store
from chassis.store.backend import Delete, Document, Update
from chassis.telemetry import Metrics

_log = logging.getLogger(__name__)
_ROUND_SECONDS = 1.0
_ALARM = timedelta(minutes=5)
_ALARM_SECONDS = 60.0  # between two alarms about the same
_PAGE = 200
_COUNTED = 100_000
_COMPLETE: Mapping[str, int] = {"*": 0}


class Aftercare:
    """Of one group. It has a `Handling` of its own, because two batches must not share one."""

    def __init__(
        self, store: Store, settings: Settings, service: str, handling: Handling, metrics: Metrics, *, dead_topic: str = ""
    ) -> None:
        self._store, self._backend, self._handling, self._metrics = store, store.backend, handling, metrics
        self._group = handling.group
        self._topic = dead_topic or wire.dead_topic_of(service)
        self._publisher = Publisher(settings)
        self._lease = Lease(store.backend, f"aftercare|{self._group}", service)
        self._late: list[str] = []  # keys whose parked versions have waited too long
        self._alarm_at = 0.0

    async def run(self) -> None:
        """Works whenever it holds the lease, until it is canceled."""
        try:
            await self._lease.lead(self._rounds)
        finally:
            await self._publisher.close()

    async def _rounds(self) -> None:
        while True:
            with suppress(Unavailable):  # the next round comes soon
                await self.round()
            await asyncio.sleep(_ROUND_SECONDS)

    async def round(self) -> None:
        """Looks once after everything that waits."""
        await self._publish_dead()
        query = {"group": self._group, "state": "REQUEUED"}
        for letter in await self._backend.find(DEAD_LETTERS, query, sort=[("_id", 1)], limit=_PAGE):
            await self._again(letter)
        while await self._unpark():
            pass

    async def _again(self, letter: Document) -> None:
        record = Record.kept(letter)
        where = {"_id": letter["_id"], "tenant": letter["tenant"], "state": "REQUEUED"}
        now = self._store.clock()
        try:
            await self._handling.begin([record])
            async with self._store.transaction() as tx:
                await self._handling.handle(tx, record, since=_COMPLETE)
                if self._handling.buried:
                    raise ValueError("the record is still as unreadable as it was")
                tx.write(Update(DEAD_LETTERS, where, {"$set": {"state": "RESOLVED", "resolve_time": now}}))
                self._handling.finish(tx)
            self._handling.committed()
        except Unavailable:
            self._handling.versions.forget()
            raise
        except Exception as error:  # whatever the handler raised, it is dead once more
            self._handling.versions.forget()
            _log.warning("A requeued record failed again.", extra={"dead_letter": letter["_id"]}, exc_info=error)
            dead = {
                "state": "OPEN",
                "attempts": letter["attempts"] + 1,
                "detail": f"{type(error).__name__}: {error}"[:1000],
            }
            await self._backend.write([Update(DEAD_LETTERS, where, {"$set": dead}, strict=False)])

    async def _unpark(self) -> bool:
        """Handles parked records that are next now; says whether there may be more."""
        found = moved = False
        self._late.clear()
        async for row in self._heads():
            found = True
            moved |= await self._unpark_one(row)
        parked = await self._backend.count(PARKED, {"group": self._group}, limit=_COUNTED) if found else 0
        self._metrics.events_parked.labels(self._group).set(parked)
        if self._late and time.monotonic() >= self._alarm_at:
            self._alarm_at = time.monotonic() + _ALARM_SECONDS
            facts = {"group": self._group, "records": len(self._late), "keys": self._late[:10]}
            _log.error("Parked events still wait for the versions before them.", extra=facts)
        return moved

    async def _heads(self) -> AsyncIterator[Document]:
        """The first parked version of each record: those behind it cannot be next, however many they are."""
        order = [("key", 1), ("epoch", 1), ("version", 1)]
        after = ""
        while True:
            query = {"group": self._group, "key": {"$gt": after}}
            rows = await self._backend.find(PARKED, query, sort=order, limit=_PAGE)
            for _, versions in groupby(rows, key=itemgetter("key")):
                yield next(versions)
            if len(rows) < _PAGE:
                return
            after = rows[-1]["key"]

    async def _unpark_one(self, row: Document) -> bool:
        record = Record.kept(row)
        envelope = wire.parse(record.headers, record.key)
        self._handling.versions.forget()
        await self._handling.begin([record])
        if self._handling.versions.judge(envelope, complete=True) is Verdict.EARLY:
            if self._store.clock() - row["time"] > _ALARM:
                self._late.append(row["key"])
            return False
        try:
            async with self._store.transaction() as tx:
                await self._handling.handle(tx, record, since=_COMPLETE)
                tx.write(Delete(PARKED, {"_id": row["_id"], "tenant": row["tenant"]}))
                self._handling.finish(tx)
            self._handling.committed()
        except Unavailable:
            raise
        except Exception as error:  # a poison record that was parked is as dead as any other
            await self._bury(record, row, error)
        return True

    async def _bury(self, record: Record, row: Document, error: Exception) -> None:
        _log.error("Parked record given up.", extra={"group": self._group}, exc_info=error)
        self._handling.versions.forget()
        await self._handling.begin([])
        async with self._store.transaction() as tx:
            self._handling.bury(tx, record, "handler", f"{type(error).__name__}: {error}", 1)
            tx.write(Delete(PARKED, {"_id": row["_id"], "tenant": row["tenant"]}))
        self._handling.committed()

    async def _publish_dead(self) -> None:
        query = {"pending": True, "group": self._group}
        letters = await self._backend.find(DEAD_LETTERS, query, sort=[("_id", 1)], limit=_PAGE, majority=True)
        if not letters:
            return
        await self._publisher.ready()
        answers: list[asyncio.Future[Any]] = []
        for letter in letters:
            answer = asyncio.get_running_loop().create_future()
            await self._publisher.send([self._outgoing(letter)], partial(_answer, answer))
            answers.append(answer)
        outcomes = await asyncio.gather(*answers)
        arrived = [letter for letter, error in zip(letters, outcomes, strict=True) if error is None]
        tenants, ids = sorted({letter["tenant"] for letter in arrived}), [letter["_id"] for letter in arrived]
        query = {"tenant": {"$in": tenants}, "_id": {"$in": ids}}
        await self._backend.update_many(DEAD_LETTERS, query, {"$unset": {"pending": ""}})

    def _outgoing(self, letter: Document) -> Outgoing:
        record = Record.kept(letter)
        context = {
            "itsm-dead-id": letter["_id"],
            "itsm-dead-group": letter["group"],
            "itsm-dead-reason": letter["reason"],
            "itsm-dead-detail": letter["detail"],
            "itsm-dead-attempts": str(letter["attempts"]),
            "itsm-dead-topic": record.topic,
            "itsm-dead-partition": str(record.partition),
            "itsm-dead-offset": str(record.offset),
            "itsm-dead-time": letter["time"].isoformat(),
        }
        headers = [*record.headers, *((name, text.encode()) for name, text in context.items())]
        return Outgoing(self._topic, record.key, record.value, headers)


def _answer(future: "asyncio.Future[Any]", error: Exception | None) -> None:
    if not future.done():
        future.set_result(error)
