"""mongod as a one-node replica set with access control and one user per service, each in its own database.

Fails with `ProcessDied` when mongod does not come up, and with `StackError` when the stored data does not know the
stored password (then only `--fresh` helps).
"""

import asyncio
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure, PyMongoError

from stack.credentials import Credentials
from stack.errors import StackError
from stack.files import write_atomically
from stack.options import SERVICES, Layout
from stack.process import Process, Spec

_WRONG_PASSWORD = 18
_ROLE_NOT_FOUND = 31
_USER_EXISTS = 51003
# Tighter than readWrite (no drop, no rename) and wider (collMod for validators and TTL changes).
SERVICE_ACTIONS = (
    "find", "insert", "update", "remove", "createCollection", "createIndex", "listCollections", "listIndexes",
    "collMod", "changeStream", "collStats", "dbStats",
)  # fmt: skip
MIGRATION_ACTIONS = (*SERVICE_ACTIONS, "dropIndex")

Document = dict[str, Any]


class Mongo:
    """The one mongod of the stack."""

    def __init__(self, layout: Layout, port: int, credentials: Credentials) -> None:
        self._layout = layout
        self.port = port
        self._credentials = credentials

    @property
    def address(self) -> str:
        """Where it is, without a user: enough to be refused."""
        return f"mongodb://127.0.0.1:{self.port}/?replicaSet=rs0"

    @property
    def root_uri(self) -> str:
        password = quote(self._credentials.get("mongo/root"), safe="")
        return f"mongodb://root:{password}@127.0.0.1:{self.port}/?replicaSet=rs0&authSource=admin"

    def uri(self, service: str) -> str:
        """How one service signs in; the path names the database that knows the user."""
        database = f"itsm_{service}"
        password = quote(self._credentials.get(f"mongo/{service}"), safe="")
        return f"mongodb://{database}:{password}@127.0.0.1:{self.port}/{database}?replicaSet=rs0"

    def migration_uri(self, service: str) -> str:
        """How migrations of one service sign in: as the service, and with the right to drop indexes."""
        password = quote(self._credentials.get(f"mongo/{service}/migration"), safe="")
        database = f"itsm_{service}"
        return f"mongodb://{database}_migration:{password}@127.0.0.1:{self.port}/{database}?replicaSet=rs0"

    def spec(self, mongod: Path) -> Spec:
        """The command, after the folders and the key file exist."""
        data = self._layout.mongo
        (data / "db").mkdir(parents=True, exist_ok=True)
        key = data / "key"
        if not key.exists():
            write_atomically(key, secrets.token_hex(48) + "\n", mode=0o600)
        log = self._layout.logs / "mongo.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        return Spec(
            name="mongo",
            argv=(
                str(mongod), "--dbpath", str(data / "db"), "--port", str(self.port), "--bind_ip", "127.0.0.1",
                "--replSet", "rs0", "--keyFile", str(key), "--auth",
                "--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "256", "--unixSocketPrefix", str(data),
                "--logpath", str(log), "--logappend", "--pidfilepath", str(data / "pid"), "--quiet",
                "--setParameter", "ttlMonitorSleepSecs=5",
                "--setParameter", "transactionLifetimeLimitSeconds=10",
                "--setParameter", "maxTransactionLockRequestTimeoutMillis=100",
                "--setParameter", "diagnosticDataCollectionEnabled=false",
                "--setParameter", "shutdownTimeoutMillisForSignaledShutdown=1000",
            ),
            ports=(self.port,),
            state=self._layout.state,
            log=log,
            own_log=True,
        )  # fmt: skip

    async def make_ready(self, process: Process) -> None:
        """Wait for mongod, take the first steps that are missing, and leave a writable primary with all users."""
        await process.wait_ready(self._answers)
        if not await self._can_sign_in():
            await self._initiate(process)
        root = self._root_client()
        try:
            await self._adopt_port(root)
            await _until_primary(root)
            for service in SERVICES:
                await self._ensure_service(root, service)
        finally:
            await root.close()

    async def _answers(self) -> bool:
        client: AsyncMongoClient[Document] = AsyncMongoClient(
            "127.0.0.1", self.port, directConnection=True, serverSelectionTimeoutMS=200
        )
        try:
            await client.admin.command("ping")
        except PyMongoError:
            return False
        finally:
            await client.close()
        return True

    def _root_client(self) -> AsyncMongoClient[Document]:
        return AsyncMongoClient(
            "127.0.0.1",
            self.port,
            directConnection=True,
            username="root",
            password=self._credentials.get("mongo/root"),
            authSource="admin",
        )

    async def _can_sign_in(self) -> bool:
        client = self._root_client()
        try:
            await client.admin.command("connectionStatus")
        except OperationFailure as error:
            if error.code != _WRONG_PASSWORD:
                raise
            return False
        finally:
            await client.close()
        return True

    async def _initiate(self, process: Process) -> None:
        """The localhost exception permits exactly this: initiate the set, then create one user."""
        process.require_alive()
        client: AsyncMongoClient[Document] = AsyncMongoClient("127.0.0.1", self.port, directConnection=True)
        try:
            await self._initiate_set(client)
            await _until_primary(client)
            await client.admin.command(
                "createUser", "root", pwd=self._credentials.get("mongo/root"), roles=["root"], mechanisms=["SCRAM-SHA-256"]
            )
        except OperationFailure as error:
            raise StackError(
                f"mongod refuses the first steps ({error.details and error.details.get('codeName')}): the passwords of "
                f"this data are lost; start with --fresh, which deletes {self._layout.mongo}"
            ) from error
        finally:
            await client.close()

    async def _initiate_set(self, client: AsyncMongoClient[Document]) -> None:
        already_initialized = 23
        members = [{"_id": 0, "host": f"127.0.0.1:{self.port}"}]
        try:
            await client.admin.command("replSetInitiate", {"_id": "rs0", "members": members})
        except OperationFailure as error:
            if error.code != already_initialized:
                raise

    async def _adopt_port(self, root: AsyncMongoClient[Document]) -> None:
        """The set's configuration names the port; after a start on another one the node has to be told that it is meant."""
        config = (await root.admin.command("replSetGetConfig"))["config"]
        here = f"127.0.0.1:{self.port}"
        if config["members"][0]["host"] == here:
            return
        config["members"][0]["host"] = here
        config["version"] += 1
        await root.admin.command("replSetReconfig", config, force=True)

    async def _ensure_service(self, root: AsyncMongoClient[Document], service: str) -> None:
        name = f"itsm_{service}"
        users = {
            name: ("service", SERVICE_ACTIONS, f"mongo/{service}"),
            f"{name}_migration": ("migration", MIGRATION_ACTIONS, f"mongo/{service}/migration"),
        }
        database = root[name]
        for user, (role, actions, secret) in users.items():
            privileges = [{"resource": {"db": name, "collection": ""}, "actions": list(actions)}]
            await _update_or_create_role(database, role, privileges)
            await _create_user(database, user, self._credentials.get(secret), {"role": role, "db": name})


async def _update_or_create_role(database: AsyncDatabase[Document], role: str, privileges: list[Document]) -> None:
    try:
        await database.command("updateRole", role, privileges=privileges, roles=[])
    except OperationFailure as error:
        if error.code != _ROLE_NOT_FOUND:
            raise
        await database.command("createRole", role, privileges=privileges, roles=[])


async def _create_user(database: AsyncDatabase[Document], user: str, password: str, role: Document) -> None:
    try:
        await database.command("createUser", user, pwd=password, roles=[role], mechanisms=["SCRAM-SHA-256"])
    except OperationFailure as error:
        if error.code != _USER_EXISTS:
            raise


async def _until_primary(client: AsyncMongoClient[Document]) -> None:
    async with asyncio.timeout(30):
        while not (await client.admin.command("hello")).get("isWritablePrimary"):  # noqa: ASYNC110  (no event tells it)
            await asyncio.sleep(0.02)
