"""Mail that did not arrive: what a server says of it later is written into the log of the delivery."""

from typing import Any

from chassis.listing.fields import duration_text
from chassis.store import Store
from services.gateway.deliveries.mail import said
from services.gateway.domain.delivery import ATTEMPTS_KEPT, Channel, DeliveryState
from services.gateway.mail.reading import Bounce
from services.gateway.usecases.log import DELIVERIES, DUE_FIELD


class Bounces:
    """Deliveries of the current tenant that came back. Only one that a server had taken can have failed since."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def heard(self, bounce: Bounce) -> tuple[str, str]:
        """Marks what came back; says what it was about, in words and as a record."""
        query: dict[str, Any] = {"_id": {"$in": list(bounce.deliveries)}, "channel": Channel.MAIL.value}
        found = await self._store.find(DELIVERIES, query)
        if not found:
            return "a bounce of nothing that we know", ""
        row = found[0]
        if not bounce.final:
            return f"a server is late with {row['_id']}", row["subject"]
        now = self._store.clock()
        attempt = {
            "time": now,
            "status": 550,
            "latency": duration_text(now - now),
            "error": f"it came back: {bounce.status or 'refused'}",
            "response": said(bounce.words),
        }
        update = {
            "state": DeliveryState.FAILED.value,
            "attempts": [*row["attempts"], attempt][-ATTEMPTS_KEPT:],
            DUE_FIELD: None,
        }
        taken = {"_id": row["_id"], "state": DeliveryState.DELIVERED.value}
        await self._store.backend.update_many(DELIVERIES, self._store.scoped(taken), {"$set": update})
        return f"a bounce of {row['_id']}", row["subject"]
