"""The life of a process: start on any port, health, readiness, supervised background work, signals, a stop in order.

A stop goes: not ready and NOT_SERVING; `drain_seconds` in which clients notice; then stage after stage, each bounded and
all together bounded. A second signal exits at once.

Fails: a start hook that raises `Unavailable` is run again each second until it does not; one that raises anything else
undoes what was started and ends the process with 1; a stop hook that raises or hangs is logged and passed over; a process
that still does not end is ended, with its stacks on standard error.
"""

import asyncio
import faulthandler
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from enum import IntEnum
from functools import partial
from typing import Any, TypeVar

import grpc
import orjson
import uvloop
from grpc_health.v1 import health_pb2_grpc

from chassis import telemetry, tls
from chassis.errors import Unavailable
from chassis.management import Answer, ManagementServer, Route, on_loop
from chassis.settings import Settings
from chassis.supervision import Background, Check, Health, InFlight

_log = logging.getLogger(__name__)
_Settings = TypeVar("_Settings", bound=Settings)
_Hook = Callable[[], Awaitable[object]]

_HUNG_SECONDS = 10.0  # a loop that has not ticked for so long will not recover; a long collection stays below
_TICK_SECONDS = 0.5
_STAGE_SECONDS = 10.0  # of one stage; the server's own is `stop_grace_seconds`
_LAST_RESORT_SECONDS = 5.0
_WAIT_SECONDS = 1.0
_COLLECT_AFTER = (20_000, 20, 20)
_MARGIN_SECONDS = 20.0  # all stages together beside drain and grace: 50 s by default, of the 60 s a pod is given

