"""Commands for every resource, made from the contract: list, show, create, update, delete, and each of its verbs.

A resource says here how it is called and which columns its lists have; a command that deserves more is written by hand in a
module of its own and stands before the one that is made.
"""

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

from cli import alerts, assets, changes, contract, dashboards, jobs, oncall
from cli.client import segment
from cli.contract import Operation, Parameter, Type, kebab
from cli.errors import CliError
from cli.files import documents
from cli.output import Format, dumps
from cli.session import Form, Session, Trace, opened
from cli.show import record_page

_FOR_MACHINES = frozenset({"enroll", "report", "import"})
"""What only programs do: their bodies are no options."""
_DIALECT = frozenset({"filter", "order_by", "output", "trace", "dry_run", "etag", "every", "limit", "fields", "file"})


@dataclass(frozen=True)
class Resource:
    """How a resource is called on the command line, and what its lists show."""

    plural: str
    help: str
    columns: tuple[str, ...]


RESOURCES: Mapping[str, Resource] = {
    "ci": Resource("assets", "Assets: what there is, its life, what hangs on it.",
                   ("name", "class", "state", "criticality", "teamId", "location", "lastSeenTime", "id")),
    "relation": Resource("relations", "Relations: who needs whom.", ("providerId", "kind", "consumerId", "group", "id")),
    "class": Resource("assetClasses", "Classes of assets and their attributes.", ("name", "title", "parent", "builtIn", "id")),
    "agent": Resource("agents", "Endpoint agents.",
                      ("name", "state", "platform", "agentVersion", "assetId", "lastReportTime", "id")),
    "duplicate": Resource("duplicates", "Machines that may be one: decide.",
                          ("state", "reason", "assetIds", "createTime", "id")),
    "alert": Resource("alerts", "Alerts: look, take note, end, see why somebody was told.",
                      ("severity", "state", "title", "assetId", "incidentId", "count", "startTime", "id")),
    "check": Resource("checks", "Checks and their results.", ("name", "kind", "target", "state", "interval", "enabled", "id")),
    "rule": Resource("alertRules", "Rules that raise alerts from series.", ("name", "severity", "enabled", "id")),
    "silence": Resource("silences", "Silences.", ("comment", "startTime", "endTime", "creatorId", "id")),
    "maintenance": Resource("maintenanceWindows", "Maintenance windows.", ("name", "comment", "startTime", "endTime", "id")),
    "oncall": Resource("schedules", "On call: who is, overrides, calling people, taking note.",
                       ("name", "teamId", "timeZone", "id")),
    "escalation": Resource("escalationPolicies", "Whom alerts call, and whom after them.",
                           ("name", "severity", "teamIds", "enabled", "order", "id")),
    "page": Resource("pages", "Pages: who was called because of what.",
                     ("state", "severity", "title", "cause", "acknowledgedBy", "createTime", "id")),
    "integration": Resource("integrations", "Senders of alerts and how they are read.", ("name", "kind", "state", "id")),
    "target": Resource("notificationTargets", "Who is told of alerts by webhook.", ("name", "url", "enabled", "id")),
    "series": Resource("series", "Series of samples.", ("name", "labels", "assetId", "lastTime", "id")),
    "sla": Resource("slaPolicies", "Service-level policies.", ("name", "calendarId", "id")),
    "impact": Resource("impactAssessments", "What incidents took down.",
                       ("incidentId", "criticality", "hitCount", "serviceIds", "id")),
    "notification": Resource("notifications", "What targets were told, and whether they took it.", ("state", "targetId", "id")),
    "calendar": Resource("calendars", "Business calendars.", ("name", "zone", "aroundTheClock", "id")),
    "token": Resource("tokens", "Personal access tokens and keys of machines.", ("name", "kind", "roles", "expireTime", "id")),
    "user": Resource("users", "People, and the roles they are granted.", ("username", "displayName", "email", "roles", "id")),
    "directory": Resource("directories", "LDAP servers and Active Directories that people come from.",
                          ("name", "kind", "url", "interval", "id")),
    "team": Resource("teams", "Teams.", ("name", "memberIds", "id")),
    "role": Resource("roles", "Roles and what they allow.", ("name", "displayName", "builtIn", "teamIds", "description", "id")),
    "tenant": Resource("tenants", "Tenants.", ("id", "name")),
    "audit": Resource("auditEntries", "Who changed what, and when.", ("time", "actor", "action", "subject", "id")),
    "webhook": Resource("webhooks", "Webhooks: which systems are told of events.", ("url", "state", "eventTypes", "id")),
    "connection": Resource("connections", "Connections: Jira and ServiceNow, kept in step.",
                           ("name", "kind", "url", "enabled", "state", "lastSyncTime", "id")),
    "notification-rule": Resource("notificationRules", "Who is told of what: rules for mail, chat and push.",
                                  ("order", "name", "enabled", "channels", "template", "shipped", "id")),
    "template": Resource("templates", "In which words people are told.", ("name", "channel", "locale", "subject", "id")),
    "room": Resource("chatRooms", "Rooms of chats that are told.", ("name", "kind", "host", "id")),
    "browser": Resource("pushSubscriptions", "Browsers of your own that show notices.", ("name", "host", "createTime", "id")),
    "preference": Resource("notificationPreferences", "How you want to be told; its id is `me`.", ("locale", "timeZone", "id")),
    "mailbox": Resource("mailboxes", "Addresses that mail comes to and goes out from.",
                        ("address", "state", "strangers", "teamId", "primary", "id")),
    "delivery": Resource("deliveries", "The log of all that leaves: webhooks, mail, chat, push.",
                         ("state", "channel", "targetId", "eventType", "subject", "attemptCount", "createTime", "id")),
    "chg": Resource("changes", "Changes: propose, approve, make, and a gate for pipelines.",
                    ("number", "kind", "state", "risk", "title", "startTime", "endTime", "id")),
    "chg-template": Resource("changeTemplates", "Templates of standard changes.",
                             ("name", "state", "revision", "category", "id")),
    "cab": Resource("cabMeetings", "Meetings of the change advisory board.", ("title", "state", "startTime", "endTime", "id")),
    "approval": Resource("approvals", "Approvals: who was asked, what was said, and why it ended so.",
                         ("state", "title", "subject", "policyName", "voterIds", "expireTime", "id")),
    "approval-policy": Resource("approvalPolicies", "Who has to agree to what.",
                                ("name", "number", "resource", "active", "id")),
    "delegation": Resource("approvalDelegations", "Who votes while somebody is away.",
                           ("fromId", "toId", "startTime", "endTime", "id")),
    "prb": Resource("problems", "Problems: what makes incidents happen, what is known of it, what ends it.",
                    ("number", "state", "priority", "knownError", "title", "teamId", "id")),
    "auto-rule": Resource("automationRules", "Rules that act on what happens.", ("name", "enabled", "order", "ownerId", "id")),
    "auto-run": Resource("ruleRuns", "What rules did.", ("createTime", "ruleName", "outcome", "subject", "message", "id")),
    "route": Resource("routingRules", "Who gets which incidents.", ("name", "teamId", "method", "enabled", "order", "id")),
    "profile": Resource("agentProfiles", "People: skills, capacity, what they have in hand.",
                        ("userId", "teamIds", "skills", "openCount", "capacity", "away", "id")),
    "req": Resource("requests", "Requests: order, approve, fulfill.",
                    ("number", "state", "priority", "title", "teamId", "assigneeId", "id")),
    "task": Resource("tasks", "Tasks of records: what waits for what.",
                     ("number", "state", "title", "about", "assigneeId", "dueTime", "id")),
    "catalog": Resource("catalogItems", "What people can ask for.", ("title", "category", "state", "revision", "id")),
    "kb": Resource("articles", "Knowledge: write, review, publish, rate.",
                   ("number", "state", "title", "visibility", "language", "useCount", "helpfulCount", "id")),
    "maj": Resource("majors", "Major incidents: declare, staff, tell, resolve, review.",
                    ("number", "state", "title", "incidentId", "nextUpdateTime", "missedUpdateCount", "id")),
    "rel": Resource("releases", "Releases: changes that reach people together.",
                    ("number", "state", "title", "releaseVersion", "startTime", "endTime", "id")),
    "blackout": Resource("blackouts", "When nothing is changed.", ("title", "repeat", "startTime", "endTime", "zone", "id")),
    "dash": Resource("dashboards", "Dashboards: figures side by side, in versions, as files.",
                     ("name", "sharing", "edition", "builtIn", "ownerId", "updateTime", "id")),
    "view": Resource("views", "Saved lists and their counts.", ("name", "resource", "filter", "sharing", "id")),
    "macro": Resource("macros", "Changes of incidents that are made together.", ("name", "sharing", "description", "id")),
    "reply": Resource("cannedReplies", "Words that are said again and again.", ("name", "sharing", "text", "id")),
    "ticket-template": Resource("ticketTemplates", "Incidents to be, ready to be opened.",
                                ("name", "title", "category", "teamId", "id")),
    "recurring": Resource("recurringTickets", "Incidents that open themselves by a calendar.",
                          ("name", "rule", "zone", "active", "nextTime", "count", "id")),
    "follow-up": Resource("followUpPolicies", "When people are reminded, and what waits is ended.",
                          ("name", "stage", "holdReason", "active", "id")),
    "time": Resource("timeEntries", "Time that was spent, and what it cost.",
                     ("about", "userId", "duration", "cost", "startTime", "id")),
    "survey-policy": Resource("surveyPolicies", "Whether people are asked how it was.",
                              ("name", "samplingPercent", "expireDays", "active", "id")),
    "survey": Resource("surveys", "How it was.", ("number", "state", "score", "comment", "teamId", "id")),
    "triage-model": Resource("triageModels", "What suggestions are learned from.",
                             ("purpose", "state", "accuracy", "incidentCount", "trainTime", "id")),
    "job": Resource("jobs", "Long work: bulk actions, exports, imports.", ("kind", "resource", "state", "progress", "id")),
}  # fmt: skip


