"""One action on many records: which they are is settled first and kept, then each is done, a few at once.

A record is read before it is changed where the action has an inverse, and what it was is kept before anything is sent: whoever
takes over after a crash sends the very same again, under the same key, and the service knows whether it has done it. So no
record is done twice, however often this process dies.

Fails: `Over` where the person may do it no more; `Unavailable`, `Exhausted` or `DeadlinePassed` where it has to wait, with all
that was done kept.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from chassis import protojson
from chassis.domain import uuid7
from chassis.errors import Busy, DeadlinePassed, Error, Exhausted, Stale, Unavailable
from chassis.http import problems
from chassis.store import Insert, Store
from services.gateway.domain.job import LONGEST, MOST_SELECTED, ItemState, Job, Progress
from services.gateway.jobs.actions import UPDATE, Actions, named, restored
from services.gateway.jobs.hands import Hands, Over
from services.gateway.jobs.ledger import Ledger
from services.gateway.rest.route import Route
from services.gateway.usecases.jobs import NAMED
from services.gateway.usecases.reading import Document
from services.gateway.usecases.reports import ITEMS, Reports

AT_ONCE = 4
_TURN = 40
_PAGE = 200
_LOST_RACES, _LATE = 5, 5
_WAITING = {"state": ItemState.WAITING.value}


class Bulk:
    """Does one bulk action of the current tenant."""

    def __init__(self, store: Store, actions: Actions, hands: Hands, ledger: Ledger, job: Job) -> None:
        self._store, self._actions, self._hands, self._ledger, self._job = store, actions, hands, ledger, job
        self._route = actions.route(job.resource, job.action)
        self._single = actions.single(job.resource)
        self._progress = Progress()

    async def run(self) -> None:
        """Goes on from where it was, to its end."""
        if not self._job.collected:
            run = uuid7()
            self._job = await self._ledger.settle(await self._collect(run), run)
        await self._count()
        while await self._ledger.goes_on(self.progress):
            rows = await self._store.find(ITEMS, {"job_id": self._job.list_id, **_WAITING}, sort=[("place", 1)], limit=_TURN)
            if not rows:
                break
            await self._turn(rows)
        await skip(self._store, self._job)
        await self._ledger.finish(self.progress)

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return replace(self._progress)

    async def _turn(self, rows: Sequence[Document]) -> None:
        slots = asyncio.Semaphore(AT_ONCE)
        halted: list[BaseException] = []

        async def one(row: Document) -> None:
            async with slots:
                if halted:
                    return
                try:
                    await self._one(row)
                except (Over, Unavailable, Exhausted, DeadlinePassed) as stop:
                    halted.append(stop)

        async with asyncio.TaskGroup() as group:
            for row in rows:
                group.create_task(one(row))
        if halted:
            raise halted[0]

    async def _one(self, row: Document) -> None:
        for _ in range(_LOST_RACES):
            try:
                row = row if row.get("attempt") else await self._prepared(row)
                reply = await self._send(row)
            except Stale as changed:
                if "given" in row:
                    why = "somebody has changed it since"
                    await self._note(row, ItemState.REFUSED, problem=_told(changed) | {"detail": why})
                    return
                row = {**row, "tries": row["attempt"]["nth"], "attempt": None}
            except (Unavailable, Exhausted):
                raise
            except Error as refused:
                if isinstance(refused, DeadlinePassed) and await self._late(row) < _LATE:
                    raise
                await self._note(row, ItemState.REFUSED, problem=_told(refused))
                return
            else:
                etag = reply.etag if self._route.tagged else ""
                await self._note(row, ItemState.DONE, etag=etag)
                return
        busy = Busy("somebody else changes it all the time")
        await self._note(row, ItemState.REFUSED, problem=_told(busy))

    async def _prepared(self, row: Document) -> Document:
        """The row with what will be sent, kept before it is: the first that is kept for a try is what all send for it."""
        attempt: dict[str, Any] = {"nth": row["tries"] + 1, "etag": "", "before": {}}
        if "given" in row:
            attempt["etag"] = row["match"]
        elif self._job.invertible and self._single is not None:
            record = await self._hands.do(self._single, self._single.rpc.request(id=row["record_id"]))
            attempt["etag"], attempt["before"] = record.etag, _values(protojson.to_dict(record), self._names())
        query = self._store.scoped({"_id": row["_id"], "tries": row["tries"]})
        kept = {"attempt": attempt, "tries": attempt["nth"]}
        if not await self._store.backend.update_many(ITEMS, query, {"$set": kept}):
            # A process that was taken for dead goes on beside this one.
            (there,) = await self._store.find(ITEMS, {"_id": row["_id"]}, limit=1)
            return there
        await self._store.failpoints.reached("S16")
        return {**row, **kept}

    async def _send(self, row: Document) -> Any:
        attempt, back = row["attempt"], "given" in row
        parameters = row["given"] if back else self._job.parameters
        request = self._actions.request(self._route, row["record_id"], parameters, attempt["etag"], whole=back)
        reply = await self._hands.do(self._route, request, key=f"{row['_id']}|{attempt['nth']}")
        await self._store.failpoints.reached("S17")
        return reply

    async def _late(self, row: Document) -> int:
        """How often the answer about a record did not come in time; counted with the row, since the job waits in between."""
        times = int(row.get("late", 0)) + 1
        await self._store.backend.update_many(ITEMS, self._store.scoped({"_id": row["_id"]}), {"$set": {"late": times}})
        return times

    async def _note(self, row: Document, state: ItemState, *, etag: str = "", problem: Mapping[str, Any] | None = None) -> None:
        said = {"state": state.value, "etag": etag, "problem": problem}
        query = self._store.scoped({"_id": row["_id"], **_WAITING})
        if await self._store.backend.update_many(ITEMS, query, {"$set": said}):
            self._progress.done += 1
            self._progress.failed += state is ItemState.REFUSED

    def _names(self) -> Sequence[str]:
        """The fields of a record that say what it was before."""
        return named(self._route, self._job.parameters) if self._job.action == UPDATE else restored(self._route)

    async def _count(self) -> None:
        mine = {"job_id": self._job.list_id}
        waiting = await self._store.count(ITEMS, {**mine, **_WAITING}, limit=MOST_SELECTED)
        failed = await self._store.count(ITEMS, {**mine, "state": ItemState.REFUSED.value}, limit=MOST_SELECTED)
        total = self._job.progress.total
        self._progress = Progress(done=total - waiting, total=total, failed=failed)

    async def _collect(self, run: str) -> int:
        """Keeps which records it is about as a list of its own: one that was begun before, or elsewhere, is never gone by.

        Says how many. Raises `Over` when they are more than were asked for, or than there is room for.
        """
        if not self._job.undo_of:
            try:
                wanted = self._job.selected if self._job.selected >= 0 else len(await self._named())
                await Reports(self._store).require_room(self._job.creator_id, wanted)
            except Exhausted as full:  # it is no matter of waiting: the room is his to make
                raise Over(full.message) from full
        place, known = 0, set[str]()
        async for page in self._records():
            fresh = [(record, more) for record, more in page if record not in known]
            known |= {record for record, _ in fresh}
            if 0 <= self._job.selected < len(known):
                why = f"{self._job.selected} records were selected and more match now; nothing was done: select anew"
                raise Over(why)
            if rows := [self._row(run, place + at, record, more) for at, (record, more) in enumerate(fresh)]:
                await self._store.backend.write([Insert(ITEMS, row) for row in rows])
            place += len(fresh)
        return place

    def _row(self, run: str, place: int, record: str, more: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "_id": f"{self._job.id}|{run}|{place}",
            "tenant": self._hands.tenant,
            "job_id": f"{self._job.id}|{run}",
            "creator_id": self._job.creator_id,
            "record_id": record,
            "place": place,
            "tries": -1,
            "expire_time": self._job.expire_time + LONGEST,
            **_WAITING,
            **more,
        }

    async def _records(self) -> AsyncIterator[Sequence[tuple[str, Mapping[str, Any]]]]:
        """The records in pages, with what is known of each."""
        if self._job.undo_of:
            async for page in self._undone():
                yield page
        elif self._job.selected >= 0:
            async for found in self._matching():
                yield [(each, {}) for each in found]
        else:
            ids = await self._named()
            for at in range(0, len(ids), _PAGE):
                yield [(each, {}) for each in ids[at : at + _PAGE]]

    async def _named(self) -> Sequence[str]:
        kept = await self._store.backend.find_one(NAMED, self._store.scoped({"_id": self._job.id}))
        return kept["ids"] if kept else []

    async def _undone(self) -> AsyncIterator[Sequence[tuple[str, Mapping[str, Any]]]]:
        """What the job before did, the last first, with the values from before it."""
        last, before = MOST_SELECTED + 1, await self._store.get(Job, self._job.undo_of)
        while True:
            done = {"job_id": before.list_id, "state": ItemState.DONE.value, "place": {"$lt": last}}
            rows = await self._store.find(ITEMS, done, sort=[("place", -1)], limit=_PAGE)
            if not rows:
                return
            changed = [row for row in rows if row["attempt"]["etag"] != row["etag"]]
            yield [(row["record_id"], {"given": row["attempt"]["before"], "match": row["etag"]}) for row in changed]
            last = rows[-1]["place"]

    async def _matching(self) -> AsyncIterator[list[str]]:
        """Ids of the records that match and were there when they were selected."""
        listed, token = self._actions.listed(self._job.resource), ""
        member = _member(listed)
        while True:
            request = listed.rpc.request(filter=self._job.filter, page_size=_PAGE, page_token=token)
            page = await self._hands.do(listed, request)
            yield [record.id for record in getattr(page, member) if not _later(record, self._job.selected_time)]
            token = page.next_page_token
            if not token:
                return


async def skip(store: Store, job: Job) -> None:
    """The turns that have not come will not: the job ends."""
    query = store.scoped({"job_id": job.list_id, **_WAITING})
    await store.backend.update_many(ITEMS, query, {"$set": {"state": ItemState.SKIPPED.value}})


def _later(record: Any, than: datetime | None) -> bool:
    known = record.DESCRIPTOR.fields_by_name.get("create_time")
    if than is None or known is None or not record.HasField("create_time"):
        return False
    return bool(record.create_time.ToMilliseconds() > than.timestamp() * 1000)


def _member(listed: Route) -> str:
    answer: Any = listed.rpc.response.DESCRIPTOR
    return next(str(item.name) for item in answer.fields if item.is_repeated)


def _values(record: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """What a record holds in some fields; `null` where there is nothing, which says so in a request as well."""
    return {name: record.get(name) for name in names}


def _told(error: Error) -> dict[str, Any]:
    problem = problems.of_error(error)
    return {
        "status": problem.status,
        "type": f"urn:itsm:problem:{problem.slug}",
        "reason": problem.reason,
        "detail": problem.detail[:1000],
    }
