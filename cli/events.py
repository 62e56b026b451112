"""`itsm events …`: what happens, as it happens; past events told again; events that a service gave up on.

`--dry-run` asks the platform, which says what would be done and writes nothing. What is done is in the audit log.
"""

import time
from collections.abc import Callable
from typing import Annotated, Any

import typer

from cli.client import segment
from cli.contract import PREFIX
from cli.errors import CliError
from cli.following import Stream
from cli.output import Format, clean, dumps, styled
from cli.session import Filter, Form, Session, Trace, opened
from cli.show import record_page

app = typer.Typer(no_args_is_help=True, help="Events: follow them, tell them again, look after those that went wrong.")
dlq = typer.Typer(no_args_is_help=True, help="Events that a service could not process and gave up on.")
app.add_typer(dlq, name="dlq")

SERVICES = ("asset", "incident", "monitor", "auth", "analytics", "gateway")
LETTERS = ("service", "state", "reason", "type", "subject", "attempts", "time", "id")
COLUMNS = ("time", "type", "subject", "version", "id")
_ASKED_AGAIN = 0.5  # seconds

Service = Annotated[str, typer.Argument(metavar="SERVICE", help=f"Whose: {', '.join(SERVICES)}.")]
Ids = Annotated[list[str], typer.Argument(metavar="ID", help="The dead letter, as `dlq list` names it; several at once.")]
WhatIf = Annotated[bool, typer.Option("--dry-run", help="Only ask what would be done; nothing is written.")]


@app.command()
def tail(
    topics: Annotated[
        list[str] | None, typer.Argument(metavar="TOPIC", help="Kinds of records (incidents) or records (incidents/inc_1).")
    ] = None,
    types: Annotated[list[str] | None, typer.Option("--type", help="Only types that begin or end so; repeat it.")] = None,
    count: Annotated[int | None, typer.Option("--count", min=1, help="End after so many; never when not said.")] = None,
    after: Annotated[str, typer.Option("--after", help="Go on behind this position, which an earlier run told.")] = "",
    output: Form = None,
) -> None:
    """Follow what happens, of the records that you may see, until Ctrl-C.

    A broken connection is made again and goes on where it was. At its end it tells the position to go on from.
    """
    with opened(output) as session:
        wanted = tuple(types or ())
        stream = Stream(session.client, topics or (), after, session.out.say)
        show = _shown(session)
        left = count or -1
        try:
            for event in stream.events():
                meant = not wanted or event["type"].startswith(wanted) or event["type"].endswith(wanted)
                if meant:
                    show(event)
                    left -= 1
                stream.take()
                if meant and left == 0:
                    break
        finally:
            if stream.cursor:
                session.out.say(f"go on with: --after {stream.cursor}", "dim")


def _shown(session: Session) -> Callable[[dict[str, Any]], None]:
    """How an event is written at once, in the form that is asked for."""
    match session.out.form:
        case Format.TABLE:
            return lambda event: session.out.console.print(
                styled(event["time"]), clean(event["type"].rpartition(".")[2]), clean(event["subject"]), f"v{event['version']}"
            )
        case Format.CSV:
            raise CliError("events are no table; choose -o jsonl")
        case _:
            return lambda event: print(dumps(event), flush=True)


@app.command()
def replay(
    service: Service,
    start: Annotated[str, typer.Option("--from", help="From when on, as in 2026-01-31T12:00:00Z.")],
    end: Annotated[str, typer.Option("--to", help="Until when; now when not said.")] = "",
    types: Annotated[list[str] | None, typer.Option("--type", help="Only this type, its full name; repeat it.")] = None,
    subject: Annotated[str, typer.Option("--subject", help="Only about this record, as in incidents/inc_1.")] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Come back when all of them are out.")] = False,
    dry_run: WhatIf = False,
    output: Form = None,
    trace: Trace = False,
) -> None:
    """Publish past events of your tenant again, with the ids they had: who has seen them drops them."""
    wish: dict[str, Any] = {"startTime": start, "endTime": end, "types": types or [], "subject": subject}
    body = {name: value for name, value in wish.items() if value}
    with opened(output, trace=trace) as session:
        path = f"{_path(service)}/replays"
        found = session.send("POST", path, query={"dryRun": "true"} if dry_run else None, body=body).data
        while wait and not dry_run and found["state"] != "DONE":
            time.sleep(_ASKED_AGAIN)
            found = session.client.get(f"{path}/{segment(found['id'])}")
        session.out.record(found, lambda: record_page(found))
        session.out.say(f"{found['published']} events {'would be published' if dry_run else 'are published so far'}", "dim")


@dlq.command("list")
def list_(
    services: Annotated[list[str] | None, typer.Argument(metavar="SERVICE", help="Whose; of all when not said.")] = None,
    filter_: Filter = "",
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many of each service at most.")] = 50,
    output: Form = None,
    trace: Trace = False,
) -> None:
    """List dead letters, the newest first; those that are open unless --filter says otherwise."""
    with opened(output, trace=trace) as session:
        found = (
            {"service": name, **letter}
            for name in services or SERVICES
            for letter in session.client.pages(_letters(name), "deadLetters", limit=limit, filter=filter_)
        )
        session.out.records(found, LETTERS, empty="no dead letters")


@dlq.command()
def show(service: Service, ids: Ids, output: Form = None, trace: Trace = False) -> None:
    """Show dead letters with the record as it came: headers, and the value in base64."""
    with opened(output, trace=trace) as session:

        def one(id_: str) -> None:
            found = session.send("GET", f"{_letters(service)}/{segment(id_)}").data
            session.out.record(found, lambda: record_page({**found["deadLetter"], **found}))

        _each(session, ids, one)


@dlq.command()
def requeue(service: Service, ids: Ids, dry_run: WhatIf = False, output: Form = None, trace: Trace = False) -> None:
    """Have dead letters handled again, once what was wrong is mended."""
    _act(service, ids, "requeue", {}, dry_run=dry_run, output=output, trace=trace)


@dlq.command()
def discard(
    service: Service,
    ids: Ids,
    reason: Annotated[str, typer.Option("-m", "--reason", help="Why nobody needs them.")],
    dry_run: WhatIf = False,
    output: Form = None,
    trace: Trace = False,
) -> None:
    """Give dead letters up for good; later versions of their records go on without them."""
    _act(service, ids, "discard", {"reason": reason}, dry_run=dry_run, output=output, trace=trace)


def _act(
    service: str, ids: list[str], verb: str, said: dict[str, Any], *, dry_run: bool, output: Format | None, trace: bool
) -> None:
    body = {**said, "dryRun": True} if dry_run else said
    with opened(output, trace=trace) as session:

        def one(id_: str) -> None:
            found = session.send("POST", f"{_letters(service)}/{segment(id_)}:{verb}", body=body).data
            session.out.record({"service": service, **found}, lambda: record_page(found))
            session.out.say(f"{id_}: {found['state'].lower()}{' (would be)' if dry_run else ''}", "dim")

        _each(session, ids, one)


def _each(session: Session, ids: list[str], work: Callable[[str], None]) -> None:
    """All of them, also after a failure."""
    for id_ in ids:
        try:
            work(id_)
        except CliError as error:
            session.fail(error, id_)


def _path(service: str) -> str:
    if service not in SERVICES:
        raise CliError(f"{service!r} is no service", hint=f"one of {', '.join(SERVICES)}")
    return f"{PREFIX}services/{service}"


def _letters(service: str) -> str:
    return f"{_path(service)}/deadLetters"
