"""`itsm doctor`: from the settings to each service, what works and what to do about what does not."""

import email.utils
import socket
import ssl
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx
import typer

from cli.errors import CliError, ExitCode, Problem
from cli.session import Form, Session, Trace, opened

SKEW_SECONDS = 30.0
"""A clock that is off by more has tokens refused."""
EXPIRY_DAYS = 14
SLOW_MS = 500
PROBES: Mapping[str, str] = {
    "incident": "/api/v1/incidents?pageSize=1",
    "asset": "/api/v1/assets?pageSize=1",
    "monitor": "/api/v1/alerts?pageSize=1",
    "auth": "/api/v1/users:whoami",
    "analytics": "/api/v1/kpis",
}
"""A cheap question for each service."""


@dataclass(frozen=True)
class Finding:
    """What one look found; `state` is ok, warn or fail."""

    check: str
    state: str
    detail: str
    hint: str = ""


Management = Annotated[
    list[str] | None,
    typer.Option(help="Management address of a process, such as http://127.0.0.1:8081, to list its plugins; more than once."),
]


def doctor(management: Management = None, output: Form = None, trace: Trace = False) -> None:
    """Look at the way from here to every service, and say what is wrong with it. Ends with 1 where something fails."""
    with opened(output, trace=trace) as session:
        found = [*_findings(session), *(each for address in management or () for each in _plugins(address))]
        marks = {"ok": "● ok", "warn": "▲ warn", "fail": "✗ fail"}
        rows = [{"check": each.check, "state": each.state, "detail": each.detail, "hint": each.hint} for each in found]
        if session.out.form == "table":
            rows = [{**row, "state": marks[row["state"]]} for row in rows]
        session.out.records(rows, ("state", "check", "detail", "hint"))
        if any(each.state == "fail" for each in found):
            session.failed = ExitCode.ERROR


def _findings(session: Session) -> Iterator[Finding]:
    yield _looked("sign-in is private", lambda: _private(session))
    try:
        parts = urlsplit(session.url)
    except CliError as error:
        yield Finding("address", "fail", error.message, error.hint)
        return
    yield Finding("address", "ok", session.url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    reached = _looked("network", lambda: _reached(host, port))
    yield reached
    if reached.state == "fail":
        return
    if parts.scheme == "https":
        yield _looked("certificate", lambda: _certificate(host, port))
    yield from _answering(session)
    yield from (_looked(f"service {name}", partial(_served, session, path)) for name, path in PROBES.items())
    yield _looked("live stream", lambda: _streamed(session))


def _plugins(address: str) -> Iterator[Finding]:
    """What a process says of the plugins that it was told to load."""
    check = f"plugins of {address}"
    try:
        answer = httpx.get(f"{address.rstrip('/')}/plugins", timeout=10)
        listed = answer.json()["plugins"] if answer.is_success else []
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        yield Finding(check, "fail", f"it does not answer as a process of the platform: {error}", "is this a management port?")
        return
    if not listed:
        yield Finding(check, "ok", "it was told to load none")
    for each in listed:
        name, hint = f"plugin {each['kind']}:{each['name']}", "see its log, or take it out of ITSM_PLUGINS"
        if each["state"] == "loaded":
            yield Finding(name, "ok", f"{each['package']} at {address}")
        else:
            yield Finding(name, "fail", f"{each['problem']} ({address})", hint)


def _looked(check: str, look: Callable[[], tuple[str, str, str]]) -> Finding:
    """One look; what it cannot see is a failure that is told like any other."""
    try:
        return Finding(check, *look())
    except CliError as error:
        detail = error.in_one_line() if isinstance(error, Problem) else error.message
        return Finding(check, "fail", detail, error.hint)
    except (OSError, httpx.HTTPError) as error:
        return Finding(check, "fail", str(error) or type(error).__name__, "is the platform up, and is the way to it open?")


def _private(session: Session) -> tuple[str, str, str]:
    if session.settings.token.get_secret_value():
        return "ok", "the token comes from ITSM_TOKEN; nothing is stored", ""
    files = [path for path in session.settings.config_dir.glob("*") if path.is_file()]
    open_ = [path.name for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077]
    if open_:
        return "fail", f"others may read {', '.join(open_)} in {session.settings.config_dir}", "chmod 600, and sign in again"
    return "ok", f"{session.settings.config_dir} is yours alone", ""


def _reached(host: str, port: int) -> tuple[str, str, str]:
    began = time.monotonic()
    with socket.create_connection((host, port), timeout=5) as connection:
        address = connection.getpeername()[0]
    return "ok", f"{address}:{port} in {(time.monotonic() - began) * 1000:.0f} ms", ""


def _certificate(host: str, port: int) -> tuple[str, str, str]:
    context = ssl.create_default_context()
    with socket.create_connection((host, port), timeout=5) as plain, context.wrap_socket(plain, server_hostname=host) as secure:
        ends: Any = (secure.getpeercert() or {}).get("notAfter", "")
    left = (datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC) - datetime.now(UTC)).days
    if left < EXPIRY_DAYS:
        return "warn", f"it ends in {left} days", "renew it"
    return "ok", f"trusted, {left} days left", ""


def _answering(session: Session) -> Iterator[Finding]:
    """What the platform says of itself without a sign-in: its version and its clock."""
    try:
        response = httpx.get(f"{session.url}/api/v1/openapi.json", timeout=10)
        theirs = str(response.json().get("info", {}).get("version", "")) if response.is_success else ""
    except (httpx.HTTPError, ValueError) as error:
        yield Finding("platform", "fail", f"{session.url} does not answer as a platform: {error}", "is the address right?")
        return
    if not theirs:
        yield Finding("platform", "fail", f"it answers {response.status_code}", "is the address right?")
        return
    yield Finding("platform", "ok", f"API {theirs}; this program is {version('itsm')}")
    if date := response.headers.get("date", ""):
        off = time.time() - email.utils.parsedate_to_datetime(date).timestamp()
        hint = "" if abs(off) < SKEW_SECONDS else "set the clock: tokens are refused when it is off"
        yield Finding("clock", "fail" if hint else "ok", f"{off:+.0f} s from the platform's", hint)


def _served(session: Session, path: str) -> tuple[str, str, str]:
    began = time.monotonic()
    try:
        found = session.client.get(path)
    except Problem as problem:
        if problem.status == 403:
            return "ok", "answers; your roles do not allow to look", ""
        raise
    took = (time.monotonic() - began) * 1000
    who = f" as {found['subject']}, {', '.join(found.get('roles', []))}" if path.endswith("whoami") else ""
    return ("warn" if took > SLOW_MS else "ok"), f"answers in {took:.0f} ms{who}", "slow" if took > SLOW_MS else ""


def _streamed(session: Session) -> tuple[str, str, str]:
    headers = {"authorization": f"Bearer {session.token()}", "accept": "text/event-stream"}
    with httpx.stream("GET", f"{session.url}/api/v1/stream?topics=incidents", headers=headers, timeout=10) as response:
        if response.status_code == 403:
            return "ok", "answers; your roles do not allow to listen", ""
        if not response.is_success:
            response.read()
            return "fail", f"it answers {response.status_code}", "a proxy in between may not let streams through"
        next(response.iter_raw(), b"")
    return "ok", "open", ""
