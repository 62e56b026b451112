"""What is kept where, and what lists may ask for.

Fails at start, with `ValueError`, when an allow-list contradicts itself.
"""

from datetime import timedelta
from enum import StrEnum

from itsm.monitor import v1 as pb

from chassis.domain import Clock
from chassis.due import due_index
from chassis.listing import Field, Fields, Listing
from chassis.listing import Kind as Of
from chassis.store import Index, Kind
from services.monitor import kept_oncall
from services.monitor.domain.alert import Alert, State, SuppressionReason
from services.monitor.domain.check import REMOVED_KEPT, Check
from services.monitor.domain.check import State as CheckState
from services.monitor.domain.check_settings import Kind as CheckKind
from services.monitor.domain.integration import Integration, IntegrationKind, IntegrationState
from services.monitor.domain.maintenance import MaintenanceWindow
from services.monitor.domain.notification import NotificationState, NotificationTarget, TargetEvent
from services.monitor.domain.rule import AlertRule, Condition
from services.monitor.domain.series import SeriesKind
from services.monitor.domain.signal import AlertKind, Severity
from services.monitor.domain.silence import Silence
from services.monitor.usecases.catalog import SERIES
from services.monitor.usecases.check_results import CHECKS, RESULTS
from services.monitor.usecases.evaluation import EXPIRY_FIELD as RULE_EXPIRY
from services.monitor.usecases.evidence import DECISIONS
from services.monitor.usecases.folding import BUCKETS, ROLLUPS
from services.monitor.usecases.intake import ALERTS, EPISODES
from services.monitor.usecases.integrations import INTEGRATIONS
from services.monitor.usecases.looking import HOLD_FIELD
from services.monitor.usecases.mirror import ASSETS as MIRROR_ASSETS
from services.monitor.usecases.mirror import RELATIONS as MIRROR_RELATIONS
from services.monitor.usecases.notifying import DUE_FIELD as NOTIFICATION_DUE
from services.monitor.usecases.notifying import NOTIFICATIONS, TARGETS
from services.monitor.usecases.purging import PURGE_FIELD
from services.monitor.usecases.reading import Listings
from services.monitor.usecases.rules import RULES
from services.monitor.usecases.samples import BLOCKS
from services.monitor.usecases.situations import HISTORIES, LOOK_FIELD, SILENCES, WINDOWS

KINDS = (
    Kind(Alert, pb.Alert, ALERTS),
    Kind(Integration, pb.Integration, INTEGRATIONS),
    Kind(Check, pb.Check, CHECKS),
    Kind(AlertRule, pb.AlertRule, RULES),
    Kind(Silence, pb.Silence, SILENCES),
    Kind(MaintenanceWindow, pb.MaintenanceWindow, WINDOWS),
    Kind(NotificationTarget, pb.NotificationTarget, TARGETS),
    *kept_oncall.KINDS,
)

EXPIRY_FIELD = "expire_time"
STALE_FIELD = "stale_time"

