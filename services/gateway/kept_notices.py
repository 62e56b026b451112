"""What the gateway keeps where for the sake of notices, and what lists may ask for.

Fails at start, with `ValueError`, when an allow-list contradicts itself.
"""

from datetime import timedelta

from itsm.gateway import v1 as pb

from chassis.domain import Clock
from chassis.listing import Field, Fields, Listing
from chassis.listing import Kind as Of
from chassis.store import Index, Kind
from services.gateway.domain import chat_room
from services.gateway.domain.chat_room import ChatRoom
from services.gateway.domain.delivery import KEPT, Delivery
from services.gateway.domain.notification_preferences import NotificationPreferences
from services.gateway.domain.notification_rule import NotificationRule
from services.gateway.domain.push_subscription import PushSubscription
from services.gateway.domain.template import WAYS, Template
from services.gateway.usecases import inbox
from services.gateway.usecases.addressing import PREFERENCES, ROOMS, SUBSCRIPTIONS
from services.gateway.usecases.inbox import INBOX
from services.gateway.usecases.log import DELIVERIES
from services.gateway.usecases.rooms import SEALED
from services.gateway.usecases.rules import RULES
from services.gateway.usecases.wording import TEMPLATES

KINDS = (
    Kind(Template, pb.Template, TEMPLATES),
    Kind(NotificationRule, pb.NotificationRule, RULES),
    Kind(ChatRoom, pb.ChatRoom, ROOMS),
    Kind(PushSubscription, pb.PushSubscription, SUBSCRIPTIONS),
    Kind(NotificationPreferences, pb.NotificationPreferences, PREFERENCES),
    Kind(Delivery, pb.Delivery, DELIVERIES),
)

INDEXES = (
    Index(TEMPLATES, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(TEMPLATES, [("delete_time", 1)], expire_after=KEPT),
    # Those of the platform that somebody removed stay removed: no time takes them.
    Index(RULES, [("tenant", 1), ("order", 1), ("_id", 1)]),
    Index(ROOMS, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(ROOMS, [("delete_time", 1)], expire_after=KEPT),
    Index(SUBSCRIPTIONS, [("tenant", 1), ("owner_id", 1), ("create_time", -1), ("_id", 1)]),
    Index(SUBSCRIPTIONS, [("tenant", 1), ("place", 1)]),
    Index(SUBSCRIPTIONS, [("delete_time", 1)], expire_after=KEPT),
    Index(PREFERENCES, [("tenant", 1), ("_id", 1)]),
    Index(SEALED, [("tenant", 1), ("_id", 1)]),
    Index(DELIVERIES, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(INBOX, [("tenant", 1), ("owner_id", 1), ("create_time", -1), ("_id", 1)]),
    Index(INBOX, [("expire_time", 1)], expire_after=timedelta(0)),
)

_TIMES: Fields = {
    "createTime": Field(path="create_time", kind=Of.TIMESTAMP, sortable=True),
    "updateTime": Field(path="update_time", kind=Of.TIMESTAMP, sortable=True),
}
_CHANNEL = tuple(way.value for way in WAYS)
TEMPLATE_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "name": Field(path="name", sortable=True),
    "channel": Field(path="channel", kind=Of.ENUM, values=_CHANNEL),
    "locale": Field(path="locale"),
    **_TIMES,
}
RULE_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "name": Field(path="name", kind=Of.TEXT),
    "eventTypes": Field(path="event_types", many=True),
    "template": Field(path="template"),
    "channels": Field(path="channels", kind=Of.ENUM, values=_CHANNEL, many=True),
    "enabled": Field(path="enabled", kind=Of.BOOL),
    "order": Field(path="order", kind=Of.NUMBER, sortable=True),
    "shipped": Field(path="shipped"),
    **_TIMES,
}
ROOM_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "name": Field(path="name", kind=Of.TEXT),
    "kind": Field(path="kind", kind=Of.ENUM, values=tuple(kind.value for kind in chat_room.Kind)),
    "host": Field(path="host"),
    **_TIMES,
}
SUBSCRIPTION_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "name": Field(path="name", kind=Of.TEXT),
    "host": Field(path="host"),
    **_TIMES,
}


def template_listing(key: bytes, clock: Clock) -> Listing:
    """The list of templates."""
    return Listing("templates", TEMPLATE_FIELDS, "createTime desc", key, clock)


def rule_listing(key: bytes, clock: Clock) -> Listing:
    """The list of rules, in the order in which they count."""
    return Listing("notificationRules", RULE_FIELDS, "order", key, clock)


def room_listing(key: bytes, clock: Clock) -> Listing:
    """The list of rooms."""
    return Listing("chatRooms", ROOM_FIELDS, "createTime desc", key, clock)


def subscription_listing(key: bytes, clock: Clock) -> Listing:
    """The list of somebody's browsers."""
    return Listing("pushSubscriptions", SUBSCRIPTION_FIELDS, "createTime desc", key, clock)


def inbox_listing(key: bytes, clock: Clock) -> Listing:
    """The list of what somebody was told of."""
    return Listing("inbox", inbox.FIELDS, "createTime desc", key, clock)
