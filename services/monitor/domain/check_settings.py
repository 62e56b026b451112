"""What a check looks at and what it expects there: kinds, settings, and what is wrong with them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

LONGEST_TARGET = 2_000
MAX_AFTER = 10
SHORTEST, LONGEST = timedelta(seconds=5), timedelta(days=1)
LONGEST_LOOK = timedelta(seconds=60)
USUAL_LOOK = timedelta(seconds=10)
RECORD_TYPES = ("A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT")
METHODS = ("GET", "HEAD")

_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?\.?|[0-9A-Fa-f:.]{2,45}")
_DEFAULT_PORT = 443


class Kind(StrEnum):
    """What is looked at."""

    HTTP = "HTTP"
    TCP = "TCP"
    PING = "PING"
    DNS = "DNS"
    TLS = "TLS"
    PROCESS = "PROCESS"
    DISK = "DISK"
    MEMORY = "MEMORY"
    CPU = "CPU"
    PLUGIN = "PLUGIN"


LOCAL = frozenset({Kind.PROCESS, Kind.DISK, Kind.MEMORY, Kind.CPU})
"""What only an agent on the machine can see."""

MEASURED = frozenset({Kind.DISK, Kind.MEMORY, Kind.CPU})
"""Kinds that are judged by limits."""


@dataclass(slots=True, kw_only=True, frozen=True)
class HttpSettings:
    """What an HTTP check expects; no status named means any from 200 to 399."""

    method: str = "GET"
    statuses: list[int] = field(default_factory=list)
    contains: str = ""
    verify_tls: bool = True
    follow_redirects: bool = False


@dataclass(slots=True, kw_only=True, frozen=True)
class PingSettings:
    """How a PING check asks."""

    packets: int = 3


@dataclass(slots=True, kw_only=True, frozen=True)
class DnsSettings:
    """What a DNS check asks and expects; an empty server means the machine's own resolvers."""

    type: str = "A"
    server: str = ""
    expected: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True, frozen=True)
class TlsSettings:
    """What a TLS check expects, in days that are left."""

    degraded_days: int = 21
    down_days: int = 7
    server_name: str = ""
    verify: bool = True


@dataclass(slots=True, kw_only=True, frozen=True)
class ProcessSettings:
    """What a PROCESS check looks for beside the name."""

    command_line: str = ""
    minimum: int = 1


@dataclass(slots=True, kw_only=True, frozen=True)
class Limits:
    """From where on a measured value is no longer well, and how far it must fall to be better; 0 for no limit."""

    degraded: float = 0.0
    down: float = 0.0
    margin: float = 2.0


USUAL_LIMITS: Mapping[Kind, Limits] = {
    Kind.DISK: Limits(degraded=80.0, down=90.0),
    Kind.MEMORY: Limits(degraded=90.0, down=97.0),
    Kind.CPU: Limits(degraded=90.0, down=98.0),
}
"""In percent, for a check that names none."""

_MORE = {
    Kind.HTTP: "http",
    Kind.PING: "ping",
    Kind.DNS: "dns",
    Kind.TLS: "tls",
    Kind.PROCESS: "process",
    **dict.fromkeys(MEASURED, "limits"),
}
_WITH_LATENCY = frozenset({Kind.HTTP, Kind.TCP, Kind.PING, Kind.DNS, Kind.PLUGIN})


def endpoint(text: str, default_port: int = 0) -> tuple[str, int] | None:
    """Host and port of `host:port` or `[address]:port`; None for anything else. Without a port the default, if there is one."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            return None
        port = rest[1:]
    elif text.count(":") > 1:
        host, port = text, ""
    else:
        host, _, port = text.partition(":")
    if not _HOST.fullmatch(host):
        return None
    if not port and not text.endswith(":") and default_port:
        return host, default_port
    return (host, int(port)) if port.isascii() and port.isdigit() and 0 < int(port) < 65_536 else None


def tls_endpoint(target: str) -> tuple[str, int] | None:
    """Host and port of a TLS check."""
    return endpoint(target, _DEFAULT_PORT)


def dns_server(text: str) -> tuple[str, int] | None:
    """Host and port of a DNS server."""
    return endpoint(text, 53)


def plugin_target(target: str) -> tuple[str, str]:
    """The name of the plugin, and what it is to look at; empty where they are not said."""
    name, _, what = target.partition(":")
    return name.strip(), what.strip()


def host_of(kind: Kind, target: str) -> str:
    """The host that a target names, by which an asset may be found; empty where it is no host, or this very machine."""
    match kind:
        case Kind.HTTP:
            host = urlsplit(target).hostname or ""
        case Kind.TCP | Kind.TLS:
            host = (tls_endpoint(target) or ("", 0))[0]
        case Kind.PING:
            host = target
        case _:
            host = ""
    return "" if host == "localhost" or host.startswith("127.") or host == "::1" else host.rstrip(".")


def wrong(fields: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with the fields of a whole check, by path; empty when nothing is."""
    kind: Kind = fields["kind"]
    found = _wrong_common(fields)
    if (problem := _wrong_target(kind, fields["target"])) is not None:
        found["target"] = problem
    for name in set(_MORE.values()):
        if fields[name] is not None and _MORE.get(kind) != name:
            found[name] = f"is nothing that a check of the kind {kind} has"
    if kind in LOCAL and not fields["agent_id"]:
        found["agent_id"] = f"a check of the kind {kind} needs the agent that runs it"
    return found or _wrong_settings(fields)


