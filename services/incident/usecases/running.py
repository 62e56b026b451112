"""What rules do about events, once each.

The consumer only writes down, in the transaction of its batch, which events are to be acted on. A worker then acts: each rule
in a transaction of its own, together with the entry in the log whose id follows from rule and event. Whatever dies in between,
an action is done once or not yet; and a rule that fails neither holds up the stream nor undoes what others did. What fails in
a way that nobody foresaw is tried `TRIES` times; then it has failed, and what happened afterwards gets its turn.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

import orjson

from chassis import context as ctx
from chassis.context import Actor, Context
from chassis.errors import Busy, DeadlinePassed, Error, NotFound, Unavailable
from chassis.events.wire import Envelope
from chassis.store import Delete, Store, Update
from services.incident.domain.automation import OFTEN, OFTEN_IN, AutomationRule, Outcome, RuleRun, circle
from services.incident.usecases.automation import AutomationRules, Events
from services.incident.usecases.doing import Doing
from services.incident.usecases.rights import Rights
from services.incident.usecases.routing import Routing

_log = logging.getLogger(__name__)

WORK, DUE_FIELD = "rule_work", "due_time"
RUNS = "rule_runs"
OPENED = "itsm.incident.v1.IncidentOpened"
TRIES = 5
"""So often is tried what fails in a way that nobody foresaw: within seconds, as the timer's delays grow."""
_AT_ONCE = 50


