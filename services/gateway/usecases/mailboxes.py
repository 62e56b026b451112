"""Mailboxes: making, changing and finding them. An address belongs to one mailbox of the whole installation, of the tenant that
it was given to."""

from collections.abc import Mapping
from typing import Any

from chassis import context as ctx
from chassis.domain import Ids, new_id
from chassis.errors import AlreadyExists
from chassis.listing import Listing
from chassis.store import Delete, Insert, Store, Transaction
from services.gateway.domain.mailbox import Mailbox
from services.gateway.mail.addresses import Address
from services.gateway.mail.grants import Grants, refused
from services.gateway.usecases.reading import Asked, Document, Paged
from services.gateway.usecases.shelf import Shelf

MAILBOXES, ADDRESSES = "mailboxes", "mailbox_addresses"
MOST = 100
"""How many a tenant may have."""


class Mailboxes:
    """What callers may do with mailboxes. `etag` is the version that the caller decided on, or empty."""

    def __init__(self, store: Store, listing: Listing, grants: Grants, *, ids: Ids = new_id) -> None:
        self._store, self._grants, self._ids = store, grants, ids
        self.shelf = Shelf(store, Mailbox, listing, "mailbox")

    async def create(self, fields: Mapping[str, Any]) -> Mailbox:
        """A new one. Raises `Invalid`, also for an address that is not the tenant's, and `AlreadyExists` for one that
        another of its mailboxes has."""
        await self.shelf.require_room(MOST)
        mailbox = Mailbox.made(id=self._ids("mbx"), at=self._store.clock(), **_judged(fields))
        await self._require_ours(mailbox.address)
        async with self._store.transaction() as tx:
            self._take(tx, mailbox)
            tx.add(mailbox)
        return mailbox

    async def update(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> Mailbox:  # noqa: A002 - as its field
        """Changes named fields. Raises as `create`."""
        async with self._store.transaction() as tx, self.shelf.changing(id, etag) as mailbox:
            before = mailbox.address
            mailbox.edit(self._store.clock(), **_judged(fields))
            if _key(before) != _key(mailbox.address):
                await self._require_ours(mailbox.address)
                _release(tx, before)
                self._take(tx, mailbox)
        return mailbox

    async def delete(self, id: str, *, etag: str = "") -> Mailbox:  # noqa: A002 - as above
        """It is gone; its address is free for another."""
        async with self._store.transaction() as tx, self.shelf.changing(id, etag) as mailbox:
            mailbox.delete(self._store.clock())
            _release(tx, mailbox.address)
        return mailbox

    async def get(self, id: str) -> Document:  # noqa: A002 - as above
        """One mailbox, to become a message. Raises `NotFound`."""
        return await self.shelf.get(id)

    async def page(self, asked: Asked) -> Paged:
        """A page of the mailboxes that match."""
        return await self.shelf.page(asked)

    async def _require_ours(self, address: str) -> None:
        tenant = ctx.current().tenant
        self._grants.require(tenant, Address.of(address))
        holder = await self._store.backend.find_one(ADDRESSES, {"_id": _key(address)})
        if holder is not None and holder["tenant"] != tenant:  # who had it before it was given to this one
            raise refused()
        if holder is not None:
            raise AlreadyExists("mailbox", holder["mailbox_id"], "another mailbox has this address")

    def _take(self, tx: Transaction, mailbox: Mailbox) -> None:
        tenant = ctx.current().tenant
        tx.write(Insert(ADDRESSES, {"_id": _key(mailbox.address), "tenant": tenant, "mailbox_id": mailbox.id}))


def _release(tx: Transaction, address: str) -> None:
    tx.write(Delete(ADDRESSES, {"_id": _key(address), "tenant": ctx.current().tenant}))


def _judged(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The same with its address as mail is sent to it. Raises `Invalid`."""
    if not fields.get("address"):
        return dict(fields)
    return {**fields, "address": str(Address.of(fields["address"]))}


def _key(address: str) -> str:
    return Address.of(address).key
