"""Starts the backing side by side, then our processes; tells when one dies; stops all in reverse order.

`running` is the entry for tests, `python -m stack up` the one for people. A start that fails stops what it has started
and raises `StackError`.
"""

import asyncio
import contextlib
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Any

from chassis.peers import SERVICES
from stack import lock
from stack.console import Console
from stack.credentials import Credentials
from stack.demo import Demo, Place
from stack.endpoint import NAME as AGENT
from stack.endpoint import EndpointAgent
from stack.errors import ProcessDied, StackError, first_cause
from stack.fetch import Programs, fetch, run
from stack.kafka import Kafka
from stack.keycloak import BOOTSTRAP_ADMIN, Keycloak
from stack.mongo import Mongo
from stack.options import ROOT, Layout, Options
from stack.ports import Ports
from stack.process import Process, Spec
from stack.selfwatch import Probe, SelfWatch
from stack.services import FRONT, Services, installed

MakeReady = Callable[[Process], Awaitable[None]]


class Stack:
    """A stack in one state folder. Do not build it yourself: `async with running(options) as stack`."""

    def __init__(self, options: Options, console: Console) -> None:
        self.options = options
        self.layout = Layout(options.state)
        self._console = console
        self._ports = Ports(self.layout.ports)
        credentials = Credentials(self.layout.secrets)
        self.mongo = Mongo(self.layout, self._ports.get("mongo"), credentials)
        self.kafka = Kafka(
            self.layout, self._ports.get("kafka"), self._ports.get("kafka-controller"), credentials, light=options.light
        )
        self.keycloak = Keycloak(
            self.layout, self._ports.get("keycloak"), self._ports.get("keycloak-management"), credentials, light=options.light
        )
        self.services = Services(options, self._ports, credentials, self.mongo, self.kafka, self.keycloak)
        self.agent = EndpointAgent(options, self.services, console)
        self.demo = Demo(self.layout, console)
        self._credentials = credentials
        self._processes: dict[str, tuple[Process, MakeReady]] = {}
        self.deaths: list[str] = []

    async def start(self) -> None:
        """Bring everything up; returns when all of it is ready."""
        programs = await fetch(self.options.cache, self._console)
        await self._together(
            self._run(self.mongo.spec(programs.mongod), self.mongo.make_ready),
            self._run_kafka(programs),
            self._run(self.keycloak.spec(programs.keycloak_home), self.keycloak.make_ready),
        )
        self.services.write_provision_file()
        if not self.options.only_backing:
            await self._provision()
            names = installed()
            # All others wait for the first policy of the auth service; started later, they have less to complain about.
            for wave in ([name for name in names if name == "auth"], [name for name in names if name != "auth"]):
                await self._together(*(self._run(self.services.spec(name), self.services.make_ready) for name in wave))
            if "gateway" in names:
                await self._run_more_gateways()
            if self.options.agent and await self.agent.prepare():
                await self._run(self.agent.spec(), self.agent.make_ready)
            if self.options.self_watch:
                await self.watch()
        if self.deaths:
            raise ProcessDied(f"{', '.join(self.deaths)} died during the start")

    async def stop(self) -> None:
        """Stop the agent, then our services together, then the backing; nothing is left running."""
        started = list(self._processes)
        services = [name for name in started if name in self._ours]
        backing = [name for name in started if name not in self._ours and name != AGENT]
        try:
            for names in ([name for name in started if name == AGENT], services, backing):
                await asyncio.gather(*(self._processes[name][0].stop() for name in names))
        finally:
            await asyncio.to_thread(lock.end_leftovers, self.layout.state, self._console)

    async def watch(self) -> None:
        """Make the platform watch its own processes; raises `StackError`. What is there already stays as it is."""
        tokens, services = self.services.tokens(), self.services
        watch = SelfWatch(services.gateway_url, keeper=tokens["asset-manager"], watcher=tokens["monitor-manager"])
        probes = {
            "mongo": Probe("TCP", self.mongo.address.removeprefix("mongodb://").partition("/")[0]),
            "kafka": Probe("TCP", self.kafka.bootstrap),
            "keycloak": Probe("HTTP", f"{self.keycloak.url}/realms/itsm"),
            **{name: Probe("HTTP", f"http://{services.management(name)}/readyz") for name in installed()},
        }
        await watch.begin(probes, machine_id=self.agent.asset_id)
        self._console.say("the platform watches itself")

    def process(self, name: str) -> Process:
        """One of the processes, to look at or to kill; raises `KeyError` for an unknown name."""
        return self._processes[name][0]

    async def restart(self, name: str) -> None:
        """Start a process again, after stopping it if it still runs, and wait until it is ready."""
        process, make_ready = self._processes[name]
        await process.stop()
        await self._run(process.spec, make_ready)

    def place_demo(self) -> None:
        """Keeps where a demonstration would be made, which may be asked for at any time."""
        self.demo.prepare(Place.of(self.services, self._credentials))

    def describe(self) -> dict[str, Any]:
        """Addresses and sign-ins, as printed by `up --json`; what is not started is `None`."""
        started = set(self._processes)
        tokens = self.services.tokens()
        users = {name: {**user, "token": tokens.get(name)} for name, user in self.services.users.items()}
        names = [name for name in self._ours if name in started and name != FRONT]
        return {
            "gateway": self.services.gateway_url if "gateway" in started else None,
            "ingest": self.services.ingest_url if "monitor" in started else None,
            "otlp_grpc": self.services.otlp_target if "monitor" in started else None,
            "smtp": self.services.smtp_target if "gateway" in started else None,
            "mail": self.services.mail_target("gateway") if "gateway" in started else None,
            "keycloak": self.keycloak.url,
            "mongo": self.mongo.address,
            "kafka": self.kafka.bootstrap,
            "users": {} if self.options.only_backing else users,
            "processes": {name: process.pid for name, (process, _) in self._processes.items()},
            "services": {
                name: {"target": self.services.target(name), "management": f"http://{self.services.management(name)}"}
                | ({"rpc": self.services.rpc_target(name)} if name in self.services.gateways else {})
                for name in names
            },
            "backing": self._describe_backing(),
        }

    def _describe_backing(self) -> dict[str, Any]:
        return {
            "state": str(self.layout.state),
            "mongo": {
                "root_uri": self.mongo.root_uri,
                "uris": {name: self.mongo.uri(name) for name in SERVICES},
                "migration_uris": {name: self.mongo.migration_uri(name) for name in SERVICES},
            },
            "kafka": {
                "bootstrap": self.kafka.bootstrap,
                "mechanism": "SCRAM-SHA-256",
                "users": {user: self.kafka.password(user) for user in self.kafka.users},
            },
            "keycloak": {
                "url": self.keycloak.url,
                "issuer": self.keycloak.issuer,
                "admin": {"username": BOOTSTRAP_ADMIN, "password": self.keycloak.admin_password},
                "provision": self.services.provision_environment(),
            },
            "service_environment": {name: self.services.environment(name) for name in SERVICES},
            "clock_file": str(self.layout.clock),
        }

    async def _run(self, spec: Spec, make_ready: MakeReady) -> None:
        process = Process(spec, self._console, self._report_death)
        self._processes[spec.name] = (process, make_ready)
        await process.start()
        await make_ready(process)
        self._console.say(f"{spec.name} is ready")

    @property
    def _ours(self) -> tuple[str, ...]:
        """Our own processes, the balancer first: nobody is sent to who is about to leave."""
        return (FRONT, *dict.fromkeys((*SERVICES, *self.services.gateways)))

    async def _run_more_gateways(self) -> None:
        """Those beside the first, and the balancer before them all."""
        if more := self.services.gateways[1:]:
            await self._together(*(self._run(self.services.spec(name), self.services.make_ready) for name in more))
            await self._run(self.services.front(), self.services.make_front_ready)

    async def _run_kafka(self, programs: Programs) -> None:
        await self._run(await self.kafka.spec(programs.kafka_libs), self.kafka.make_ready)

    async def _together(self, *starts: Coroutine[Any, Any, None]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for start in starts:
                    group.create_task(start)
        except BaseExceptionGroup as failures:
            raise first_cause(failures) from failures

    async def _provision(self) -> None:
        """Let the auth service bring clients, roles and users of the realm up to date, and issue the users' tokens."""
        if not (ROOT / "services" / "auth" / "__main__.py").exists():
            return
        self._console.say("provisioning the realm")
        settings = self.services.environment("auth") | self.services.provision_environment()
        await run("provisioning the realm", sys.executable, "-m", "services.auth", "provision", environment=settings)

    def _report_death(self, process: Process) -> None:
        self.deaths.append(process.name)
        self._console.say(process.obituary())


@contextlib.asynccontextmanager
async def running(options: Options, console: Console | None = None) -> AsyncIterator[Stack]:
    """A started stack for the time of the block. Raises `StackError` when it cannot be started."""
    console = console or Console()
    options = replace(options, state=options.state.resolve(), cache=options.cache.resolve())
    layout = Layout(options.state)
    with lock.held(layout.lock):
        await asyncio.to_thread(lock.end_leftovers, options.state, console)
        if options.fresh:
            _delete_data(layout)
        stack = Stack(options, console)
        try:
            await stack.start()
            yield stack
        finally:
            await stack.stop()


def _delete_data(layout: Layout) -> None:
    for path in layout.data():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


__all__ = ["Options", "Stack", "StackError", "running"]
