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

from chassis.peers import SERVICES
from stack.credentials import Credentials
from stack.errors import StackError
from stack.files import write_atomically
from stack.options import Layout
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

# Right for a set of one: a primary that is told to stop has no successor to wait for.
TUNING = (
    "--setParameter", "ttlMonitorSleepSecs=5",
    "--setParameter", "transactionLifetimeLimitSeconds=10",
    "--setParameter", "maxTransactionLockRequestTimeoutMillis=100",
    "--setParameter", "diagnosticDataCollectionEnabled=false",
    "--setParameter", "shutdownTimeoutMillisForSignaledShutdown=1000",
)  # fmt: skip

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
                *TUNING,
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
            await until_primary(root)
            for service in SERVICES:
                secret = f"mongo/{service}"
                await ensure_service(root, service, self._credentials.get(secret), self._credentials.get(f"{secret}/migration"))
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
            await take_first_steps(client, f"127.0.0.1:{self.port}", self._credentials.get("mongo/root"))
        except OperationFailure as error:
            raise StackError(
                f"mongod refuses the first steps ({error.details and error.details.get('codeName')}): the passwords of "
                f"this data are lost; start with --fresh, which deletes {self._layout.mongo}"
            ) from error
        finally:
            await client.close()

    async def _adopt_port(self, root: AsyncMongoClient[Document]) -> None:
        """The set's configuration names the port; after a start on another one the node has to be told that it is meant."""
        config = (await root.admin.command("replSetGetConfig"))["config"]
        here = f"127.0.0.1:{self.port}"
        if config["members"][0]["host"] == here:
            return
        config["members"][0]["host"] = here
        config["version"] += 1
        await root.admin.command("replSetReconfig", config, force=True)


async def take_first_steps(client: AsyncMongoClient[Document], host: str, root_password: str) -> None:
    """Initiate the set with this one member and create its first user, through a connection from the same machine.

    Raises `OperationFailure` when a first user is there already.
    """
    already_initialized = 23
    try:
        await client.admin.command("replSetInitiate", {"_id": "rs0", "members": [{"_id": 0, "host": host}]})
    except OperationFailure as error:
        if error.code != already_initialized:
            raise
    await until_primary(client)
    await client.admin.command("createUser", "root", pwd=root_password, roles=["root"], mechanisms=["SCRAM-SHA-256"])


async def ensure_service(root: AsyncMongoClient[Document], service: str, password: str, migration_password: str) -> None:
    """The two users of a service and their roles, in the service's own database; a user that is there keeps its password."""
    name = f"itsm_{service}"
    users = {
        name: ("service", SERVICE_ACTIONS, password),
        f"{name}_migration": ("migration", MIGRATION_ACTIONS, migration_password),
    }
    database = root[name]
    for user, (role, actions, secret) in users.items():
        privileges = [{"resource": {"db": name, "collection": ""}, "actions": list(actions)}]
        await _update_or_create_role(database, role, privileges)
        await _create_user(database, user, secret, {"role": role, "db": name})


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


async def until_primary(client: AsyncMongoClient[Document]) -> None:
    """Wait up to half a minute until writes are taken; raises `TimeoutError`."""
    async with asyncio.timeout(30):
        while not (await client.admin.command("hello")).get("isWritablePrimary"):  # noqa: ASYNC110  (no event tells it)
            await asyncio.sleep(0.02)
