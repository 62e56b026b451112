"""`itsm kpi …`: the figures of the desk, as the platform defines them."""

from typing import Annotated, Any

import typer

from cli.client import segment
from cli.output import Format, span
from cli.session import Filter, Form, Trace, opened

app = typer.Typer(no_args_is_help=True, help="Figures: which there are, and what they say.")

PATH = "/api/v1/kpis"
COLUMNS = ("group", "series", "value", "median", "p90", "count")


@app.command("list")
def list_(output: Form = None, trace: Trace = False) -> None:
    """List the figures that there are."""
    with opened(output, trace=trace) as session:
        found = session.send("GET", PATH).data.get("kpis", [])
        session.out.records(found, ("name", "unit", "description", "definitionVersion"), empty="no figure is defined")


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, as `itsm kpi list` tells it.")],
    group_by: Annotated[
        str, typer.Option("--group-by", help="One figure each by service, team, priority, category or day.")
    ] = "",
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
        form = session.out.form
        if form is Format.JSON:
            session.out.record(kpi, lambda: "")
        elif form is Format.TABLE:
            shown = [_readable(row, kpi.get("unit", "")) for row in rows]
            columns = [name for name in COLUMNS if name in ("group", "value") or any(row[name] for row in shown)]
            session.out.records(shown, columns, empty="nothing to count")
            session.out.say(f"{kpi.get('name', name)}, definition {kpi.get('definitionVersion', '?')}", "dim")
        else:
            session.out.records(rows, COLUMNS)


def _time(text: str) -> str:
    """A bare date is its midnight in UTC."""
    return f"{text}T00:00:00Z" if len(text) == len("2016-03-01") else text


def _readable(row: dict[str, Any], unit: str) -> dict[str, Any]:
    """As a person reads it; what was not measured is a dash."""
    return {
        "group": row.get("group") or "(all)",
        "series": row.get("series", ""),
        "value": _amount(row.get("value"), unit) or "-",
        "median": _amount(row.get("median"), unit),
        "p90": _amount(row.get("p90"), unit),
        "count": row.get("count", 0),
    }


def _amount(value: Any, unit: str) -> str:
    if not isinstance(value, int | float):
        return ""
    if unit == "s":
        return span(value)
    return f"{value * 100:.1f} %" if unit == "ratio" else f"{value:,.10g}"