INDEXES = (
    Index(ALERTS, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(ALERTS, [("tenant", 1), ("state", 1), ("create_time", -1), ("_id", 1)]),
    Index(ALERTS, [("tenant", 1), ("fingerprint", 1), ("create_time", -1), ("_id", 1)]),
    *(
        Index(ALERTS, [("tenant", 1), (owner, 1), ("create_time", -1), ("_id", 1)], partial={owner: {"$gt": ""}})
        for owner in ("asset_id", "incident_id")
    ),
    due_index(ALERTS, EXPIRY_FIELD),
    # Whose turn it is to go, over all tenants; and what goes.
    Index(ALERTS, [(PURGE_FIELD, 1), ("update_time", 1)], partial={"state": State.RESOLVED.value}),
    Index(ALERTS, [(PURGE_FIELD, 1)], expire_after=timedelta(0)),
    Index(EPISODES, [("expire_time", 1)], expire_after=timedelta(0)),
    Index(DECISIONS, [("tenant", 1), ("alert_id", 1), ("time", 1)]),
    Index(DECISIONS, [("expire_time", 1)], expire_after=timedelta(0)),
    Index(INTEGRATIONS, [("tenant", 1), ("key_id", 1)]),
    Index(SERIES, [("tenant", 1), ("pairs", 1)]),
    Index(SERIES, [("tenant", 1), ("name", 1), ("_id", 1)]),
    Index(SERIES, [("tenant", 1), ("asset_id", 1), ("name", 1), ("_id", 1)]),
    Index(SERIES, [("tenant", 1), ("last_time", 1)]),
    Index(SERIES, [("asset_id", 1), ("_id", 1)], partial={"asset_id": ""}),
    Index(BLOCKS, [("tenant", 1), ("_id", 1)]),
    due_index(BUCKETS, "roll_time"),
    *(Index(each, [("expire_time", 1)], expire_after=timedelta(0)) for each in (SERIES, BUCKETS, ROLLUPS)),
)

# Whoever runs checks asks by shard, an agent by its key; the rest is asked by people.
CHECK_INDEXES = (
    Index(CHECKS, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(CHECKS, [("tenant", 1), ("state", 1), ("create_time", -1), ("_id", 1)]),
    *(
        Index(CHECKS, [("tenant", 1), (owner, 1), ("create_time", -1), ("_id", 1)], partial={owner: {"$gt": ""}})
        for owner in ("asset_id", "agent_id", "agent_subject")
    ),
    Index(CHECKS, [("shard", 1), ("update_time", 1)], partial={"agent_id": ""}),
    due_index(CHECKS, STALE_FIELD),
    Index(RESULTS, [("tenant", 1), ("check_id", 1), ("start", -1)]),
    Index(RESULTS, [("expire_time", 1)], expire_after=timedelta(0)),
    Index(RULES, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(RULES, [(RULE_EXPIRY, 1)], expire_after=timedelta(0)),
    Index(CHECKS, [("remove_time", 1)], expire_after=REMOVED_KEPT),
)

# The pipeline asks for causes by asset, for what a record keeps from people, and for what holds now.
PIPELINE_INDEXES = (
    Index(ALERTS, [("tenant", 1), ("asset_id", 1), ("end_time", 1)], partial={"asset_id": {"$gt": ""}}),
    Index(ALERTS, [("tenant", 1), ("suppression.reference", 1)], partial={"suppression.reference": {"$gt": ""}}),
    due_index(ALERTS, HOLD_FIELD),
    due_index(ALERTS, LOOK_FIELD),
    Index(HISTORIES, [("expire_time", 1)], expire_after=timedelta(0)),
    *(
        Index(each, [("tenant", 1), *keys, ("_id", 1)])
        for each in (SILENCES, WINDOWS)
        for keys in ([("create_time", -1)], [("end_time", 1)])
    ),
    Index(MIRROR_ASSETS, [("tenant", 1), ("names", 1)]),
    Index(MIRROR_ASSETS, [("tenant", 1), ("working", 1)]),
    Index(MIRROR_RELATIONS, [("tenant", 1)]),
    Index(TARGETS, [("tenant", 1), ("name", 1)]),
    Index(NOTIFICATIONS, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(NOTIFICATIONS, [("tenant", 1), ("alert_id", 1), ("create_time", -1), ("_id", 1)]),
    due_index(NOTIFICATIONS, NOTIFICATION_DUE),
    Index(NOTIFICATIONS, [("expire_time", 1)], expire_after=timedelta(0)),
)
INDEXES = (*INDEXES, *CHECK_INDEXES, *PIPELINE_INDEXES, *kept_oncall.INDEXES)


def _enum(path: str, kind: type[StrEnum]) -> Field:
    return Field(path=path, kind=Of.ENUM, values=tuple(value.value for value in kind))


def _time(path: str, *, sortable: bool = False) -> Field:
    return Field(path=path, kind=Of.TIMESTAMP, sortable=sortable)


ALERT_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "fingerprint": Field(path="fingerprint"),
    "state": _enum("state", State),
    "severity": _enum("severity", Severity),
    "kind": _enum("kind", AlertKind),
    "title": Field(path="title", kind=Of.TEXT),
    "source": Field(path="source"),
    "integrationId": Field(path="integration_id"),
    "checkId": Field(path="check_id"),
    "assetId": Field(path="asset_id"),
    "teamId": Field(path="team_id"),
    "incidentId": Field(path="incident_id"),
    "groupKey": Field(path="group_key"),
    "labels": Field(path="tags", many=True),
    "flapping": Field(path="flapping", kind=Of.BOOL),
    "suppression.reason": _enum("suppression.reason", SuppressionReason),
    "suppression.reference": Field(path="suppression.reference"),
    "acknowledgedBy": Field(path="acknowledged_by"),
    "count": Field(path="count", kind=Of.NUMBER),
    "startTime": _time("start_time"),
    "endTime": _time("end_time"),
    "lastTime": _time("last_time"),
    "routeTime": _time("route_time"),
    "ackTime": _time("ack_time"),
    "createTime": _time("create_time", sortable=True),
    "updateTime": _time("update_time"),
}

# A tenant has a handful of integrations, which any order may sort without an index.
INTEGRATION_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "name": Field(path="name", kind=Of.TEXT, sortable=True),
    "kind": _enum("kind", IntegrationKind),
    "state": _enum("state", IntegrationState),
    "keyId": Field(path="key_id"),
    "teamId": Field(path="team_id"),
    "assetId": Field(path="asset_id"),
}

SERIES_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "name": Field(path="name", sortable=True),
    "kind": _enum("kind", SeriesKind),
    "labels": Field(path="pairs", many=True),
    "assetId": Field(path="asset_id"),
    "createTime": _time("create_time"),
    "lastTime": _time("last_time"),
}
SERIES_ORDER = "name"

CHECK_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "name": Field(path="name", kind=Of.TEXT, sortable=True),
    "kind": _enum("kind", CheckKind),
    "target": Field(path="target"),
    "state": _enum("state", CheckState),
    "stateTime": _time("state_time", sortable=True),
    "severity": _enum("severity", Severity),
    "enabled": Field(path="enabled", kind=Of.BOOL),
    "assetId": Field(path="asset_id"),
    "agentId": Field(path="agent_id"),
    "createTime": _time("create_time", sortable=True),
    "updateTime": _time("update_time", sortable=True),
}
# Results are only ever asked for by their check, newest first; the filter binds a token to it.
CHECK_RESULT_FIELDS: Fields = {"id": Field(path="_id", sortable=True), "checkId": Field(path="check_id")}

