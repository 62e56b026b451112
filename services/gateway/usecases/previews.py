"""What somebody would read, and who would have been told: nothing is sent and nothing is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from chassis import context as ctx
from chassis.errors import Invalid, NotFound
from chassis.store import Store
from services.gateway.domain.notification_rule import NotificationRule
from services.gateway.domain.webhook import covers
from services.gateway.ports import Catalog, Owners, Past, Records, Told
from services.gateway.templates.sandbox import plain
from services.gateway.usecases.addressing import TO_SEE_ALL, WHOLE, Addressing, Matter, Notice
from services.gateway.usecases.notifying import Notifying
from services.gateway.usecases.rules import Rules
from services.gateway.usecases.shelf import rights
from services.gateway.usecases.templates import Templates
from services.gateway.usecases.wording import Letter

MOST_LOOKED_AT, MOST_SHOWN = 500, 50

EXAMPLE: Mapping[str, Any] = {
    "id": "inc_example",
    "number": "INC0001042",
    "title": "The printer on floor 3 says <offline> & blinks",
    "state": "IN_PROGRESS",
    "priority": "P2",
    "impact": "MEDIUM",
    "urgency": "HIGH",
    "requesterId": "a-person",
    "assigneeId": "another-person",
    "teamId": "a-team",
    "category": "printing",
    "resolution": "The cable was changed.",
    "createTime": "2026-05-04T12:00:00Z",
}
_NOTE = {"id": "note_example", "public": True, "text": "We are on our way."}


@dataclass(frozen=True, slots=True)
class Tested:
    """Who would have been told of an event."""

    event: Told
    notices: Sequence[Notice]


class Previews:
    """Asks what others would do, as the caller: of what he may not read he is shown nothing."""

    def __init__(
        self,
        store: Store,
        templates: Templates,
        rules: Rules,
        addressing: Addressing,
        notifying: Notifying,
        catalog: Catalog,
        owners: Owners,
        records: Records,
        past: Past,
    ) -> None:
        self._store, self._templates, self._rules, self._addressing = store, templates, rules, addressing
        self._notifying, self._catalog, self._owners, self._records, self._past = notifying, catalog, owners, records, past

    async def preview(self, fields: Mapping[str, Any], subject: str, event_type: str) -> Letter:
        """What somebody would read. Raises `Invalid`, `NotFound` for a record that the caller may not read."""
        record, part = (await self._record(subject), _NOTE) if subject else (EXAMPLE, _NOTE)
        event = self._event(subject or "incidents/inc_example", event_type or _whole(subject)[0], record)
        said = await self._notifying.said(Matter(event, record, event.subject, event), ctx.current().actor.id, "user")
        reader = {"name": said["actor"]["name"], "locale": str(fields.get("locale", "")), "timeZone": ""}
        return self._templates.preview(fields, plain({**said, "note": part, "recipient": reader, "more": 3}))

    async def test(self, id: str) -> tuple[int, Sequence[Tested]]:  # noqa: A002 - as its field
        """How many events were looked at, and who would have been told of those that the rule is about."""
        rule = await self._rules.there(id)
        types = [each for each in self._catalog.types if any(covers(pattern, each) for pattern in rule.event_types)]
        events = self._past.newest(ctx.current().tenant, types, MOST_LOOKED_AT)
        found: list[Tested] = []
        caller, limits = rights()
        for event in events:
            if len(found) >= MOST_SHOWN:
                break
            if self._catalog.fits(rule.filter, event) and await self._owners.sees(caller, limits, event):
                found.append(Tested(event, await self._notices(rule, event)))
        return len(events), found

    async def _notices(self, rule: NotificationRule, event: Told) -> Sequence[Notice]:
        matter = await self._addressing.matter(event)
        return await self._addressing.notices(matter, [rule], "") if matter is not None else ()

    async def _record(self, subject: str) -> Mapping[str, Any]:
        record = await self._records.record(subject)
        caller, limits = rights()
        if record is None or not await self._owners.sees(caller, limits, self._event(subject, _whole(subject)[0], record)):
            raise NotFound("record", subject)
        return record

    def _event(self, subject: str, event_type: str, record: Mapping[str, Any]) -> Told:
        if event_type not in self._catalog.types:
            raise Invalid({"event_type": "there is no such event"})
        data = {_whole(subject)[1]: record}
        now = self._store.clock()
        tenant = ctx.current().tenant
        return Told("", event_type, subject, tenant, 1, now, data, orjson.dumps(data))


def _whole(subject: str) -> tuple[str, str]:
    return WHOLE.get(subject.partition("/")[0], (TO_SEE_ALL, "incident"))
