"""`itsm dash …`: dashboards as files, in the form that `itsm admin apply` reads."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.admin import Present, do, planned, read, show, written
from cli.contract import PREFIX
from cli.errors import CliError, ExitCode
from cli.session import Session, Trace, opened

app = typer.Typer()

_KIND = "dashboards"
File = Annotated[Path, typer.Argument(metavar="FILE", help="The file with the documents, YAML; '-' is stdin.")]


@app.command()
def export(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Their names or ids; all that you may see.")] = None,
    trace: Trace = False,
) -> None:
    """Write dashboards as YAML to stdout, as `import` reads them; those that every tenant has only by name."""
    with opened(None, trace=trace) as session:
        records = list(session.client.pages(f"{PREFIX}{_KIND}", _KIND, limit=None))
        if names:
            known = {text for each in records for text in (each["id"], each["name"])}
            if absent := sorted(set(names) - known):
                raise CliError(f"there is no dashboard {', '.join(absent)}", hint="itsm dash list")
            records = [each for each in records if {each["id"], each["name"]} & set(names)]
        else:
            records = [each for each in records if not each["builtIn"]]
        print(written(_KIND, map(_brief, records)), end="")


@app.command("import")
def import_(
    file: File,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    trace: Trace = False,
) -> None:
    """Make dashboards as a file says: new ones are made, those of the same name get a new version."""
    with opened(None, trace=trace) as session:
        present = Present(session)
        steps = list(planned(present, _wanted(file)))
        show(session, steps)
        if not dry_run:
            do(present, [step for step in steps if step.act != "keep"])


@app.command()
def diff(file: File, trace: Trace = False) -> None:
    """Say what `import` would change; ends with 3 where something would."""
    with opened(None, trace=trace) as session:
        steps = list(planned(Present(session), _wanted(file)))
        show(session, steps)
        _pending(session, changed=any(step.act != "keep" for step in steps))


def _brief(record: dict[str, Any]) -> dict[str, Any]:
    """Without what says nothing: an absent field of a tile and an empty one are the same."""
    tiles = [{name: value for name, value in tile.items() if value not in ("", [], False, 0)} for tile in record["tiles"]]
    return {**record, "tiles": tiles}


def _wanted(file: Path) -> dict[str, dict[str, dict[str, Any]]]:
    wanted = read([file])
    if others := sorted(wanted.keys() - {_KIND}):
        raise CliError(f"{file} holds {', '.join(others)}, too", hint="apply it with: itsm admin apply -f FOLDER")
    return wanted


def _pending(session: Session, *, changed: bool) -> None:
    if changed:
        session.failed = ExitCode.PENDING
