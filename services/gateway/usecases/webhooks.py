"""Webhooks: making, changing and finding them."""

from collections.abc import Mapping
from typing import Any

from chassis import context as ctx
from chassis.domain import Ids, new_id, uuid7
from chassis.errors import Invalid
from chassis.listing import Listing
from chassis.outbound import Policy
from chassis.store import Store
from services.gateway.domain.delivery import Channel
from services.gateway.domain.webhook import Webhook, signing_key, spelled, unknown
from services.gateway.ports import Catalog
from services.gateway.usecases.log import Log
from services.gateway.usecases.reading import Asked, Document, Paged
from services.gateway.usecases.shelf import Shelf, rights

WEBHOOKS = "webhooks"
TESTED = "itsm.gateway.v1.WebhookTested"
"""The type of a delivery that tells of nothing."""
MOST = 100
"""How many webhooks a tenant may have: each event is held against all of them."""


class Webhooks:
    """What callers may do with webhooks. `etag` is the version that the caller decided on, or empty.

    `policy` judges addresses, `catalog` knows the events; secrets follow from `master`.
    """

    def __init__(
        self,
        store: Store,
        log: Log,
        listing: Listing,
        *,
        policy: Policy,
        catalog: Catalog,
        master: bytes,
        ids: Ids = new_id,
    ) -> None:
        self._store, self._log, self._shelf = store, log, Shelf(store, Webhook, listing, "webhook")
        self._policy, self._catalog, self._master, self._ids = policy, catalog, master, ids

    async def create(self, fields: Mapping[str, Any]) -> tuple[Webhook, str]:
        """A new one and its secret. Raises `Invalid`, also for an address that is never reached."""
        await self._shelf.require_room(MOST)
        owner, limits = rights()
        webhook = Webhook.made(id=self._ids("whk"), at=self._store.clock(), owner_id=owner, limits=limits, **fields)
        self._judge(webhook)
        async with self._store.transaction() as tx:
            tx.add(webhook)
        return webhook, self._secret(webhook)

    async def update(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> Webhook:  # noqa: A002 - as its field
        """Changes named fields. Raises `Invalid`."""
        async with self._shelf.changing(id, etag) as webhook:
            owner, limits = rights()
            webhook.edit(self._store.clock(), by=owner, limits=limits, **fields)
            self._judge(webhook)
        return webhook

    async def rotate(self, id: str, *, etag: str = "") -> tuple[Webhook, str]:  # noqa: A002 - as above
        """Another secret from now on."""
        async with self._shelf.changing(id, etag) as webhook:
            webhook.rotate(self._store.clock())
        return webhook, self._secret(webhook)

    async def enable(self, id: str, *, etag: str = "") -> Webhook:  # noqa: A002 - as above
        """Tells it of what happens from now on."""
        async with self._shelf.changing(id, etag) as webhook:
            webhook.enable(self._store.clock())
        return webhook

    async def disable(self, id: str, *, etag: str = "") -> Webhook:  # noqa: A002 - as above
        """Tells it of nothing more."""
        async with self._shelf.changing(id, etag) as webhook:
            webhook.disable(self._store.clock())
        return webhook

    async def delete(self, id: str, *, etag: str = "") -> Webhook:  # noqa: A002 - as above
        """It is gone."""
        async with self._shelf.changing(id, etag) as webhook:
            webhook.delete(self._store.clock())
        return webhook

    async def test(self, id: str) -> Document:  # noqa: A002 - as above
        """A delivery that tells of nothing, to a disabled webhook too. Raises `Invalid` in a dry run."""
        webhook = await self._shelf.there(id)
        ctx.refuse_dry_run()
        async with self._store.transaction() as tx:
            delivery = self._log.add(
                tx,
                Channel.WEBHOOK,
                webhook.id,
                event_id=uuid7(),
                event_type=TESTED,
                subject=f"webhooks/{webhook.id}",
                content={"time": self._store.clock(), "data": b'{"test":true}', "version": webhook.version},
            )
        return await self.delivery(webhook.id, delivery)

    async def get(self, id: str) -> Document:  # noqa: A002 - as above
        """One webhook, to become a message. Raises `NotFound`."""
        return await self._shelf.get(id)

    async def page(self, asked: Asked) -> Paged:
        """A page of the webhooks that match."""
        return await self._shelf.page(asked)

    async def deliveries(self, id: str, asked: Asked) -> Paged:  # noqa: A002 - as above
        """A page of what a webhook was told."""
        return await self._log.page(Channel.WEBHOOK, (await self._shelf.there(id)).id, asked)

    async def delivery(self, id: str, delivery_id: str) -> Document:  # noqa: A002 - as above
        """One delivery of a webhook."""
        return await self._log.get(Channel.WEBHOOK, (await self._shelf.there(id)).id, delivery_id)

    async def redeliver(self, id: str, delivery_id: str) -> Document:  # noqa: A002 - as above
        """Delivers again, under the same id."""
        return await self._log.again(Channel.WEBHOOK, (await self._shelf.there(id)).id, delivery_id)

    def _judge(self, webhook: Webhook) -> None:
        self._policy.check(webhook.url)
        if strange := unknown(webhook.event_types, self._catalog.types):
            raise Invalid({"event_types": f"there is no event {', '.join(strange)}"})
        self._catalog.check(webhook.event_types, webhook.filter)

    def _secret(self, webhook: Webhook) -> str:
        """What receivers know us by; empty in a dry run: it would be the secret of whoever rotates for good after it."""
        if ctx.current().dry_run:
            return ""
        return spelled(signing_key(self._master, ctx.current().tenant, webhook.id, webhook.key_version))
