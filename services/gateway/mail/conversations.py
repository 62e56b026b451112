"""Who answers in a thread: the mailbox that its mail came to, else the tenant's primary one, else the installation.

A mailbox whose address is the tenant's no more is passed over.
"""

from chassis import context as ctx
from chassis.store import Store
from chassis.store.backend import Document
from services.gateway.deliveries.mail import Conversation
from services.gateway.domain.mailbox import State
from services.gateway.mail.addresses import Address
from services.gateway.mail.composing import Identity
from services.gateway.mail.grants import Grants
from services.gateway.mail.roots import Roots
from services.gateway.usecases.mailboxes import MAILBOXES, MOST
from services.gateway.usecases.postbox import Postbox


class Threads:
    """See `deliveries.mail.Conversations`. `identity` is the installation's."""

    def __init__(self, store: Store, postbox: Postbox, identity: Identity, roots: Roots, grants: Grants) -> None:
        self._store, self._postbox, self._identity, self._roots, self._grants = store, postbox, identity, roots, grants

    async def about(self, thread: str) -> Conversation:
        """See `Conversations`."""
        known = await self._postbox.thread(thread) if thread else None
        mailbox = await self._mailbox({"_id": known["mailbox_id"]}) if known else None
        mailbox = mailbox or await self._mailbox({"primary": True})
        sender = Identity(Address.of(mailbox["address"]), mailbox["name"]) if mailbox else self._identity
        ids = (self._roots.of(thread), *(known["references"] if known else ())) if thread else ()
        return Conversation(sender, ids)

    async def _mailbox(self, query: Document) -> Document | None:
        there = {**query, "state": State.ENABLED.value, "delete_time": None}
        found = await self._store.find(MAILBOXES, there, sort=[("create_time", 1)], limit=MOST)
        tenant = ctx.current().tenant
        return next((each for each in found if self._grants.allows(tenant, Address.of(each["address"]))), None)
