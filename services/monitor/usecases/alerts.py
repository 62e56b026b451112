"""What people and the clock do with alerts: take note, end by hand, let expire; and what incidents say of them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from chassis import context as ctx
from chassis.errors import NotFound
from chassis.store import Store, Transaction, Update
from services.monitor.domain.alert import Alert, Ending, State
from services.monitor.domain.pipeline import BY_HAND, DEDUPLICATE, Outcome, Step
from services.monitor.usecases.evidence import keep
from services.monitor.usecases.intake import ALERTS, OPEN_CLAIM, over

INCIDENT = "incident"
"""The stage that evidence names where an incident took an alert in."""
MERGED_AT_ONCE = 1_000
"""Open alerts of one asset that follow it into another: more would be more than a transaction takes."""


class Alerts:
    """The verbs of alerts. `etag` is the version that the caller decided on, or empty."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def acknowledge(self, id: str, comment: str = "", *, etag: str = "") -> Alert:  # noqa: A002 - as its field
        """Somebody is on it. Raises `ForbiddenMove` when it is over."""
        async with self._changing(id, etag) as (tx, alert):
            fresh = alert.ack_time is None
            alert.acknowledge(self._store.clock(), ctx.current().actor.id)
            if fresh:
                self._say(tx, alert, Outcome.ACKNOWLEDGED, comment or "somebody is on it")
        return alert

    async def resolve(self, id: str, comment: str = "", *, etag: str = "") -> Alert:  # noqa: A002 - as above
        """Ends it by hand; what its sender still says of this episode opens nothing. Raises `ForbiddenMove` when it is over."""
        async with self._changing(id, etag) as (tx, alert):
            now = self._store.clock()
            alert.resolve(Ending.BY_HAND, now, now)
            tx.release(OPEN_CLAIM, alert.fingerprint)
            # Only the starts that were told are over: the sender's clock may be behind ours.
            over(tx, alert.fingerprint, alert.id, alert.latest_start_time, None, now)
            self._say(tx, alert, Outcome.RESOLVED, comment or "ended by hand")
        return alert

    async def expire(self, _tenant: str, id: str) -> None:  # noqa: A002 - as above
        """Ends an alert whose sender fell silent; one that was heard of again meanwhile stays.

        Nobody said that it is over: when the sender comes back, it opens again.
        """
        async with self._changing(id, "") as (tx, alert):
            now, due = self._store.clock(), alert.expire_time
            if not alert.is_open:
                query = {"_id": id, "tenant": ctx.current().tenant, "state": State.RESOLVED.value}
                tx.write(Update(ALERTS, query, {"$set": {"expire_time": None}}, strict=False))  # else it is due for ever
                return
            if due is None or due > now:
                return
            alert.resolve(Ending.EXPIRED, due, now)
            tx.release(OPEN_CLAIM, alert.fingerprint)
            step = Step(stage=DEDUPLICATE, outcome=Outcome.RESOLVED, reason="no signal came until it had to")
            keep(tx, alert.id, [step], now)

    async def prepare(self, alert_ids: Sequence[str]) -> None:
        """Reads ahead, in one question, what `link` will be asked about; most is remembered from a moment ago."""
        async with self._store.transaction() as tx:
            await tx.load(Alert, alert_ids)

    async def link(self, incident_id: str, alert_ids: Sequence[str]) -> None:
        """An incident stands for these alerts; those that are not known are left out."""
        async with self._store.transaction() as tx:
            now = self._store.clock()
            for alert_id in dict.fromkeys(alert_ids):
                try:
                    alert = await tx.get(Alert, alert_id)
                except NotFound:
                    continue
                if alert.incident_id == incident_id:
                    continue
                alert.link(incident_id, now)
                tx.save(alert)
                reference = f"incidents/{incident_id}"
                step = Step(stage=INCIDENT, outcome=Outcome.LINKED, reason="an incident stands for it", reference=reference)
                keep(tx, alert.id, [step], now)

    async def merged(self, before: str, after: str) -> None:
        """Two assets turned out to be one: what is open at the one that ended is about the one that stayed."""
        async with self._store.transaction() as tx:
            for alert in await tx.find(Alert, {"asset_id": before, "end_time": None}, limit=MERGED_AT_ONCE):
                alert.update(self._store.clock(), asset_id=after)
                tx.save(alert)

    def _say(self, tx: Transaction, alert: Alert, outcome: Outcome, reason: str) -> None:
        keep(tx, alert.id, [Step(stage=BY_HAND, outcome=outcome, reason=reason)], self._store.clock())

    @asynccontextmanager
    async def _changing(self, id: str, etag: str) -> AsyncIterator[tuple[Transaction, Alert]]:  # noqa: A002 - as above
        async with self._store.transaction() as tx:
            # Counts and instants are written beside the versions: the database knows them, no memory does.
            await tx.find(Alert, {"_id": id}, limit=1)
            alert = await tx.get(Alert, id, etag=etag)
            yield tx, alert
            tx.save(alert)
