"""mongod in a container: the first steps over its own loopback, then the server itself; and the Job that creates users.

Fails with `StackError` when mongod dies in its first steps, or when nobody lets the administrator in for long.
"""

import asyncio
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError

from chassis.peers import SERVICES
from stack.errors import StackError
from stack.mongo import TUNING, ensure_service, take_first_steps, until_primary

_PROGRAM = "/opt/mongod/mongod"
_PORT = 27017
_KEY = Path("/tmp/mongod.key")  # noqa: S108  (the container's own)
_FIRST_STEPS_SECONDS = 120
_ALREADY_A_USER = 13  # the localhost exception ends with the first user

Document = dict[str, Any]


def start(secrets: Path, data: Path, cache: str) -> None:
    """Replaces this process by mongod."""
    _write_key(secrets)
    os.execv(_PROGRAM, _command(data, cache))  # noqa: S606  (no shell is wanted)


async def prepare(secrets: Path, data: Path, host: str, cache: str) -> None:
    """Once for these data: initiate the set, create `root`, stop again. An interruption leaves nothing that hurts."""
    done = data / "initialized"
    if done.exists():
        return
    _write_key(secrets)
    child = await asyncio.create_subprocess_exec(*_command(data, cache))
    try:
        await _first_steps(child, host, (secrets / "root-password").read_text())
    finally:
        if child.returncode is None:
            child.terminate()
            await child.wait()
    done.touch()


async def _first_steps(child: asyncio.subprocess.Process, host: str, root_password: str) -> None:
    deadline = time.monotonic() + _FIRST_STEPS_SECONDS
    client: AsyncMongoClient[Document] = AsyncMongoClient(
        "127.0.0.1", _PORT, directConnection=True, serverSelectionTimeoutMS=500
    )
    try:
        while True:
            if child.returncode is not None:
                raise StackError(f"mongod ended with {child.returncode} before its first steps")
            try:
                await client.admin.command("ping")
                break
            except PyMongoError as problem:
                if time.monotonic() > deadline:
                    raise StackError(f"mongod does not answer: {problem}") from problem
        await take_first_steps(client, host, root_password)
    except OperationFailure as problem:
        if problem.code != _ALREADY_A_USER:
            raise
    finally:
        await client.close()


def _command(data: Path, cache: str) -> list[str]:
    database = data / "db"
    database.mkdir(parents=True, exist_ok=True)
    return [_PROGRAM, "--dbpath", str(database), "--port", str(_PORT), "--bind_ip_all", "--replSet", "rs0",
            "--keyFile", str(_KEY), "--auth", "--wiredTigerCacheSizeGB", cache, "--oplogSize", "256",
            "--nounixsocket", "--quiet", *TUNING]  # fmt: skip


def _write_key(secrets: Path) -> None:
    """mongod refuses a key that its group may read, which is how a mounted Secret comes."""
    _KEY.unlink(missing_ok=True)
    _KEY.touch(mode=0o600)
    with (secrets / "keyfile").open("rb") as source, _KEY.open("wb") as target:
        shutil.copyfileobj(source, target)


async def create_users(secrets: Path, host: str, wait: float) -> None:
    """The two users of every service, with the passwords that stand in their addresses."""
    root: AsyncMongoClient[Document] = AsyncMongoClient(
        f"mongodb://{host}/?replicaSet=rs0",
        username="root",
        password=(secrets / "mongod" / "root-password").read_text(),
        authSource="admin",
        serverSelectionTimeoutMS=5000,
    )
    try:
        await _until_let_in(root, time.monotonic() + wait)
        for service in SERVICES:
            folder = secrets / "mongodb" / service
            await ensure_service(root, service, _password(folder / "uri"), _password(folder / "migration-uri"))
            sys.stdout.write(f"users of itsm_{service} are there\n")
    finally:
        await root.close()


async def _until_let_in(root: AsyncMongoClient[Document], deadline: float) -> None:
    while True:
        try:
            await root.admin.command("connectionStatus")
            return await until_primary(root)
        except (PyMongoError, TimeoutError) as problem:
            if time.monotonic() > deadline:
                raise StackError(f"mongod lets nobody in: {problem}") from problem
            await asyncio.sleep(1)


def _password(file: Path) -> str:
    return unquote(urlsplit(file.read_text().strip()).password or "")
