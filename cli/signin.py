"""`itsm login`, `logout`, `whoami`, `status`: who you are to the platform, and how it is."""

import sys
import time
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.prompt import Prompt
from rich.table import Table
from rich.text import Text

from cli import device
from cli.client import Client
from cli.credentials import Credentials
from cli.errors import CliError, Problem
from cli.output import styled
from cli.session import Form, Session, Trace, checked, in_the_open, opened, visible

ME = "/api/v1/users:whoami"
OPEN = "state IN (NEW, ASSIGNED, IN_PROGRESS, ON_HOLD)"
COUNTS = {
    "open": OPEN,
    "openP1": f"{OPEN} AND priority = P1",
    "unassigned": f"{OPEN} AND NOT assigneeId:*",
    "onHold": "state = ON_HOLD",
}
"""What `itsm status` counts."""


def login(
    url: Annotated[str, typer.Option("--url", help="Address of the platform; the one before when not said.")] = "",
    token: Annotated[bool, typer.Option("--token", help="Take a personal access token from a prompt, or from stdin.")] = False,
    on_device: Annotated[bool, typer.Option("--device", help="Confirm in a browser, on this or another device.")] = False,
    output: Form = None,
    trace: Trace = False,
) -> None:
    """Sign in and remember it, in a file that only you can read."""
    if token == on_device:
        raise typer.BadParameter("say one of --token and --device")
    with opened(output, trace=trace) as session:
        address = checked(url) if url else session.url
        if in_the_open(address):
            session.out.say(f"{address} is not encrypted: your token can be read on the way", "yellow")
        if token:
            found = Credentials(url=address, token=_token(session))
        else:
            found = device.sign_in(address, lambda invitation: _invite(session, invitation))
        client = Client(address, lambda: found.token)
        try:
            me = client.get(ME)
        finally:
            client.close()
        path = found.save(session.settings.config_dir)
        session.out.say(f"Signed in at {address} as {_name(me)}.", "green")
        session.out.say(f"Kept in {path}.", "dim")


def logout(output: Form = None) -> None:
    """Forget the stored sign-in. A personal access token stays valid until it is revoked."""
    with opened(output) as session:
        gone = Credentials.forget(session.settings.config_dir)
        session.out.say("Signed out." if gone else "Nobody was signed in.")


def whoami(output: Form = None, trace: Trace = False) -> None:
    """Show who you are to the platform, and what you may do."""
    with opened(output, trace=trace) as session:
        me = session.send("GET", ME).data
        record = {"url": session.url, **me}
        session.out.record(record, lambda: _facts({**record, "permissions": _grouped(me.get("permissions", []))}))


def status(output: Form = None, trace: Trace = False) -> None:
    """Show whether the platform answers, and how much is open."""
    with opened(output, trace=trace) as session:
        begun = time.perf_counter()
        me = session.send("GET", ME).data
        milliseconds = round((time.perf_counter() - begun) * 1000)
        found: dict[str, Any] = {"url": session.url, "answersInMs": milliseconds, "user": _name(me), "incidents": None}
        try:
            found["incidents"] = {name: _count(session, text) for name, text in COUNTS.items()}
        except Problem as problem:
            session.fail(problem, "incidents")
        session.out.record(found, lambda: _state(found))


def _count(session: Session, text: str) -> int | str:
    counted = session.send("GET", "/api/v1/incidents:count", query={"filter": text}).data
    return f"{counted['value']}+" if counted.get("capped") else int(counted["value"])


def _token(session: Session) -> str:
    if sys.stdin.isatty():
        given = Prompt.ask("Personal access token", password=True, console=session.out.talk)
    else:
        given = sys.stdin.readline(8192)
    if not given.strip():
        raise CliError("no token was given", hint="pass it on stdin: itsm login --url URL --token < token.txt")
    return visible("the token", given.strip())


def _invite(session: Session, invitation: device.Invitation) -> None:
    say = session.out.say
    say(f"Open {invitation.complete_address}")
    say(f"and confirm the code {invitation.code}", "bold")
    say(f"within {invitation.seconds / 60:.0f} minutes. Waiting …", "dim")


def _name(me: dict[str, Any]) -> str:
    for name in ("username", "subject"):
        if isinstance(me.get(name), str) and me[name]:
            return str(me[name])
    return "somebody"


def _facts(record: dict[str, Any]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in record.items():
        if value not in ("", None, [], {}):
            table.add_row(name, styled(value))
    return table


def _grouped(permissions: list[str]) -> str:
    """`incidents: get, list; kpis: get`: there are many, and most share their resource."""
    verbs: dict[str, list[str]] = {}
    for permission in sorted(permissions):
        resource, _, verb = permission.rpartition(".")
        verbs.setdefault(resource, []).append(verb)
    return "; ".join(f"{resource}: {', '.join(found)}" if resource else ", ".join(found) for resource, found in verbs.items())


def _state(found: dict[str, Any]) -> RenderableType:
    head = Text.assemble(
        ("● ", "green"), (found["url"], "bold"), f"  answers in {found['answersInMs']} ms", "  as ", found["user"]
    )
    counts = found["incidents"]
    if counts is None:
        return head
    line = Text("  ")
    for label, name, style in (
        ("open", "open", "bold"),
        ("P1", "openP1", "bold red"),
        ("unassigned", "unassigned", "yellow"),
        ("on hold", "onHold", "magenta"),
    ):
        line.append(f"{counts[name]} ", style if counts[name] else "dim").append(f"{label}   ", "dim")
    return Group(head, line)
