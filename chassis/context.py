"""Who is asking, for which tenant, why: one frozen object in one context variable. Nothing else is ambient.

Fails with `LookupError` when code that needs a caller runs outside of a request or a handler: a defect, never a default.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from chassis.errors import Invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Someone or something that acts. `id` is opaque (never a name or mail); `kind` is `user`, `service` or `system`."""

    id: str
    kind: str = "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a use case may know about its caller.

    `scope` is the row scope of the caller: a Mongo filter over the stored fields, ANDed into each query beside the tenant.
    `request_id` is the caller's idempotency key, empty when none was given. `token` is passed on to other services.
    `dry_run` says that the call only shows what it would do: no transaction of it is written (docs/decisions/027-manners.md).
    `attended`, `auth_time` and `acr` tell how the caller signed in (chassis/proof.py); `credential` is the id of the token made
    beforehand that the caller came with instead. `time` is when the call is to have happened, where it is dated back
    (chassis/demonstration.py).
    """

    tenant: str
    actor: Actor
    act: str = ""
    roles: frozenset[str] = frozenset()
    permissions: frozenset[str] = frozenset()
    scope: Mapping[str, Any] = field(default_factory=dict)
    request_id: str = ""
    request_hash: str = ""
    dry_run: bool = False
    correlation_id: str = ""
    causation_id: str = ""
    trace: str = ""
    token: str = ""
    auth_time: int = 0
    acr: str = ""
    attended: bool = False
    credential: str = ""
    time: datetime | None = None

    def caused_by(self, event_id: str, correlation_id: str) -> Self:
        """This context for work that an event brought about."""
        return replace(self, causation_id=event_id, correlation_id=correlation_id)


_current: ContextVar[Context] = ContextVar("itsm_context")


def current() -> Context:
    """The context of the running request or handler."""
    return _current.get()


def current_or_none() -> Context | None:
    """The same for logs and spans, which also run outside of requests."""
    return _current.get(None)


@contextmanager
def use(context: Context) -> Iterator[Context]:
    """Makes `context` the current one inside the block."""
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)


def refuse_dry_run() -> None:
    """For what no transaction takes back, such as a message that is sent. Raises `Invalid` in a dry run."""
    context = _current.get(None)
    if context is not None and context.dry_run:
        raise Invalid({"dryRun": "this cannot be tried: its effects are not only in records"}, reason="DRY_RUN_IMPOSSIBLE")
