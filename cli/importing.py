"""`itsm import …`: the history of another system, taken over."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.console import RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from cli import servicenow
from cli.errors import CliError, ExitCode
from cli.output import dumps
from cli.sending import Summary, send_all
from cli.session import Form, Session, Trace, opened

app = typer.Typer(no_args_is_help=True, help="Take over the history of another system.")

SOURCE = "servicenow"
PATIENCE = 120.0
"""Seconds that a chunk waits for a busy platform: an import has more time than a person."""
TOLD = 20
"""Refusals that are told one by one on a terminal."""


@app.command("servicenow")
def servicenow_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The event log, as CSV.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and check the file, and send nothing.")] = False,
    output: Form = None,
    trace: Trace = False,
) -> None:
    """Import the incident event log of a ServiceNow instance.

    What was imported before is left as it is: an interrupted import is simply started again. A row that cannot be used is
    told with its line and left out, the rest goes in; the exit code is then 1.
    """
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
