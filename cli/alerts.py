"""`itsm alert send` and `itsm silence for`: what scripts and people on call do by hand."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from cli.client import Client
from cli.contract import PREFIX
from cli.errors import SignInNeeded
from cli.output import dumps
from cli.session import DryRun, Form, Trace, checked, opened, visible
from cli.show import record_page

app = typer.Typer()
silences = typer.Typer()

_SPAN = re.compile(r"(\d+)([mhd])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_MATCHER = re.compile(r"([^=!~]+)(=~|!~|!=|=)(.*)", re.DOTALL)
_OPERATORS = {"=": "EQUAL", "!=": "NOT_EQUAL", "=~": "MATCHES", "!~": "NOT_MATCHES"}


@app.command()
def send(
    message: Annotated[str, typer.Option("-m", "--message", help="What is wrong, in one line.")],
    name: Annotated[str, typer.Option("--name", help="What kind of alert it is, as in BackupFailed.")] = "Alert",
    severity: Annotated[str, typer.Option("--severity", help="critical, error, warning or info.")] = "warning",
    source: Annotated[str, typer.Option("--source", help="Who tells it, as in ci.")] = "",
    host: Annotated[str, typer.Option("--host", help="The machine that it is about.")] = "",
    dedup: Annotated[str, typer.Option("--dedup", help="Alerts of one key are one alert.")] = "",
    label: Annotated[list[str] | None, typer.Option("--label", help="A label, as name=value; repeat it.")] = None,
    resolved: Annotated[bool, typer.Option("--resolve", help="It is over.")] = False,
    key: Annotated[str, typer.Option("--key", envvar="ITSM_INGEST_KEY", help="The key of an integration.")] = "",
    url: Annotated[str, typer.Option("--ingest-url", envvar="ITSM_INGEST_URL", help="Where alerts are taken.")] = "",
    dry_run: DryRun = False,
    trace: Trace = False,
) -> None:
    """Send an alert, or say with the same labels that it is over."""
    named = {"alertname": name, "severity": severity, "job": source, "instance": host, "dedup_key": dedup}
    labels = {**{key_: value for key_, value in named.items() if value}, **_labels(label or [])}
    alert: dict[str, Any] = {"labels": labels, "annotations": {"summary": message}}
    if resolved:
        alert["endsAt"] = _instant(datetime.now(UTC))
    with opened(None, trace=trace) as session:
        if dry_run:
            print(dumps({"method": "POST", "path": "/api/v2/alerts", "body": [alert]}))
            return
        if not key:
            raise SignInNeeded("an alert is sent with the key of an integration: --key or ITSM_INGEST_KEY")
        given = visible("the key", key)
        client = Client(checked(url) if url else session.url, lambda: given, told=session.out.say)
        try:
            session.traced(client.send("POST", "/api/v2/alerts", body=[alert]).trace_id)
        finally:
            client.close()
        session.out.say("taken", "green")


@silences.command("for")
def for_(
    span: Annotated[str, typer.Argument(metavar="SPAN", help="For how long, as in 30m, 2h or 1d.")],
    matcher: Annotated[list[str], typer.Argument(metavar="MATCHER", help="host=db1, severity=~'warning|info'; several.")],
    comment: Annotated[str, typer.Option("-m", "--comment", help="Why.")],
    output: Form = None,
    dry_run: DryRun = False,
    trace: Trace = False,
) -> None:
    """Keep alerts from people for a time, from now on."""
    body = {
        "matchers": [_matcher(text) for text in matcher],
        "endTime": _instant(datetime.now(UTC) + _lasting(span)),
        "comment": comment,
    }
    with opened(output, trace=trace) as session:
        if dry_run:
            print(dumps({"method": "POST", "path": f"{PREFIX}silences", "body": body}))
            return
        made = session.send("POST", f"{PREFIX}silences", body=body).data
        session.out.record(made, lambda: record_page(made))


def _labels(given: list[str]) -> dict[str, str]:
    found = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not (name and sign):
            raise typer.BadParameter(f"{text!r} is not name=value")
        found[name] = value
    return found


def _lasting(span: str) -> timedelta:
    found = _SPAN.fullmatch(span)
    if found is None:
        raise typer.BadParameter(f"{span!r} is no time such as 30m, 2h or 1d")
    return int(found[1]) * _UNITS[found[2]]


def _matcher(text: str) -> dict[str, str]:
    found = _MATCHER.fullmatch(text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is no condition such as host=db1")
    return {"label": found[1], "operator": _OPERATORS[found[2]], "value": found[3]}


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
