"""`itsm oncall …`: who is on call, taking note, standing in, calling people, and whether a call arrives."""

import time
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from cli.contract import PREFIX
from cli.errors import CliError
from cli.output import dumps
from cli.session import DryRun, Form, Session, Trace, opened
from cli.show import record_page

app = typer.Typer()

_LISTED = ("schedule", "userId", "until", "next", "nextFrom", "id")
_RECEIPTS = ("channel", "state", "attemptCount", "createTime", "id")
_PATIENCE = 30.0


@app.command()
def who(
    name: Annotated[str, typer.Argument(metavar="[TEAM|SCHEDULE]", help="A team or a schedule, by name or id; all.")] = "",
    at: Annotated[str, typer.Option("--at", help="When, as in 2026-01-05T09:00; now.")] = "",
    output: Form = None,
    trace: Trace = False,
) -> None:
    """Say who is on call, and who comes next."""
    with opened(output, trace=trace) as session:
        duties = session.client.get(f"{PREFIX}schedules:onCall", time=_instant(at) if at else "")["duties"]
        if name:
            team = next((each["id"] for each in _all(session, "teams") if name in (each["id"], each["name"])), name)
            duties = [each for each in duties if {name, team} & {each["scheduleId"], each["scheduleName"], each["teamId"]}]
            if not duties:
                raise CliError(f"there is no schedule of {name}", hint="itsm oncall who")
        session.out.records(map(_line, duties), _LISTED, empty="there are no schedules")


@app.command()
def ack(
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help="Pages.")] = None,
    all_mine: Annotated[bool, typer.Option("--all-mine", help="All open ones that called you.")] = False,
    output: Form = None,
    trace: Trace = False,
) -> None:
    """Take note of pages and their alerts: nobody else is called."""
    if bool(ids) == all_mine:
        raise typer.BadParameter("name pages, or --all-mine")
    with opened(output, trace=trace) as session:
        wanted = ids or [each["id"] for each in _mine(session)]
        taken = []
        for each in wanted:
            try:
                taken.append(session.send("POST", f"{PREFIX}pages/{each}:acknowledge", body={}).data)
            except CliError as error:
                session.fail(error, each)
        session.out.records(taken, ("id", "state", "severity", "title", "acknowledgedBy"), empty="nothing calls you")


@app.command()
def override(
    schedule: Annotated[str, typer.Argument(metavar="SCHEDULE", help="Its name or id.")],
    person: Annotated[str, typer.Option("--for", help="Who is on call: a user name or id.")],
    start: Annotated[str, typer.Option("--from", help="From when, as in 2026-01-05T09:00.")],
    end: Annotated[str, typer.Option("--to", help="Until when.")],
    comment: Annotated[str, typer.Option("-m", "--comment", help="Why.")] = "",
    output: Form = None,
    dry_run: DryRun = False,
    trace: Trace = False,
) -> None:
    """Put somebody on call for a time, whoever's turn it is."""
    with opened(output, trace=trace) as session:
        body = {
            "userId": _named(session, "users", person, "username"),
            "startTime": _instant(start),
            "endTime": _instant(end),
            "comment": comment,
        }
        path = f"{PREFIX}schedules/{_named(session, 'schedules', schedule, 'name')}:addOverride"
        if dry_run:
            print(dumps({"method": "POST", "path": path, "body": body}))
            return
        made = session.send("POST", path, body=body).data
        session.out.record(made, lambda: record_page(made))


@app.command()
def page(
    target: Annotated[str, typer.Argument(metavar="TEAM|SCHEDULE|PERSON|POLICY", help="Whom to call, by name or id.")],
    message: Annotated[str, typer.Option("-m", "--message", help="What it is about, in one line.")],
    output: Form = None,
    dry_run: DryRun = False,
    trace: Trace = False,
) -> None:
    """Call people: whoever is on call, a team, a person, or by the steps of a policy."""
    with opened(output, trace=trace) as session:
        body = {"title": message, **_target(session, target)}
        if dry_run:
            print(dumps({"method": "POST", "path": f"{PREFIX}pages", "body": body}))
            return
        made = session.send("POST", f"{PREFIX}pages", body=body).data
        session.out.record(made, lambda: record_page(made))


@app.command()
def test(output: Form = None, trace: Trace = False) -> None:
    """Call yourself, and say by which ways that reached you; ends with 1 where it reached you by none."""
    with opened(output, trace=trace) as session:
        made = session.send("POST", f"{PREFIX}pages:test", body={}).data
        until, found = time.monotonic() + _PATIENCE, list[dict[str, Any]]()
        while time.monotonic() < until:
            found = session.client.get(f"{PREFIX}deliveries:mine", subject=f"pages/{made['id']}")["deliveries"]
            if found and all(each["state"] != "PENDING" for each in found):
                break
            time.sleep(0.5)
        session.out.records(found, _RECEIPTS, empty="nothing was sent: is there a mail address or a browser to send to?")
        if not any(each["state"] == "DELIVERED" for each in found):
            raise CliError("no call has reached you", hint="itsm browser list; itsm preference show me")


def _line(duty: dict[str, Any]) -> dict[str, Any]:
    current, following = duty.get("current") or {}, duty.get("next") or {}
    return {
        "schedule": duty["scheduleName"],
        "userId": current.get("userId", ""),
        "until": current.get("endTime", ""),
        "next": following.get("userId", ""),
        "nextFrom": following.get("startTime", ""),
        "id": duty["scheduleId"],
    }


def _mine(session: Session) -> list[dict[str, Any]]:
    me = session.client.get(f"{PREFIX}users:whoami")["subject"]
    return list(session.client.pages(f"{PREFIX}pages", "pages", limit=None, filter=f'state = OPEN AND calls.userId = "{me}"'))


def _all(session: Session, plural: str) -> list[dict[str, Any]]:
    return list(session.client.pages(f"{PREFIX}{plural}", plural, limit=None))


def _named(session: Session, plural: str, name: str, field: str) -> str:
    """The id of a record that is named by its id or a field. Raises `CliError` where none is, or several are."""
    found = [each for each in _all(session, plural) if name in (each["id"], each.get(field))]
    if len(found) != 1:
        said = "there is no" if not found else "there are several"
        raise CliError(f"{said} {name} among {plural}")
    return str(found[0]["id"])


def _target(session: Session, name: str) -> dict[str, Any]:
    for plural, field in (("escalationPolicies", "name"), ("schedules", "name"), ("teams", "name"), ("users", "username")):
        for each in _all(session, plural):
            if name not in (each["id"], each.get(field)):
                continue
            if plural == "escalationPolicies":
                return {"policyId": each["id"]}
            kind = plural.removesuffix("s").upper()
            return {"steps": [{"targets": [{"kind": kind, "id": each["id"]}]}]}
    raise CliError(f"there is no policy, schedule, team or person {name}")


def _instant(text: str) -> str:
    """A time as the platform reads it; without a zone it is that of this machine. Raises `typer.BadParameter`."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no time such as 2026-01-05T09:00") from error
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
