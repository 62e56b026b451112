"""What the gateway does when events arrive: it tells webhooks of them.

The live stream reads the same topics by itself (`tail.py`): it needs what is new, on every process; this needs each event once.
"""

from collections.abc import Mapping
from typing import Any

from chassis.events import Subscriptions
from chassis.events.wire import Envelope
from services.gateway.catalog import types
from services.gateway.usecases.notifying import Notifying
from services.gateway.usecases.telling import Telling

# Each may be told to all webhooks of a tenant, in one transaction: 100 times 16 KiB for one event.
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
