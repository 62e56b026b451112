"""Automation rules: made, changed, tried on the past."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import fields as members
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import orjson
from itsm.incident import v1 as pb

from chassis import context as ctx
from chassis.codec import from_document
from chassis.domain import Ids, new_id
from chassis.errors import Denied, Invalid
from chassis.listing.compiled import Predicate, compile_predicate
from chassis.listing.fields import Field, Fields
from chassis.listing.filter import parse
from chassis.listing.messages import fields_of, with_instants
from chassis.store import CHANGES, Delete, Store
from chassis.store.changes import SNAPSHOT_FIELD
from services.incident.domain.automation import DOES, MOST_RULES, AutomationRule, covers, unknown
from services.incident.usecases.doing import Doing

RULES = "automation_rules"
OWN = frozenset({"automationRules", "ruleRuns", "routingRules", "agentProfiles"})
"""Kinds of which no rule hears: rules about rules go round in circles."""
_SAID = ("notes", "attachments")
"""What is said or attached: rules act on the record that it is about."""
_CHANGED = "changed"
_KEPT = 1_000
LOOKED_AT, MOST_MATCHES, _TOGETHER = 500, 100, 100
_ROWS = 2_000
TRIED_DAYS = 7
_DOING = frozenset({"assign", "update", "note", "link", "start", "resolve", "create"})
"""What actions need permissions for; the others of a person are none of a rule's business."""


