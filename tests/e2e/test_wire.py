"""What is on the topics after the stories of a session, held to what other systems are told; and what operators do about it.

The file is the last of its folder, so that one pass sees what all the others brought about.
"""

import asyncio
import json
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.partitioner import murmur2
from jsonschema import Draft202012Validator

from chassis.domain import uuid7
from chassis.events.topics import PARTITIONS
from chassis.peers import SERVICES
from stack.kafka import READER
from tests.e2e.test_consumers import signed_in
from tests.support.aftermath import Aftermath
from tests.support.gateway import Gateway
from tests.support.shapes import shape

ROOT = Path(__file__).parents[2]
PUBLIC = tuple(f"itsm.{service}.v1" for service in SERVICES)
FORMATS = Draft202012Validator.FORMAT_CHECKER

Ends = dict[TopicPartition, int]


@asynccontextmanager
async def reading(backing: dict[str, Any]) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of nothing yet, as the user for systems beside the platform."""
    consumer = AIOKafkaConsumer(**signed_in(backing, READER), enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def ends(consumer: AIOKafkaConsumer) -> Ends:
    """Where the public topics end now."""
    places = [TopicPartition(topic, number) for topic in PUBLIC for number in range(PARTITIONS)]
    found: Ends = await consumer.end_offsets(places)
    return found


async def between(consumer: AIOKafkaConsumer, begin: Ends, end: Ends) -> AsyncIterator[Any]:
    """Each record from one position to the other."""
    left = {place for place in end if end[place] > begin.get(place, 0)}
    consumer.assign(sorted(left))
    for place in left:
        consumer.seek(place, begin.get(place, 0))
    while left:
        got = await asyncio.wait_for(consumer.getmany(*left, timeout_ms=1000, max_records=2000), 60)
        for records in got.values():
            for record in records:
                if record.offset < end[TopicPartition(record.topic, record.partition)]:
                    yield record
        left = {place for place in left if await consumer.position(place) < end[place]}


class Checker:
    """Schemas as the gateway serves them, each fetched once; what has the shape of something seen is as valid as that."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._rules: dict[str, Draft202012Validator] = {}
        self._seen: set[Any] = set()

    async def faults(self, address: str, value: Any) -> list[str]:
        """What the schema at an address has against a value."""
        looks = (address, shape(value))
        if looks in self._seen:
            return []
        self._seen.add(looks)
        if address not in self._rules:
            schema = await self._gateway.get(address.removeprefix("/api/v1/"))
            assert schema["$id"] == address
            self._rules[address] = Draft202012Validator(schema, format_checker=FORMATS)
        return [f"{address}: {error.json_path}: {error.message}" for error in self._rules[address].iter_errors(value)]


async def test_everything_told_is_what_other_systems_are_promised(
    stack: dict[str, Any], agent: Gateway, aftermath: Aftermath
) -> None:
    made = await agent.post("incidents", {"title": "The last of the session", "impact": "LOW", "urgency": "LOW"})
    await agent.post(f"incidents/{made['id']}:start", version=made["etag"])
    await aftermath.drained()
    document = await agent.get("asyncapi.json")
    promised = {name: set(channel["messages"]) for name, channel in document["channels"].items()}
    checker, faults, count = Checker(agent), list[str](), 0
    versions: dict[Any, dict[int, set[str]]] = defaultdict(dict)
    order: dict[Any, int] = {}
    async with reading(stack["backing"]) as consumer:
        async for record in between(consumer, {}, await ends(consumer)):
            count += 1
            where = f"{record.topic}/{record.partition}@{record.offset}"
            headers = {name: value.decode() for name, value in record.headers}
            found = await checker.faults("/api/v1/schemas/headers", headers)
            found += await checker.faults(headers["ce_dataschema"], orjson.loads(record.value))
            faults += [f"{where}: {fault}" for fault in found]
            if headers["ce_type"] not in promised[record.topic]:
                faults.append(f"{where}: {headers['ce_type']} is told nowhere as one of this topic")
            if record.key.decode() != headers["ce_partitionkey"] or _partition(record.key) != record.partition:
                faults.append(f"{where}: {record.key!r} is not where it belongs")
            version, name = int(headers["ce_itsmversion"]), (record.topic, record.key, headers["ce_itsmepoch"])
            versions[name].setdefault(version, set()).add(headers["ce_id"])
            if version > order.get(name, 0):
                if version != order.get(name, 0) + 1:
                    faults.append(f"{where}: version {version} of {record.key!r} comes after {order.get(name, 0)}")
                order[name] = version
    assert faults[:20] == []
    assert count >= 2
    twice = [name for name, told in versions.items() if any(len(ids) > 1 for ids in told.values())]
    assert not twice, "one version was told under two ids"


def _partition(key: bytes) -> int:
    return int((murmur2(key) & 0x7FFFFFFF) % PARTITIONS)


