"""Brings one incident and its ticket into step, whoever asked for it: an event here, or a change there.

One way serves both: read both sides, decide field by field (`reconcile`), write the differences, remember what both have
now. What a side refuses is remembered with the reason, and left alone until somebody changes it again or asks for another
try. A ticket is made at most once: that it is about to be is written down before, and it carries what it is for. So is an
incident of theirs. What a ticket or an incident says of itself counts only where that was written down: anybody can say it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from chassis.errors import Unavailable
from chassis.store import Store
from chassis.store.backend import Document
from services.gateway.domain.connection import Connection
from services.gateway.sync.links import Link, Links, link_id
from services.gateway.sync.mapping import Mapper, kept, taken
from services.gateway.sync.ports import Key, Moved, Ours, Record, Refused, Saying, Theirs, Ticket, Trouble, Unseen
from services.gateway.sync.reconcile import Verdict, decide, later
from services.gateway.sync.remarks import Talk, goes

WORK_SECONDS = 60.0
"""How long one pair may take."""
SETTLES = timedelta(seconds=15)
"""How long after an attempt of unknown end a ticket may be missing from searches: they follow what happens."""
_TRIES = 3
_TEXTS = ("title", "description")
_ENDED = frozenset({"RESOLVED", "CLOSED", "CANCELLED"})


@dataclass(slots=True)
class _Pair:
    connection: Connection
    mapper: Mapper
    theirs: Theirs
    link: Link
    record: Record
    ticket: Ticket

    def key(self, word: str) -> Key:
        """In whose name, and for which change of theirs, something is done here."""
        return Key(self.connection.id, f"{self.ticket.id}|{self.ticket.version}|{word}", (self.ticket.key,))

    def ours(self, name: str) -> str:
        """A value of ours as it is remembered."""
        return kept(name, getattr(self.record, name))

    def their(self, name: str) -> str:
        """A value of theirs as it is remembered."""
        return kept(name, self.ticket.fields.get(name, ""))


class Engine:
    """Works for the current tenant."""

    def __init__(self, store: Store, links: Links, ours: Ours) -> None:
        self._store, self._links, self._ours = store, links, ours

    async def out(self, connection: Connection, theirs: Theirs, record_id: str, *, wanted: bool) -> None:
        """Something of ours changed. A ticket is made where it is `wanted`. Raises `Refused`, `Trouble`, `Unavailable`."""
        async with self._held(connection, record_id) as link:
            record = await self._ours.read(record_id)
            fresh = not link.remote_id
            origin = await self._origin(connection, record) if fresh and record is not None else ""
            if record is None or (fresh and not origin and not (wanted and not record.over)):
                await self._links.drop(link) if fresh else await self._links.release(link)
                return
            if not fresh and await self._as_before(connection, link, record):
                await self._links.release(link)
                return
            ticket = await self._theirs_of(connection, theirs, link, record, origin)
            if ticket is None:
                link.stuck("create", "OUT", "there is no such ticket any more", self._store.clock())
            else:
                await self._step(_Pair(connection, Mapper.of(connection), theirs, link, record, ticket))
            await self._links.keep(link)

    async def take(
        self, connection: Connection, theirs: Theirs, ticket: Ticket, known: Document | None, *, again: bool = False
    ) -> bool:
        """Something of theirs changed; says whether it was news. `again` tries once more what was refused.

        Raises `Refused` where no incident can be made of it, `Trouble`, `Unavailable`.
        """
        if known is not None and known.get("remote_version") == ticket.version and not again:
            return False
        mapper, made = Mapper.of(connection), False
        if known is not None:
            record_id = known["record"].partition("/")[2]
        else:
            record_id = await self._links.attempted(ticket.correlation) if ticket.correlation else ""
            made = bool(record_id)
        if not record_id:
            opened = await self._begun(connection, mapper, theirs, ticket, known, again=again)
            if opened is None:
                return False
            record_id = opened.id
            await self._store.failpoints.reached("S22")
        async with self._held(connection, record_id) as link:
            record = await self._ours.read(record_id)
            gone = made and not link.remote_id and link.attempt_time is None
            if record is None or gone or link.remote_id not in ("", ticket.id):
                # A copy of a ticket of ours has its marks, and is another ticket all the same.
                await self._links.release(link) if link.remote_id else await self._links.drop(link)
                return False
            if ticket.odd:
                link.stuck("read", "IN", ticket.odd, self._store.clock())
                link.remote_version = ticket.version
                await self._links.keep(link)
                return True
            pair = _Pair(connection, mapper, theirs, link, record, ticket)
            if not link.remote_id:
                await self._linked(pair, out=made)
            await self._step(pair, again=again)
            await self._links.keep(link)
        return True

    @asynccontextmanager
    async def _held(self, connection: Connection, record_id: str) -> AsyncIterator[Link]:
        link = await self._links.hold(connection.id, record_id)
        try:
            async with asyncio.timeout(WORK_SECONDS), self._links.holding(link):
                yield link
        except TimeoutError:
            await self._links.release(link)
            raise Trouble("it took too long") from None
        except BaseException:
            await self._links.release(link)
            raise

    async def _origin(self, connection: Connection, record: Record) -> str:
        """The ticket that we opened an incident for, before the two were linked. Anybody may choose such a key."""
        prefix, _, rest = record.dedup_key.partition(":")
        remote_id, _, nonce = rest.partition(":")
        return remote_id if prefix == connection.id and await self._links.begun(connection.id, remote_id, nonce) else ""

    async def _as_before(self, connection: Connection, link: Link, record: Record) -> bool:
        """Whether nothing of ours is news: the events of our own writes end here."""
        for name in connection.synced:
            base = link.base(name)
            if base is None or base.ours != kept(name, getattr(record, name)):
                return False
        fresh = await self._ours.notes(record.id, link.notes)
        return not any(goes(connection, public=note.public) for note in fresh)

    async def _theirs_of(
        self, connection: Connection, theirs: Theirs, link: Link, record: Record, origin: str
    ) -> Ticket | None:
        if link.remote_id:
            return await theirs.read(link.remote_id)
        mapper = Mapper.of(connection)
        ticket = await theirs.read(origin) if origin else await self._made(connection, mapper, theirs, link, record)
        if ticket is not None:
            await self._linked(_Pair(connection, mapper, theirs, link, record, ticket), out=not origin)
        return ticket

    async def _made(self, connection: Connection, mapper: Mapper, theirs: Theirs, link: Link, record: Record) -> Ticket:
        now = self._store.clock()
        if link.attempt_time is not None:  # else there is nothing of ours to be found
            if now - link.attempt_time < SETTLES:
                raise Unavailable("whether the ticket was made is not to be seen yet")
            found = await theirs.find(link.mark)
            if found is not None and not await self._links.find(connection.id, [found.id]):
                return found
        await self._links.attempt(link, now)
        values = {name: mapper.out(name, record) for name in ("title", *connection.synced) if name != "state"}
        try:
            made = await theirs.create(values, link.mark)
        except Refused as no:
            link.stuck("create", "OUT", str(no), now)
            link.attempt_time = now if isinstance(no, Unseen) else None
            await self._links.keep(link)
            raise
        await self._store.failpoints.reached("S21")
        return made

    async def _linked(self, pair: _Pair, *, out: bool) -> None:
        """The two are one pair from now on. Where they differ, `out` says that ours is what is meant."""
        link, ticket = pair.link, pair.ticket
        link.name(ticket)
        link.problems.pop("create", None)
        await self._links.named(link)
        for name in pair.connection.synced:
            if not pair.mapper.same(name, pair.record, ticket):
                ours, their = pair.ours(name), pair.their(name)
                link.settle(name, "" if out else ours, their if out else "", self._store.clock())
        if not out and ticket.correlation != link.id and pair.connection.direction.goes_out:
            try:
                await pair.theirs.mark(ticket, link_id(link.connection_id, link.record_id))
            except Refused as no:  # what it is here is known all the same, by its id
                link.stuck("mark", "OUT", str(no), self._store.clock())

    async def _begun(
        self, connection: Connection, mapper: Mapper, theirs: Theirs, ticket: Ticket, known: Document | None, *, again: bool
    ) -> Record | None:
        """The incident for a ticket of theirs; None where it is none that is to become one."""
        # What carries no mark was found by the query; a mark may have been written by anybody.
        over = not ticket.odd and not _is_open(mapper, ticket)
        if over or ((ticket.marked or again) and not await theirs.fits(ticket)):
            if known is not None:
                await self._links.unbegun(connection.id, ticket.id)
            return None
        row = await self._links.begin(connection.id, ticket)
        if row is None:
            return None
        try:
            if ticket.odd:
                raise Refused(ticket.odd)
            return await self._opened(connection, mapper, ticket, row["nonce"])
        except Refused as no:
            await self._links.refused(row, ticket, str(no))
            raise

    async def _opened(self, connection: Connection, mapper: Mapper, ticket: Ticket, nonce: str) -> Record:
        values: dict[str, str] = {name: taken(name, ticket.fields.get(name, "")) for name in _TEXTS}
        for name in ("priority", "impact", "urgency"):
            if name in ticket.fields and (levels := mapper.levels(name, ticket.fields[name], None)) is not None:
                values |= levels
        values["title"] = values["title"] or ticket.key
        words = kept("description", "\n".join(f"{name}={value}" for name, value in sorted(values.items())))
        key = Key(connection.id, f"open|{nonce}|{words}", (ticket.key,))
        return await self._ours.open(values, f"{connection.id}:{ticket.id}:{nonce}", key)

    async def _step(self, pair: _Pair, *, again: bool = False) -> None:
        version = pair.ticket.version
        pair.link.problems.pop("read", None)
        ways = {name: await self._way(pair, name, again=again) for name in pair.connection.synced}
        for way, write in ((Verdict.IN, self._edit_ours), (Verdict.OUT, self._edit_theirs)):
            await self._edit(pair, [name for name, each in ways.items() if each is way and name != "state"], way, write)
        if ways.get("state") is Verdict.IN:
            await self._move_ours(pair)
        elif ways.get("state") is Verdict.OUT:
            await self._move_theirs(pair)
        listen = version != pair.link.remote_version or again
        try:
            await Talk(pair.connection, self._ours, pair.theirs).bring(pair.link, pair.record, pair.ticket, listen=listen)
        except Refused as no:
            pair.link.stuck("notes", "OUT", str(no), self._store.clock())
        pair.link.remote_version = version

    async def _way(self, pair: _Pair, name: str, *, again: bool) -> Verdict:
        link, ours, their = pair.link, pair.ours(name), pair.their(name)
        base, same = link.base(name), pair.mapper.same(name, pair.record, pair.ticket)
        if again and base is not None and name in link.problems:
            refused_out = link.problems[name]["way"] == "OUT"
            base = replace(base, ours="") if refused_out else replace(base, theirs="")
        verdict = decide(base, ours, their, same=same, direction=pair.connection.direction)
        if verdict is Verdict.BOTH:
            ours_at = await self._ours.changed_at(pair.record, name)
            verdict = later(ours_at, await pair.theirs.changed_at(pair.ticket, name), pair.connection.prefer)
        if same:
            link.problems.pop(name, None)
        if verdict is Verdict.SETTLED:
            link.settle(name, ours, their, self._store.clock())
        return verdict

    async def _edit(
        self, pair: _Pair, names: list[str], way: Verdict, write: Callable[[_Pair, list[str]], Awaitable[None]]
    ) -> None:
        """All at once, and where that is refused one by one, so that each is refused for itself alone."""
        if not names:
            return
        try:
            await write(pair, names)
        except Refused as no:
            if len(names) > 1:
                for name in names:
                    await self._edit(pair, [name], way, write)
                return
            self._give_up(pair, names[0], way, str(no))

    def _give_up(self, pair: _Pair, name: str, way: Verdict, why: str) -> None:
        pair.link.stuck(name, way.value, why, self._store.clock())
        pair.link.settle(name, pair.ours(name), pair.their(name), self._store.clock())

    async def _edit_theirs(self, pair: _Pair, names: list[str]) -> None:
        wanted = {name: pair.mapper.out(name, pair.record) for name in names}
        after = await pair.theirs.edit(pair.ticket, wanted)
        pair.ticket = replace(pair.ticket, fields={**pair.ticket.fields, **after})
        for name in names:
            self._compared(pair, name, Verdict.OUT, "they keep it otherwise")

    async def _edit_ours(self, pair: _Pair, names: list[str]) -> None:
        for _ in range(_TRIES):
            values: dict[str, str] = {}
            for name in names:
                values |= self._wanted(pair, name)
            # Of one version: an edit that was done before would answer with the incident as it was then, not as it is.
            key = pair.key(f"edit|{pair.record.version}|{','.join(names)}")
            try:
                pair.record = await self._ours.edit(pair.record, values, key)
                break
            except Moved:
                pair.record = await self._ours.read(pair.record.id) or pair.record
        else:
            raise Unavailable("the incident changes all the time")
        for name in names:
            self._compared(pair, name, Verdict.IN, "it is kept otherwise here")

    def _wanted(self, pair: _Pair, name: str) -> Mapping[str, str]:
        their = pair.ticket.fields.get(name, "")
        if name in _TEXTS:
            return {name: taken(name, their)}
        levels = pair.mapper.levels(name, their, pair.record)
        if levels is None:
            raise Refused(f"{their or 'nothing'} stands for none of ours")
        return levels

    def _compared(self, pair: _Pair, name: str, way: Verdict, why: str) -> None:
        if pair.mapper.same(name, pair.record, pair.ticket):
            pair.link.problems.pop(name, None)
            pair.link.settle(name, pair.ours(name), pair.their(name), self._store.clock())
        else:
            self._give_up(pair, name, way, why)

    async def _move_theirs(self, pair: _Pair) -> None:
        record, wanted = pair.record, pair.mapper.out("state", pair.record)
        try:
            now = await pair.theirs.move(pair.ticket, wanted, Saying(record.resolution, record.hold_reason))
        except Refused as no:
            # It may have come part of the way, which must not look as if somebody there had wanted it.
            pair.ticket = await pair.theirs.read(pair.ticket.id) or pair.ticket
            self._give_up(pair, "state", Verdict.OUT, str(no))
            return
        pair.ticket = replace(pair.ticket, fields={**pair.ticket.fields, "state": now})
        self._compared(pair, "state", Verdict.OUT, f"they left it in {now}")

    async def _move_ours(self, pair: _Pair) -> None:
        ticket, their = pair.ticket, pair.ticket.fields["state"]
        try:
            verbs = pair.mapper.verbs(their, pair.record.state)
        except LookupError as target:
            self._give_up(pair, "state", Verdict.IN, f"no way leads from {pair.record.state} to {target}")
            return
        if verbs is None:
            self._give_up(pair, "state", Verdict.IN, f"{their} stands for none of our states")
            return
        said = Saying(f"{ticket.key}: {ticket.closing}" if ticket.closing else "", ticket.waits)
        why = "it is in another state here"
        try:
            for verb in verbs:
                pair.record = await self._ours.move(pair.record, verb, said, pair.key(verb))
        except Refused as no:
            why = str(no)
        # A verb that was done before answers with the incident as it was then.
        pair.record = await self._ours.read(pair.record.id) or pair.record
        self._compared(pair, "state", Verdict.IN, why)


def _is_open(mapper: Mapper, ticket: Ticket) -> bool:
    """Whether a ticket is no history yet: what is over there opens nothing here."""
    state = ticket.fields["state"].casefold()
    meant = {name for name, value in mapper.states.items() if value.casefold() == state}
    return not meant or bool(meant - _ENDED)
