"""`itsm inc …`: incidents, from a list to a verb on several at once."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from cli import attachments, jobs
from cli.client import segment
from cli.errors import CliError
from cli.output import dumps
from cli.session import DryRun, Filter, Form, Session, Trace, opened
from cli.show import incident_page, incident_row

app = typer.Typer(no_args_is_help=True, help="Incidents: list, show, open, work on.")

PATH = "/api/v1/incidents"
COLUMNS = ("number", "priority", "state", "title", "teamId", "assigneeId", "updateTime")
WIDE = 100
"""Columns of a terminal from which on a list shows the team."""
CSV_COLUMNS = (
    "number", "title", "state", "holdReason", "priority", "impact", "urgency", "source", "serviceId", "category", "requesterId",
    "teamId", "assigneeId", "resolutionCode", "reopenCount", "reassignmentCount", "createTime", "updateTime", "resolveTime",
    "closeTime", "id", "etag",
)  # fmt: skip

Numbers = Annotated[list[str], typer.Argument(metavar="NUMBER", help="INC0001042, or the id; several at once.")]
Etag = Annotated[str, typer.Option("--etag", help="Only if the incident is still at this version; for one incident.")]


@app.command("list")
def list_(
    filter_: Filter = "",
    order: Annotated[str, typer.Option("--order-by", help="As in 'updateTime desc'.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Every one that matches.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many at most.")] = 50,
    fields: Annotated[str, typer.Option("--fields", help="Columns, as in number,title,state.")] = "",
    output: Form = None,
    trace: Trace = False,
) -> None:
    """List incidents, the newest first."""
    with opened(output, trace=trace) as session:
        wanted = tuple(name.strip() for name in fields.split(",") if name.strip())
        table = session.out.form == "table"
        columns = wanted or (_shown(session) if table else CSV_COLUMNS)
        found = session.client.pages(PATH, "incidents", limit=None if every else limit, filter=filter_, orderBy=order)
        records = ({name: record.get(name) for name in wanted} for record in found) if wanted else found
        count = session.out.records(
            (incident_row(record) for record in records) if table else records, columns, empty="no incident matches"
        )
        if table and not every and count == limit:
            session.out.say(f"the first {limit}; more with --limit or --all", "dim")


@app.command()
def show(
    numbers: Numbers,
    timeline: Annotated[bool, typer.Option("--timeline", help="With what happened to it.")] = False,
    output: Form = None,
    trace: Trace = False,
) -> None:
    """Show incidents with all they hold."""
    with opened(output, trace=trace) as session:

        def one(number: str) -> None:
            path = f"{PATH}/{segment(number)}"
            record = session.send("GET", path).data
            entries = list(session.client.pages(f"{path}/timeline", "entries", limit=200)) if timeline else None
            whole = record if entries is None else {**record, "timeline": entries}
            session.out.record(whole, lambda: incident_page(record, entries), CSV_COLUMNS)

        _each(session, numbers, one)


@app.command()
def create(
    title: Annotated[str, typer.Option("-t", "--title", help="What is broken, in one line.")],
    description: Annotated[str, typer.Option("-d", "--description", help="What was seen; '-' reads it from stdin.")] = "",
    service: Annotated[str, typer.Option("-s", "--service", help="The business service that suffers.")] = "",
    asset: Annotated[list[str] | None, typer.Option("--asset", "--ci", help="An asset that is involved; repeat it.")] = None,
    impact: Annotated[str, typer.Option("--impact", help="high, medium or low.")] = "",
    urgency: Annotated[str, typer.Option("--urgency", help="high, medium or low.")] = "",
    category: Annotated[str, typer.Option("--category", help="What kind of trouble.")] = "",
    requester: Annotated[str, typer.Option("--requester", help="Who reported it; you when not said.")] = "",
    dedup_key: Annotated[str, typer.Option("--dedup-key", help="One open incident per key.")] = "",
    output: Form = None,
    dry_run: DryRun = False,
    trace: Trace = False,
) -> None:
    """Open an incident."""
    incident = {
        "title": title,
        "description": _text(description),
        "serviceId": service,
        "assetIds": asset or [],
        "impact": impact.upper(),
        "urgency": urgency.upper(),
        "category": category,
        "requesterId": requester,
        "dedupKey": dedup_key,
    }
    body = {name: value for name, value in incident.items() if value}
    with opened(output, trace=trace) as session:
        if record := _write(session, PATH, body, dry_run=dry_run):
            session.out.record(record, lambda: incident_page(record, None), CSV_COLUMNS)


@app.command()
def assign(
    numbers: Numbers,
    team: Annotated[str, typer.Option("--team", help="The team that gets it.")],
    to: Annotated[str, typer.Option("--to", help="The person; the team's queue when not said.")] = "",
    etag: Etag = "",
    output: Form = None,
    dry_run: DryRun = False,
    trace: Trace = False,
) -> None:
    """Give incidents to a team, or to one of its people."""
    _verb("assign", numbers, {"teamId": team, "assigneeId": to}, etag, output, dry_run=dry_run, trace=trace)


@app.command()
def start(numbers: Numbers, etag: Etag = "", output: Form = None, dry_run: DryRun = False, trace: Trace = False) -> None:
    """Say that work has begun."""
    _verb("start", numbers, {}, etag, output, dry_run=dry_run, trace=trace)


@app.command()
def hold(
    numbers: Numbers,
    reason: Annotated[str, typer.Option("--reason", help="caller, vendor, change, problem or scheduled.")],
    note: Annotated[str, typer.Option("-m", "--note", help="What the reporter is told; needed to wait for the caller.")] = "",
    etag: Etag = "",
    output: Form = None,
    dry_run: DryRun = False,
    trace: Trace = False,
) -> None:
    """Put work on hold, saying what it waits for."""
    body = {"reason": reason.upper(), "note": _text(note)}
    _verb("hold", numbers, body, etag, output, dry_run=dry_run, trace=trace)


@app.command()
def resume(numbers: Numbers, etag: Etag = "", output: Form = None, dry_run: DryRun = False, trace: Trace = False) -> None:
    """Take work up again."""
    _verb("resume", numbers, {}, etag, output, dry_run=dry_run, trace=trace)


@app.command()
def resolve(
    numbers: Numbers,
    resolution: Annotated[str, typer.Option("-m", "--resolution", help="How it ended, in words; '-' reads stdin.")],
    code: Annotated[str, typer.Option("--code", help="fixed, workaround, duplicate, not-reproducible.")] = "fixed",
    etag: Etag = "",
    output: Form = None,
    dry_run: DryRun = False,
    trace: Trace = False,
) -> None:
    """Resolve incidents."""
    body = {"resolutionCode": code, "resolution": _text(resolution)}
    _verb("resolve", numbers, body, etag, output, dry_run=dry_run, trace=trace)


@app.command()
def reopen(
    numbers: Numbers,
    reason: Annotated[str, typer.Option("-m", "--reason", help="Why it is not over.")],
    etag: Etag = "",
    output: Form = None,
    dry_run: DryRun = False,
    trace: Trace = False,
) -> None:
    """Take resolved incidents up again."""
    _verb("reopen", numbers, {"reason": _text(reason)}, etag, output, dry_run=dry_run, trace=trace)


@app.command()
def close(numbers: Numbers, etag: Etag = "", output: Form = None, dry_run: DryRun = False, trace: Trace = False) -> None:
    """Close resolved incidents for good."""
    _verb("close", numbers, {}, etag, output, dry_run=dry_run, trace=trace)


@app.command()
def cancel(
    numbers: Numbers,
    reason: Annotated[str, typer.Option("-m", "--reason", help="duplicate, false-alarm, or in words.")],
    etag: Etag = "",
    output: Form = None,
    dry_run: DryRun = False,
    trace: Trace = False,
) -> None:
    """Withdraw incidents that were none."""
    _verb("cancel", numbers, {"reason": _text(reason)}, etag, output, dry_run=dry_run, trace=trace)


@app.command()
def note(
    numbers: Numbers,
    text: Annotated[str, typer.Option("-m", "--message", help="What to say; '-' reads it from stdin.")],
    public: Annotated[bool, typer.Option("--public", help="The reporter may read it.")] = False,
    output: Form = None,
    dry_run: DryRun = False,
    trace: Trace = False,
) -> None:
    """Say something about incidents."""
    body = {"text": _text(text), "public": public}
    with opened(output, trace=trace) as session:

        def one(number: str) -> None:
            record = _write(session, f"{PATH}/{segment(number)}/notes", body, dry_run=dry_run)
            if record and session.out.form == "table":
                session.out.say(f"{number}: {'told the reporter' if public else 'noted'}", "green")
            elif record:
                session.out.records([record], list(record))

        _each(session, numbers, one)


def _verb(verb: str, numbers: list[str], body: dict[str, str], etag: str, output: Form, *, dry_run: bool, trace: bool) -> None:
    """The verb on each incident; one that fails does not keep the others."""
    if etag and len(numbers) > 1:
        raise typer.BadParameter("--etag is about one incident")
    said = {name: value for name, value in body.items() if value}
    with opened(output, trace=trace) as session:
        done: list[dict[str, Any]] = []

        def one(number: str) -> None:
            record = _write(session, f"{PATH}/{segment(number)}:{verb}", said, etag=etag, dry_run=dry_run)
            if record:
                done.append(record)

        _each(session, numbers, one)
        if done:
            table = session.out.form == "table"
            session.out.records(
                [incident_row(each) for each in done] if table else done, _shown(session) if table else CSV_COLUMNS
            )


def _shown(session: Session) -> tuple[str, ...]:
    """The columns of a list; without the team where the terminal is narrow."""
    return COLUMNS if session.out.console.width >= WIDE else tuple(name for name in COLUMNS if name != "teamId")


def _each(session: Session, numbers: list[str], one: Callable[[str], None]) -> None:
    for number in dict.fromkeys(numbers):
        try:
            one(number)
        except CliError as error:
            session.fail(error, number)


def _write(session: Session, path: str, body: dict[str, Any], *, etag: str = "", dry_run: bool = False) -> Any:
    """What the platform answers; None for a dry run, which prints the request."""
    if dry_run:
        print(dumps({"method": "POST", "path": path, "body": body, **({"ifMatch": etag} if etag else {})}))
        return None
    return session.send("POST", path, body=body, etag=etag).data


def _text(given: str) -> str:
    """The text, or all of stdin for '-'."""
    return typer.get_text_stream("stdin").read().rstrip("\n") if given == "-" else given


app.command("bulk")(jobs.bulk("incidents"))
attachments.add_to(app)
