"""Rules of who is told: making, changing and finding them. Those of the platform are written down for each tenant once."""

import asyncio
import hashlib
from collections.abc import Mapping
from contextvars import Context as Surroundings
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from chassis import context as ctx
from chassis.codec import from_document
from chassis.context import Actor, Context
from chassis.domain import Ids, new_id
from chassis.errors import Invalid
from chassis.listing import Listing
from chassis.races import again
from chassis.store import Store
from services.gateway.domain.notification_rule import NAMED, NotificationRule
from services.gateway.domain.shipped_rules import SHIPPED
from services.gateway.domain.webhook import unknown
from services.gateway.ports import Catalog
from services.gateway.usecases.reading import Asked, Document, Paged
from services.gateway.usecases.shelf import Shelf, rights

RULES = "notification_rules"
MOST = 200
"""How many rules a tenant may have: each event is held against all of them."""
LOOKING_BACK = timedelta(minutes=15)
"""How old an event may be when it is the first that a tenant's shipped rules hear of."""


class Rules:
    """What callers may do with rules. `etag` is the version that the caller decided on, or empty."""

    def __init__(self, store: Store, listing: Listing, catalog: Catalog, *, ids: Ids = new_id) -> None:
        self._store, self._catalog, self._ids = store, catalog, ids
        self._shelf = Shelf(store, NotificationRule, listing, "notificationRule")
        self._known: dict[str, tuple[datetime, list[NotificationRule]]] = {}
        self._prepared: set[str] = set()

    async def create(self, fields: Mapping[str, Any]) -> NotificationRule:
        """A new one. Raises `Invalid`."""
        await self._prepare()
        await self._shelf.require_room(MOST)
        owner, limits = rights()
        rule = NotificationRule.made(
            id=self._ids("ntr"), at=self._store.clock(), owner_id=owner, limits=limits, **_given(fields)
        )
        await self._judge(rule)
        async with self._store.transaction() as tx:
            tx.add(rule)
        return rule

    async def update(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> NotificationRule:  # noqa: A002 - as its field
        """Changes named fields. Raises `Invalid`."""
        await self._prepare()
        async with self._shelf.changing(id, etag) as rule:
            owner, limits = rights()
            rule.edit(self._store.clock(), by=owner, limits=limits, **_given(fields))
            await self._judge(rule)
        return rule

    async def delete(self, id: str, *, etag: str = "") -> NotificationRule:  # noqa: A002 - as above
        """It is gone."""
        await self._prepare()
        async with self._shelf.changing(id, etag) as rule:
            rule.delete(self._store.clock())
        return rule

    async def get(self, id: str) -> Document:  # noqa: A002 - as above
        """One rule, to become a message. Raises `NotFound`."""
        await self._prepare()
        return await self._shelf.get(id)

    async def there(self, id: str) -> NotificationRule:  # noqa: A002 - as above
        """The same as what it is."""
        await self._prepare()
        return await self._shelf.there(id)

    async def page(self, asked: Asked) -> Paged:
        """A page of the rules that match."""
        await self._prepare()
        return await self._shelf.page(asked)

    async def known(self, at: datetime) -> list[NotificationRule]:
        """Those of the current tenant as they were after `at`, in their order."""
        tenant = ctx.current().tenant
        known = self._known.get(tenant)
        if known is None or known[0] <= at:
            await self._prepare()
            now = self._store.clock()
            rows = await self._store.find(RULES, {"enabled": True, "delete_time": None})
            rules = [from_document(row, NotificationRule) for row in rows]
            known = self._known[tenant] = (now, sorted(rules, key=lambda rule: (rule.order, rule.id)))
        return known[1]

    async def forget(self, tenant: str) -> None:
        """Lets go of a tenant's rules; those of the platform are written down again when they are asked for."""
        self._known.pop(tenant, None)
        self._prepared.discard(tenant)

    async def _prepare(self) -> None:
        """Writes down the rules of the platform that this tenant has not seen yet, in a transaction and name of its own."""
        tenant = ctx.current().tenant
        if tenant not in self._prepared:
            await asyncio.get_running_loop().create_task(again(lambda: self._write_shipped(tenant)), context=Surroundings())
            self._prepared.add(tenant)

    async def _write_shipped(self, tenant: str) -> None:
        actor = Actor(id="itsm-gateway", kind="service")
        with ctx.use(Context(tenant=tenant, actor=actor, correlation_id=uuid4().hex)):
            rows = await self._store.find(RULES, {"shipped": {"$in": list(SHIPPED)}})
            there, now = {row["shipped"] for row in rows}, self._store.clock()
            async with self._store.transaction() as tx:
                for name, fields in SHIPPED.items():
                    if name not in there:
                        more = {**fields, "shipped": name, "enable_time": now - LOOKING_BACK}
                        tx.add(NotificationRule.made(id=shipped_id(tenant, name), at=now, owner_id="", limits=[], **more))

    async def _judge(self, rule: NotificationRule) -> None:
        if strange := unknown(rule.event_types, self._catalog.types):
            raise Invalid({"event_types": f"there is no event {', '.join(strange)}"})
        self._catalog.check(rule.event_types, rule.filter)
        if nobody := [each for each in rule.recipients if not self._catalog.holds(rule.event_types, NAMED[each])]:
            raise Invalid({"recipients": f"the records of these events name no {', '.join(nobody)}"})
        if rule.room_ids:
            rows = await self._store.find("chat_rooms", {"_id": {"$in": rule.room_ids}, "delete_time": None})
            if missing := sorted(set(rule.room_ids) - {row["_id"] for row in rows}):
                raise Invalid({"room_ids": f"there is no room {', '.join(missing)}"})


def shipped_id(tenant: str, name: str) -> str:
    """The id of a rule of the platform in a tenant."""
    return f"ntr_{hashlib.blake2b(f'{tenant}|{name}'.encode(), digest_size=16).hexdigest()}"


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What a caller named; whether it is enabled cannot be left open."""
    return {name: value for name, value in fields.items() if not (name == "enabled" and value is None)}
