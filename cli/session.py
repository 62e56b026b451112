"""One run of a command: its settings, its output, its connection; and the options that most commands share."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from pydantic import ValidationError

from cli import device
from cli.client import PATIENCE, Answer, Client
from cli.credentials import Credentials
from cli.errors import CliError, ExitCode, Problem, SignInNeeded
from cli.output import Format, Output
from cli.settings import CliSettings

Form = Annotated[Format | None, typer.Option("-o", "--output", help="A table on a terminal, JSON Lines in a pipe.")]
Trace = Annotated[bool, typer.Option("--trace", help="Print the trace id of each request, to find it in the telemetry.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the request instead of sending it.")]
Filter = Annotated[str, typer.Option("--filter", help="Which ones: 'priority = P1 AND state IN (NEW, ASSIGNED)'.")]

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass
class Session:
    """What a command works with. The connection is made when it is first used."""

    out: Output
    trace: bool = False
    patience: float = PATIENCE
    failed: ExitCode = ExitCode.OK
    settings: CliSettings = field(default_factory=lambda: load())
    _renewing: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def stored(self) -> Credentials | None:
        """The stored sign-in, whatever address it is for."""
        return Credentials.load(self.settings.config_dir)

    @cached_property
    def url(self) -> str:
        """The address of the platform. Raises `SignInNeeded` where none is known."""
        url = self.settings.url or (self.stored.url if self.stored else "")
        if not url:
            raise SignInNeeded("no platform is known yet")
        return checked(url)

    def token(self) -> str:
        """The token for this address. Raises `SignInNeeded` where there is none."""
        if given := self.settings.token.get_secret_value():
            return visible("ITSM_TOKEN", given.strip())
        with self._renewing:
            return self._stored_token()

    def _stored_token(self) -> str:
        stored = self.stored
        if stored is None or stored.url != self.url:
            raise SignInNeeded(f"not signed in at {self.url}")
        if stored.renewal and time.time() > stored.renewal.expires - device.LEEWAY:
            stored = device.renewed(stored)
            stored.save(self.settings.config_dir)
            self.stored = stored
        return stored.token

    @cached_property
    def client(self) -> Client:
        """The connection, signed in."""
        return Client(self.url, self.token, told=self.out.say, patience=self.patience)

    def send(self, method: str, path: str, *, etag: str = "", **how: Any) -> Answer:
        """One request; tells its trace id where that is asked for."""
        if etag:
            visible("--etag", etag)
        answer = self.client.send(method, path, etag=etag, **how)
        self.traced(answer.trace_id)
        return answer

    def traced(self, trace_id: str) -> None:
        """Tells a trace id where that is asked for."""
        if self.trace and trace_id:
            self.out.say(f"trace {trace_id}", "dim")

    def fail(self, error: CliError, subject: str = "") -> None:
        """Tells a failure and goes on; the run ends with the code of the first."""
        report(self.out, error, trace=self.trace, subject=subject)
        self.failed = self.failed or error.code


@contextmanager
def opened(form: Format | None = None, *, trace: bool = False, patience: float = PATIENCE) -> Iterator[Session]:
    """A session that ends the run with the code of what failed in it."""
    session = Session(Output(form), trace, patience)
    try:
        yield session
    except CliError as error:
        session.fail(error)
    except BrokenPipeError as error:
        session.out.silence()
        raise typer.Exit(ExitCode.OK) from error
    finally:
        if "client" in session.__dict__:
            session.client.close()
    if session.failed:
        raise typer.Exit(session.failed)


def report(out: Output, error: CliError, *, trace: bool, subject: str = "") -> None:
    """Tells a failure: what, why, where in the request, and what to do about it."""
    lead = f"{subject}: " if subject else ""
    out.say(f"{lead}{error.message}", "bold red")
    if isinstance(error, Problem):
        pointed = [f"{pointer}: {message}" for pointer, message in error.errors]
        if error.detail and error.detail != "; ".join(pointed):
            out.say(f"  {error.detail}")
        for pointer, message in error.errors:
            out.say(f"  {pointer or '(request)'}  {message}", "red")
        if error.request_id and (trace or error.status >= 500):
            out.say(f"  request {error.request_id}", "dim")
        if trace and error.trace_id:
            out.say(f"  trace {error.trace_id}", "dim")
    if error.hint:
        out.say(f"  {error.hint}", "dim")


def checked(url: str) -> str:
    """The address without a slash at its end. Raises `CliError` for what is no http address."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise CliError(f"{url!r} is no address of a platform", hint="as in: https://itsm.example.com")
    return url.rstrip("/")


def in_the_open(url: str) -> bool:
    """Whether a token would go over a network unencrypted."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in LOCAL


def visible(name: str, text: str) -> str:
    """The text, fit for a header. Raises `CliError` that names it and does not show it."""
    if not text or any(not "!" <= character <= "~" for character in text):
        raise CliError(f"{name} may hold visible ASCII characters only")
    return text


def load() -> CliSettings:
    """The settings. Raises `CliError` naming the variable that is not right."""
    try:
        return CliSettings()
    except ValidationError as error:
        raise CliError(f"the environment is not right: {error}") from error
