"""Who is told of alerts by webhook: the targets, and a row for each event of an alert and each target that wants it.

Rows are written in the transaction of the event's batch under an id that follows from event and target, so that an event that
comes again tells nobody twice. A row is delivered by `delivering.py`.
"""

import hashlib
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import orjson
from itsm.monitor import v1 as pb

from chassis import context as ctx
from chassis import protojson
from chassis.codec import from_document
from chassis.domain import Ids, new_id
from chassis.events.wire import Envelope
from chassis.listing import Listing
from chassis.outbound import Policy
from chassis.plugins import refuse_unknown
from chassis.store import Store, Update
from services.monitor.domain.notification import (
    NotificationState,
    NotificationTarget,
    TargetEvent,
    signing_key,
    spelled,
)
from services.monitor.domain.pipeline import NOTIFY, Outcome, Step
from services.monitor.domain.signal import AlertKind, Severity
from services.monitor.domain.stages import labelled
from services.monitor.ports import NotifierPlugin
from services.monitor.usecases.evidence import keep
from services.monitor.usecases.mirror import Mirror
from services.monitor.usecases.reading import Document, Paged, Paging, page_of

TARGETS = "notification_targets"
NOTIFICATIONS = "notifications"
DUE_FIELD = "next_due_time"
KEPT = timedelta(days=30)
_CACHED_SECONDS = 1.0