class Events:
    """The events of this service: their records, and whether a filter holds for one."""

    def __init__(self, plurals: Mapping[str, str]) -> None:
        """`plurals`: the kind of record of each event type that rules may hear of."""
        self.plurals = plurals
        self._predicates: dict[tuple[str, str], Predicate | None] = {}

    @cached_property
    def types(self) -> Collection[str]:
        """All event types that rules may hear of."""
        return self.plurals.keys()

    def check(self, types: Sequence[str], filter_text: str) -> None:
        """Raises `Invalid` for a filter that holds for no record of these events."""
        wrong = None
        for name in types:
            try:
                parse(filter_text, _fields(name))
            except Invalid as error:
                wrong = wrong or error
            else:
                return
        if wrong is not None:
            raise wrong

    def record(self, name: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """The record of an event, and the names of its fields that changed."""
        snapshot = _snapshot(name)
        record = with_instants(data.get(snapshot.json_name) or {}, snapshot.message_type)
        return {**record, _CHANGED: [each["field"] for each in data.get("changes", ())]}

    def fits(self, filter_text: str, name: str, record: Mapping[str, Any], clock: Any) -> bool:
        """Whether the filter holds for a record of such an event."""
        key = (filter_text, name)
        if key not in self._predicates:
            if len(self._predicates) >= _KEPT:
                self._predicates.clear()
            try:
                self._predicates[key] = compile_predicate(parse(filter_text, _fields(name)), clock)
            except Invalid:  # the filter is about records of another kind
                self._predicates[key] = None
        predicate = self._predicates[key]
        return predicate is not None and predicate(record)


@dataclass(frozen=True, slots=True)
class Match:
    """A past event that a rule would have acted on."""

    event_id: str
    event_type: str
    subject: str
    time: datetime
    steps: Sequence[str]


class AutomationRules:
    """What people do with rules."""

    def __init__(self, store: Store, doing: Doing, events: Events, *, ids: Ids = new_id) -> None:
        self._store, self._doing, self._events, self._ids = store, doing, events, ids
        self._known: dict[str, tuple[datetime, list[AutomationRule]]] = {}

    async def create(self, given: Mapping[str, Any]) -> AutomationRule:
        """A new rule, which may do what the caller may do now. Raises `Invalid`."""
        if await self._store.count(RULES, {}, limit=MOST_RULES) >= MOST_RULES:
            raise Invalid({"": f"there may be {MOST_RULES} at most"})
        rule = self._made(given)
        async with self._store.transaction() as tx:
            tx.add(rule)
        self._known.pop(ctx.current().tenant, None)
        return rule

    async def update(self, id: str, given: Mapping[str, Any], *, etag: str = "") -> AutomationRule:  # noqa: A002 - as its field
        """Changes the named fields; whoever changes what it does owns it from then on.

        What it does is judged where that changes or it is enabled: whoever may change rules may always stop one.
        """
        async with self._store.transaction() as tx:
            rule, said = await tx.get(AutomationRule, id, etag=etag), _said(given)
            changed = {name for name, value in said.items() if getattr(rule, name) != value}
            owner, limits = _rights() if changed & DOES else (rule.owner_id, rule.limits)
            rule.edit(self._store.clock(), by=owner, limits=limits, **said)
            if changed & DOES or ("enabled" in changed and rule.enabled):
                self._judge(rule)
            tx.save(rule)
        self._known.pop(ctx.current().tenant, None)
        return rule

    async def delete(self, id: str, *, etag: str = "") -> AutomationRule:  # noqa: A002 - as above
        """Removes it; what it did stays in the log."""
        async with self._store.transaction() as tx:
            rule = await tx.get(AutomationRule, id, etag=etag)
            rule.remove()
            tx.save(rule)
        # Apart from its last event: of one transaction, what is removed goes before what is changed.
        async with self._store.transaction() as tx:
            tx.write(Delete(RULES, {"_id": rule.id, "tenant": ctx.current().tenant}))
        self._known.pop(ctx.current().tenant, None)
        return rule

    async def known(self, at: datetime) -> list[AutomationRule]:
        """Those that are enabled, as they were after `at`, in their order."""
        tenant = ctx.current().tenant
        kept = self._known.get(tenant)
        if kept is None or kept[0] <= at:
            now = self._store.clock()
            rows = await self._store.find(RULES, {"enabled": True})
            rules = sorted(
                (from_document(row, AutomationRule) for row in rows), key=lambda rule: (rule.order, rule.name, rule.id)
            )
            kept = self._known[tenant] = (now, rules)
        return kept[1]

    async def attempt(self, given: Mapping[str, Any], days: int | None) -> tuple[list[Match], int, int, bool]:
        """What a rule would have done: matches, how many there were, how many events were looked at, whether there are more.

        The records that changed last are asked for, and then their changes: both by an index, however many there are.
        """
        days = TRIED_DAYS if days is None else days
        if not 1 <= days <= 30:
            raise Invalid({"days": "must be 1 to 30"})
        rule, since = self._made(given), self._store.clock() - timedelta(days=days)
        types = self._meant(rule.event_types)
        subjects, capped = await self._changed_last({self._events.plurals[name] for name in types}, since)
        rows: list[Mapping[str, Any]] = []
        for start in range(0, len(subjects), _TOGETHER):
            some = {"$in": subjects[start : start + _TOGETHER]}
            query = {"tenant": ctx.current().tenant, "type": {"$in": types}, "time": {"$gte": since}}
            for member in ("subject", "about"):
                rows += await self._store.backend.find(CHANGES, {**query, member: some}, limit=_ROWS)
        found = [match for row in {row["_id"]: row for row in rows}.values() if (match := self._match(rule, row)) is not None]
        found.sort(key=lambda each: each.event_id, reverse=True)
        return found[:MOST_MATCHES], len(found), len({row["_id"] for row in rows}), capped

    def wants(self, rule: AutomationRule, name: str, record: Mapping[str, Any], at: datetime) -> bool:
        """Whether a rule acts on an event."""
        return rule.wants(name, at) and self._events.fits(rule.filter, name, record, self._store.clock)

    def _match(self, rule: AutomationRule, row: Mapping[str, Any]) -> Match | None:
        record = self._events.record(row["type"], orjson.loads(row["data"]))
        if not self._events.fits(rule.filter, row["type"], record, self._store.clock):
            return None
        steps = [self._doing.told(action, record) for action in rule.actions]
        subject = row["about"] if self._events.plurals[row["type"]] in _SAID else row["subject"]
        return Match(row["_id"], row["type"], subject, row["time"], steps)

    async def _changed_last(self, plurals: Collection[str], since: datetime) -> tuple[list[str], bool]:
        kinds = {kind.plural: kind for kind in self._store.kinds.values()}
        # What is said about a record is found by the record: its own kind has no order of changes.
        wanted = {about for plural in plurals if (about := _about(plural)) in kinds}
        subjects: list[tuple[datetime, str]] = []
        for plural in sorted(wanted):
            kind = kinds[plural]
            last = "update_time" if "update_time" in (each.name for each in members(kind.aggregate)) else "create_time"
            newest = [(last, -1), ("_id", 1)]
            rows = await self._store.find(kind.collection, {last: {"$gte": since}}, sort=newest, limit=LOOKED_AT + 1)
            subjects += [(row[last], kind.subject(row["_id"])) for row in rows]
        subjects.sort(reverse=True)
        return [subject for _, subject in subjects[:LOOKED_AT]], len(subjects) > LOOKED_AT

    def _made(self, given: Mapping[str, Any]) -> AutomationRule:
        owner, limits = _rights()
        rule = AutomationRule.made(id=self._ids("aur"), at=self._store.clock(), owner_id=owner, limits=limits, **_said(given))
        self._judge(rule)
        return rule

    def _meant(self, patterns: Sequence[str]) -> list[str]:
        return [name for name in self._events.types if any(covers(each, name) for each in patterns)]

    def _judge(self, rule: AutomationRule) -> None:
        if strange := unknown(rule.event_types, self._events.types):
            raise Invalid({"event_types": f"rules hear of no event {', '.join(strange)}"})
        meant = self._meant(rule.event_types)
        self._events.check(meant, rule.filter)
        wrong: dict[str, str] = {}
        for place, action in enumerate(rule.actions):
            for plural in sorted({_about(self._events.plurals[name]) for name in meant}):
                try:
                    self._doing.judge(action, plural)
                except Invalid as refused:
                    wrong |= {f"actions[{place}].{name}": why for name, why in refused.violations.items()}
        if wrong:
            raise Invalid(wrong)


def _about(plural: str) -> str:
    """The kind of record that a rule acts on: what was said or attached is about an incident."""
    return "incidents" if plural in _SAID else plural


def _rights() -> tuple[str, list[str]]:
    """Who calls, and what he may do with what he came with. Raises `Denied` for who is no person."""
    caller = ctx.current()
    if caller.actor.kind != "user":
        raise Denied("automationRules.create", "a rule acts by the rights of a person; of a key, nobody could be asked later")
    return caller.actor.id, sorted(name for name in caller.permissions if name.rpartition(".")[2] in _DOING)


def _said(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a caller named; whether it is enabled cannot be left open."""
    return {name: value for name, value in given.items() if value is not None}


def _snapshot(name: str) -> Any:
    message: Any = getattr(pb, name.rpartition(".")[2])
    return message.DESCRIPTOR.fields_by_number[SNAPSHOT_FIELD]


def _fields(name: str) -> Fields:
    return {**fields_of(_snapshot(name).message_type), _CHANGED: Field(path=_CHANGED, many=True)}
