"""A list as a file: read page by page as the person sees it, written in pieces that are kept for a day.

Whoever takes over after a crash begins a file of its own: nothing was changed by the one before, and no file is made of two.

Fails: `Over` where the person may read it no more, it grows too large or there is no room for it; `Unavailable`, `Exhausted` or
`DeadlinePassed` where a page did not come for long.
"""

import asyncio
from datetime import timedelta
from typing import Any

import orjson

from chassis import protojson
from chassis.domain import uuid7
from chassis.errors import DeadlinePassed, Error, Exhausted, Unavailable
from chassis.http.problems import Problem
from chassis.listing.facets import ANSWER_KEY, ASKED_KEY, TOTAL, unpacked
from chassis.store import Store
from services.gateway.domain.job import FILE_KEPT, LONGEST, Format, Job, Progress, Result
from services.gateway.jobs.actions import Actions
from services.gateway.jobs.hands import Hands, Over
from services.gateway.jobs.ledger import Ledger
from services.gateway.rest.exports import File, file_of
from services.gateway.rest.lists import columns
from services.gateway.usecases.files import PIECE, Files

LARGEST = 512 << 20
_LOOK = 16
"""After so many pieces it is asked anew whether there is room: others of the same person grow meanwhile."""
_PAGE = 200
_TRIES = 30
_PAUSE = timedelta(seconds=2)


class Export:
    """Does one export of the current tenant."""

    def __init__(self, store: Store, actions: Actions, hands: Hands, ledger: Ledger, job: Job) -> None:
        self._store, self._hands, self._ledger, self._job = store, hands, ledger, job
        self._files = Files(store)
        self._route = actions.listed(job.resource)
        self._done, self._total, self._run = 0, 0, uuid7()
        self._buffer, self._pieces, self._size = b"", 0, 0

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return Progress(done=self._done, total=max(self._total, self._done))

    async def run(self) -> None:
        """Makes the file, from its beginning."""
        known = columns(self._route)
        form = (self._job.format or Format.CSV).value.lower()
        file = file_of(form, {name: known[name] for name in self._job.fields or known})
        try:
            self._total = await self._count()
            self._job = await self._ledger.settle(self._total, self._run)
            await self._files.end(self._job.id, self._store.clock())  # what one before left
            whole = await self._written(file)
        except (Problem, Over, Error) as failed:
            await self._files.end(self._job.id, self._store.clock())  # nobody will fetch it
            if isinstance(failed, Problem):
                raise Over(failed.detail) from failed
            raise
        finally:
            file.close()
        name = f"{self._job.resource}-{self._job.create_time:%Y-%m-%d}.{file.extension}"
        until = self._store.clock() + FILE_KEPT if whole else self._store.clock()
        await self._files.end(self._job.id, until)
        result = Result(file_name=name, media_type=file.media, size=self._size, expire_time=until) if whole else None
        await self._ledger.finish(self.progress, result)

    async def _written(self, file: File) -> bool:
        """Whether the file is whole: not where somebody wants no more of it."""
        await self._add(await file.begin())
        token = ""
        while await self._ledger.goes_on(self.progress):
            records, token = await self._page(token)
            await self._add(await file.add(records))
            await self._store.failpoints.reached("S16")
            self._done += len(records)
            if not token:
                async for piece in file.end():
                    await self._add(piece)
                await self._flush()
                return True
        return False

    async def _page(self, token: str) -> tuple[list[Any], str]:
        """A page, and the token of the next one. What was read lies in a file that is not kept: it waits here, not anew."""
        request = self._route.rpc.request(
            filter=self._job.filter, order_by=self._job.order_by, page_size=_PAGE, page_token=token
        )
        for attempt in range(_TRIES):
            try:
                page = await self._hands.do(self._route, request)
            except (Unavailable, Exhausted, DeadlinePassed) as busy:
                if attempt == _TRIES - 1:
                    raise
                wait = busy.retry_after if isinstance(busy, Unavailable | Exhausted) else _PAUSE
                await asyncio.sleep(wait.total_seconds())
            else:
                answer = protojson.to_dict(page)
                member = next(item.json_name for item in page.DESCRIPTOR.fields if item.is_repeated)
                return answer[member], page.next_page_token
        raise AssertionError("the last try returns or raises")

    async def _count(self) -> int:
        """How many records there are; 0 where the list does not say."""
        request = self._route.rpc.request(filter=self._job.filter)
        said: dict[str, Any] = {}
        await self._hands.do(self._route, request, more=[(ASKED_KEY, TOTAL)], said=said)
        return int(orjson.loads(unpacked(said[ANSWER_KEY]))["count"]) if ANSWER_KEY in said else 0

    async def _add(self, content: bytes) -> None:
        self._buffer += content
        while len(self._buffer) >= PIECE:
            await self._keep(self._buffer[:PIECE])
            self._buffer = self._buffer[PIECE:]

    async def _flush(self) -> None:
        if self._buffer:
            await self._keep(self._buffer)
            self._buffer = b""

    async def _keep(self, content: bytes) -> None:
        self._size += len(content)
        if self._size > LARGEST:
            raise Over(f"the file would be larger than {LARGEST >> 20} MiB: narrow the filter")
        creator = self._job.creator_id
        if self._pieces % _LOOK == 0:
            try:
                await self._files.require_room(creator)
            except Exhausted as full:  # it is no matter of waiting: the room is his to make
                raise Over(full.message) from full
        until = self._store.clock() + LONGEST + FILE_KEPT
        await self._files.keep(self._job.id, self._run, self._pieces, content, creator=creator, until=until)
        self._pieces += 1
