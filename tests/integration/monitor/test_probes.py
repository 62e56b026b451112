"""Probes against real servers on this machine."""

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from chassis.errors import Invalid
from services.monitor.domain.check import CheckResult, Outcome
from services.monitor.domain.check_settings import DnsSettings, HttpSettings, Kind, PingSettings, TlsSettings
from services.monitor.probes import Probes
from services.monitor.probes.ping import MISSING, checksum, echoes, is_reply, request
from tests.support.targets import LOCALHOST, Authority, answering, listening, name_server
from tests.unit.monitor.checks import NOON, check

OK, DEGRADED, FAILED, UNKNOWN = Outcome.OK, Outcome.DEGRADED, Outcome.FAILED, Outcome.UNKNOWN
LONG = timedelta(seconds=30)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
async def probes(authority: Authority) -> AsyncIterator[Probes]:
    probes = Probes(denied="127.9.9.0/24", roots=authority.trusted)
    yield probes
    await probes.close()


async def look(probes: Probes, kind: Kind, target: str, **more: Any) -> CheckResult:
    fields: dict[str, Any] = {"interval": timedelta(minutes=1), "timeout": LONG} | more
    return await probes.look(check(kind=kind, target=target, **fields), NOON)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind((LOCALHOST, 0))
        port: int = sock.getsockname()[1]
        return port


@pytest.mark.parametrize(
    ("status", "settings", "outcome", "message"),
    [
        (200, HttpSettings(), OK, "answered 200"),
        (302, HttpSettings(), OK, "answered 302"),
        (404, HttpSettings(), FAILED, "answered 404"),
        (500, HttpSettings(), FAILED, "answered 500"),
        (404, HttpSettings(statuses=[404]), OK, "answered 404"),
        (200, HttpSettings(statuses=[204]), FAILED, "answered 200"),
        (200, HttpSettings(contains="is well"), OK, "answered 200"),
        (200, HttpSettings(contains="is bad"), FAILED, "answered 200 without the expected text"),
        (200, HttpSettings(method="HEAD"), OK, "answered 200"),
    ],
)
async def test_an_http_answer_is_judged_by_its_code_and_its_text(
    probes: Probes, status: int, settings: HttpSettings, outcome: Outcome, message: str
) -> None:
    async with answering(status) as port:
        found = await look(probes, Kind.HTTP, f"http://{LOCALHOST}:{port}/health?now=1", http=settings)
    assert (found.outcome, found.message, found.value) == (outcome, message, float(status))
    assert found.time == NOON
    assert found.latency is not None


async def test_nobody_who_listens_is_a_failure(probes: Probes) -> None:
    port = free_port()
    for kind, target in ((Kind.HTTP, f"http://{LOCALHOST}:{port}/"), (Kind.TCP, f"{LOCALHOST}:{port}")):
        assert (await look(probes, kind, target)).outcome is FAILED


async def test_a_refused_connection_is_told_in_words(probes: Probes) -> None:
    assert (await look(probes, Kind.TCP, f"{LOCALHOST}:{free_port()}")).message == "connection refused"


async def test_redirects_are_followed_where_the_check_says_so(probes: Probes) -> None:
    async with answering(503) as end, answering(301, location=f"http://{LOCALHOST}:{end}/") as start:
        address = f"http://{LOCALHOST}:{start}/"
        assert (await look(probes, Kind.HTTP, address)).outcome is OK
        followed = await look(probes, Kind.HTTP, address, http=HttpSettings(follow_redirects=True))
        assert (followed.outcome, followed.value) == (FAILED, 503.0)


async def test_a_circle_of_redirects_ends(probes: Probes) -> None:
    async with answering(302, location="/again") as port:
        found = await look(probes, Kind.HTTP, f"http://{LOCALHOST}:{port}/", http=HttpSettings(follow_redirects=True))
    assert (found.outcome, found.message) == (FAILED, "more than 5 redirects")


async def test_a_redirect_to_where_nobody_may_look_is_not_followed(probes: Probes) -> None:
    async with answering(302, location="http://169.254.169.254/latest") as port:
        found = await look(probes, Kind.HTTP, f"http://{LOCALHOST}:{port}/", http=HttpSettings(follow_redirects=True))
    assert found.outcome is UNKNOWN


async def test_an_answer_that_takes_too_long_is_a_failure(probes: Probes) -> None:
    async with answering(delay=60) as port:
        found = await look(probes, Kind.HTTP, f"http://{LOCALHOST}:{port}/", timeout=timedelta(milliseconds=300))
    assert (found.outcome, found.message) == (FAILED, "no answer within 0.3 s")


async def test_a_slow_answer_is_degraded(probes: Probes) -> None:
    async with answering(delay=0.3) as port:
        found = await look(probes, Kind.HTTP, f"http://{LOCALHOST}:{port}/", slow_after=timedelta(milliseconds=100))
    assert found.outcome is DEGRADED
    assert found.message.startswith("took ")


async def test_an_endless_answer_is_cut(probes: Probes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 So\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 65_536)
                await writer.drain()
        except ConnectionError:
            writer.close()

    async with listening(serve) as port:
        found = await look(probes, Kind.HTTP, f"http://{LOCALHOST}:{port}/", http=HttpSettings(contains="y"))
    assert found.outcome is FAILED


