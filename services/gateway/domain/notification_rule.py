"""Rules of who is told of which events, by which ways, in which words."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from itsm.gateway import v1 as pb

from chassis.domain import Aggregate, Event
from chassis.errors import Invalid
from services.gateway.domain.delivery import Channel
from services.gateway.domain.template import NAME, WAYS
from services.gateway.domain.webhook import MOST_TYPES, TYPE_LENGTH, covers

NAME_LENGTH = 200
MOST_PEOPLE, MOST_ADDRESSES, MOST_ROOMS = 100, 50, 20
ORDER = range(-10_000, 10_001)

# A dot-atom and a host: what else RFC 5322 allows, such as quoted names and comments, is only ever used to deceive.
_ADDRESS = re.compile(
    r"(?=.{3,254}\Z)(?=[^@]{1,64}@)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+",
    re.ASCII,
)


class Recipient(StrEnum):
    """Somebody whom a record names."""

    REQUESTER = "REQUESTER"
    ASSIGNEE = "ASSIGNEE"
    TEAM = "TEAM"
    WATCHERS = "WATCHERS"
    MENTIONED = "MENTIONED"
    VOTERS = "VOTERS"
    CALLED = "CALLED"
    ATTENDEES = "ATTENDEES"


NAMED: Mapping[Recipient, str] = {
    Recipient.REQUESTER: "requesterId",
    Recipient.ASSIGNEE: "assigneeId",
    Recipient.TEAM: "teamId",
    Recipient.WATCHERS: "watcherIds",
    Recipient.MENTIONED: "mentionedIds",
    Recipient.VOTERS: "voterIds",
    Recipient.CALLED: "calledIds",
    Recipient.ATTENDEES: "attendeeIds",
}
"""The field that names them, by its JSON name: of the record, or of what is said about it."""


@dataclass(slots=True, kw_only=True)
class NotificationRule(Aggregate):
    """Who is told. Rooms and addresses are told by the rights of its owner, within `limits`, people by their own."""

    name: str
    event_types: list[str]
    filter: str = ""
    recipients: list[Recipient] = field(default_factory=list)
    user_ids: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    room_ids: list[str] = field(default_factory=list)
    channels: list[Channel]
    template: str
    urgent: bool = False
    enabled: bool = True
    order: int = 0
    shipped: str = ""
    owner_id: str = ""
    limits: list[str] = field(default_factory=list)
    enable_time: datetime
    delete_time: datetime | None = None
    create_time: datetime
    update_time: datetime

    @classmethod
    def made(cls, *, id: str, at: datetime, owner_id: str, limits: list[str], **given: Any) -> Self:  # noqa: A002 - as its field
        """A new one. Raises `Invalid`; its filter and types are judged by who knows the events."""
        missing = {name: "is needed" for name in ("name", "event_types", "channels", "template") if not given.get(name)}
        if missing:
            raise Invalid(missing)
        given.setdefault("enabled", True)
        rule = cls(id=id, owner_id=owner_id, limits=limits, create_time=at, update_time=at, **({"enable_time": at} | given))
        rule.validate()
        rule.record(pb.NotificationRuleCreated())
        return rule

    def edit(self, at: datetime, *, by: str, limits: list[str], **fields: Any) -> None:
        """Changes named fields. Nothing changed, nothing is told.

        Who changes of what it tells whom owns it from then on, as with webhooks; one that is enabled tells of what
        happens from then on. Raises `Invalid`.
        """
        fields = {name: value for name, value in fields.items() if getattr(self, name) != value}
        for name, value in fields.items():
            setattr(self, name, value)
        if fields.get("enabled"):
            self.enable_time = at
        if fields.keys() & {"event_types", "filter", "addresses", "room_ids", "channels", "template"}:
            self.owner_id, self.limits = by, limits
        if fields:
            self.validate()
            self._changed(pb.NotificationRuleUpdated(), at)

    def delete(self, at: datetime) -> None:
        """It is gone, and does not come back with the next version of the platform."""
        self.enabled, self.delete_time = False, at
        self._changed(pb.NotificationRuleDeleted(), at)

    def wants(self, event_type: str, at: datetime) -> bool:
        """Whether it tells of such an event of that instant."""
        return self.enabled and at >= self.enable_time and any(covers(pattern, event_type) for pattern in self.event_types)

    def validate(self) -> None:
        """Raises `Invalid`, naming the fields."""
        wrong = {**_wrong_words(self), **_wrong_people(self), **_wrong_ways(self)}
        if wrong:
            raise Invalid(wrong)

    def _changed(self, event: Event, at: datetime) -> None:
        self.update_time = at
        self.record(event)


def _wrong_words(rule: NotificationRule) -> dict[str, str]:
    wrong, patterns = {}, rule.event_types
    if not 0 < len(rule.name.strip()) <= NAME_LENGTH:
        wrong["name"] = f"needs 1 to {NAME_LENGTH} characters"
    if not 0 < len(patterns) <= MOST_TYPES or len(set(patterns)) < len(patterns):
        wrong["event_types"] = f"needs 1 to {MOST_TYPES}, each once"
    elif any(len(pattern) > TYPE_LENGTH or "*" in pattern[:-1] for pattern in patterns):
        wrong["event_types"] = "each is a type or its beginning with one * at the end"
    if len(rule.template) > 100 or not NAME.fullmatch(rule.template):
        wrong["template"] = "must be the name of templates"
    if rule.order not in ORDER:
        wrong["order"] = f"must be between {ORDER.start} and {ORDER.stop - 1}"
    return wrong


def _wrong_people(rule: NotificationRule) -> dict[str, str]:
    wrong = {}
    if not (rule.recipients or rule.user_ids or rule.addresses or rule.room_ids):
        wrong["recipients"] = "somebody has to be told: recipients, userIds, addresses or roomIds"
    lists = {"user_ids": MOST_PEOPLE, "addresses": MOST_ADDRESSES, "room_ids": MOST_ROOMS, "recipients": len(Recipient)}
    for name, most in lists.items():
        values = getattr(rule, name)
        if len(values) > most or len(set(values)) < len(values) or not all(0 < len(each) <= 254 for each in values):
            wrong[name] = f"may have {most} at most, each once"
    if strange := [each for each in rule.addresses if not _ADDRESS.fullmatch(each)]:
        wrong["addresses"] = f"{strange[0][:80]!r} is no plain mail address"
    if (rule.addresses or rule.room_ids) and not rule.owner_id:
        wrong[""] = "addresses and rooms are told by the rights of a person: a key has none that could be asked for later"
    return wrong


def _wrong_ways(rule: NotificationRule) -> dict[str, str]:
    ways = set(rule.channels)
    if not ways <= set(WAYS) or len(ways) < len(rule.channels):
        return {"channels": f"each is one of {', '.join(WAYS)}, once"}
    if rule.room_ids and Channel.CHAT not in ways:
        return {"channels": "rooms are told by CHAT"}
    if rule.addresses and Channel.MAIL not in ways:
        return {"channels": "addresses are told by MAIL"}
    if (rule.recipients or rule.user_ids) and not ways & {Channel.MAIL, Channel.PUSH}:
        return {"channels": "people are told by MAIL or PUSH"}
    return {}
