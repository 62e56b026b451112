"""The program `itsm`: its commands, and how it ends.

Exit codes are those of `cli.errors`. A reader that goes away (`itsm inc list --all | head`) ends it quietly.
"""

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from cli import (
    admin,
    demo,
    doctor,
    events,
    importing,
    incidents,
    kpis,
    raw,
    realm,
    reference,
    resources,
    search,
    signin,
    triage,
)
from cli.errors import CliError, ExitCode
from cli.output import Output
from cli.session import report

app = typer.Typer(
    name="itsm",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="IT service management from the command line.",
)
app.command()(signin.login)
app.command()(signin.logout)
app.command()(signin.whoami)
app.command()(signin.status)
app.add_typer(incidents.app, name="inc")
app.add_typer(kpis.app, name="kpi")
app.command()(search.search)
app.add_typer(importing.app, name="import")
for _name in resources.RESOURCES:
    app.add_typer(resources.group(_name), name=_name)
app.add_typer(events.app, name="events")
app.add_typer(admin.app, name="admin")
app.add_typer(triage.app, name="triage")
app.add_typer(demo.app, name="demo")
app.add_typer(realm.app, name="auth")
app.command("doctor")(doctor.doctor)
app.command()(raw.api)


@app.command(hidden=True)
def docs(check: Annotated[bool, typer.Option("--check", help="Only say whether the page is as it should be.")] = False) -> None:
    """Write the reference page of the command line, in a checkout of the project."""
    reference.write(app, check=check)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"itsm {version('itsm')}")
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """IT service management from the command line."""


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and ends the process."""
    try:
        app(arguments, prog_name="itsm")
    except CliError as error:
        report(Output(None), error, trace=False)
        sys.exit(error.code)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)


if __name__ == "__main__":
    main()
