"""What the actions of rules do, each with the rights that a person would need for it.

All of it runs inside the transaction of the caller. Fails with what the use cases raise, and with `Denied`, `Invalid`.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from itsm.incident import v1 as pb

from chassis import context as ctx
from chassis import protojson
from chassis.codec import changes, given
from chassis.domain import Aggregate
from chassis.errors import Denied, Invalid
from chassis.store import Store
from services.incident.domain.automation import ActionKind, RuleAction, filled
from services.incident.domain.incident import Incident
from services.incident.domain.link import Link, LinkKind
from services.incident.domain.problem import Problem
from services.incident.domain.routing import Method
from services.incident.domain.task import Task
from services.incident.usecases.incidents import Incidents
from services.incident.usecases.linking import Linking
from services.incident.usecases.notes import Notes
from services.incident.usecases.problems import Problems
from services.incident.usecases.rights import Acting
from services.incident.usecases.routing import Routing
from services.incident.usecases.tasks import Tasks

Record = Mapping[str, Any]
_LONGEST_TITLE = 300
_INCIDENTS_ONLY = frozenset({ActionKind.ROUTE, ActionKind.START, ActionKind.RESOLVE, ActionKind.NOTIFY})
_WORKED_ON = frozenset({ActionKind.ASSIGN, ActionKind.SET_FIELDS, ActionKind.LINK})


class Worked(Protocol):
    """What can be done with records that people work on."""

    async def update(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> Aggregate:  # noqa: A002 - as its field
        """Changes named fields."""

    async def assign(self, id: str, team_id: str, assignee_id: str, *, etag: str = "") -> Aggregate:  # noqa: A002 - as above
        """Gives it to a team and a person."""

    async def link(self, id: str, link: Link, *, etag: str = "") -> Aggregate:  # noqa: A002 - as above
        """Refers it to another record."""


class Doing:
    """Actions on records of this service."""

    def __init__(
        self, store: Store, incidents: Incidents, problems: Problems, tasks: Tasks, notes: Notes, routing: Routing
    ) -> None:
        self._store, self._incidents, self._tasks, self._notes, self._routing = store, incidents, tasks, notes, routing
        self._linking = Linking(store)
        self._kinds = {kind.plural: kind for kind in store.kinds.values()}
        self._worked: dict[str, tuple[Worked, type[Any], type[Aggregate]]] = {
            "incidents": (incidents, pb.Incident, Incident),
            "problems": (problems, pb.Problem, Problem),
        }

    def judge(self, action: RuleAction, plural: str) -> None:
        """Raises `Invalid` for what can never be done to such records, `Denied` where the caller may not do it himself."""
        self._require_fit(action, plural)
        if (needed := needs(action, plural)) not in ctx.current().permissions:
            raise Denied(needed, f"a rule does no more than you may do: {action.kind} needs the permission {needed}")
        if action.kind is ActionKind.SET_FIELDS:
            self._wanted(action, plural, {})
        elif action.kind is ActionKind.CREATE_INCIDENT:
            _made(action, pb.Incident, Incident, {})
        elif action.kind is ActionKind.CREATE_TASK:
            _made(action, pb.Task, Task, {})

    def told(self, action: RuleAction, record: Record) -> str:
        """What an action does to a record, in words."""
        match action.kind:
            case ActionKind.ASSIGN:
                return f"assign to {action.team_id}" + (f", {action.assignee_id}" if action.assignee_id else "")
            case ActionKind.ROUTE | ActionKind.START:
                return action.kind.lower()
            case ActionKind.SET_FIELDS:
                return "set " + ", ".join(f"{name} = {filled(value, record)}" for name, value in sorted(action.fields.items()))
            case ActionKind.NOTE | ActionKind.NOTIFY:
                whom = f" to {', '.join(action.user_ids)}" if action.kind is ActionKind.NOTIFY else ""
                return f"say{whom}: {filled(action.text, record)}"
            case ActionKind.LINK:
                return f"link to {action.link.target}" if action.link is not None else "link"
            case ActionKind.RESOLVE:
                return f"resolve as {action.resolution_code}"
            case ActionKind.CREATE_INCIDENT:
                return f"open an incident: {filled(action.fields.get('title', ''), record)}"
            case ActionKind.CREATE_TASK:
                return f"add a task: {filled(action.fields.get('title', ''), record)}"

    async def do(self, action: RuleAction, subject: str, record: Record, acting: Acting) -> None:
        """Does one action to the record that `subject` names; `record` is its state in the event.

        What a note is about is known only by now: raises `Invalid` where the action is not for such records.
        """
        plural, _, key = subject.partition("/")
        self._require_fit(action, plural)
        with ctx.use(acting.doing(needs(action, plural))):
            match action.kind:
                case ActionKind.ASSIGN:
                    await self._worked[plural][0].assign(key, action.team_id, action.assignee_id)
                case ActionKind.SET_FIELDS:
                    await self._worked[plural][0].update(key, self._wanted(action, plural, record))
                case ActionKind.LINK if action.link is not None:
                    await self._worked[plural][0].link(key, action.link)
                case ActionKind.NOTE | ActionKind.NOTIFY:
                    await self._say(action, plural, key, record)
                case ActionKind.CREATE_TASK:
                    fields = _made(action, pb.Task, Task, record)
                    await self._tasks.create({**fields, "about": subject})
                case ActionKind.CREATE_INCIDENT:
                    await self._open(action, subject, record)
                case ActionKind.ROUTE:
                    await self.route(key)
                case ActionKind.START:
                    await self._incidents.start(key)
                case ActionKind.RESOLVE:
                    await self._incidents.resolve(key, action.resolution_code, filled(action.text, record))

    async def route(self, id: str, *, placed: bool = False, etag: str = "") -> tuple[str, str, str]:  # noqa: A002 - as its field
        """Gives an incident to whom the routing rules say: the rule's id and name, empty where none fits, and why.

        With `placed` its team stays, and one that has a person already is left as it is.
        """
        async with self._store.transaction() as tx:
            incident = await tx.get(Incident, id, etag=etag)
            if placed and (incident.assignee_id or not incident.state.is_open):
                return "", "", "somebody has it"
            found = await self._routing.choice(tx, incident, placed=placed)
            if found is None:
                return "", "", "no rule fits"
            rule, choice = found
            if placed and rule.method is Method.TEAM_ONLY:
                return "", "", choice.why
            # Where nobody is chosen and the team stays, whoever has it keeps it.
            stays = incident.assignee_id if incident.team_id == rule.team_id else ""
            await self._incidents.assign(id, rule.team_id, choice.user_id or stays)
        given_to = f"{rule.team_id}, {choice.user_id}" if choice.user_id else rule.team_id
        return rule.id, rule.name, f"{given_to}: {choice.why}"

    def _require_fit(self, action: RuleAction, plural: str) -> None:
        if action.kind in _INCIDENTS_ONLY and plural != "incidents":
            raise Invalid({"kind": f"{action.kind} is for incidents, and these events are of {plural}"})
        if action.kind in _WORKED_ON and plural not in self._worked:
            raise Invalid({"kind": f"{action.kind} is for {' and '.join(sorted(self._worked))}, not for {plural}"})

    async def _say(self, action: RuleAction, plural: str, key: str, record: Record) -> None:
        kind = self._kinds.get(plural)
        if kind is None:
            raise Invalid({"kind": f"nothing can be said about {plural}"})
        text, tells = filled(action.text, record), action.kind is ActionKind.NOTIFY
        if plural == "incidents":
            await self._incidents.note(key, text, action.public and not tells, action.user_ids if tells else ())
        else:
            await self._notes.say(kind.aggregate, key, text, action.public)

    async def _open(self, action: RuleAction, subject: str, record: Record) -> None:
        fields = _made(action, pb.Incident, Incident, record)
        # A rule hears no answer: it is for whom the record is, else for whoever made the rule.
        fields.setdefault("requester_id", record.get("requesterId") or ctx.current().act)
        incident = await self._incidents.open(fields)
        await self._incidents.link(incident.id, Link(kind=LinkKind.RELATED, target=subject))

    def _wanted(self, action: RuleAction, plural: str, record: Record) -> dict[str, Any]:
        _, message, kind = self._worked[plural]
        decoded = _decoded(action, message, record)
        try:
            return changes(decoded, [field.name for field, _ in decoded.ListFields()], kind)
        except Invalid as wrong:
            raise Invalid({name.replace("update_mask", "fields"): why for name, why in wrong.violations.items()}) from None


def needs(action: RuleAction, plural: str) -> str:
    """The permission that an action on a record of this kind asks for."""
    match action.kind:
        case ActionKind.ASSIGN | ActionKind.ROUTE:
            return f"{plural}.assign"
        case ActionKind.SET_FIELDS:
            return f"{plural}.update"
        case ActionKind.NOTE | ActionKind.NOTIFY:
            return f"{plural}.note"
        case ActionKind.LINK | ActionKind.START | ActionKind.RESOLVE:
            return f"{plural}.{action.kind.lower()}"
        case ActionKind.CREATE_INCIDENT:
            return "incidents.create"
        case ActionKind.CREATE_TASK:
            return "tasks.create"


def _made(action: RuleAction, message: type[Any], kind: type[Any], record: Record) -> dict[str, Any]:
    if not action.fields.get("title", "").strip():
        raise Invalid({"fields.title": "is needed"})
    fields = given(_decoded(action, message, record), kind)
    if isinstance(title := fields.get("title"), str):
        fields["title"] = title[:_LONGEST_TITLE]
    return fields


def _decoded(action: RuleAction, message: type[Any], record: Record) -> Any:
    """The fields as the API would take them. Raises `Invalid` for one that does not exist or has no such value."""
    values = {name: filled(value, record) for name, value in action.fields.items()}
    try:
        return protojson.decode(values, message)
    except Invalid as wrong:
        raise Invalid({f"fields.{name}": why for name, why in wrong.violations.items()}) from None
