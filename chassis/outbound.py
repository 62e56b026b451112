"""The only HTTP client for addresses that users give: each request goes to an address that was judged, and nowhere else.

The parser that judges an address is the one that connects: a URL is taken apart strictly, its name is resolved once, all
answers must be allowed, and the connection goes to one of them with the name only in `Host`, SNI and certificate check. No
redirects, cookies, proxies or reused connections; time, headers and body have limits. Answers are not inflated.

Fails: `Invalid` for a URL that no policy would reach (`Policy.check`), so that it is refused when it is given; everything
that happens while sending is an `Answer` or a `Failure`, never an exception.
"""

import asyncio
import re
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Self

import httpx

from chassis.context import refuse_dry_run
from chassis.errors import Invalid

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

LONGEST_URL = 2048
MOST_ADDRESSES = 16
USUAL_PORTS = "80,443,8080,8443"

_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<target>(?:/[!$%&'()*+,./:;=@A-Z0-9a-z_~-]*)?(?:\?[!$%&'()*+,./:;=?@A-Z0-9a-z_~-]*)?)",
    re.IGNORECASE | re.ASCII,
)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)

# Threads of their own: a server that keeps a question waiting keeps a thread, and all else in the process would wait with it.
_LOOKUPS = ThreadPoolExecutor(32, thread_name_prefix="lookup")
_begun: ContextVar[threading.Event | None] = ContextVar("begun", default=None)

_INSIDE = ("localhost", "local", "internal", "intranet", "lan", "home.arpa")
_CLUSTER = ("svc", "cluster.local")

