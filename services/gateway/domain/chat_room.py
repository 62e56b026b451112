"""Rooms of chats, each with the secret address at which it takes messages."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from itsm.gateway import v1 as pb

from chassis.domain import Aggregate, Event
from chassis.errors import Invalid
from services.gateway.domain.template import wrong_locale

NAME_LENGTH = 200


class Kind(StrEnum):
    """What kind of chat it is."""

    SLACK = "SLACK"
    TEAMS = "TEAMS"
    MATTERMOST = "MATTERMOST"
    GENERIC = "GENERIC"


@dataclass(slots=True, kw_only=True)
class ChatRoom(Aggregate):
    """A room. Its address is no field of it: it is kept sealed beside the record, in no event, copy or log.

    `url_version` counts the addresses that it had.
    """

    name: str
    kind: Kind
    host: str
    url_version: int = 1
    locale: str = ""
    delete_time: datetime | None = None
    create_time: datetime
    update_time: datetime

    @classmethod
    def made(cls, *, id: str, at: datetime, **given: Any) -> Self:  # noqa: A002 - as its field
        """A new one. Raises `Invalid`."""
        missing = {name: "is needed" for name in ("name", "kind") if not given.get(name)}
        if missing:
            raise Invalid(missing)
        room = cls(id=id, create_time=at, update_time=at, **given)
        room.validate()
        room.record(pb.ChatRoomCreated())
        return room

    def edit(self, at: datetime, *, host: str = "", **fields: Any) -> None:
        """Changes named fields, and `host` where it has another address. Nothing changed, nothing is told. Raises `Invalid`."""
        if host:
            fields |= {"host": host, "url_version": self.url_version + 1}
        fields = {name: value for name, value in fields.items() if getattr(self, name) != value}
        for name, value in fields.items():
            setattr(self, name, value)
        if fields:
            self.validate()
            self._changed(pb.ChatRoomUpdated(), at)

    def delete(self, at: datetime) -> None:
        """It is gone."""
        self.delete_time = at
        self._changed(pb.ChatRoomDeleted(), at)

    def validate(self) -> None:
        """Raises `Invalid`, naming the fields."""
        wrong = {}
        if not 0 < len(self.name.strip()) <= NAME_LENGTH:
            wrong["name"] = f"needs 1 to {NAME_LENGTH} characters"
        if self.locale and (why := wrong_locale(self.locale)) is not None:
            wrong["locale"] = why
        if wrong:
            raise Invalid(wrong)

    def _changed(self, event: Event, at: datetime) -> None:
        self.update_time = at
        self.record(event)
