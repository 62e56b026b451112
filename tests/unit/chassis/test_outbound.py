"""The client for addresses that users give: what it refuses, where it connects, what it survives."""

import asyncio
import datetime
import gzip
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Invalid
from chassis.outbound import Answer, Failure, Limits, Outbound, Policy, verdict

PUBLIC = Policy()
HERE = Policy.of(networks="127.0.0.0/8", ports="1-65535", http=True)

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Something that listens on this machine; says its port."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return  # the client had enough
        finally:
            writer.close()

    listening = await asyncio.start_server(one, "127.0.0.1", 0, ssl=tls)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()


def answering(text: str, body: bytes = b"", seen: list[bytes] | None = None) -> Serve:
    """Answers every request the same."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if seen is not None:
            seen.append(head)
        writer.write(text.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)

    return serve


def names(**answers: Sequence[str]) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    """A resolver that knows these names."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        return answers[host.replace(".", "_")]

    return resolve


async def sent(port: int, *, limits: Limits | None = None, host: str = "127.0.0.1") -> Answer | Failure:
    out = Outbound(HERE, limits or Limits(), names(hook_example=["127.0.0.1"]))
    try:
        return await out.send("POST", f"http://{host}:{port}/in?x=1", {"x-kind": "test"}, b"{}")
    finally:
        await out.close()


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "ftp://a.example/", "gopher://a.example/", "dict://a.example/", "ldap://a.example/",
        "data:text/plain,x", "unix:///run/x.sock", "//a.example/", "https:a.example", "https:///a", "", "https://",
        "https://user@a.example/", "https://a.example@b.example/", "https://a.example\\@b.example/", "https://a.example/\\..",
        "https://a.example/\tx", "https://a.example/\r\nHost: b", "https://a.example/ x", " https://a.example/",
        "https://a.example/#@b.example", "https://%61.example/", "https://a.example%2f@b.example/", "https://\u0430pple.com/",
        "https://localhost./", "https://a.example./", "https://a..example/", "https://-a.example/", "https://a.example:0x50/",
        "https://a.example:/", "https://a.example:70000/", "https://a.example:22/", "https://a.example:25/",
        "https://a.example:6379/", "https://a.example:9092/", "https://a.example:27017/", "http://a.example/",
        "https://" + "a" * 254 + ".example/", "https://a.example/" + "x" * 65536, "https://[::1/", "https://[fe80::1%25eth0]/",
    ],
)  # fmt: skip
def test_an_address_that_is_no_plain_public_one_is_refused(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        PUBLIC.check(url, name="targetUrl")
    assert list(refused.value.violations) == ["targetUrl"]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "0.0.0.0",  # noqa: S104 - never bound
        "10.0.0.1", "172.16.0.1",
        "192.168.1.1", "100.64.0.1", "169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.2.1", "198.18.0.1",
        "198.51.100.7", "203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255", "[::1]", "[::]", "[::ffff:127.0.0.1]",
        "[::ffff:a9fe:a9fe]", "[::7f00:1]", "[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]", "[2002:a00:1::1]",
        "[fe80::1]", "[fc00::1]", "[fd00:ec2::254]", "[fec0::1]", "[ff02::1]", "[2001:db8::1]", "[2001::1]", "[100::1]",
        "localhost", "db", "a.localhost", "metadata.google.internal", "kubernetes.default.svc", "x.svc.cluster.local",
    ],
)  # fmt: skip
def test_what_is_not_the_public_network_is_refused_in_every_spelling(host: str) -> None:
    with pytest.raises(Invalid):
        PUBLIC.check(f"https://{host}/")


@pytest.mark.parametrize(
    "url", ["https://a.example/x?y=1", "https://8.8.8.8", "HTTPS://A.Example:8443", "https://[2606:4700::1]/"]
)
def test_a_public_address_is_taken(url: str) -> None:
    target = PUBLIC.check(url)
    assert target.scheme == "https"
    assert target.host == target.host.lower()
    assert target.target.startswith("/")


