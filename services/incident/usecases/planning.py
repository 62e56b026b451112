"""When what may be changed: what stands against a change, who accepts that nothing is left to spare, and the calendar."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from chassis import context as ctx
from chassis.codec import from_document
from chassis.domain import Ids, new_id
from chassis.errors import DeadlinePassed, Denied, ForbiddenMove, Invalid, NotFound, Unavailable
from chassis.store import Store
from services.incident.domain.blackout import EARLIEST, LATEST, Blackout, MarginAcceptance, Repeat, Span
from services.incident.domain.blackout import LONGEST as LONGEST_BLACKOUT
from services.incident.domain.change import Change
from services.incident.domain.change_states import ChangeKind, ChangeState
from services.incident.domain.conflict import Conflict, ConflictKind, Landscape, conflicts
from services.incident.domain.incident import Source
from services.incident.domain.states import OPEN
from services.incident.usecases.acting import act
from services.incident.usecases.changes import CHANGES

BLACKOUTS, ACCEPTANCES, RELEASES = "blackouts", "margin_acceptances", "releases"
MOST = 1_000
"""Changes, releases, blackouts and times of them that are looked at together."""
MOST_OUT = 100
"""Assets beside its own that are taken as failed."""
AHEAD, LONGEST = timedelta(weeks=4), timedelta(days=400)
_PLACED = (ChangeState.AUTHORIZE, ChangeState.SCHEDULED, ChangeState.IMPLEMENT)
_FIRST_LOOK = frozenset({ConflictKind.REDUNDANCY_USED_UP, ConflictKind.NOT_KNOWN})
"""What is asked again before anything is made, so that approvers may be asked first."""


class Landscapes(Protocol):
    """The landscape of assets."""

    async def look(self, asset_ids: Sequence[str], out_ids: Sequence[str]) -> Landscape:
        """What changing these assets meets while others are out.

        Raises `Unavailable`, `DeadlinePassed`, `Denied` or `NotFound` where it cannot be asked or does not answer in time.
        """


@dataclass(frozen=True, slots=True)
class Planned:
    """What is planned in a period."""

    changes: list[dict[str, Any]] = field(default_factory=list)
    releases: list[dict[str, Any]] = field(default_factory=list)
    blackouts: list[tuple[Blackout, Span]] = field(default_factory=list)
    cut: bool = False


class Planning:
    """Questions about the plan, and the one answer that people give to it. See `Objections` of `changes.py`."""

    def __init__(self, store: Store, landscapes: Landscapes, *, ids: Ids = new_id) -> None:
        self._store, self._landscapes, self._ids = store, landscapes, ids

    async def against(self, change: Change, verb: str) -> Sequence[str]:
        """What keeps the change from being made in its window, in words. Nothing keeps an emergency: nobody is asked."""
        if change.kind is ChangeKind.EMERGENCY:
            return ()
        passed_over = _FIRST_LOOK if verb == "submit" else frozenset()
        return [each.text for each in await self.conflicts(change) if each.blocks and each.kind not in passed_over]

    async def look(self, id: str) -> list[Conflict]:  # noqa: A002 - the field's name everywhere
        """The same of one by id or number, with what does not block."""
        return await self.conflicts(await self._store.get(Change, id))

    async def conflicts(self, change: Change) -> list[Conflict]:
        """Everything that stands against a change, what blocks first."""
        if change.start_time is None or change.end_time is None:
            return []
        others = await self._placed(change, change.start_time, change.end_time)
        landscape: Landscape | None = Landscape()
        if change.asset_ids:
            out = await self._out(change, others)
            try:
                landscape = await self._landscapes.look(change.asset_ids, out)
            except (Unavailable, DeadlinePassed, Denied, NotFound):
                landscape = None
        accepted = await self._accepted(change)
        blackouts = await self._blackouts(change.start_time, change.end_time)
        cut, now = max(len(others), len(blackouts)) > MOST, self._store.clock()
        found = conflicts(change, others[:MOST], blackouts[:MOST], landscape, accepted, now=now, cut=cut)
        return sorted(found, key=lambda each: not each.blocks)

    async def accept(self, id: str, reason: str) -> MarginAcceptance:  # noqa: A002 - as above
        """The extra approval of a change that leaves nothing to spare. Not by who asks for it or makes it."""
        change, now = await self._store.get(Change, id), act(self._store)
        if now.by in (change.requester_id, change.implementer_id):
            raise ForbiddenMove(change.state, "acceptMargin", "whoever asks for a change or makes it does not accept this")
        used_up = [c.asset_id for c in await self.conflicts(change) if c.kind is ConflictKind.REDUNDANCY_USED_UP]
        if not used_up or change.start_time is None or change.end_time is None:
            raise ForbiddenMove(change.state, "acceptMargin", "there is enough to spare")
        async with self._store.transaction() as tx:
            acceptance = MarginAcceptance.given(
                now,
                id=self._ids("mac"),
                about=self._store.kinds[Change].subject(change.id),
                asset_ids=used_up,
                span=Span(change.start_time, change.end_time),
                reason=reason,
            )
            tx.add(acceptance)
        return acceptance

    async def calendar(self, start: datetime | None, end: datetime | None) -> Planned:
        """What touches a period, as far as the caller may list it. Raises `Invalid` for one that ends before it begins, or is
        too long."""
        begin = start or self._store.clock()
        if not EARLIEST <= begin < LATEST:
            raise Invalid({"start_time": f"must lie between the years {EARLIEST.year} and {LATEST.year}"})
        until = end or begin + AHEAD
        if not begin < until <= begin + LONGEST:
            raise Invalid({"end_time": f"must lie behind the start, by {LONGEST.days} days at most"})
        touching = {"start_time": {"$lt": until}, "end_time": {"$gt": begin}}
        alive = {"state": {"$ne": ChangeState.CANCELLED.value}}
        sort = [("start_time", 1), ("_id", 1)]
        changes = await self._store.find(CHANGES, {**touching, **alive}, sort=sort, limit=MOST + 1)
        may = ctx.current().permissions
        releases: Sequence[dict[str, Any]] = []
        if "releases.list" in may:
            releases = await self._store.find(RELEASES, {**touching, **alive}, sort=sort, limit=MOST + 1)
        times: list[tuple[Blackout, Span]] = []
        blackouts = await self._blackouts(begin, until) if "blackouts.list" in may else []
        for blackout in blackouts[:MOST]:
            for span in blackout.times(begin, until):
                times.append((blackout, span))
                if len(times) > MOST:
                    break
        times.sort(key=lambda each: (each[1].start, each[0].id))
        cut = max(len(changes), len(releases), len(blackouts), len(times)) > MOST
        return Planned(changes[:MOST], list(releases[:MOST]), times[:MOST], cut)

    async def _placed(self, change: Change, start: datetime, end: datetime) -> list[Change]:
        """Changes that have their place in the calendar at that time, whoever may see them; what is being made counts until
        it is finished."""
        there: list[dict[str, Any]] = [{"end_time": {"$gt": start}}]
        if start <= self._store.clock():
            there.append({"state": ChangeState.IMPLEMENT.value})
        query = {"state": {"$in": [state.value for state in _PLACED]}, "start_time": {"$lt": end}, "$or": there}
        rows = await self._find(CHANGES, {**query, "_id": {"$ne": change.id}}, [("start_time", 1), ("_id", 1)])
        return [from_document(row, Change) for row in rows]

    async def _out(self, change: Change, others: Sequence[Change]) -> list[str]:
        """Assets that are out meanwhile: changed by others then, or failed now as their alerts say."""
        firing = {
            "state": {"$in": sorted(state.value for state in OPEN)},
            "source": Source.ALERT.value,
            "firing_alert_count": {"$gt": 0},
        }
        failed = await self._find("incidents", firing, [("create_time", -1), ("_id", 1)])
        out = [*(each for other in others for each in other.asset_ids), *(each for row in failed for each in row["asset_ids"])]
        return [each for each in dict.fromkeys(out) if each not in change.asset_ids][:MOST_OUT]

    async def _accepted(self, change: Change) -> list[MarginAcceptance]:
        rows = await self._find(ACCEPTANCES, {"about": self._store.kinds[Change].subject(change.id)}, [("create_time", -1)])
        return [from_document(row, MarginAcceptance) for row in rows]

    async def _blackouts(self, start: datetime, end: datetime) -> list[Blackout]:
        """Those that can touch a period: there is no end to those that are over."""
        once = {"repeat": Repeat.ONCE.value, "end_time": {"$gt": start}}
        again = {"repeat": {"$ne": Repeat.ONCE.value}}
        # `until_time` bounds when one begins; it may last for the longest that one may, and what the clock is moved by.
        recent = {"until_time": {"$gte": max(start, EARLIEST) - LONGEST_BLACKOUT - timedelta(days=1)}}
        touching = [once, {**again, "until_time": None}, {**again, **recent}]
        query = {"delete_time": None, "start_time": {"$lt": end}, "$or": touching}
        rows = await self._find(BLACKOUTS, query, [("create_time", -1), ("_id", 1)])
        return [from_document(row, Blackout) for row in rows]

    async def _find(self, collection: str, query: dict[str, Any], sort: list[tuple[str, int]]) -> list[dict[str, Any]]:
        """Of the tenant, whatever the caller may see of it: a plan that hides half of itself is none."""
        of = {"tenant": ctx.current().tenant, **query}
        return list(await self._store.backend.find(collection, of, sort=sort, limit=MOST + 1))
