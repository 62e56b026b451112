"""Integrations: making, changing and finding them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from chassis.domain import Ids, new_id
from chassis.errors import AlreadyExists
from chassis.store import Store, Transaction
from services.monitor.domain.integration import Integration

INTEGRATIONS = "integrations"
KEY_CLAIM = "integration-key"


class Integrations:
    """What people may do with integrations. `etag` is the version that the caller decided on, or empty."""

    def __init__(self, store: Store, *, ids: Ids = new_id) -> None:
        self._store = store
        self._ids = ids

    async def create(self, fields: Mapping[str, Any]) -> Integration:
        """A new one. Raises `AlreadyExists` with the other's id when its key belongs to another."""
        async with self._store.transaction() as tx:
            integration = Integration.create(self._store.clock(), id=self._ids("itg"), **fields)
            await self._take(tx, integration)
            tx.add(integration)
        return integration

    async def update(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> Integration:  # noqa: A002 - as its field
        """Changes the named fields. Raises `AlreadyExists` as `create` does."""
        async with self._changing(id, etag) as (tx, integration):
            before = integration.key_id
            integration.edit(self._store.clock(), **fields)
            if integration.key_id != before:
                if before:
                    tx.release(KEY_CLAIM, before)
                await self._take(tx, integration)
        return integration

    async def disable(self, id: str, *, etag: str = "") -> Integration:  # noqa: A002 - as above
        """No longer listens to it."""
        async with self._changing(id, etag) as (_, integration):
            integration.disable(self._store.clock())
        return integration

    async def enable(self, id: str, *, etag: str = "") -> Integration:  # noqa: A002 - as above
        """Listens to it again."""
        async with self._changing(id, etag) as (_, integration):
            integration.enable(self._store.clock())
        return integration

    async def of_key(self, key_id: str) -> Integration | None:
        """The integration whose sender shows this token; None where nobody made one for it."""
        found = await self._store.find(INTEGRATIONS, {"key_id": key_id}, limit=1)
        return await self._store.get(Integration, found[0]["_id"]) if found else None

    @asynccontextmanager
    async def _changing(self, id: str, etag: str) -> AsyncIterator[tuple[Transaction, Integration]]:  # noqa: A002 - as above
        async with self._store.transaction() as tx:
            integration = await tx.get(Integration, id, etag=etag)
            yield tx, integration
            tx.save(integration)

    async def _take(self, tx: Transaction, integration: Integration) -> None:
        if not integration.key_id:
            return
        holder = await tx.holder(KEY_CLAIM, integration.key_id)
        if holder is not None:
            raise AlreadyExists("integration", holder, f"this key belongs to the integration {holder}")
        tx.claim(KEY_CLAIM, integration.key_id, integration.id)
