"""Tenants for demonstration, known by their name alone: what is told of them may be dated back, and all of it goes at once.

A history that looks like one has to be told in an afternoon. A caller of such a tenant says with each write when it is to
have happened; nobody else may say so. What is due of it waits until the telling is over: else a request of last month would
be late before it is answered a moment later (chassis/telling.py).

Fails: `told` with `Invalid` for any other tenant, and for an instant that is none or yet to come.
"""

from dataclasses import replace
from datetime import UTC, datetime

from chassis import context as ctx
from chassis.domain import Clock
from chassis.errors import Invalid

TIME_KEY = "itsm-time"
"""In the metadata of a call: when it is to have happened, as in RFC 3339."""

_NAME = "demo"


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