SERVER_OPTIONS = (
    ("grpc.max_connection_age_ms", 300_000),  # so that clients resolve anew and find added replicas
    ("grpc.max_connection_age_grace_ms", 30_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.max_receive_message_length", 12 << 20),  # an import of 10 MiB with room for what protobuf adds
    ("grpc.so_reuseport", 0),  # else a second process on the same port starts, and takes half of the calls
)


class Stage(IntEnum):
    """What a stop closes, in this order."""

    EDGE = 1
    CONSUMERS = 2
    RELAY = 3
    SERVER = 4
    PRODUCER = 5
    STORE = 6
    TELEMETRY = 7


class Service:
    """One process, or one of several inside a test. Register everything, then `run()`, or `start()` and `stop()`."""

    def __init__(self, name: str, settings: Settings, *, credentials: grpc.ServerCredentials | None = None) -> None:
        self.name = name
        self.settings = settings
        self.metrics = telemetry.Metrics()
        self._credentials = credentials or _credentials(settings)
        self._servicers: list[Callable[[grpc.aio.Server], None]] = []
        self._in_flight = InFlight()
        self._interceptors: list[grpc.aio.ServerInterceptor] = [self._in_flight]
        if callers := [name.strip() for name in settings.tls_clients.split(",") if name.strip()]:
            self._interceptors.append(tls.Callers(callers))
        self._start_hooks: list[_Hook] = []
        self._stop_hooks: dict[Stage, list[_Hook]] = {stage: [] for stage in Stage}
        self._backgrounds: list[Background] = []
        self._condition: _Hook | None = None
        self._asking = asyncio.Lock()
        self._checks: list[Check] = []
        self._commands: dict[str, _Hook] = {}
        self._own_routes: dict[str, Callable[[], Awaitable[Answer]]] = {}
        self._health: Health | None = None
        self._server: grpc.aio.Server | None = None
        self._management: ManagementServer | None = None
        self._watchdog: asyncio.Task[None] | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._ticked = 0.0
        self._started = False
        self._port = 0

    def serve(self, add_to_server: Callable[[Any, grpc.aio.Server], None], servicer: Any) -> None:
        """Adds a servicer by its generated `add_…_to_server`. Without any, no gRPC server is started."""
        self._servicers.append(lambda server: add_to_server(servicer, server))

    def intercept(self, *interceptors: grpc.aio.ServerInterceptor) -> None:
        """Adds server interceptors, the outermost first. They see health checks too."""
        self._interceptors.extend(interceptors)

    def on_start(self, hook: _Hook) -> None:
        """Runs in order of registration, before the gRPC server and background work start."""
        self._start_hooks.append(hook)

    def on_stop(self, stage: Stage, hook: _Hook) -> None:
        """Runs together with the other hooks of `stage`, also after a failed start."""
        self._stop_hooks[stage].append(hook)

    def background(self, name: str, factory: _Hook, *, stage: Stage = Stage.RELAY, required: bool = False) -> None:
        """Work that runs until `stage` has stopped, then is canceled. A crash is logged and followed by a restart;
        for half a minute readiness shows it, as a failure if `required`. Returning ends the work for good."""
        work = partial(self._held, factory) if stage is Stage.CONSUMERS else factory
        self._backgrounds.append(Background(name, work, stage, required, self.metrics))

    def hold(self, condition: _Hook) -> None:
        """Background work of the stage `CONSUMERS` waits until `condition`, asked each second, raises `Unavailable` no more."""
        self._condition = condition

    async def _held(self, work: _Hook) -> None:
        async with self._asking:  # one asks for all
            if self._condition is not None:
                await _once_available(self._condition)
                self._condition = None  # what held once is not asked again
        await work()

    def check(self, name: str, probe: _Hook, required: bool = True) -> None:
        """Readiness asks `probe` at most every five seconds; raising means failed, which only a required one answers 503."""
        self._checks.append(Check(name, probe, required))

    def route(self, path: str, handler: Callable[[], Awaitable[Answer]]) -> None:
        """Serves one more path on the management port; `handler` runs on the service's loop."""
        self._own_routes[path] = handler

    def offer(self, command: str, work: _Hook) -> None:
        """A command of `python -m services.<name>`: `work` alone, without listeners, checks or background work."""
        self._commands[command] = work

    @property
    def address(self) -> str:
        """`host:port` at which this machine reaches the gRPC server, once started."""
        return _reachable(self.settings.listen, self._port)

    @property
    def management_address(self) -> str:
        """`host:port` at which this machine reaches health and metrics, once started."""
        return _reachable(self.settings.management_listen, self._management.port if self._management else 0)

    async def start(self) -> None:
        """Returns when the process serves. Raises what a hook or a taken port raises, after stopping what had started."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        self._ticked = time.monotonic()
        self._watchdog = loop.create_task(self._watch())
        routes: dict[str, Route] = {path: on_loop(loop, handler) for path, handler in self._own_routes.items()}
        routes |= {
            "/livez": self._livez,
            "/startupz": self._startupz,
            "/readyz": on_loop(loop, self._readyz),
            "/metrics": self._exposition,
        }
        management = ManagementServer(routes)
        management.start(self.settings.management_listen)
        self._management = management
        for hook in self._start_hooks:
            await _once_available(hook)
        if self._servicers:
            await self._start_server()
        for background in self._backgrounds:
            background.start()
        self._started = True
        _log.info("Service started.", extra={"address": self.address, "management": self.management_address})

    async def _start_server(self) -> None:
        age = {"grpc.max_connection_age_ms": round(self.settings.connection_age_seconds * 1000)}
        options = tuple((dict(SERVER_OPTIONS) | age).items())
        self._server = server = grpc.aio.server(interceptors=self._interceptors, options=options)
        self._health = Health()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        for add in self._servicers:
            add(server)
        host, _, port = self.settings.listen.rpartition(":")
        address = f"{host or '[::]'}:{port}"
        if self._credentials is None:
            self._port = server.add_insecure_port(address)
        else:
            self._port = server.add_secure_port(address, self._credentials)
        await server.start()

    async def stop(self) -> None:
        """Stops in order; a second call waits for the first. Never raises what a hook raises."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop())
        await asyncio.shield(self._stopping)

    async def _stop(self) -> None:
        began = time.monotonic()
        if self._health is not None:
            await self._health.enter_graceful_shutdown()
        if self._started:
            await asyncio.sleep(self.settings.drain_seconds)
        for stage in Stage:
            left = began + stop_bound(self.settings) - time.monotonic()
            if stage is Stage.SERVER and self._server is not None:
                await self._finish(stage, [self._stop_server], max(min(self.settings.stop_grace_seconds + 2, left), 0))
            await self._finish(stage, self._stop_hooks[stage], max(min(_STAGE_SECONDS, left), 0))
            working = [background for background in self._backgrounds if background.stage is stage]
            await self._finish(stage, [background.stop for background in working], 1)
        if self._watchdog is not None:
            self._watchdog.cancel()
        if self._management is not None:
            self._management.stop()
        _log.info("Service stopped.", extra={"seconds": round(time.monotonic() - began, 3)})

    async def _stop_server(self) -> None:
        if self._server is None or self._health is None:
            return
        self._health.end_watches()  # a client watches for as long as it is connected: the grace would pass in full
        await self._server.stop(self.settings.stop_grace_seconds)
        await self._in_flight.wait(1)  # grpc/grpc#37239: stop returns before the calls it aborted have cleaned up

    async def _finish(self, stage: Stage, hooks: Iterable[_Hook], seconds: float) -> None:
        async def call(hook: _Hook) -> None:
            await hook()

        running = {asyncio.create_task(call(hook)) for hook in hooks}
        if not running:
            return
        done, late = await asyncio.wait(running, timeout=seconds)
        for task in late:
            task.cancel()
            _log.error("Stop hook took too long.", extra={"stage": stage.name, "seconds": seconds})
        for task in done:
            if not task.cancelled() and (error := task.exception()):
                _log.error("Stop hook failed.", extra={"stage": stage.name}, exc_info=error)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            now = time.monotonic()
            self.metrics.event_loop_lag.set(max(0.0, now - self._ticked - _TICK_SECONDS))
            self._ticked = now

    async def _livez(self, _accept: str) -> Answer:
        age = time.monotonic() - self._ticked
        alive = age < _HUNG_SECONDS
        return _json({"status": "alive" if alive else "hung", "tickAge": f"{age:.3f}s"}, 200 if alive else 503)

    async def _startupz(self, _accept: str) -> Answer:
        return _json({"status": "started" if self._started else "starting"}, 200 if self._started else 503)

    async def _exposition(self, accept: str) -> Answer:
        body, content_type = self.metrics.render(accept)
        return Answer(body, content_type=content_type)

    async def _readyz(self) -> Answer:
        if not self._started:
            # A check asked too early would be remembered as failed for as long as its answer is kept.
            return _json({"status": "starting", "checks": {}}, 503)
        parts: list[Check | Background] = [*self._checks, *self._backgrounds]
        reports = await asyncio.gather(*(part.report() for part in parts))
        failed = [report for report in reports if report["state"] == "failed"]
        if self._stopping is not None:
            status = "draining"
        elif any(report["required"] for report in failed):
            status = "unready"
        else:
            status = "degraded" if failed else "ready"
        checks = {report.pop("name"): report for report in reports}
        return _json({"status": status, "checks": checks}, 200 if status in ("ready", "degraded") else 503)

    def execute(self, command: str) -> None:
        """Runs an offered command to its end. Raises what it raises, `SystemExit(2)` when nobody offers it."""
        work = self._commands.get(command)
        if work is None:
            known = ", ".join(sorted(self._commands)) or "none"
            sys.stderr.write(f"{self.name} knows no command {command}; it knows: {known}\n")
            raise SystemExit(2)

        async def whole() -> None:
            await work()

        uvloop.run(whole())

    def run(self) -> None:
        """Runs until SIGTERM or SIGINT. Raises `SystemExit(1)` when the start fails."""
        if not uvloop.run(self._main()):
            raise SystemExit(1)

    async def _main(self) -> bool:
        self.on_stop(Stage.TELEMETRY, telemetry.shutdown)
        asked = asyncio.Event()

        def on_signal(number: int) -> None:
            if asked.is_set():
                os._exit(128 + number)
            _log.info("Stop requested.", extra={"signal": signal.Signals(number).name})
            # The last resort against what no task can bound: a thread or an extension that never returns.
            faulthandler.dump_traceback_later(stop_bound(self.settings) + _LAST_RESORT_SECONDS, exit=True)
            asked.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, on_signal, number)
        starting = asyncio.create_task(self.start())
        waiting = asyncio.create_task(asked.wait())
        await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
        starting.cancel()  # without effect on a start that is through
        try:
            await starting
        except asyncio.CancelledError:
            return True
        except Exception:  # whatever it was, it is the reason for the exit code
            _log.exception("Start failed.")
            return False
        calm_collector()
        await waiting
        await self.stop()
        return True


