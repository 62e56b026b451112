"""Mailboxes: an address that mail is sent to and from, and what is made of it."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from itsm.gateway import v1 as pb

from chassis.domain import Aggregate, Event
from chassis.errors import Invalid

KEPT = timedelta(days=30)
"""How long a message is kept as it came."""
_LENGTHS = {"name": 100, "team_id": 200, "category": 200, "service_id": 200}


class State(StrEnum):
    """Whether mail is taken."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"


class Strangers(StrEnum):
    """What becomes of mail from an address of nobody whom we know."""

    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"


class MailState(StrEnum):
    """Where a message stands that came in."""

    PENDING = "PENDING"
    DONE = "DONE"
    IGNORED = "IGNORED"
    REFUSED = "REFUSED"


@dataclass(slots=True, kw_only=True)
class Mailbox(Aggregate):
    """An address that mail comes to. Who makes it has judged the address."""

    address: str
    name: str = ""
    state: State = State.ENABLED
    strangers: Strangers = Strangers.REFUSED
    team_id: str = ""
    category: str = ""
    service_id: str = ""
    primary: bool = False
    delete_time: datetime | None = None
    create_time: datetime
    update_time: datetime

    @classmethod
    def made(cls, *, id: str, at: datetime, **given: Any) -> Self:  # noqa: A002 - as its field
        """A new one. Raises `Invalid`."""
        if not given.get("address"):
            raise Invalid({"address": "is needed"})
        mailbox = cls(id=id, create_time=at, update_time=at, **given)
        mailbox.validate()
        mailbox.record(pb.MailboxCreated())
        return mailbox

    def edit(self, at: datetime, **fields: Any) -> None:
        """Changes named fields. Nothing changed, nothing is told. Raises `Invalid`."""
        fields = {name: value for name, value in fields.items() if getattr(self, name) != value}
        for name, value in fields.items():
            setattr(self, name, value)
        if fields:
            self.validate()
            self._changed(pb.MailboxUpdated(), at)

    def delete(self, at: datetime) -> None:
        """It is gone."""
        self.state, self.delete_time = State.DISABLED, at
        self._changed(pb.MailboxDeleted(), at)

    def validate(self) -> None:
        """Raises `Invalid`, naming the fields."""
        wrong = {
            name: f"may have {most} characters at most" for name, most in _LENGTHS.items() if len(getattr(self, name)) > most
        }
        if not all(letter.isprintable() for letter in self.name):
            wrong["name"] = "must be one line of plain text"
        if wrong:
            raise Invalid(wrong)

    def _changed(self, event: Event, at: datetime) -> None:
        self.update_time = at
        self.record(event)


def mail_id(tenant: str, mailbox_id: str, name: str) -> str:
    """The id of a message that came to a mailbox: the same however often it comes. `name` is its own id, or its content."""
    about = "|".join((tenant, mailbox_id, name))
    return f"mail_{hashlib.blake2b(about.encode('utf-8', 'replace'), digest_size=16).hexdigest()}"


def new_mail(mailbox_id: str, message_id: str, size: int, at: datetime) -> dict[str, Any]:
    """The record of a message that is to be worked now, without its id and tenant."""
    return {
        "mailbox_id": mailbox_id,
        "state": MailState.PENDING.value,
        "reason": "",
        "record": "",
        "message_id": message_id,
        "sender_id": "",
        "size": size,
        "receive_time": at,
        "attempt_count": 0,
        "next_due_time": at,
        "expire_time": at + KEPT,
    }