class Targets:
    """The verbs of targets. `etag` is the version that the caller decided on, or empty; `policy` judges addresses, but those
    that one of `plugins` serves."""

    def __init__(
        self,
        store: Store,
        policy: Policy,
        secret: bytes,
        targets: Listing,
        notifications: Listing,
        *,
        plugins: Mapping[str, NotifierPlugin] | None = None,
        ids: Ids = new_id,
    ) -> None:
        self._store, self._policy, self._secret, self._ids = store, policy, secret, ids
        self._plugins = plugins or {}
        self._targets, self._notifications = targets, notifications

    async def create(self, fields: Mapping[str, Any]) -> NotificationTarget:
        """A new target. Raises `Invalid`, also for an address that is never reached."""
        target = NotificationTarget.made(id=self._ids("ntt"), at=self._store.clock(), **fields)
        self._judge(target.url)
        async with self._store.transaction() as tx:
            tx.add(target)
        return target

    async def update(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> NotificationTarget:  # noqa: A002 - as its field
        """Changes named fields. Raises `Invalid`."""
        async with self._store.transaction() as tx:
            target = await tx.get(NotificationTarget, id, etag=etag)
            target.edit(self._store.clock(), **fields)
            self._judge(target.url)
            tx.save(target)
        return target

    def _judge(self, url: str) -> None:
        if not refuse_unknown(url, self._plugins):
            self._policy.check(url)

    async def rotate(self, id: str, *, etag: str = "") -> NotificationTarget:  # noqa: A002 - as above
        """Another signing key from now on."""
        async with self._store.transaction() as tx:
            target = await tx.get(NotificationTarget, id, etag=etag)
            target.rotate(self._store.clock())
            tx.save(target)
        return target

    async def key(self, id: str) -> tuple[str, int]:  # noqa: A002 - as above
        """The signing key as its receiver is given it, and which of the target's keys it is."""
        target = await self._store.get(NotificationTarget, id)
        return spelled(signing_key(self._secret, ctx.current().tenant, target)), target.key_version

    async def target(self, id: str) -> Document:  # noqa: A002 - as above
        """One target, to become a message."""
        return await self._store.document(NotificationTarget, id, naive=True)

    async def targets(self, filter_text: str, order_by: str, paging: Paging) -> Paged:
        """A page of the targets that match."""
        return await page_of(self._store, TARGETS, self._targets, filter_text, order_by, paging)

    async def notifications(self, filter_text: str, order_by: str, paging: Paging) -> Paged:
        """A page of the notifications that match."""
        return await page_of(self._store, NOTIFICATIONS, self._notifications, filter_text, order_by, paging)


class Notifying:
    """Writes the rows. A changed target is heeded within a second."""

    def __init__(self, store: Store, mirror: Mirror, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store, self._mirror, self._monotonic = store, mirror, monotonic
        self._cached: dict[str, tuple[float, list[NotificationTarget]]] = {}

    async def tell(self, what: TargetEvent, event: Any, envelope: Envelope, *, before: Severity | None = None) -> None:
        """An alert's event of a kind that targets may want; inside of the transaction of its batch.

        With the severity that the alert had `before`, only those that did not want it then, and were never told of it.
        """
        alert: pb.Alert = event.alert
        targets = [target for target in await self._targets() if what in target.events]
        if not targets:
            return
        known = await self._mirror.known([alert.asset_id] if alert.asset_id else [])
        name = known[alert.asset_id].name if alert.asset_id in known else ""
        severity = Severity(pb.Alert.Severity.Name(alert.severity))
        wanted = [target for target in targets if target.wants(what, severity, _labels(alert, severity, name))]
        if before is not None and wanted:
            past = _labels(alert, before, name)
            told = await self._store.find(NOTIFICATIONS, {"alert_id": alert.id, "event": what.value})
            heard = {row["target_id"] for row in told}
            wanted = [each for each in wanted if each.id not in heard and not each.wants(what, before, past)]
        if not wanted:
            return
        body, now, tenant = _body(event, envelope), self._store.clock(), ctx.current().tenant
        async with self._store.transaction() as tx:
            for target in wanted:
                key = row_id(tenant, envelope.id, target.id)
                row = {
                    "state": NotificationState.PENDING.value,
                    "event": what.value,
                    "alert_id": alert.id,
                    "target_id": target.id,
                    "attempts": 0,
                    "status": 0,
                    "outcome": "",
                    "body": body,
                    "create_time": now,
                    "expire_time": now + KEPT,
                    DUE_FIELD: now,
                }
                query = {"_id": key, "tenant": tenant}
                tx.write(Update(NOTIFICATIONS, query, {"$setOnInsert": row}, strict=False, upsert=True))
            steps = [
                Step(stage=NOTIFY, outcome=Outcome.NOTIFIED, reason=f"told to {target.name}", reference=_subject(target))
                for target in wanted
            ]
            keep(tx, alert.id, steps, now)

    async def _targets(self) -> list[NotificationTarget]:
        tenant, now = ctx.current().tenant, self._monotonic()
        kept = self._cached.get(tenant)
        if kept is None or now - kept[0] >= _CACHED_SECONDS:
            rows = await self._store.find(TARGETS, {"enabled": True})
            kept = self._cached[tenant] = (now, [from_document(row, NotificationTarget) for row in rows])
        return kept[1]


def row_id(tenant: str, event_id: str, target_id: str) -> str:
    """The id of a notification, the same whenever the event comes."""
    digest = hashlib.blake2b(f"{tenant}|{event_id}|{target_id}".encode(), digest_size=16)
    return f"ntf_{digest.hexdigest()}"


def _subject(target: NotificationTarget) -> str:
    return f"notificationTargets/{target.id}"


def _labels(alert: pb.Alert, severity: Severity, asset_name: str) -> dict[str, str]:
    return labelled(
        alert.labels,
        severity=severity,
        kind=AlertKind(pb.Alert.Kind.Name(alert.kind)),
        alert_source=alert.source,
        alert_title=alert.title,
        asset_id=alert.asset_id,
        asset_name=asset_name,
        team_id=alert.team_id,
        check_id=alert.check_id,
        integration_id=alert.integration_id,
    )


def _body(event: Any, envelope: Envelope) -> bytes:
    """What a receiver is sent: the event as on the live stream, and what it says of itself."""
    about = {"id": envelope.id, "type": envelope.type, "time": envelope.time.isoformat(), "subject": envelope.subject}
    return orjson.dumps(about)[:-1] + b',"data":' + protojson.encode(event) + b"}"
