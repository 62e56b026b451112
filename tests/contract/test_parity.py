"""Each aggregate says what its message says: a field is one line in the proto and one in the dataclass, and nothing else."""

from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest

from chassis.codec import is_map
from services.analytics.store import KINDS as ANALYTICS
from services.asset.store import KINDS as ASSET
from services.auth.domain.directory import Directory, DirectoryRun
from services.auth.store import KINDS as AUTH
from services.gateway.store import KINDS as GATEWAY
from services.incident.store import KINDS as INCIDENT
from services.monitor.store import KINDS as MONITOR

# Fields that stay inside, each for a reason; the message never shows them.
INSIDE = {
    "Incident.version": "shown as etag",
    "Incident.next_due_time": "when the timer looks again",
    "Incident.followed": "what it waits for, for what follows from that",
    "Incident.reminded": "how often people were reminded of that",
    "Incident.follow_up_time": "when the next step of that is due",
    "Dashboard.version": "shown as etag",
    "Dashboard.delete_time": "since when it is gone",
    "FollowUpPolicy.version": "shown as etag",
    **{
        f"{each}.{field}": why
        for each in ("View", "Macro", "TicketTemplate", "CannedReply", "TimeEntry", "RecurringTicket")
        for field, why in (("version", "shown as etag"), ("delete_time", "since when it is gone"))
    },
    "MacroRun.version": "shown as etag",
    "SurveyPolicy.version": "shown as etag",
    "SurveyPolicy.delete_time": "since when it is gone",
    "Survey.version": "shown as etag",
    "Survey.due_time": "when the timer ends it",
    "MacroRun.backwards": "what takes it back",
    "MacroRun.incident_version": "what it left, to be taken back only from there",
    "FollowUpPolicy.delete_time": "since when it is gone",
    "Incident.told": "which steps of the clocks were told",
    "Incident.matrix_version": "the priority matrix that ranked it",
    "Incident.resolved_facts": "what its promises went by when it was resolved",
    "Clock.policy_reason": "told by ExplainClocks",
    "Clock.calendar_version": "told by ExplainClocks",
    "Clock.ledger": "told by ExplainClocks",
    "Approval.version": "shown as etag",
    "Approval.next_due_time": "when the timer looks again",
    "ApprovalDelegation.version": "shown as etag",
    "ApprovalPolicy.version": "shown as etag",
    "CabMeeting.version": "shown as etag",
    "ChangeTemplate.version": "shown as etag",
    "ChangeTemplate.edited_by_id": "who does not agree to it, having written it",
    "Change.version": "shown as etag",
    "Change.next_due_time": "when the timer looks again",
    "Change.told": "what of it was told to be late",
    "Change.record_before": "what became of the changes before it",
    "Change.opened_by_id": "who does not agree to it, having proposed it",
    "Change.edited_by_id": "who does not agree to it, having written it",
    "Change.finished_by_id": "who does not confirm it, having said how it ended",
    "Note.version": "shown as etag",
    "Problem.version": "shown as etag",
    "AutomationRule.version": "shown as etag",
    "AutomationRule.limits": "what its owner might do when he decided on it",
    "RuleRun.version": "shown as etag",
    "RuleRun.expire_time": "when it is forgotten",
    "AgentProfile.removed": "its row goes in a moment",
    "RoutingRule.version": "shown as etag",
    "AgentProfile.version": "shown as etag",
    "Problem.words": "by which a known error is found",
    "Attachment.version": "shown as etag",
    "Article.version": "shown as etag",
    "Article.group": "what it is a translation of, or itself",
    "Article.editions": "how many versions there were",
    "Article.next_due_time": "when the timer looks again",
    "Article.told_review_time": "the review that was told of",
    "ArticleRating.version": "shown as etag",
    "TriageModel.version": "shown as etag",
    "TriageModel.next_due_time": "when it is learned",
    "TriageModel.pieces": "how much it knows",
    "SlaPolicy.version": "shown as etag",
    "Calendar.version": "shown as etag",
    "CatalogItem.version": "shown as etag",
    "CatalogItem.restricted": "whether it is not for everybody, as lists ask",
    "Request.version": "shown as etag",
    "Request.next_due_time": "when the timer looks again",
    "Request.told": "which steps of the clocks were told",
    "Request.form": "the form of the revision that it is made of",
    "Request.planned": "the plan of the revision that it is made of",
    "Request.resolved_facts": "what its promises went by when it was resolved",
    "Task.version": "shown as etag",
    "Task.next_try_time": "when the platform tries what it does itself",
    "Silence.version": "shown as etag",
    "MaintenanceWindow.version": "shown as etag",
    "NotificationTarget.version": "shown as etag",
    **{
        f"{each}.{field}": why
        for each in ("Schedule", "EscalationPolicy")
        for field, why in (("version", "shown as etag"), ("remove_time", "since when it is gone"))
    },
    "Page.version": "shown as etag",
    "Directory.version": "shown as etag",
    "Directory.delete_time": "since when it is gone",
    "DirectoryRun.version": "shown as etag",
    "Webhook.version": "shown as etag",
    "Job.version": "shown as etag",
    "Job.roles": "what its creator came with",
    "Job.limits": "what its creator might do when he asked for it",
    "Job.credential_id": "what its creator came with",
    "Job.selected": "how many records a selection counted",
    "Job.selected_time": "when it counted them",
    "Job.collected": "whether its records are settled",
    "Job.invertible": "shown as the time until which it may be undone",
    "Job.delete_time": "since when it is gone",
    "Job.run": "which pieces are those of its file",
    "Webhook.limits": "what its owner might read when he decided on it",
    "Webhook.enable_time": "since when it is told",
    "Webhook.delete_time": "since when it is gone",
    "Mailbox.version": "shown as etag",
    "Mailbox.delete_time": "since when it is gone",
    "Connection.version": "shown as etag",
    "Connection.delete_time": "since when it is gone",
    "Template.version": "shown as etag",
    "Template.delete_time": "since when it is gone",
    "NotificationRule.version": "shown as etag",
    "NotificationRule.limits": "what its owner might read when he decided on it",
    "NotificationRule.enable_time": "since when it tells",
    "NotificationRule.delete_time": "since when it is gone",
    "ChatRoom.version": "shown as etag",
    "ChatRoom.url_version": "how many addresses it had",
    "ChatRoom.delete_time": "since when it is gone",
    "PushSubscription.version": "shown as etag",
    "PushSubscription.place": "tells addresses apart without saying them",
    "PushSubscription.delete_time": "since when it is gone",
    "NotificationPreferences.version": "shown as etag",
    "Delivery.version": "counts what somebody did to it",
    "Delivery.turn": "how many attempts were made in this series",
    "Delivery.series": "which series of attempts it is in",
    "Delivery.expire_time": "when it is forgotten",
    "Alert.version": "shown as etag",
    "Alert.expire_time": "when the clock ends it",
    "Alert.purge_time": "since when its record may go",
    "Alert.tags": "the labels as filters ask for them",
    "Integration.version": "shown as etag",
    "AlertRule.version": "shown as etag",
    "Check.version": "shown as etag",
    "Check.level": "what is believed of the target, also while nobody looks",
    "Check.recent": "the newest results, for what rows of them say",
    "Check.problem_time": "when what it has raised began",
    "Check.silence_time": "since when nothing is known",
    "Check.stale_time": "when its silence is noticed",
    "Check.heard": "how many results it heard, which writers compare",
    "Check.shard": "which worker runs it",
    "Check.agent_subject": "the key of its agent",
    "Asset.version": "shown as etag",
    "Asset.said_identifiers": "which source says which identifiers, for when it says others",
    "Asset.keys": "what it is looked up by",
    "AssetClass.version": "shown as etag",
    "Duplicate.version": "shown as etag",
    "Agent.version": "shown as etag",
    "Import.version": "shown as etag",
    "Relation.version": "shown as etag",
    "ImpactAssessment.version": "shown as etag",
    "Major.version": "shown as etag",
    "Release.version": "shown as etag",
    "Blackout.version": "shown as etag",
    "MarginAcceptance.version": "shown as etag",
    "Major.item_count": "how many keys its items had",
    "StatusUpdate.version": "shown as etag",
    "Incident.before_merge": "what it was before it was merged",
    "Incident.merged_keys": "keys of alerts that came with those merged into it",
    "Incident.moved_from": "the mergers that took its parents, so that each can be taken back",
}
# Fields of a message that no dataclass holds.
DERIVED = {"etag": "the version", "secret": "written only, kept sealed beside the record", "password": "as secret"}
# The same of fields that are called otherwise.
SEALED = {
    "AgentProfile.open_count",
    "ChatRoom.url",
    "PushSubscription.endpoint",
    "PushSubscription.p256dh",
    "PushSubscription.auth",
}