REBUILT = {
    "incidents": ("incident", {"description"}),
    "assets": ("asset", {"lastSeenTime"}),
    "checks": ("check", {"lastResult", "nextDueTime"}),
    "calendars": ("calendar", set[str]()),
    "slaPolicies": ("slaPolicy", set[str]()),
    "webhooks": ("webhook", set[str]()),
}
"""Kinds of records with the name that they have in their events, and fields that these do not follow: what is personal, and
what is only noted, as when a machine was last seen."""


async def test_who_reads_the_topics_from_their_start_has_what_the_api_has(
    stack: dict[str, Any], keeper: Gateway, aftermath: Aftermath
) -> None:
    await keeper.post("incidents", {"title": "To be rebuilt", "impact": "LOW", "urgency": "LOW"})
    gone = await keeper.post("checks", {"name": "To be removed", "kind": "TCP", "target": "127.0.0.1:1", "enabled": False})
    assert (await keeper.send("DELETE", f"checks/{gone['id']}", version=gone["etag"])).status_code in (200, 204)
    await aftermath.drained()
    differ: list[str] = []
    for _ in range(5):  # agents, timers and checks of the platform itself may change something meanwhile
        rebuilt = await _rebuilt(stack)
        differ = []
        for plural, (name, personal) in REBUILT.items():
            shown = {row["id"]: row async for row in keeper.pages(plural, plural)}
            for identity, row in shown.items():
                version, body = rebuilt.get(f"{plural}/{identity}", (0, {}))
                known = {key: value for key, value in row.items() if key not in personal}
                told = {key: value for key, value in body.get(name, {}).items() if key not in personal}
                wrong = sorted(key for key in known | told if known.get(key) != told.get(key))
                if version and wrong:  # what has no event is older than the topics
                    differ.append(f"{plural}/{identity}@{version} differs in {wrong}")
        if not differ:
            break
    assert differ[:10] == []
    assert f"checks/{gone['id']}" in rebuilt
    assert not [row async for row in keeper.pages("checks", "checks") if row["id"] == gone["id"]]


async def _rebuilt(stack: dict[str, Any]) -> dict[str, tuple[int, Any]]:
    """The latest version of every record of the tenant, and what its event said of it."""
    found: dict[str, tuple[int, Any]] = {}
    async with reading(stack["backing"]) as consumer:
        async for record in between(consumer, {}, await ends(consumer)):
            headers = {name: value.decode() for name, value in record.headers}
            subject, version = headers["ce_subject"], int(headers["ce_itsmversion"])
            if headers["ce_itsmtenant"] == "main" and version >= found.get(subject, (0, None))[0]:
                found[subject] = version, orjson.loads(record.value)
    return found


async def test_the_document_of_the_topics_lists_those_of_this_platform(stack: dict[str, Any], agent: Gateway) -> None:
    document = await agent.get("asyncapi.json")
    admin = AIOKafkaAdminClient(**signed_in(stack["backing"], "admin"))
    await admin.start()
    try:
        topics = [name for name in await admin.list_topics() if name.startswith("itsm.")]
        found = {each["topic"]: len(each["partitions"]) for each in await admin.describe_topics(topics)}
    finally:
        await admin.close()
    told = {channel["address"]: channel["bindings"]["kafka"]["partitions"] for channel in document["channels"].values()}
    assert {name: count for name, count in found.items() if name in told or not _of_a_test(name)} == told


def _of_a_test(topic: str) -> bool:
    return topic.removeprefix("itsm.").partition(".")[0] not in {*SERVICES, "audit"}


