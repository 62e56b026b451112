"""Hands events to webhooks: one POST each, signed with every secret that counts, to an address that the policy allows."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import orjson

from chassis import context as ctx
from chassis.codec import from_document
from chassis.domain import Clock
from chassis.errors import Invalid, NotFound
from chassis.outbound import Answer, Failure, Limits, Outbound
from chassis.races import again
from chassis.store import Store
from chassis.store.backend import Document
from services.gateway.deliveries.worker import Outcome
from services.gateway.domain.delivery import RESPONSE_BYTES
from services.gateway.domain.webhook import FAILING, GONE, State, Webhook, signed, signing_key
from services.gateway.ports import Owners, Told
from services.gateway.usecases.health import Health
from services.gateway.usecases.webhooks import TESTED

LIMITS = Limits(connect=5, total=15, body_bytes=4 * RESPONSE_BYTES)
_GONE, _PAUSING = 410, (429, 502, 503, 504)
_LONGEST_WISH = timedelta(hours=24)


class WebhookSender:
    """See `worker.Sender`. `master` is what secrets follow from."""

    def __init__(self, store: Store, outbound: Outbound, owners: Owners, health: Health, master: bytes) -> None:
        self._store, self._outbound, self._owners, self._health, self._master = store, outbound, owners, health, master

    async def send(self, delivery: Document) -> Outcome:
        """See `Sender`."""
        try:
            webhook = from_document(await self._store.document(Webhook, delivery["target_id"]), Webhook)
        except NotFound:
            return _over("the webhook was removed")
        test = delivery["event_type"] == TESTED
        if webhook.delete_time is not None or (webhook.state is not State.ENABLED and not test):
            return _over(f"the webhook is disabled: {webhook.disabled_reason}")
        if not test and not await self._owners.sees(webhook.owner_id, webhook.limits, _event(delivery)):
            return _over("the webhook's owner may not read this any more")
        try:
            self._outbound.policy.check(webhook.url)
        except Invalid as refused:
            return _over("; ".join(refused.violations.values()))
        now, tenant = self._store.clock(), ctx.current().tenant
        keys = [signing_key(self._master, tenant, webhook.id, version) for version in webhook.key_versions(now)]
        body = _body(delivery)
        headers = {
            "content-type": "application/json",
            "user-agent": "itsm-webhooks",
            # Receivers judge the age by it: the real clock, not the one that tests may shift.
            **signed(keys, delivery["event_id"], datetime.now(UTC), body),
        }
        await self._store.failpoints.reached("S11")
        return judged(await self._outbound.send("POST", webhook.url, headers, body), self._store.clock)

    async def settled(self, delivery: Document, outcome: Outcome) -> None:
        """See `Sender`. A test that fails is not counted against the webhook."""
        webhook_id = delivery["target_id"]
        if outcome.delivered:
            await self._health.worked(webhook_id)
        elif outcome.status == _GONE:
            await again(lambda: self._health.disable(webhook_id, GONE))
        elif outcome.retry and delivery["event_type"] != TESTED and await self._health.failed(webhook_id):
            await again(lambda: self._health.disable(webhook_id, FAILING))


def judged(answer: Answer | Failure, clock: Clock) -> Outcome:
    """What an answer says: 2xx is taken, 410 ends it, everything else is tried again, redirects are not followed.

    So is a name that leads inside: what it resolves to may be another address by then.
    """
    if isinstance(answer, Failure):
        return Outcome(False, answer.why)
    status, text = answer.status, _text(answer.body)
    if 200 <= status < 300:
        return Outcome(True, status=status, response=text)
    error = "redirects are not followed" if 300 <= status < 400 else f"answered {status}"
    pause = status in _PAUSING
    after = _wish(answer.headers, clock()) if pause else None
    return Outcome(False, error, status, text, retry=status != _GONE, after=after, pause=pause)


def _over(why: str) -> Outcome:
    return Outcome(False, why, retry=False)


def _body(delivery: Document) -> bytes:
    content = delivery["content"]
    about = orjson.dumps({"type": delivery["event_type"], "timestamp": content["time"]}, option=orjson.OPT_UTC_Z)
    return about[:-1] + b',"data":' + bytes(content["data"]) + b"}"


def _event(delivery: Document) -> Told:
    """The event as far as it was kept, to be looked at by what its owner may read."""
    content = delivery["content"]
    text = bytes(content["data"])
    return Told(
        id=delivery["event_id"],
        type=delivery["event_type"],
        subject=delivery["subject"],
        tenant=delivery["tenant"],
        version=content["version"],
        time=content["time"],
        data=orjson.loads(text),
        text=text,
    )


def _wish(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """What `Retry-After` asks for, in seconds or as an instant; a day at most."""
    told = headers.get("retry-after", "").strip()
    if told.isascii() and told.isdigit() and len(told) < 9:
        return min(timedelta(seconds=int(told)), _LONGEST_WISH)
    try:
        instant = parsedate_to_datetime(told)
    except (ValueError, OverflowError):  # numbers that no date can hold
        return None
    instant = instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
    return min(max(instant - now, timedelta(0)), _LONGEST_WISH)


def _text(body: bytes) -> str:
    """The beginning of an answer as people may be shown it; nothing of what is no text."""
    try:
        text = body[:RESPONSE_BYTES].decode()
    except UnicodeDecodeError as error:
        if error.start < len(body[:RESPONSE_BYTES]) - 3:
            return ""
        text = body[: error.start].decode()
    return "".join(letter for letter in text if letter.isprintable() or letter in "\n\t")
