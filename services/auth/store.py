"""What is kept where, and what lists may ask for."""

from collections.abc import Mapping
from datetime import timedelta

from itsm.auth import v1 as pb

from chassis.domain import Clock
from chassis.due import due_index
from chassis.listing import Field, Fields, Listing
from chassis.listing import Kind as Of
from chassis.store import Index, Kind
from chassis.store.transaction import CLAIMS
from services.auth.domain import credential
from services.auth.domain.credential import Credential
from services.auth.domain.directory import Directory, DirectoryRun, RunState
from services.auth.domain.directory import Kind as DirectoryKind
from services.auth.domain.grant import Grant
from services.auth.domain.realm_event import RealmEvent
from services.auth.domain.role import Role
from services.auth.usecases.administrators import GRANTS
from services.auth.usecases.credentials import CREDENTIALS
from services.auth.usecases.directories import DIRECTORIES
from services.auth.usecases.mirror import TEAMS, TENANTS, USERS
from services.auth.usecases.reading import AUDIT
from services.auth.usecases.realm_events import REALM_EVENTS
from services.auth.usecases.roles import OWN_ROLES
from services.auth.usecases.signing import SIGNING_KEYS
from services.auth.usecases.syncing import DUE, LINKS, RUNS, SCHEDULES

KINDS = (
    Kind(Credential, pb.Token, CREDENTIALS),
    Kind(Grant, pb.Grant, GRANTS),
    Kind(Role, pb.Role, OWN_ROLES),
    Kind(RealmEvent, pb.RealmEvent, REALM_EVENTS),
    Kind(Directory, pb.Directory, DIRECTORIES),
    Kind(DirectoryRun, pb.DirectoryRun, RUNS),
)

PEOPLE = (USERS, TEAMS, TENANTS, CREDENTIALS, GRANTS, OWN_ROLES, CLAIMS, SIGNING_KEYS, DIRECTORIES, RUNS, LINKS, SCHEDULES)
"""Who may sign in and what tells so: it stays where a tenant for demonstration is emptied."""

INDEXES = (
    Index(CREDENTIALS, [("tenant", 1), ("hash", 1)]),
    Index(CREDENTIALS, [("tenant", 1), ("creator_id", 1), ("create_time", -1), ("_id", 1)]),
    Index(CREDENTIALS, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(CREDENTIALS, [("tenant", 1), ("session_id", 1)], partial={"kind": "SESSION"}),
    # A session or token that is over is of no use to anybody after a while; its changes stay in the history.
    Index(CREDENTIALS, [("expire_time", 1)], expire_after=timedelta(days=30)),
    Index(GRANTS, [("tenant", 1), ("subject", 1)]),
    Index(GRANTS, [("tenant", 1), ("role", 1)]),
    Index(OWN_ROLES, [("tenant", 1), ("name", 1)]),
    Index(OWN_ROLES, [("delete_time", 1)], expire_after=timedelta(days=30)),
    Index(USERS, [("tenant", 1), ("username", 1), ("_id", 1)]),
    Index(TEAMS, [("tenant", 1), ("name", 1), ("_id", 1)]),
    Index(AUDIT, [("tenant", 1), ("time", -1), ("_id", 1)]),
    Index(AUDIT, [("tenant", 1), ("subject", 1), ("time", -1), ("_id", 1)]),
    Index(AUDIT, [("tenant", 1), ("actor", 1), ("time", -1), ("_id", 1)]),
    # They are kept to know which were told; the realm itself has forgotten them by then.
    Index(REALM_EVENTS, [("time", 1)], expire_after=timedelta(days=31)),
    Index(SIGNING_KEYS, [("tenant", 1), ("period", 1)]),
    Index(DIRECTORIES, [("tenant", 1), ("name", 1), ("_id", 1)]),
    # Long enough that the run which ends what waits for one that was removed still finds it.
    Index(DIRECTORIES, [("delete_time", 1)], expire_after=timedelta(days=30)),
    Index(RUNS, [("tenant", 1), ("directory_id", 1), ("create_time", -1), ("_id", 1)]),
    Index(RUNS, [("end_time", 1)], expire_after=timedelta(days=90)),
    Index(LINKS, [("tenant", 1), ("directory_id", 1)]),
    due_index(SCHEDULES, DUE, "tenant"),
)


def _time(path: str) -> Field:
    return Field(path=path, kind=Of.TIMESTAMP, sortable=True)


_ID = {"id": Field(path="_id", sortable=True)}

TOKEN_FIELDS: Fields = {
    **_ID,
    "kind": Field(path="kind", kind=Of.ENUM, values=tuple(kind.value for kind in credential.Kind)),
    "name": Field(path="name", kind=Of.TEXT),
    "subject": Field(path="subject"),
    "creatorId": Field(path="creator_id"),
    "roles": Field(path="roles", many=True),
    "createTime": _time("create_time"),
    "expireTime": _time("expire_time"),
    "useTime": Field(path="use_time", kind=Of.TIMESTAMP),
    "revokeTime": Field(path="revoke_time", kind=Of.TIMESTAMP),
}
USER_FIELDS: Fields = {
    "id": Field(path="subject"),
    "username": Field(path="username", sortable=True),
    "displayName": Field(path="display_name", kind=Of.TEXT),
    "email": Field(path="email"),
    "enabled": Field(path="enabled", kind=Of.BOOL),
    "teamIds": Field(path="team_ids", many=True),
    "updateTime": _time("update_time"),
}
TEAM_FIELDS: Fields = {
    "id": Field(path="subject"),
    "name": Field(path="name", kind=Of.TEXT, sortable=True),
    "memberIds": Field(path="member_ids", many=True),
}
DIRECTORY_FIELDS: Fields = {
    **_ID,
    "name": Field(path="name", kind=Of.TEXT, sortable=True),
    "kind": Field(path="kind", kind=Of.ENUM, values=tuple(kind.value for kind in DirectoryKind)),
    "url": Field(path="url", kind=Of.TEXT),
    "ownerId": Field(path="owner_id"),
    "createTime": _time("create_time"),
    "updateTime": _time("update_time"),
}
RUN_FIELDS: Fields = {
    **_ID,
    "state": Field(path="state", kind=Of.ENUM, values=tuple(state.value for state in RunState)),
    "requesterId": Field(path="requester_id"),
    "createTime": _time("create_time"),
    "endTime": Field(path="end_time", kind=Of.TIMESTAMP),
}
AUDIT_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "time": _time("time"),
    "actor": Field(path="actor"),
    "actorKind": Field(path="actor_kind"),
    "action": Field(path="action"),
    "subject": Field(path="subject"),
    "correlationId": Field(path="correlation_id"),
    "malformed": Field(path="malformed", kind=Of.BOOL),
}


def listings(key: bytes, clock: Clock) -> Mapping[str, Listing]:
    """The lists of this service by collection; `key` signs their tokens."""
    return {
        CREDENTIALS: Listing("tokens", TOKEN_FIELDS, "createTime desc", key, clock),
        USERS: Listing("users", USER_FIELDS, "username", key, clock),
        TEAMS: Listing("teams", TEAM_FIELDS, "name", key, clock),
        DIRECTORIES: Listing("directories", DIRECTORY_FIELDS, "name", key, clock),
        RUNS: Listing("directoryRuns", RUN_FIELDS, "createTime desc", key, clock),
        AUDIT: Listing("auditEntries", AUDIT_FIELDS, "time desc", key, clock),
    }
