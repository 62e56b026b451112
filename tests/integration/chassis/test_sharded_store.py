"""The store on a real sharded Mongo: every case of the store, with a tenant whose documents lie on two shards."""

from collections.abc import AsyncIterator

import pytest
from pymongo.errors import OperationFailure

from chassis import context as ctx
from chassis.settings import MongoDriver
from chassis.store import Backend, Insert, Store, Taken, Update
from chassis.store.changes import INDEXES
from chassis.store.mongo import MongoBackend
from chassis.testing import caller
from tests.support.sharded import Sharded, sharded
from tests.support.store_cases import StoreCases, a_ticket

DATABASE = "itsm_store_test"


@pytest.fixture(scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sharded]:
    async with sharded(tmp_path_factory.mktemp("sharded")) as running:
        await running.shard(DATABASE, ["tickets", "changes", "claims", "numbers", "facts"], "main")
        yield running


class TestShardedStore(StoreCases):
    """The same cases as those of one server."""

    @pytest.fixture(params=list(MongoDriver))
    async def backend(self, request: pytest.FixtureRequest, cluster: Sharded) -> AsyncIterator[Backend]:
        backend = MongoBackend(f"{cluster.uri}{DATABASE}", request.param)
        await backend.ensure_indexes(INDEXES)
        yield backend
        await backend.close()
        await cluster.empty(DATABASE)

    async def test_a_tenant_lies_on_both_shards_and_is_read_as_one(self, store: Store, cluster: Sharded) -> None:
        before = cluster.router.spread
        with ctx.use(caller()):
            for _ in range(20):
                await self._added(store)
            assert len(await store.find("tickets", {})) == 20
            assert await store.count("tickets", {"state": "NEW"}, limit=100) == 20
            found = await store.aggregate("changes", [{"$group": {"_id": "$type", "count": {"$sum": 1}}}])
        assert [each["count"] for each in found] == [20]
        for collection in ("tickets", "changes"):
            numbers = await cluster.numbers(DATABASE, collection)
            assert sum(numbers) == 20
            assert min(numbers) > 0
        assert cluster.router.spread > before

    async def test_a_transaction_over_two_shards_is_one(self, store: Store, cluster: Sharded) -> None:
        before = cluster.router.spread
        with ctx.use(caller()):
            async with store.transaction() as tx:
                tx.claim("open", "taken", "inc_1")
            with pytest.raises(Taken):
                async with store.transaction() as tx:
                    for _ in range(20):
                        tx.add(a_ticket())
                    tx.claim("open", "taken", "inc_2")
            assert await cluster.numbers(DATABASE, "tickets") == [0, 0]
            async with store.transaction() as tx:
                for _ in range(20):
                    tx.add(a_ticket())
        assert min(await cluster.numbers(DATABASE, "tickets")) > 0
        assert cluster.router.spread == before + 1

    async def test_the_same_id_of_one_tenant_is_taken_and_of_another_is_not(self, backend: Backend) -> None:
        for tenant in ("main", "other"):
            await backend.write([Insert("facts", {"_id": f"{tenant}|a", "tenant": tenant})])
        with pytest.raises(Taken):
            await backend.write([Insert("facts", {"_id": "main|a", "tenant": "main"})])

    async def test_a_write_that_does_not_name_its_shard_is_refused_by_the_real_router(self, backend: Backend) -> None:
        await backend.write([Insert("facts", {"_id": "a", "tenant": "main", "n": 1})])
        with pytest.raises(OperationFailure):
            await backend.write([Update("facts", {"n": 1}, {"$set": {"n": 2}})])
        with pytest.raises(OperationFailure):
            await backend.write([Update("facts", {"_id": "b"}, {"$set": {"n": 2}}, strict=False, upsert=True)])