OWN: Mapping[str, typer.Typer] = {
    "ci": assets.app,
    "alert": alerts.app,
    "silence": alerts.silences,
    "job": jobs.app,
    "chg": changes.app,
    "dash": dashboards.app,
    "oncall": oncall.app,
}
"""What is written by hand."""


def group(name: str) -> typer.Typer:
    """The commands of a resource: those that are written by hand, and those that are made."""
    resource = RESOURCES[name]
    made = OWN.get(name) or typer.Typer()
    made.info.cls = type(name, (_Made,), {"resource": resource})
    made.info.no_args_is_help = True
    made.info.help = resource.help
    return made


class _Made(TyperGroup):
    """A group whose commands are made when it is first looked into."""

    resource: Resource
    _whole = False

    def list_commands(self, ctx: Any) -> list[str]:
        """See the base."""
        self._make()
        return super().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """See the base."""
        self._make()
        return super().get_command(ctx, cmd_name)

    def _make(self) -> None:
        if self._whole:
            return
        self._whole = True
        app = typer.Typer()
        found = contract.operations(self.resource.plural)
        for name, operation in found.items():
            if name not in self.commands and name not in _FOR_MACHINES:
                app.command(name, help=operation.help)(_command(self.resource, operation))
        if self.resource.plural != "jobs" and any(jobs.many(operation) for operation in found.values()):
            app.command("bulk")(jobs.bulk(self.resource.plural))
        app.command("", hidden=True)(lambda: None)  # a lone command would make no group
        self.commands.update({name: each for name, each in get_group(app).commands.items() if name})


