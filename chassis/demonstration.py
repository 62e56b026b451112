"""Tenants for demonstration, known by their name alone: what is told of them may be dated back, and all of it goes at once.

A history that looks like one has to be told in an afternoon. A caller of such a tenant says with each write when it is to
have happened; nobody else may say so. What is due of it waits until the telling is over: else a request of last month would
be late before it is answered a moment later. That it is being told stands in the database before the first of it is written,
so that every process of the service rests.

Fails: `told` with `Invalid` for any other tenant, and for an instant that is none or yet to come.
"""

import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from chassis import context as ctx
from chassis.domain import Clock
from chassis.errors import Invalid
from chassis.store.backend import Backend, Update

TIME_KEY = "itsm-time"
"""In the metadata of a call: when it is to have happened, as in RFC 3339."""

TELLING = "telling"
"""One document a tenant: until when, in milliseconds since 1970, what is due of it rests."""

_NAME = "demo"
_QUIET_SECONDS, _NOTED_SECONDS = 20.0, 5.0


def is_one(tenant: str) -> bool:
    """Whether a tenant is for demonstration: it is called `demo`, or `demo-` and something."""
    return tenant == _NAME or tenant.startswith(f"{_NAME}-")


def told(tenant: str, text: str, now: datetime) -> datetime | None:
    """The instant that a call is dated back to; none where it is not. Raises `Invalid`."""
    if not text:
        return None
    if not is_one(tenant):
        raise Invalid(
            {TIME_KEY: "only what happens in a tenant for demonstration can be dated back"}, reason="NO_DEMONSTRATION"
        )
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Invalid({TIME_KEY: "must be an instant such as 2026-03-02T09:30:00Z"}) from error
    if at.tzinfo is None or at > now:
        raise Invalid({TIME_KEY: "must have a zone and be past"})
    return at.astimezone(UTC).replace(microsecond=at.microsecond // 1000 * 1000)


class Telling:
    """Which tenants are being told their history, as all processes of a service know it. Raises `Unavailable`."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._noted: dict[str, float] = {}

    async def note(self, tenant: str) -> None:
        """It is, from now on for a while: durable when it returns, so that it goes before what is dated back."""
        now = time.monotonic()
        if now - self._noted.get(tenant, now - _NOTED_SECONDS) < _NOTED_SECONDS:
            return
        until = {"$max": {"until": int((time.time() + _QUIET_SECONDS + _NOTED_SECONDS) * 1000)}}
        await self._backend.write([Update(TELLING, {"_id": tenant, "tenant": tenant}, until, strict=False, upsert=True)])
        self._noted[tenant] = now

    async def resting(self, tenants: Iterable[str]) -> set[str]:
        """Those of these tenants whose history is being told. Asks the database about tenants for demonstration alone."""
        asked = sorted({tenant for tenant in tenants if is_one(tenant)})
        if not asked:
            return set()
        query = {"_id": {"$in": asked}, "tenant": {"$in": asked}, "until": {"$gt": int(time.time() * 1000)}}
        return {row["_id"] for row in await self._backend.find(TELLING, query)}


def undated(clock: Clock) -> datetime:
    """What a clock says whatever the call is dated back to: for what the database removes, which goes by its own."""
    context = ctx.current_or_none()
    if context is None or context.time is None:
        return clock()
    with ctx.use(replace(context, time=None)):
        return clock()


class ToldClock:
    """A clock, but for a call that is dated back the instant that it is dated to."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(self) -> datetime:
        context = ctx.current_or_none()
        return context.time if context is not None and context.time is not None else self._clock()
