"""What came in: stored before anybody is told that it was taken, under an id that follows from it, and worked afterwards.

A message is two documents, so that lists never read what it holds: what became of it, and every byte of it.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chassis import context as ctx
from chassis.errors import Exhausted, Invalid, NotFound
from chassis.listing import Listing
from chassis.store import Store, Update
from services.gateway.domain.mailbox import KEPT, Mailbox, MailState, State, mail_id, new_mail
from services.gateway.mail.addresses import Address
from services.gateway.mail.careful import Unreadable, head
from services.gateway.mail.grants import Grants
from services.gateway.mail.reading import message_id
from services.gateway.usecases.mailboxes import ADDRESSES, MAILBOXES
from services.gateway.usecases.reading import Asked, Document, Paged, page_of
from services.gateway.usecases.shelf import Shelf

MAILS, SOURCES, THREADS, CONTACTS = "mails", "mail_sources", "mail_threads", "mail_contacts"
DUE_FIELD = "next_due_time"
THREAD_KEPT = timedelta(days=400)
NOTHING_KEPT = timedelta(days=1)
"""How long a message of which nothing became is kept as it came."""
MOST_OF_MAILBOX, HOUR = 500, timedelta(hours=1)
"""How many messages a mailbox takes within that time; whoever hands mail over comes again with what is more."""
_REFERENCES_KEPT = 20
_NAME_LENGTH = 250


class Postbox:
    """Messages of the current tenant. `largest` is how many bytes one may have."""

    def __init__(self, store: Store, shelf: Shelf[Mailbox], listing: Listing, grants: Grants, *, largest: int) -> None:
        self._store, self._shelf, self._listing, self._grants, self.largest = store, shelf, listing, grants, largest

    async def addressed(self, address: Address) -> tuple[str, str] | None:
        """Tenant and id of the mailbox that takes mail for an address, of any tenant; what follows a `+` may be anything."""
        meant = Address(address.local.partition("+")[0], address.domain)
        found = await self._store.backend.find_one(ADDRESSES, {"_id": meant.key})
        if found is None or not self._grants.allows(found["tenant"], meant):
            return None
        query = {"_id": found["mailbox_id"], "tenant": found["tenant"], "state": State.ENABLED.value}
        mailbox = await self._store.backend.find_one(MAILBOXES, query, {"tenant": 1})
        return (found["tenant"], found["mailbox_id"]) if mailbox is not None else None

    async def receive(self, mailbox_id: str, raw: bytes) -> Document:
        """Takes a message for a named mailbox. Raises `NotFound`, `Invalid` for what is empty or too large, and `Exhausted`."""
        mailbox = await self._shelf.there(mailbox_id)
        if not raw.strip() or len(raw) > self.largest:
            raise Invalid({"raw": f"needs a message of {self.largest} bytes at most"})
        if await self.crowded(mailbox.id):
            raise Exhausted(f"a mailbox takes {MOST_OF_MAILBOX} messages within an hour", HOUR / 6)
        key, row = self._made(mailbox.id, raw)
        await self._stored(key, row, raw)
        if ctx.current().dry_run:
            return {"_id": key, **row}
        return await self.get(mailbox.id, key)

    async def keep(self, mailbox_id: str, raw: bytes) -> str:
        """Stores a message durably, the same again once; says its id. Raises `Unavailable`."""
        key, row = self._made(mailbox_id, raw)
        await self._stored(key, row, raw)
        return key

    async def crowded(self, mailbox_id: str) -> bool:
        """Whether so much came to a mailbox within the hour that more has to wait. Raises `Unavailable`."""
        query = {"mailbox_id": mailbox_id, "receive_time": {"$gt": self._store.clock() - HOUR}}
        return await self._store.count(MAILS, query, limit=MOST_OF_MAILBOX) >= MOST_OF_MAILBOX

    async def get(self, mailbox_id: str, id: str) -> Document:  # noqa: A002 - as its field
        """One message of a mailbox. Raises `NotFound`."""
        mailbox = await self._shelf.there(mailbox_id)
        found = await self._store.find(MAILS, {"_id": id, "mailbox_id": mailbox.id}, limit=1)
        if not found:
            raise NotFound("mail", id)
        return found[0]

    async def page(self, mailbox_id: str, asked: Asked) -> Paged:
        """A page of the messages of a mailbox."""
        among = {"mailbox_id": (await self._shelf.there(mailbox_id)).id}
        return await page_of(self._store, MAILS, self._listing, asked, among=among)

    async def source(self, mailbox_id: str, id: str) -> bytes:  # noqa: A002 - as above
        """A message as it came. Raises `NotFound`."""
        return await self.raw((await self.get(mailbox_id, id))["_id"])

    async def raw(self, id: str) -> bytes:  # noqa: A002 - as above
        """The same by its id alone."""
        found = await self._store.find(SOURCES, {"_id": id}, limit=1)
        if not found:
            raise NotFound("mail", id)
        return bytes(found[0]["raw"])

    async def row(self, id: str) -> Document | None:  # noqa: A002 - as above
        """What is known of a message."""
        found = await self._store.find(MAILS, {"_id": id}, limit=1)
        return found[0] if found else None

    async def note(self, id: str, values: Mapping[str, Any]) -> None:  # noqa: A002 - as above
        """Writes down something about a message that waits."""
        query = self._store.scoped({"_id": id, "state": MailState.PENDING.value})
        await self._store.backend.update_many(MAILS, query, {"$set": dict(values)})

    async def end(
        self,
        id: str,  # noqa: A002 - as above
        state: MailState,
        reason: str = "",
        record: str = "",
        *,
        kept: timedelta = KEPT,
    ) -> None:
        """Says what became of a message, and for how long it is kept as it came from now on, where that is shorter."""
        await self.note(id, {"state": state.value, "reason": reason, "record": record, DUE_FIELD: None})
        if kept < KEPT:
            until = {"$set": {"expire_time": self._store.clock() + kept}}
            await self._store.backend.update_many(SOURCES, self._store.scoped({"_id": id}), until)

    async def mailbox(self, id: str) -> Document:  # noqa: A002 - as above
        """The mailbox of a message, also one that is gone by now."""
        return await self._store.document(Mailbox, id)

    async def recent(self, sender_id: str, since: datetime, most: int) -> int:
        """How many messages of a sender were taken up since and became something, counted up to `most`."""
        query = {"sender_id": sender_id, "begin_time": {"$gt": since}, "state": MailState.DONE.value}
        return await self._store.count(MAILS, query, limit=most)

    async def records(self, mailbox_id: str, message_ids: Sequence[str]) -> dict[str, str]:
        """What messages that came in here became, by their own ids."""
        tenant = ctx.current().tenant
        keys = {mail_id(tenant, mailbox_id, each): each for each in message_ids}
        found = await self._store.find(MAILS, {"_id": {"$in": list(keys)}})
        return {keys[row["_id"]]: row["record"] for row in found if row["record"]}

    async def thread(self, record: str) -> Document | None:
        """How mail about a record goes to and fro: its mailbox and the ids of what came in."""
        found = await self._store.find(THREADS, {"_id": f"{ctx.current().tenant}|{record}"}, limit=1)
        return found[0] if found else None

    async def remember(self, record: str, mailbox_id: str, message: str) -> None:
        """A message belongs to a record from now on."""
        known = await self.thread(record)
        ids = [each for each in (known["references"] if known else []) if each != message]
        values = {
            "mailbox_id": mailbox_id,
            "references": [*ids, *([message] if message else [])][-_REFERENCES_KEPT:],
            "expire_time": self._store.clock() + THREAD_KEPT,
        }
        tenant = ctx.current().tenant
        query = {"_id": f"{tenant}|{record}", "tenant": tenant}
        await self._store.backend.write([Update(THREADS, query, {"$set": values}, strict=False, upsert=True)])

    async def meet(self, contact_id: str, address: Address, name: str) -> None:
        """Remembers whose address a contact is."""
        tenant = ctx.current().tenant
        query = {"_id": f"{tenant}|{contact_id}", "tenant": tenant}
        values = {"address": str(address), "name": name, "expire_time": self._store.clock() + THREAD_KEPT}
        await self._store.backend.write([Update(CONTACTS, query, {"$set": values}, strict=False, upsert=True)])

    async def contact(self, contact_id: str) -> tuple[str, str] | None:
        """Address and name of a contact."""
        found = await self._store.find(CONTACTS, {"_id": f"{ctx.current().tenant}|{contact_id}"}, limit=1)
        return (found[0]["address"], found[0]["name"]) if found else None

    def _made(self, mailbox_id: str, raw: bytes) -> tuple[str, dict[str, Any]]:
        name = _own_id(raw)
        key = mail_id(ctx.current().tenant, mailbox_id, name or hashlib.sha256(raw).hexdigest())
        return key, new_mail(mailbox_id, name, len(raw), self._store.clock())

    async def _stored(self, key: str, row: Mapping[str, Any], raw: bytes) -> None:
        query = {"_id": key, "tenant": ctx.current().tenant}
        source = {"raw": raw, "expire_time": self._store.clock() + KEPT}
        async with self._store.transaction() as tx:
            tx.write(Update(SOURCES, query, {"$setOnInsert": source}, strict=False, upsert=True))
            tx.write(Update(MAILS, query, {"$setOnInsert": dict(row)}, strict=False, upsert=True))


def _own_id(raw: bytes) -> str:
    """What the message calls itself; empty where it says nothing that could be read."""
    try:
        return message_id(head(raw))[:_NAME_LENGTH]
    except Unreadable:
        return ""
