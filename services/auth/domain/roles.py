"""Roles and what each permits, every permission by name. The one table; all services hear it and enforce it themselves.

A permission that an RPC asks for and no role has is a defect, found by a test.
"""

from collections.abc import Mapping
from typing import Any

from services.auth.domain import desk

VERSION = 10
"""Raised with every change of this table: services keep the highest version that they heard (a test holds its digest)."""

_ALL = ("create", "get", "list", "update", "delete")
_EVERYBODY = (
    "tokens.create",
    "tokens.get",
    "tokens.list",
    "tokens.revoke",
    "roles.get",
    "roles.list",
    "tenants.get",
    "tenants.list",
    "pushSubscriptions.create",
    "pushSubscriptions.get",
    "pushSubscriptions.list",
    "pushSubscriptions.delete",
    "notificationPreferences.get",
    "notificationPreferences.update",
    "deliveries.mine",
)
_PEOPLE = ("users.get", "users.list", "teams.get", "teams.list")
_INCIDENTS_READ = ("incidents.get", "incidents.list", "attachments.get", "attachments.list")
_ATTACHMENTS = ("attachments.create", "attachments.get", "attachments.list")
_INCIDENTS_OWN = (
    *("incidents.get", "incidents.list", "incidents.create", "incidents.note", "incidents.reopen"),
    *_ATTACHMENTS,
)
_INCIDENTS_WORK = (
    "incidents.get",
    "incidents.list",
    "incidents.create",
    "incidents.update",
    "incidents.assign",
    "incidents.start",
    "incidents.hold",
    "incidents.resume",
    "incidents.resolve",
    "incidents.reopen",
    "incidents.close",
    "incidents.cancel",
    "incidents.link",
    "incidents.note",
    "attachments.delete",
    *_ATTACHMENTS,
)
_INCIDENTS_SYNC = (
    "incidents.get",
    "incidents.create",
    "incidents.update",
    "incidents.start",
    "incidents.hold",
    "incidents.resume",
    "incidents.resolve",
    "incidents.reopen",
    "incidents.close",
    "incidents.cancel",
    "incidents.note",
    "attachments.create",
)
_INCIDENTS_IMPORT = ("incidents.import",)
_LEVELS_READ = ("slaPolicies.get", "slaPolicies.list", "calendars.get", "calendars.list")
_LEVELS_SET = ("slaPolicies.create", "slaPolicies.update", "slaPolicies.replay", "calendars.create", "calendars.update")
_KPIS = ("kpis.get", "kpis.list")
_DASHBOARDS_READ = ("dashboards.get", "dashboards.list")
_DASHBOARDS_OWN = ("dashboards.create", "dashboards.update", "dashboards.delete", "dashboards.share")
_DASHBOARDS_ALL = ("dashboards.shareWithAll",)
_REBUILD = ("projections.rebuild",)
_OPERATIONS = (
    "deadLetters.get",
    "deadLetters.list",
    "deadLetters.requeue",
    "deadLetters.discard",
    "replays.create",
    "replays.get",
)
_EMPTYING = ("services.empty",)
_AUDIT = ("auditEntries.get", "auditEntries.list")
_GRANTS = ("roles.grant", "roles.revoke")
_ROLES_SET = ("roles.create", "roles.update", "roles.delete")
_ROLES_SEEN = ("roles.inspect",)
_KEYS = ("tokens.issue",)
_ASSETS_READ = (
    "assets.get",
    "assets.list",
    "assetClasses.get",
    "assetClasses.list",
    "agents.get",
    "agents.list",
    "imports.get",
    "imports.list",
    "duplicates.get",
    "duplicates.list",
)
_GRAPH_READ = (
    "relations.get",
    "relations.list",
    "assets.impact",
    "assets.graph",
    "impactAssessments.get",
    "impactAssessments.list",
)
_GRAPH_SET = ("relations.create", "relations.update", "relations.remove")
_ASSETS_WORK = ("assets.create", "assets.update", "assets.move", "assets.merge")
_ASSETS_SET = (
    "assetClasses.create",
    "assetClasses.update",
    "agents.revoke",
    "imports.create",
    "imports.apply",
    "duplicates.resolve",
)
_CHECKS_READ = ("checks.get", "checks.list", "alertRules.get", "alertRules.list")
_CHECKS_SET = (
    "checks.create",
    "checks.update",
    "checks.remove",
    "checks.run",
    "alertRules.create",
    "alertRules.update",
    "alertRules.remove",
)
_CHECKS_OWN = ("checks.get", "checks.list", "checks.report")
_QUIET_READ = ("silences.get", "silences.list", "maintenanceWindows.get", "maintenanceWindows.list")
_SILENCES_SET = ("silences.create", "silences.update", "silences.expire")
_MAINTENANCE_SET = ("maintenanceWindows.create", "maintenanceWindows.update", "maintenanceWindows.expire")
_NOTIFICATIONS_READ = ("notifications.list", "notificationTargets.get", "notificationTargets.list")
_NOTIFICATIONS_SET = (
    "notificationTargets.create",
    "notificationTargets.update",
    "notificationTargets.rotate",
    "notificationTargets.key",
)
_JOBS = ("jobs.create", "jobs.get", "jobs.list", "jobs.cancel", "jobs.undo", "jobs.delete")
_DIRECTORIES = (
    "directories.create",
    "directories.get",
    "directories.list",
    "directories.update",
    "directories.delete",
    "directories.test",
    "directories.sync",
    "directoryRuns.get",
    "directoryRuns.list",
)
_MAILBOXES = (*(f"mailboxes.{verb}" for verb in _ALL), "mailboxes.receive", "mailboxes.read")
_NOTICES_SET = (
    *(f"{each}.{verb}" for each in ("templates", "notificationRules", "chatRooms") for verb in _ALL),
    "notificationRules.test",
    "chatRooms.test",
    "deliveries.get",
    "deliveries.list",
    "deliveries.redeliver",
)
_WEBHOOKS = (
    "webhooks.create",
    "webhooks.get",
    "webhooks.list",
    "webhooks.update",
    "webhooks.rotate",
    "webhooks.test",
    "webhooks.redeliver",
    "webhooks.delete",
)

