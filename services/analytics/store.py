"""What is kept where, and what figures may be filtered by.

Fails at start, with `ValueError`, when an allow-list contradicts itself.
"""

from collections.abc import Mapping

from itsm.analytics import v1 as pb
from itsm.incident import v1 as incident
from itsm.monitor import v1 as monitor

from chassis.domain import Clock
from chassis.listing import Field, Fields, Listing
from chassis.listing import Kind as Of
from chassis.store import Index, Kind
from services.analytics.domain.dashboard import Dashboard, Sharing
from services.analytics.domain.definitions import About
from services.analytics.domain.facts import FACTS, State
from services.analytics.projections.alerts import ALERTS, EPOCH
from services.analytics.projections.backlog import BACKLOG
from services.analytics.projections.incidents import INCIDENTS
from services.analytics.usecases.dashboards import DASHBOARDS, DRAFTS, DRAFTS_KEPT, REMOVED_KEPT, VERSIONS

KINDS = (Kind(Dashboard, pb.Dashboard, DASHBOARDS),)

# The facts of a record are read in order; the late ones by the snapshot worker. Figures ask by the time that they count.
INDEXES = (
    Index(FACTS, [("tenant", 1), ("subject", 1), ("epoch", 1), ("version", 1)]),
    Index(FACTS, [("tenant", 1), ("time", 1)], partial={"late": True}),
    Index(INCIDENTS, [("tenant", 1), ("create_time", 1)]),
    Index(INCIDENTS, [("tenant", 1), ("last_resolved", 1)]),
    Index(INCIDENTS, [("tenant", 1), ("close_time", 1)]),
    Index(INCIDENTS, [("tenant", 1), ("acknowledge_time", 1)]),
    Index(INCIDENTS, [("tenant", 1), ("open", 1), ("create_time", 1)], partial={"open": True}),
    Index(INCIDENTS, [("tenant", 1), ("clocks.decide_time", 1)], partial={"clocks.decide_time": {"$exists": True}}),
    Index(BACKLOG, [("tenant", 1), ("time", 1)]),
    Index(ALERTS, [("tenant", 1), ("start_time", 1)]),
    Index(ALERTS, [("tenant", 1), ("route_time", 1)], partial={"route_time": {"$gt": EPOCH}}),
    Index(ALERTS, [("tenant", 1), ("outage", 1), ("over_time", 1)], partial={"outage": True}),
    Index(DASHBOARDS, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(DASHBOARDS, [("tenant", 1), ("owner_id", 1)]),
    Index(DASHBOARDS, [("delete_time", 1)], expire_after=REMOVED_KEPT),
    Index(VERSIONS, [("tenant", 1), ("dashboard_id", 1), ("edition", -1)]),
    Index(DRAFTS, [("update_time", 1)], expire_after=DRAFTS_KEPT),
)


def _enum(path: str, names: tuple[str, ...]) -> Field:
    return Field(path=path, kind=Of.ENUM, values=names)


def _time(path: str) -> Field:
    return Field(path=path, kind=Of.TIMESTAMP)


_PRIORITIES = tuple(name for name, number in incident.Incident.Priority.items() if number)
_SOURCES = tuple(name for name, number in incident.Incident.Source.items() if number)

# Kept with each cell of a snapshot, too.
BACKLOG_FIELDS: Fields = {
    "teamId": Field(path="team_id"),
    "serviceId": Field(path="service_id"),
    "priority": _enum("priority", _PRIORITIES),
    "category": Field(path="category"),
}

INCIDENT_FIELDS: Fields = {
    **BACKLOG_FIELDS,
    "id": Field(path="_id"),
    "state": _enum("state", tuple(State)),
    "source": _enum("source", _SOURCES),
    "assigneeId": Field(path="assignee_id"),
    "reopenCount": Field(path="reopen_count", kind=Of.NUMBER),
    "reassignmentCount": Field(path="reassignment_count", kind=Of.NUMBER),
    "createTime": _time("create_time"),
    "acknowledgeTime": _time("acknowledge_time"),
    "resolveTime": _time("resolved_at"),
    "closeTime": _time("close_time"),
    "importedMadeSla": Field(path="imported_made_sla", kind=Of.BOOL),
}

ALERT_FIELDS: Fields = {
    "id": Field(path="_id"),
    "assetId": Field(path="asset_id"),
    "teamId": Field(path="team_id"),
    "incidentId": Field(path="incident_id"),
    "severity": _enum("severity", tuple(name for name, number in monitor.Alert.Severity.items() if number)),
    "kind": _enum("kind", tuple(name for name, number in monitor.Alert.Kind.items() if number)),
    "state": _enum("state", tuple(name for name, number in monitor.Alert.State.items() if number)),
    "source": Field(path="source"),
    "startTime": _time("start_time"),
    "endTime": _time("end_time"),
}

DASHBOARD_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "name": Field(path="name", kind=Of.TEXT),
    "sharing": _enum("sharing", tuple(Sharing)),
    "teamId": Field(path="team_id"),
    "ownerId": Field(path="owner_id"),
    "builtIn": Field(path="built_in", kind=Of.BOOL),
    "createTime": Field(path="create_time", kind=Of.TIMESTAMP, sortable=True),
    "updateTime": _time("update_time"),
}


def dashboards(key: bytes, clock: Clock) -> Listing:
    """The list of dashboards; `key` signs its tokens."""
    return Listing("dashboards", DASHBOARD_FIELDS, "createTime desc", key, clock)


FIELDS: Mapping[str, Fields] = {
    About.INCIDENTS: INCIDENT_FIELDS,
    About.ALERTS: ALERT_FIELDS,
    About.OUTAGES: ALERT_FIELDS,
    BACKLOG: BACKLOG_FIELDS,
}
"""By what a figure is about, and for the snapshots."""
