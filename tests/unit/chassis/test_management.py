"""Health and metrics: answered whatever the loop does and whoever asks."""

import asyncio
import socket
import time

import pytest

from chassis.management import Answer, on_loop
from chassis.service import running
from tests.support.services import a_service, get, python, raw

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
