"""What the stages need to know about a batch of alerts, in a handful of questions; and the histories that it leaves behind."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

from chassis import context as ctx
from chassis.codec import from_document
from chassis.store import Store, Transaction, Update
from services.monitor.domain import stages
from services.monitor.domain.alert import DOWN, Alert, State, SuppressionReason
from services.monitor.domain.dependency import Fault, Topology, causes
from services.monitor.domain.flapping import BITS, History
from services.monitor.domain.maintenance import MaintenanceWindow
from services.monitor.domain.pipeline import Situation
from services.monitor.domain.signal import AlertKind, AssetHint
from services.monitor.domain.silence import Silence
from services.monitor.domain.spell import Spell
from services.monitor.ports import Batch
from services.monitor.usecases.intake import ALERTS
from services.monitor.usecases.mirror import Mirror

HISTORIES = "alert_histories"
SILENCES = "silences"
WINDOWS = "maintenance_windows"
LOOK_FIELD = "look_time"
"""When the pipeline looks again at an alert that it keeps from people; written beside the versions."""
LOOK_AGAIN = timedelta(minutes=10)
"""The longest that it does not look: whatever should have told it that a reason is gone may have failed."""


@dataclass(frozen=True, slots=True)
class _Quiet:
    """What was set up to keep alerts from people, as of a stamp."""

    stamp: int
    silences: Sequence[Silence]
    windows: Sequence[MaintenanceWindow]

    def at(self, now: datetime) -> tuple[list[Silence], list[MaintenanceWindow]]:
        """What of it holds now."""
        return [each for each in self.silences if each.lasts(now)], [each for each in self.windows if each.lasts(now)]


class LiveSituations:
    """Knows the situation. `hold` is how long alerts wait for a cause, `interval` one step of flapping."""

    def __init__(self, store: Store, mirror: Mirror, *, hold: timedelta, interval: timedelta) -> None:
        self._store, self._mirror = store, mirror
        self.hold, self.interval = hold, interval
        self._quiet: dict[str, _Quiet] = {}

    async def load(self, alerts: Sequence[Alert], hints: Mapping[str, AssetHint], now: datetime) -> Situation:
        """See `Situations`. Alerts without a hint are known already and were placed before."""
        if not alerts:
            return Situation(now=now, hold=self.hold)
        names, stamps, histories = await asyncio.gather(
            self._place(alerts, hints), self._mirror.stamps(), self._histories(alerts, now)
        )
        asked = {alert.asset_id for alert in alerts if alert.asset_id}
        topology = await self._mirror.topology(stamps)
        silences, windows = (await self._set_up(stamps.get("quiet", 0), now)).at(now)
        found, over = await self._causes(topology, asked, alerts, now)
        missing = {fault.asset_id for fault in found.values()} - names.keys()
        return Situation(
            now=now,
            hold=self.hold,
            maintained=_maintained(windows, topology, asked),
            silences=silences,
            ends=_ends("silences", silences, now) | _ends("maintenanceWindows", windows, now) | over,
            causes=found,
            depending=frozenset(each for each in asked if topology.depends(each)),
            names=names | {each.asset_id: each.name for each in (await self._mirror.known(missing)).values()},
            histories=histories,
        )

    async def after(self, tx: Transaction, batch: Batch, situation: Situation) -> None:
        """Called inside of each batch of signals: keeps histories, and when to look again at what is kept from people."""
        for alert in batch.opened:
            if alert.suppression is not None:
                tx.write(look_at(alert.id, self.next_look(alert, situation)))
        ended = {alert.fingerprint: alert for alert in batch.resolved}
        stored = await self._stored(ended)
        for fingerprint, alert in ended.items():
            # The beginning follows from the alert while it is open, so that only its end is written down.
            begun = self._begun(stored.get(fingerprint, History()), alert, situation.now)
            until = min(alert.end_time or situation.now, situation.now)
            tx.write(self._kept(fingerprint, begun.heard(False, until, self.interval), situation.now))

    def next_look(self, alert: Alert, situation: Situation) -> datetime:
        """When to look again at an alert that is kept from people."""
        latest = situation.now + LOOK_AGAIN
        if alert.suppression is None:
            return latest
        history = situation.histories.get(alert.fingerprint)
        if alert.suppression.reason is SuppressionReason.FLAPPING and history is not None:
            return min(latest, history.calm_at(self.interval))
        return min(latest, situation.ends.get(alert.suppression.reference, latest))

    async def _place(self, alerts: Sequence[Alert], hints: Mapping[str, AssetHint]) -> dict[str, str]:
        """Says which assets the alerts are about, and whose they are; the names of these assets."""
        placed = [hints.get(alert.id) or AssetHint(asset_id=alert.asset_id) for alert in alerts]
        names: dict[str, str] = {}
        for alert, known in zip(alerts, await self._mirror.locate(placed), strict=True):
            if known is None:
                continue
            names[known.asset_id] = known.name
            if alert.id in hints:
                alert.asset_id, alert.team_id = known.asset_id, known.team_id or alert.team_id
        return names

    async def _set_up(self, stamp: int, now: datetime) -> "_Quiet":
        """The silences and windows that are not over, read again only when one has changed."""
        tenant = ctx.current().tenant
        kept = self._quiet.get(tenant)
        if kept is None or kept.stamp != stamp:
            lasting = {"end_time": {"$gt": now}}
            silences, windows = await asyncio.gather(self._store.find(SILENCES, lasting), self._store.find(WINDOWS, lasting))
            kept = self._quiet[tenant] = _Quiet(
                stamp,
                [from_document(row, Silence) for row in silences],
                [from_document(row, MaintenanceWindow) for row in windows],
            )
        return kept

    async def _causes(
        self, topology: Topology, asked: set[str], alerts: Sequence[Alert], now: datetime
    ) -> tuple[dict[str, Fault], dict[str, datetime]]:
        """Why assets fail; and until when causes that are over count: one hold, as their consequences need time to end too."""
        depending = {each for each in asked if topology.depends(each)}
        if not depending:
            return {}, {}
        query = {
            "asset_id": {"$in": sorted(depending | topology.above(depending))},
            "kind": AlertKind.AVAILABILITY.value,
            "severity": {"$in": [severity.value for severity in DOWN]},
            "end_time": {"$not": {"$lte": now - self.hold}},
        }
        # Only these fields: in a storm there are many.
        fields = {"asset_id": 1, "start_time": 1, "route_time": 1, "end_time": 1, "update_time": 1}
        found = await self._store.backend.find(ALERTS, self._store.scoped(query), projection=fields)
        # By a sender's clock an end may lie ahead; a cause counts no longer than one hold after we heard of its end.
        ends = {row["_id"]: min(row["end_time"], row["update_time"]) for row in found if row["end_time"] is not None}
        rows = [row for row in found if row["_id"] not in ends or ends[row["_id"]] > now - self.hold]
        kept = (
            Fault(row["asset_id"], f"alerts/{row['_id']}", row["start_time"], told=row["route_time"] is not None)
            for row in rows
        )
        down = (stages.fault(each) for each in alerts if each.state is not State.RESOLVED and stages.is_down(each))
        over = {f"alerts/{row['_id']}": ends[row["_id"]] + self.hold for row in rows if row["_id"] in ends}
        return causes(topology, chain(kept, down), depending), over

    async def _histories(self, alerts: Sequence[Alert], now: datetime) -> dict[str, History]:
        """How often these came and went, with what the alerts tell, which are open."""
        found = await self._stored({alert.fingerprint for alert in alerts})
        for alert in alerts:
            begun = self._begun(found.get(alert.fingerprint, History()), alert, now)
            found[alert.fingerprint] = begun.at(now, self.interval)
        return found

    def _begun(self, history: History, alert: Alert, now: datetime) -> History:
        return history.heard(True, min(alert.start_time, now), self.interval)

    async def _stored(self, fingerprints: Iterable[str]) -> dict[str, History]:
        tenant = ctx.current().tenant
        keys = [f"{tenant}|{each}" for each in fingerprints]
        rows = await self._store.find(HISTORIES, {"_id": {"$in": keys}}) if keys else []
        return {
            row["fingerprint"]: History(bits=row["bits"], slot=row["slot"], open=row["open"], flapping=row["flapping"])
            for row in rows
        }

    def _kept(self, fingerprint: str, history: History, now: datetime) -> Update:
        tenant = ctx.current().tenant
        row = {
            "fingerprint": fingerprint,
            "bits": history.bits,
            "slot": history.slot,
            "open": history.open,
            "flapping": history.flapping,
            "expire_time": now + (2 * BITS) * self.interval,
        }
        return Update(HISTORIES, {"_id": f"{tenant}|{fingerprint}", "tenant": tenant}, {"$set": row}, strict=False, upsert=True)


def look_at(alert_id: str, when: datetime | None) -> Update:
    """Says when the pipeline looks at an alert again; None: no more."""
    query = {"_id": alert_id, "tenant": ctx.current().tenant}
    return Update(ALERTS, query, {"$set": {LOOK_FIELD: when}}, strict=False)


def _ends(plural: str, spells: Sequence[Spell], now: datetime) -> dict[str, datetime]:
    found = ((f"{plural}/{spell.id}", spell.next_end(now)) for spell in spells)
    return {reference: end for reference, end in found if end is not None}


def _maintained(windows: Sequence[MaintenanceWindow], topology: Topology, asked: set[str]) -> dict[str, str]:
    """Which assets are under maintenance, or fail because others are, and by which window."""
    if not windows:
        return {}
    wide = [
        Fault(asset, f"maintenanceWindows/{window.id}", window.start_time)
        for window in windows
        if window.include_dependents
        for asset in window.asset_ids
    ]
    found = {asset: fault.reference for asset, fault in causes(topology, wide, asked).items()}
    for window in windows:
        found |= dict.fromkeys(asked.intersection(window.asset_ids), f"maintenanceWindows/{window.id}")
    return found
