"""Models that sort incidents."""

from collections.abc import Mapping

from itsm.incident import v1 as pb

from chassis.domain import Clock
from chassis.due import due_index
from chassis.listing import Field, Fields, Listing
from chassis.store import Index, Kind
from services.incident.domain.triage_model import ModelState, Purpose, TriageModel
from services.incident.store.fields import enum_field, time_field
from services.incident.usecases.triage import MODELS

KINDS = (Kind(TriageModel, pb.TriageModel, MODELS),)
DUE_FIELD = "next_due_time"

INDEXES = (
    Index(MODELS, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(MODELS, [("tenant", 1), ("state", 1), ("purpose", 1)]),
    due_index(MODELS, DUE_FIELD),
)

MODEL_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "purpose": enum_field("purpose", Purpose),
    "state": enum_field("state", ModelState),
    "createTime": time_field("create_time", sortable=True),
}


def listings(key: bytes, clock: Clock) -> Mapping[str, Listing]:
    """The list; `key` signs its tokens."""
    return {"triageModels": Listing("triageModels", MODEL_FIELDS, "createTime desc", key, clock)}
