"""`itsm import …`: what another system exports, taken over. The event log of a ServiceNow instance is of a kind of its own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import IO, Annotated, BinaryIO

import typer
from rich.console import RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from cli import servicenow
from cli.errors import CliError, ExitCode, SignInNeeded
from cli.importers import Importer, importers
from cli.importers.mapping import load, template
from cli.importers.report import Report
from cli.importers.running import KINDS, Bars, Run
from cli.importers.staging import Staging
from cli.output import Format, dumps
from cli.sending import Summary, send_all
from cli.session import Form, Session, Trace, opened
from cli.settings import CliSettings

app = typer.Typer(no_args_is_help=True, help="Take over what another system exports.")

SOURCE = "servicenow"
PATIENCE = 120.0
"""Seconds that a chunk waits for a busy platform: an import has more time than a person."""
TOLD = 20
"""Refusals that are told one by one on a terminal."""


class Kind(StrEnum):
    """What may be wanted of an export."""

    INCIDENTS = "incidents"
    ASSETS = "assets"
    RELATIONS = "relations"
    PEOPLE = "people"


_KINDS = {Kind.INCIDENTS: "incident", Kind.ASSETS: "asset", Kind.RELATIONS: "relation", Kind.PEOPLE: "person"}
_HELP = """Import from {title}: records of its interface as JSON, its lists as CSV, its exports as XML, in any order.

A dry run says what would happen, which words of {title} mean nothing yet and what would be left out; --write-map prints a map
to say what they mean. What was imported before is left as it is: an interrupted import is simply started again. A record that
cannot be used is told with its file, line and field and left out, the rest goes in; the exit code is then 1.{more}
"""
_EVENT_LOG = """