def test_named_networks_are_reached_and_metadata_never() -> None:
    policy = Policy.of(networks="10.0.0.0/8, 169.254.0.0/16, 127.0.0.1", denied="10.9.0.0/16", http=True)
    assert policy.check("http://10.1.2.3/").host == "10.1.2.3"
    assert policy.refusal(ip_address("::ffff:10.1.2.3")) is None
    for never in ("10.9.0.1", "169.254.169.254", "192.168.0.1", "::ffff:10.9.0.1", "127.0.0.2"):
        assert policy.refusal(ip_address(never)) is not None, never


def test_settings_that_are_no_networks_or_ports_are_refused() -> None:
    for wrong in ({"networks": "10.0.0.1/8"}, {"networks": "here"}, {"ports": "a"}):
        with pytest.raises(ValueError):
            Policy.of(**wrong)


@given(st.binary(min_size=4, max_size=4))
def test_an_address_hidden_in_another_is_judged_like_itself(packed: bytes) -> None:
    plain = ip_address(packed)
    number = int(plain)
    hidden = [ip_address((0xFFFF << 32) | number), ip_address((0x64FF9B << 96) | number)]
    for each in hidden:
        assert (PUBLIC.refusal(each) is None) == (PUBLIC.refusal(plain) is None), each


@given(st.text(max_size=60))
def test_the_parser_refuses_or_takes_and_does_nothing_else(text: str) -> None:
    for url in (text, f"https://{text}", f"https://a.example{text}"):
        try:
            target = PUBLIC.check(url)
        except Invalid:
            continue
        assert target.port in (443, 8080, 8443, 80)
        assert set(target.host) <= set("abcdefghijklmnopqrstuvwxyz0123456789-._:")


async def test_the_name_is_told_and_the_judged_address_is_used() -> None:
    seen: list[bytes] = []
    async with server(answering("HTTP/1.1 204 No Content", seen=seen)) as port:
        answer = await sent(port, host="hook.example")
    assert isinstance(answer, Answer)
    assert answer.status == 204
    assert f"host: hook.example:{port}\r\n".encode() in seen[0].lower()
    assert b"POST /in?x=1 HTTP/1.1" in seen[0]
    assert b"cookie" not in seen[0].lower()


async def test_a_name_is_refused_when_any_of_its_addresses_is_private() -> None:
    out = Outbound(PUBLIC, resolve=names(mixed_example=["8.8.8.8", "10.0.0.1"], inside_example=["fd12::1"], empty_example=[]))
    for host in ("mixed.example", "inside.example"):
        failure = await out.send("POST", f"https://{host}/", {})
        assert isinstance(failure, Failure)
        assert failure.refused
        assert "10.0.0.1" not in failure.why
    assert await out.send("POST", "https://empty.example/", {}) == Failure("the exchange failed: OSError")


async def test_a_name_that_changes_its_answer_is_asked_once_an_exchange() -> None:
    asked: list[str] = []

    async def flipping(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.255.255.1"]

    async with server(answering("HTTP/1.1 200 OK\ncontent-length: 0")) as port:
        out = Outbound(HERE, resolve=flipping)
        first = await out.send("POST", f"http://hook.example:{port}/", {})
        second = await out.send("POST", f"http://hook.example:{port}/", {})
        await out.close()
    assert isinstance(first, Answer)
    assert isinstance(second, Failure)
    assert second.refused
    assert asked == ["hook.example", "hook.example"]


async def test_a_redirect_is_an_answer_and_goes_nowhere() -> None:
    for status in (301, 302, 307, 308):
        seen: list[bytes] = []
        async with server(
            answering(f"HTTP/1.1 {status} Go\nlocation: http://127.0.0.1:1/\ncontent-length: 0", seen=seen)
        ) as port:
            answer = await sent(port)
        assert isinstance(answer, Answer)
        assert not verdict(answer).delivered
        assert not verdict(answer).retry
        assert len(seen) == 1


async def test_cookies_of_one_receiver_are_told_to_nobody() -> None:
    seen: list[bytes] = []
    async with server(answering("HTTP/1.1 200 OK\nset-cookie: a=b\ncontent-length: 0", seen=seen)) as port:
        out = Outbound(HERE)
        for _ in range(2):
            await out.send("POST", f"http://127.0.0.1:{port}/", {})
        await out.close()
    assert len(seen) == 2
    assert b"cookie" not in seen[1].lower()


async def test_a_receiver_that_never_answers_or_drips_ends_at_the_limit() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    async def informing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0)

    for serve in (silent, dripping, informing):
        async with server(serve) as port:
            began = time.monotonic()
            failure = await sent(port, limits=Limits(total=0.5))
            assert isinstance(failure, Failure)
            assert time.monotonic() - began < 30


