"""Work on many records: `itsm inc bulk …` asks for it, `itsm job watch | undo | result` follow it.

What is asked for goes on when this program ends: Ctrl-C stops the watching alone. A job whose records were not all done ends a
watch with the code of an error.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from cli import contract
from cli.client import segment
from cli.contract import PREFIX, Operation, Parameter, Type
from cli.errors import CliError, ExitCode
from cli.output import dumps
from cli.session import DryRun, Filter, Form, Session, Trace, opened
from cli.show import record_page

app = typer.Typer()

PATH = f"{PREFIX}jobs"
OPEN = frozenset({"PENDING", "RUNNING"})
_LOOK_SECONDS, _LONGEST = 0.25, 2.0
_SHOWN = 20
_DEPTH = PREFIX.count("/") + 1

Id = Annotated[str, typer.Argument(metavar="ID", help="The job.")]
Etag = Annotated[str, typer.Option("--etag", help="Only if it is still at this version.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Watch it until it has ended.")]


@app.command()
def watch(id: Id, output: Form = None, trace: Trace = False) -> None:  # noqa: A002 - the argument's name
    """Watch a job until it has ended, and say which records were refused."""
    with opened(output, trace=trace) as session:
        _follow(session, id)


@app.command()
def undo(id: Id, wait: Wait = False, etag: Etag = "", output: Form = None, trace: Trace = False) -> None:  # noqa: A002 - as above
    """Take a bulk action back, by a job of its own: every record that nobody has changed since is as it was."""
    with opened(output, trace=trace) as session:
        made = session.send("POST", f"{PATH}/{segment(id)}:undo", body={}, etag=etag).data
        _told(session, made, wait=wait)


@app.command()
def result(
    id: Id,  # noqa: A002 - as above
    to: Annotated[Path | None, typer.Option("--to", help="The file; called as the job says, when absent.")] = None,
    trace: Trace = False,
) -> None:
    """Fetch the file that an export made."""
    with opened(None, trace=trace) as session:
        job = session.client.get(f"{PATH}/{segment(id)}")
        name = job.get("result", {}).get("fileName", "")
        if not name:
            raise CliError(f"{id} has no file: it is {job['state'].lower()}")
        file = to or Path(Path(name).name)
        size = session.client.fetch(f"{PATH}/{segment(id)}/result", file)
        session.out.say(f"{file}: {size} bytes", "green")


def bulk(plural: str) -> Callable[..., None]:
    """The command that does one action on many records of a resource."""

    def run(
        action: Annotated[str, typer.Argument(metavar="ACTION", help="'update', 'delete' or a verb of the resource.")],
        filter_: Filter = "",
        ids: Annotated[list[str] | None, typer.Option("--id", help="Just this one; repeat it.")] = None,
        set_: Annotated[list[str] | None, typer.Option("--set", help="What it is given, as name=value; repeat it.")] = None,
        yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
        wait: Wait = True,
        dry_run: DryRun = False,
        output: Form = None,
        trace: Trace = False,
    ) -> None:
        if bool(filter_) == bool(ids):
            raise typer.BadParameter("say which records: --filter, or --id")
        operation = contract.operations(plural).get(contract.kebab(action))
        if operation is None or not many(operation):
            raise typer.BadParameter(f"{plural} have no action {action!r}")
        verb = operation.path.partition(":")[2] or operation.name
        said = dict(_said(operation, text) for text in set_ or [])
        wish = {"kind": "BULK", "resource": plural, "action": verb, "parameters": said}
        with opened(output, trace=trace) as session:
            if dry_run:
                which: dict[str, Any] = {"ids": ids} if ids else {"selection": f"<{filter_}>"}
                print(dumps({"method": "POST", "path": PATH, "body": {**wish, **which}}))
                return
            _ask(session, wish, filter_, ids or [], yes=yes, wait=wait)

    run.__doc__ = f"Do one action on many {plural}: all that match a filter, after saying how many those are."
    return run


def many(operation: Operation) -> bool:
    """Whether a job can do this to many records."""
    return operation.variables == ("id",) and operation.method != "GET" and operation.path.count("/") == _DEPTH


def _ask(session: Session, wish: dict[str, Any], filter_: str, ids: list[str], *, yes: bool, wait: bool) -> None:
    count, which = len(ids), {"ids": ids} if ids else {}
    if filter_:
        selected = session.send("POST", f"{PREFIX}{wish['resource']}:select", body={"filter": filter_}).data
        if selected["capped"]:
            raise CliError(f"more than {selected['count']} match: narrow the filter")
        count, which = selected["count"], {"selection": selected["selection"]}
    what = f"{wish['action']} {count} {wish['resource']}"
    if not count:
        session.out.say("nothing matches", "dim")
        return
    if not yes and not (session.out.talk.is_terminal and typer.confirm(f"{what}?", err=True)):
        raise CliError(f"not done: {what}", hint="--yes does it without asking")
    _told(session, session.send("POST", PATH, body={**wish, **which}).data, wait=wait)


def _told(session: Session, job: dict[str, Any], *, wait: bool) -> None:
    if wait:
        _follow(session, job["id"])
    else:
        session.out.record(job, lambda: record_page(job), list(job))


def _follow(session: Session, id: str) -> None:  # noqa: A002 - the field's name everywhere
    """Shows how far a job is until it has ended; what was refused, and how it ended."""
    path, pause = f"{PATH}/{segment(id)}", _LOOK_SECONDS
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=session.out.talk, disable=not session.out.talk.is_terminal, transient=True) as bar:
        task = bar.add_task(id, total=None)
        while (job := session.client.get(path))["state"] in OPEN:
            done = job["progress"]
            bar.update(task, total=done["total"] or None, completed=done["done"], description=job["state"].lower())
            time.sleep(pause)
            pause = min(_LONGEST, pause * 1.2)
    session.out.record(job, lambda: record_page(job), list(job))
    progress = job["progress"]
    if progress["failed"]:
        refused = session.client.pages(f"{path}/items", "items", limit=_SHOWN, filter="state = REFUSED")
        for item in refused:
            session.out.say(f"  {item['id']}  {item['problem']['detail']}", "red")
    if job["state"] != "SUCCEEDED" or progress["failed"]:
        session.out.say(job["reason"] or f"{progress['failed']} of {progress['done']} were refused", "bold red")
        session.failed = session.failed or ExitCode.ERROR


def _said(operation: Operation, text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    found = next((each for each in operation.parameters if name in (each.name, contract.kebab(each.name))), None)
    if not sign or found is None:
        known = ", ".join(contract.kebab(each.name) for each in operation.parameters)
        raise typer.BadParameter(f"{text!r} is not name=value; there are {known or 'none'}")
    return found.name, _value(found, value)


def _value(parameter: Parameter, text: str) -> Any:
    if parameter.many:
        return [_single(parameter, part.strip()) for part in text.split(",") if part.strip()]
    return _single(parameter, text)


def _single(parameter: Parameter, text: str) -> Any:
    try:
        match parameter.type:
            case Type.INTEGER:
                return int(text)
            case Type.NUMBER:
                return float(text)
            case Type.FLAG:
                return {"true": True, "false": False}[text.lower()]
            case Type.CHOICE:
                return text.upper().replace("-", "_")
            case Type.PAIRS | Type.JSON:
                return json.loads(text)
            case _:
                return text
    except (ValueError, KeyError) as error:
        raise typer.BadParameter(f"{parameter.name}: {text!r} is no {parameter.type.value}") from error
