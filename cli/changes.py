"""`itsm chg gate`: asks whether a change may be made now, so that a pipeline makes it in its window and at no other time.

Ends with 0 when it may, with 3 when it may not yet, and with 7 when waiting is in vain.
"""

import time
from typing import Annotated, Any

import typer

from cli.client import segment
from cli.contract import PREFIX
from cli.errors import ExitCode
from cli.session import Form, Session, Trace, opened

app = typer.Typer()

PATH = f"{PREFIX}changes"
_FIRST_LOOK, _LAST_LOOK = 1.0, 30.0
COLUMNS = ("number", "state", "open", "pending", "reasons", "startTime", "endTime")


@app.command()
def gate(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="CHG0001042, or the id.")],
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it may be made, or never can be.")] = False,
    timeout: Annotated[float, typer.Option("--timeout", min=0, help="Wait so many minutes at most.")] = 60,
    start: Annotated[bool, typer.Option("--start", help="Say that it is being made as soon as it may.")] = False,
    output: Form = None,
    trace: Trace = False,
) -> None:
    """Ask whether a change may be made now; 0 is yes, 3 not yet, 7 never."""
    with opened(output, trace=trace) as session:
        found = _waited(session, number, timeout * 60) if wait else _look(session, number)
        if found["open"] and start and found["state"] != "IMPLEMENT":
            session.send("POST", f"{PATH}/{segment(number)}:start", body={})
            found = _look(session, number)
        session.out.record(found, lambda: _said(found), COLUMNS)
        if not found["open"]:
            session.failed = ExitCode.PENDING if found["pending"] else ExitCode.CONFLICT


def _look(session: Session, number: str) -> dict[str, Any]:
    found: dict[str, Any] = session.client.get(f"{PATH}/{segment(number)}:gate")
    return found


def _waited(session: Session, number: str, seconds: float) -> dict[str, Any]:
    """The gate once it is open or will never be, or when the time is over. Says each new reason once."""
    until, pause, told = time.monotonic() + seconds, _FIRST_LOOK, ""
    while True:
        found = _look(session, number)
        left = until - time.monotonic()
        if found["open"] or not found["pending"] or left <= 0:
            return found
        if (said := _said(found)) != told:
            session.out.say(said, "dim")
            told = said
        time.sleep(min(pause, left))
        pause = min(pause * 2, _LAST_LOOK)


def _said(found: dict[str, Any]) -> str:
    answer = "may be made now" if found["open"] else "; ".join(found["reasons"])
    return f"{found['number']} ({found['state']}): {answer}"
