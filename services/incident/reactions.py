"""What the service desk does when others' events arrive: alerts become incidents, assets are remembered.

Fails with `KeyError` for an enum value that this version does not know: the event waits as a dead letter until a newer
version takes it.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any

from itsm.asset import v1 as asset
from itsm.incident import v1 as incident
from itsm.monitor import v1 as monitor
from itsm.type.v1 import annotations_pb2

from chassis.demonstration import is_one
from chassis.domain import SystemClock
from chassis.events.subscriptions import Subscriptions
from chassis.events.wire import Envelope
from chassis.store.changes import SNAPSHOT_FIELD
from services.incident.domain.alarm import Alarm, Criticality, Severity
from services.incident.usecases.alerts import Alerts
from services.incident.usecases.assets import Assets
from services.incident.usecases.automation import OWN
from services.incident.usecases.impacts import Impacts
from services.incident.usecases.incidents import ALERT_KEYS
from services.incident.usecases.running import Automation
from services.incident.usecases.surveys import Surveys

RAISING = (monitor.AlertFired, monitor.AlertRouted, monitor.AlertUnsuppressed)
KNOWING = (asset.AssetCreated, asset.AssetUpdated, asset.AssetMoved)
_ASKING = frozenset({monitor.Alert.FIRING, monitor.Alert.ACKNOWLEDGED})
_TITLE, _DESCRIPTION, _KEY = 300, 65_536, 500  # what an incident holds
_clock = SystemClock()
_FRESH = timedelta(hours=1)
"""What a tenant for demonstration is told of an earlier day asks nobody to come today."""
_RULED_AT_ONCE = 200  # each may be a write, in one transaction


def subscriptions(alerts: Alerts, assets: Assets, impacts: Impacts, clock: Callable[[], datetime] = _clock) -> Subscriptions:
    """The handlers of this service."""
    group = Subscriptions(gather=0.02)

    @group.ahead
    async def prepare(events: Sequence[Any]) -> None:
        hit = [event.assessment.incident_id for event in events if isinstance(event, asset.ImpactAssessed)]
        await impacts.prepare(hit)
        await alerts.prepare(
            raised=[alarm_of(event.alert) for event in events if _raises(event)],
            cleared=[event.alert.id for event in events if isinstance(event, monitor.AlertResolved)],
            incident_ids=hit,
        )

    async def raised(event: Any, envelope: Envelope) -> None:
        if _raises(event) and not (is_one(envelope.tenant) and envelope.time < clock() - _FRESH):
            await alerts.raised(alarm_of(event.alert))

    for raising in (*RAISING, monitor.AlertUpdated):
        group.on(raising)(raised)

    @group.on(monitor.AlertResolved)
    async def cleared(event: Any, _envelope: Envelope) -> None:
        await alerts.cleared(event.alert.id)

    async def learned(event: Any, envelope: Envelope) -> None:
        await assets.learn(
            event.asset.id,
            team_id=event.asset.team_id,
            criticality=_CRITICALITIES.get(event.asset.criticality),
            at=envelope.time,
        )

    for knowing in KNOWING:
        group.on(knowing)(learned)

    @group.on(asset.ImpactAssessed)
    async def assessed(event: Any, _envelope: Envelope) -> None:
        found = event.assessment
        await alerts.assessed(found.incident_id, list(found.service_ids), _CRITICALITIES.get(found.criticality))
        await impacts.learn(found.incident_id, list(found.service_ids))

    return group


def automation(acting: Automation) -> Subscriptions:
    """The group that hears of all that happens here, for rules. Each event is acted on once, whatever comes twice."""
    group = Subscriptions("automation", ordered=False, gather=0.05, most=_RULED_AT_ONCE)

    async def heard(data: Mapping[str, Any], envelope: Envelope) -> None:
        await acting.heard(data, envelope)

    group.on_json(heard_types(), heard)
    return group


def asking(surveys: Surveys) -> Subscriptions:
    """Asks how it was when an incident was closed: a group of its own, so that it waits for nothing else."""
    group = Subscriptions("surveys", ordered=False, gather=0.1)

    @group.on(incident.IncidentClosed)
    async def closed(event: Any, _envelope: Envelope) -> None:
        about = event.incident
        told = {name: getattr(about, name) for name in ("id", "number", "requester_id", "assignee_id", "team_id")}
        await surveys.closed({**told, "source": incident.Incident.Source.Name(about.source)})

    return group


@cache
def heard_types() -> Mapping[str, str]:
    """The events of this service that rules hear of, with the kind of record of each: read from the descriptors."""
    found = {}
    for kind in vars(incident).values():
        snapshot = kind.DESCRIPTOR.fields_by_number.get(SNAPSHOT_FIELD) if _is_message(kind) else None
        if snapshot is not None and snapshot.message_type is not None:
            plural = snapshot.message_type.GetOptions().Extensions[annotations_pb2.resource].plural
            if plural and plural not in OWN:
                found[kind.DESCRIPTOR.full_name] = str(plural)
    return found


def _is_message(kind: Any) -> bool:
    return isinstance(kind, type) and hasattr(kind, "DESCRIPTOR") and hasattr(kind, "SerializeToString")


def _raises(event: Any) -> bool:
    """Whether an event asks for people. The pipeline lets through what they should know of; the rest it holds back, or it is
    only for information. Of a change, it is that of the severity."""
    if isinstance(event, monitor.AlertUpdated):
        if not any(change.field == "severity" for change in event.changes):
            return False
    elif not isinstance(event, RAISING):
        return False
    alert = event.alert
    return bool(alert.HasField("route_time") and alert.state in _ASKING and alert.severity != monitor.Alert.INFO)


def alarm_of(alert: Any) -> Alarm:
    """What an incident needs of an alert."""
    return Alarm(
        id=alert.id,
        key=key_of(alert),
        title=alert.title.strip()[:_TITLE] or key_of(alert)[:_TITLE],
        description=alert.description[:_DESCRIPTION],
        severity=Severity(monitor.Alert.Severity.Name(alert.severity)),
        asset_id=alert.asset_id,
        team_id=alert.team_id,
        start_time=alert.start_time.ToDatetime(UTC),
    )


def key_of(alert: Any) -> str:
    """Which alerts share an incident: apart from what people and other systems use as keys."""
    key = alert.group_key or alert.fingerprint
    return f"{ALERT_KEYS}{key if len(key) <= _KEY else sha256(key.encode()).hexdigest()}"


_CRITICALITIES = {number: Criticality(name) for name, number in asset.Asset.Criticality.items() if number}