def _command(resource: Resource, operation: Operation) -> Callable[..., None]:
    if operation.member:
        return _listing(resource, operation)
    return _acting(operation)


def _listing(resource: Resource, operation: Operation) -> Callable[..., None]:
    """A command that shows records, page by page."""

    def run(*, every: bool, limit: int, fields: str, output: Form, trace: bool, **given: Any) -> None:
        with opened(output, trace=trace) as session:
            query = _said(operation, given)
            path = _path(operation, given)
            wanted = tuple(name.strip() for name in fields.split(",") if name.strip())
            found = session.client.pages(path, operation.member, limit=None if every else limit, **query)
            own = path == contract.PREFIX + resource.plural
            _write(session, found, wanted or (resource.columns if own else ()))

    extras = {
        "every": (bool, typer.Option("--all", help="Every one that matches."), False),
        "limit": (int, typer.Option("--limit", min=1, help="How many at most."), 50),
        "fields": (str, typer.Option("--fields", help="Columns, as in id,name,state."), ""),
    }
    return _signed(run, operation, extras, several=False)


def _acting(operation: Operation) -> Callable[..., None]:
    """A command that does something, or shows one record; with several ids it goes on after a failure."""
    several = operation.variables == ("id",)
    writes = operation.method != "GET"
    bodied = operation.method in ("POST", "PATCH")

    def run(*, output: Form, trace: bool, dry_run: bool = False, etag: str = "", file: str = "", **given: Any) -> None:
        ids = given.pop("id", None)
        ids = [ids] if isinstance(ids, str) else ids or [""]
        if etag and len(ids) > 1:
            raise typer.BadParameter("--etag is about one record")
        places = {name: given.pop(name) for name in operation.variables if name != "id"}
        said = {**_read(file), **_said(operation, given)}
        with opened(output, trace=trace) as session:
            for id in dict.fromkeys(ids):  # noqa: A001 - the field's name everywhere
                path = _path(operation, {**places, "id": id})
                try:
                    if dry_run:
                        print(dumps({"method": operation.method, "path": path, **({"body": said} if bodied else {})}))
                    else:
                        _act(session, operation, path, said, etag)
                except CliError as error:
                    session.fail(error, id)

    extras: dict[str, tuple[Any, Any, Any]] = {}
    if bodied:
        text = "Read the fields from a file, YAML or JSON; '-' reads stdin. Options win over it."
        extras["file"] = (str, typer.Option("-f", "--file", help=text), "")
    if writes:
        extras["dry_run"] = (bool, typer.Option("--dry-run", help="Print the request instead of sending it."), False)
    if operation.versioned and writes:
        extras["etag"] = (str, typer.Option("--etag", help="Only if it is still at this version."), "")
    return _signed(run, operation, extras, several=several)


