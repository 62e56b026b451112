"""Dashboards: who sees and changes them, what a version holds, what a draft may be, what tiles may say."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis import context as ctx
from chassis.errors import Denied, ForbiddenMove, Invalid, NotFound, Stale
from chassis.store import Store
from chassis.testing import FakeClock, MemoryBackend, caller
from services.analytics import store as kept
from services.analytics.domain.dashboard import Content, Sharing
from services.analytics.domain.shipped import SHIPPED
from services.analytics.domain.tile import COLUMNS, MOST_TILES, Measure, Tile, TileKind, faults
from services.analytics.usecases.dashboards import DRAFTS, MOST_OWN, VERSIONS, VERSIONS_KEPT, Asked, Dashboards
from services.analytics.usecases.kpis import Kpis
from tests.unit.incident.desk import Again

KEY = b"signs the tokens of pages"
ALL = "dashboards.shareWithAll"


class Boards:
    """Dashboards in memory; who is in which team can be said."""

    def __init__(self) -> None:
        self.clock, self.backend = FakeClock(datetime(2026, 11, 23, 9, tzinfo=UTC)), MemoryBackend()
        self.store = Store(self.backend, self.clock, kept.KINDS, kept.INDEXES)
        self.teams: dict[str, frozenset[str]] = {}
        listing = kept.dashboards(KEY, self.clock)
        self.dashboards = Again(Dashboards(self.store, listing, self, Kpis(self.store, kept.FIELDS, self.clock)))

    async def of_caller(self) -> frozenset[str]:
        """See `Teams`."""
        return self.teams.get(ctx.current().actor.id, frozenset())

    def told(self) -> list[str]:
        """What was told of it, in order."""
        rows = sorted(self.backend.collections.get("changes", {}).values(), key=lambda row: str(row["_id"]))
        return [row["type"].rpartition(".")[2] for row in rows]


@pytest.fixture
def boards() -> Any:
    with ctx.use(caller(subject="mia")):
        yield Boards()


def number(name: str = "a", **more: Any) -> Tile:
    return Tile(**{"id": name, "kind": TileKind.NUMBER, "kpi": "mttr-resolve", "w": 3, "h": 2, **more})


async def test_each_publication_is_a_version_and_an_old_one_comes_back_as_a_new_one(boards: Boards) -> None:
    them = boards.dashboards
    made = await them.create({"name": "Desk", "tiles": [number()]})
    assert (made.edition, made.sharing, made.owner_id) == (1, Sharing.PRIVATE, "mia")
    draft = await them.keep_draft(made.id, Content(name="Desk", tiles=[number(), number("b", x=3)]))
    assert [tile.id for tile in (await them.get(made.id)).tiles] == ["a"], "nobody sees a draft"
    published = await them.publish(made.id, "two now")
    assert (published.edition, len(published.tiles), draft.base_edition) == (2, 2, 1)
    assert (await them.draft(made.id)).etag == "", "it is published"
    with pytest.raises(NotFound):
        await them.publish(made.id)
    assert [(row["edition"], row["note"]) for row in await them.versions(made.id)] == [(2, "two now"), (1, "")]
    restored = await them.restore(made.id, 1)
    assert (restored.edition, [tile.id for tile in restored.tiles]) == (3, ["a"])
    await them.restore(made.id, 3)
    await them.update(made.id, {"name": "Desk"})
    assert boards.told() == ["DashboardCreated", "DashboardPublished", "DashboardRestored"], (
        "what changes nothing tells nothing"
    )
    with pytest.raises(NotFound):
        await them.restore(made.id, 9)
    await them.delete(made.id)
    assert not boards.backend.collections[VERSIONS]
    with pytest.raises(NotFound):
        await them.get(made.id)


async def test_the_latest_versions_are_kept(boards: Boards) -> None:
    made = await boards.dashboards.create({"name": "1"})
    for edition in range(2, VERSIONS_KEPT + 4):
        await boards.dashboards.update(made.id, {"name": str(edition)})
    found = [row["edition"] for row in await boards.dashboards.versions(made.id)]
    assert (found[0], found[-1], len(found)) == (VERSIONS_KEPT + 3, 4, VERSIONS_KEPT)


async def test_a_draft_is_its_writers_alone_and_goes_on_only_from_the_one_that_is_kept(boards: Boards) -> None:
    them, boards.teams = boards.dashboards, {"mia": frozenset({"t1"}), "max": frozenset({"t1"})}
    made = await them.create({"name": "Desk"})
    first = await them.keep_draft(made.id, Content(name="Desk 2"))
    second = await them.keep_draft(made.id, Content(name="Desk 3"), etag=first.etag)
    with pytest.raises(Stale):
        await them.keep_draft(made.id, Content(name="an older tab"), etag=first.etag)
    assert ((await them.draft(made.id)).content.name, second.base_edition) == ("Desk 3", 1)
    await them.share(made.id, Sharing.TEAM, "t1")
    with ctx.use(caller(subject="max", permissions=frozenset({ALL}))):
        assert (await them.draft(made.id)).content.name == "Desk"
    await them.discard(made.id)
    await them.discard(made.id)
    assert not boards.backend.collections[DRAFTS]
    assert boards.told() == ["DashboardCreated", "DashboardShared"]


async def test_a_draft_of_what_was_published_over_is_refused_unless_the_writer_has_seen_that(boards: Boards) -> None:
    them = boards.dashboards
    made = await them.create({"name": "Desk"})
    await them.keep_draft(made.id, Content(name="Mine"))
    other = await them.update(made.id, {"name": "Theirs"})
    with pytest.raises(Stale):
        await them.publish(made.id)
    assert (await them.publish(made.id, etag=other.etag)).name == "Mine"


async def test_an_unfinished_draft_is_kept_and_not_published(boards: Boards) -> None:
    them = boards.dashboards
    made = await them.create({"name": "Desk"})
    await them.keep_draft(made.id, Content(name="", tiles=[number(kpi=""), number(x=3)]))
    with pytest.raises(Invalid) as refused:
        await them.publish(made.id)
    assert set(refused.value.violations) == {"name", "tiles[0].kpi", "tiles[1].id"}
    with pytest.raises(Invalid):
        await them.keep_draft(made.id, Content(tiles=[number(str(at)) for at in range(MOST_TILES + 1)]))


async def test_it_is_seen_by_whom_it_is_shared_with_and_changed_by_its_owner_and_who_may_share_with_all(boards: Boards) -> None:
    them, boards.teams = boards.dashboards, {"mia": frozenset({"t1"}), "bob": frozenset({"t1"})}
    made = await them.create({"name": "Desk"})
    bob, carol = caller(subject="bob"), caller(subject="carol")

    async def seen(who: Any) -> bool:
        with ctx.use(who):
            rows, _ = await them.page(Asked("builtIn = false"))
            return [row["_id"] for row in rows] == [made.id]

    assert not await seen(bob)
    with pytest.raises(Invalid):
        await them.share(made.id, Sharing.TEAM, "t2")
    with pytest.raises(Denied):
        await them.share(made.id, Sharing.EVERYBODY)
    await them.share(made.id, Sharing.TEAM, "t1")
    assert (await seen(bob), await seen(carol)) == (True, False)
    with ctx.use(bob), pytest.raises(Denied):
        await them.keep_draft(made.id, Content(name="Bob's"))
    with ctx.use(replace(carol, permissions=frozenset({ALL}))), pytest.raises(NotFound):
        await them.update(made.id, {"name": "Carol's"})
    with ctx.use(caller(subject="mia", permissions=frozenset({ALL}))):
        await them.share(made.id, Sharing.EVERYBODY)
    assert await seen(carol)
    with ctx.use(caller(tenant="other", subject="mia")), pytest.raises(NotFound):
        await them.get(made.id)
    assert boards.told()[1:] == ["DashboardShared", "DashboardShared"]


async def test_every_tenant_has_what_is_shipped_and_nobody_changes_it(boards: Boards) -> None:
    them = boards.dashboards
    assert not boards.backend.collections
    rows, _ = await them.page(Asked())
    assert [row["_id"] for row in rows] == list(SHIPPED)
    for attempt in (them.update("service-desk", {"name": "Mine"}), them.keep_draft("service-desk", Content(name="Mine"))):
        with pytest.raises(ForbiddenMove):
            await attempt
    copy = await them.create({"name": "Mine", "tiles": SHIPPED["service-desk"].tiles})
    assert (copy.built_in, copy.sharing) == (False, Sharing.PRIVATE)


@pytest.mark.parametrize("shipped", SHIPPED)
async def test_what_is_shipped_can_be_shown(boards: Boards, shipped: str) -> None:
    board = SHIPPED[shipped]
    assert faults(board.tiles) == {}
    await boards.dashboards.create({"name": board.name, "tiles": board.tiles})


@pytest.mark.parametrize(
    ("tile", "field"),
    [
        (number(kpi="mttx"), "kpi"),
        (number(group_by="team"), "group_by"),
        (number(kpi="downtime", group_by="day", kind=TileKind.LINE), "group_by"),
        (number(kind=TileKind.BAR, group_by="color"), "group_by"),
        (number(kind=TileKind.HEAT_MAP), "group_by"),
        (number(filter="color = 3"), "filter"),
        (number(series=["opened"]), "series"),
        (number(kpi="incident-volume", measure=Measure.P90), "measure"),
        (number(x=10), "x"),
        (number(h=0), "y"),
        (number("a b"), "id"),
        (number(kind=TileKind.TEXT), "kpi"),
        (number(kind=TileKind.TEXT, kpi=""), "text"),
        (number(days=401), "days"),
    ],
)
async def test_what_cannot_be_shown_is_refused_by_field(boards: Boards, tile: Tile, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        await boards.dashboards.create({"name": "Desk", "tiles": [tile]})
    assert f"tiles[0].{field}" in refused.value.violations


async def test_everybody_has_so_many_of_his_own(boards: Boards) -> None:
    for at in range(MOST_OWN):
        await boards.dashboards.create({"name": str(at)})
    with pytest.raises(Invalid):
        await boards.dashboards.create({"name": "one more"})
    with ctx.use(caller(subject="bob")):
        await boards.dashboards.create({"name": "his first"})


PLACES = st.tuples(st.integers(0, COLUMNS - 1), st.integers(0, 8), st.integers(1, 4), st.integers(1, 4))


@given(st.lists(PLACES, min_size=2, max_size=8))
@settings(deadline=None, max_examples=60)
def test_tiles_lie_over_each_other_where_they_share_a_cell(places: list[tuple[int, int, int, int]]) -> None:
    tiles = [number(f"t{at}", x=min(x, COLUMNS - w), y=y, w=w, h=h) for at, (x, y, w, h) in enumerate(places)]
    cells = [(x, y) for tile in tiles for x in range(tile.x, tile.x + tile.w) for y in range(tile.y, tile.y + tile.h)]
    assert any("lies over" in text for text in faults(tiles).values()) == (len(cells) != len(set(cells)))
