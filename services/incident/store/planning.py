"""Releases, blackouts, and what was accepted of changes."""

from collections.abc import Mapping

from itsm.incident import v1 as pb

from chassis.domain import Clock
from chassis.listing import Field, Fields, Listing
from chassis.listing import Kind as Of
from chassis.store import Index, Kind
from services.incident.domain.blackout import Blackout, MarginAcceptance, Repeat
from services.incident.domain.release import Release, ReleaseState
from services.incident.store.fields import enum_field, time_field
from services.incident.usecases.changes import CHANGES
from services.incident.usecases.planning import ACCEPTANCES, BLACKOUTS, RELEASES

KINDS = (
    Kind(Release, pb.Release, RELEASES),
    Kind(Blackout, pb.Blackout, BLACKOUTS),
    Kind(MarginAcceptance, pb.MarginAcceptance, ACCEPTANCES, about="about"),
)

INDEXES = (
    Index(RELEASES, [("tenant", 1), ("number", 1)]),
    Index(RELEASES, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(RELEASES, [("tenant", 1), ("end_time", 1)]),
    Index(BLACKOUTS, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(ACCEPTANCES, [("tenant", 1), ("about", 1)]),
    # By its end, because there is more behind us than before us.
    Index(CHANGES, [("tenant", 1), ("end_time", 1)]),
)

RELEASE_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "number": Field(path="number", sortable=True),
    "title": Field(path="title", kind=Of.TEXT),
    "state": enum_field("state", ReleaseState),
    "releaseVersion": Field(path="release_version"),
    "requesterId": Field(path="requester_id"),
    "teamId": Field(path="team_id"),
    "assigneeId": Field(path="assignee_id"),
    "changeIds": Field(path="change_ids", many=True),
    "startTime": time_field("start_time", sortable=True),
    "endTime": time_field("end_time", sortable=True),
    "createTime": time_field("create_time", sortable=True),
    "updateTime": time_field("update_time", sortable=True),
}
BLACKOUT_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "title": Field(path="title", kind=Of.TEXT),
    "serviceIds": Field(path="service_ids", many=True),
    "assetIds": Field(path="asset_ids", many=True),
    "repeat": enum_field("repeat", Repeat),
    "startTime": time_field("start_time", sortable=True),
    "endTime": time_field("end_time", sortable=True),
    "createTime": time_field("create_time", sortable=True),
    "deleteTime": time_field("delete_time"),
}
_NEWEST = "createTime desc"


def listings(key: bytes, clock: Clock) -> Mapping[str, Listing]:
    """The lists by plural; `key` signs their tokens."""
    return {
        "releases": Listing("releases", RELEASE_FIELDS, _NEWEST, key, clock),
        "blackouts": Listing("blackouts", BLACKOUT_FIELDS, _NEWEST, key, clock),
    }
