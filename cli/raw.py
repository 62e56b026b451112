"""`itsm api METHOD PATH`: any request, signed in, with the manners of every other command."""

import json
from enum import StrEnum
from typing import Annotated, Any

import typer

from cli.errors import CliError
from cli.output import Format
from cli.session import DryRun, Form, Trace, opened


class Method(StrEnum):
    """Of HTTP."""

    GET = "GET"
    POST = "POST"
    PATCH = "PATCH"
    PUT = "PUT"
    DELETE = "DELETE"


def api(
    method: Annotated[Method, typer.Argument(metavar="METHOD", case_sensitive=False, help="GET, POST, PATCH, PUT, DELETE.")],
    path: Annotated[str, typer.Argument(metavar="PATH", help="As in /api/v1/incidents/INC0001042.")],
    parameter: Annotated[
        list[str] | None, typer.Option("-F", "--param", help="A parameter of the query, as in filter='state = NEW'; repeat it.")
    ] = None,
    data: Annotated[str, typer.Option("-d", "--data", help="The body, as JSON; '-' reads it from stdin.")] = "",
    etag: Annotated[str, typer.Option("--etag", help="Sent as If-Match.")] = "",
    output: Form = None,
    dry_run: DryRun = False,
    trace: Trace = False,
) -> None:
    """Send any request, signed in, and print the answer as JSON."""
    with opened(output, trace=trace) as session:
        # The path alone: an address would send the token to wherever it points.
        if not path.startswith("/") or path.startswith("//"):
            raise CliError(f"{path!r} is no path of the platform", hint="as in: itsm api GET /api/v1/incidents")
        query = _query(parameter or [])
        body = _body(data)
        if dry_run:
            print(json.dumps({"method": method, "path": path, "query": query, "body": body}, ensure_ascii=False))
            return
        answer = session.send(method, path, query=query or None, body=body, etag=etag).data
        if answer is not None:
            wide = session.out.form in (Format.TABLE, Format.JSON)
            print(json.dumps(answer, ensure_ascii=False, indent=2 if wide else None))


def _query(parameters: list[str]) -> dict[str, str | int | list[str]]:
    found: dict[str, list[str]] = {}
    for text in parameters:
        name, sign, value = text.partition("=")
        if not (name and sign):
            raise CliError(f"{text!r} is no parameter", hint="as in: -F pageSize=10")
        found.setdefault(name, []).append(value)
    return dict(found)


def _body(data: str) -> Any:
    if not data:
        return None
    text = typer.get_text_stream("stdin").read() if data == "-" else data
    try:
        return json.loads(text)
    except ValueError as error:
        raise CliError(f"the body is no JSON: {error}") from error
