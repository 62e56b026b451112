"""Kafka as one broker that is its own controller, with a user per service and rights to exactly what that service needs.

One more user is for systems beside the platform: it reads the public topics and nothing else (docs/how-to/consume-events.md).

Fails with `ProcessDied` when the broker does not come up, and with `StackError` when it refuses a topic or a right.
"""

import asyncio
import contextlib
import logging
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import CreateAclsRequest

from chassis.events import AUDIT_TOPIC
from chassis.events.topics import dead_topic, make, public_topic, wanted
from chassis.peers import SERVICES
from stack.credentials import Credentials
from stack.errors import StackError
from stack.fetch import run
from stack.files import write_atomically
from stack.options import Layout
from stack.process import Process, Spec

_TOPIC, _GROUP = 2, 3
_LITERAL, _PREFIXED = 3, 4
_READ, _WRITE = 3, 4
_ALLOW = 3

READER = "itsm_reader"
READER_GROUPS = "reader."
"""What the names of that user's consumer groups begin with."""

AclRow = tuple[int, str, int, str, str, int, int]

LOGGING = """Configuration:
  status: WARN
  Appenders:
    Console: {name: STDOUT, target: SYSTEM_OUT, PatternLayout: {pattern: "%d{yyyy-MM-dd'T'HH:mm:ss.SSSX} %-5p %c{1} %m%n"}}
  Loggers:
    Root: {level: WARN, AppenderRef: [{ref: STDOUT}]}
    Logger: [{name: kafka.server.KafkaRaftServer, level: INFO}, {name: kafka.authorizer.logger, level: INFO}]
"""


def acl_rows(service: str) -> list[AclRow]:
    """The rights of one service; a prefix over all topics is never among them, it would open the audit topic."""

    def allow(kind: int, name: str, pattern: int, operation: int) -> AclRow:
        return (kind, name, pattern, f"User:itsm_{service}", "*", operation, _ALLOW)

    rows = [
        allow(_TOPIC, public_topic(service), _LITERAL, _WRITE),
        allow(_TOPIC, AUDIT_TOPIC, _LITERAL, _WRITE),
        allow(_TOPIC, dead_topic(service), _LITERAL, _READ),
        allow(_TOPIC, dead_topic(service), _LITERAL, _WRITE),
        allow(_GROUP, f"itsm.{service}.", _PREFIXED, _READ),
    ]
    rows += [allow(_TOPIC, public_topic(other), _LITERAL, _READ) for other in SERVICES]
    if service == "auth":
        rows.append(allow(_TOPIC, AUDIT_TOPIC, _LITERAL, _READ))
    return rows


def reader_rows() -> list[AclRow]:
    """The rights of systems beside the platform: they read what is public, each topic by its name."""
    user = f"User:{READER}"
    rows: list[AclRow] = [(_TOPIC, public_topic(service), _LITERAL, user, "*", _READ, _ALLOW) for service in SERVICES]
    return [*rows, (_GROUP, READER_GROUPS, _PREFIXED, user, "*", _READ, _ALLOW)]


def server_properties(
    port: int, controller_port: int, data: Path, broker: str, controller: str, *, listen: str = "127.0.0.1", host: str = ""
) -> str:
    """The settings file; it holds two passwords.

    `listen` is the address at which clients are served, all of them when empty; `host` the name that clients are told to
    use, the same when empty.
    Clients sign in with SCRAM, whose credentials `format` seeds, so that the first start is already closed. The
    controller's listener uses PLAIN, because SCRAM credentials live in the log that a controller has yet to load.
    """
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule"
    plain = "org.apache.kafka.common.security.plain.PlainLoginModule"
    return f"""process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
listeners=CLIENTS://{listen}:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=CLIENTS://{host or listen}:{port}
listener.security.protocol.map=CLIENTS:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT
inter.broker.listener.name=CLIENTS
sasl.enabled.mechanisms=SCRAM-SHA-256
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-256
sasl.mechanism.controller.protocol=PLAIN
listener.name.controller.sasl.enabled.mechanisms=PLAIN
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:broker;User:controller;User:admin
allow.everyone.if.no.acl.found=false
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=2000
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=8388608
log.segment.bytes=67108864
metadata.log.segment.bytes=8388608
message.max.bytes=1048576
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
listener.name.clients.scram-sha-256.sasl.jaas.config={scram} required username="broker" password="{broker}";
listener.name.controller.plain.sasl.jaas.config={plain} required username="controller" password="{controller}" user_controller="{controller}";
"""  # noqa: E501


def java_command(libs: Path, logging_file: Path, *options: str) -> tuple[str, ...]:
    """How a program among Kafka's jars is started, but for its name; java itself expands the star."""
    return ("java", *options, "-XX:+UseSerialGC", f"-Dlog4j2.configurationFile={logging_file}", "-cp", f"{libs}/*")


