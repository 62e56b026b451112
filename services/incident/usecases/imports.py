"""Taking over incidents of another system with their whole history."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

from chassis import context as ctx
from chassis.domain import Ids, new_id
from chassis.errors import Invalid
from chassis.races import again
from chassis.store import Store
from services.incident.domain import history
from services.incident.domain.incident import Incident
from services.incident.domain.levels import Moment, ServiceLevels
from services.incident.domain.note import Note
from services.incident.usecases.policies import Policies

CLAIM = "import"
MOST = 100
SOURCE_LENGTH = 100


class Outcome(StrEnum):
    """How it went."""

    CREATED = "CREATED"
    UNCHANGED = "UNCHANGED"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one incident."""

    external_number: str
    outcome: Outcome
    id: str = ""
    message: str = ""


class Imports:
    """Each incident is taken over in a transaction of its own, so that an interrupted import is simply sent again."""

    def __init__(self, store: Store, policies: Policies, *, ids: Ids = new_id) -> None:
        self._store = store
        self._policies = policies
        self._ids = ids

    async def run(self, source: str, told: Sequence[history.Imported]) -> list[Result]:
        """What became of each, in order. Raises `Invalid` for a call that is wrong as a whole, and `Busy` to be run again."""
        if not 0 < len(source.strip()) <= SOURCE_LENGTH or "|" in source:
            raise Invalid({"source": f"must name a system in 1 to {SOURCE_LENGTH} characters without a bar"})
        if not 0 < len(told) <= MOST:
            raise Invalid({"incidents": f"may be 1 to {MOST} a call, not {len(told)}"})
        levels = await self._policies.levels()
        # A request key belongs to one transaction; here each incident has its own, and its claim makes it repeatable.
        with ctx.use(replace(ctx.current(), request_id="")):
            # Another import of one may be first; the answers to the others need not suffer.
            return [await again(partial(self._one, source, each, levels)) for each in told]

    async def _one(self, source: str, told: history.Imported, levels: ServiceLevels) -> Result:
        if found := history.faults(told, self._store.clock()):
            return Result(external_number=told.external_number, outcome=Outcome.REFUSED, message="; ".join(found))
        number = await self._store.number("INC")
        try:
            async with self._store.transaction() as tx:
                key = f"{source}|{told.external_number}"
                if (holder := await tx.holder(CLAIM, key)) is not None:
                    return Result(external_number=told.external_number, outcome=Outcome.UNCHANGED, id=holder)
                moment = Moment(at=told.open_time, by=ctx.current().actor.id, levels=levels)
                incident = Incident.taken_over(moment, id=self._ids("inc"), number=number, told=told)
                tx.claim(CLAIM, key, incident.id)
                for index, update in enumerate(told.updates):
                    last = index + 1 == len(told.updates)
                    known_at = self._store.clock() if last else update.time
                    incident.imported(replace(moment, at=update.time), update, source=source, known_at=known_at)
                    (tx.save if index else tx.add)(incident, at=update.time)
                for note in told.notes:
                    tx.add(self._note(incident, note, source), at=note.time)
        except Invalid as wrong:
            return Result(external_number=told.external_number, outcome=Outcome.REFUSED, message=str(wrong))
        return Result(external_number=told.external_number, outcome=Outcome.CREATED, id=incident.id)

    def _note(self, incident: Incident, told: history.ImportedNote, source: str) -> Note:
        return Note.taken_over(
            id=self._ids("note"),
            about=self._store.kinds[Incident].subject(incident.id),
            text=told.text,
            public=told.public,
            by=told.author_id or ctx.current().actor.id,
            at=told.time,
            source=source,
        )
