"""To whom a rule would tell an event, by which way, and why not: people whom the record names, or whom the rule does.

Nobody is told of what he did himself, or of what he may not read: people by their own rights, rooms and addresses by those
of whoever made the rule. What is said in private about a record is for those who may read all of its kind.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import orjson

from chassis import context as ctx
from chassis.codec import from_document
from chassis.domain import Clock
from chassis.store import Store
from services.gateway.domain.delivery import Channel
from services.gateway.domain.notification_preferences import NotificationPreferences, preferences_id
from services.gateway.domain.notification_rule import NAMED, NotificationRule, Recipient
from services.gateway.ports import Owners, People, Person, Records, Told
from services.gateway.usecases.postbox import CONTACTS, MAILS

PREFERENCES, SUBSCRIPTIONS, ROOMS = "notification_preferences", "push_subscriptions", "chat_rooms"
MOST_OF_TEAM = 200
_CONTACT, _WRITTEN_DOWN = "address:", timedelta(minutes=10)
TO_SEE_ALL = "itsm.incident.v1.IncidentUpdated"
"""An event that holds a record whole: whoever may read it may read the record."""
WHOLE: Mapping[str, tuple[str, str]] = {
    "incidents": (TO_SEE_ALL, "incident"),
    "problems": ("itsm.incident.v1.ProblemUpdated", "problem"),
    "changes": ("itsm.incident.v1.ChangeUpdated", "change"),
    "requests": ("itsm.incident.v1.RequestUpdated", "request"),
}
"""The same for each kind of record that something is said about, and its member that is the record."""

HIMSELF = "did it himself"
HIDDEN = "may not read it"
UNKNOWN = "is nobody who may sign in"
UNADDRESSED = "has no mail address"
UNWANTED = "wants it by no such way"
OFF = "nothing leaves by this way"


@dataclass(frozen=True, slots=True)
class Matter:
    """What an event is about: `record` is the record that people know, of which a note is a part. `seen` is what has to be
    readable to somebody who is told."""

    event: Told
    record: Mapping[str, Any]
    subject: str
    seen: Told
    part: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notice:
    """Somebody who is told, or is not for a `reason`. `to` is the mail address, `due` when at the earliest."""

    target_id: str
    channel: Channel
    rule: NotificationRule
    reason: str = ""
    to: str = ""
    name: str = ""
    locale: str = ""
    time_zone: str = ""
    due: datetime | None = None
    person_id: str = ""
    """Who that is, where it is somebody who may sign in and may read it, by whatever way."""


class Addressing:
    """See above. `ways` are those by which anything leaves."""

    def __init__(self, store: Store, owners: Owners, people: People, records: Records, ways: frozenset[Channel]) -> None:
        self._store, self._owners, self._people, self._records, self.ways = store, owners, people, records, ways
        self._clock: Clock = store.clock

    async def matter(self, event: Told) -> Matter | None:
        """What an event is about; None where that is gone. Raises `Unavailable`."""
        record = _snapshot(event)
        about = record.get("about")
        if not isinstance(about, str) or "/" not in about:
            return Matter(event, record, event.subject, event)
        whole = await self._records.record(about) if about.partition("/")[0] in WHOLE else None
        if whole is None:
            return None
        # What is public is for all who may read the record, what is not for those who may read every one of its kind.
        kind, member = WHOLE[about.partition("/")[0]]
        data = {member: whole}
        public = replace(event, type=kind, subject=about, data=data, text=orjson.dumps(data))
        return Matter(event, whole, about, public if record.get("public") else event, record)

    async def notices(self, matter: Matter, rules: Iterable[NotificationRule], actor: str) -> list[Notice]:
        """Each way to each target once, by the first rule that has it. Raises `Unavailable`."""
        found: dict[tuple[str, Channel], Notice] = {}
        for rule in rules:
            for notice in [*await self._to_people(matter, rule, actor), *await self._to_places(matter, rule)]:
                key = (notice.target_id, notice.channel)
                if key not in found or (found[key].reason and not notice.reason):
                    found[key] = notice
        return list(found.values())

    async def _to_people(self, matter: Matter, rule: NotificationRule, actor: str) -> list[Notice]:
        ways = [channel for channel in rule.channels if channel in (Channel.MAIL, Channel.PUSH)]
        ids = [*[each async for each in self._named(matter, rule)], *rule.user_ids]
        # Who wrote a note may have done so by mail, which a service has written down.
        himself = (actor, matter.part.get("authorId"))
        named = list(dict.fromkeys(each for each in ids if each))
        found = [Notice(each, ways[0], rule, reason=HIMSELF) for each in named if each in himself] if ways else []
        others = [each for each in named if each not in himself]
        if not ways or not others:
            return found
        wishes, browsers = await self._wishes(others), await self._browsers_of(others)
        for each in others:
            found += await self._to_person(matter, rule, each, wishes.get(each), browsers.get(each, []), ways)
        return found

    async def _to_person(
        self,
        matter: Matter,
        rule: NotificationRule,
        id: str,  # noqa: A002 - as its field
        wishes: NotificationPreferences | None,
        browsers: Sequence[str],
        ways: Sequence[Channel],
    ) -> list[Notice]:
        wishes = wishes or NotificationPreferences.of(ctx.current().tenant, id, self._clock())
        blank = Notice(id, ways[0], rule, locale=wishes.locale, time_zone=wishes.time_zone)
        wished = wishes.ways(rule.template, ways)
        wanted = [channel for channel in wished if channel is not Channel.PUSH or browsers]
        if not wished:
            return [replace(blank, reason=UNWANTED)]
        if id.startswith(_CONTACT):
            return await self._to_contact(matter, blank, wanted)
        person = await self._people.person(id)
        if person is None:
            return [replace(blank, reason=UNKNOWN)]
        if not await self._owners.sees(id, None, matter.seen):
            return [replace(blank, reason=HIDDEN)]
        due = None if rule.urgent else wishes.quiet_end(self._clock())
        told = replace(blank, name=person.name, person_id=id)
        by_ways = [each for channel in wanted for each in self._by(channel, told, person, browsers, due)]
        return by_ways or [replace(told, reason=UNWANTED)]

    async def _to_contact(self, matter: Matter, blank: Notice, wanted: Sequence[Channel]) -> list[Notice]:
        """Somebody without an account who reported it by mail: told of the record, and of what is said about it publicly."""
        tenant = ctx.current().tenant
        known = await self._store.find(CONTACTS, {"_id": f"{tenant}|{blank.target_id}"}, limit=1)
        if not known:
            return [replace(blank, reason=UNKNOWN)]
        if matter.record.get("requesterId") != blank.target_id or (matter.part and not matter.part.get("public")):
            return [replace(blank, reason=HIDDEN)]
        if Channel.MAIL not in wanted:
            return [replace(blank, reason=UNWANTED)]
        if await self._wrote(blank.target_id, matter):
            return [replace(blank, reason=HIMSELF)]
        contact = Person(blank.target_id, known[0]["name"], known[0]["address"])
        return list(self._by(Channel.MAIL, replace(blank, name=contact.name), contact, (), None))

    async def _wrote(self, contact_id: str, matter: Matter) -> bool:
        """Whether a note is his own mail: a service wrote it down a moment after that was taken up."""
        author = matter.part.get("authorId")
        if not author or await self._people.person(str(author)) is not None:
            return False
        at = matter.event.time
        lately = {"sender_id": contact_id, "begin_time": {"$gt": at - _WRITTEN_DOWN, "$lte": at}}
        return await self._store.count(MAILS, lately, limit=1) > 0

    def _by(
        self, channel: Channel, blank: Notice, person: Person, browsers: Sequence[str], due: datetime | None
    ) -> Iterator[Notice]:
        if channel not in self.ways:
            yield replace(blank, channel=channel, reason=OFF)
        elif channel is Channel.PUSH:
            yield from (replace(blank, target_id=browser, channel=channel, due=due) for browser in browsers)
        else:
            yield replace(blank, channel=channel, to=person.email, reason="" if person.email else UNADDRESSED)

    async def _to_places(self, matter: Matter, rule: NotificationRule) -> list[Notice]:
        if not rule.room_ids and not rule.addresses:
            return []
        seen = await self._owners.sees(rule.owner_id, rule.limits, matter.seen)
        found = [
            Notice(address_id(address), Channel.MAIL, rule, to=address, reason=self._why(Channel.MAIL, seen))
            for address in rule.addresses
        ]
        if rule.room_ids:
            rows = await self._store.find(ROOMS, {"_id": {"$in": rule.room_ids}, "delete_time": None})
            reason = self._why(Channel.CHAT, seen)
            found += [Notice(row["_id"], Channel.CHAT, rule, locale=row["locale"], reason=reason) for row in rows]
        return found

    def _why(self, channel: Channel, seen: bool) -> str:
        return (HIDDEN if not seen else "") if channel in self.ways else OFF

    async def _named(self, matter: Matter, rule: NotificationRule) -> Any:
        for each in rule.recipients:
            value = (matter.part if each is Recipient.MENTIONED else matter.record).get(NAMED[each])
            if each is Recipient.TEAM and isinstance(value, str) and value:
                for member in (await self._people.team(value))[:MOST_OF_TEAM]:
                    yield member
            elif isinstance(value, list):
                for one in value[:MOST_OF_TEAM]:
                    yield str(one)
            elif isinstance(value, str):
                yield value

    async def _wishes(self, ids: Sequence[str]) -> dict[str, NotificationPreferences]:
        tenant = ctx.current().tenant
        rows = await self._store.find(PREFERENCES, {"_id": {"$in": [preferences_id(tenant, each) for each in ids]}})
        return {row["owner_id"]: from_document(row, NotificationPreferences) for row in rows}

    async def _browsers_of(self, ids: Sequence[str]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        if Channel.PUSH in self.ways:
            for row in await self._store.find(SUBSCRIPTIONS, {"owner_id": {"$in": list(ids)}, "delete_time": None}):
                found.setdefault(row["owner_id"], []).append(row["_id"])
        return found


def address_id(address: str) -> str:
    """What stands for a mail address as a target: no log of targets is a list of addresses."""
    return f"address:{hashlib.blake2b(address.lower().encode(), digest_size=12).hexdigest()}"


def _snapshot(event: Told) -> Mapping[str, Any]:
    """The record in an event, its only member that is one."""
    found = [value for name, value in event.data.items() if isinstance(value, dict) and "id" in value]
    return found[-1] if found else {}
