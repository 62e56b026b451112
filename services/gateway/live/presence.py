"""Who is at which record, told on the live stream to those who are there themselves.

The rows lie in the database of the gateway, where every process finds them (docs/decisions). Each process that has streams
reads once a second what was said lately, and now and then all of it, so that neither a clock that is behind nor a query that
failed hides anybody for long. What is said to this very process is told at once.

Fails: never; while the database is away nobody is told anything, and nobody leaves.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from chassis.domain import Clock
from chassis.errors import Unavailable
from chassis.store import Backend
from services.gateway.domain.presence import MOST_SHOWN, THERE, Mode
from services.gateway.usecases.presence import PRESENCES, SHOWN

_log = logging.getLogger(__name__)

EVENT = "presence"
BEAT_SECONDS = 1.0
OVERLAP = timedelta(seconds=4)
"""How far back each look goes: what was written late, or by a clock that is behind."""
WHOLE_SECONDS = 15.0
_MOST_READ = 20_000
_FIELDS = dict.fromkeys(("tenant", "about", "user_id", "mode", "since_time", "seen_time"), 1)

Place = tuple[str, str]
"""A tenant and a record of it, `incidents/inc_…`."""
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Aside:
    """Who is at a record, as a stream says it: it is of the moment, so it has no place that a client could come back to."""

    tenant: str
    subject: str
    text: bytes

    @property
    def plural(self) -> str:
        """The kind of record."""
        return self.subject.partition("/")[0]

    def frame(self, _cursor: bytes) -> bytes:
        """As it goes over the wire."""
        return b"event: %b\ndata: %b\n\n" % (EVENT.encode(), self.text)


@dataclass(frozen=True, slots=True)
class _There:
    mode: str
    since: datetime
    seen: datetime


class Board:
    """Everybody who is anywhere, as far as this process has heard."""

    def __init__(self) -> None:
        self._places: dict[Place, dict[str, _There]] = {}

    def take(self, rows: Iterable[Row]) -> set[Place]:
        """Takes up rows as they were read; says where something is otherwise now. What is older than what is known is not."""
        changed = set()
        for row in rows:
            place, user = (row["tenant"], row["about"]), row["user_id"]
            people = self._places.get(place, {})
            known = people.get(user)
            if known is not None and row["seen_time"] < known.seen:
                continue
            if row["mode"] in SHOWN:
                self._places.setdefault(place, people)[user] = _There(row["mode"], row["since_time"], row["seen_time"])
                if known is None or known.mode != row["mode"]:
                    changed.add(place)
            elif known is not None and row["mode"] == Mode.GONE.value:
                self._leave(place, user)
                changed.add(place)
        return changed

    def expire(self, now: datetime) -> set[Place]:
        """Lets those go who gave no sign; says where from."""
        gone = [
            (place, user) for place, people in self._places.items() for user, each in people.items() if each.seen <= now - THERE
        ]
        for place, user in gone:
            self._leave(place, user)
        return {place for place, _ in gone}

    def users(self, place: Place) -> list[str]:
        """Who is there, who came first before the others."""
        people = self._places.get(place, {})
        return sorted(people, key=lambda user: (people[user].since, user))

    def said(self, place: Place, now: datetime) -> Aside:
        """What is told of a place."""
        people = self._places.get(place, {})
        shown = [
            {"userId": user, "mode": people[user].mode, "sinceTime": _text(people[user].since)}
            for user in self.users(place)[:MOST_SHOWN]
        ]
        tenant, subject = place
        text = {"id": "", "type": EVENT, "time": _text(now), "subject": subject, "version": 0, "data": {"people": shown}}
        return Aside(tenant, subject, orjson.dumps(text))

    def _leave(self, place: Place, user: str) -> None:
        people = self._places[place]
        del people[user]
        if not people:
            del self._places[place]


class Attendance:
    """Keeps the board.

    `listening` says of which tenants somebody has a stream here, `tell` hands an aside to the streams of a person.
    """

    def __init__(
        self,
        backend: Backend,
        clock: Clock,
        listening: Callable[[], Collection[str]],
        tell: Callable[[str, Aside], None],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._backend, self._clock, self._listening, self._tell, self._monotonic = backend, clock, listening, tell, monotonic
        self._board = Board()
        self._all_read, self._of = -math.inf, frozenset[str]()

    def heard(self, row: Row) -> None:
        """Somebody said to this very process where he is."""
        if row["tenant"] in self._listening():
            self._told(self._board.take([row]))

    async def run(self) -> None:
        """Looks until it is canceled."""
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                await self.look()
            except Unavailable as error:
                _log.info("Who is where could not be read.", extra={"reason": error.reason})

    async def look(self) -> None:
        """Once. Raises `Unavailable`."""
        tenants = frozenset(self._listening())
        if not tenants:
            self._board, self._of = Board(), tenants
            return
        began, now = self._monotonic(), self._clock()
        whole = began - self._all_read >= WHOLE_SECONDS or not tenants <= self._of
        query = {"tenant": {"$in": sorted(tenants)}, "seen_time": {"$gt": now - (THERE if whole else OVERLAP)}}
        rows = await self._backend.find(PRESENCES, query, limit=_MOST_READ, projection=_FIELDS)
        if whole:
            self._all_read = began
        self._of = tenants
        self._told(self._board.take(rows) | self._board.expire(now))

    def _told(self, places: Iterable[Place]) -> None:
        for place in places:
            users = self._board.users(place)
            if users:
                aside = self._board.said(place, self._clock())
                for user in users:
                    self._tell(user, aside)


def _text(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
