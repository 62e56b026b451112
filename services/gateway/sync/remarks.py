"""Notes here and comments there: each goes once, under a mark by which it is known again and does not come back.

What we say there ends with `[INC0001042 note_…]`, what we say here begins with `[OPS-12#10003]`. A mark counts only where
nothing else is known: who quotes a marked text says something of his own.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from services.gateway.domain.connection import Connection, Kind, Notes
from services.gateway.sync.links import Link
from services.gateway.sync.ports import Key, Note, Ours, Record, Remark, Theirs, Ticket

LONGEST_HERE = 65_000
LONGEST_THERE = {Kind.JIRA: 32_000, Kind.SERVICENOW: 3_500}
"""How much of a note is told: with the mark behind it, as much as they keep whole."""
_OF_OURS = re.compile(r"\[\S+ (note_[0-9a-z]{1,40})\]\s*$")
_OF_THEIRS = re.compile(r"\[[^\]#\n]+#([^\]\n]+)\]")


def told(kind: Kind, record: Record, note: Note) -> str:
    """A note of ours as it is said there."""
    return f"{note.text[: LONGEST_THERE[kind]].strip()}\n\n[{record.number} {note.id}]"


def heard(ticket: Ticket, remark: Remark) -> str:
    """A remark of theirs as it is said here."""
    author = " ".join(remark.author.split())[:200]
    return f"[{ticket.key}#{remark.id}] {author}:\n\n{remark.text[:LONGEST_HERE].strip()}"


def goes(connection: Connection, *, public: bool) -> bool:
    """Whether such a note is for the other side."""
    return connection.notes is Notes.ALL or (public and connection.notes is Notes.PUBLIC)


@dataclass(frozen=True, slots=True)
class Talk:
    """Takes notes over, of one pair."""

    connection: Connection
    ours: Ours
    theirs: Theirs

    async def bring(self, link: Link, record: Record, ticket: Ticket, *, listen: bool) -> None:
        """Brings both sides to say the same; `listen` where they may have said something. Raises as both sides do."""
        if self.connection.notes is Notes.NONE:
            return
        fresh = await self.ours.notes(record.id, link.notes)
        going = (
            [note for note in fresh if goes(self.connection, public=note.public)] if self.connection.direction.goes_out else []
        )
        listen = listen and self.connection.direction.comes_in
        if not going and not listen:
            return
        remarks = await self.theirs.remarks(ticket)
        await self._recognize(link, fresh, remarks)
        if listen:
            for remark in remarks:
                if remark.id not in link.notes.values() and goes(self.connection, public=remark.public) and remark.text.strip():
                    key = Key(self.connection.id, f"remark|{ticket.id}|{remark.id}")
                    said = await self.ours.say(record.id, heard(ticket, remark), public=remark.public, key=key)
                    link.notes[said or f"said:{remark.id}"] = remark.id
        for note in going:
            if note.id not in link.notes:
                link.notes[note.id] = await self.theirs.remark(
                    ticket, told(self.connection.kind, record, note), public=note.public
                )
        link.problems.pop("notes", None)

    async def _recognize(self, link: Link, fresh: Sequence[Note], remarks: Sequence[Remark]) -> None:
        """Finds what was taken over by somebody who did not live to write it down."""
        unknown = {remark.id: remark for remark in remarks if remark.id not in link.notes.values()}
        notes = {note.id: note for note in fresh}
        for remark in list(unknown.values()):
            mark = _OF_OURS.search(remark.text)
            # One that we could not see when we had said it has no id yet.
            if mark is not None and (link.notes.get(mark[1]) == "" or (mark[1] in notes and mark[1] not in link.notes)):
                link.notes[mark[1]] = remark.id
                del unknown[remark.id]
        me = await self.ours.me()
        for note in fresh:
            mark = _OF_THEIRS.match(note.text)
            if note.author_id == me and mark is not None and mark[1] in unknown and note.id not in link.notes:
                link.notes[note.id] = mark[1]
                del unknown[mark[1]]
