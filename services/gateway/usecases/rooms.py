"""Rooms of chats: making, changing and finding them. Their addresses are kept sealed, beside their records."""

from collections.abc import Mapping
from typing import Any

from chassis import context as ctx
from chassis.domain import Ids, new_id, uuid7
from chassis.errors import Invalid
from chassis.listing import Listing
from chassis.outbound import Policy
from chassis.plugins import refuse_unknown
from chassis.sealing import Sealing
from chassis.store import Delete, Store, Transaction, Update
from services.gateway.domain.chat_room import ChatRoom
from services.gateway.domain.delivery import Channel
from services.gateway.ports import ChannelPlugin
from services.gateway.templates.shipped import TEST
from services.gateway.usecases.log import Log
from services.gateway.usecases.reading import Asked, Document, Paged
from services.gateway.usecases.shelf import Shelf
from services.gateway.usecases.wording import Wording

SEALED = "sealed_addresses"
MOST = 200
"""How many rooms a tenant may have."""
ROOM_TESTED = "itsm.gateway.v1.ChatRoomTested"
"""The type of a delivery that tells of nothing."""


class Addresses:
    """Addresses that are secrets: sealed, each for one record, and read by whoever sends there alone."""

    def __init__(self, store: Store, sealing: Sealing) -> None:
        self._store, self._sealing = store, sealing

    def keep(self, tx: Transaction, record_id: str, address: str) -> None:
        """Keeps the address of a record, instead of the one before."""
        tenant = ctx.current().tenant
        sealed = self._sealing.seal(address, f"{tenant}|{record_id}")
        query = {"_id": record_id, "tenant": tenant}
        tx.write(Update(SEALED, query, {"$set": {"sealed": sealed}}, strict=False, upsert=True))

    def forget(self, tx: Transaction, record_id: str) -> None:
        """There is no address any more."""
        tx.write(Delete(SEALED, {"_id": record_id, "tenant": ctx.current().tenant}))

    async def of(self, record_id: str) -> str | None:
        """The address of a record; None where there is none, or none that can be read any more."""
        tenant = ctx.current().tenant
        row = await self._store.backend.find_one(SEALED, {"_id": record_id, "tenant": tenant})
        return self._sealing.open(row["sealed"], f"{tenant}|{record_id}") if row is not None else None


class Rooms:
    """What callers may do with rooms. `etag` is the version that the caller decided on, or empty; `policy` judges addresses,
    but those that one of `plugins` serves."""

    def __init__(
        self,
        store: Store,
        log: Log,
        listing: Listing,
        addresses: Addresses,
        wording: Wording,
        *,
        policy: Policy,
        public_url: str,
        installation: str,
        plugins: Mapping[str, ChannelPlugin] | None = None,
        ids: Ids = new_id,
    ) -> None:
        self._store, self._log, self._addresses, self._wording, self._policy = store, log, addresses, wording, policy
        self._plugins = plugins or {}
        self._url, self._installation, self._ids = public_url, installation, ids
        self._shelf = Shelf(store, ChatRoom, listing, "chatRoom")

    async def create(self, url: str, fields: Mapping[str, Any]) -> ChatRoom:
        """A new one. Raises `Invalid`, also for an address that is never reached."""
        await self._shelf.require_room(MOST)
        room = ChatRoom.made(id=self._ids("cht"), at=self._store.clock(), host=self._host(url), **fields)
        async with self._store.transaction() as tx:
            self._addresses.keep(tx, room.id, url)
            tx.add(room)
        return room

    async def update(self, id: str, url: str | None, fields: Mapping[str, Any], *, etag: str = "") -> ChatRoom:  # noqa: A002 - as its field
        """Changes named fields, and the address where there is another. Raises `Invalid`."""
        async with self._store.transaction() as tx, self._shelf.changing(id, etag) as room:
            room.edit(self._store.clock(), host="" if url is None else self._host(url), **fields)
            if url is not None:
                self._addresses.keep(tx, room.id, url)
        return room

    async def delete(self, id: str, *, etag: str = "") -> ChatRoom:  # noqa: A002 - as above
        """It is gone."""
        async with self._store.transaction() as tx, self._shelf.changing(id, etag) as room:
            room.delete(self._store.clock())
            self._addresses.forget(tx, room.id)
        return room

    async def get(self, id: str) -> Document:  # noqa: A002 - as above
        """One room, to become a message. Raises `NotFound`."""
        return await self._shelf.get(id)

    async def page(self, asked: Asked) -> Paged:
        """A page of the rooms that match."""
        return await self._shelf.page(asked)

    async def test(self, id: str) -> Document:  # noqa: A002 - as above
        """A delivery that tells of nothing. Raises `Invalid` in a dry run."""
        room = await self._shelf.there(id)
        ctx.refuse_dry_run()
        said = {"installation": self._installation, "url": self._url, "recipient": {}}
        letter = self._wording.letter({}, TEST, Channel.CHAT, room.locale, said)
        async with self._store.transaction() as tx:
            delivery = self._log.add(
                tx,
                Channel.CHAT,
                room.id,
                event_id=uuid7(),
                event_type=ROOM_TESTED,
                subject=f"chatRooms/{room.id}",
                content={"title": letter.subject, "text": letter.text, "url": self._url, "tag": ""},
            )
        return await self._log.one(delivery)

    def _host(self, url: str) -> str:
        if not url:
            raise Invalid({"url": "is needed"})
        if refuse_unknown(url, self._plugins):
            return "plugin"
        return self._policy.check(url).host