def calm_collector() -> None:
    """Has the cyclic collector pass over what a start made, and look less often: by default it looks after every 700
    objects, several times for a page of records, and finds nothing."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


def stop_bound(settings: Settings) -> float:
    """Seconds after which a stop is over, whatever its hooks do."""
    return settings.drain_seconds + settings.stop_grace_seconds + _MARGIN_SECONDS


def launch(name: str, settings: _Settings, build: Callable[[_Settings], Service], arguments: Sequence[str] = ()) -> None:
    """What `python -m services.<name> [command]` does: log lines and spans first, so that `build` already has them, then
    `run()`, or `execute(command)`."""
    telemetry.configure(name, settings)
    service = build(settings)
    if arguments:
        service.execute(" ".join(arguments))
    else:
        service.run()


async def _once_available(hook: _Hook) -> None:
    """What a process stands on may come up later than itself; `/startupz` says that it is still waiting."""
    told = False
    while True:
        try:
            await hook()
        except Unavailable as error:
            if not told:
                _log.warning("Start waits.", extra={"problem": str(error)})
            told = True
            await asyncio.sleep(_WAIT_SECONDS)
        else:
            return


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[Service]:
    """The service, started for the block and stopped after it."""
    await service.start()
    try:
        yield service
    finally:
        await service.stop()


def _credentials(settings: Settings) -> grpc.ServerCredentials | None:
    if settings.tls_folder is None:
        return None
    return tls.server_credentials(settings.tls_folder, require_clients=settings.tls_require_clients)


def _reachable(listen: str, port: int) -> str:
    host = listen.rpartition(":")[0]
    return f"{'127.0.0.1' if host in ('', '0.0.0.0', '[::]') else host}:{port}"  # noqa: S104 - read, not bound


def _json(body: dict[str, Any], status: int) -> Answer:
    return Answer(orjson.dumps(body), status)