async def test_what_answers_no_http_is_a_failure(probes: Probes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-nothing\r\n")
        writer.close()

    async with listening(serve) as port:
        assert (await look(probes, Kind.HTTP, f"http://{LOCALHOST}:{port}/")).outcome is FAILED
        assert (await look(probes, Kind.TCP, f"{LOCALHOST}:{port}")).outcome is OK


async def test_https_wants_a_certificate_that_is_trusted(probes: Probes, authority: Authority, tmp_path: Path) -> None:
    stranger = Authority(tmp_path)
    async with answering(tls=authority.server(90)) as good, answering(tls=stranger.server(90)) as bad:
        assert (await look(probes, Kind.HTTP, f"https://localhost:{good}/")).outcome is OK
        assert (await look(probes, Kind.HTTP, f"https://localhost:{bad}/")).outcome is FAILED
        blind = HttpSettings(verify_tls=False)
        assert (await look(probes, Kind.HTTP, f"https://localhost:{bad}/", http=blind)).outcome is OK


@pytest.mark.parametrize(("days", "outcome"), [(90, OK), (10, DEGRADED), (3, FAILED), (-1, FAILED)])
async def test_a_certificate_is_judged_by_its_days(probes: Probes, authority: Authority, days: int, outcome: Outcome) -> None:
    async with answering(tls=authority.server(days)) as port:
        found = await look(probes, Kind.TLS, f"localhost:{port}", tls=TlsSettings(verify=False))
    assert found.outcome is outcome
    assert found.value == pytest.approx(days, abs=0.1)


async def test_a_certificate_must_be_trusted_and_bear_the_name(probes: Probes, authority: Authority, tmp_path: Path) -> None:
    async with answering(tls=authority.server(90)) as port:
        assert (await look(probes, Kind.TLS, f"localhost:{port}")).outcome is OK
        other = await look(probes, Kind.TLS, f"localhost:{port}", tls=TlsSettings(server_name="shop.example"))
        assert other.outcome is FAILED
        assert "not trusted" in other.message
    async with answering(tls=Authority(tmp_path).server(90)) as port:
        assert (await look(probes, Kind.TLS, f"localhost:{port}")).outcome is FAILED


@pytest.mark.parametrize(
    ("name", "expected", "outcome", "message"),
    [
        ("shop.example", [], OK, "10.0.0.1, 10.0.0.2"),
        ("SHOP.example.", ["10.0.0.2"], OK, "10.0.0.1, 10.0.0.2"),
        ("shop.example", ["10.0.0.3"], FAILED, "10.0.0.1, 10.0.0.2; not 10.0.0.3"),
        ("gone.example", [], FAILED, "there is no such name"),
        ("empty.example", [], FAILED, "there is no A record"),
    ],
)
async def test_a_name_is_judged_by_what_it_resolves_to(
    probes: Probes, name: str, expected: list[str], outcome: Outcome, message: str
) -> None:
    async with name_server({"shop.example": ["10.0.0.2", "10.0.0.1"], "empty.example": []}) as port:
        settings = DnsSettings(server=f"{LOCALHOST}:{port}", expected=expected)
        found = await look(probes, Kind.DNS, name, dns=settings)
    assert (found.outcome, found.message) == (outcome, message)


async def test_a_silent_name_server_is_a_failure(probes: Probes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind((LOCALHOST, 0))
        settings = DnsSettings(server=f"{LOCALHOST}:{silent.getsockname()[1]}")
        found = await look(probes, Kind.DNS, "shop.example", dns=settings, timeout=timedelta(milliseconds=500))
    assert found.outcome is FAILED


async def test_an_echo_request_is_answered_or_the_look_says_what_is_missing(probes: Probes) -> None:
    found = await look(probes, Kind.PING, LOCALHOST, ping=PingSettings(packets=2))
    if found.outcome is UNKNOWN:
        assert found.message == MISSING
    else:
        assert (found.outcome, found.value, found.message) == (OK, 100.0, "2 of 2 answered")


async def test_echoes_are_matched_with_their_requests() -> None:
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    near.setblocking(False)
    far.setblocking(False)
    loop = asyncio.get_running_loop()

    async def answer() -> None:
        for number in range(1, 4):
            packet = await loop.sock_recv(far, 2048)
            assert checksum(packet) == 0, "a packet with its checksum sums up to nothing"
            if number != 2:  # the second is lost, and strangers get answers too
                await loop.sock_sendall(far, b"\0\0" + packet[2:8] + b"of somebody else")
                await loop.sock_sendall(far, b"\x45" + bytes(19) + b"\0" + packet[1:])

    with near, far:
        answering = asyncio.create_task(answer())
        times = await echoes(near, ip_address(LOCALHOST), 3, 1.0)
        await answering
    assert len(times) == 2


@pytest.mark.parametrize("version", [4, 6])
def test_a_request_is_not_its_own_reply(version: int) -> None:
    packet = request(version, 1, b"token")
    assert not is_reply(packet, version, 1, b"token")
    reply = bytes([0 if version == 4 else 129]) + packet[1:]
    assert is_reply(reply, version, 1, b"token")
    assert not is_reply(reply, version, 2, b"token")
    assert not is_reply(reply[:5], version, 1, b"token")


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (Kind.HTTP, "http://169.254.169.254/latest/meta-data"),
        (Kind.TCP, "127.9.9.1:80"),
        (Kind.TLS, "169.254.169.254:443"),
        (Kind.PING, "224.0.0.1"),
    ],
)
async def test_where_nobody_may_look_nothing_is_known(probes: Probes, kind: Kind, target: str) -> None:
    assert (await look(probes, kind, target)).outcome is UNKNOWN


async def test_a_name_without_an_address_is_a_failure(probes: Probes) -> None:
    found = await look(probes, Kind.TCP, "nobody.invalid:80")
    assert (found.outcome, found.message) == (FAILED, "the name cannot be resolved")


def test_an_address_that_nothing_reaches_is_refused_when_it_is_given(probes: Probes) -> None:
    with pytest.raises(Invalid, match="never reached"):
        probes.refuse(check(kind=Kind.HTTP, target="http://169.254.169.254/"))
    probes.refuse(check(kind=Kind.HTTP, target="http://127.0.0.1:8080/"))
