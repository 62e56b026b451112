"""Which record of ours and which ticket of theirs are the same, and what both last knew: a document for each pair.

One process at a time works on a pair: it holds the document, says again and again that it does, and only while it does is what
it writes taken. Fails: `Unavailable` where somebody else is at it.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Any
from uuid import uuid4

from chassis import context as ctx
from chassis.errors import Unavailable
from chassis.store import Delete, Insert, Store, Taken, Update
from chassis.store.backend import Document
from services.gateway.domain.delivery import KEPT
from services.gateway.sync.places import LINKS
from services.gateway.sync.ports import Ticket
from services.gateway.sync.reconcile import Base

HELD = timedelta(seconds=20)
"""After so long without a word whoever held a pair is taken to be dead."""


@dataclass(slots=True)
class Link:
    """A pair, held by whoever has this object. `attempt_time` is when a ticket was about to be made and is not known yet,
    `nonce` what it carries then, which nobody can have written into another one before."""

    id: str
    holder: str
    connection_id: str
    record: str
    remote_id: str = ""
    key: str = ""
    url: str = ""
    remote_version: str = ""
    attempt_time: datetime | None = None
    nonce: str = ""
    create_time: datetime | None = None
    fields: dict[str, Document] = field(default_factory=dict)
    problems: dict[str, Document] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def record_id(self) -> str:
        """Our record's id."""
        return self.record.partition("/")[2]

    @property
    def mark(self) -> str:
        """What a ticket carries that we make for it."""
        return f"{self.id}.{self.nonce}" if self.nonce else self.id

    def base(self, name: str) -> Base | None:
        """A field as both sides had it when they last agreed."""
        known = self.fields.get(name)
        return None if known is None else Base(known["ours"], known["theirs"])

    def settle(self, name: str, ours: str, theirs: str, at: datetime) -> None:
        """Remembers what both sides have now."""
        self.fields[name] = {"ours": ours, "theirs": theirs, "sync_time": at}

    def name(self, ticket: Ticket) -> None:
        """Says which ticket it is."""
        self.remote_id, self.key, self.url, self.attempt_time = ticket.id, ticket.key, ticket.url, None

    def stuck(self, name: str, way: str, reason: str, at: datetime) -> None:
        """Remembers what could not be brought into step."""
        before = self.problems.get(name)
        if before is None or (before["way"], before["reason"]) != (way, reason):
            self.problems[name] = {"way": way, "reason": reason[:1000], "time": at}


def link_id(connection_id: str, record_id: str) -> str:
    """The id of a pair, and what we write into a ticket of theirs for which we opened a record."""
    return f"{connection_id}.{record_id}"


def begun_id(connection_id: str, remote_id: str) -> str:
    """The id of what is kept of a ticket of theirs for which there is no incident yet."""
    return f"{connection_id}.ticket.{remote_id}"