async def format_data(java: tuple[str, ...], properties: Path, passwords: Mapping[str, str]) -> None:
    """Name the cluster and seed every user; only once, since a running broker takes no new users from aiokafka."""
    output = await run("kafka.tools.StorageTool", *java, "kafka.tools.StorageTool", "random-uuid")
    cluster = re.findall(r"^[\w-]{22}$", output, re.MULTILINE)[-1]
    scram = []
    for user, password in passwords.items():
        scram += ["--add-scram", f"SCRAM-SHA-256=[name={user},password={password}]"]
    await run("kafka.tools.StorageTool", *java, "kafka.tools.StorageTool", "format", "-t", cluster,
              "-c", str(properties), *scram)  # fmt: skip


class Kafka:
    """The one broker of the stack."""

    def __init__(
        self, layout: Layout, port: int, controller_port: int, credentials: Credentials, *, light: bool = False
    ) -> None:
        self._layout = layout
        self.port = port
        self._controller_port = controller_port
        self._credentials = credentials
        self._light = light

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    def password(self, user: str) -> str:
        """The password of `admin`, `broker`, `controller`, of a service's user `itsm_<service>`, or of `itsm_reader`."""
        return self._credentials.get(f"kafka/{user}")

    @property
    def users(self) -> tuple[str, ...]:
        """Those who may sign in as clients."""
        return ("admin", *(f"itsm_{service}" for service in SERVICES), READER)

    async def spec(self, libs: Path) -> Spec:
        """The command, after the settings are written and the data folder is formatted."""
        home = self._layout.kafka
        data = home / "data"
        settings = server_properties(
            self.port, self._controller_port, data, self.password("broker"), self.password("controller")
        )
        properties, logging_file = home / "server.properties", home / "log4j2.yaml"
        write_atomically(properties, settings, mode=0o600)
        write_atomically(logging_file, LOGGING)
        options = ("-Xmx256m", "-XX:TieredStopAtLevel=1") if self._light else ("-Xmx384m",)
        java = java_command(libs, logging_file, *options)
        await self._format_once(java, properties, data)
        return Spec(
            name="kafka",
            argv=(*java, "kafka.Kafka", str(properties)),
            ports=(self.port, self._controller_port),
            state=self._layout.state,
            log=self._layout.logs / "kafka.log",
            cwd=home,
        )

    async def _format_once(self, java: tuple[str, ...], properties: Path, data: Path) -> None:
        formatted = self._layout.kafka / "formatted"
        if formatted.exists():
            if unknown := set(self.users) - set(formatted.read_text().split()):
                raise StackError(f"this Kafka data knows no user {', '.join(sorted(unknown))}; start with --fresh")
            return
        shutil.rmtree(data, ignore_errors=True)  # of a format that was interrupted
        await format_data(java, properties, {user: self.password(user) for user in ("broker", *self.users)})
        write_atomically(formatted, "\n".join(self.users))

    async def make_ready(self, process: Process) -> None:
        """Wait until the admin can sign in, then create missing topics and grant all rights."""
        await process.wait_ready(self._listens)
        await process.wait_ready(self._admin_signs_in)
        async with self._admin() as admin:
            await _create_topics(admin)
            await grant(admin)

    async def _listens(self) -> bool:
        """A plain look at the port first: the client library logs each refused connection as an error."""
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True

    async def _admin_signs_in(self) -> bool:
        log = logging.getLogger("aiokafka")
        level = log.level
        log.setLevel(logging.CRITICAL)  # a refusal while the broker still starts is expected
        try:
            async with self._admin() as admin:
                await admin.list_topics()
        except KafkaError:
            return False
        finally:
            log.setLevel(level)
        return True

    @contextlib.asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        async with signed_in(self.bootstrap, self.password("admin")) as admin:
            yield admin


@contextlib.asynccontextmanager
async def signed_in(bootstrap: str, password: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """The administrator's client, for the time of the block; raises `KafkaError` when it is refused or nobody is there."""
    admin = AIOKafkaAdminClient(
        bootstrap_servers=bootstrap,
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="SCRAM-SHA-256",
        sasl_plain_username="admin",
        sasl_plain_password=password,
    )
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


class _Acls(CreateAclsRequest):  # type: ignore[misc]  # the library has no types
    """Many rows in one request; the library's own class takes a single one."""

    def __init__(self, rows: list[AclRow]) -> None:
        self._rows = rows

    def build(self, request_struct_class: Any) -> Any:
        return request_struct_class(self._rows)


async def _create_topics(admin: AIOKafkaAdminClient) -> None:
    if refused := (await make(admin, wanted()))[1]:
        raise StackError(f"Kafka refuses topics: {', '.join(refused)}")


async def grant(admin: AIOKafkaAdminClient) -> None:
    """Give every service its rights, and readers theirs; a right that is there already stays as it is."""
    rows = [row for service in SERVICES for row in acl_rows(service)] + reader_rows()
    answer = await admin._send_request(_Acls(rows))  # noqa: SLF001  (the client has no call for rights)
    for row, outcome in zip(rows, answer.creation_responses, strict=True):
        if outcome[0] != 0:
            raise StackError(f"Kafka refuses the right {row}: {outcome}")
