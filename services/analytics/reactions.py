"""Events of incidents become facts, those of alerts the present state of each, inside the transaction of their batch.

Fails with `KeyError` for an enum value that this version does not know: the event waits as a dead letter until a newer
version takes it, rather than being counted as something else.
"""

from datetime import UTC, datetime
from typing import Any

from itsm.incident import v1 as pb
from itsm.monitor import v1 as monitor

from chassis.events.subscriptions import Subscriptions
from chassis.events.wire import Envelope
from services.analytics.domain.facts import Fact, Left
from services.analytics.projections.alerts import LASTS, Document
from services.analytics.usecases.alerts import Alerts
from services.analytics.usecases.facts import FactLog

EVENTS = (
    pb.IncidentOpened,
    pb.IncidentUpdated,
    pb.IncidentAssigned,
    pb.IncidentStarted,
    pb.IncidentHeld,
    pb.IncidentResumed,
    pb.IncidentResolved,
    pb.IncidentReopened,
    pb.IncidentClosed,
    pb.IncidentCancelled,
    pb.IncidentLinked,
    pb.IncidentMerged,
    pb.IncidentAbsorbed,
    pb.IncidentSplit,
    pb.IncidentEscalated,
    pb.IncidentImported,
)


ALERT_EVENTS = (
    monitor.AlertFired,
    monitor.AlertRouted,
    monitor.AlertAcknowledged,
    monitor.AlertSuppressed,
    monitor.AlertUnsuppressed,
    monitor.AlertResolved,
    monitor.AlertUpdated,
    monitor.AlertLinked,
)


def subscriptions(log: FactLog, alerts: Alerts) -> Subscriptions:
    """The handlers of this service. Order matters to them: they write without reading first."""
    group = Subscriptions(gather=0.05)

    async def take(event: Any, envelope: Envelope) -> None:
        await log.record(fact_of(event.incident, envelope))

    for event in EVENTS:
        group.on(event)(take)

    async def follow(event: Any, envelope: Envelope) -> None:
        await alerts.follow(state_of(event.alert, envelope))

    for alert_event in ALERT_EVENTS:
        group.on(alert_event)(follow)
    return group


def state_of(alert: monitor.Alert, envelope: Envelope) -> Document:
    """What is kept of an alert: no title, no label, no person."""
    over = _instant(alert.end_time) if alert.HasField("end_time") else None
    out = _outages(alert)
    reason = alert.suppression.reason
    return {
        "_id": alert.id,
        "tenant": envelope.tenant,
        "version": envelope.version,
        "epoch": envelope.epoch,
        "state": _ALERT_STATES[alert.state],
        "severity": _SEVERITIES[alert.severity],
        "kind": _KINDS[alert.kind],
        "source": alert.source,
        "asset_id": alert.asset_id,
        "team_id": alert.team_id,
        "incident_id": alert.incident_id,
        "start_time": _instant(alert.start_time),
        "end_time": over,
        "over_time": over or LASTS,
        "route_time": _instant(alert.route_time) if alert.HasField("route_time") else None,
        "suppressed": bool(reason),
        "outage": bool(out),
        "outages": out,
    }


def _outages(alert: monitor.Alert) -> list[dict[str, datetime | None]]:
    """When its asset was out. An alert that tells of no outages although it is about one is of a version that knew none."""
    planned = alert.suppression.reason == monitor.Alert.Suppression.MAINTENANCE
    if alert.kind != monitor.Alert.AVAILABILITY or not alert.asset_id or planned:
        return []
    spans = alert.outages or ([alert] if alert.severity in _DOWN else [])
    return [
        {"start": _instant(each.start_time), "end": _instant(each.end_time) if each.HasField("end_time") else None}
        for each in spans
    ]


def fact_of(incident: pb.Incident, envelope: Envelope) -> Fact:
    """What is kept of an event: no title, no words, no person but the opaque id of the assignee."""
    fact: Fact = {
        "_id": envelope.id,
        "tenant": envelope.tenant,
        "subject": envelope.subject,
        "version": envelope.version,
        "epoch": envelope.epoch,
        "time": envelope.time,
        "type": envelope.type.rpartition(".")[2],
        "state": _STATES[incident.state],
        "priority": _PRIORITIES[incident.priority],
        "source": _SOURCES[incident.source],
        "team_id": incident.team_id,
        "service_id": incident.service_id,
        "category": incident.category,
        "assignee_id": incident.assignee_id,
        "reopen_count": incident.reopen_count,
        "reassignment_count": incident.reassignment_count,
        "create_time": _instant(incident.create_time),
        "clocks": [_clock(clock) for clock in incident.clocks],
    }
    for name in ("acknowledge_time", "resolve_time", "close_time"):
        if incident.HasField(name):
            fact[name] = _instant(getattr(incident, name))
    if incident.HasField("imported_made_sla"):
        fact["imported_made_sla"] = incident.imported_made_sla
    if incident.links:
        kinds = {link.kind for link in incident.links}
        if pb.Link.DUPLICATE_OF in kinds:
            fact["left"] = Left.MERGED.value
        elif pb.Link.PARENT in kinds:
            fact["left"] = Left.CHILD.value
    return fact


def _clock(clock: pb.Clock) -> dict[str, Any]:
    kept: dict[str, Any] = {
        "kind": _CLOCK_KINDS[clock.kind],
        "state": _CLOCK_STATES[clock.state],
        "breached": clock.breached,
        "target_s": _seconds(clock.target),
        "elapsed_s": _seconds(clock.elapsed),
    }
    for name in ("due_time", "breach_time", "stop_time"):
        if clock.HasField(name):
            kept[name] = _instant(getattr(clock, name))
    return kept


def _names(enum: Any) -> dict[int, str]:
    """Known values; the unspecified one is left out, because no figure could say what it counted."""
    return {number: name for name, number in enum.items() if number}


_STATES = _names(pb.Incident.State)
_PRIORITIES = _names(pb.Incident.Priority)
_SOURCES = _names(pb.Incident.Source)
_CLOCK_KINDS = _names(pb.Clock.Kind)
_CLOCK_STATES = _names(pb.Clock.State)
_ALERT_STATES = _names(monitor.Alert.State)
_SEVERITIES = _names(monitor.Alert.Severity)
_KINDS = _names(monitor.Alert.Kind)
_DOWN = frozenset({monitor.Alert.CRITICAL, monitor.Alert.ERROR})  # slow is not out; the pipeline judges alike


def _instant(stamp: Any) -> datetime:
    # Whole milliseconds, as the database keeps them, so that a rebuild sees what the live event said.
    return datetime.fromtimestamp(stamp.seconds + stamp.nanos // 1_000_000 / 1000, UTC)


def _seconds(duration: Any) -> float:
    return float(duration.seconds + duration.nanos / 1_000_000_000)
