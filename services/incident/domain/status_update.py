"""What is told of a major incident: a record of its own, apart from the notes of those who work on it. It is never changed."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self

from itsm.incident import v1 as pb

from chassis.domain import Aggregate
from chassis.errors import Invalid
from services.incident.domain.moment import Act
from services.incident.domain.note import LONGEST


class Audience(StrEnum):
    """Whom an update is for."""

    INTERNAL = "INTERNAL"
    PUBLIC = "PUBLIC"


@dataclass(slots=True, kw_only=True)
class StatusUpdate(Aggregate):
    """A status update."""

    about: str
    text: str
    audience: Audience = Audience.INTERNAL
    next_update_time: datetime | None = None
    author_id: str
    create_time: datetime

    @classmethod
    def given(
        cls,
        act: Act,
        *,
        id: str,  # noqa: A002 - as its field
        about: str,
        text: str,
        audience: Audience,
        next_update_time: datetime | None,
    ) -> Self:
        """A new one. Raises `Invalid` for one that says nothing or too much."""
        if not text.strip():
            raise Invalid({"status_update.text": "must say something"})
        if len(text) > LONGEST:
            raise Invalid({"status_update.text": f"may have {LONGEST} characters, not {len(text)}"})
        update = cls(
            id=id,
            about=about,
            text=text,
            audience=audience,
            next_update_time=next_update_time,
            author_id=act.by,
            create_time=act.at,
        )
        update.record(pb.StatusUpdateAdded())
        return update
