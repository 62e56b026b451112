"""Systems beside the platform read its events: the samples of the guide as they stand there, and what their user may not."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError

from chassis.events.topics import wanted
from chassis.peers import SERVICES
from stack.console import Console
from stack.fetch import fetch
from stack.kafka import READER, READER_GROUPS
from stack.options import Options
from tests.support.gateway import Gateway

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "docs" / "samples" / "consumers"
# Its modules take minutes to fetch and compile.
LANGUAGES = ("python", "java", *(["go"] if os.environ.get("ITSM_TEST_SOAK") == "true" else []))
ARRIVES = 120.0  # seconds in which a virtual machine starts, signs in and reads a topic on however slow a machine


def signed_in(backing: dict[str, Any], user: str) -> dict[str, Any]:
    """How aiokafka signs in as somebody."""
    return {
        "bootstrap_servers": backing["kafka"]["bootstrap"],
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-256",
        "sasl_plain_username": user,
        "sasl_plain_password": backing["kafka"]["users"][user],
    }


@asynccontextmanager
async def running(command: list[str], backing: dict[str, Any], folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A sample for the block, as the user for systems beside the platform."""
    environment = {
        "ITSM_KAFKA_BOOTSTRAP": backing["kafka"]["bootstrap"],
        "ITSM_KAFKA_USERNAME": READER,
        "ITSM_KAFKA_PASSWORD": backing["kafka"]["users"][READER],
        "ITSM_KAFKA_TOPICS": "itsm.incident.v1,itsm.asset.v1",
        "ITSM_KAFKA_GROUP": f"{READER_GROUPS}{uuid4().hex}",
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", str(folder)),
    }
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=(folder / "errors").open("wb")
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def told(process: asyncio.subprocess.Process, subject: str, versions: int) -> list[tuple[int, str]]:
    """Version and type of what the sample prints of one record, until it has printed so many. Raises `TimeoutError`."""
    found: list[tuple[int, str]] = []
    assert process.stdout is not None
    async with asyncio.timeout(ARRIVES):
        while len(found) < versions:
            line = await process.stdout.readline()
            assert line, f"the sample ended with {await process.wait()} after {found}"
            if line.startswith(b"{"):
                event = json.loads(line)
                if event["subject"] == subject:
                    found.append((event["version"], event["type"].rpartition(".")[2]))
    return found


async def command(language: str, folder: Path) -> list[str]:
    """How a sample is started; Go is compiled first."""
    match language:
        case "python":
            return [sys.executable, str(SAMPLES / "consume.py")]
        case "java":
            libs = (await fetch(Options().cache, Console())).kafka_libs
            return ["java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", f"{libs}/*", str(SAMPLES / "Consume.java")]
    go = shutil.which("go") or "/usr/local/go/bin/go"
    build = await asyncio.create_subprocess_exec(go, "build", "-o", str(folder / "consume"), ".", cwd=SAMPLES / "go")
    assert await asyncio.wait_for(build.wait(), 900) == 0
    return [str(folder / "consume")]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_sample_of_the_guide_reads_what_happens(
    stack: dict[str, Any], agent: Gateway, tmp_path: Path, language: str
) -> None:
    made = await agent.post("incidents", {"title": "The printer is on fire", "impact": "LOW", "urgency": "LOW"})
    subject = f"incidents/{made['id']}"
    async with running(await command(language, tmp_path), stack["backing"], tmp_path) as sample:
        assert await told(sample, subject, 1) == [(1, "IncidentOpened")]
        await agent.post(f"{subject}:start", version=made["etag"])
        assert await told(sample, subject, 1) == [(2, "IncidentStarted")]
    assert (tmp_path / "errors").read_bytes().count(b"set aside") == 0


_NOT_ALLOWED = 29  # TOPIC_AUTHORIZATION_FAILED of the protocol


async def readable(backing: dict[str, Any], user: str, topics: list[str]) -> dict[str, bool]:
    """Whether a user may read each topic: who may not is not even told how many partitions it has."""
    admin = AIOKafkaAdminClient(**signed_in(backing, user))
    await admin.start()
    try:
        found = {each["topic"]: each["error_code"] for each in await admin.describe_topics(topics)}
    finally:
        await admin.close()
    assert set(found.values()) <= {0, _NOT_ALLOWED}
    return {topic: code == 0 for topic, code in found.items()}


async def test_a_reader_reads_public_topics_and_no_others(stack: dict[str, Any]) -> None:
    topics = [topic.name for topic in wanted()]
    seen = await asyncio.wait_for(readable(stack["backing"], READER, topics), 60)
    assert {topic for topic, may in seen.items() if may} == {f"itsm.{service}.v1" for service in SERVICES}
    assert (await asyncio.wait_for(readable(stack["backing"], "itsm_auth", topics), 60))["itsm.audit.v1"]


async def test_a_reader_joins_no_group_of_ours(stack: dict[str, Any]) -> None:
    consumer = AIOKafkaConsumer("itsm.incident.v1", **signed_in(stack["backing"], READER), group_id="itsm.incident.alerts")
    with pytest.raises(GroupAuthorizationFailedError):
        async with asyncio.timeout(60):
            try:
                await consumer.start()
                await consumer.getone()
            finally:
                await consumer.stop()


@pytest.mark.parametrize(
    ("user", "topic"),
    [
        (READER, "itsm.incident.v1"),
        ("itsm_analytics", "itsm.incident.v1"),
        ("itsm_incident", "itsm.monitor.v1"),
        ("itsm_gateway", "itsm.auth.v1.dead"),
    ],
)
async def test_nobody_writes_to_the_topics_of_others(stack: dict[str, Any], user: str, topic: str) -> None:
    producer = AIOKafkaProducer(**signed_in(stack["backing"], user))
    await producer.start()
    try:
        with pytest.raises(TopicAuthorizationFailedError):
            await asyncio.wait_for(producer.send_and_wait(topic, b"{}", key=b"main/forged"), 60)
    finally:
        await producer.stop()
