"""A real sharded Mongo for tests: a config server, two shard servers, each a replica set of one, and a router."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bson import Int64, MaxKey
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure

from chassis.store.sharding import statements
from stack.console import Console
from stack.fetch import fetch
from stack.options import Options
from stack.ports import Ports
from stack.process import Process, Spec
from tests.support.mongo_router import Router, Table

CONFIG, SHARDS = "config", ("first", "second")
_MAJORITY = {"writeConcern": {"w": "majority"}}
_INITIATED_ALREADY = 23


@dataclass(slots=True)
class Sharded:
    """What is running: `uri` is the router's, `clients` are of the servers themselves."""

    uri: str
    router: Router
    clients: dict[str, AsyncMongoClient[dict[str, Any]]]

    async def shard(self, database: str, collections: Sequence[str], halved: str) -> None:
        """Shards them by the declared key; the tenant `halved` lies half on each shard, by the hash of its ids."""
        config, home = self.clients[CONFIG], self.clients[SHARDS[0]]
        first, *each_collection = statements(database, collections)
        primary = {"primaryShardId": SHARDS[0], **_MAJORITY}
        made = await config.admin.command({"_configsvrCreateDatabase": first["enableSharding"], **primary})
        for statement in each_collection:
            name = statement["shardCollection"]
            create = {"_shardsvrCreateCollection": name.partition(".")[2], "shardKey": statement["key"], "unique": False}
            answer = await home[database].command({**create, "databaseVersion": made["databaseVersion"], **_MAJORITY})
            half = {"min": {"tenant": halved, "_id": Int64(0)}, "max": {"tenant": halved, "_id": MaxKey()}}
            await config.admin.command(
                {"_configsvrMoveRange": name, **half, "toShard": SHARDS[1], "waitForDelete": True, **_MAJORITY}
            )
            chunks = config["config"]["chunks"].find({"uuid": answer["collectionUUID"]})
            self.router.table.chunks[name.partition(".")[2]] = await chunks.to_list(None)

    async def numbers(self, database: str, collection: str) -> list[int]:
        """How many documents each shard has, asked of the shards themselves."""
        return [await self.clients[shard][database][collection].count_documents({}) for shard in SHARDS]

    async def empty(self, database: str) -> None:
        """Removes every document and keeps the collections."""
        for shard in SHARDS:
            for name in await self.clients[shard][database].list_collection_names():
                await self.clients[shard][database][name].delete_many({})


@asynccontextmanager
async def sharded(folder: Path) -> AsyncIterator[Sharded]:
    """Starts all of it for the length of the block; the data is thrown away with the folder."""
    console = Console()
    programs = await fetch(Options().cache, console)
    ports = Ports(folder / "ports.json")
    async with AsyncExitStack() as parts:
        clients: dict[str, AsyncMongoClient[dict[str, Any]]] = {}
        numbers = {name: ports.get(name) for name in (CONFIG, *SHARDS)}
        for name, port in numbers.items():
            process = Process(_server(programs.mongod, folder, name, port), console, lambda _: None)
            await process.start()
            parts.push_async_callback(process.stop)
            client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
                "127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=60_000
            )
            parts.push_async_callback(client.close)
            clients[name] = client
        for name, port in numbers.items():
            await _initiate(clients[name], name, port)
        for name in SHARDS:
            added = {"_configsvrAddShard": f"{name}/127.0.0.1:{numbers[name]}", "name": name, **_MAJORITY}
            await clients[CONFIG].admin.command(added)
        router = Router({name: numbers[name] for name in SHARDS}, Table(SHARDS[0]))
        port = ports.get("router")
        await router.start(port)
        parts.push_async_callback(router.stop)
        yield Sharded(f"mongodb://127.0.0.1:{port}/", router, clients)


def _server(mongod: Path, folder: Path, name: str, port: int) -> Spec:
    data = folder / name
    data.mkdir()
    log = folder / f"{name}.log"
    return Spec(
        name=f"mongo-{name}",
        argv=(
            str(mongod), "--dbpath", str(data), "--port", str(port), "--bind_ip", "127.0.0.1", "--replSet", name,
            "--configsvr" if name == CONFIG else "--shardsvr", "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25",
            "--oplogSize", "64", "--setParameter", "diagnosticDataCollectionEnabled=false",
            "--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100", "--logpath", str(log), "--quiet",
        ),
        ports=(port,),
        state=folder,
        log=log,
        own_log=True,
    )  # fmt: skip


async def _initiate(client: AsyncMongoClient[dict[str, Any]], name: str, port: int) -> None:
    members = {"_id": name, "members": [{"_id": 0, "host": f"127.0.0.1:{port}"}]}
    members |= {"configsvr": True} if name == CONFIG else {}
    try:
        await client.admin.command({"replSetInitiate": members})
    except OperationFailure as error:
        if error.code != _INITIATED_ALREADY:
            raise
    async with asyncio.timeout(60):
        while not (await client.admin.command("hello")).get("isWritablePrimary"):  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.1)
