"""The store on a real mongod, with both drivers, as the service's own user."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure

from chassis.settings import MongoDriver
from chassis.store import Backend, Insert, Update
from chassis.store.changes import INDEXES
from chassis.store.mongo import MongoBackend
from tests.support.store_cases import StoreCases


class TestMongoStore(StoreCases):
    """The same cases as the fake's."""

    @pytest.fixture(params=list(MongoDriver))
    async def backend(self, request: pytest.FixtureRequest, backing: dict[str, Any]) -> AsyncIterator[Backend]:
        uri = backing["mongo"]["root_uri"].replace("/?", "/itsm_store_test?")
        backend = MongoBackend(uri, request.param)
        await backend.ensure_indexes(INDEXES)
        yield backend
        await backend.close()
        async with AsyncMongoClient(uri) as client:
            await client.drop_database("itsm_store_test")

    async def test_a_write_that_can_never_succeed_is_no_lost_race(self, backend: Backend) -> None:
        await backend.write([Insert("facts", {"_id": name, "tenant": "main", "n": "a word"}) for name in "ab"])
        with pytest.raises(OperationFailure):
            await backend.write([Update("facts", {"_id": name, "tenant": "main"}, {"$inc": {"n": 1}}) for name in "ab"])
