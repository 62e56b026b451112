"""What is left when everything is healed: waits until nothing is under way, then reads it all, from every side.

Clients' side: REST. The inside (change rows, positions of consumers, Kafka) is read as the operator of the stack could.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from pymongo import AsyncMongoClient

from chassis.events.topics import AUDIT_TOPIC, PARTITIONS
from tests.support.gateway import Gateway
from tests.support.history import Event, Final, Operation, Row, Shown

TENANT = "main"
OWNERS = ("incident", "auth", "analytics", "asset", "monitor")
TOPICS = {service: f"itsm.{service}.v1" for service in ("incident", "auth", "asset", "monitor")}
NAMED = {"tokens": ("itsm_auth", "credentials"), "assets": ("itsm_asset", "assets"), "checks": ("itsm_monitor", "checks")}
"""Records that carry the run in their name, and where they are kept."""
_SHOWN = ("title", "teamId", "resolution", "text", "name")


class Aftermath:
    """The inside of one stack."""

    def __init__(self, backing: dict[str, Any]) -> None:
        self._mongo: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(backing["mongo"]["root_uri"])
        kafka = backing["kafka"]
        self._options = {
            "bootstrap_servers": kafka["bootstrap"],
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": kafka["mechanism"],
            "sasl_plain_username": "admin",
            "sasl_plain_password": kafka["users"]["admin"],
            "enable_auto_commit": False,
        }
        self._kafka: AIOKafkaConsumer | None = None
        self._begin: dict[TopicPartition, int] = {}

    async def close(self) -> None:
        """Ends the connections."""
        await self._mongo.close()
        if self._kafka is not None:
            await self._kafka.stop()

    async def mark(self) -> None:
        """Everything published from now on belongs to the run."""
        self._begin = {partition: end for topic in TOPICS.values() for partition, end in (await self._ends(topic)).items()}

    async def drained(self, within: float = 90) -> None:
        """Waits until no row is pending, no event parked and no consumer behind. Raises `TimeoutError` saying what is left."""
        left: dict[str, Any] = {"nothing": "was looked at"}
        try:
            async with asyncio.timeout(within):
                while left := await self.backlog():  # noqa: ASYNC110 - other processes work it off
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise TimeoutError(f"after {within:.0f} s there is left: {left}") from None

    async def backlog(self) -> dict[str, Any]:
        """What is still under way: pending rows, parked events, and by how many records each group is behind."""
        found: dict[str, Any] = {}
        ends: dict[str, dict[TopicPartition, int]] = {}
        for owner, pending in (await self.pending()).items():
            database = self._mongo[f"itsm_{owner}"]
            found[f"{owner} pending"] = pending
            found[f"{owner} parked"] = await database["parked"].count_documents({})
            async for row in database["offsets"].find():
                group, topic, partition = row["_id"].rsplit("|", 2)
                if topic not in ends:
                    ends[topic] = await self._ends(topic)
                behind = ends[topic][TopicPartition(topic, int(partition))] - row["next"]
                found[group] = found.get(group, 0) + max(behind, 0)
        return {name: count for name, count in found.items() if count}

    async def pending(self) -> dict[str, int]:
        """How many change rows of each service wait for Kafka."""
        return {owner: await self._changes(owner).count_documents({"pending": True}) for owner in OWNERS}

    async def published(self, subjects: set[str]) -> int:
        """How many records about these subjects were published since `mark`. Others write too: agents, checks, timers."""
        named = [dict(record.headers).get("ce_subject", b"") for record in await self._read()]
        return sum(subject.decode() in subjects for subject in named)

    async def told(self, service: str, subject: str) -> tuple[list[str], list[str]]:
        """The ids of the change rows of a record and of the events about it, both in their order."""
        found = (
            self._changes(service).find({"tenant": TENANT, "subject": subject, "type": {"$exists": True}}).sort("version", 1)
        )
        rows = [row["_id"] async for row in found]
        headers = [dict(record.headers) for record in await self._read({f"itsm.{service}.v1"})]
        return rows, [given["ce_id"].decode() for given in headers if given.get("ce_subject", b"").decode() == subject]

    async def dead_letters(self) -> list[dict[str, Any]]:
        """What was given up by any service."""
        return [row for owner in OWNERS async for row in self._mongo[f"itsm_{owner}"]["dead_letters"].find()]

    async def final(self, operations: Iterable[Operation], run_id: str, gateway: Gateway, auditor: Gateway) -> Final:
        """The quiescent state of everything that a load has written."""
        by_id, listed = await self._shown(operations, run_id, gateway)
        stored = await self._stored(run_id)
        nonces = [operation.nonce for operation in operations]
        ours = {"tenant": TENANT, "$or": [{"subject": {"$in": list(stored)}}, {"correlation_id": {"$in": nonces}}]}
        rows = {row["_id"]: row for owner in TOPICS async for row in self._changes(owner).find(ours)}
        events, bodies = await self._events(set(stored), rows.keys())
        final = Final(by_id=by_id, listed=listed, stored=stored, rows=[_row(row) for row in rows.values()], events=events)
        states = Counter(_last_states(events, bodies).values())
        final.projections["incidents by state"] = (await _by_state(gateway, run_id), dict(states))
        audited = Counter([entry async for entry in _audited(auditor, stored)])
        final.projections["audit entries"] = (dict(audited), dict(Counter(rows.keys())))
        return final

    async def _stored(self, run_id: str) -> dict[str, int]:
        """Versions by subject, as the owners' databases have them."""
        incidents = self._mongo["itsm_incident"]["incidents"].find({"tenant": TENANT, "category": run_id})
        stored = {f"incidents/{row['_id']}": row["version"] async for row in incidents}
        notes = self._mongo["itsm_incident"]["notes"].find({"tenant": TENANT, "about": {"$in": list(stored)}})
        stored |= {f"notes/{row['_id']}": row["version"] async for row in notes}
        for plural, (database, collection) in NAMED.items():
            named = self._mongo[database][collection].find({"tenant": TENANT, "name": {"$regex": f"^{run_id} "}})
            stored |= {f"{plural}/{row['_id']}": row["version"] async for row in named}
        return stored

    def _changes(self, owner: str) -> Any:
        return self._mongo[f"itsm_{owner}"]["changes"]

    async def _shown(
        self, operations: Iterable[Operation], run_id: str, gateway: Gateway
    ) -> tuple[dict[str, Shown], dict[str, Shown]]:
        listed = {
            f"incidents/{record['id']}": _as_shown(record)
            async for record in gateway.pages("incidents", "incidents", filter=f'category = "{run_id}"')
        }
        by_id: dict[str, Shown] = {}
        acknowledged = {operation.subject for operation in operations if operation.subject.startswith("incidents/")}
        for subject in acknowledged | listed.keys():
            response = await gateway.send("GET", subject)
            if response.status_code == 200:
                by_id[subject] = _as_shown(response.json())
            notes = {f"notes/{note['id']}": _as_shown(note) async for note in gateway.pages(f"{subject}/notes", "notes")}
            listed |= notes
            by_id |= notes  # a note has no address of its own
        for plural in NAMED:
            async for record in gateway.pages(plural, plural):
                if record["name"].startswith(run_id):
                    listed[f"{plural}/{record['id']}"] = _as_shown(record)
                    by_id[f"{plural}/{record['id']}"] = _as_shown(await gateway.get(f"{plural}/{record['id']}"))
        return by_id, listed

    async def _events(self, subjects: set[str], known: Iterable[str]) -> tuple[list[Event], dict[str, Any]]:
        """Records about these subjects, and any whose change row is nowhere in the database."""
        records = [record for record in await self._read() if record.headers]
        ids = [dict(record.headers)["ce_id"].decode() for record in records]
        query = {"_id": {"$in": ids}}
        committed = {row["_id"] for owner in TOPICS async for row in self._changes(owner).find(query)} | set(known)
        events, bodies = [], {}
        for identity, record in zip(ids, records, strict=True):
            headers = dict(record.headers)
            subject = headers["ce_subject"].decode()
            if subject in subjects or identity not in committed:
                version = int(headers["ce_itsmversion"])
                events.append(
                    Event(id=identity, subject=subject, version=version, partition=record.partition, offset=record.offset)
                )
                bodies[identity] = json.loads(record.value)
        return events, bodies

    async def _ends(self, topic: str) -> dict[TopicPartition, int]:
        if self._kafka is None:
            self._kafka = AIOKafkaConsumer(**self._options)
            await self._kafka.start()
            # Only topics that are assigned are looked up; nothing is fetched through this one.
            topics = (*(f"itsm.{owner}.v1" for owner in OWNERS), AUDIT_TOPIC)
            every = [partition for each in topics for partition in _partitions(each)]
            self._kafka.assign(every)
            self._kafka.pause(*every)
        ends: dict[TopicPartition, int] = await self._kafka.end_offsets(_partitions(topic))
        return ends

    async def _read(self, topics: Iterable[str] = TOPICS.values()) -> list[Any]:
        """All records of the run, read past the consumers."""
        ends = {partition: end for topic in topics for partition, end in (await self._ends(topic)).items()}
        wanted = {partition: end for partition, end in ends.items() if end > self._begin.get(partition, 0)}
        if not wanted:  # a reader that is stopped before it has begun raises
            return []
        reader = AIOKafkaConsumer(**self._options)
        try:
            await reader.start()
            reader.assign(list(wanted))
            for partition in wanted:
                reader.seek(partition, self._begin.get(partition, 0))
            records: list[Any] = []
            async with asyncio.timeout(60):
                while any([await reader.position(partition) < end for partition, end in wanted.items()]):
                    for batch in (await reader.getmany(timeout_ms=500)).values():
                        records += batch
            return records
        finally:
            await reader.stop()


