"""A list as a file: read page by page as the person sees it, written in pieces that are kept until the job is forgotten.

Whoever takes over after a crash begins a file of its own: nothing was changed by the one before, and no file is made of two.

Fails: `Over` where the person may read it no more or it grows too large; `Unavailable`, `Exhausted` or `DeadlinePassed` where
a page did not come for long.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import orjson

from chassis import protojson
from chassis.domain import uuid7
from chassis.errors import DeadlinePassed, Exhausted, Unavailable
from chassis.http.problems import Problem
from chassis.listing.facets import ANSWER_KEY, ASKED_KEY, TOTAL, unpacked
from chassis.store import Insert, Store
from services.gateway.domain.job import LONGEST, Format, Job, Progress, Result
from services.gateway.jobs.actions import Actions
from services.gateway.jobs.hands import Hands, Over
from services.gateway.jobs.ledger import Ledger
from services.gateway.rest.exports import File, columns, file_of
from services.gateway.usecases.jobs import PIECES

PIECE = 1 << 20
LARGEST = 512 << 20
_PAGE = 200
_TRIES = 30
_PAUSE = timedelta(seconds=2)


class Export:
    """Does one export of the current tenant."""

    def __init__(self, store: Store, actions: Actions, hands: Hands, ledger: Ledger, job: Job) -> None:
        self._store, self._hands, self._ledger, self._job = store, hands, ledger, job
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
            whole = await self._written(file)
        except Problem as large:
            raise Over(large.detail) from large
        finally:
            file.close()
        name = f"{self._job.resource}-{self._job.create_time:%Y-%m-%d}.{file.extension}"
        result = Result(file_name=name, media_type=file.media, size=self._size) if whole else None
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
        key = f"{self._job.id}|{self._run}|{self._pieces}"
        until: datetime = self._job.expire_time + LONGEST
        await self._store.backend.write(
            [Insert(PIECES, {"_id": key, "tenant": self._hands.tenant, "content": content, "expire_time": until})]
        )
        self._pieces += 1
