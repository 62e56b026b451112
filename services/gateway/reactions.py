"""What the gateway does when events arrive: it tells webhooks, people and connected systems of them.

The live stream reads the same topics by itself (`tail.py`): it needs what is new, on every process; this needs each event once.
"""

from collections.abc import Mapping
from typing import Any

from chassis.events import Subscriptions
from chassis.events.wire import Envelope
from services.gateway.catalog import types
from services.gateway.sync.sending import Relaying, concerns
from services.gateway.usecases.notifying import Notifying
from services.gateway.usecases.telling import Telling

# Each may be told to all webhooks or connections of a tenant, in one transaction: 100 times 16 KiB for one event.
_AT_ONCE = 50


def webhooks(telling: Telling) -> Subscriptions:
    """The group that hears all events for webhooks. Receivers know an event by its id, and are promised no order."""
    group = Subscriptions("webhooks", ordered=False, gather=0.25, most=_AT_ONCE)

    async def heard(data: Mapping[str, Any], envelope: Envelope) -> None:
        await telling.tell(data, envelope)

    group.on_json(types(), heard)
    return group


def notices(notifying: Notifying) -> Subscriptions:
    """The group that hears all events for people. It promises no order: each notice says what its event says."""
    group = Subscriptions("notices", ordered=False, gather=0.25, most=_AT_ONCE)

    async def heard(data: Mapping[str, Any], envelope: Envelope) -> None:
        await notifying.notify(data, envelope)

    group.on_json(types(), heard)
    return group


def sync(relaying: Relaying) -> Subscriptions:
    """The group that hears of incidents for connections. What is sent is what is so then: order means nothing to it."""
    group = Subscriptions("sync", ordered=False, gather=0.25, most=_AT_ONCE)

    async def heard(data: Mapping[str, Any], envelope: Envelope) -> None:
        await relaying.tell(data, envelope)

    group.on_json([name for name in types() if concerns(name)], heard)
    return group
