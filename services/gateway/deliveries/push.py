"""Hands notices to browsers through their push services; a browser that its service does not know any more is forgotten."""

from dataclasses import replace

import orjson

from chassis.errors import Invalid
from chassis.outbound import Outbound
from chassis.races import again
from chassis.store import Store
from chassis.store.backend import Document
from services.gateway.deliveries.chat import settled
from services.gateway.deliveries.webhooks import judged
from services.gateway.deliveries.webpush import LONGEST, Vapid, encrypted
from services.gateway.deliveries.worker import Outcome
from services.gateway.usecases.browsers import Browsers
from services.gateway.usecases.rooms import Addresses

_GONE = (404, 410)
TTL_SECONDS = 24 * 3600
"""For how long a push service keeps it for a browser that is away."""
_TEXT, _TITLE = 500, 120


class PushSender:
    """See `worker.Sender`."""

    def __init__(self, store: Store, outbound: Outbound, addresses: Addresses, browsers: Browsers, vapid: Vapid) -> None:
        self._store, self._outbound, self._addresses = store, outbound, addresses
        self._browsers, self._vapid = browsers, vapid

    async def send(self, delivery: Document) -> Outcome:
        """See `Sender`."""
        secret = await self._addresses.of(delivery["target_id"])
        if secret is None:
            return Outcome(False, "the browser was removed, or its address cannot be read any more", retry=False)
        known = orjson.loads(secret)
        try:
            self._outbound.policy.check(known["endpoint"])
            body = encrypted(message(delivery), known["p256dh"], known["auth"])
        except Invalid as refused:
            return Outcome(False, "; ".join(refused.violations.values()), retry=False)
        except ValueError:
            return Outcome(False, "the browser's keys are none", retry=False)
        headers = {
            "authorization": self._vapid.authorization(known["endpoint"]),
            "content-encoding": "aes128gcm",
            "content-type": "application/octet-stream",
            "ttl": str(TTL_SECONDS),
            "urgency": "high" if delivery["content"].get("urgent") else "normal",
            # Sent twice it is shown once, where the browser is away meanwhile.
            "topic": delivery["_id"].removeprefix("dlv_")[:32],
        }
        outcome = judged(await self._outbound.send("POST", known["endpoint"], headers, body), self._store.clock)
        if outcome.status in _GONE:
            return replace(outcome, retry=False, error="its push service does not know the browser any more")
        return settled(outcome)

    async def settled(self, delivery: Document, outcome: Outcome) -> None:
        """See `Sender`."""
        if outcome.status in _GONE:
            await again(lambda: self._browsers.forget(delivery["target_id"]))


def message(delivery: Document) -> bytes:
    """What the browser shows: as little as says what it is about, for it is read on locked screens."""
    content = delivery["content"]
    said = {
        "id": delivery["_id"],
        "title": content["title"][:_TITLE],
        "body": content["text"][:_TEXT],
        "url": content["url"],
        "tag": content["tag"],
    }
    text = orjson.dumps(said)
    return text if len(text) <= LONGEST else orjson.dumps({**said, "body": ""})
