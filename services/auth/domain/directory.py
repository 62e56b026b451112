"""Directories that people come from, and the runs that read them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from itsm.auth import v1 as pb

from chassis.domain import Aggregate, Event
from chassis.errors import ForbiddenMove, Invalid

SHORTEST, LONGEST = timedelta(minutes=5), timedelta(days=7)
MOST_GROUPS = 200
SAMPLES = 100
TEXT = 1000
FILTER_LENGTH = 4000
ALWAYS = 5
"""How many people a run may disable however few a directory has."""
USUAL_PERCENT = 10

_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_TEAM = re.compile(r"[^/\x00-\x1f]{1,100}")


class Kind(StrEnum):
    """Decides what is read where a directory says nothing else."""

    OPENLDAP = "OPENLDAP"
    ACTIVE_DIRECTORY = "ACTIVE_DIRECTORY"


@dataclass(slots=True, kw_only=True)
class DirectoryAttributes:
    """Which attribute says what; empty for that of the kind."""

    key: str = ""
    username: str = ""
    first_name: str = ""
    last_name: str = ""
    email: str = ""


@dataclass(slots=True, kw_only=True)
class DirectoryGroup:
    """What members of a group are given."""

    group: str
    team: str = ""
    role: str = ""


_USUAL: Mapping[Kind, Mapping[str, str]] = {
    Kind.OPENLDAP: {
        "key": "entryUUID",
        "username": "uid",
        "first_name": "givenName",
        "last_name": "sn",
        "email": "mail",
        "user_filter": "(objectClass=inetOrgPerson)",
        "group_filter": "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup))",
    },
    Kind.ACTIVE_DIRECTORY: {
        "key": "objectGUID",
        "username": "sAMAccountName",
        "first_name": "givenName",
        "last_name": "sn",
        "email": "mail",
        "user_filter": "(&(objectCategory=person)(objectClass=user))",
        "group_filter": "(objectClass=group)",
    },
}


@dataclass(slots=True, kw_only=True)
class Directory(Aggregate):
    """Where people come from. Its password is kept elsewhere, encrypted; here stands only whether there is one."""

    name: str
    kind: Kind
    url: str
    plain: bool = False
    bind_dn: str = ""
    password_set: bool = False
    base_dn: str
    user_filter: str = ""
    group_filter: str = ""
    attributes: DirectoryAttributes | None = None
    groups: list[DirectoryGroup] = field(default_factory=list)
    interval: timedelta | None = None
    disable_percent: int = 0
    owner_id: str
    delete_time: datetime | None = None
    create_time: datetime
    update_time: datetime

    @classmethod
    def made(cls, *, id: str, at: datetime, by: str, password_set: bool, **given: Any) -> Self:  # noqa: A002 - as its field
        """A new one. Raises `Invalid`; its address is judged by whoever connects, its roles by who may give them."""
        missing = {name: "is needed" for name in ("name", "kind", "url", "base_dn") if not given.get(name)}
        if missing:
            raise Invalid(missing)
        made = cls(id=id, owner_id=by, password_set=password_set, create_time=at, update_time=at, **given)
        made.validate()
        made.record(pb.DirectoryCreated())
        return made

    def edit(self, at: datetime, *, by: str, password: bool | None, **fields: Any) -> None:
        """Changes named fields; `password` says whether there is one from now on, None leaves it. Nothing changed, nothing
        is told.

        Raises `Invalid`, also for another address without the password: whoever changes it could have it told to himself.
        """
        fields = {name: value for name, value in fields.items() if getattr(self, name) != value}
        if fields.keys() & {"url", "plain"} and self.password_set and password is None:
            raise Invalid({"password": "is needed again with another address: it is told to no other server"})
        if fields.keys() & {"groups", "kind", "base_dn", "url", "user_filter", "group_filter", "attributes"}:
            self.owner_id = by
        for name, value in fields.items():
            setattr(self, name, value)
        if password is not None:
            self.password_set = password
        if fields or password is not None:
            self.validate()
            self._changed(pb.DirectoryUpdated(), at)

    def delete(self, at: datetime) -> None:
        """It is gone; whoever came from it stays."""
        self.delete_time, self.password_set = at, False
        self._changed(pb.DirectoryDeleted(), at)

    def usual(self, name: str) -> str:
        """What is read: as it says, else that of its kind. `name` is that of an attribute, `user_filter` or `group_filter`."""
        own = getattr(self, name) if name.endswith("_filter") else getattr(self.attributes, name, "")
        return str(own or _USUAL[self.kind][name])

    def bound(self, people: int) -> int:
        """How many of so many people a run may disable."""
        return max(ALWAYS, people * (self.disable_percent or USUAL_PERCENT) // 100)

    def validate(self) -> None:
        """Raises `Invalid`, naming the fields."""
        wrong = {
            name: f"may have {TEXT} characters at most" for name in ("name", "url", "bind_dn", "base_dn") if self._long(name)
        }
        for name in ("user_filter", "group_filter"):
            if problem := filter_problem(self.usual(name)):
                wrong[name] = problem
        for name in ("key", "username", "first_name", "last_name", "email"):
            if not _ATTRIBUTE.fullmatch(self.usual(name)):
                wrong[f"attributes.{name}"] = "is no name of an attribute"
        if self.bind_dn and not self.password_set:
            wrong["password"] = "is needed: a server lets anybody in who names himself without one"  # noqa: S105 - no password
        if self.interval is not None and not SHORTEST <= self.interval <= LONGEST:
            wrong["interval"] = "is five minutes at least and seven days at most"
        if not 0 <= self.disable_percent <= 100:
            wrong["disable_percent"] = "is between 1 and 100; 10 when 0"
        wrong |= self._wrong_groups()
        if wrong:
            raise Invalid(wrong)

    def _long(self, name: str) -> bool:
        return len(getattr(self, name)) > TEXT

    def _wrong_groups(self) -> dict[str, str]:
        if len(self.groups) > MOST_GROUPS:
            return {"groups": f"may be {MOST_GROUPS} at most"}
        wrong = {}
        for index, each in enumerate(self.groups):
            if not each.group or len(each.group) > TEXT:
                wrong[f"groups[{index}].group"] = "names a group by its distinguished name or cn"
            if not each.team and not each.role:
                wrong[f"groups[{index}]"] = "gives nothing: name a team or a role"
            # Below the tenant's own group stand its teams; `roles` is where the realm's roles come from.
            if each.team and (not _TEAM.fullmatch(each.team) or each.team == "roles"):
                wrong[f"groups[{index}].team"] = "is a name without slashes, and not `roles`"
        return wrong

    def _changed(self, event: Event, at: datetime) -> None:
        self.update_time = at
        self.record(event)


def filter_problem(text: str) -> str:
    """What is wrong with an LDAP filter as far as its parentheses and length say; empty when nothing is."""
    if len(text) > FILTER_LENGTH:
        return f"may have {FILTER_LENGTH} characters at most"
    depth = 0
    for index, letter in enumerate(text):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth < 0 or (depth == 0 and index < len(text) - 1):
            return "is one LDAP filter in parentheses"
    return "" if text.startswith("(") and depth == 0 and "\x00" not in text else "is one LDAP filter in parentheses"


class RunState(StrEnum):
    """How far a run is."""

    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    HELD = "HELD"
    FAILED = "FAILED"


class Outcome(StrEnum):
    """What became of an entry of a directory. Who is as he was is counted and not listed."""

    REFUSED = "REFUSED"
    DISABLED = "DISABLED"
    RELEASED = "RELEASED"
    ABSENT = "ABSENT"
    CREATED = "CREATED"
    ADOPTED = "ADOPTED"
    UPDATED = "UPDATED"
    ENABLED = "ENABLED"


@dataclass(slots=True, kw_only=True)
class DirectoryRunSample:
    """One entry of the report."""

    outcome: Outcome
    name: str
    reason: str = ""


@dataclass(slots=True, kw_only=True)
class DirectoryRun(Aggregate):
    """One reading of a directory; asked for, then ended, and never changed after that."""

    directory_id: str
    state: RunState = RunState.PENDING
    requester_id: str = ""
    allow: bool = False
    problem: str = ""
    complete: bool = False
    seen_count: int = 0
    created_count: int = 0
    updated_count: int = 0
    disabled_count: int = 0
    unchanged_count: int = 0
    absent_count: int = 0
    refused_count: int = 0
    samples: list[DirectoryRunSample] = field(default_factory=list)
    create_time: datetime
    end_time: datetime | None = None

    @classmethod
    def asked(cls, *, id: str, directory_id: str, by: str, allow: bool, at: datetime) -> Self:  # noqa: A002 - as its field
        """Somebody, or the schedule, wants it."""
        run = cls(id=id, directory_id=directory_id, requester_id=by, allow=allow, create_time=at)
        run.record(pb.DirectorySyncRequested())
        return run

    def report(self, done: Sequence[DirectoryRunSample], *, seen: int, complete: bool) -> None:
        """Counts what was done, and keeps some of it."""
        count = {outcome: sum(each.outcome is outcome for each in done) for outcome in Outcome}
        self.seen_count, self.complete = seen, complete
        self.refused_count, self.absent_count = count[Outcome.REFUSED], count[Outcome.ABSENT]
        self.created_count = count[Outcome.CREATED] + count[Outcome.ADOPTED]
        self.updated_count = count[Outcome.UPDATED] + count[Outcome.ENABLED]
        self.disabled_count = count[Outcome.DISABLED] + count[Outcome.RELEASED]
        order = list(Outcome)
        self.samples = sorted(done, key=lambda each: order.index(each.outcome))[:SAMPLES]

    def end(self, state: RunState, at: datetime, *, problem: str = "") -> None:
        """It is over. Raises `ForbiddenMove` for one that was over."""
        if self.state is not RunState.PENDING:
            raise ForbiddenMove(self.state, "end")
        self.state, self.problem, self.end_time = state, problem, at
        self.record(pb.DirectorySyncEnded())
