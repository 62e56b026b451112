"""Surveys and their policy; and what is kept for the moment alone: drafts."""

from collections.abc import Mapping

from itsm.incident import v1 as pb

from chassis.domain import Clock
from chassis.due import due_index
from chassis.listing import Field, Fields, Listing
from chassis.listing import Kind as Of
from chassis.store import Index, Kind
from services.incident.domain.survey import State, Survey, SurveyPolicy
from services.incident.store.fields import enum_field, time_field
from services.incident.usecases.cupboard import REMOVED_KEPT
from services.incident.usecases.drafts import DRAFTS, KEPT
from services.incident.usecases.surveys import DUE_FIELD, POLICIES, SURVEYS

KINDS = (Kind(SurveyPolicy, pb.SurveyPolicy, POLICIES), Kind(Survey, pb.Survey, SURVEYS))

INDEXES = (
    Index(POLICIES, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(POLICIES, [("delete_time", 1)], expire_after=REMOVED_KEPT),
    Index(SURVEYS, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(SURVEYS, [("tenant", 1), ("requester_id", 1), ("create_time", -1), ("_id", 1)]),
    due_index(SURVEYS, DUE_FIELD),
    Index(DRAFTS, [("tenant", 1), ("by", 1), ("update_time", -1)]),
    Index(DRAFTS, [("update_time", 1)], expire_after=KEPT),
)
POLICY_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "name": Field(path="name", kind=Of.TEXT),
    "createTime": time_field("create_time", sortable=True),
}
SURVEY_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "about": Field(path="about"),
    "state": enum_field("state", State),
    "score": Field(path="score", kind=Of.NUMBER),
    "requesterId": Field(path="requester_id"),
    "assigneeId": Field(path="assignee_id"),
    "teamId": Field(path="team_id"),
    "createTime": time_field("create_time", sortable=True),
    "answerTime": time_field("answer_time"),
}


def listings(key: bytes, clock: Clock) -> Mapping[str, Listing]:
    """The lists by plural; `key` signs their tokens."""
    return {
        "surveyPolicies": Listing("surveyPolicies", POLICY_FIELDS, "createTime desc", key, clock),
        "surveys": Listing("surveys", SURVEY_FIELDS, "createTime desc", key, clock),
    }
