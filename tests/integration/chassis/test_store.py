"""The store on a real mongod, with both drivers, as the service's own user."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from chassis.settings import MongoDriver
from chassis.store import Backend
from chassis.store.mongo import MongoBackend
from chassis.store.transaction import CHASSIS_INDEXES
from tests.support.store_cases import StoreCases


class TestMongoStore(StoreCases):
    """The same cases as the fake's."""

    @pytest.fixture(params=list(MongoDriver))
    async def backend(self, request: pytest.FixtureRequest, backing: dict[str, Any]) -> AsyncIterator[Backend]:
        uri = backing["mongo"]["root_uri"].replace("/?", "/itsm_store_test?")
        backend = MongoBackend(uri, request.param)
        await backend.ensure_indexes(CHASSIS_INDEXES)
        yield backend
        await backend.close()
        async with AsyncMongoClient(uri) as client:
            await client.drop_database("itsm_store_test")