async def test_a_body_is_cut_and_not_inflated() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"y" * 65536)
            await writer.drain()

    bomb = gzip.compress(bytes(50_000_000))
    head = f"HTTP/1.1 200 OK\ncontent-encoding: gzip\ncontent-length: {len(bomb)}"
    for serve in (endless, answering(head, bomb)):
        async with server(serve) as port:
            answer = await sent(port, limits=Limits(total=30))
        assert isinstance(answer, Answer)
        assert len(answer.body) <= Limits().body_bytes


async def test_large_headers_and_what_is_no_http_are_failures() -> None:
    answers = (
        "HTTP/1.1 200 OK\n" + "\n".join(f"x-{index}: {'v' * 100}" for index in range(300)),
        "HTTP/1.1 200 OK\nx: " + "v" * 1_000_000,
        "SSH-2.0-nothing",
        "HTTP/1.1 200 OK\ncontent-length: x",
    )
    for text in answers:
        async with server(answering(text)) as port:
            assert isinstance(await sent(port), Failure), text[:40]


async def test_nobody_listening_is_worth_another_attempt() -> None:
    async with server(answering("")) as port:
        pass
    out = Outbound(HERE)
    delivery = await out.deliver(f"http://127.0.0.1:{port}/", {}, b"{}")
    assert (delivery.delivered, delivery.retry) == (False, True)
    refused = await Outbound(PUBLIC).deliver("https://10.0.0.1/", {}, b"{}")
    assert (refused.delivered, refused.retry) == (False, False)


@pytest.mark.parametrize(
    ("status", "delivered", "retry"),
    [(200, True, False), (204, True, False), (400, False, False), (401, False, False), (404, False, False), (408, False, True),
     (410, False, False), (425, False, True), (429, False, True), (500, False, True), (503, False, True)],
)  # fmt: skip
def test_a_status_says_whether_to_try_again(status: int, delivered: bool, retry: bool) -> None:
    told = verdict(Answer(status, {"retry-after": "30"}, b""))
    assert (told.delivered, told.retry) == (delivered, retry)
    assert (told.after == datetime.timedelta(seconds=30)) == retry


def test_a_wait_that_is_no_number_is_not_believed() -> None:
    for text in ("soon", "-1", "", "9" * 20, "²"):
        assert verdict(Answer(503, {"retry-after": text}, b"")).after is None


def contexts(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server with a certificate for `name`, and a client that trusts its issuer."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=400))
        .not_valid_after(now + datetime.timedelta(days=400))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    chain = folder / "chain.pem"
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    chain.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(chain)
    trusting = ssl.create_default_context(cadata=certificate.public_bytes(serialization.Encoding.PEM).decode())
    return serving, trusting


async def test_the_certificate_is_checked_for_the_name_though_the_address_is_dialed(tmp_path: Path) -> None:
    serving, trusting = contexts(tmp_path, "hook.example")
    resolver = names(hook_example=["127.0.0.1"], other_example=["127.0.0.1"])
    async with server(answering("HTTP/1.1 200 OK\ncontent-length: 0"), serving) as port:
        trusted = Outbound(HERE, resolve=resolver, tls=trusting)
        assert isinstance(await trusted.send("POST", f"https://hook.example:{port}/", {}), Answer)
        assert isinstance(await trusted.send("POST", f"https://other.example:{port}/", {}), Failure)
        unknown = Outbound(HERE, resolve=resolver)
        assert isinstance(await unknown.send("POST", f"https://hook.example:{port}/", {}), Failure)
        for each in (trusted, unknown):
            await each.close()
