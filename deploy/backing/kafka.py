"""Kafka in a container: settings, the data folder formatted with all users, the broker; and the Job that grants rights.

Fails with `StackError` when the data cannot be formatted, when a right is refused, or when nobody lets the administrator in.
"""

import asyncio
import logging
import os
import shutil
import sys
import time
from pathlib import Path

from aiokafka.errors import KafkaError

from chassis.peers import SERVICES
from stack.errors import StackError
from stack.files import write_atomically
from stack.kafka import LOGGING, format_data, grant, java_command, server_properties, signed_in

_LIBS = Path("/opt/kafka/libs")
_PORT, _CONTROLLER_PORT = 9092, 9093
_RUN = Path("/tmp/kafka")  # noqa: S108  (the container's own)


def start(secrets: Path, data: Path, host: str, heap: str) -> None:
    """Replaces this process by the broker, after formatting the data folder if it is new."""
    own = secrets / "kafka"
    log = data / "log"
    properties, logging_file = _RUN / "server.properties", _RUN / "log4j2.yaml"
    broker, controller = _read(own, "broker-password"), _read(own, "controller-password")
    settings = server_properties(_PORT, _CONTROLLER_PORT, log, broker, controller, listen="", host=host)
    write_atomically(properties, settings, mode=0o600)
    write_atomically(logging_file, LOGGING)
    java = java_command(_LIBS, logging_file, f"-Xmx{heap}", "-XX:TieredStopAtLevel=1")
    done = data / "formatted"
    if not done.exists():
        shutil.rmtree(log, ignore_errors=True)  # of a format that was interrupted
        users = _users(secrets)
        asyncio.run(format_data(java, properties, users))
        write_atomically(done, "\n".join(users))
    os.execvp(java[0], [*java, "kafka.Kafka", str(properties)])  # noqa: S606  (no shell is wanted)


def _users(secrets: Path) -> dict[str, str]:
    """Everybody who may sign in, with the passwords."""
    users = {"broker": _read(secrets / "kafka", "broker-password")}
    for name in ("admin", *SERVICES, "reader"):
        folder = secrets / "users" / name
        users[_read(folder, "username")] = _read(folder, "password")
    return users


async def grant_rights(secrets: Path, bootstrap: str, wait: float) -> None:
    """All rights of all services; topics are made by others, who know how many replicas there shall be."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # a refusal while the broker still starts is expected
    deadline = time.monotonic() + wait
    while True:
        try:
            async with signed_in(bootstrap, _read(secrets / "users" / "admin", "password")) as admin:
                await grant(admin)
            break
        except KafkaError as problem:
            if time.monotonic() > deadline:
                raise StackError(f"Kafka lets nobody in: {problem}") from problem
            await asyncio.sleep(1)
    sys.stdout.write("services and readers have their rights\n")


def _read(folder: Path, name: str) -> str:
    return (folder / name).read_text().strip()
