"""Browsers that show notices: naming, finding and forgetting one's own. Nobody reaches one of somebody else."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from chassis import context as ctx
from chassis.domain import uuid7
from chassis.errors import Invalid, NotFound
from chassis.listing import Listing
from chassis.outbound import Policy
from chassis.store import Store
from services.gateway.domain.delivery import Channel
from services.gateway.domain.push_subscription import MOST, PushSubscription, place_of, subscription_id
from services.gateway.templates.shipped import TEST
from services.gateway.usecases.addressing import SUBSCRIPTIONS
from services.gateway.usecases.log import Log
from services.gateway.usecases.reading import Asked, Document, Paged
from services.gateway.usecases.rooms import Addresses
from services.gateway.usecases.shelf import Shelf
from services.gateway.usecases.wording import Wording

BROWSER_TESTED = "itsm.gateway.v1.PushSubscriptionTested"
"""The type of a delivery that tells of nothing."""
_POINT, _SECRET = 65, 16


class Browsers:
    """What callers may do with their browsers; `policy` judges addresses, `key` is what browsers subscribe with."""

    def __init__(
        self,
        store: Store,
        log: Log,
        listing: Listing,
        addresses: Addresses,
        wording: Wording,
        *,
        policy: Policy,
        key: str,
        public_url: str,
        installation: str,
    ) -> None:
        self._store, self._log, self._addresses, self._wording, self._policy = store, log, addresses, wording, policy
        self.key, self._url, self._installation = key, public_url, installation
        self._shelf = Shelf(store, PushSubscription, listing, "pushSubscription")

    async def create(self, endpoint: str, p256dh: str, auth: str, name: str) -> PushSubscription:
        """Has a browser of the caller show notices: also one that was named before. Raises `Invalid`.

        A browser shows them for whoever signed in there last: with somebody else's subscription it would show his.
        """
        target = self._policy.check(endpoint, name="endpoint")
        wrong = {field: why for field, value, size in (("p256dh", p256dh, _POINT), ("auth", auth, _SECRET))
                 if (why := _wrong(value, size))}  # fmt: skip
        if wrong:
            raise Invalid(wrong)
        tenant, caller, now = ctx.current().tenant, ctx.current().actor, self._store.clock()
        owner = caller.id if caller.kind == "user" else ""
        place = place_of(endpoint)
        key = subscription_id(tenant, owner, place)
        mine = {"owner_id": owner, "delete_time": None, "_id": {"$ne": key}}
        if await self._store.count(SUBSCRIPTIONS, mine, limit=MOST) >= MOST:
            raise Invalid({"": f"a person may have {MOST} browsers at most"})
        secret = orjson.dumps({"endpoint": endpoint, "p256dh": p256dh, "auth": auth}).decode()
        async with self._store.transaction() as tx:
            with ctx.use(replace(ctx.current(), scope={})):
                for other in await tx.find(PushSubscription, {"place": place, "delete_time": None, "_id": {"$ne": key}}):
                    other.delete(now)
                    tx.save(other)
                    self._addresses.forget(tx, other.id)
            browser = next(iter(await tx.find(PushSubscription, {"_id": key})), None)
            if browser is None:
                browser = PushSubscription.made(id=key, at=now, owner_id=owner, name=name, host=target.host, place=place)
                tx.add(browser)
            else:
                browser.renew(now, name=name)
                tx.save(browser)
            self._addresses.keep(tx, key, secret)
        return browser

    async def delete(self, id: str, *, etag: str = "") -> PushSubscription:  # noqa: A002 - as its field
        """It shows nothing more. Raises `NotFound`."""
        async with self._store.transaction() as tx, self._shelf.changing(id, etag) as browser:
            _own(browser.owner_id, id)
            browser.delete(self._store.clock())
            self._addresses.forget(tx, browser.id)
        return browser

    async def get(self, id: str) -> Document:  # noqa: A002 - as above
        """One browser, to become a message. Raises `NotFound`."""
        document = await self._shelf.get(id)
        _own(document["owner_id"], id)
        return document

    async def page(self, asked: Asked) -> Paged:
        """A page of the caller's browsers that match."""
        return await self._shelf.page(asked, {"owner_id": ctx.current().actor.id})

    async def test(self, id: str) -> Document:  # noqa: A002 - as above
        """A delivery that tells of nothing. Raises `NotFound`, and `Invalid` in a dry run."""
        browser = await self._shelf.there(id)
        _own(browser.owner_id, id)
        ctx.refuse_dry_run()
        said: Mapping[str, Any] = {"installation": self._installation, "url": self._url, "recipient": {}}
        letter = self._wording.letter({}, TEST, Channel.PUSH, "", said)
        async with self._store.transaction() as tx:
            delivery = self._log.add(
                tx,
                Channel.PUSH,
                browser.id,
                event_id=uuid7(),
                event_type=BROWSER_TESTED,
                subject=f"pushSubscriptions/{browser.id}",
                content={"title": letter.subject, "text": letter.text, "url": self._url, "tag": "test"},
            )
        # What bounds the caller are browsers that are his, and deliveries are nobody's.
        with ctx.use(replace(ctx.current(), scope={})):
            return await self._log.one(delivery)

    async def forget(self, id: str) -> None:  # noqa: A002 - as above
        """Its push service does not know it any more. Nothing happens where it is gone already."""
        async with self._store.transaction() as tx:
            found = await tx.find(PushSubscription, {"_id": id, "delete_time": None})
            for browser in found:
                browser.delete(self._store.clock())
                tx.save(browser)
                self._addresses.forget(tx, browser.id)


def _own(owner_id: str, id: str) -> None:  # noqa: A002 - as above
    if owner_id != ctx.current().actor.id:
        raise NotFound("pushSubscription", id)


def _wrong(value: str, size: int) -> str | None:
    try:
        raw = base64.b64decode(value.rstrip("=").encode("ascii") + b"=" * (-len(value.rstrip("=")) % 4), b"-_", validate=True)
    except (ValueError, binascii.Error):
        raw = b""
    point = size != _POINT or raw[:1] == b"\x04"
    return None if len(raw) == size and point else f"must be {size} bytes in base64url, as a browser's subscription has it"
