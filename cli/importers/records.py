"""What importers make of the files of other systems: small typed pieces that are joined later. Nothing here talks to anybody.

A reference (`requester`, `author`, `team`, …) is whatever the other system calls somebody: an id, a login, an address or a
name. It is resolved when everything has been read, because files come in any order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands. `line` counts from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Raw:
    """One record of a file. `table` is what the file itself calls it (an element, a member), else the name of the file.

    Numbers are texts as they stand there. A column that a table has several times is a list.
    """

    place: Place
    table: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was left out and why. `field` and `number` are empty where it is not about one, or not known.

    `kind` is a kind of the report, `file`, or `record` where it is not known yet what a record would have become.
    """

    place: Place
    reason: str
    field: str = ""
    number: str = ""
    kind: str = "record"

    def document(self) -> dict[str, Any]:
        """As a line of the report."""
        about = {"file": self.place.file, "line": self.place.line, "kind": self.kind, "number": self.number}
        return {**about, "field": self.field, "reason": self.reason}


class Unusable(ValueError):
    """A record that cannot be used: which field, and why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field
        self.reason = reason


class Unreadable(ValueError):
    """A file of which nothing, or nothing from some place on, can be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What all pieces have: the thing that they are about, by the other system's own key."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person(Piece):
    """Somebody who is named elsewhere by `key`."""

    login: str = ""
    name: str = ""
    mail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Team(Piece):
    """A group that is named elsewhere by `key`."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Label(Piece):
    """The words behind an id of some list there: `key` is `<list>/<id>`."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket(Piece):
    """A ticket as it stands in the end; its history comes as `Change`s, else from its `moments`.

    `moments` are instants that the record itself tells, by our state: ASSIGNED, IN_PROGRESS, RESOLVED, CLOSED.
    """

    number: str
    title: str
    opened: datetime
    state: str
    updated: datetime | None = None
    hold: str = ""
    description: str = ""
    requester: str = ""
    assignee: str = ""
    team: str = ""
    priority: str = ""
    impact: str = ""
    urgency: str = ""
    category: str = ""
    service: str = ""
    code: str = ""
    resolution: str = ""
    reopened: int = 0
    reassigned: int = 0
    made_sla: bool | None = None
    moments: Mapping[str, datetime] = field(default_factory=dict)
    described_by_note: bool = False
    """Its first note is what it was opened with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(Piece):
    """One field of the ticket `key` changed. `what` is a field of `Ticket`; `old` None is not known."""

    id: str
    time: datetime
    what: str
    old: str | None
    new: str
    actor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark(Piece):
    """Something that was said about the ticket `key`. `id` keeps it from being taken twice."""

    id: str
    time: datetime
    text: str
    public: bool = False
    author: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part(Piece):
    """Who or what has a part in the ticket `key`: `role` is requester, assignee, team, asset or solution (its words)."""

    id: str
    role: str
    who: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset(Piece):
    """An asset. `values` by what a column of an import of assets may mean: `location`, `attributes.vendor`, …

    `labels` are those of which only a `<list>/<id>` is said; `class` among them narrows the class (`Computer: Server`).
    """

    class_: str
    name: str
    values: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation(Piece):
    """`key`, an asset, serves another one. `kind` and `group` are ours."""

    consumer: str
    kind: str
    group: str = ""
