"""The life of a service inside a test: start, checks, background work, a stop in stages."""

import asyncio
import time

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from chassis.errors import Unavailable
from chassis.service import SERVER_OPTIONS, Stage, running
from tests.support.services import Echo, a_service, add_echo, get


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


async def test_what_consumes_waits_for_a_condition_while_other_work_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.service._WAIT_SECONDS", 0.01)
    service = a_service()
    lacking = True
    asked, other, consuming = asyncio.Event(), asyncio.Event(), asyncio.Semaphore(0)
    questions = 0

    async def condition() -> None:
        nonlocal questions
        questions += 1
        if questions > 2:
            asked.set()
        if lacking:
            raise Unavailable("the database waits for migrations")

    async def consume() -> None:
        consuming.release()

    async def work() -> None:
        other.set()

    service.hold(condition)
    for name in ("consumer", "timer"):
        service.background(name, consume, stage=Stage.CONSUMERS)
    service.background("relay", work)
    async with running(service), asyncio.timeout(30):
        await asyncio.gather(asked.wait(), other.wait())
        assert consuming.locked()
        lacking = False
        for _ in range(2):
            await consuming.acquire()


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
    service = a_service(stop_grace_seconds=60)
    echo = Echo(0.4)
    service.serve(add_echo, echo)
    await service.start()
    async with grpc.aio.insecure_channel(service.address) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        call = channel.unary_unary("/test.Echo/Call")(b"hello", timeout=60)
        await echo.entered.wait()
        began = time.monotonic()
        await service.stop()
        assert time.monotonic() - began < 30
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
    assert options["grpc.http2.min_ping_interval_without_data_ms"] < 30_000  # the clients' keepalive
    assert options["grpc.max_receive_message_length"] > 11 * 1024 * 1024, "an import of 10 MiB goes through"


async def test_a_message_above_twelve_mebibytes_is_refused() -> None:
    service = a_service()
    service.serve(add_echo, Echo())
    unlimited = [("grpc.max_receive_message_length", -1)]
    async with running(service), grpc.aio.insecure_channel(service.address, options=unlimited) as channel:
        assert len(await channel.unary_unary("/test.Echo/Call")(b"x" * 11 * 1024 * 1024, timeout=5)) == 11 * 1024 * 1024
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await channel.unary_unary("/test.Echo/Call")(b"x" * (12 * 1024 * 1024 + 1), timeout=5)
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_start_waits_for_what_is_not_there_yet_and_says_so() -> None:
    service, asked = a_service(), list[float]()

    async def reach() -> None:
        asked.append(time.monotonic())
        if len(asked) < 3:
            assert (await get(service, "/startupz")).status_code == 503
            raise Unavailable("the database does not answer")

    service.on_start(reach)
    async with running(service):
        assert len(asked) == 3
        assert (await get(service, "/startupz")).status_code == 200


async def test_a_connection_ends_at_the_age_that_is_set_so_that_callers_look_for_other_replicas() -> None:
    service = a_service(connection_age_seconds=0.5)
    service.serve(add_echo, Echo())
    async with running(service), grpc.aio.insecure_channel(service.address) as channel:
        await asyncio.wait_for(channel.channel_ready(), 60)
        await asyncio.wait_for(channel.wait_for_state_change(grpc.ChannelConnectivity.READY), 60)
        assert await channel.unary_unary("/test.Echo/Call")(b"hello", timeout=30, wait_for_ready=True) == b"hello"