_CONNECTIONS = (
    "connections.create",
    "connections.get",
    "connections.list",
    "connections.update",
    "connections.delete",
    "connections.test",
    "connections.sync",
    "connections.rotate",
)
_SERIES_READ = ("series.list", "series.query")
_ALERTS_READ = ("alerts.get", "alerts.list", "integrations.get", "integrations.list")
_ALERTS_WORK = ("alerts.acknowledge", "alerts.resolve")
_CALLS_READ = (
    *("schedules.get", "schedules.list", "escalationPolicies.get", "escalationPolicies.list"),
    *("pages.get", "pages.list"),
)
_CALLS_WORK = (
    *("schedules.override", "schedules.handOver"),
    *("pages.create", "pages.test", "pages.acknowledge", "pages.help", "pages.note", "pages.resolve"),
)
_CALLS_SET = tuple(f"{each}.{verb}" for each in ("schedules", "escalationPolicies") for verb in ("create", "update", "delete"))
_INTEGRATIONS_SET = ("integrations.create", "integrations.update", "integrations.disable")
_INGEST = ("alerts.ingest", "samples.write")


def _together(*groups: tuple[str, ...]) -> frozenset[str]:
    return frozenset(permission for group in groups for permission in group)


_VIEWER = _together(
    _EVERYBODY,
    _PEOPLE,
    _INCIDENTS_READ,
    _LEVELS_READ,
    _KPIS,
    _DASHBOARDS_READ,
    _ASSETS_READ,
    _GRAPH_READ,
    _CHECKS_READ,
    _QUIET_READ,
    _NOTIFICATIONS_READ,
    _ALERTS_READ,
    _CALLS_READ,
    _SERIES_READ,
    _JOBS,
    desk.VIEWER,
)

ROLES: Mapping[str, frozenset[str]] = {
    "viewer": _VIEWER,
    "requester": _together(_EVERYBODY, _INCIDENTS_OWN, _JOBS, desk.REQUESTER),
    "agent": _VIEWER.union(_DASHBOARDS_OWN, _INCIDENTS_WORK, _ALERTS_WORK, _CALLS_WORK, _SILENCES_SET, desk.AGENT),
    "incident-manager": _VIEWER.union(
        _DASHBOARDS_OWN,
        _DASHBOARDS_ALL,
        _INCIDENTS_WORK,
        _ALERTS_WORK,
        _CALLS_WORK,
        _CALLS_SET,
        _INCIDENTS_IMPORT,
        _LEVELS_SET,
        _SILENCES_SET,
        _MAINTENANCE_SET,
        desk.AGENT,
        desk.INCIDENT_MANAGER,
    ),
    "change-manager": _VIEWER.union(_DASHBOARDS_OWN, _CALLS_WORK, desk.AGENT, desk.CHANGE_MANAGER),
    "asset-manager": _VIEWER.union(_CALLS_WORK, _DASHBOARDS_OWN, _KEYS, _ASSETS_WORK, _ASSETS_SET, _GRAPH_SET),
    "monitor-manager": _VIEWER.union(
        _DASHBOARDS_OWN,
        _KEYS,
        _ALERTS_WORK,
        _CALLS_WORK,
        _CALLS_SET,
        _INTEGRATIONS_SET,
        _CHECKS_SET,
        _SILENCES_SET,
        _MAINTENANCE_SET,
        _NOTIFICATIONS_SET,
    ),
    "analyst": _VIEWER.union(_DASHBOARDS_OWN, _DASHBOARDS_ALL),
    "auditor": _VIEWER.union(_AUDIT, _ROLES_SEEN),
    "admin": _VIEWER.union(
        _DASHBOARDS_OWN,
        _DASHBOARDS_ALL,
        _INCIDENTS_WORK,
        _INCIDENTS_IMPORT,
        _LEVELS_SET,
        _REBUILD,
        _KEYS,
        _GRANTS,
        _ROLES_SET,
        _ROLES_SEEN,
        _AUDIT,
        _EMPTYING,
        _ASSETS_WORK,
        _ASSETS_SET,
        _GRAPH_SET,
        _CHECKS_SET,
        _SILENCES_SET,
        _MAINTENANCE_SET,
        _NOTIFICATIONS_SET,
        _ALERTS_WORK,
        _CALLS_WORK,
        _CALLS_SET,
        _INTEGRATIONS_SET,
        _WEBHOOKS,
        _NOTICES_SET,
        _MAILBOXES,
        _CONNECTIONS,
        _DIRECTORIES,
        desk.AGENT,
        desk.ADMIN,
    ),
    "operator": _together(_EVERYBODY, _PEOPLE, _GRANTS, _REBUILD, _OPERATIONS),
    # Held by keys of machines alone: each can do this and nothing else.
    "enroller": _together(("agents.enroll",)),
    "endpoint": _together(("agents.report", "samples.write"), _CHECKS_OWN),
    "integration": _together(_INGEST),
    # Service accounts, for work that no person asked for.
    "service:incident": _together(
        ("users.get", "users.list", "assets.get", "assets.list", "assets.update", "assets.move", "assets.impact")
    ),
    "service:asset": _together(_KEYS, ("tokens.create", "tokens.revoke")),
    "service:monitor": _together(_INCIDENTS_READ, ("teams.get", "incidents.create", "incidents.note")),
    "service:auth": frozenset(),
    "service:analytics": _together(_INCIDENTS_READ, ("texts.read",)),
    "service:gateway": _together(
        ("users.get", "users.list", "teams.get", "tokens.delegate", "incidents.assign"),
        ("problems.get", "changes.get", "requests.get"),
        _INCIDENTS_SYNC,
    ),
}