def _act(session: Session, operation: Operation, path: str, said: dict[str, Any], etag: str) -> None:
    """Sends one request and shows what came of it."""
    # Who names no version means the record as it is.
    if not etag and operation.method in ("PATCH", "DELETE"):
        etag = session.client.get(path).get("etag", "")
    how: dict[str, Any] = {"body": said} if operation.method in ("POST", "PATCH") else {"query": said or None}
    answer = session.send(operation.method, path, etag=etag, **how).data
    if answer is None:
        session.out.say("done", "green")
    else:
        session.out.record(answer, lambda: record_page(answer), list(answer))


def _signed(
    run: Callable[..., None], operation: Operation, extras: Mapping[str, tuple[Any, Any, Any]], *, several: bool
) -> Callable[..., None]:
    """Gives the function the parameters that its operation has, for Typer to read."""
    parameters: list[inspect.Parameter] = []

    def add(name: str, kind: Any, info: Any, default: Any = inspect.Parameter.empty) -> None:
        parameters.append(
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, info])
        )

    for variable in operation.variables:
        many = several and variable == "id"
        help_ = "Its id or number; several at once." if many else f"The {variable.replace('_', ' ')}."
        add(variable, list[str] if many else str, typer.Argument(metavar=variable.upper(), help=help_))
    for each in operation.parameters:
        kind, default = _kind(each)
        add(_safe(each), kind, typer.Option(f"--{kebab(each.name)}", help=_help(each)), default)
    for name, (kind, info, default) in extras.items():
        add(name, kind, info, default)
    parameters.append(inspect.Parameter("output", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Form))
    parameters.append(inspect.Parameter("trace", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Trace))
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # what inspect reads first
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


def _kind(parameter: Parameter) -> tuple[Any, Any]:
    if parameter.many or parameter.type is Type.PAIRS:
        return list[str] | None, None
    kinds: dict[Type, Any] = {Type.INTEGER: int | None, Type.NUMBER: float | None, Type.FLAG: bool | None}
    return kinds.get(parameter.type, str | None), None


def _help(parameter: Parameter) -> str:
    note = {Type.PAIRS: " As name=value; repeat it.", Type.JSON: " As JSON."}.get(parameter.type, "")
    if parameter.choices:
        note = f" One of {', '.join(parameter.choices)}."
    return parameter.help + note + (" Repeat it." if parameter.many else "") + (" Needed." if parameter.needed else "")


def _safe(parameter: Parameter) -> str:
    """The parameter's name in Python; one of the commands' own gives way."""
    name = kebab(parameter.name).replace("-", "_")
    return f"{name}_" if name in _DIALECT - {"filter", "order_by"} or not name.isidentifier() or name in _WORDS else name


_WORDS = frozenset({"class", "from", "global", "in", "is", "not", "with", "id"})


def _said(operation: Operation, given: Mapping[str, Any]) -> dict[str, Any]:
    """What was said of the request, as JSON."""
    found: dict[str, Any] = {}
    for each in operation.parameters:
        value = given.get(_safe(each))
        if value is not None and value != []:
            found[each.name] = _value(each, value)
    return found


def _value(parameter: Parameter, value: Any) -> Any:
    if parameter.type is Type.PAIRS:
        return dict(_pair(text) for text in value)
    if parameter.many:
        return [_single(parameter, each) for each in value]
    return _single(parameter, value)


def _single(parameter: Parameter, value: Any) -> Any:
    if parameter.type is Type.CHOICE:
        return value.upper().replace("-", "_")
    if parameter.type is Type.JSON:
        return _parsed(f"--{kebab(parameter.name)}", value)
    return value


def _pair(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not (name and sign):
        raise typer.BadParameter(f"{text!r} is not name=value")
    try:
        found = json.loads(value)
    except ValueError:
        return name, value
    return name, found if isinstance(found, bool | int | float | list) else value


def _parsed(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"{name}: no JSON: {error}") from error


def _read(file: str) -> dict[str, Any]:
    """The fields that a file says; none where there is no file. Raises `CliError`."""
    if not file:
        return {}
    found = list(documents(Path(file)))
    if len(found) != 1:
        raise CliError(f"{file} should hold one record, and holds {len(found)}")
    return found[0]


def _path(operation: Operation, places: Mapping[str, Any]) -> str:
    path = operation.path
    for name in operation.variables:
        path = path.replace(f"{{{name}}}", segment(places[name]))
    return path


def _write(session: Session, found: Any, columns: tuple[str, ...]) -> None:
    if columns or session.out.form in (Format.JSON, Format.JSONL):
        session.out.records(found, columns)
        return
    records = list(found)
    names = dict.fromkeys(name for record in records for name, value in record.items() if not isinstance(value, dict))
    session.out.records(records, tuple(names))
