"""One record after another through its handler, inside the transaction of the caller.

Fails with whatever a handler raises; the caller's transaction is then void. What can be seen to be hopeless without
running a handler (undecodable, contradicting itself) becomes a dead letter in the same transaction instead.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import orjson

from chassis import context as ctx
from chassis import protojson, telemetry
from chassis.context import Actor, Context
from chassis.emptying import went
from chassis.errors import Invalid
from chassis.events import wire
from chassis.events.records import DEAD_LETTERS, PARKED, Record, dead, parked
from chassis.events.subscriptions import Subscription, Subscriptions
from chassis.events.versions import Verdict, Versions
from chassis.events.wire import AUDIT_TOPIC, Envelope, Unreadable
from chassis.store import Store, Transaction
from chassis.store.backend import Delete, Update
from chassis.telemetry import Metrics

_SHARED_PACKAGE = "itsm.operations.v1"  # events that every service has


class Handling:
    """How one group handles records, those of the broker and those that were kept."""

    def __init__(
        self,
        store: Store,
        service: str,
        subscriptions: Subscriptions,
        group: str,
        metrics: Metrics,
        topics: Mapping[str, str],
    ) -> None:
        self._store, self._subscriptions, self.group, self._metrics = store, subscriptions, group, metrics
        self._topics = {actual: topic for topic, actual in topics.items()}
        self._actor = Actor(id=f"itsm-{service}", kind="service")
        self.versions = Versions(store.backend, group)
        self.waiting: set[str] = set()  # keys of which something is parked
        self.buried = 0  # records of this batch that were given up
        self._outcomes: list[tuple[str, str]] = []
        self._read: dict[tuple[str, int, int], Any] = {}  # messages that were decoded to prepare for them

    def topic(self, actual: str) -> str:
        """What a topic is called in the code."""
        return self._topics.get(actual, actual)

    async def load_waiting(self) -> None:
        """Reads of which records something is parked."""
        found = await self._store.backend.find(PARKED, {"group": self.group}, projection={"key": 1}, limit=10_000)
        self.waiting = {document["key"] for document in found}

    async def begin(self, records: list[Record]) -> None:
        """Makes ready for a batch."""
        self._outcomes.clear()
        self._read.clear()
        self.buried = 0
        if self._subscriptions.ordered:
            await self.versions.begin({record.key.decode(errors="replace") for record in records})

    async def prepare(self, records: list[Record]) -> None:
        """Lets the group ask for what the batch will need, a tenant at a time. What cannot be read, its own turn will tell."""
        prepare = self._subscriptions.prepare
        if prepare is None:
            return
        told: dict[str, list[Any]] = {}
        for record in records:
            given = dict(record.headers)
            topic = self.topic(record.topic)
            subscription = self._subscriptions.handler(topic, given.get("ce_type", b"").decode(errors="replace"))
            if subscription is not None:
                with suppress(Unreadable):
                    envelope = self._opened(record, given, topic)
                    message = self._read[_place(record)] = _decoded(record.value, subscription)
                    told.setdefault(envelope.tenant, []).append(message)
        for tenant, events in told.items():
            with ctx.use(Context(tenant=tenant, actor=self._actor)):
                await prepare(events)

    def finish(self, tx: Transaction) -> None:
        """Adds what the batch has learned to its transaction."""
        for write in self.versions.writes():
            tx.write(write)

    def committed(self) -> None:
        """The transaction of the batch is through."""
        self.versions.keep()
        for type_name, outcome in self._outcomes:
            self._metrics.events_consumed.labels(self.group, type_name, outcome).inc()

    async def handle(self, tx: Transaction, record: Record, *, since: Mapping[str, int]) -> None:
        """One record: handled, dropped as seen, parked as early, or dead. `since`: from which offset a kind was watched."""
        given = dict(record.headers)
        type_name = given.get("ce_type", b"").decode(errors="replace")
        topic = self.topic(record.topic)
        subscription = self._subscriptions.handler(topic, type_name)
        plural = given.get("ce_subject", b"").partition(b"/")[0].decode(errors="replace")
        followed = self._subscriptions.follows(topic, plural)
        if subscription is None and not followed and type_name and record.value:
            self._outcomes.append(("other", "ignored"))
            return
        try:
            envelope = self._opened(record, given, topic)
            complete = since.get(plural, since.get("*", 1)) == 0
            if passed := await self._passed(tx, record, envelope, complete=complete if followed else None):
                self._outcomes.append((type_name, passed))
                return
            message = self._read.pop(_place(record), None)
            if message is None and subscription is not None:
                message = _decoded(record.value, subscription)
        except Unreadable as error:
            self.bury(tx, record, error.reason, str(error), 1)
            return
        if subscription is not None:
            await self._run(subscription, message, envelope, record.topic)
        self._outcomes.append((type_name, Verdict.APPLY.value if subscription else "ignored"))
        if followed:
            self.versions.note(envelope)
            if envelope.key in self.waiting:
                await self._unpark(tx, envelope, since)

    def _opened(self, record: Record, given: Mapping[str, bytes], topic: str) -> Envelope:
        if not record.value:
            raise Unreadable("undecodable", "the record has no value")
        envelope = wire.parse(given, record.key)
        package = envelope.type.rpartition(".")[0]
        home = f"itsm.{envelope.service}.v1"
        if package not in (home, _SHARED_PACKAGE) or topic not in (home, AUDIT_TOPIC):
            raise Unreadable("source", f"{envelope.type} of {envelope.source} does not belong on {topic}")
        return envelope

    async def _passed(self, tx: Transaction, record: Record, envelope: Envelope, *, complete: bool | None) -> str:
        """Why an event is not handled now; nothing where it is. `complete` is None where versions do not matter."""
        if await went(self._store.backend, envelope.tenant, envelope.id):
            return "emptied"
        if complete is None:
            return ""
        verdict = await self._judged(envelope, complete=complete)
        if verdict is Verdict.EARLY:
            self._park(tx, record, envelope)
        return "" if verdict is Verdict.APPLY else verdict.value

    async def _judged(self, envelope: Envelope, *, complete: bool) -> Verdict:
        verdict = self.versions.judge(envelope, complete=complete)
        if verdict is Verdict.EARLY:
            # Another process may have handled a dead or parked predecessor meanwhile.
            await self.versions.reload(envelope.key)
            verdict = self.versions.judge(envelope, complete=complete)
        return verdict

    async def _run(self, subscription: Subscription, message: Any, envelope: Envelope, topic: str) -> None:
        links = [envelope.trace] if envelope.trace else []
        attributes = {"messaging.system": "kafka", "messaging.destination.name": topic, "messaging.operation.type": "process"}
        with telemetry.span(
            f"process {topic}", telemetry.SpanKind.CONSUMER, parent=envelope.trace, links=links, attributes=attributes
        ):
            context = Context(
                tenant=envelope.tenant,
                actor=self._actor,
                causation_id=envelope.id,
                correlation_id=envelope.correlation_id or envelope.id,
                trace=telemetry.current_trace(),
            )
            with ctx.use(context):
                await subscription.handler(message, envelope)

    def _park(self, tx: Transaction, record: Record, envelope: Envelope) -> None:
        document = parked(record, envelope, self.group, self._store.clock())
        query = {"_id": document["_id"], "tenant": envelope.tenant}
        rest = {name: value for name, value in document.items() if name not in query}
        tx.write(Update(PARKED, query, {"$setOnInsert": rest}, strict=False, upsert=True))
        self.waiting.add(envelope.key)

    async def _unpark(self, tx: Transaction, envelope: Envelope, since: Mapping[str, int]) -> None:
        """Handles the next version, which came early, right after its predecessor; it then goes on by itself."""
        query = {"group": self.group, "key": envelope.key, "epoch": envelope.epoch, "version": envelope.version + 1}
        found = await self._store.backend.find_one(PARKED, {"tenant": envelope.tenant, **query})
        if found is None:
            if await self._store.backend.count(PARKED, {"group": self.group, "key": envelope.key}, limit=1) == 0:
                self.waiting.discard(envelope.key)
            return
        tx.write(Delete(PARKED, {"_id": found["_id"], "tenant": envelope.tenant}))
        await self.handle(tx, Record.kept(found), since=since)

    def bury(self, tx: Transaction, record: Record, reason: str, detail: str, attempts: int) -> None:
        """Gives a record up: its bytes and the reason stay in the database, a worker puts them on the dead-letter topic."""
        document = dead(record, self.group, reason, detail, attempts, self._store.clock())
        query = {"_id": document["_id"], "tenant": document["tenant"]}
        rest = {name: value for name, value in document.items() if name not in query}
        tx.write(Update(DEAD_LETTERS, query, {"$setOnInsert": rest}, strict=False, upsert=True))
        self.buried += 1
        self._outcomes.append((document["type"] if document["type"] in self._subscriptions.handlers else "other", "dead"))
        self._metrics.dead_letters.labels(self.group, reason).inc()


def _place(record: Record) -> tuple[str, int, int]:
    return record.topic, record.partition, record.offset


def _decoded(value: bytes, subscription: Subscription) -> Any:
    """The message, or the plain JSON of the audit topic. Fields that a newer publisher added are left out."""
    try:
        if subscription.message is None:
            return orjson.loads(value)
        try:
            return protojson.decode(value, subscription.message)
        except Invalid:
            known = _known_part(orjson.loads(value), subscription.message.DESCRIPTOR)
            return protojson.decode(known, subscription.message)
    except (Invalid, orjson.JSONDecodeError, UnicodeDecodeError) as error:
        raise Unreadable("undecodable", str(error)) from error


def _known_part(value: Any, descriptor: Any) -> Any:
    if not isinstance(value, dict) or descriptor.full_name.startswith("google.protobuf."):
        return value
    known: dict[str, Any] = {}
    for name, field in descriptor.fields_by_camelcase_name.items():
        if name not in value:
            continue
        item, kind = value[name], field.message_type
        if kind is not None and kind.GetOptions().map_entry:
            inner = kind.fields_by_name["value"].message_type
            whole = isinstance(item, dict) and inner is not None
            known[name] = {key: _known_part(part, inner) for key, part in item.items()} if whole else item
        elif kind is not None and isinstance(item, list):
            known[name] = [_known_part(part, kind) for part in item]
        else:
            known[name] = item if kind is None else _known_part(item, kind)
    return known
