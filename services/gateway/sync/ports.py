"""What keeping in step needs of both sides: the incidents here, and the tickets of the other system.

Each side's own failures have one form: `Refused` is a no to what was asked for, which asking again does not change;
`Trouble` is a system that cannot be spoken to, now or as we do it.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from chassis.store import Write
from services.gateway.domain.connection import Connection


class Refused(Exception):
    """A side says no, in words for people."""


class Unseen(Refused):
    """A ticket was made, and we may not see it."""


class Trouble(Exception):
    """A side cannot be spoken to. `lasting` where nothing will change until somebody changes something."""

    def __init__(self, why: str, *, status: int = 0, lasting: bool = False, after: timedelta | None = None) -> None:
        super().__init__(why)
        self.status, self.lasting, self.after = status, lasting, after


class Moved(Exception):
    """A record changed while it was being decided on: decide again."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """One of theirs. `id` never changes, `key` is for people; `version` differs after every change of it.

    `fields` holds their own values: `title`, `description`, `state`, and `priority` or `impact` and `urgency`. `marked` says
    whether it carries the mark of this connection, `correlation` which pair it says that it is: whoever may write there can
    have written both. `closing` is how it ended in their words, `waits` what it waits for. `odd` says why it could not be
    understood; then there is nothing else to be known of it. Raises `TypeError` where a value is no text.
    """

    id: str
    key: str
    url: str
    version: str
    update_time: datetime
    fields: Mapping[str, str]
    marked: bool = False
    correlation: str = ""
    closing: str = ""
    waits: str = ""
    odd: str = ""

    def __post_init__(self) -> None:
        words = (self.key, self.version, self.correlation, self.closing, self.waits, *self.fields.values())
        if not all(isinstance(word, str) for word in words):
            raise TypeError("a value is no text")

    @classmethod
    def unread(cls, id: str, key: str, url: str, version: str, why: str) -> "Ticket":  # noqa: A002 - as its field
        """One of which no more is known; it may carry any mark."""
        return cls(id, key, url, version, datetime.fromtimestamp(0, UTC), {}, marked=True, odd=why)


@dataclass(frozen=True, slots=True)
class Remark:
    """Something said about a ticket."""

    id: str
    author: str
    text: str
    public: bool = True


class Theirs(Protocol):
    """The other system. All raise `Trouble`; what writes raises `Refused`."""

    def look(self) -> AsyncIterator[str]:
        """Looks whether all that is needed is allowed; says what is, and raises at the first that is not."""

    async def read(self, id: str) -> Ticket | None:  # noqa: A002 - as its field
        """A ticket as it is now; None when there is none any more."""

    async def find(self, correlation: str) -> Ticket | None:
        """The ticket that we made for this."""

    async def create(self, values: Mapping[str, str], correlation: str) -> Ticket:
        """A new one."""

    async def mark(self, ticket: Ticket, correlation: str) -> None:
        """Says on a ticket of theirs what it is here."""

    async def edit(self, ticket: Ticket, values: Mapping[str, str]) -> Mapping[str, str]:
        """Changes fields but the state; says their values now."""

    async def move(self, ticket: Ticket, state: str, said: "Saying") -> str:
        """Brings it into a state, by what is allowed there; says which it is in now."""

    async def remarks(self, ticket: Ticket) -> Sequence[Remark]:
        """What was said about it, the oldest first."""

    async def remark(self, ticket: Ticket, text: str, *, public: bool) -> str:
        """Says something, which ends with a mark of ours; the id of that, empty where we may not see it."""

    async def fits(self, ticket: Ticket) -> bool:
        """Whether the query of the connection, by which tickets of theirs become incidents, finds it."""

    async def changed(self, since: timedelta, page: str) -> tuple[Sequence[Ticket], str]:
        """Tickets that are ours or are to be, and changed in this time, the oldest change first; and the page after."""

    async def changed_at(self, ticket: Ticket, field: str) -> datetime:
        """When a field last changed, as exactly as they know."""


@dataclass(frozen=True, slots=True)
class Saying:
    """What is said beside a new state: how it ended, what it waits for."""

    closing: str = ""
    waits: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One of ours, as far as it is kept in step."""

    id: str
    number: str
    version: str
    title: str
    description: str
    state: str
    hold_reason: str
    impact: str
    urgency: str
    priority: str
    resolution: str
    dedup_key: str
    update_time: datetime

    @property
    def over(self) -> bool:
        """Whether nothing leads out of its state."""
        return self.state in ("CLOSED", "CANCELLED")


@dataclass(frozen=True, slots=True)
class Note:
    """Something said about a record of ours."""

    id: str
    text: str
    public: bool
    author_id: str


@dataclass(frozen=True, slots=True)
class Key:
    """In whose name something is done here, and a word that is the same whenever the same is done again."""

    connection_id: str
    word: str
    parts: Sequence[str] = field(default_factory=tuple)


class Reach(Protocol):
    """How connections of the current tenant are reached."""

    def kept(self, connection_id: str, secret: str) -> Write:
        """What keeps a secret, in the transaction of its connection."""

    async def to(self, connection: Connection) -> Theirs:
        """The other system. Raises `Trouble` where the secret cannot be read any more."""


class Pairs(Protocol):
    """What is in step."""

    async def forget(self, connection_id: str) -> None:
        """Nothing is, by this connection."""


class Ours(Protocol):
    """The incidents of the current tenant, reached as this service, on behalf of a connection. All raise `Unavailable`."""

    async def me(self) -> str:
        """What notes of ours say that their author is."""

    async def read(self, id: str) -> Record | None:  # noqa: A002 - as its field
        """One as it is now; None when there is none."""

    async def open(self, values: Mapping[str, str], dedup_key: str, key: Key) -> Record:
        """A new one, or the open one that has this key already. Raises `Refused`."""

    async def edit(self, record: Record, values: Mapping[str, str], key: Key) -> Record:
        """Changes fields. Raises `Moved` when it is not as it was read, `Refused`."""

    async def move(self, record: Record, verb: str, said: Saying, key: Key) -> Record:
        """Does one verb. Raises `Refused`."""

    async def notes(self, record_id: str, known: Collection[str]) -> Sequence[Note]:
        """What was said about it and is not `known`, the oldest first."""

    async def say(self, record_id: str, text: str, *, public: bool, key: Key) -> str:
        """Says something; the note's id. Raises `Refused`."""

    async def changed_at(self, record: Record, field: str) -> datetime:
        """When a field last changed."""
