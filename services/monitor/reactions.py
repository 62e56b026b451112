"""What monitoring does when events arrive, others' and its own.

An alert learns which incident stands for it; assets and relations are mirrored; what followed from an alert that is over is
looked at again, targets are told, and people are called.
"""

from collections.abc import Sequence
from datetime import UTC
from typing import Any

from itsm.asset import v1 as asset_pb
from itsm.incident import v1 as incident_pb
from itsm.monitor import v1 as pb

from chassis.events import Subscriptions
from chassis.events.wire import Envelope
from services.monitor.domain.notification import TargetEvent
from services.monitor.domain.signal import Severity
from services.monitor.usecases.alerts import Alerts
from services.monitor.usecases.checks import Checks
from services.monitor.usecases.looking import Looking
from services.monitor.usecases.mirror import Mirror
from services.monitor.usecases.notifying import Notifying
from services.monitor.usecases.paging import Calling
from services.monitor.usecases.quiet import Quiet


def incidents(alerts: Alerts) -> Subscriptions:
    """The group that follows incidents. It waits for nothing else: an alert shows its incident at once."""
    group = Subscriptions("incidents", ordered=False, gather=0.1)

    @group.ahead
    async def prepare(events: Sequence[Any]) -> None:
        await alerts.prepare([each for event in events for each in _gained(event)])

    async def told(event: Any, _: Envelope) -> None:
        if gained := _gained(event):
            await alerts.link(event.incident.id, gained)

    for each in (incident_pb.IncidentOpened, incident_pb.IncidentUpdated, incident_pb.IncidentReopened):
        group.on(each)(told)
    return group


def _gained(event: Any) -> list[str]:
    """The alerts that an incident took in with this change, and no others: one of old may have another incident by now."""
    if isinstance(event, incident_pb.IncidentOpened):
        return list(event.incident.alert_ids)
    change = next((each for each in event.changes if each.field == "alertIds"), None)
    if change is None:
        return []
    before = {value.string_value for value in change.old.list_value.values}
    return [alert_id for alert_id in event.incident.alert_ids if alert_id not in before]


def agents(checks: Checks) -> Subscriptions:
    """The group that follows agents: a check is reached with the key that its agent has now, and is about the asset that stands
    for the one that it was about."""
    group = Subscriptions("agents", ordered=False)

    async def keyed(event: Any, envelope: Envelope) -> None:
        agent = event.agent
        subject = agent.token_id if agent.state == asset_pb.Agent.ACTIVE else ""
        await checks.enrolled(agent.id, subject, agent.asset_id, envelope.time)

    for told in (asset_pb.AgentEnrolled, asset_pb.AgentRebound, asset_pb.AgentRevoked):
        group.on(told)(keyed)

    @group.on(asset_pb.AssetMoved)
    async def moved(event: Any, _: Envelope) -> None:
        if event.asset.merged_into_id:
            await checks.merged(event.asset.id, event.asset.merged_into_id)

    return group


def mirror(mirror: Mirror) -> Subscriptions:
    """The group that follows assets and relations. Order matters: each event is the whole of what is kept."""
    group = Subscriptions("mirror", gather=0.05)

    @group.on(asset_pb.AssetCreated)
    async def created(event: Any, _: Envelope) -> None:
        await mirror.put_asset(event.asset)

    @group.on(asset_pb.AssetUpdated)
    async def changed(event: Any, _: Envelope) -> None:
        await mirror.put_asset(event.asset, [change.field for change in event.changes])

    @group.on(asset_pb.AssetMoved)
    async def moved(event: Any, envelope: Envelope) -> None:
        await changed(event, envelope)
        if event.asset.merged_into_id:
            await mirror.merged(event.asset.id, event.asset.merged_into_id)

    async def related(event: Any, _: Envelope) -> None:
        await mirror.put_relation(event.relation)

    @group.on(asset_pb.RelationRemoved)
    async def removed(event: Any, _: Envelope) -> None:
        await mirror.drop_relation(event.relation.id)

    for heard in (asset_pb.RelationAdded, asset_pb.RelationUpdated):
        group.on(heard)(related)
    return group


def merges(alerts: Alerts, quiet: Quiet) -> Subscriptions:
    """The group that follows assets which turned out to be one: what is open or planned for the other moves along."""
    group = Subscriptions("merges", ordered=False)

    @group.on(asset_pb.AssetMoved)
    async def moved(event: Any, _: Envelope) -> None:
        if after := event.asset.merged_into_id:
            await alerts.merged(event.asset.id, after)
            await quiet.merged(event.asset.id, after)

    return group


def _worsening(group: Subscriptions, notifying: Notifying, calling: Calling) -> None:
    """Targets and policies that want only what is worse hear of an alert that people know when it becomes so."""

    @group.on(pb.AlertUpdated)
    async def updated(event: Any, envelope: Envelope) -> None:
        before = _milder(event)
        if before is not None and event.alert.HasField("route_time") and not event.alert.HasField("suppression"):
            await notifying.tell(TargetEvent.ROUTED, event, envelope, before=before)
            await calling.fired(event.alert)


def _milder(event: Any) -> Severity | None:
    """The severity before, where an alert has become worse with this change."""
    old = next((each.old.string_value for each in event.changes if each.field == "severity"), "")
    before, after = Severity(old) if old else None, Severity(pb.Alert.Severity.Name(event.alert.severity))
    return before if before is not None and after.rank < before.rank else None


def alerts(looking: Looking, notifying: Notifying, calling: Calling) -> Subscriptions:
    """The group that follows our own alerts."""
    group = Subscriptions("pipeline", gather=0.1)
    _worsening(group, notifying, calling)

    @group.on(pb.AlertFired)
    async def fired(event: Any, envelope: Envelope) -> None:
        if event.alert.HasField("route_time"):
            await notifying.tell(TargetEvent.ROUTED, event, envelope)
            await calling.fired(event.alert)

    @group.on(pb.AlertRouted)
    async def routed(event: Any, envelope: Envelope) -> None:
        await notifying.tell(TargetEvent.ROUTED, event, envelope)
        await calling.fired(event.alert)

    @group.on(pb.AlertAcknowledged)
    async def acknowledged(event: Any, envelope: Envelope) -> None:
        if event.alert.HasField("route_time"):
            await notifying.tell(TargetEvent.ACKNOWLEDGED, event, envelope)
            await calling.acknowledged(event.alert)

    @group.on(pb.AlertSuppressed)
    async def suppressed(event: Any, _: Envelope) -> None:
        await looking.cause_explained(event.alert.id)

    @group.on(pb.AlertResolved)
    async def resolved(event: Any, envelope: Envelope) -> None:
        alert: pb.Alert = event.alert
        if alert.kind == pb.Alert.AVAILABILITY:
            await looking.cause_over(alert.id, alert.end_time.ToDatetime(tzinfo=UTC))
        if alert.HasField("route_time"):
            await notifying.tell(TargetEvent.RESOLVED, event, envelope)
            await calling.resolved(event.alert)

    return group
