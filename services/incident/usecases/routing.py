"""Routing: rules and people, and who gets an incident.

The team is named while an incident is opened, by rules that are held in memory for a second; the person is chosen afterwards,
by what is open then, so that nobody who reports waits for it.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chassis import context as ctx
from chassis.codec import from_document, to_document
from chassis.domain import Ids, new_id
from chassis.errors import AlreadyExists, Invalid, NotFound
from chassis.listing import Fields
from chassis.listing.compiled import Predicate, compile_predicate
from chassis.listing.filter import parse
from chassis.store import Delete, Insert, Store, Transaction, Update
from services.incident.domain.incident import Incident
from services.incident.domain.priority import Impact, Urgency, prioritize
from services.incident.domain.routing import (
    MOST_PEOPLE,
    MOST_RULES,
    AgentProfile,
    Choice,
    Method,
    RoutingRule,
    candidates,
    choose,
)
from services.incident.domain.states import OPEN, Source, State

RULES, PROFILES, TURNS = "routing_rules", "agent_profiles", "routing_turns"
PROFILE_CLAIM = "agent-profile"
CACHED_SECONDS = 1.0
MOST_COUNTED = 1_000


@dataclass(frozen=True, slots=True)
class _Known:
    at: float
    rules: Sequence[tuple[RoutingRule, Predicate]]


class Routing:
    """`fields` is what filters of incidents may ask for."""

    def __init__(
        self, store: Store, fields: Fields, *, ids: Ids = new_id, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._store, self._fields, self._ids, self._monotonic = store, fields, ids, monotonic
        self._known: dict[str, _Known] = {}

    async def create_rule(self, given: Mapping[str, Any]) -> RoutingRule:
        """A new rule. Raises `Invalid`, also for a filter that is none."""
        await self._require_room(RULES, MOST_RULES)
        rule = RoutingRule.made(id=self._ids("rtr"), at=self._store.clock(), **_said(given))
        self._compiled(rule)
        async with self._store.transaction() as tx:
            tx.add(rule)
        self._known.pop(ctx.current().tenant, None)
        return rule

    async def update_rule(self, id: str, given: Mapping[str, Any], *, etag: str = "") -> RoutingRule:  # noqa: A002 - as its field
        """Changes the named fields."""
        async with self._store.transaction() as tx:
            rule = await tx.get(RoutingRule, id, etag=etag)
            rule.edit(self._store.clock(), **_said(given))
            self._compiled(rule)
            tx.save(rule)
        self._known.pop(ctx.current().tenant, None)
        return rule

    async def delete_rule(self, id: str, *, etag: str = "") -> RoutingRule:  # noqa: A002 - as above
        """Removes it."""
        async with self._store.transaction() as tx:
            rule = await tx.get(RoutingRule, id, etag=etag)
            rule.remove()
            tx.save(rule)
        await self._drop(RULES, rule.id)
        self._known.pop(ctx.current().tenant, None)
        return rule

    async def create_profile(self, given: Mapping[str, Any]) -> AgentProfile:
        """A new profile. Raises `AlreadyExists` where the person has one."""
        await self._require_room(PROFILES, MOST_PEOPLE)
        profile = AgentProfile.made(id=self._ids("agp"), at=self._store.clock(), **_said(given))
        await self._finish_removal(profile.user_id)
        async with self._store.transaction() as tx:
            if (holder := await tx.holder(PROFILE_CLAIM, profile.user_id)) is not None:
                raise AlreadyExists("agent profile", holder, f"{holder} is this person's profile")
            tx.claim(PROFILE_CLAIM, profile.user_id, profile.id)
            tx.add(profile)
        return profile

    async def update_profile(self, id: str, given: Mapping[str, Any], *, etag: str = "") -> AgentProfile:  # noqa: A002 - as above
        """Changes the named fields. Raises `Invalid` for another person."""
        async with self._store.transaction() as tx:
            profile = _still_there(await tx.get(AgentProfile, id, etag=etag))
            if given.get("user_id", profile.user_id) != profile.user_id:
                raise Invalid({"user_id": "cannot be changed"})
            profile.edit(self._store.clock(), **_said(given))
            tx.save(profile)
        return profile

    async def delete_profile(self, id: str, *, etag: str = "") -> AgentProfile:  # noqa: A002 - as above
        """Removes it: routing gives the person nothing any more. Again finishes what died half way."""
        async with self._store.transaction() as tx:
            profile = await tx.get(AgentProfile, id, etag=etag)
            if not profile.removed:
                profile.remove()
                tx.save(profile)
        await self._forget(profile.id, profile.user_id)
        return profile

    async def set_away(self, away: bool, until: Any) -> AgentProfile:
        """The caller is away, or back. Raises `NotFound` for who has no profile."""
        who = ctx.current().actor.id
        async with self._store.transaction() as tx:
            holder = await tx.holder(PROFILE_CLAIM, who)
            if holder is None:
                raise NotFound("agent profile", f"of {who}: somebody who manages the desk makes it")
            profile = _still_there(await tx.get(AgentProfile, holder))
            profile.edit(self._store.clock(), away=away, away_until=until if away else None)
            tx.save(profile)
        return profile

    async def open_counts(self, people: Sequence[str]) -> dict[str, int]:
        """How many incidents are open with each, whoever asks, told up to 1,000; one question, that an index answers."""
        if not people:
            return {}
        query = {"tenant": ctx.current().tenant, "assignee_id": {"$in": list(people)}, "state": {"$in": sorted(OPEN)}}
        found = await self._store.backend.find("incidents", query, projection={"assignee_id": 1, "_id": 0})
        open_with = Counter(row["assignee_id"] for row in found)
        return {person: min(open_with[person], MOST_COUNTED) for person in people}

    async def placed(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """What an incident is opened with, and its team by the rules, where nobody has named one."""
        if fields.get("team_id"):
            return fields
        known = await self._rules()
        if not known:
            return fields
        opened = {"requester_id": ctx.current().actor.id, "source": Source.API, "state": State.NEW}
        levels = {"impact": Impact.MEDIUM, "urgency": Urgency.MEDIUM, **opened, **fields}
        rule = _first(known, {**levels, "priority": prioritize(levels["impact"], levels["urgency"])})
        return fields if rule is None else {**fields, "team_id": rule.team_id, "state": State.ASSIGNED}

    async def chooses(self) -> bool:
        """Whether any rule of the tenant chooses people."""
        return any(rule.method is not Method.TEAM_ONLY for rule, _ in await self._rules())

    async def choice(self, tx: Transaction, incident: Incident, *, placed: bool) -> tuple[RoutingRule, Choice] | None:
        """The rule that holds for an incident, and whom it chooses; None where no rule fits.

        With `placed` the team stays as it is, and only a rule that names it counts. Choices for a team take turns, whose number
        is read before the loads and raised with the choice: of two that choose at the same time one runs again, and sees what
        the other gave.
        """
        known = [each for each in await self._rules() if not placed or each[0].team_id == incident.team_id]
        rule = _first(known, to_document(incident))
        if rule is None:
            return None
        if rule.method is Method.TEAM_ONLY:
            return rule, choose(rule, (), {}, "", self._store.clock())
        turn = f"{ctx.current().tenant}|{rule.team_id}"
        kept = (await tx.documents(TURNS, [turn])).get(turn)
        there = {"tenant": ctx.current().tenant, "team_ids": rule.team_id, "removed": {"$ne": True}}
        rows = await self._store.backend.find(PROFILES, there)
        people = [from_document(row, AgentProfile) for row in rows]
        now = self._store.clock()
        loads = await self.open_counts([each.user_id for each in candidates(rule, people, now)])
        last = kept["last"].get(rule.id, "") if kept is not None else ""
        found = choose(rule, people, loads, last, now)
        if not found.user_id:
            return rule, found
        named = {"_id": turn, "tenant": ctx.current().tenant}
        if kept is None:
            tx.write(Insert(TURNS, {**named, "number": 1, "last": {rule.id: found.user_id}}))
        else:
            said = {"number": kept["number"] + 1, "last": {**kept["last"], rule.id: found.user_id}}
            tx.write(Update(TURNS, {**named, "number": kept["number"]}, {"$set": said}))
        return rule, found

    async def _rules(self) -> Sequence[tuple[RoutingRule, Predicate]]:
        tenant, now = ctx.current().tenant, self._monotonic()
        kept = self._known.get(tenant)
        if kept is None or now - kept.at >= CACHED_SECONDS:
            with ctx.use(replace(ctx.current(), scope={})):  # a row scope bounds what its caller reads, never where work goes
                rows = await self._store.find(RULES, {"enabled": True})
            rules = sorted((from_document(row, RoutingRule) for row in rows), key=lambda rule: (rule.order, rule.name, rule.id))
            kept = self._known[tenant] = _Known(now, [(rule, self._compiled(rule)) for rule in rules])
        return kept.rules

    def _compiled(self, rule: RoutingRule) -> Predicate:
        return compile_predicate(parse(rule.filter, self._fields), self._store.clock)

    async def _drop(self, collection: str, id: str) -> None:  # noqa: A002 - as above
        """Apart from its last event: of one transaction, what is removed goes before what is changed."""
        async with self._store.transaction() as tx:
            tx.write(Delete(collection, {"_id": id, "tenant": ctx.current().tenant}))

    async def _forget(self, id: str, user_id: str) -> None:  # noqa: A002 - as above
        """Lets go of the person, where it is this profile that holds him, and of the row of a removed one."""
        async with self._store.transaction() as tx:
            if await tx.holder(PROFILE_CLAIM, user_id) == id:
                tx.release(PROFILE_CLAIM, user_id)
            tx.write(Delete(PROFILES, {"_id": id, "tenant": ctx.current().tenant}))

    async def _finish_removal(self, user_id: str) -> None:
        """What died half way keeps nobody from having a profile again."""
        left = {"tenant": ctx.current().tenant, "user_id": user_id, "removed": True}
        for row in await self._store.backend.find(PROFILES, left):
            await self._forget(row["_id"], user_id)

    async def _require_room(self, collection: str, most: int) -> None:
        if await self._store.count(collection, {}, limit=most) >= most:
            raise Invalid({"": f"there may be {most} at most"})


def _still_there(profile: AgentProfile) -> AgentProfile:
    if profile.removed:
        raise NotFound("agent profile", profile.id)
    return profile


def _first(known: Sequence[tuple[RoutingRule, Predicate]], document: Mapping[str, Any]) -> RoutingRule | None:
    return next((rule for rule, fits in known if fits(document)), None)


def _said(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a caller named; what is always there cannot be left open."""
    return {name: value for name, value in given.items() if value is not None or name == "away_until"}
