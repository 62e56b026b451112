"""Tasks of records, and whose turn it is to decide about those of a record."""

from collections.abc import Mapping

from itsm.incident import v1 as pb

from chassis.domain import Clock
from chassis.due import due_index
from chassis.listing import Field, Fields, Listing
from chassis.listing import Kind as Of
from chassis.store import Index, Kind
from services.incident.domain.task import Task, TaskKind, TaskState
from services.incident.store.fields import enum_field, time_field
from services.incident.usecases.hooks import TASKS, TRY_FIELD
from services.incident.usecases.tasks import TURNS

KINDS = (Kind(Task, pb.Task, TASKS, about="about"),)

INDEXES = (
    Index(TASKS, [("tenant", 1), ("number", 1)]),
    Index(TASKS, [("tenant", 1), ("about", 1), ("create_time", -1), ("_id", 1)]),
    Index(TASKS, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(TASKS, [("tenant", 1), ("state", 1), ("create_time", -1), ("_id", 1)]),
    *(
        Index(TASKS, [("tenant", 1), (owner, 1), ("create_time", -1), ("_id", 1)], partial={owner: {"$gt": ""}})
        for owner in ("assignee_id", "team_id", "requester_id")
    ),
    due_index(TASKS, TRY_FIELD),
    Index(TURNS, [("tenant", 1)]),
)

TASK_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "number": Field(path="number", sortable=True),
    "title": Field(path="title", kind=Of.TEXT),
    "kind": enum_field("kind", TaskKind),
    "state": enum_field("state", TaskState),
    "about": Field(path="about"),
    "dependsOn": Field(path="depends_on", many=True),
    "mandatory": Field(path="mandatory", kind=Of.BOOL),
    "teamId": Field(path="team_id"),
    "assigneeId": Field(path="assignee_id"),
    "requesterId": Field(path="requester_id"),
    "assetClass": Field(path="asset_class"),
    "assetId": Field(path="asset_id"),
    "dueTime": time_field("due_time"),
    "createTime": time_field("create_time", sortable=True),
    "updateTime": time_field("update_time", sortable=True),
    "readyTime": time_field("ready_time"),
    "endTime": time_field("end_time"),
}


def listings(key: bytes, clock: Clock) -> Mapping[str, Listing]:
    """The list; `key` signs its tokens."""
    return {"tasks": Listing("tasks", TASK_FIELDS, "createTime desc", key, clock)}