An incident event log (a single CSV file with a row for each update, in UTC) is recognized by its header; of the options, it
knows --dry-run.
"""

Files = Annotated[
    list[Path] | None,
    typer.Argument(metavar="FILE…", exists=True, dir_okay=False, help="The exported files.", show_default=False),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and change nothing.")]
Map = Annotated[Path | None, typer.Option("--map", exists=True, dir_okay=False, help="What their words mean here, as YAML.")]
WriteMap = Annotated[bool, typer.Option("--write-map", help="Print a map to fill in, with what the files hold, and end.")]
Only = Annotated[list[Kind] | None, typer.Option("--only", help="Take nothing else; repeat it.", show_default=False)]
ReportFile = Annotated[Path | None, typer.Option("--report", help="Write every refusal into this file, as JSON Lines.")]
Zone = Annotated[str, typer.Option("--zone", help="The zone of times that say none, as Europe/Berlin; the map's otherwise.")]
Encoding = Annotated[str, typer.Option("--encoding", help="Of CSV and JSON; seen from the file otherwise.")]


def _command(importer: Importer) -> Callable[..., None]:
    def run(
        files: Files = None,
        dry_run: DryRun = False,
        map_: Map = None,
        only: Only = None,
        report: ReportFile = None,
        write_map: WriteMap = False,
        zone: Zone = "",
        encoding: Encoding = "",
        output: Form = None,
        trace: Trace = False,
    ) -> None:
        given = files or []
        if importer.name == SOURCE and len(given) == 1 and not write_map and servicenow.is_log(given[0]):
            _event_log(given[0], dry_run, output, trace)
            return
        if not given and not write_map:
            raise typer.BadParameter("name the files", param_hint="FILE")
        wanted = frozenset(_KINDS[each] for each in only) if only else KINDS
        with opened(output, trace=trace, patience=PATIENCE) as session, Staging() as staging, ExitStack() as stack:
            meanings = load(importer.defaults, map_, zone=zone)
            kept = Report(importer.name, dry_run, stack.enter_context(_written(report)) if report else None)
            bars = stack.enter_context(Bars.on(session.out.talk))
            doing = Run(importer, meanings, staging, kept, wanted, bars)
            try:
                doing.read(given, encoding=encoding)
            except OSError as error:
                raise CliError(f"{error.filename} cannot be read: {error.strerror or error}") from error
            if write_map:
                doing.look()
                print("\n".join(template(importer.title, importer.defaults, meanings.unknown)))
                return
            _sent(session, doing, dry_run=dry_run)
            stack.pop_all().close()  # the bar is gone before the table comes
            _tell(session, doing)

    run.__doc__ = _HELP.format(title=importer.title, more=_EVENT_LOG.rstrip() if importer.name == SOURCE else "")
    return run


def _sent(session: Session, doing: Run, *, dry_run: bool) -> None:
    if dry_run:
        try:
            session.token()
        except SignInNeeded as error:
            doing.report.told.append(f"The platform was not asked what it would say: {error.message}.")
            doing.look()
            return
    try:
        doing.send(session.send, dry_run=dry_run)
    except (CliError, KeyboardInterrupt):
        if not dry_run:
            session.out.say("Stopped; the same command again goes on from there.", "yellow")
        raise


def _tell(session: Session, doing: Run) -> None:
    unknown = doing.meanings.unknown
    if session.out.form is Format.TABLE:
        session.out.console.print(doing.report.shown(unknown))
    elif session.out.form is Format.CSV:
        columns = ("file", "line", "kind", "number", "field", "reason")
        session.out.records([refusal.document() for refusal in doing.report.first], columns)
    elif session.out.form is Format.JSON:
        session.out.record(doing.report.document(unknown), lambda: "")
    else:
        print(doing.report.in_a_pipe(unknown))
    if doing.report.refused:
        session.failed = ExitCode.ERROR


def _written(file: Path) -> IO[str]:
    try:
        return file.open("w", encoding="utf-8")
    except OSError as error:
        raise CliError(f"{file} cannot be written: {error.strerror or error}") from error


def _event_log(file: Path, dry_run: bool, output: Format | None, trace: bool) -> None:
    """The incident event log of a ServiceNow instance."""
    with opened(output, trace=trace, patience=PATIENCE) as session:
        try:
            with file.open("rb") as log:
                summary, found = _run(session, log, dry_run=dry_run)
        except servicenow.UnreadableLog as error:
            raise CliError(f"{file} is no event log: {error}") from error
        except OSError as error:
            raise CliError(f"{file} cannot be read: {error.strerror or error}") from error
        document = {"dryRun": True, "incidents": found, **summary.document()} if dry_run else summary.document()
        if session.out.form == "table":
            session.out.console.print(_told(summary, found, dry_run=dry_run))
            _tell_refusals(session, summary)
        elif session.out.form == "csv":
            session.out.records([refusal.document() for refusal in summary.refused], ("line", "number", "reason"))
        else:
            session.out.record(document, lambda: "") if session.out.form == "json" else print(dumps(document))
        if summary.refused:
            session.failed = ExitCode.ERROR


def _run(session: Session, log: BinaryIO, *, dry_run: bool) -> tuple[Summary, int]:
    """Reads the log and sends what it holds. Returns what became of it, and how many incidents were in it."""
    known = servicenow.survey(log)
    log.seek(0)
    summary = Summary(known.rows)
    found = 0
    with ExitStack() as stack:
        progress = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("rows"),
            TimeRemainingColumn(), console=session.out.talk, transient=True, disable=not session.out.talk.is_terminal,
        )  # fmt: skip
        stack.enter_context(progress)
        task = progress.add_task("Checking" if dry_run else "Importing", total=known.rows)

        def usable() -> Iterator[servicenow.Imported]:
            nonlocal found
            for item in servicenow.read(log, known):
                if isinstance(item, servicenow.Refusal):
                    summary.refused.append(item)
                    progress.advance(task)
                else:
                    found += 1
                    yield item

        def done(rows: int) -> None:
            progress.advance(task, rows)

        if dry_run:
            for incident in usable():
                done(incident.rows)
        else:
            try:
                send_all(session.send, SOURCE, usable(), summary, done)
            except (CliError, KeyboardInterrupt):
                session.out.say(
                    f"Stopped after {summary.created} created and {summary.unchanged} unchanged; "
                    "the same command again goes on from there.",
                    "yellow",
                )
                raise
    summary.refused.sort(key=lambda refusal: refusal.line)
    return summary, found


def _told(summary: Summary, found: int, *, dry_run: bool) -> RenderableType:
    text = Text()
    if dry_run:
        text.append(f"{found:,} incidents", "bold").append(" can be imported")
    else:
        text.append(f"{summary.created:,} created", "bold green" if summary.created else "dim")
        text.append(", ").append(f"{summary.unchanged:,} unchanged", "bold" if summary.unchanged else "dim")
    text.append(", ").append(f"{len(summary.refused):,} refused", "bold red" if summary.refused else "dim")
    return text.append(f"  ({summary.rows:,} rows)", "dim")


def _tell_refusals(session: Session, summary: Summary) -> None:
    for refusal in summary.refused[:TOLD]:
        session.out.say(f"  line {refusal.line}  {refusal.number or '-'}  {refusal.reason}", "red")
    if len(summary.refused) > TOLD:
        session.out.say(f"  and {len(summary.refused) - TOLD:,} more; -o json names them all", "dim")


def _named() -> tuple[dict[str, Importer], list[str]]:
    try:
        return importers(CliSettings().plugins)
    except ValueError as error:  # told once a command is run, and no hindrance to those that ask for help
        return importers()[0], [f"the setting of the plugins is not right: {error}"]


_found, _wrong = _named()
for _name, _importer in _found.items():
    app.command(_name)(_command(_importer))


@app.callback()
def _others() -> None:
    """Take over what another system exports."""
    for wrong in _wrong:
        typer.echo(wrong, err=True)
