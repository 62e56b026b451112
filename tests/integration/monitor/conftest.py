"""The monitor's parts on a real mongod: a database of its own for each test."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from pymongo import AsyncMongoClient

from chassis.store.mongo import MongoBackend


@pytest.fixture
async def mongo_uri(backing: dict[str, Any]) -> AsyncIterator[str]:
    """The address of a database that nobody else has."""
    name = f"test_monitor_{uuid4().hex[:12]}"
    uri = backing["mongo"]["root_uri"].replace("/?", f"/{name}?")
    yield uri
    client: Any = AsyncMongoClient(uri)
    await client.drop_database(name)
    await client.close()


@pytest.fixture
async def mongo(mongo_uri: str) -> AsyncIterator[MongoBackend]:
    """That database."""
    backend = MongoBackend(mongo_uri)
    yield backend
    await backend.close()