async def itsm(stack: dict[str, Any], folder: Path, *arguments: str, user: str = "operator", code: int = 0) -> list[Any]:
    """What the command line prints for somebody, line by line."""
    environment = {
        "ITSM_URL": stack["gateway"],
        "ITSM_TOKEN": stack["users"][user]["token"],
        "ITSM_CONFIG_DIR": str(folder),
        "PATH": "/usr/bin:/bin",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli", *arguments, cwd=ROOT, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == code, err.decode()
    return [json.loads(line) for line in out.splitlines()]


async def audited(auditor: Gateway, subject: str) -> list[str]:
    """What the audit log has about a record, in short, the oldest first."""
    entries = (await auditor.get("auditEntries", filter=f'subject = "{subject}"'))["auditEntries"]
    return [entry["action"].rpartition(".")[2] for entry in reversed(entries)]


async def test_what_is_told_again_changes_nothing(
    stack: dict[str, Any], agent: Gateway, auditor: Gateway, aftermath: Aftermath, tmp_path: Path
) -> None:
    made = await agent.post("incidents", {"title": "To be told again", "impact": "LOW", "urgency": "LOW"})
    subject = f"incidents/{made['id']}"
    await aftermath.drained()
    start = (datetime.now(UTC) - timedelta(minutes=3)).isoformat(timespec="seconds").replace("+00:00", "Z")
    (asked,) = await itsm(stack, tmp_path, "events", "replay", "incident", "--from", start, "--subject", subject, "--dry-run")
    assert (asked["published"], await audited(auditor, f"replays/{asked['id']}")) == (1, [])
    async with reading(stack["backing"]) as consumer:
        before = await ends(consumer)
        known = {dict(record.headers)["ce_id"] async for record in between(consumer, await _lately(consumer, before), before)}
        replays = [
            (await itsm(stack, tmp_path, "events", "replay", service, "--from", start, "--wait"))[0]
            for service in ("asset", "incident", "monitor")
        ]
        await aftermath.drained()
        after = [dict(record.headers) async for record in between(consumer, before, await ends(consumer))]
    again = {headers["ce_id"] for headers in after} & known
    assert 0 < len(again) <= sum(replay["published"] for replay in replays)
    fresh = [headers for headers in after if headers["ce_id"] not in known]
    came = [headers["ce_type"] for headers in fresh if headers.get("ce_causationid") in again]
    assert came == [], "something came of an event that had been handled"
    assert {replay["state"] for replay in replays} == {"DONE"}
    assert await audited(auditor, f"replays/{replays[1]['id']}") == ["ReplayStarted", "ReplayFinished"]
    assert (await agent.get(subject))["etag"] == made["etag"]


async def _lately(consumer: AIOKafkaConsumer, end: Ends) -> Ends:
    """Where each partition was a quarter of an hour ago."""
    then = int((datetime.now(UTC) - timedelta(minutes=15)).timestamp() * 1000)
    found = await consumer.offsets_for_times(dict.fromkeys(end, then))
    return {place: found[place].offset if found.get(place) else offset for place, offset in end.items()}


async def test_a_poison_record_is_set_aside_looked_at_tried_again_and_given_up(
    stack: dict[str, Any], auditor: Gateway, aftermath: Aftermath, tmp_path: Path
) -> None:
    identity = f"alt_{uuid4().hex}"
    key, subject, value = f"main/{identity}".encode(), f"alerts/{identity}", b'{"alert": no JSON'
    headers = {
        "content-type": "application/json", "ce_specversion": "1.0", "ce_id": uuid7(), "ce_time": "2026-01-31T12:00:00.000Z",
        "ce_type": "itsm.monitor.v1.AlertFired", "ce_source": "/itsm/local/monitor", "ce_subject": subject,
        "ce_partitionkey": key.decode(), "ce_itsmtenant": "main", "ce_itsmversion": "1".zfill(20), "ce_itsmepoch": "1",
        "ce_authtype": "service", "ce_authid": "itsm-monitor",
    }  # fmt: skip
    producer = AIOKafkaProducer(**signed_in(stack["backing"], "itsm_monitor"))
    await producer.start()
    try:
        await producer.send_and_wait(
            "itsm.monitor.v1", value, key, headers=[(name, each.encode()) for name, each in headers.items()]
        )
    finally:
        await producer.stop()
    query = ("--filter", f'subject = "{subject}" AND state = OPEN')
    letter = await _until(lambda: itsm(stack, tmp_path, "events", "dlq", "list", "incident", *query))
    named = f"deadLetters/{letter['id']}"
    assert (letter["service"], letter["reason"], letter["state"]) == ("incident", "undecodable", "OPEN")
    (whole,) = await itsm(stack, tmp_path, "events", "dlq", "show", "incident", letter["id"])
    assert whole["headers"]["ce_id"] == headers["ce_id"]

    (asked,) = await itsm(stack, tmp_path, "events", "dlq", "requeue", "incident", letter["id"], "--dry-run")
    (kept,) = await itsm(stack, tmp_path, "events", "dlq", "show", "incident", letter["id"])
    assert (asked["state"], kept["deadLetter"]) == ("REQUEUED", whole["deadLetter"]), "a dry run wrote something"
    assert await audited(auditor, named) == []

    await itsm(stack, tmp_path, "events", "dlq", "requeue", "incident", letter["id"])
    await _until(lambda: itsm(stack, tmp_path, "events", "dlq", "list", "incident", *query))  # it was no better than before
    await itsm(stack, tmp_path, "events", "dlq", "discard", "incident", letter["id"], "-m", "a test", user="viewer", code=4)
    (gone,) = await itsm(stack, tmp_path, "events", "dlq", "discard", "incident", letter["id"], "-m", "a test")
    assert (gone["state"], gone["discardReason"]) == ("DISCARDED", "a test")
    await _until(lambda: _is(audited(auditor, named), ["DeadLetterRequeued", "DeadLetterDiscarded"]))
    # Other consumers gave it up as well; each service is asked for its letters, the gateway for its own too.
    await aftermath.drained()
    for left in await itsm(stack, tmp_path, "events", "dlq", "list", *query):
        assert left["service"] != "incident"
        await itsm(stack, tmp_path, "events", "dlq", "discard", left["service"], left["id"], "-m", "a test")


async def _until(ask: Callable[[], Awaitable[list[Any]]]) -> Any:
    """The first of what is asked for, when there is one."""
    async with asyncio.timeout(90):
        while True:
            if found := await ask():
                return found[0]
            await asyncio.sleep(0.2)


async def _is(asked: Awaitable[Any], wanted: Any) -> list[Any]:
    """What was asked for, where it is as it should be."""
    found = await asked
    return [found] if found == wanted else []
