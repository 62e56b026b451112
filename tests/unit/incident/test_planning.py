"""Blackouts, conflicts, redundancy and releases, in memory."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis import context as ctx
from chassis.errors import ForbiddenMove, Invalid, Unavailable
from chassis.testing import caller
from services.incident.domain.blackout import Blackout, Repeat
from services.incident.domain.change import Change
from services.incident.domain.change_states import ApprovalStanding, ChangeKind, ChangeState
from services.incident.domain.conflict import ConflictKind, Landscape
from services.incident.domain.moment import Act
from services.incident.domain.release import REACHED, RELEASE_MOVES, Release, ReleaseState
from services.incident.domain.risk import Record
from services.incident.usecases.blackouts import Blackouts
from services.incident.usecases.planning import MOST, Planning
from services.incident.usecases.reading import Asked
from services.incident.usecases.releases import Releases
from tests.unit.incident.desk import MONDAY, Again, Desk

HOUR = timedelta(hours=1)
PLANS_READ = frozenset({"changes.list", "releases.list", "blackouts.list"})
FIRST = datetime.fromisoformat("2020-01-01")


class Land:
    """A landscape that says what a test wants of it, and remembers what it was asked."""

    def __init__(self) -> None:
        self.said: Landscape | None = Landscape()
        self.out: Sequence[str] = ()

    async def look(self, asset_ids: Sequence[str], out_ids: Sequence[str]) -> Landscape:
        self.out = out_ids
        if self.said is None:
            raise Unavailable("away")
        return self.said


class Room(Desk):
    """A desk with a plan."""

    def __init__(self) -> None:
        super().__init__()
        self.land = Land()
        self.planning = Planning(self.store, self.land)
        self.blackouts: Any = Again(Blackouts(self.store, self.reading))
        self.releases: Any = Again(Releases(self.store))

    async def change(self, state: ChangeState = ChangeState.SCHEDULED, after: float = 0, **fields: Any) -> Change:
        act = Act(self.clock.now, "alice")
        start = MONDAY + after * HOUR
        said = {"title": "t", "start_time": start, "end_time": start + 2 * HOUR, "implementer_id": f"who {after}"} | fields
        async with self.store.transaction() as tx:
            number = await self.store.number("CHG")
            change = Change.open(act, id=f"chg_{number.lower()}", number=number, record=Record(), **said)
            change.state = state
            if state is ChangeState.AUTHORIZE:
                change.approval = ApprovalStanding.WAITING
            tx.add(change)
        return change

    async def kinds(self, change: Change) -> list[tuple[ConflictKind, bool]]:
        return [(each.kind, each.blocks) for each in await self.planning.look(change.id)]


@pytest.fixture
def room() -> Any:
    with ctx.use(caller(subject="alice")):
        yield Room()


async def test_two_changes_meet_at_an_asset_beside_it_and_in_who_makes_them(room: Room) -> None:
    change = await room.change(asset_ids=["db"], implementer_id="bob")
    await room.change(after=2, asset_ids=["db"])  # begins as the other ends
    await room.change(ChangeState.NEW, asset_ids=["db"])  # has no place yet
    assert await room.kinds(change) == []
    same = await room.change(ChangeState.AUTHORIZE, after=1, asset_ids=["db"])
    room.land.said = Landscape(neighbors={"db", "app", "host"})
    near = await room.change(ChangeState.IMPLEMENT, after=1.5, asset_ids=["host"])
    busy = await room.change(after=-1, asset_ids=["elsewhere"], implementer_id="bob")
    found = {each.target: each.kind for each in await room.planning.look(change.number)}
    assert found == {
        f"changes/{same.id}": ConflictKind.SAME_ASSET,
        f"changes/{near.id}": ConflictKind.NEIGHBOR_ASSET,
        f"changes/{busy.id}": ConflictKind.IMPLEMENTER,
    }
    assert len(await room.planning.against(change, "start")) == 2, "who makes both is not yet making the other"
    now = await room.change(ChangeState.IMPLEMENT, after=-1, implementer_id="bob")
    assert any(now.number in text for text in await room.planning.against(change, "start"))
    assert "elsewhere" in room.land.out, "what others change meanwhile is out"


async def test_what_is_being_made_counts_until_it_is_finished_though_its_window_is_over(room: Room) -> None:
    late = await room.change(ChangeState.IMPLEMENT, after=-5, asset_ids=["db"], implementer_id="bob")
    same = await room.change(asset_ids=["db"])
    busy = await room.change(asset_ids=["web"], implementer_id="bob")
    later = await room.change(after=3, asset_ids=["db"])
    assert await room.kinds(same) == [(ConflictKind.SAME_ASSET, True)]
    assert await room.kinds(busy) == [(ConflictKind.IMPLEMENTER, True)]
    assert await room.kinds(later) == [], "nobody knows yet whether it lasts until then"
    async with room.store.transaction() as tx:
        done = await tx.get(Change, late.id)
        done.state = ChangeState.REVIEW
        done.assign(Act(MONDAY, "alice"), team_id="team_1")
        tx.save(done)
    assert await room.kinds(same) == []


async def test_an_emergency_is_told_and_not_held_up(room: Room) -> None:
    await room.change(asset_ids=["db"])
    urgent = await room.change(asset_ids=["db"], kind=ChangeKind.EMERGENCY)
    assert await room.kinds(urgent) == [(ConflictKind.SAME_ASSET, False)]
    assert list(await room.planning.against(urgent, "start")) == []


async def test_a_blackout_of_a_service_follows_what_the_service_stands_on(room: Room) -> None:
    change = await room.change(asset_ids=["db"])
    blackout = await room.blackouts.create(
        {"title": "sales", "service_ids": ["shop"], "start_time": MONDAY + HOUR, "end_time": MONDAY + 9 * HOUR}
    )
    assert await room.kinds(change) == []
    room.land.said = Landscape(neighbors={"db", "shop"})
    assert await room.kinds(change) == [(ConflictKind.BLACKOUT, True)]
    late = await room.change(after=9, asset_ids=["db"])
    assert await room.kinds(late) == []
    await room.blackouts.update(blackout.id, {"service_ids": []})
    assert await room.kinds(await room.change(after=8, asset_ids=[])) == [(ConflictKind.BLACKOUT, True)], "of everything"
    await room.blackouts.delete(blackout.id)
    assert await room.kinds(change) == []
    assert (await room.blackouts.page(Asked()))[0] == []
    with pytest.raises(ForbiddenMove):
        await room.blackouts.update(blackout.id, {"title": "x"})


async def keep_blackouts(room: Room, count: int, **fields: Any) -> None:
    """Rows as the store keeps them, newer than what was made before."""
    (row,) = [row for row in room.backend.collections["blackouts"].values() if row["title"] == "sale"]
    newer = {**row, "create_time": MONDAY + HOUR, **fields}
    for at in range(count):
        room.backend.collections["blackouts"][f"blk_{at}"] = {**newer, "_id": f"blk_{at}"}


async def test_no_number_of_blackouts_that_are_over_hides_one_that_holds(room: Room) -> None:
    change = await room.change()
    await room.blackouts.create({"title": "sale", "start_time": MONDAY, "end_time": MONDAY + HOUR})
    over = {"start_time": MONDAY - 50 * HOUR, "end_time": MONDAY - 40 * HOUR}
    await keep_blackouts(room, MOST + 1, title="over", **over)
    assert await room.kinds(change) == [(ConflictKind.BLACKOUT, True)]
    await keep_blackouts(room, MOST + 1, title="over", repeat="DAILY", until_time=MONDAY - timedelta(days=500), **over)
    assert await room.kinds(change) == [(ConflictKind.BLACKOUT, True)]


async def test_a_window_with_more_than_can_be_looked_at_is_not_free(room: Room) -> None:
    change, urgent = await room.change(), await room.change(kind=ChangeKind.EMERGENCY)
    await room.blackouts.create({"title": "sale", "start_time": MONDAY, "end_time": MONDAY + HOUR})
    await keep_blackouts(room, MOST, asset_ids=["elsewhere"])
    assert (ConflictKind.NOT_KNOWN, True) in await room.kinds(change)
    assert (ConflictKind.NOT_KNOWN, False) in await room.kinds(urgent)


async def test_a_landscape_that_does_not_answer_holds_up_what_is_made_and_not_what_is_asked_for(room: Room) -> None:
    change = await room.change(ChangeState.AUTHORIZE, asset_ids=["db"])
    room.land.said = None
    assert await room.kinds(change) == [(ConflictKind.NOT_KNOWN, True)]
    assert await room.planning.against(change, "submit") == []
    assert "does not answer" in (await room.planning.against(change, "schedule"))[0]
    assert await room.planning.against(await room.change(asset_ids=[], after=50), "start") == []


async def test_redundancy_below_zero_blocks_and_at_zero_somebody_else_accepts_it_for_this_window(room: Room) -> None:
    change = await room.change(asset_ids=["node-1"], implementer_id="bob")
    room.land.said = Landscape(lost={"shop": "Shop"})
    assert await room.kinds(change) == [(ConflictKind.REDUNDANCY_LOST, True)]
    assert len(await room.planning.against(change, "submit")) == 1
    room.land.said = Landscape(used_up={"shop": "Shop"})
    assert await room.planning.against(change, "submit") == [], "approvers see it first"
    assert len(await room.planning.against(change, "start")) == 1
    for one in ("alice", "bob"):
        with ctx.use(caller(subject=one)), pytest.raises(ForbiddenMove, match="does not accept"):
            await room.planning.accept(change.id, "at night")
    with ctx.use(caller(subject="carol")):
        with pytest.raises(Invalid, match="empty"):
            await room.planning.accept(change.id, " ")
        accepted = await room.planning.accept(change.id, "at night")
        assert (accepted.asset_ids, accepted.author_id) == (["shop"], "carol")
        assert await room.kinds(change) == [(ConflictKind.REDUNDANCY_USED_UP, False)]
        async with room.store.transaction() as tx:
            moved = await tx.get(Change, change.id)
            moved.edit(Act(room.clock.now, "alice"), end_time=MONDAY + 3 * HOUR)
            tx.save(moved)
        assert len(await room.planning.against(moved, "start")) == 1, "another window was not accepted"
        room.land.said = Landscape()
        with pytest.raises(ForbiddenMove, match="enough to spare"):
            await room.planning.accept(change.id, "at night")


def blackout(start: str, hours: float, repeat: Repeat, zone: str = "Europe/Berlin", **fields: Any) -> Blackout:
    begin = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    said = {"title": "b", "start_time": begin, "end_time": begin + hours * HOUR, "repeat": repeat, "zone": zone} | fields
    return Blackout.made(Act(MONDAY, "alice"), id="blk_1", **said)


def starts(made: Blackout, begin: str, days: int, most: int = 50) -> list[str]:
    first = datetime.fromisoformat(begin).replace(tzinfo=UTC)
    spans = islice(made.times(first, first + timedelta(days=days)), most)
    return [span.start.astimezone(ZoneInfo(made.zone)).strftime("%m-%d %H:%M") for span in spans]


def test_a_blackout_comes_again_by_the_wall_clock_whatever_daylight_saving_does() -> None:
    assert starts(blackout("2026-03-20T22:00", 4, Repeat.WEEKLY), "2026-03-26", 14) == ["03-27 22:00", "04-03 22:00"]
    autumn = starts(blackout("2026-10-20T22:00", 9, Repeat.DAILY), "2026-10-24", 2)
    assert autumn == [
        "10-23 22:00",
        "10-24 22:00",
        "10-25 22:00",
    ]


def test_a_month_without_that_day_has_it_on_its_last() -> None:
    assert starts(blackout("2025-12-31T08:00", 2, Repeat.MONTHLY), "2026-01-01", 130) == [
        "01-31 08:00",
        "02-28 08:00",
        "03-31 08:00",
        "04-30 08:00",
    ]
    yearly = starts(blackout("2024-02-29T08:00", 2, Repeat.YEARLY), "2026-01-01", 1_200)
    assert yearly == [
        "02-28 08:00",
        "02-28 08:00",
        "02-29 08:00",
        "02-28 08:00",
    ]


def test_a_blackout_ends_with_its_last_time() -> None:
    until = datetime(2026, 3, 21, tzinfo=UTC)
    nights = blackout("2026-03-19T22:00", 1, Repeat.DAILY, until_time=until)
    assert starts(nights, "2026-03-01", 60) == [
        "03-19 22:00",
        "03-20 22:00",
    ]
    assert starts(blackout("2026-03-19T22:00", 1, Repeat.ONCE), "2026-03-01", 60) == ["03-19 22:00"]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(list(Repeat)),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
    st.integers(0, 4 * 365 * 24 * 60),
    st.integers(1, 23),
    st.integers(0, 3_000),
    st.integers(1, 60),
)
def test_times_are_those_that_a_walk_from_the_first_one_finds(
    repeat: Repeat, zone: str, minutes: int, hours: int, later: int, days: int
) -> None:
    made = blackout((FIRST + timedelta(minutes=minutes)).isoformat(), hours, repeat, zone)
    start = made.start_time + timedelta(days=later)
    end = start + timedelta(days=days)
    walked = [span for span in islice(made.times(made.start_time, end), 5_000) if span.touches(start, end)]
    assert list(islice(made.times(start, end), 5_000)) == walked
    assert all(one.end <= other.start + 2 * HOUR for one, other in pairwise(walked))


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"zone": "Mars/Base"}, "time zone"),
        ({"end_time": MONDAY - HOUR}, "behind the start"),
        ({"repeat": Repeat.DAILY, "end_time": MONDAY + 30 * HOUR}, "behind the start"),
        ({"until_time": MONDAY - HOUR}, "before the first"),
        ({"title": " "}, "empty"),
        ({"start_time": None}, "is needed"),
    ],
)
async def test_a_blackout_that_makes_no_sense_is_refused(room: Room, fields: dict[str, Any], what: str) -> None:
    said = {"title": "b", "start_time": MONDAY, "end_time": MONDAY + HOUR} | fields
    with pytest.raises(Invalid, match=what):
        await room.blackouts.create(said)


async def test_the_calendar_has_what_touches_the_period(room: Room) -> None:
    change = await room.change(after=-1)
    await room.change(ChangeState.CANCELLED)
    await room.change(after=-30)
    release = await room.releases.open({"title": "4.2", "start_time": MONDAY, "end_time": MONDAY + HOUR})
    await room.blackouts.create(
        {"title": "nights", "start_time": MONDAY - 9 * HOUR, "end_time": MONDAY - 8 * HOUR, "repeat": Repeat.DAILY}
    )
    with ctx.use(caller(subject="alice", permissions=PLANS_READ)):
        planned = await room.planning.calendar(MONDAY, MONDAY + timedelta(days=3))
    assert [row["_id"] for row in planned.changes] == [change.id]
    assert [row["_id"] for row in planned.releases] == [release.id]
    assert [span.start for _, span in planned.blackouts] == [MONDAY + (15 + 24 * day) * HOUR for day in range(3)]
    assert not planned.cut
    for wrong in (MONDAY, MONDAY + timedelta(days=500)):
        with pytest.raises(Invalid, match="behind the start"):
            await room.planning.calendar(MONDAY, wrong)


async def test_the_calendar_shows_releases_and_blackouts_to_nobody_who_may_not_list_them(room: Room) -> None:
    change = await room.change(requester_id="rita")
    await room.change(requester_id="bob")
    await room.releases.open({"title": "4.2", "start_time": MONDAY, "end_time": MONDAY + HOUR})
    await room.blackouts.create({"title": "sale", "start_time": MONDAY, "end_time": MONDAY + HOUR})
    own = {"requester_id": "rita"}
    for permissions, releases, blackouts in (
        ({"changes.list"}, 0, 0),
        ({"changes.list", "releases.list"}, 0, 0),
        ({"changes.list", "blackouts.list"}, 0, 1),
    ):
        with ctx.use(caller(subject="rita", permissions=frozenset(permissions), scope=own)):
            planned = await room.planning.calendar(MONDAY, None)
        assert [row["_id"] for row in planned.changes] == [change.id]
        assert (len(planned.releases), len(planned.blackouts)) == (releases, blackouts)


async def test_a_release_goes_as_far_as_its_changes(room: Room) -> None:
    release = await room.releases.open({"title": "4.2"})
    for verb in ("build", "test"):
        await room.releases.move(release.id, verb)
    with pytest.raises(ForbiddenMove, match="contains no change"):
        await room.releases.move(release.id, "deploy")
    change, gone = await room.change(ChangeState.AUTHORIZE), await room.change(ChangeState.CANCELLED)
    for each in (change, gone):
        await room.releases.fill(release.id, each.number, removed=False)
    with pytest.raises(Invalid, match="no such change"):
        await room.releases.fill(release.id, "CHG9999999", removed=False)
    with pytest.raises(ForbiddenMove, match="some in AUTHORIZE"):
        await room.releases.move(release.id, "deploy")
    for state, verb in ((ChangeState.SCHEDULED, "deploy"), (ChangeState.REVIEW, "support")):
        async with room.store.transaction() as tx:
            found = await tx.get(Change, change.id)
            found.assign(Act(MONDAY, "alice"), team_id=f"team {state}")
            found.state = state
            tx.save(found)
        await room.releases.move(release.id, verb)
    with pytest.raises(ForbiddenMove, match="contains what it contains"):
        await room.releases.fill(release.id, change.id, removed=True)
    with pytest.raises(ForbiddenMove, match="some in REVIEW"):
        await room.releases.close(release.id, "all is well")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([*sorted(RELEASE_MOVES), "fill"]), st.sampled_from(list(ChangeState))), max_size=16))
async def test_no_order_of_verbs_leaves_the_table_of_releases(steps: list[tuple[str, ChangeState]]) -> None:
    release = Release.open(Act(MONDAY, "alice"), id="rel_1", number="REL0000001", title="t")
    for verb, state in steps:
        release.take_recorded()
        act, before, move = Act(MONDAY, "alice"), release.state, RELEASE_MOVES.get(verb)
        try:
            match verb:
                case "fill":
                    release.fill(act, f"chg_{state}")
                case "close":
                    release.close(act, [state], "done")
                case "cancel":
                    release.cancel(act, "no")
                case _:
                    release.move(act, verb, [state], reason="because")
        except ForbiddenMove:
            wanted = REACHED.get(verb, frozenset(ChangeState))
            blocked = state not in wanted and (state is not ChangeState.CANCELLED or verb == "deploy")
            assert move is None or before not in move.sources or blocked
            release.state = before  # as its caller throws it away
            continue
        assert move is None or (before in move.sources and release.state is move.target)
        assert verb == "fill" or release.recorded is not None
        assert release.state.is_final == (release.close_time is not None)
    assert release.state in ReleaseState
