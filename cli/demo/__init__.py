"""`itsm demo …`: a tenant that looks as if people had worked in it for months, made for whoever wants to look around."""

import json
import threading
import time
from pathlib import Path
from typing import Annotated

import typer

from cli.demo import making
from cli.demo.cast import ADMIN
from cli.demo.platform import Platform
from cli.errors import CliError
from cli.session import Form, Session, opened

app = typer.Typer(
    no_args_is_help=True,
    help="A tenant to look around in: made, counted, removed. It is called `demo`, and marked so everywhere.",
)

People = Annotated[
    Path | None,
    typer.Option(
        "--people", exists=True, dir_okay=False, help="Tokens of its people by sign-in name, as JSON; else you do it all."
    ),
]
_TOLD_EVERY = 2.0


class _Progress:
    """Says how far each kind of thing is, now and then, and at the end of each."""

    def __init__(self, session: Session) -> None:
        self._session, self._last, self._lock = session, 0.0, threading.Lock()

    def __call__(self, name: str, done: int, whole: int) -> None:
        with self._lock:
            if done == whole or time.monotonic() - self._last > _TOLD_EVERY:
                self._last = time.monotonic()
                self._session.out.say(f"{name}: {done}" + (f" of {whole}" if whole > 1 else ""), "dim")


def _platform(session: Session, people: Path | None) -> Platform:
    tokens = json.loads(people.read_text()) if people else {}
    return Platform(session.url, tokens or {ADMIN: session.token()})


@app.command()
def make(
    people: People = None,
    scale: Annotated[
        float, typer.Option("--scale", min=0.01, max=5, help="How much of it; 1 is 2,000 assets and a quarter.")
    ] = 1.0,
    seed: Annotated[int, typer.Option("--seed", help="Another seed makes another company.")] = 1,
    ingest: Annotated[str, typer.Option("--ingest", help="Where the platform takes alerts; without it there are none.")] = "",
    inventory: Annotated[bool, typer.Option("--inventory/--no-inventory", help="Take this machine in, too.")] = True,
    again: Annotated[bool, typer.Option("--again", help="Remove what is there first.")] = False,
    output: Form = None,
) -> None:
    """Make it: an estate, a quarter of tickets, changes, knowledge, a month of alerts. Needs the tenant and its people."""
    with opened(output) as session:
        there, progress, began = _platform(session, people), _Progress(session), time.monotonic()
        if again:
            making.remove(there, progress)
        elif making.status(there)["incidents"]:
            raise CliError("there is one already", hint="--again removes it first")
        making.make(there, making.Wish(seed, scale, ingest, inventory), progress)
        there.close()
        session.out.say(f"made in {time.monotonic() - began:.0f} s", "dim")


@app.command()
def status(people: People = None, output: Form = None) -> None:
    """Say how many records of each kind there are."""
    with opened(output) as session:
        there = _platform(session, people)
        session.out.record(
            found := making.status(there), lambda: "\n".join(f"{number:>6,} {name}" for name, number in found.items())
        )
        there.close()


@app.command()
def remove(people: People = None, output: Form = None) -> None:
    """Take everything away that there is in it; its people stay and find it empty."""
    with opened(output) as session:
        there = _platform(session, people)
        removed = making.remove(there, _Progress(session))
        there.close()
        session.out.say(f"{removed} documents are gone", "dim")
