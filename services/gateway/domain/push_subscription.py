"""Browsers that show notices, each of one person."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from itsm.gateway import v1 as pb

from chassis.domain import Aggregate, Event
from chassis.errors import Invalid

NAME_LENGTH = 200
MOST = 20
"""How many browsers a person may have."""


@dataclass(slots=True, kw_only=True)
class PushSubscription(Aggregate):
    """A browser. Its address and keys are no fields of it: they are kept sealed beside the record, in no event, copy or log.

    `place` tells addresses apart.
    """

    name: str = ""
    host: str
    owner_id: str
    place: str
    delete_time: datetime | None = None
    create_time: datetime
    update_time: datetime

    @classmethod
    def made(cls, *, id: str, at: datetime, owner_id: str, **given: Any) -> Self:  # noqa: A002 - as its field
        """A new one. Raises `Invalid`, also where nobody owns it: a key has no browser."""
        if not owner_id:
            raise Invalid({"": "only a person has a browser"})
        browser = cls(id=id, owner_id=owner_id, create_time=at, update_time=at, **given)
        browser.validate()
        browser.record(pb.PushSubscriptionCreated())
        return browser

    def renew(self, at: datetime, *, name: str) -> None:
        """The same browser, named again: also where it was gone. Raises `Invalid`."""
        self.name, self.delete_time = name, None
        self.validate()
        self._changed(pb.PushSubscriptionUpdated(), at)

    def delete(self, at: datetime) -> None:
        """It shows nothing more."""
        self.delete_time = at
        self._changed(pb.PushSubscriptionDeleted(), at)

    def validate(self) -> None:
        """Raises `Invalid`, naming the fields."""
        if len(self.name) > NAME_LENGTH:
            raise Invalid({"name": f"may have {NAME_LENGTH} characters at most"})

    def _changed(self, event: Event, at: datetime) -> None:
        self.update_time = at
        self.record(event)


def place_of(endpoint: str) -> str:
    """What tells one address from another without saying it."""
    return hashlib.blake2b(endpoint.encode(), digest_size=16).hexdigest()


def subscription_id(tenant: str, owner_id: str, place: str) -> str:
    """The id of a browser of somebody: the same whenever it is named."""
    about = "\x00".join((tenant, owner_id, place))
    return f"psh_{hashlib.blake2b(about.encode(), digest_size=16).hexdigest()}"
