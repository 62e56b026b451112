"""The rules that come with the platform: who hears of what where nobody said otherwise. Each tenant may change or end them."""

from collections.abc import Mapping
from typing import Any

from services.gateway.domain.delivery import Channel
from services.gateway.domain.notification_rule import Recipient

_BOTH = [Channel.MAIL, Channel.PUSH]

SHIPPED: Mapping[str, Mapping[str, Any]] = {
    "requester-opened": {
        "name": "Requesters hear that their incident was opened",
        "event_types": ["itsm.incident.v1.IncidentOpened"],
        "recipients": [Recipient.REQUESTER],
        "channels": [Channel.MAIL],
        "template": "incident-opened",
    },
    "requester-answered": {
        "name": "Requesters hear what was answered publicly",
        "event_types": ["itsm.incident.v1.NoteAdded"],
        "filter": "public = true",
        "recipients": [Recipient.REQUESTER],
        "channels": _BOTH,
        "template": "incident-answered",
    },
    "requester-resolved": {
        "name": "Requesters hear that their incident was resolved",
        "event_types": ["itsm.incident.v1.IncidentResolved"],
        "recipients": [Recipient.REQUESTER],
        "channels": _BOTH,
        "template": "incident-resolved",
    },
    "assignee-assigned": {
        "name": "People hear that work was given to them",
        "event_types": ["itsm.incident.v1.IncidentAssigned"],
        "recipients": [Recipient.ASSIGNEE],
        "channels": _BOTH,
        "template": "incident-assigned",
    },
    "assignee-noted": {
        "name": "People hear what is said about what they work on",
        "event_types": ["itsm.incident.v1.NoteAdded"],
        "recipients": [Recipient.ASSIGNEE],
        "channels": _BOTH,
        "template": "incident-noted",
        "order": 10,
    },
    "mentioned": {
        "name": "People hear that a note names them",
        "event_types": ["itsm.incident.v1.NoteAdded"],
        "recipients": [Recipient.MENTIONED],
        "channels": _BOTH,
        "template": "incident-mentioned",
        "order": -10,
    },
    "watchers-noted": {
        "name": "Who watches hears what is said",
        "event_types": ["itsm.incident.v1.NoteAdded"],
        "recipients": [Recipient.WATCHERS],
        "channels": _BOTH,
        "template": "incident-noted",
        "order": 20,
    },
    "watchers-moved": {
        "name": "Who watches hears how it went on",
        "event_types": [
            "itsm.incident.v1.IncidentResolved",
            "itsm.incident.v1.IncidentReopened",
            "itsm.incident.v1.IncidentCancelled",
        ],
        "recipients": [Recipient.WATCHERS],
        "channels": _BOTH,
        "template": "incident-moved",
        "order": 20,
    },
    "requester-asked": {
        "name": "Requesters are asked how it was",
        "event_types": ["itsm.incident.v1.SurveySent"],
        "recipients": [Recipient.REQUESTER],
        "channels": [Channel.MAIL],
        "template": "incident-survey",
    },
    "requester-reminded": {
        "name": "Requesters are reminded of what they were asked",
        "event_types": ["itsm.incident.v1.IncidentReminded"],
        "filter": "holdReason = CALLER",
        "recipients": [Recipient.REQUESTER],
        "channels": _BOTH,
        "template": "incident-reminded",
    },
    "assignee-reminded": {
        "name": "People are reminded of what of theirs waits for others",
        "event_types": ["itsm.incident.v1.IncidentReminded"],
        "filter": "holdReason != CALLER",
        "recipients": [Recipient.ASSIGNEE],
        "channels": _BOTH,
        "template": "incident-reminded",
    },
    "voters-asked": {
        "name": "People hear that their vote is wanted",
        "event_types": [
            "itsm.incident.v1.ApprovalAsked",
            "itsm.incident.v1.ApprovalStageBegan",
            "itsm.incident.v1.ApprovalEscalated",
            "itsm.incident.v1.ApprovalVoterReplaced",
        ],
        "recipients": [Recipient.VOTERS],
        "channels": _BOTH,
        "template": "approval-asked",
    },
    "called": {
        "name": "Who is on call is called",
        "event_types": ["itsm.monitor.v1.PageCalled", "itsm.monitor.v1.PageHelpAsked"],
        "recipients": [Recipient.CALLED],
        "channels": _BOTH,
        "template": "page-called",
        "urgent": True,
    },
    "attendees-minutes": {
        "name": "Who comes to a meeting of the board hears of it, and reads its minutes",
        "event_types": ["itsm.incident.v1.CabMeetingPlanned", "itsm.incident.v1.CabMeetingHeld"],
        "recipients": [Recipient.ATTENDEES],
        "channels": [Channel.MAIL],
        "template": "meeting-moved",
    },
    "assignee-escalated": {
        "name": "People hear when a promise of theirs is at risk",
        "event_types": ["itsm.incident.v1.IncidentEscalated"],
        "recipients": [Recipient.ASSIGNEE],
        "channels": _BOTH,
        "template": "incident-escalated",
        "urgent": True,
    },
}
"""By what each is called in `shipped`."""
