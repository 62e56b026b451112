"""What is said about a record: a record of its own, so that saying something changes nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from itsm.incident import v1 as pb

from chassis.domain import Aggregate
from chassis.errors import Invalid
from services.incident.domain.watching import mentioned

LONGEST = 65_536


@dataclass(slots=True, kw_only=True)
class Note(Aggregate):
    """A note; public ones are for the reporter too."""

    about: str
    text: str
    public: bool = False
    author_id: str
    create_time: datetime
    mentioned_ids: list[str] = field(default_factory=list)

    @classmethod
    def said(
        cls,
        *,
        id: str,  # noqa: A002 - as its field
        about: str,
        text: str,
        public: bool,
        by: str,
        at: datetime,
        names: Sequence[str] = (),
    ) -> Self:
        """A new note. Raises `Invalid` for one that says nothing or too much."""
        if not text.strip():
            raise Invalid({"text": "must say something"})
        if len(text) > LONGEST:
            raise Invalid({"text": f"may have {LONGEST} characters, not {len(text)}"})
        note = cls(id=id, about=about, text=text, public=public, author_id=by, create_time=at, mentioned_ids=mentioned(names))
        note.record(pb.NoteAdded())
        return note

    @classmethod
    def taken_over(cls, *, id: str, about: str, text: str, public: bool, by: str, at: datetime, source: str) -> Self:  # noqa: A002 - as its field
        """What was said in another system, as it stands there: it wakes nothing, and nobody is told of it."""
        note = cls(id=id, about=about, text=text, public=public, author_id=by, create_time=at)
        note.record(pb.NoteImported(source=source))
        return note
