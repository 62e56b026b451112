"""What the gateway keeps where for the sake of mail, and what lists may ask for.

Fails at start, with `ValueError`, when an allow-list contradicts itself.
"""

from datetime import timedelta

from itsm.gateway import v1 as pb

from chassis.domain import Clock
from chassis.due import due_index
from chassis.listing import Field, Fields, Listing
from chassis.listing import Kind as Of
from chassis.store import Index, Kind
from services.gateway.domain.mailbox import KEPT, Mailbox, MailState, State
from services.gateway.usecases.mailboxes import MAILBOXES
from services.gateway.usecases.postbox import CONTACTS, DUE_FIELD, MAILS, SOURCES, THREADS

KINDS = (Kind(Mailbox, pb.Mailbox, MAILBOXES),)

INDEXES = (
    Index(MAILBOXES, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(MAILBOXES, [("delete_time", 1)], expire_after=KEPT),
    Index(MAILS, [("tenant", 1), ("mailbox_id", 1), ("receive_time", -1), ("_id", 1)]),
    Index(MAILS, [("tenant", 1), ("sender_id", 1), ("begin_time", -1)]),
    due_index(MAILS, DUE_FIELD),
    *(Index(each, [("expire_time", 1)], expire_after=timedelta(0)) for each in (MAILS, SOURCES, THREADS, CONTACTS)),
)

MAILBOX_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "address": Field(path="address", sortable=True),
    "name": Field(path="name", kind=Of.TEXT),
    "state": Field(path="state", kind=Of.ENUM, values=tuple(state.value for state in State)),
    "teamId": Field(path="team_id"),
    "primary": Field(path="primary", kind=Of.BOOL),
    "createTime": Field(path="create_time", kind=Of.TIMESTAMP, sortable=True),
    "updateTime": Field(path="update_time", kind=Of.TIMESTAMP, sortable=True),
}
MAIL_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "state": Field(path="state", kind=Of.ENUM, values=tuple(state.value for state in MailState)),
    "record": Field(path="record"),
    "messageId": Field(path="message_id"),
    "receiveTime": Field(path="receive_time", kind=Of.TIMESTAMP, sortable=True),
}


def mailbox_listing(key: bytes, clock: Clock) -> Listing:
    """The list of mailboxes."""
    return Listing("mailboxes", MAILBOX_FIELDS, "createTime desc", key, clock)


def mail_listing(key: bytes, clock: Clock) -> Listing:
    """The list of what came to a mailbox."""
    return Listing("mails", MAIL_FIELDS, "receiveTime desc", key, clock)
