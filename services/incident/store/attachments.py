"""Files of incidents: what is known of them, and what they hold in pieces."""

from collections.abc import Mapping
from datetime import timedelta

from itsm.incident import v1 as pb

from chassis.domain import Clock
from chassis.due import due_index
from chassis.listing import Field, Fields, Listing
from chassis.store import Index, Kind
from services.incident.domain.attachment import Attachment
from services.incident.store.fields import time_field
from services.incident.usecases.attachments import ATTACHMENTS
from services.incident.usecases.uploads import DUE_FIELD, UPLOADS

KINDS = (Kind(Attachment, pb.Attachment, ATTACHMENTS, about="about"),)
REMOVED_KEPT = timedelta(days=30)

INDEXES = (
    Index(ATTACHMENTS, [("tenant", 1), ("about", 1), ("create_time", -1), ("_id", 1)]),
    Index(ATTACHMENTS, [("delete_time", 1)], expire_after=REMOVED_KEPT),
    Index(UPLOADS, [("tenant", 1), ("by", 1), ("state", 1)]),
    due_index(UPLOADS, DUE_FIELD),
)

# Only ever asked for by the incident, newest first; the filter binds a token to it.
ATTACHMENT_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "about": Field(path="about"),
    "createTime": time_field("create_time", sortable=True),
}


def listings(key: bytes, clock: Clock) -> Mapping[str, Listing]:
    """The list; `key` signs its tokens."""
    return {"attachments": Listing("attachments", ATTACHMENT_FIELDS, "createTime desc", key, clock)}