# A tenant has a handful of rules.
RULE_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "name": Field(path="name", kind=Of.TEXT, sortable=True),
    "match": Field(path="match"),
    "severity": _enum("severity", Severity),
    "enabled": Field(path="enabled", kind=Of.BOOL),
    "evaluation.condition": _enum("evaluation.condition", Condition),
    "createTime": _time("create_time", sortable=True),
}


def rule_listing(key: bytes, clock: Clock) -> Listing:
    """The list of alert rules."""
    return Listing("alertRules", RULE_FIELDS, "createTime desc", key, clock)


def check_listings(key: bytes, clock: Clock) -> tuple[Listing, Listing]:
    """The lists of checks and of their results."""
    return (
        Listing("checks", CHECK_FIELDS, "createTime desc", key, clock),
        Listing("checkResults", CHECK_RESULT_FIELDS, "id desc", key, clock),
    )


def listings(key: bytes, clock: Clock) -> Listings:
    """The lists of this service; `key` signs their tokens."""
    return Listings(
        alerts=Listing("alerts", ALERT_FIELDS, "createTime desc", key, clock),
        integrations=Listing("integrations", INTEGRATION_FIELDS, "name", key, clock),
    )


SPELL_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "comment": Field(path="comment", kind=Of.TEXT),
    "creatorId": Field(path="creator_id"),
    "startTime": _time("start_time"),
    "endTime": _time("end_time", sortable=True),
    "createTime": _time("create_time", sortable=True),
    "updateTime": _time("update_time"),
}
SILENCE_FIELDS: Fields = {
    **SPELL_FIELDS,
    "matchers.label": Field(path="matchers.label", many=True),
    "matchers.value": Field(path="matchers.value", many=True),
}
WINDOW_FIELDS: Fields = {
    **SPELL_FIELDS,
    "name": Field(path="name", kind=Of.TEXT),
    "assetIds": Field(path="asset_ids", many=True),
}
TARGET_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "name": Field(path="name", kind=Of.TEXT, sortable=True),
    "enabled": Field(path="enabled", kind=Of.BOOL),
}
NOTIFICATION_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "state": _enum("state", NotificationState),
    "event": _enum("event", TargetEvent),
    "alertId": Field(path="alert_id"),
    "targetId": Field(path="target_id"),
    "createTime": _time("create_time", sortable=True),
    "attemptTime": _time("attempt_time"),
}


def quiet_listings(key: bytes, clock: Clock) -> tuple[Listing, Listing]:
    """The lists of silences and of maintenance windows."""
    return (
        Listing("silences", SILENCE_FIELDS, "createTime desc", key, clock),
        Listing("maintenanceWindows", WINDOW_FIELDS, "createTime desc", key, clock),
    )


def notification_listings(key: bytes, clock: Clock) -> tuple[Listing, Listing]:
    """The lists of targets and of notifications."""
    return (
        Listing("notificationTargets", TARGET_FIELDS, "name", key, clock),
        Listing("notifications", NOTIFICATION_FIELDS, "createTime desc", key, clock),
    )


def series_listing(key: bytes, clock: Clock) -> Listing:
    """The list of series."""
    return Listing("series", SERIES_FIELDS, SERIES_ORDER, key, clock)
