"""Connections: systems beside this one whose tickets are kept in step with our incidents, and how they are reached.

Its secret is no field of it: it is kept sealed beside the record, in no event, copy or log.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from itsm.gateway import v1 as pb

from chassis.domain import Aggregate, Event
from chassis.errors import Invalid

NAME_LENGTH, TEXT_LENGTH, QUERY_LENGTH, MOST_NAMES = 200, 500, 2_000, 50
SHORTEST, LONGEST = timedelta(seconds=30), timedelta(days=1)
FIELDS = ("title", "description", "state", "priority")
STATES = ("NEW", "ASSIGNED", "IN_PROGRESS", "ON_HOLD", "RESOLVED", "CLOSED", "CANCELLED")
PRIORITIES = ("P1", "P2", "P3", "P4", "P5")
LEVELS = ("HIGH", "MEDIUM", "LOW")
# What decides who is given the secret: with any of them another, an administrator could have it sent to himself.
_REACH = frozenset({"url", "auth", "username"})


class Kind(StrEnum):
    """What the other system is."""

    JIRA = "JIRA"
    SERVICENOW = "SERVICENOW"


class Auth(StrEnum):
    """How we sign in there."""

    BASIC = "BASIC"
    BEARER = "BEARER"
    OAUTH = "OAUTH"


class Direction(StrEnum):
    """Which way changes go."""

    BOTH = "BOTH"
    OUT = "OUT"
    IN = "IN"

    @property
    def goes_out(self) -> bool:
        """Whether anything of ours is written there."""
        return self is not Direction.IN

    @property
    def comes_in(self) -> bool:
        """Whether anything of theirs is written here."""
        return self is not Direction.OUT


class Prefer(StrEnum):
    """Whose value stays where both changed a field at the same time."""

    OURS = "OURS"
    THEIRS = "THEIRS"


class Notes(StrEnum):
    """Which notes go."""

    PUBLIC = "PUBLIC"
    ALL = "ALL"
    NONE = "NONE"


class State(StrEnum):
    """How it goes."""

    WORKING = "WORKING"
    FAILING = "FAILING"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionMapping:
    """What is what in the other system; empty means the usual."""

    project: str = ""
    issue_type: str = ""
    assignment_group: str = ""
    query: str = ""
    states: dict[str, str] = field(default_factory=dict)
    priorities: dict[str, str] = field(default_factory=dict)
    resolution: str = ""
    fields: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Connection(Aggregate):
    """A system that is kept in step with, and what of it."""

    name: str
    kind: Kind
    url: str
    auth: Auth = Auth.BASIC
    username: str = ""
    filter: str = ""
    direction: Direction = Direction.BOTH
    prefer: Prefer = Prefer.OURS
    notes: Notes = Notes.PUBLIC
    mapping: ConnectionMapping = field(default_factory=ConnectionMapping)
    poll_interval: timedelta = timedelta(minutes=1)
    enabled: bool = True
    state: State = State.WORKING
    last_error: str = ""
    last_sync_time: datetime | None = None
    key_version: int = 0
    delete_time: datetime | None = None
    create_time: datetime
    update_time: datetime

    @classmethod
    def made(cls, *, id: str, at: datetime, **given: Any) -> Self:  # noqa: A002 - as its field
        """A new one. Raises `Invalid`; its address is judged by whoever connects, its filter by who knows the events."""
        if missing := {name: "is needed" for name in ("name", "kind", "url") if not given.get(name)}:
            raise Invalid(missing)
        connection = cls(id=id, create_time=at, update_time=at, **_plain(given))
        connection.validate()
        connection.record(pb.ConnectionCreated())
        return connection

    def edit(self, at: datetime, *, with_secret: bool, **fields: Any) -> None:
        """Changes named fields. `with_secret` says that its secret was given with them.

        Raises `Invalid`, also where it would be reached otherwise with the secret that is kept.
        """
        fields = {name: value for name, value in _plain(fields).items() if getattr(self, name) != value}
        if "kind" in fields:
            raise Invalid({"kind": "is chosen once: what is linked is of this kind"})
        if fields.keys() & _REACH and not with_secret:
            raise Invalid({"secret": "is needed again: what is kept is for the address, way and user that it was given for"})
        for name, value in fields.items():
            setattr(self, name, value)
        self.validate()
        if fields or with_secret:
            self._changed(pb.ConnectionUpdated(), at)

    def rotate(self, at: datetime) -> None:
        """Another key for `:notify`; the one before counts no more."""
        self.key_version += 1
        self._changed(pb.ConnectionRotated(), at)

    def failed(self, at: datetime, why: str) -> None:
        """An exchange failed; the same again changes nothing."""
        if (self.state, self.last_error) != (State.FAILING, why):
            self.state, self.last_error = State.FAILING, why
            self._changed(pb.ConnectionFailed(), at)

    def worked(self, at: datetime) -> None:
        """An exchange went well; again changes nothing."""
        if self.state is State.FAILING:
            self.state, self.last_error = State.WORKING, ""
            self._changed(pb.ConnectionRecovered(), at)

    def delete(self, at: datetime) -> None:
        """It is gone."""
        self.enabled, self.delete_time = False, at
        self._changed(pb.ConnectionDeleted(), at)

    @property
    def synced(self) -> tuple[str, ...]:
        """What is kept in step, by the names of the other system's kind: one of ServiceNow has impact and urgency."""
        wanted = [name for name in FIELDS if not self.mapping.fields or name in self.mapping.fields]
        if self.kind is Kind.SERVICENOW and "priority" in wanted:
            wanted[wanted.index("priority") :] = ["impact", "urgency"]
        return tuple(wanted)

    def validate(self) -> None:
        """Raises `Invalid`, naming the fields."""
        wrong = {}
        if not 0 < len(self.name.strip()) <= NAME_LENGTH:
            wrong["name"] = f"needs 1 to {NAME_LENGTH} characters"
        if len(self.username) > TEXT_LENGTH or any(not letter.isprintable() or letter == ":" for letter in self.username):
            wrong["username"] = f"may have {TEXT_LENGTH} printable characters, none of them a colon"
        if self.auth is not Auth.BEARER and not self.username:
            wrong["username"] = "is needed, except with a token alone"
        if self.auth is Auth.OAUTH and self.kind is not Kind.SERVICENOW:
            wrong["auth"] = "client credentials are for ServiceNow"
        if "?" in self.url:
            wrong["url"] = "is where the system is, without a query"
        if not SHORTEST <= self.poll_interval <= LONGEST:
            wrong["poll_interval"] = "lies between 30 s and a day"
        wrong |= self._judge_mapping()
        if wrong:
            raise Invalid(wrong)

    def _judge_mapping(self) -> dict[str, str]:
        mapping, wrong = self.mapping, {}
        if self.kind is Kind.JIRA and self.direction.goes_out and not mapping.project:
            wrong["mapping.project"] = "is needed: tickets are made in it"
        for name in ("project", "issue_type", "assignment_group", "resolution"):
            if len(getattr(mapping, name)) > NAME_LENGTH:
                wrong[f"mapping.{name}"] = f"may have {NAME_LENGTH} characters at most"
        if len(mapping.query) > QUERY_LENGTH:
            wrong["mapping.query"] = f"may have {QUERY_LENGTH} characters at most"
        elif "order by" in mapping.query.lower() or "^ORDERBY" in mapping.query:
            wrong["mapping.query"] = "says which, not in which order"
        known = {"states": STATES, "priorities": PRIORITIES if self.kind is Kind.JIRA else LEVELS}
        for name, allowed in known.items():
            said: dict[str, str] = getattr(mapping, name)
            if strange := sorted(set(said) - set(allowed)):
                wrong[f"mapping.{name}"] = f"{', '.join(strange)} is none of {', '.join(allowed)}"
            elif any(not 0 < len(value) <= NAME_LENGTH for value in said.values()):
                wrong[f"mapping.{name}"] = f"each needs 1 to {NAME_LENGTH} characters"
        if strange := sorted(set(mapping.fields) - set(FIELDS)):
            wrong["mapping.fields"] = f"{', '.join(strange)} is none of {', '.join(FIELDS)}"
        return wrong

    def _changed(self, event: Event, at: datetime) -> None:
        self.update_time = at
        self.record(event)


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    """What a caller left unsaid on purpose, as JSON's null or an unspecified choice, is the usual."""
    usual = {"mapping": ConnectionMapping(), "poll_interval": timedelta(minutes=1), "enabled": True}
    return {name: usual[name] if value is None and name in usual else value for name, value in fields.items()}
