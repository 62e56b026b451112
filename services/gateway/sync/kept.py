"""What is kept for connections, and what their lists may ask for."""

from datetime import timedelta

from itsm.gateway import v1 as pb

from chassis.domain import Clock
from chassis.due import due_index
from chassis.listing import Field, Fields, Listing
from chassis.listing import Kind as Of
from chassis.store import Index, Kind
from services.gateway.domain import connection as domain
from services.gateway.domain.delivery import KEPT
from services.gateway.sync.places import CONNECTIONS, DUE_FIELD, LINKS, POLLS

KINDS = (Kind(domain.Connection, pb.Connection, CONNECTIONS),)

INDEXES = (
    Index(CONNECTIONS, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(CONNECTIONS, [("delete_time", 1)], expire_after=KEPT),
    Index(LINKS, [("tenant", 1), ("connection_id", 1), ("create_time", -1), ("_id", 1)]),
    Index(LINKS, [("tenant", 1), ("connection_id", 1), ("remote_id", 1)]),
    Index(LINKS, [("tenant", 1), ("connection_id", 1), ("has_problem", 1), ("sync_time", 1)]),
    Index(LINKS, [("expire_time", 1)], expire_after=timedelta(0)),
    due_index(POLLS, DUE_FIELD),
)

_CONNECTION: Fields = {
    "id": Field(path="_id", sortable=True),
    "name": Field(path="name", kind=Of.TEXT),
    "kind": Field(path="kind", kind=Of.ENUM, values=tuple(domain.Kind)),
    "url": Field(path="url", kind=Of.TEXT),
    "direction": Field(path="direction", kind=Of.ENUM, values=tuple(domain.Direction)),
    "enabled": Field(path="enabled", kind=Of.BOOL),
    "state": Field(path="state", kind=Of.ENUM, values=tuple(domain.State)),
    "createTime": Field(path="create_time", kind=Of.TIMESTAMP, sortable=True),
    "updateTime": Field(path="update_time", kind=Of.TIMESTAMP, sortable=True),
}
_LINK: Fields = {
    "id": Field(path="_id", sortable=True),
    "record": Field(path="record"),
    "key": Field(path="key"),
    "problem": Field(path="has_problem", kind=Of.BOOL),
    "createTime": Field(path="create_time", kind=Of.TIMESTAMP, sortable=True),
    "syncTime": Field(path="sync_time", kind=Of.TIMESTAMP),
}


def listings(key: bytes, clock: Clock) -> tuple[Listing, Listing]:
    """The list of connections, and of what is in step by one."""
    return (
        Listing("connections", _CONNECTION, "createTime desc", key, clock),
        Listing("links", _LINK, "createTime desc", key, clock),
    )