SCALARS = {
    Any: "itsm.type.v1.Value",
    str: "string",
    int: "int32",
    bool: "bool",
    float: "double",
    datetime: "google.protobuf.Timestamp",
    timedelta: "google.protobuf.Duration",
}


def pairs(kind: Any, descriptor: Any) -> list[tuple[Any, Any]]:
    """A dataclass and its message, and all that are inside of them."""
    found = [(kind, descriptor)]
    for name, hint in get_type_hints(kind).items():
        inner, _, _ = shape(hint)
        if is_dataclass(inner) and name in descriptor.fields_by_name:
            found += pairs(inner, value_of(descriptor.fields_by_name[name]).message_type)
    return found


def shape(hint: Any) -> tuple[Any, bool, bool]:
    """The plain type, whether it is a list, whether it may be absent."""
    if get_origin(hint) in (Union, UnionType):
        (inner,) = [each for each in get_args(hint) if each is not type(None)]
        return shape(inner)[0], shape(inner)[1], True
    if get_origin(hint) is list:
        return get_args(hint)[0], True, False
    if get_origin(hint) is dict:  # with keys that are text, as all maps of ours
        return get_args(hint)[1], True, False
    return hint, False, False


def value_of(field: Any) -> Any:
    """The field itself, or what a map maps to."""
    return field.message_type.fields_by_name["value"] if is_map(field) else field