class Links:
    """Pairs of the current tenant."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def hold(self, connection_id: str, record_id: str) -> Link:
        """The pair of a record, new where there was none. Raises `Unavailable` while somebody else holds it."""
        key, now, holder = link_id(connection_id, record_id), self._store.clock(), uuid4().hex
        row = {
            "_id": key,
            "tenant": ctx.current().tenant,
            "connection_id": connection_id,
            "record": f"incidents/{record_id}",
            "remote_id": "",
            "has_problem": False,
            "create_time": now,
            "holder": holder,
            "held_until": now + HELD,
        }
        try:
            await self._store.backend.write([Insert(LINKS, row)])
        except Taken:
            query = self._store.scoped({"_id": key, "held_until": {"$not": {"$gt": now}}})
            taken = {"$set": {"holder": holder, "held_until": now + HELD}}
            if not await self._store.backend.update_many(LINKS, query, taken):
                raise Unavailable("somebody else is at this ticket") from None
        (document,) = await self._store.find(LINKS, {"_id": key}, limit=1)
        return _link(document, holder)

    @asynccontextmanager
    async def holding(self, link: Link) -> AsyncIterator[None]:
        """Holds on to it for the block."""

        async def hold_on() -> None:
            while True:
                await asyncio.sleep(HELD.total_seconds() / 4)
                query = self._store.scoped({"_id": link.id, "holder": link.holder})
                with suppress(Unavailable):  # said again in a moment; who loses it is told when it writes
                    until = {"held_until": self._store.clock() + HELD}
                    await self._store.backend.update_many(LINKS, query, {"$set": until})

        task = asyncio.create_task(hold_on())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def find(self, connection_id: str, remote_ids: Sequence[str]) -> dict[str, Document]:
        """What is known of their tickets, by their ids: the pair, or what was begun."""
        query = {"connection_id": connection_id, "remote_id": {"$in": list(remote_ids)}}
        rows = await self._store.find(LINKS, query)
        return {row["remote_id"]: row for row in sorted(rows, key=lambda row: bool(row["record"]))}

    async def attempted(self, mark: str) -> str:
        """The record of a pair whose ticket we were about to make and do not know yet; empty where that is not so.

        A mark in a ticket is no proof of anything: only what was written down here before counts.
        """
        ids = [mark, mark.rpartition(".")[0]]
        query = {"_id": {"$in": ids}, "remote_id": "", "attempt_time": {"$ne": None}}
        links = [_link(row, "") for row in await self._store.find(LINKS, query, limit=len(ids))]
        return next((link.record_id for link in links if compare_digest(link.mark.encode(), mark.encode())), "")

    async def begin(self, connection_id: str, ticket: Ticket) -> Document | None:
        """Writes down, before it happens, that an incident is opened for a ticket; None where there is one by now.

        What it is opened with, `nonce`, nobody can know before: who takes a name that can be guessed takes no ticket by that.
        """
        key, now = begun_id(connection_id, ticket.id), self._store.clock()
        row = {
            "_id": key,
            "tenant": ctx.current().tenant,
            "connection_id": connection_id,
            "record": "",
            "remote_id": ticket.id,
            "key": ticket.key,
            "url": ticket.url,
            "nonce": uuid4().hex,
            "has_problem": False,
            "create_time": now,
        }
        with suppress(Taken):
            await self._store.backend.write([Insert(LINKS, row)])
        found = (await self.find(connection_id, [ticket.id])).get(ticket.id)
        if found is not None and found["record"]:  # somebody was faster, and had it here before ours was written
            await self.unbegun(connection_id, ticket.id)
            return None
        return found

    async def begun(self, connection_id: str, remote_id: str, nonce: str) -> bool:
        """Whether an incident that says so was opened for this ticket."""
        rows = await self._store.find(LINKS, {"_id": begun_id(connection_id, remote_id), "record": ""}, limit=1)
        return bool(rows) and compare_digest(rows[0]["nonce"].encode(), nonce.encode())

    async def refused(self, row: Document, ticket: Ticket, reason: str) -> None:
        """Remembers that no incident could be made of a ticket, until one can be."""
        now, before = self._store.clock(), (row.get("problems") or {}).get("create", {})
        problem = {"way": "IN", "reason": reason[:1000], "time": now}
        if before.get("reason") == problem["reason"]:
            problem["time"] = before["time"]
        names = {"key": ticket.key, "url": ticket.url, "remote_version": ticket.version}
        values = {**names, "problems": {"create": problem}, "has_problem": True, "sync_time": now}
        query = {"_id": row["_id"], "tenant": ctx.current().tenant}
        await self._store.backend.write([Update(LINKS, query, {"$set": values}, strict=False)])

    async def unopened(self, connection_id: str) -> str:
        """Which ticket could not become an incident, and why; the one that waits longest, empty where there is none."""
        query = {"connection_id": connection_id, "has_problem": True, "record": ""}
        rows = await self._store.find(LINKS, query, sort=[("create_time", 1)], limit=1)
        return next((f"{row['key']}: {row['problems']['create']['reason']}" for row in rows), "")

    async def unbegun(self, connection_id: str, remote_id: str) -> None:
        """Forgets what was begun."""
        query = {"_id": begun_id(connection_id, remote_id), "tenant": ctx.current().tenant}
        await self._store.backend.write([Delete(LINKS, query)])

    async def exists(self, connection_id: str, record_id: str) -> bool:
        """Whether a record is, or is about to be, linked."""
        return bool(await self._store.find(LINKS, {"_id": link_id(connection_id, record_id)}, limit=1))

    async def stuck(self, connection_id: str, most: int) -> list[Document]:
        """Pairs that could not be brought into step, those first that wait longest."""
        query = {"connection_id": connection_id, "has_problem": True}
        return await self._store.find(LINKS, query, sort=[("sync_time", 1)], limit=most)

    async def attempt(self, link: Link, at: datetime | None) -> None:
        """Writes down that a ticket is about to be made, before it is; or that it certainly was not."""
        link.attempt_time, link.nonce = at, link.nonce or uuid4().hex[:16]
        await self._store.backend.write([self._update(link, {"attempt_time": at, "nonce": link.nonce})])

    async def named(self, link: Link) -> None:
        """Writes down at once which ticket it is: until then its maker does not know that it was made."""
        names = {"remote_id": link.remote_id, "key": link.key, "url": link.url, "attempt_time": None}
        begun = {"_id": begun_id(link.connection_id, link.remote_id), "tenant": ctx.current().tenant}
        await self._store.backend.write([self._update(link, names), Delete(LINKS, begun)])

    async def keep(self, link: Link) -> None:
        """Keeps the pair as it is now and lets go of it. Raises `Busy` where it is not held any more."""
        await self._store.backend.write([self._write(link, self._store.clock())])

    def _write(self, link: Link, at: datetime) -> Update:
        kept = {
            "remote_id": link.remote_id,
            "key": link.key,
            "url": link.url,
            "remote_version": link.remote_version,
            "attempt_time": link.attempt_time,
            "fields": link.fields,
            "problems": link.problems,
            "has_problem": bool(link.problems),
            "notes": link.notes,
            "sync_time": at,
            "held_until": _past(at),
        }
        return self._update(link, kept)

    async def release(self, link: Link) -> None:
        """Lets go of it as it was."""
        query = self._store.scoped({"_id": link.id, "holder": link.holder})
        await self._store.backend.update_many(LINKS, query, {"$set": {"held_until": _past(self._store.clock())}})

    async def drop(self, link: Link) -> None:
        """Forgets a pair that never came to be; one whose ticket may have been made is kept, for that is to be found."""
        if link.attempt_time is not None:
            await self.release(link)
            return
        query = {"_id": link.id, "tenant": ctx.current().tenant, "holder": link.holder}
        await self._store.backend.write([Delete(LINKS, query)])

    async def forget(self, connection_id: str) -> None:
        """Has all pairs of a connection go after a while."""
        query = self._store.scoped({"connection_id": connection_id})
        await self._store.backend.update_many(LINKS, query, {"$set": {"expire_time": self._store.clock() + KEPT}})

    def _update(self, link: Link, values: Mapping[str, Any]) -> Update:
        query = {"_id": link.id, "tenant": ctx.current().tenant, "holder": link.holder}
        return Update(LINKS, query, {"$set": dict(values)})


def _past(at: datetime) -> datetime:
    return at - timedelta(seconds=1)


def _link(document: Document, holder: str) -> Link:
    return Link(
        id=document["_id"],
        holder=holder,
        connection_id=document["connection_id"],
        record=document["record"],
        remote_id=document["remote_id"],
        key=document.get("key", ""),
        url=document.get("url", ""),
        remote_version=document.get("remote_version", ""),
        attempt_time=document.get("attempt_time"),
        nonce=document.get("nonce", ""),
        create_time=document.get("create_time"),
        fields=dict(document.get("fields") or {}),
        problems=dict(document.get("problems") or {}),
        notes=dict(document.get("notes") or {}),
    )
