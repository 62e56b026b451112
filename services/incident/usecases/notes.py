"""Saying something about a record of any kind."""

from collections.abc import Sequence

from chassis import context as ctx
from chassis.domain import Aggregate, Ids, new_id
from chassis.store import Store
from services.incident.domain.moment import Act
from services.incident.domain.note import Note
from services.incident.usecases.acting import act


class Notes:
    """What is said is a record of its own: the record that it is about keeps its version."""

    def __init__(self, store: Store, *, ids: Ids = new_id) -> None:
        self._store = store
        self._ids = ids

    def said(
        self,
        kind: type[Aggregate],
        id: str,  # noqa: A002 - as its field
        text: str,
        public: bool,
        moment: Act,
        names: Sequence[str] = (),
    ) -> Note:
        """A note about the record with this id, to be added to a transaction. Raises `Invalid` as `Note.said` does.

        What a caller says who sees only some rows is public, else they could not read it themselves.
        """
        about, public = self._store.kinds[kind].subject(id), public or bool(ctx.current().scope)
        key = self._ids("note")
        return Note.said(id=key, about=about, text=text, public=public, by=moment.by, at=moment.at, names=names)

    async def say(
        self,
        kind: type[Aggregate],
        id: str,  # noqa: A002 - as its field
        text: str,
        public: bool,
        names: Sequence[str] = (),
    ) -> Note:
        """Adds a note and changes nothing else. Raises `NotFound` for a record that the caller does not see."""
        document = await self._store.document(kind, id)
        async with self._store.transaction() as tx:
            note = self.said(kind, document["_id"], text, public, act(self._store), names)
            tx.add(note)
        return note
