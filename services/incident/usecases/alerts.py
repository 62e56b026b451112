"""Alerts become incidents: one that is open for each key of alerts, resolved when the last of them clears.

All of it runs inside the transaction of a batch of events, so that an incident and the position in the stream move together.
"""

from datetime import timedelta
from typing import Any

from chassis import context as ctx
from chassis.errors import NotFound
from chassis.store import Store, Transaction
from services.incident.domain import alarm as rules
from services.incident.domain.alarm import Alarm, Criticality
from services.incident.domain.incident import Incident, Source
from services.incident.domain.states import State
from services.incident.usecases.assets import Assets
from services.incident.usecases.incidents import OPEN_CLAIM, Incidents

LATEST_CLAIM = "latest-incident"
"""Points from a key of alerts to its youngest incident, open or not."""


class Alerts:
    """What the service desk does about alerts. `grace`: how long after it cleared an alert that returns is the same trouble."""

    def __init__(self, store: Store, incidents: Incidents, assets: Assets, *, grace: timedelta = timedelta(minutes=15)) -> None:
        self._store, self._incidents, self._assets, self._grace = store, incidents, assets, grace

    async def raised(self, alarm: Alarm) -> None:
        """An alert asks for people, or is worse than it was: it joins the open incident of its key, brings a fresh one back,
        or opens one.
        """
        async with self._store.transaction() as tx:
            found = await tx.holder(OPEN_CLAIM, alarm.key)
            if found is None:
                found = await self._returning(tx, alarm)
            if found is None:
                found = await self._open(tx, alarm)
            incident = await self._incidents.hear_alert(found, alarm.id, firing=True)
            urgency = rules.heavier(incident.urgency, rules.urgency(alarm.severity))
            if incident.source is Source.ALERT and urgency is not incident.urgency:
                await self._incidents.update(found, {"urgency": urgency})

    async def cleared(self, alert_id: str, key: str) -> None:
        """An alert is over. The incident is resolved with the last one; one that people have ended is left alone.

        Alerts that the pipeline held back have the same keys, and no incident ever stood for them.
        """
        async with self._store.transaction() as tx:
            found = await tx.holder(OPEN_CLAIM, key) or await tx.holder(LATEST_CLAIM, key)
            if found is None:
                return
            incident = await tx.get(Incident, found)
            if incident.state.is_final or alert_id not in incident.firing_alert_ids:
                return
            incident = await self._incidents.hear_alert(found, alert_id, firing=False)
            if incident.state.is_open and not incident.firing_alert_ids and incident.source is Source.ALERT:
                await self._incidents.resolve(found, rules.CLEARED_CODE, rules.CLEARED_TEXT)

    async def assessed(self, incident_id: str, service_ids: list[str], criticality: Criticality | None) -> None:
        """It is known by now which services suffer. It makes an incident of an alert heavier, never lighter."""
        async with self._store.transaction() as tx:
            try:
                incident = await tx.get(Incident, incident_id)
            except NotFound:
                return
            if not incident.state.is_open or incident.source is not Source.ALERT:
                return
            fields: dict[str, Any] = (
                {"impact": rules.heavier(incident.impact, rules.impact(criticality))} if criticality else {}
            )
            if service_ids and not incident.service_id:
                fields |= {"service_id": service_ids[0]}
            if fields:
                await self._incidents.update(incident_id, fields)

    async def _returning(self, tx: Transaction, alarm: Alarm) -> str | None:
        latest = await tx.holder(LATEST_CLAIM, alarm.key)
        if latest is None:
            return None
        incident = await tx.get(Incident, latest)
        if incident.state is not State.RESOLVED or incident.resolve_time is None:
            return None
        if self._store.clock() - incident.resolve_time > self._grace:
            return None
        await self._incidents.reopen(latest, rules.RETURNED_TEXT)
        return latest

    async def _open(self, tx: Transaction, alarm: Alarm) -> str:
        known = await self._assets.known(alarm.asset_id)
        incident = await self._incidents.open(
            {
                "title": alarm.title,
                "description": alarm.description,
                "source": Source.ALERT,
                "dedup_key": alarm.key,
                "alert_ids": [alarm.id],
                "firing_alert_ids": [alarm.id],
                "asset_ids": [alarm.asset_id] if alarm.asset_id else [],
                "impact": rules.impact(known.criticality),
                "urgency": rules.urgency(alarm.severity),
                "requester_id": ctx.current().actor.id,
            }
        )
        if await tx.holder(LATEST_CLAIM, alarm.key) is not None:
            tx.release(LATEST_CLAIM, alarm.key)
        tx.claim(LATEST_CLAIM, alarm.key, incident.id)
        if team := known.team_id or alarm.team_id:
            await self._incidents.assign(incident.id, team, "")
        return incident.id