def _wrong_common(fields: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    interval: timedelta = fields["interval"]
    if not 0 < len(fields["name"].strip()) <= 200:
        found["name"] = "needs 1 to 200 characters"
    if not SHORTEST <= interval <= LONGEST:
        found["interval"] = "must lie between 5s and 86400s"
    elif not timedelta(milliseconds=100) <= fields["timeout"] <= min(LONGEST_LOOK, interval):
        found["timeout"] = "must lie between 0.1s and 60s and not above the interval"
    for name in ("raise_after", "clear_after"):
        if not 1 <= fields[name] <= MAX_AFTER:
            found[name] = f"must lie between 1 and {MAX_AFTER}"
    for name in ("asset_id", "agent_id"):
        if len(fields[name]) > 200:
            found[name] = "may have 200 characters"
    slow = fields["slow_after"]
    if slow is not None and fields["kind"] not in _WITH_LATENCY:
        found["slow_after"] = f"is nothing that a check of the kind {fields['kind']} has"
    elif slow is not None and not timedelta(0) < slow < fields["timeout"]:
        found["slow_after"] = "must be positive and below the timeout"
    return found


def _wrong_target(kind: Kind, target: str) -> str | None:
    if len(target) > LONGEST_TARGET:
        return f"may have {LONGEST_TARGET} characters"
    match kind:
        case Kind.HTTP:
            return None if _is_address(target) else "must be an address such as https://shop.example/health, without a user"
        case Kind.TCP:
            return None if endpoint(target) else "must look like host:port"
        case Kind.TLS:
            return None if tls_endpoint(target) else "must look like host:port"
        case Kind.PING:
            return None if _HOST.fullmatch(target) else "must be the name or the address of a host"
        case Kind.DNS:
            return None if _HOST.fullmatch(target) else "must be a name"
        case Kind.PROCESS | Kind.DISK:
            what = "the name of a program" if kind is Kind.PROCESS else "where the file system is mounted"
            return None if target.strip() else f"must be {what}"
        case Kind.PLUGIN:
            return None if all(plugin_target(target)) else "must be the name of a plugin, a colon, and what it looks at"
        case Kind.MEMORY | Kind.CPU:
            return f"a check of the kind {kind} has none" if target else None


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc and text.isprintable()


def _wrong_http(http: HttpSettings) -> dict[str, str]:
    found = {}
    if http.method not in METHODS:
        found["method"] = "must be GET or HEAD"
    if len(http.statuses) > 50 or not all(100 <= status <= 599 for status in http.statuses):
        found["statuses"] = "needs up to 50 codes from 100 to 599"
    if len(http.contains) > 1_000 or (http.contains and http.method == "HEAD"):
        found["contains"] = "may have 1,000 characters, and an answer to HEAD has no text"
    return found


def _wrong_ping(ping: PingSettings) -> dict[str, str]:
    return {} if 1 <= ping.packets <= 10 else {"packets": "must lie between 1 and 10"}


def _wrong_dns(dns: DnsSettings) -> dict[str, str]:
    found = {}
    if dns.type not in RECORD_TYPES:
        found["type"] = f"must be one of {', '.join(RECORD_TYPES)}"
    if dns.server and not dns_server(dns.server):
        found["server"] = "must look like host or host:port"
    if len(dns.expected) > 50 or not all(0 < len(each) <= 1_000 for each in dns.expected):
        found["expected"] = "needs up to 50 texts of 1 to 1,000 characters"
    return found


def _wrong_tls(tls: TlsSettings) -> dict[str, str]:
    found = {}
    if not 0 < tls.down_days <= tls.degraded_days <= 3_650:
        found["down_days"] = "must be positive, and not above degradedDays, which may be 3,650"
    if tls.server_name and not _HOST.fullmatch(tls.server_name):
        found["server_name"] = "must be a host name"
    return found


def _wrong_process(process: ProcessSettings) -> dict[str, str]:
    found = {}
    if not 1 <= process.minimum <= 10_000:
        found["minimum"] = "must lie between 1 and 10,000"
    if len(process.command_line) > 1_000:
        found["command_line"] = "may have 1,000 characters"
    return found


def _wrong_limits(limits: Limits) -> dict[str, str]:
    if not all(0 <= value < float("inf") for value in (limits.degraded, limits.down, limits.margin)):
        return {"down": "limits must be finite and not negative"}
    if not limits.degraded and not limits.down:
        return {"down": "needs one of degraded and down"}
    if limits.degraded and limits.down and limits.degraded > limits.down:
        return {"degraded": "must not be above down"}
    return {}


_WRONG: Mapping[str, Callable[[Any], dict[str, str]]] = {
    "http": _wrong_http,
    "ping": _wrong_ping,
    "dns": _wrong_dns,
    "tls": _wrong_tls,
    "process": _wrong_process,
    "limits": _wrong_limits,
}


def _wrong_settings(fields: Mapping[str, Any]) -> dict[str, str]:
    name = _MORE.get(fields["kind"])
    if name is None:
        return {}
    return {f"{name}.{path}": text for path, text in _WRONG[name](fields[name]).items()}


def completed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields with what the kind needs and nobody said."""
    kind: Kind = fields["kind"]
    usual: dict[str, Any] = {
        "http": HttpSettings(),
        "ping": PingSettings(),
        "dns": DnsSettings(),
        "tls": TlsSettings(),
        "process": ProcessSettings(),
        "limits": USUAL_LIMITS.get(kind),
    }
    name = _MORE.get(kind)
    more = {name: usual[name]} if name is not None and fields.get(name) is None else {}
    return {**fields, **more}