def _partitions(topic: str) -> list[TopicPartition]:
    return [TopicPartition(topic, each) for each in range(PARTITIONS)]


def _row(row: dict[str, Any]) -> Row:
    return Row(
        id=row["_id"],
        subject=row["subject"],
        version=row["version"],
        nonce=row["correlation_id"],
        by_client=row["actor"]["kind"] == "user",
        pending=bool(row.get("pending")),
    )


def _as_shown(record: dict[str, Any]) -> Shown:
    values = frozenset(str(record[name]) for name in _SHOWN if record.get(name))
    return Shown(version=int(record["etag"]), values=values)


def _last_states(events: Iterable[Event], bodies: dict[str, Any]) -> dict[str, str]:
    """The state of each incident as a reader of the distinct events would have it."""
    latest: dict[str, Event] = {}
    for event in events:
        if event.subject.startswith("incidents/") and event.version >= latest.get(event.subject, event).version:
            latest[event.subject] = event
    return {subject: bodies[event.id]["incident"]["state"] for subject, event in latest.items()}


async def _by_state(gateway: Gateway, run_id: str) -> dict[str, int]:
    figure = await gateway.get("kpis/incidents-by-state", groupBy="category")
    return {row["series"]: row["count"] for row in figure["rows"] if row["group"] == run_id and row["series"] and row["count"]}


async def _audited(auditor: Gateway, subjects: Iterable[str]) -> Any:
    for subject in subjects:
        async for entry in auditor.pages("auditEntries", "auditEntries", filter=f'subject = "{subject}"'):
            yield entry["id"]
