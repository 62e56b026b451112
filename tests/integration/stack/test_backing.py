"""The backing as services meet it: started for real, closed from the first moment, kept over a restart."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import GroupAuthorizationFailedError, KafkaConnectionError, TopicAuthorizationFailedError
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure

from stack import lock
from stack.errors import StackError
from stack.options import Options
from stack.supervisor import Stack, running
from tests.support.eventually import eventually
from tests.support.platform import Platform

UNAUTHORIZED = 13


@pytest.fixture(scope="module")
async def own(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """That of the session where it may be broken, for nobody needs it after these tests; else one of our own."""
    if platform.stack is not None:
        yield platform.stack
        return
    async with running(Options(state=tmp_path_factory.mktemp("stack"), only_backing=True, light=True)) as started:
        yield started


def signed_in(own: Stack, service: str) -> dict[str, str]:
    user = f"itsm_{service}"
    return {
        "bootstrap_servers": own.kafka.bootstrap,
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-256",
        "sasl_plain_username": user,
        "sasl_plain_password": own.kafka.password(user),
    }


async def refused(call) -> int | None:
    with pytest.raises(OperationFailure) as caught:
        await call
    return caught.value.code


async def test_a_service_uses_transactions_in_its_own_database(own: Stack) -> None:
    async with AsyncMongoClient(own.mongo.uri("incident")) as client:
        notes = client.itsm_incident.notes
        async with client.start_session() as session, await session.start_transaction():
            await notes.insert_one({"_id": "a"}, session=session)
            await notes.insert_one({"_id": "b"}, session=session)
        assert await notes.count_documents({"_id": {"$in": ["a", "b"]}}) == 2
        await notes.create_index("text")


async def test_a_service_is_refused_every_other_database_and_every_drop(own: Stack) -> None:
    async with AsyncMongoClient(own.mongo.uri("incident")) as client:
        await client.itsm_incident.kept.insert_one({})
        foreign = client.itsm_asset
        assert await refused(foreign.items.find_one({})) == UNAUTHORIZED
        assert await refused(foreign.items.insert_one({})) == UNAUTHORIZED
        assert await refused(foreign.list_collection_names()) == UNAUTHORIZED
        assert await refused(client.admin.system.users.find_one({})) == UNAUTHORIZED
        assert await refused(client.itsm_incident.kept.drop()) == UNAUTHORIZED
        assert await refused(client.drop_database("itsm_incident")) == UNAUTHORIZED


async def test_nobody_reads_without_signing_in(own: Stack) -> None:
    async with AsyncMongoClient(own.mongo.address) as client:
        assert await refused(client.itsm_incident.notes.find_one({})) == UNAUTHORIZED


async def test_a_migration_may_drop_an_index_of_its_own_database_alone(own: Stack) -> None:
    async with AsyncMongoClient(own.mongo.migration_uri("asset")) as client:
        name = await client.itsm_asset.items.create_index("old")
        await client.itsm_asset.items.drop_index(name)
        assert await refused(client.itsm_incident.notes.find_one({})) == UNAUTHORIZED


async def test_an_event_goes_from_its_owner_to_another_service(own: Stack) -> None:
    async with AIOKafkaProducer(**signed_in(own, "incident"), enable_idempotence=True, compression_type="zstd") as producer:
        sent = await producer.send_and_wait("itsm.incident.v1", b"opened", key=b"main/inc_1")
    consumer = AIOKafkaConsumer(
        "itsm.incident.v1", **signed_in(own, "asset"), group_id="itsm.asset.impact", auto_offset_reset="earliest"
    )
    async with consumer, asyncio.timeout(60):
        async for record in consumer:
            if (record.partition, record.offset) == (sent.partition, sent.offset):
                break
    assert record.value == b"opened"


@pytest.mark.parametrize("topic", ["itsm.asset.v1", "itsm.asset.v1.dead", "itsm.missing.v1"])
async def test_a_service_is_refused_to_write_what_belongs_to_another(own: Stack, topic: str) -> None:
    async with AIOKafkaProducer(**signed_in(own, "incident")) as producer:
        with pytest.raises(TopicAuthorizationFailedError):
            await producer.send_and_wait(topic, b"forged")


async def test_only_the_auth_service_reads_the_audit_topic(own: Stack) -> None:
    async with AIOKafkaProducer(**signed_in(own, "incident")) as producer:
        await producer.send_and_wait("itsm.audit.v1", b"who did it")
    async with AIOKafkaConsumer("itsm.audit.v1", **signed_in(own, "auth"), auto_offset_reset="earliest") as consumer:
        async with asyncio.timeout(60):
            while (await consumer.getone()).value != b"who did it":
                continue
    curious = AIOKafkaConsumer("itsm.audit.v1", **signed_in(own, "analytics"), auto_offset_reset="earliest")
    try:
        with pytest.raises(TopicAuthorizationFailedError):
            async with asyncio.timeout(60):
                await curious.start()
                await curious.getone()
    finally:
        await curious.stop()


async def test_a_service_is_refused_the_group_of_another(own: Stack) -> None:
    consumer = AIOKafkaConsumer("itsm.incident.v1", **signed_in(own, "asset"), group_id="itsm.monitor.alerts")
    try:
        with pytest.raises(GroupAuthorizationFailedError):
            async with asyncio.timeout(60):
                await consumer.start()
                await consumer.getone()
    finally:
        await consumer.stop()


async def test_a_service_creates_no_topics_and_a_wrong_password_is_refused(own: Stack) -> None:
    admin = AIOKafkaAdminClient(**signed_in(own, "incident"))
    await admin.start()
    try:
        answer = await admin.create_topics([NewTopic("itsm.incident.v2", 1, 1)])
    finally:
        await admin.close()
    assert answer.topic_errors[0][1] == TopicAuthorizationFailedError.errno
    with pytest.raises(KafkaConnectionError):
        await AIOKafkaProducer(**{**signed_in(own, "incident"), "sasl_plain_password": "guessed"}).start()


async def test_the_realm_answers_and_the_provisioning_client_can_sign_in(own: Stack) -> None:
    settings = own.services.provision_environment()
    async with httpx.AsyncClient(trust_env=False) as client:
        discovery = (await client.get(f"{own.keycloak.issuer}/.well-known/openid-configuration")).json()
        form = {
            "grant_type": "client_credentials",
            "client_id": settings["ITSM_KEYCLOAK_CLIENT_ID"],
            "client_secret": settings["ITSM_KEYCLOAK_CLIENT_SECRET"],
        }
        address = f"{own.keycloak.url}/realms/master/protocol/openid-connect/token"
        granted = await client.post(address, data=form)
        guessed = await client.post(address, data={**form, "client_secret": "guessed"})
    assert discovery["issuer"] == own.keycloak.issuer
    assert granted.status_code == httpx.codes.OK
    assert guessed.status_code == httpx.codes.UNAUTHORIZED


async def test_every_process_listens_on_the_loopback_alone(own: Stack) -> None:
    addresses = {
        connection.laddr.ip.removeprefix("::ffff:")
        for process in lock.leftovers(own.layout.state)
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert addresses == {"127.0.0.1"}


async def test_a_second_stack_on_the_same_folder_is_refused(own: Stack) -> None:
    with pytest.raises(StackError, match="another stack"):
        async with running(own.options):
            pass


async def test_a_killed_mongod_is_reported_by_name_and_comes_back_with_its_data(own: Stack, capsys) -> None:
    pid = own.process("mongo").pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await eventually(lambda: own.deaths[-1:] == ["mongo"])
    assert "mongo ended with signal SIGKILL" in capsys.readouterr().err
    assert own.describe()["processes"]["mongo"] is None
    await own.restart("mongo")
    async with AsyncMongoClient(own.mongo.uri("incident")) as client:
        assert await client.itsm_incident.kept.count_documents({}) == 1


def test_the_command_prints_one_object_keeps_data_and_passwords_and_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "stack", "--state", str(tmp_path), "up", "--only", "backing", "--json", "--light"]
    seen = []
    for _ in range(2):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603  (our own command)
        assert process.stdout is not None
        facts = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=60)
        assert (rest, process.returncode) == ("", 0)
        assert lock.leftovers(tmp_path) == []
        seen.append(facts)
    assert {"gateway", "ingest", "otlp_grpc", "keycloak", "mongo", "kafka", "users", "processes"} <= set(seen[0])
    assert seen[0]["backing"] == seen[1]["backing"]
    assert set(seen[0]["processes"]) == {"mongo", "kafka", "keycloak"}
