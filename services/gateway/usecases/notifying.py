"""Tells people of events: writes deliveries with the words that are read, in the transaction of the event's batch.

A burst stays readable: of one record a target is told so often in an hour, of all records together so often; what is beyond
that is counted, and one notice at the end of the hour says how many more there were.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from chassis import context as ctx
from chassis.domain import Clock
from chassis.events.wire import Envelope
from chassis.store import Store, Transaction
from services.gateway.domain.delivery import Channel, delivery_id
from services.gateway.ports import Catalog, People, Records
from services.gateway.templates.sandbox import plain
from services.gateway.templates.shipped import CLOSING
from services.gateway.usecases.addressing import Addressing, Matter, Notice
from services.gateway.usecases.answering import Links
from services.gateway.usecases.inbox import Inbox
from services.gateway.usecases.log import DELIVERIES, Log
from services.gateway.usecases.rules import Rules
from services.gateway.usecases.telling import told
from services.gateway.usecases.wording import Known, Letter, Wording

FOLDED = "itsm.gateway.v1.NoticesFolded"
"""The type of a delivery that ends a burst."""
OF_A_RECORD, OF_A_TARGET, OF_URGENT = 5, 60, 300
"""How often in an hour somebody is told of one record, of all together, and of one that is urgent: no call is folded away."""
MOST_FOLDED = 1_000
PLACES = {"pages": "oncall"}
"""Where people see records of a kind that has a view of its own, before its path."""
STALE = timedelta(days=1)
"""What is older when it is heard of is told to nobody: it would be read as news."""


@dataclass(slots=True)
class _Batch:
    """What was written in one transaction, which no question shows yet."""

    tx: Transaction
    told: dict[tuple[str, str, str], set[str]] = field(default_factory=dict)
    folded: dict[str, list[str]] = field(default_factory=dict)


class Notifying:
    """Writes deliveries for events. `public_url` is where people see records, `installation` what they call all this.

    `links` makes those by which people answer from a mail, `inbox` keeps what everybody was told of.
    """

    def __init__(
        self,
        store: Store,
        log: Log,
        catalog: Catalog,
        rules: Rules,
        addressing: Addressing,
        wording: Wording,
        people: People,
        records: Records,
        *,
        public_url: str,
        installation: str,
        links: Links | None = None,
        inbox: Inbox | None = None,
    ) -> None:
        self._store, self._log, self._catalog, self._rules = store, log, catalog, rules
        self._addressing, self._wording, self._people, self._records = addressing, wording, people, records
        self._url, self._installation, self._links = public_url.rstrip("/"), installation, links
        self._inbox = inbox
        self._clock: Clock = store.clock
        self._batches: dict[int, _Batch] = {}

    async def notify(self, data: Mapping[str, Any], envelope: Envelope) -> None:
        """An event of the current tenant. Raises `Unavailable` while nobody knows who may read it."""
        if envelope.time < self._clock() - STALE:
            return
        rules = [rule for rule in await self._rules.known(envelope.time) if rule.wants(envelope.type, envelope.time)]
        if not rules:
            return
        event = told(data, envelope)
        rules = [rule for rule in rules if self._catalog.fits(rule.filter, event)]
        matter = await self._addressing.matter(event) if rules else None
        if matter is None:
            return
        addressed = await self._addressing.notices(matter, rules, envelope.actor)
        people = list({each.person_id: each for each in addressed if each.person_id}.values())
        notices = [each for each in addressed if not each.reason]
        if not notices and not people:
            return
        said, own = await self.said(matter, envelope.actor, envelope.actor_kind), await self._wording.own(envelope.time)
        await self._log.measure()
        async with self._store.transaction() as tx:
            for notice in notices:
                await self._write(tx, matter, notice, said, own)
            await self._keep(tx, matter, people, said, own)

    async def _keep(
        self, tx: Transaction, matter: Matter, people: Sequence[Notice], said: Mapping[str, Any], own: Known
    ) -> None:
        """What people find in one place, by whatever way they are told, too."""
        if self._inbox is None or not people:
            return
        room = await self._inbox.room([each.person_id for each in people])
        for each in people:
            if each.person_id in room:
                letter = self._letter(own, replace(each, channel=Channel.PUSH), each.rule.template, said)
                kept = {
                    "template": each.rule.template,
                    "title": letter.subject,
                    "text": letter.text,
                    "subject": matter.subject,
                    "event_type": matter.event.type,
                    "urgent": each.rule.urgent,
                }
                self._inbox.add(tx, each.person_id, matter.event.id, kept)

    async def said(self, matter: Matter, actor: str, actor_kind: str) -> dict[str, Any]:
        """What templates are given of it, but for who reads it. Raises `Unavailable`."""
        event, part = matter.event, matter.part
        somebody = await self._people.person(actor) if actor_kind == "user" else None
        text = await self._records.note(matter.subject, str(part["id"])) if part else ""
        return {
            "event": {
                "id": event.id,
                "type": event.type,
                "subject": matter.subject,
                "time": event.time.isoformat(),
                "changes": event.data.get("changes", []),
            },
            "record": matter.record,
            "note": {**part, "text": text} if part else {},
            "actor": {"name": somebody.name if somebody else ""},
            "url": "/".join(each for each in (self._url, PLACES.get(matter.subject.partition("/")[0]), matter.subject) if each),
            "installation": self._installation,
        }

    async def _write(self, tx: Transaction, matter: Matter, notice: Notice, said: Mapping[str, Any], own: Known) -> None:
        batch, hour = self._batch(tx), self._clock().replace(minute=0, second=0, microsecond=0)
        key = delivery_id(ctx.current().tenant, notice.channel, notice.target_id, matter.event.id)
        of_record = await self._told(batch, notice, hour, matter.subject)
        if key in of_record:
            return
        of_target = await self._told(batch, notice, hour, "")
        if key in of_target:
            return
        urgent = notice.rule.urgent
        if len(of_record) >= (OF_URGENT if urgent else OF_A_RECORD):
            await self._fold(batch, matter, notice, said, own, hour, matter.subject)
        elif not urgent and len(of_target) >= OF_A_TARGET:
            await self._fold(batch, matter, notice, said, own, hour, "")
        else:
            answer = self._links.of(matter, notice) if self._links is not None else ""
            letter = self._letter(own, notice, notice.rule.template, {**said, "answerUrl": answer})
            self._log.add(
                tx,
                notice.channel,
                notice.target_id,
                event_id=matter.event.id,
                event_type=matter.event.type,
                subject=matter.subject,
                content=content(notice, letter, matter.subject, said["url"]),
                due=notice.due,
            )
            of_record.add(key)
            of_target.add(key)

    async def _told(self, batch: _Batch, notice: Notice, hour: datetime, subject: str) -> set[str]:
        """What a target was told in this hour: of a record, or of all."""
        key = (notice.channel, notice.target_id, subject)
        if key not in batch.told:
            query: dict[str, Any] = {
                "target_id": notice.target_id,
                "create_time": {"$gte": hour},
                "channel": notice.channel.value,
                "event_type": {"$ne": FOLDED},
            }
            if subject:
                query["subject"] = subject
            rows = await self._store.backend.find(DELIVERIES, self._store.scoped(query), limit=OF_URGENT, projection={"_id": 1})
            batch.told[key] = {row["_id"] for row in rows}
        return batch.told[key]

    async def _fold(
        self, batch: _Batch, matter: Matter, notice: Notice, said: Mapping[str, Any], own: Known, hour: datetime, subject: str
    ) -> None:
        """Counts it into the notice at the end of the hour, once."""
        event_id = f"{subject}|{hour.isoformat()}"
        key = delivery_id(ctx.current().tenant, notice.channel, notice.target_id, event_id)
        if key not in batch.folded:
            rows = await self._store.find(DELIVERIES, {"_id": key}, limit=1)
            batch.folded[key] = list(rows[0]["content"]["folded"]) if rows else []
        folded = batch.folded[key]
        if matter.event.id in folded or len(folded) >= MOST_FOLDED:
            return
        folded.append(matter.event.id)
        url = said["url"] if subject else self._url
        letter = self._letter(own, notice, CLOSING, {**said, "url": url, "more": len(folded)})
        self._log.add(
            batch.tx,
            notice.channel,
            notice.target_id,
            event_id=event_id,
            event_type=FOLDED,
            subject=subject or matter.subject,
            content={**content(notice, letter, subject, url), "folded": list(folded)},
            due=max(hour + timedelta(hours=1), notice.due or hour),
            renew=True,
        )

    def _letter(self, own: Known, notice: Notice, name: str, said: Mapping[str, Any]) -> Letter:
        reader = {"name": notice.name, "locale": notice.locale, "timeZone": notice.time_zone}
        return self._wording.letter(own, name, notice.channel, notice.locale, plain({**said, "recipient": reader}))

    def _batch(self, tx: Transaction) -> _Batch:
        self._batches = {key: batch for key, batch in self._batches.items() if not batch.tx.over}
        return self._batches.setdefault(id(tx), _Batch(tx))


def content(notice: Notice, letter: Letter, thread: str, url: str) -> dict[str, Any]:
    """What a delivery keeps for whoever hands it over."""
    if notice.channel is Channel.MAIL:
        return {
            "to": notice.to,
            "subject": letter.subject,
            "text": letter.text,
            "html": letter.html,
            "thread": thread,
            "locale": letter.locale,
        }
    return {"title": letter.subject, "text": letter.text, "url": url, "tag": thread, "urgent": notice.rule.urgent}
