import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from chassis.management import Answer, on_loop
from chassis.service import SERVER_OPTIONS, Service, Stage, running, stop_bound
from chassis.settings import Settings


def a_service(name: str = "sample", **settings: object) -> Service:
    return Service(name, Settings(**{"drain_seconds": 0, "stop_grace_seconds": 2, "otlp_endpoint": "", **settings}))


class Echo:
    """A servicer written by hand, so that this test needs no proto: it answers after `seconds`, and tells of its end."""

    def __init__(self, seconds: float = 0) -> None:
        self.seconds = seconds
        self.entered = asyncio.Event()
        self.cleaned_up = False

    async def call(self, request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        self.entered.set()
        try:
            await asyncio.sleep(self.seconds)
            return request
        finally:
            await asyncio.sleep(0.05)
            self.cleaned_up = True


def add_echo(servicer: Echo, server: grpc.aio.Server) -> None:
    handler = grpc.unary_unary_rpc_method_handler(servicer.call)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", {"Call": handler}),))


async def get(service: Service, path: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.get(f"http://{service.management_address}{path}", headers=headers)


async def raw(service: Service, request: bytes, *, half_close: bool = False) -> bytes:
    host, port = service.management_address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    with suppress(ConnectionError):
        writer.write(request)
        if half_close:
            writer.write_eof()
        await writer.drain()
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer


async def test_a_service_answers_rpcs_and_probes_on_the_free_ports_it_found() -> None:
    service = a_service()
    service.serve(add_echo, Echo())
    async with running(service), grpc.aio.insecure_channel(service.address) as channel:
        assert await channel.unary_unary("/test.Echo/Call")(b"hello", timeout=5) == b"hello"
        for path in ("/livez", "/readyz", "/startupz"):
            assert (await get(service, path)).status_code == 200


async def test_a_service_without_servicers_starts_no_rpc_server() -> None:
    async with running(a_service()) as service:
        assert service.address.endswith(":0")
        assert (await get(service, "/readyz")).json() == {"status": "ready", "checks": {}}


async def test_a_failed_required_check_makes_it_unready_and_an_optional_one_degraded() -> None:
    service = a_service()
    broken = {"mongo": False, "kafka": True}

    async def probe(name: str) -> None:
        if broken[name]:
            raise ConnectionRefusedError("secret-host:1234")

    service.check("mongo", lambda: probe("mongo"))
    service.check("kafka", lambda: probe("kafka"), required=False)
    async with running(service):
        answer = await get(service, "/readyz")
        assert answer.status_code == 200
        assert answer.json()["status"] == "degraded"
        assert answer.json()["checks"]["kafka"] == {
            "state": "failed",
            "required": False,
            "error": "ConnectionRefusedError",
        }
        assert "secret-host" not in answer.text

    service = a_service()
    broken["mongo"] = True
    service.check("mongo", lambda: probe("mongo"))
    async with running(service):
        answer = await get(service, "/readyz")
        assert (answer.status_code, answer.json()["status"]) == (503, "unready")
        assert (await get(service, "/livez")).status_code == 200


async def test_a_check_is_asked_once_in_five_seconds_however_many_ask() -> None:
    service = a_service()
    asked = 0

    async def probe() -> None:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.05)

    service.check("mongo", probe)
    async with running(service):
        await asyncio.gather(*(get(service, "/readyz") for _ in range(10)))
    assert asked == 1


async def test_a_check_that_hangs_counts_as_failed_while_the_probe_still_gets_its_answer() -> None:
    service = a_service()
    service.check("mongo", lambda: asyncio.sleep(3600))
    async with running(service):
        answer = await get(service, "/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["mongo"]["error"] == "TimeoutError"


async def test_a_check_or_work_that_is_canceled_from_within_counts_as_failed() -> None:
    service = a_service()
    runs: list[int] = []

    async def canceled() -> None:
        runs.append(1)
        broken = asyncio.get_running_loop().create_future()
        broken.cancel()
        await broken

    service.check("mongo", canceled)
    service.background("sweeper", canceled)
    async with running(service):
        await asyncio.sleep(0.5)
        for _ in range(2):
            checks = (await get(service, "/readyz")).json()["checks"]
            assert {name: check["error"] for name, check in checks.items()} == {
                "mongo": "CancelledError",
                "sweeper": "CancelledError",
            }
    assert len(runs) > 2


async def test_a_check_that_recovers_makes_the_service_ready_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.supervision._CACHED_SECONDS", 0)
    service = a_service()
    errors: list[Exception] = [ConnectionRefusedError()]

    async def probe() -> None:
        if errors:
            raise errors.pop()

    service.check("mongo", probe)
    async with running(service):
        assert (await get(service, "/readyz")).status_code == 503
        assert (await get(service, "/readyz")).json()["status"] == "ready"


async def test_crashed_background_work_starts_again_and_shows_in_readiness() -> None:
    service = a_service()
    runs = 0
    again = asyncio.Event()

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise ValueError("broken")
        again.set()
        await asyncio.sleep(3600)

    service.background("sweeper", work)
    async with running(service):
        await asyncio.wait_for(again.wait(), 5)
        answer = await get(service, "/readyz")
        assert answer.json()["checks"]["sweeper"]["error"] == "ValueError"
        assert answer.json()["status"] == "degraded"
        assert 'itsm_background_restarts_total{task="sweeper"} 1.0' in (await get(service, "/metrics")).text


async def test_background_work_that_returns_is_not_started_again() -> None:
    service = a_service()
    runs: list[int] = []

    async def work() -> None:
        runs.append(1)

    service.background("once", work)
    async with running(service):
        await asyncio.sleep(0.5)
    assert runs == [1]


async def test_the_stages_of_a_stop_come_in_order_and_a_failing_or_hanging_hook_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chassis.service._STAGE_SECONDS", 0.2)
    service = a_service()
    order: list[str] = []

    def hook(stage: Stage) -> None:
        async def run() -> None:
            order.append(stage.name)
            if stage is Stage.CONSUMERS:
                raise RuntimeError("broken")
            if stage is Stage.PRODUCER:
                await asyncio.sleep(3600)

        service.on_stop(stage, run)

    for stage in reversed(Stage):
        hook(stage)
    async with running(service):
        pass
    assert order == [stage.name for stage in Stage]


async def test_background_work_ends_in_its_stage() -> None:
    service = a_service()
    order: list[str] = []

    async def work(name: str) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            order.append(name)

    async def relay_stops() -> None:
        order.append("relay hook")

    service.background("relay", lambda: work("relay"))
    service.background("consumer", lambda: work("consumer"), stage=Stage.CONSUMERS)
    service.on_stop(Stage.RELAY, relay_stops)
    async with running(service):
        await asyncio.sleep(0)
    assert order == ["consumer", "relay hook", "relay"]


async def test_while_it_drains_it_is_unready_and_not_serving_and_still_answers() -> None:
    service = a_service(drain_seconds=1)
    service.serve(add_echo, Echo())
    await service.start()
    async with grpc.aio.insecure_channel(service.address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        assert (await health.Check(health_pb2.HealthCheckRequest())).status == health_pb2.HealthCheckResponse.SERVING
        stopping = asyncio.create_task(service.stop())
        await asyncio.sleep(0.1)
        assert (await health.Check(health_pb2.HealthCheckRequest())).status == health_pb2.HealthCheckResponse.NOT_SERVING
        answer = await get(service, "/readyz")
        assert (answer.status_code, answer.json()["status"]) == (503, "draining")
        assert await channel.unary_unary("/test.Echo/Call")(b"late", timeout=5) == b"late"
        await stopping


async def test_a_running_call_finishes_and_a_health_watch_does_not_delay_the_stop() -> None:
    service = a_service(stop_grace_seconds=5)
    echo = Echo(0.4)
    service.serve(add_echo, echo)
    await service.start()
    async with grpc.aio.insecure_channel(service.address) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        call = channel.unary_unary("/test.Echo/Call")(b"hello", timeout=5)
        await echo.entered.wait()
        began = time.monotonic()
        await service.stop()
        assert time.monotonic() - began < 2
        assert await call == b"hello"
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert await watch.read() is grpc.aio.EOF


async def test_a_call_beyond_the_grace_is_aborted_and_its_clean_up_awaited() -> None:
    service = a_service(stop_grace_seconds=0.2)
    echo = Echo(3600)
    service.serve(add_echo, echo)
    await service.start()
    async with grpc.aio.insecure_channel(service.address) as channel:
        call = channel.unary_unary("/test.Echo/Call")(b"hello", timeout=20)
        await asyncio.wait_for(echo.entered.wait(), 5)
        await service.stop()
        assert echo.cleaned_up
        with pytest.raises(grpc.aio.AioRpcError):
            await call


async def test_a_failing_start_undoes_what_was_started() -> None:
    service = a_service()
    undone: list[str] = []

    async def broken() -> None:
        raise RuntimeError("no database")

    async def close() -> None:
        undone.append("store")

    service.on_start(broken)
    service.on_stop(Stage.STORE, close)
    with pytest.raises(RuntimeError, match="no database"):
        await service.start()
    assert undone == ["store"]
    with pytest.raises(httpx.ConnectError):
        await get(service, "/livez")


async def test_a_taken_port_fails_the_start() -> None:
    async with running(a_service()) as first:
        with pytest.raises(OSError, match="in use"):
            await a_service(management_listen=first.management_address).start()
    service = a_service()
    service.serve(add_echo, Echo())
    async with running(service):
        second = a_service(listen=service.address)
        second.serve(add_echo, Echo())
        with pytest.raises(RuntimeError):
            await second.start()


async def test_the_server_has_the_options_that_clients_of_a_growing_service_need() -> None:
    options = dict(SERVER_OPTIONS)
    assert options["grpc.max_connection_age_ms"] == 300_000
    assert options["grpc.http2.min_recv_ping_interval_without_data_ms"] < 30_000  # the clients' keepalive
    assert options["grpc.max_receive_message_length"] == 4 * 1024 * 1024


async def test_a_message_above_four_mebibytes_is_refused() -> None:
    service = a_service()
    service.serve(add_echo, Echo())
    async with running(service), grpc.aio.insecure_channel(service.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await channel.unary_unary("/test.Echo/Call")(b"x" * (4 * 1024 * 1024 + 1), timeout=5)
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def python(source: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", source, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # noqa: S603 - ours


PROBE = """
import sys, time, urllib.error, urllib.request
time.sleep(1)
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=5).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""


async def test_livez_reports_a_hanging_loop_while_it_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.service._HUNG_SECONDS", 0.7)
    async with running(a_service()) as service:
        probe = python(PROBE, f"http://{service.management_address}/livez")
        time.sleep(2.5)  # noqa: ASYNC251 - to hang the loop is the point
        assert probe.communicate(timeout=10)[0].strip() == "503"
        await asyncio.sleep(1)
        assert (await get(service, "/livez")).status_code == 200


async def test_a_service_adds_routes_of_its_own() -> None:
    service = a_service()

    async def keys() -> Answer:
        return Answer(b'{"keys":[]}', content_type="application/jwk-set+json")

    service.route("/jwks.json", keys)
    async with running(service):
        answer = await get(service, "/jwks.json")
    assert answer.json() == {"keys": []}
    assert answer.headers["content-type"] == "application/jwk-set+json"


async def test_a_broken_route_answers_500_and_leaves_the_others_alone() -> None:
    service = a_service()

    async def broken() -> Answer:
        raise RuntimeError("secret")

    service.route("/broken", broken)
    async with running(service):
        answer = await get(service, "/broken")
        assert answer.status_code == 500
        assert "secret" not in answer.text
        assert (await get(service, "/livez")).status_code == 200


async def test_metrics_come_as_openmetrics_to_who_asks_for_it() -> None:
    async with running(a_service()) as service:
        plain = await get(service, "/metrics")
        assert plain.headers["content-type"].startswith("text/plain")
        asked = await get(service, "/metrics", Accept="application/openmetrics-text; version=1.0.0")
        assert asked.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
        assert asked.text.endswith("# EOF\n")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
        (b"GET /livez\r\n\r\n", b"400"),
        (b"GET  /livez HTTP/1.1\r\n\r\n", b"400"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"400"),
        (b"POST /livez HTTP/1.1\r\nContent-Length: 4\r\n\r\nabcd", b"405"),
        (b"GET /etc/passwd HTTP/1.1\r\n\r\n", b"404"),
        (b"GET /livez?verbose HTTP/1.0\r\n\r\n", b"200"),
        (b"GET /livez HTTP/1.1\r\nno colon here\r\n\r\n", b"200"),
        (b"GET /livez HTTP/1.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", b"431"),
    ],
)
async def test_the_management_port_answers_garbage_with_a_status(request_bytes: bytes, status: bytes) -> None:
    async with running(a_service()) as service:
        assert (await raw(service, request_bytes)).split(b" ")[1] == status
        assert (await get(service, "/livez")).status_code == 200


async def test_a_client_that_sends_far_too_much_still_gets_to_read_its_answer() -> None:
    def slow_reader(host: str, port: int) -> bytes:
        with socket.create_connection((host, port), timeout=5) as client:
            client.sendall(b"GET /livez HTTP/1.1\r\nX: " + b"a" * 20_000_000)
            return client.recv(1024)

    async with running(a_service()) as service:
        host, port = service.management_address.split(":")
        assert b" 431 " in await asyncio.to_thread(slow_reader, host, int(port))


async def test_a_head_request_gets_no_body() -> None:
    async with running(a_service()) as service:
        head, _, body = (await raw(service, b"HEAD /livez HTTP/1.1\r\n\r\n")).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert body == b""


async def test_clients_that_say_nothing_neither_block_others_nor_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.management._PATIENCE", 1.0)
    async with running(a_service()) as service:
        host, port = service.management_address.split(":")
        silent = [await asyncio.open_connection(host, int(port)) for _ in range(63)]
        assert (await get(service, "/livez")).status_code == 200
        extra = [await asyncio.open_connection(host, int(port)) for _ in range(5)]
        began = time.monotonic()
        ends = await asyncio.gather(*(reader.read() for reader, _ in extra[1:]), return_exceptions=True)
        assert all(end == b"" or isinstance(end, ConnectionResetError) for end in ends)
        assert time.monotonic() - began < 0.5
        answers = await asyncio.gather(*(asyncio.wait_for(reader.read(), 5) for reader, _ in silent))
        assert all(b" 408 " in answer for answer in answers)
        await asyncio.sleep(1)
        assert (await get(service, "/livez")).status_code == 200
        for _, writer in (*silent, *extra):
            writer.close()


def test_a_route_whose_loop_hangs_is_answered_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.management._PATIENCE", 0.2)
    loop = asyncio.new_event_loop()

    async def handler() -> Answer:
        return Answer(b"")

    route = on_loop(loop, handler)
    assert asyncio.run(route("")).status == 503
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.close()


async def test_a_stop_is_over_before_a_pod_is_killed() -> None:
    assert stop_bound(Settings()) < 60


PROCESS = """
import asyncio, sys
from chassis.service import Service, Stage, launch
from chassis.settings import Settings

def build(settings):
    service = Service("sample", settings)
    async def ready():
        print("started", flush=True)
    async def stop():
        print("stopping", flush=True)
        await asyncio.sleep(float(sys.argv[1]))
    async def fail():
        raise RuntimeError("no database")
    service.on_start(fail if sys.argv[2:] else ready)
    service.on_stop(Stage.STORE, stop)
    return service

launch("sample", Settings(drain_seconds=0), build)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_process_with_exit_code_0(number: signal.Signals) -> None:
    process = python(PROCESS, "0")
    assert process.stdout
    assert process.stdout.readline() == "started\n"
    process.send_signal(number)
    output = process.communicate(timeout=20)[0]
    assert process.returncode == 0, output
    assert "stopping" in output
    assert '"message":"Service stopped."' in output


def test_a_second_signal_ends_the_process_at_once() -> None:
    process = python(PROCESS, "60")
    assert process.stdout
    assert process.stdout.readline() == "started\n"
    process.send_signal(signal.SIGTERM)
    while process.stdout.readline() != "stopping\n":
        continue
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGTERM
    assert time.monotonic() - began < 2


def test_a_process_that_cannot_start_says_why_and_ends_with_1() -> None:
    process = python(PROCESS, "0", "fail")
    output = process.communicate(timeout=20)[0]
    assert process.returncode == 1
    assert "no database" in output
    assert "stopping" in output


def test_a_signal_during_a_long_start_stops_the_process() -> None:
    source = PROCESS.replace('print("started", flush=True)', 'print("started", flush=True); await asyncio.sleep(60)')
    process = python(source, "0")
    assert process.stdout
    assert process.stdout.readline() == "started\n"
    os.kill(process.pid, signal.SIGTERM)
    output = process.communicate(timeout=20)[0]
    assert process.returncode == 0, output
    assert "stopping" in output


SERVER = """
import asyncio, grpc
from chassis.service import Service, launch
from chassis.settings import Settings

class Echo:
    async def call(self, request, context):
        print("entered", flush=True)
        await asyncio.sleep(1)
        return request

def add(servicer, server):
    handler = grpc.unary_unary_rpc_method_handler(servicer.call)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", {"Call": handler}),))

def build(settings):
    service = Service("sample", settings)
    service.serve(add, Echo())
    return service

launch("sample", Settings(drain_seconds=0.2), build)
"""


def test_a_call_that_runs_when_the_signal_comes_is_answered() -> None:
    process = python(SERVER)
    assert process.stdout
    address = json.loads(process.stdout.readline())["address"]
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary("/test.Echo/Call").future(b"hello", timeout=10, wait_for_ready=True)
        assert process.stdout.readline() == "entered\n"
        process.send_signal(signal.SIGTERM)
        assert call.result() == b"hello"
    output = process.communicate(timeout=20)[0]
    assert process.returncode == 0, output


def test_a_process_that_no_task_can_stop_ends_with_its_stacks() -> None:
    blocked = PROCESS.replace("await asyncio.sleep(float(sys.argv[1]))", "import time; time.sleep(float(sys.argv[1]))")
    shortened = "import chassis.service as s; s._MARGIN_SECONDS = s._LAST_RESORT_SECONDS = 0.2\n"
    process = python(shortened + blocked.replace("drain_seconds=0", "drain_seconds=0, stop_grace_seconds=0"), "60")
    assert process.stdout
    assert process.stdout.readline() == "started\n"
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    output = process.communicate(timeout=20)[0]
    assert process.returncode == 1
    assert time.monotonic() - began < 5
    assert "in stop" in output
