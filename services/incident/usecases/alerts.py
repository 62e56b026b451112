"""Alerts become incidents: one that is open for each key of alerts, resolved when the last of them clears.

All of it runs inside the transaction of a batch of events, so that an incident and the position in the stream move together.
Which incident stands for an alert that fires is a claim of the alert, so that an incident counts as many as there are.
"""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from chassis import context as ctx
from chassis.errors import Busy, NotFound
from chassis.store import Store, Transaction
from services.incident.domain import alarm as rules
from services.incident.domain.alarm import Alarm, Criticality
from services.incident.domain.incident import Incident, Source
from services.incident.domain.priority import heavier
from services.incident.domain.states import State
from services.incident.usecases.assets import Assets
from services.incident.usecases.incidents import LATEST_CLAIM, OPEN_CLAIM, Incidents

FIRING_CLAIM = "firing-alert"
"""Points from an alert that fires to the incident that stands for it."""


class Alerts:
    """What the service desk does about alerts. `grace`: how long after it cleared an alert that returns is the same trouble."""

    def __init__(self, store: Store, incidents: Incidents, assets: Assets, *, grace: timedelta = timedelta(minutes=15)) -> None:
        self._store, self._incidents, self._assets, self._grace = store, incidents, assets, grace

    async def prepare(self, raised: Collection[Alarm], cleared: Collection[str], incident_ids: Collection[str]) -> None:
        """Asks in three questions what a batch will ask: of alarms, of alerts that are over and of incidents, both by id."""
        keys = dict.fromkeys(alarm.key for alarm in raised)
        asked = [
            *((kind, key) for key in keys for kind in (OPEN_CLAIM, LATEST_CLAIM)),
            *((FIRING_CLAIM, alert_id) for alert_id in (*(alarm.id for alarm in raised), *cleared)),
        ]
        async with self._store.transaction() as tx:
            held = await tx.holders(asked)
            concerned = {*held.values(), *incident_ids}
            if concerned:
                # As they are stored: one that is only read and not changed must not come from memory.
                await tx.find(Incident, {"_id": {"$in": sorted(concerned)}})
            await self._assets.prepare({alarm.asset_id for alarm in raised if (OPEN_CLAIM, alarm.key) not in held})

    async def raised(self, alarm: Alarm) -> None:
        """An alert asks for people, or is worse than it was: it joins the open incident of its key, brings a fresh one back,
        or opens one. Raises `Busy` where that incident was resolved between the question for it and the one that reads it.
        """
        urgency = rules.urgency(alarm.severity)
        async with self._store.transaction() as tx:
            open_one = await tx.holder(OPEN_CLAIM, alarm.key)
            if open_one and not (await tx.get(Incident, open_one)).state.is_open:
                # The claim is of before and the incident of after: what it says now would pass every compare-and-set.
                raise Busy("the incident was resolved meanwhile")
            found = open_one or await self._returning(tx, alarm)
            before = await tx.holder(FIRING_CLAIM, alarm.id)
            newly = before is None or before != found
            if before is not None and newly:
                await self._over(tx, alarm.id, before)
            if found is None:
                found = await self._open(alarm)
            elif open_one:
                await self._incidents.hear_alert(found, alarm.id, urgency, newly=newly)
            else:
                await self._incidents.come_back(found, alarm.id, urgency, rules.RETURNED_TEXT, newly=newly)
            if newly:
                tx.claim(FIRING_CLAIM, alarm.id, found)

    async def cleared(self, alert_id: str) -> None:
        """An alert is over. The incident is resolved with the last one; one that people have ended is left alone.

        No incident ever stood for an alert that the pipeline held back.
        """
        async with self._store.transaction() as tx:
            found = await tx.holder(FIRING_CLAIM, alert_id)
            if found is not None:
                await self._over(tx, alert_id, found)

    async def assessed(self, incident_id: str, service_ids: list[str], criticality: Criticality | None) -> None:
        """It is known by now which services suffer. It makes an incident of an alert heavier, never lighter."""
        async with self._store.transaction() as tx:
            try:
                incident = await tx.get(Incident, incident_id)
            except NotFound:
                return
            if not incident.state.is_open or incident.source is not Source.ALERT:
                return
            fields: dict[str, Any] = {"impact": heavier(incident.impact, rules.impact(criticality))} if criticality else {}
            if service_ids and not incident.service_id:
                fields |= {"service_id": service_ids[0]}
            if fields:
                await self._incidents.update(incident_id, fields)

    async def _over(self, tx: Transaction, alert_id: str, incident_id: str) -> None:
        tx.release(FIRING_CLAIM, alert_id)
        incident = await tx.get(Incident, incident_id)
        while incident.merged_into_id:  # which was open when it took this one in, so there is no circle
            incident = await tx.get(Incident, incident.merged_into_id)
        if not incident.state.is_final:
            await self._incidents.alert_cleared(incident.id, rules.CLEARED_CODE, rules.CLEARED_TEXT)

    async def _returning(self, tx: Transaction, alarm: Alarm) -> str | None:
        latest = await tx.holder(LATEST_CLAIM, alarm.key)
        if latest is None:
            return None
        incident = await tx.get(Incident, latest)
        if incident.state is not State.RESOLVED or incident.resolve_time is None:
            return None
        return latest if self._store.clock() - incident.resolve_time <= self._grace else None

    async def _open(self, alarm: Alarm) -> str:
        known = await self._assets.known(alarm.asset_id)
        team = known.team_id or alarm.team_id
        incident = await self._incidents.open(
            {
                "title": alarm.title,
                "description": alarm.description,
                "source": Source.ALERT,
                "state": State.ASSIGNED if team else State.NEW,
                "team_id": team,
                "dedup_key": alarm.key,
                "alert_ids": [alarm.id],
                "firing_alert_count": 1,
                "asset_ids": [alarm.asset_id] if alarm.asset_id else [],
                "impact": rules.impact(known.criticality),
                "urgency": rules.urgency(alarm.severity),
                "requester_id": ctx.current().actor.id,
            },
            of_alert=True,
        )
        return incident.id