class Automation:
    """The consumer's side and the worker's."""

    def __init__(
        self, store: Store, rules: AutomationRules, routing: Routing, doing: Doing, events: Events, rights: Rights
    ) -> None:
        self._store, self._rules, self._routing, self._doing = store, rules, routing, doing
        self._events, self._rights = events, rights
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def heard(self, data: Mapping[str, Any], envelope: Envelope) -> None:
        """Writes down what is to be done about an event, if anything."""
        rules = await self._rules.known(envelope.time)
        record = self._events.record(envelope.type, data) if rules or envelope.type == OPENED else {}
        wanted = [rule.id for rule in rules if self._rules.wants(rule, envelope.type, record, envelope.time)]
        routes = envelope.type == OPENED and _is_placed(record) and await self._routing.chooses()
        if not (wanted or routes):
            return
        said = {
            "event_id": envelope.id,
            "type": envelope.type,
            "subject": _about(data, envelope),
            "time": envelope.time,
            "actor": envelope.actor,
            "causation_id": envelope.causation_id,
            "correlation_id": envelope.correlation_id or envelope.id,
            "data": orjson.dumps(data).decode(),
            "rules": wanted,
            "routes": routes,
            DUE_FIELD: self._store.clock(),
        }
        async with self._store.transaction() as tx:
            query = {"_id": f"{envelope.tenant}|{envelope.id}", "tenant": envelope.tenant}
            tx.write(Update(WORK, query, {"$set": said}, strict=False, upsert=True))

    async def work(self, tenant: str, id: str) -> None:  # noqa: A002 - as its field
        """What the timer calls for an event: acts on it, and before it on those of the same record that came before."""
        if tenant != ctx.current().tenant:
            raise NotFound("tenant", tenant)
        item = await self._store.backend.find_one(WORK, {"_id": id, "tenant": tenant})
        if item is None:
            return
        query = {"tenant": tenant, "subject": item["subject"], "_id": {"$lte": id}}
        for each in await self._store.backend.find(WORK, query, sort=[("_id", 1)], limit=_AT_ONCE):
            await self._act(each)
            async with self._store.transaction() as tx:
                tx.write(Delete(WORK, {"_id": each["_id"], "tenant": tenant}))

    async def _act(self, item: Mapping[str, Any]) -> None:
        if item["routes"]:
            await self._route_or_leave(item)
        record = self._events.record(item["type"], orjson.loads(item["data"]))
        chain: Sequence[str] | None = None
        for rule_id in item["rules"]:
            run_id = _run_id(rule_id, item["event_id"])
            if await self._store.backend.find_one(RUNS, {"_id": run_id, "tenant": ctx.current().tenant}) is not None:
                continue
            try:
                rule = await self._store.get(AutomationRule, rule_id)
            except NotFound:
                continue
            if not self._rules.wants(rule, item["type"], record, item["time"]):
                continue
            chain = await self._chain(item["causation_id"], item["actor"]) if chain is None else chain
            await self._run_or_fail(rule, run_id, item, record, chain)

    async def _route_or_leave(self, item: Mapping[str, Any]) -> None:
        try:
            await self._route(item)
        except (Busy, Unavailable, DeadlinePassed):
            raise
        except Exception as error:  # whatever it is, what happens to the record afterwards must not wait for ever
            if await self._tried(item, "routing") < TRIES:
                raise
            _log.error("An incident could not be routed.", extra={"subject": item["subject"]}, exc_info=error)

    async def _run_or_fail(
        self, rule: AutomationRule, run_id: str, item: Mapping[str, Any], record: Mapping[str, Any], chain: Sequence[str]
    ) -> None:
        told = {
            "id": run_id,
            "rule_id": rule.id,
            "rule_name": rule.name,
            "event_id": item["event_id"],
            "event_type": item["type"],
            "subject": item["subject"],
            "owner_id": rule.owner_id,
            "caused_by_rule_ids": list(chain),
        }
        try:
            await self._run(rule, told, item, record, chain)
        except (Busy, Unavailable, DeadlinePassed):
            raise
        except Exception as error:  # as above
            if await self._tried(item, rule.id) < TRIES:
                raise
            _log.error("A rule could not act.", extra={"rule": rule.id, "subject": item["subject"]}, exc_info=error)
            message = str(error) if isinstance(error, Error) else f"{type(error).__name__}, {TRIES} times"
            async with self._store.transaction() as tx:
                tx.add(RuleRun.ran(at=self._store.clock(), outcome=Outcome.FAILED, message=message, **told))

    async def _tried(self, item: Mapping[str, Any], what: str) -> int:
        """How often a part of the work on an event failed unforeseen, this time included."""
        of = {"_id": item["_id"], "tenant": ctx.current().tenant}
        kept = await self._store.backend.find_one_and_update(WORK, of, {"$inc": {f"tries.{what}": 1}})
        return TRIES if kept is None else int(kept["tries"][what])

    async def _run(
        self,
        rule: AutomationRule,
        told: dict[str, Any],
        item: Mapping[str, Any],
        record: Mapping[str, Any],
        chain: Sequence[str],
    ) -> None:
        if why := circle(rule.id, chain, await self._recent(rule.id, item["subject"])):
            await self._suppressed(told, why)
            return
        acting = await self._rights.of(
            rule.id, rule.owner_id, rule.limits, cause=item["event_id"], correlation=item["correlation_id"]
        )
        steps = [self._doing.told(action, record) for action in rule.actions]
        try:
            async with self._store.transaction() as tx:
                for action in rule.actions:
                    await self._doing.do(action, item["subject"], record, acting)
                with ctx.use(acting.context):
                    tx.add(RuleRun.ran(at=self._store.clock(), outcome=Outcome.DONE, steps=steps, **told))
        except (Busy, Unavailable):
            raise
        except Error as refused:
            async with self._store.transaction() as tx:
                with ctx.use(acting.context):
                    tx.add(RuleRun.ran(at=self._store.clock(), outcome=Outcome.FAILED, message=str(refused), **told))

    async def _suppressed(self, told: dict[str, Any], why: str) -> None:
        """Kept once an hour for a rule and a record, so that a circle does not fill the log that tells of it."""
        now = self._store.clock()
        told["id"] = _run_id(told["rule_id"], f"{told['subject']}|{now:%Y%m%d%H}")
        if await self._store.backend.find_one(RUNS, {"_id": told["id"], "tenant": ctx.current().tenant}) is None:
            async with self._store.transaction() as tx:
                tx.add(RuleRun.ran(at=now, outcome=Outcome.SUPPRESSED, message=why, **told))

    async def _route(self, item: Mapping[str, Any]) -> None:
        """Chooses a person for an incident that was opened for a team; who has one by now is left as he is."""
        current = ctx.current()
        context = Context(
            tenant=current.tenant,
            actor=Actor(id="itsm-routing", kind="service"),
            causation_id=item["event_id"],
            correlation_id=item["correlation_id"],
        )
        key, now = item["subject"].partition("/")[2], self._store.clock()
        try:
            # Those of this process wait for each other instead of running again and again.
            async with self._turns[current.tenant]:
                with ctx.use(context):
                    await self._give(key, item, now)
        except NotFound:
            return

    async def _give(self, key: str, item: Mapping[str, Any], now: datetime) -> None:
        async with self._store.transaction() as tx:
            rule_id, name, why = await self._doing.route(key, placed=True)
            run_id = _run_id(rule_id, item["event_id"])
            if rule_id and await self._is_new(run_id):
                told = {"id": run_id, "rule_id": rule_id, "rule_name": name, "event_id": item["event_id"]}
                about = {"event_type": item["type"], "subject": item["subject"], "owner_id": ""}
                tx.add(RuleRun.ran(at=now, outcome=Outcome.DONE, steps=[why], **told, **about))

    async def _is_new(self, run_id: str) -> bool:
        return await self._store.backend.find_one(RUNS, {"_id": run_id, "tenant": ctx.current().tenant}) is None

    async def _chain(self, causation_id: str, actor: str) -> Sequence[str]:
        """The rules that brought an event about, the first of them first; a rule is the actor of what it does."""
        if not causation_id:
            return ()
        query = {"tenant": ctx.current().tenant, "event_id": causation_id, "rule_id": actor}
        run = await self._store.backend.find_one(RUNS, query)
        return () if run is None else [*run["caused_by_rule_ids"], actor]

    async def _recent(self, rule_id: str, subject: str) -> int:
        since = self._store.clock() - OFTEN_IN
        query = {"tenant": ctx.current().tenant, "rule_id": rule_id, "subject": subject, "create_time": {"$gte": since}}
        return await self._store.backend.count(RUNS, query, limit=OFTEN)


def _is_placed(record: Mapping[str, Any]) -> bool:
    return bool(record.get("teamId")) and not record.get("assigneeId")


def _about(data: Mapping[str, Any], envelope: Envelope) -> str:
    """The record that actions are done to: what was said or attached is about another."""
    part = data.get("note") or data.get("attachment") or {}
    return str(part.get("about") or envelope.subject)


def _run_id(rule_id: str, event: str) -> str:
    said = f"{ctx.current().tenant}|{rule_id}|{event}"
    return f"run_{sha256(said.encode()).hexdigest()[:26]}"
