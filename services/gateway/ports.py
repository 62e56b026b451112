"""What the use cases need from the rest of the gateway."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from chassis.plugins import Kind


@dataclass(frozen=True, slots=True)
class Told:
    """An event as others may be told of it. `data` is its JSON as a dictionary, `text` the same as text."""

    id: str
    type: str
    subject: str
    tenant: str
    version: int
    time: datetime
    data: Mapping[str, Any]
    text: bytes

    @property
    def plural(self) -> str:
        """The kind of record that it is about."""
        return self.subject.partition("/")[0]


class Catalog(Protocol):
    """Knows which events there are and what their records hold."""

    @property
    def types(self) -> Collection[str]:
        """All event types."""

    def check(self, patterns: Collection[str], filter_text: str) -> None:
        """Raises `Invalid` for a filter that fits the records of none of these events."""

    def holds(self, patterns: Collection[str], member: str) -> bool:
        """Whether records of any of these events have such a member, by its JSON name."""

    def fits(self, filter_text: str, event: Told) -> bool:
        """Whether the record of an event fits; not when it has no such fields."""


class Owners(Protocol):
    """Knows what people may read."""

    async def sees(self, owner_id: str, limits: Collection[str] | None, event: Told) -> bool:
        """Whether somebody may read, now and within these permissions, the record of an event of the current tenant.

        `limits` None: whatever his roles permit. Raises `Unavailable`.
        """


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the current tenant. `email` is empty where the realm knows none."""

    id: str
    name: str
    email: str


class People(Protocol):
    """Knows who people are."""

    async def person(self, id: str) -> Person | None:  # noqa: A002 - as its field
        """Somebody who may sign in; None where nobody like that is known. Raises `Unavailable`."""

    async def team(self, id: str) -> Sequence[str]:  # noqa: A002 - as above
        """The members of a team; none where there is no such team. Raises `Unavailable`."""


class Records(Protocol):
    """Knows what events do not hold."""

    async def record(self, subject: str) -> Mapping[str, Any] | None:
        """A record as events tell of it; None where there is none, or none that can be asked for. Raises `Unavailable`."""

    async def note(self, subject: str, note_id: str) -> str:
        """What a note about a record says; empty where it is not among the newest. Raises `Unavailable`."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A record that the caller may read. `all` says that he may read every record of its kind."""

    subject: str
    all: bool


class Seeing(Protocol):
    """Knows which records the caller may read."""

    async def record(self, resources: str, id: str) -> Seen:  # noqa: A002 - as its field
        """A record by id or number. Raises `NotFound`, also for what he may not read, and `Unavailable`."""


class Past(Protocol):
    """What happened lately, as far as this process remembers."""

    def newest(self, tenant: str, types: Collection[str], most: int) -> Sequence[Told]:
        """Events of a tenant of these types, the newest first."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a job will do. `needs` are the permissions that it takes, the most telling one first.

    `inverse` is the action that takes it back, empty where there is none. `destroys` says that records are gone afterwards.
    """

    needs: Sequence[str]
    inverse: str = ""
    destroys: bool = False


class Actions(Protocol):
    """Knows what can be done with which records."""

    def bulk(self, resource: str, action: str, parameters: Mapping[str, Any], *, listed: bool, back: bool = False) -> Plan:
        """An action on many records, `listed` where a filter says which, `back` where each gets the values from before.

        Raises `Invalid` naming the field that is wrong.
        """

    def export(self, resource: str, fields: Sequence[str]) -> Plan:
        """A list as a file. Raises `Invalid` naming the field that is wrong."""


@runtime_checkable
class ChannelPlugin(Protocol):
    """A way for notices that another package brings (docs/plugins/channels.md)."""

    api: int
    """1."""

    async def send(self, target: str, key: str, message: Mapping[str, Any]) -> None:
        """Hands a notice over to `target`, what stands behind the plugin's name in the address of a room.

        It may come again under the same `key`. Raises `OSError` where another attempt makes sense, `ValueError` where none
        does.
        """
        ...


CHANNELS: Kind[ChannelPlugin] = Kind("itsm.channels", 1, ChannelPlugin)  # type: ignore[type-abstract] # only its shape is asked