_NEVER: tuple[Network, ...] = tuple(
    ip_network(network)
    for network in (
        "169.254.0.0/16",  # link-local, and where clouds tell machines their credentials
        "fe80::/10",
        "fd00:ec2::/32",
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.192/32",
        "0.0.0.0/8",
        "::/128",
        "224.0.0.0/4",
        "ff00::/8",
        "255.255.255.255/32",
    )
)
_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_NAT64: Final = IPv6Network("64:ff9b::/96")
_TUNNEL: Final = IPv6Network("2002::/16")
_UNICAST: Final = IPv6Network("2000::/3")


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and bytes that one exchange may take."""

    connect: float = 3.0
    total: float = 10.0
    header_bytes: int = 16 * 1024
    body_bytes: int = 64 * 1024


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart. `host` is a name in lower case or an address without brackets; `target` is path and query."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """What `Host` says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"http": 80, "https": 443}[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Policy:
    """What may be reached. Beside public addresses only `networks`; never `denied`, nor what no policy allows.

    `ports` are those that a URL may name, `http` whether it may go without TLS.
    """

    networks: tuple[Network, ...] = ()
    denied: tuple[Network, ...] = ()
    ports: tuple[range, ...] = (range(80, 81), range(443, 444), range(8080, 8081), range(8443, 8444))
    http: bool = False

    @classmethod
    def of(cls, *, networks: str = "", denied: str = "", ports: str = USUAL_PORTS, http: bool = False) -> Self:
        """The policy that settings say: networks and ports separated by commas, ports also as `8000-8999`.

        Raises `ValueError` for what is neither.
        """
        return cls(_networks(networks), _networks(denied), tuple(_range(part) for part in _parts(ports)), http)

    def check(self, url: str, *, name: str = "url") -> Target:
        """The URL taken apart. Raises `Invalid` for the field `name` when nothing could ever be sent there."""
        found = _URL.fullmatch(url) if len(url) <= LONGEST_URL else None
        if found is None:
            raise Invalid({name: f"must be a plain http(s) URL of at most {LONGEST_URL} characters, without user or fragment"})
        scheme, host = found["scheme"].lower(), found["host"].lower()
        port = int(found["port"]) if found["port"] else {"http": 80, "https": 443}[scheme]
        target = found["target"]
        if scheme == "http" and not self.http:
            raise Invalid({name: "must begin with https://"})
        if not any(port in allowed for allowed in self.ports):
            raise Invalid({name: f"the port {port} is not allowed"})
        address = _literal(host, name)
        if address is None:
            self._check_name(host, name)
        elif (why := self.refusal(address)) is not None:
            raise Invalid({name: why})
        return Target(scheme, str(address or host), port, target if target.startswith("/") else f"/{target}")

    def refusal(self, address: Address) -> str | None:
        """Why an address may not be reached; None when it may."""
        inner = _unwrapped(address)
        if any(_within(each, network) for each in (address, inner) for network in (*_NEVER, *self.denied)):
            return "this address is never reached"
        if any(_within(inner, network) for network in self.networks):
            return None
        public = inner.is_global and not inner.is_multicast and not inner.is_reserved
        if isinstance(inner, IPv6Address):
            public = public and inner in _UNICAST
        return None if public else "this address is not public"

    def _check_name(self, host: str, name: str) -> None:
        labels = host.split(".")
        if not all(_LABEL.fullmatch(label) for label in labels) or _NUMBER.fullmatch(labels[-1]):
            raise Invalid({name: f"{host} is neither a host name nor an address; other alphabets as xn--…"})
        inside = len(labels) == 1 or _ends(host, _INSIDE)
        if _ends(host, _CLUSTER) or (inside and not self.networks):
            raise Invalid({name: f"{host} is a name of the inside"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `body` holds at most what the limits allow, as it was sent; it is for programs, never for users."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """Why nothing came back. `refused` is our own doing: the address may not be reached."""

    why: str
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """How handing something over ended. `retry` tells whether another attempt makes sense, `after` when at the earliest."""

    delivered: bool
    why: str
    status: int = 0
    retry: bool = False
    after: timedelta | None = None


async def resolve(host: str, port: int) -> Sequence[str]:
    """All addresses of a name, as the machine's resolver says. Raises `OSError`."""
    begun = threading.Event()
    _begun.set(begun)

    def look_up() -> list[str]:
        begun.set()
        return [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]

    return await asyncio.get_running_loop().run_in_executor(_LOOKUPS, look_up)


def stood_in_line() -> bool:
    """Whether the last question that this task had for `resolve` was never asked, because others took all the threads."""
    begun = _begun.get()
    return begun is not None and not begun.is_set()


@dataclass(slots=True)
class Outbound:
    """Sends to where `policy` allows. `tls` replaces the usual trusted roots, `resolve` the machine's resolver."""

    policy: Policy
    limits: Limits = field(default_factory=Limits)
    resolve: Resolve = resolve
    tls: ssl.SSLContext | None = None
    at_once: int = 64
    _transport: httpx.AsyncHTTPTransport | None = None
    _slots: asyncio.Semaphore | None = None

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answer | Failure:
        """One exchange. `headers` are ours, never a user's. Raises `Invalid` in a dry run."""
        refuse_dry_run()
        if self._slots is None:
            self._slots = asyncio.Semaphore(self.at_once)
        try:
            target = self.policy.check(url)
            async with self._slots, asyncio.timeout(self.limits.total):
                return await self._exchange(method, target, await self._pinned(target), headers, body)
        except Invalid as refused:
            return Failure("; ".join(refused.violations.values()), refused=True)
        except TimeoutError:
            return Failure(f"no whole answer within {self.limits.total:g} s")
        except ssl.SSLError as error:
            return Failure(f"TLS failed: {error.reason or 'handshake'}")
        except (httpx.HTTPError, OSError) as error:
            # Texts of the libraries hold addresses: what a name resolves to is not for whoever gave it.
            return Failure(f"the exchange failed: {type(error).__name__}")

    async def deliver(self, url: str, headers: Mapping[str, str], body: bytes) -> Delivery:
        """Posts something that the receiver takes by answering 2xx."""
        answer = await self.send("POST", url, headers, body)
        if isinstance(answer, Failure):
            return Delivery(False, answer.why, retry=not answer.refused)
        return verdict(answer)

    async def close(self) -> None:
        """Lets go of connections."""
        if self._transport is not None:
            await self._transport.aclose()

    async def _pinned(self, target: Target) -> Address:
        """The address to connect to. All that a name resolves to must be allowed: else the next question decides."""
        literal = _literal(target.host, "url")
        if literal is not None:
            return literal
        found = list(dict.fromkeys(await self.resolve(target.host, target.port)))[:MOST_ADDRESSES]
        if not found:
            raise OSError("the name has no address")
        addresses = [ip_address(each.partition("%")[0]) for each in found]
        for address in addresses:
            if (why := self.policy.refusal(address)) is not None:
                raise Invalid({"url": why})
        return addresses[0]

    async def _exchange(
        self, method: str, target: Target, address: Address, headers: Mapping[str, str], body: bytes
    ) -> Answer | Failure:
        if self._transport is None:
            # A kept connection would be found again by its address, whatever name its certificate was checked for.
            limits = httpx.Limits(max_connections=self.at_once, max_keepalive_connections=0)
            self._transport = httpx.AsyncHTTPTransport(verify=self.tls or True, trust_env=False, limits=limits)
        pinned = f"[{address}]" if address.version == 6 else str(address)
        request = httpx.Request(
            method,
            httpx.URL(scheme=target.scheme, host=pinned.strip("[]"), port=target.port, raw_path=target.target.encode()),
            headers={"accept-encoding": "identity", **headers, "host": target.authority, "connection": "close"},
            content=body,
            extensions={
                "timeout": dict.fromkeys(("connect", "read", "write", "pool"), self.limits.total)
                | {"connect": self.limits.connect},
                "sni_hostname": target.host,
            },
        )
        response = await self._transport.handle_async_request(request)
        try:
            if sum(len(name) + len(value) for name, value in response.headers.raw) > self.limits.header_bytes:
                return Failure("the headers of the answer are too large")
            return Answer(response.status_code, dict(response.headers), await self._body(response))
        finally:
            await response.aclose()

    async def _body(self, response: httpx.Response) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) >= self.limits.body_bytes:
                break
        return bytes(body[: self.limits.body_bytes])


def verdict(answer: Answer) -> Delivery:
    """What a status says to a sender: 2xx is taken, 408, 425, 429 and 5xx are worth another attempt, the rest is not."""
    status = answer.status
    if 200 <= status < 300:
        return Delivery(True, "taken", status)
    if 300 <= status < 400:
        return Delivery(False, "redirects are not followed", status)
    retry = status in (408, 425, 429) or status >= 500
    told = answer.headers.get("retry-after", "")
    after = timedelta(seconds=min(int(told), 86_400)) if retry and told.isascii() and told.isdigit() and len(told) < 7 else None
    return Delivery(False, f"answered {status}", status, retry, after)


def _unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 one carries, as packets to it would end up there; else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _MAPPED or address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _TUNNEL:
        return IPv4Address(int(address) >> 80 & 0xFFFFFFFF)
    return address


def _within(address: Address, network: Network) -> bool:
    return address.version == network.version and address in network


def _literal(host: str, name: str) -> Address | None:
    """The address that a host in a URL is, if it is one and no name."""
    bare = host.strip("[]")
    try:
        return ip_address(bare)
    except ValueError:
        if host.startswith("["):
            raise Invalid({name: f"{host} is no address"}) from None
        return None


def _ends(host: str, suffixes: Sequence[str]) -> bool:
    return any(host == suffix or host.endswith(f".{suffix}") for suffix in suffixes)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ip_network(part) for part in _parts(text))


def _range(part: str) -> range:
    first, _, last = part.partition("-")
    return range(int(first), int(last or first) + 1)
