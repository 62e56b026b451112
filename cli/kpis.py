"""`itsm kpi …`: the figures of the desk, as the platform defines them."""

from typing import Annotated, Any

import typer

from cli.client import segment
from cli.session import Filter, Form, Trace, opened

app = typer.Typer(no_args_is_help=True, help="Figures: which there are, and what they say.")

PATH = "/api/v1/kpis"
COLUMNS = ("group", "value", "median", "p90", "count")


@app.command("list")
def list_(output: Form = None, trace: Trace = False) -> None:
    """List the figures that there are."""
    with opened(output, trace=trace) as session:
        found = session.client.pages(PATH, "kpis", limit=None)
        session.out.records(found, ("name", "title", "unit", "definitionVersion"), empty="no figure is defined")


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, as `itsm kpi list` tells it.")],
    group_by: Annotated[str, typer.Option("--group-by", help="A figure for each value of this field: teamId, priority …")] = "",
    from_: Annotated[str, typer.Option("--from", help="Not before this time: 2016-03-01 or 2016-03-01T00:00:00Z.")] = "",
    to: Annotated[str, typer.Option("--to", help="Before this time.")] = "",
    filter_: Filter = "",
    output: Form = None,
    trace: Trace = False,
) -> None:
    """Show a figure, in whole or by group."""
    query = {"groupBy": group_by, "from": _time(from_), "to": _time(to), "filter": filter_}
    with opened(output, trace=trace) as session:
        path = f"{PATH}/{segment(name)}"
        kpi: dict[str, Any] = session.send("GET", path, query={key: value for key, value in query.items() if value}).data
        rows = kpi.get("rows", [])
        if session.out.form == "json":
            session.out.record(kpi, lambda: "")
        else:
            session.out.records([_rounded(row) for row in rows] if session.out.form == "table" else rows, COLUMNS)
        if session.out.form == "table":
            session.out.say(
                f"{kpi.get('name', name)} in {kpi.get('unit', '?')}, definition {kpi.get('definitionVersion', '?')}", "dim"
            )


def _time(text: str) -> str:
    """A bare date is its midnight in UTC."""
    return f"{text}T00:00:00Z" if len(text) == len("2016-03-01") else text


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    """Three digits after the point are what a person reads."""
    return {
        "group": row.get("group") or "(all)",
        **{name: _digits(row.get(name)) for name in COLUMNS[1:]},
    }


def _digits(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value