def type_name(field: Any) -> str:
    if field.message_type is not None:
        return str(field.message_type.full_name)
    if field.enum_type is not None:
        return str(field.enum_type.full_name)
    names = {field.TYPE_STRING: "string", field.TYPE_INT32: "int32", field.TYPE_BOOL: "bool", field.TYPE_DOUBLE: "double"}
    return names[field.type]


DIRECTORIES = [kind for kind in AUTH if kind.aggregate in (Directory, DirectoryRun)]
ALL = [
    pair
    for kind in (*ANALYTICS, *ASSET, *DIRECTORIES, *INCIDENT, *MONITOR, *GATEWAY)
    for pair in pairs(kind.aggregate, kind.message.DESCRIPTOR)
]


@pytest.mark.parametrize(("kind", "descriptor"), ALL, ids=lambda each: getattr(each, "__name__", ""))
def test_a_dataclass_and_its_message_have_the_same_fields(kind: Any, descriptor: Any) -> None:
    own = {field.name.removesuffix("_") for field in fields(kind)}
    inside = {name.partition(".")[2] for name in INSIDE if name.startswith(f"{kind.__name__}.")}
    assert inside <= own, f"{kind.__name__} has no {inside - own}: take it off the list"
    public = {name for name in descriptor.fields_by_name if f"{kind.__name__}.{name}" not in SEALED} - set(DERIVED)
    assert own - inside == public, (
        f"only in {kind.__name__}: {own - inside - public}; only in {descriptor.full_name}: {public - own}. "
        "Add the missing line, or name here why it stays inside"
    )


@pytest.mark.parametrize(("kind", "descriptor"), ALL, ids=lambda each: getattr(each, "__name__", ""))
def test_a_field_has_the_same_type_in_both(kind: Any, descriptor: Any) -> None:
    for name, hint in get_type_hints(kind).items():
        field = descriptor.fields_by_name.get(name.removesuffix("_"))
        if field is None:
            continue
        (inner, repeated, optional), path = shape(hint), f"{kind.__name__}.{name}"
        if field.message_type is not None and field.message_type.full_name == "google.protobuf.Struct":
            assert hint == dict[str, Any], f"{path} is a free object there"
            continue
        assert repeated == field.is_repeated, f"{path} is a list in one of both only"
        field = value_of(field)
        if isinstance(inner, type) and issubclass(inner, StrEnum):
            values = [value.name for value in field.enum_type.values if value.number]
            assert [value.value for value in inner] == values, f"{path}: other values than {field.enum_type.full_name}"
        elif not is_dataclass(inner):
            assert type_name(field) == SCALARS[inner], f"{path} is {inner.__name__} here, {type_name(field)} there"
        if optional and field.enum_type is None:
            assert field.has_presence, f"{path} may be absent; say `optional` in the proto"