KEY_ROLES = frozenset({"enroller", "endpoint", "integration"})
"""Roles that no person and no group holds, only keys."""

SENSITIVE = frozenset(
    {
        "roles.grant",
        "roles.revoke",
        "roles.update",
        "directories.create",
        "directories.update",
        "notificationTargets.rotate",
        "notificationTargets.key",
        "webhooks.rotate",
        "tokens.issue",
    }
)
"""What people must prove for who they are: all that the protos mark with `step_up`, and making keys. A token that may do
any of it is made by somebody who has proved it."""

PEOPLE_ROLES = frozenset(role for role in ROLES if not role.startswith("service:")) - KEY_ROLES

ADMINISTERS = frozenset((*_GRANTS, *_ROLES_SET))
"""Who holds all of it administers roles: some such person stays in each tenant."""

CATALOG = frozenset[str]().union(*(ROLES[role] for role in PEOPLE_ROLES))
"""All that a role of a tenant's own may permit."""

MAY_ISSUE: Mapping[str, frozenset[str]] = {
    "asset-manager": frozenset({"enroller", "integration"}),
    "monitor-manager": frozenset({"integration"}),
    "admin": frozenset({"enroller", "integration"}),
    "service:asset": frozenset({"endpoint"}),
}
"""Which of them the holder of a role may give to a key that he makes."""

_OWN_ALONE = {name: {"creator_id": "$subject"} for name in ("tokens", "jobs")}
_OWN_NOTICES = {name: {"owner_id": "$subject"} for name in ("pushSubscriptions", "notificationPreferences")}
_REPORTED: dict[str, dict[str, Any]] = {
    name: {"requester_id": "$subject"} for name in ("incidents", "attachments")
} | desk.SCOPES

SCOPES: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    role: _OWN_NOTICES | (_OWN_ALONE if role not in ("admin", "operator") else {}) | (_REPORTED if role == "requester" else {})
    for role in ROLES
    if role in PEOPLE_ROLES or role == "service:asset"
} | {"endpoint": {"checks": {"agent_subject": "$subject"}}}
"""Rows that a role reaches: browsers and preferences are one's own, tokens and jobs except for administrators; a requester
sees what he reported, and its files; the key of an agent reaches the checks that this agent runs."""

_TENANT_ROLES = PEOPLE_ROLES - {"operator"}

MAY_GRANT: Mapping[str, frozenset[str]] = {"admin": _TENANT_ROLES, "operator": _TENANT_ROLES | {"operator"}}
"""Which roles the holder of a role may give and take. An administrator of a tenant never makes an operator."""


def issuable(roles: frozenset[str]) -> frozenset[str]:
    """Which roles beside their own the holders of these roles may give to a key."""
    return frozenset[str]().union(*(MAY_ISSUE.get(role, frozenset()) for role in roles))


def grantable(roles: frozenset[str]) -> frozenset[str]:
    """What holders of these roles may give and take."""
    return frozenset[str]().union(*(MAY_GRANT.get(role, frozenset()) for role in roles))
