"""`migrate` as a Job runs it: a service is not ready before it, two at once are one, and again it finds nothing to do."""

import asyncio
import json
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from pymongo import AsyncMongoClient


@pytest.fixture
async def uri(backing: dict[str, Any]) -> AsyncIterator[str]:
    """Of a database of its own."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    uri = backing["mongo"]["root_uri"].replace("/?", f"/{name}?")
    yield uri
    async with AsyncMongoClient(uri) as client:
        await client.drop_database(name)


@contextmanager
def started(uri: str, *command: str, name: str = "analytics") -> Iterator[subprocess.Popen[str]]:
    settings = {"ITSM_MONGO_URI": uri, "ITSM_PAGE_TOKEN_KEY": "k" * 32, "ITSM_DRAIN_SECONDS": "0"}
    process = subprocess.Popen(  # noqa: S603 - ours
        [sys.executable, "-m", f"services.{name}", *command],
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=60)


async def ended(process: subprocess.Popen[str]) -> int:
    async with asyncio.timeout(120):
        await asyncio.to_thread(process.communicate)
    return process.returncode


async def schema(management: str) -> str:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://{management}/readyz", timeout=30)
    return str(answer.json()["checks"].get("schema", {}).get("state"))


async def serving(process: subprocess.Popen[str]) -> str:
    """Where it tells of its health, once it has started."""
    assert process.stdout is not None
    async with asyncio.timeout(120):
        while True:
            line = json.loads(await asyncio.to_thread(process.stdout.readline))
            if "management" in line:
                return str(line["management"])


async def test_a_service_is_not_ready_before_its_database_is_made_and_then_by_itself(uri: str) -> None:
    with started(uri) as service:
        management = await serving(service)
        assert await schema(management) == "failed"
        with started(uri, "migrate") as job:
            assert await ended(job) == 0
        async with asyncio.timeout(60):
            while await schema(management) != "ok":  # noqa: ASYNC110 - nobody tells it
                await asyncio.sleep(0.5)


async def test_nothing_that_falls_due_is_handled_before_the_database_is_made(uri: str) -> None:
    async with AsyncMongoClient(uri) as client:
        leases = client.get_default_database()["leases"]
        with started(uri, name="incident") as service:
            management = await serving(service)
            assert await schema(management) == "failed"
            await asyncio.sleep(2)  # a timer that does not wait has its lease at once
            assert await leases.find_one({"_id": "due|sla"}) is None
            with started(uri, "migrate", name="incident") as job:
                assert await ended(job) == 0
            async with asyncio.timeout(60):
                while await leases.find_one({"_id": "due|sla"}) is None:  # noqa: ASYNC110 - nobody tells it
                    await asyncio.sleep(0.5)


async def test_two_at_once_are_one_and_a_third_finds_nothing_to_do(uri: str) -> None:
    with started(uri, "migrate") as one, started(uri, "migrate") as other:
        assert await asyncio.gather(ended(one), ended(other)) == [0, 0]
    async with AsyncMongoClient(uri) as client:
        database = client.get_default_database()
        first = await database["migrations"].find_one({"_id": "indexes"})
        assert first is not None
        made = {
            f"{name}.{index}"
            for name in await database.list_collection_names()
            for index in await database[name].index_information()
        }
        assert set(first["made"]) <= made
        with started(uri, "migrate") as again:
            assert await ended(again) == 0
        assert await database["migrations"].find_one({"_id": "indexes"}) == first
