"""The figures of a dashboard on a real database: the same numbers as each figure alone, each asked for once."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chassis import context as ctx
from chassis.errors import Denied, Invalid
from chassis.testing import caller
from services.analytics.domain.shipped import SHIPPED
from services.analytics.domain.tile import Tile, TileKind
from services.analytics.usecases.dashboard_data import FRESH, MOST_GROUPS, DashboardData
from tests.integration.analytics.conftest import Figures, day, several
from tests.support.incident_events import START, History

MIA = caller(subject="mia", permissions=frozenset({"kpis.get"}))


class Hands:
    """A clock of seconds that moves when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def tile(name: str, kind: TileKind = TileKind.NUMBER, kpi: str = "incident-volume", **more: Any) -> Tile:
    return Tile(id=name, kind=kind, kpi=kpi, w=1, h=1, **more)


async def test_what_is_shipped_says_the_same_as_each_figure_alone(figures: Figures) -> None:
    await figures.told(*(History(each).open(team="network", priority="P1").start().resolve() for each in several(4)))
    boards = DashboardData(figures.kpis, figures.clock)
    with ctx.use(MIA):
        data = await boards.of(SHIPPED["service-desk"].tiles, 60)
        assert [each.fault for each in data.tiles] == [""] * len(SHIPPED["service-desk"].tiles)
        shown = {each.tile_id: each for each in data.tiles}
        alone = await figures.kpis.get("mttr-resolve", start=data.start)
        assert shown["resolve"].figure is not None
        assert shown["resolve"].figure.rows == alone.rows
        again = await boards.of(SHIPPED["service-desk"].tiles, 60)
        assert again.etag == data.etag
    await figures.told(History("inc_more").open(team="network", priority="P1"))
    with ctx.use(MIA):
        changed = await DashboardData(figures.kpis, figures.clock).of(SHIPPED["service-desk"].tiles, 60)
    assert changed.etag != data.etag


async def test_what_several_ask_is_asked_once_for_a_moment_and_only_within_a_tenant(figures: Figures) -> None:
    await figures.told(History("inc_1").open())
    hands = Hands()
    boards = DashboardData(figures.kpis, figures.clock, monotonic=hands)
    twice = [tile("a", TileKind.BAR, series=["opened"]), tile("b", TileKind.BAR), tile("c", TileKind.TEXT, "", text="hello")]

    async def opened(who: Any) -> Any:
        with ctx.use(who):
            data = await boards.of(twice, 60)
        assert data.questions == 1
        assert data.tiles[0].figure is not None
        return {row.series: row.value for row in data.tiles[0].figure.rows}.get("opened")

    assert await opened(MIA) == 1
    await figures.told(History("inc_2").open())
    assert (await opened(MIA), await opened(replace(MIA, tenant="other"))) == (1, None)
    hands.now += FRESH
    assert await opened(MIA) == 2


async def test_one_number_knows_the_period_before_and_a_fault_of_one_tile_hides_no_other(figures: Figures) -> None:
    early, late = History("inc_1"), History("inc_2", at=START + timedelta(days=20))
    await figures.told(early.open(), late.open())
    boards = DashboardData(figures.kpis, figures.clock)
    with ctx.use(MIA):
        data = await boards.of([tile("a"), tile("b", filter="color = 3"), tile("c", kpi="mttx")], start=day(15), end=day(30))
    number, wrong, unknown = data.tiles
    assert number.figure is not None
    assert number.previous is not None
    assert [(row.series, row.value) for row in number.figure.rows] == [("opened", 1)]
    assert [(row.series, row.value) for row in number.previous.rows] == [("opened", 1)]
    assert "color" in wrong.fault
    assert "no such figure" in unknown.fault


async def test_many_groups_are_the_largest_and_the_number_of_the_others(figures: Figures) -> None:
    await figures.told(*(History(each).open(category=f"c{at}") for at, each in enumerate(several(MOST_GROUPS + 3))))
    boards = DashboardData(figures.kpis, figures.clock)
    with ctx.use(MIA):
        data = await boards.of([tile("a", TileKind.BAR, group_by="category", all_time=True)])
    assert data.tiles[0].figure is not None
    assert len({row.group for row in data.tiles[0].figure.rows}) == MOST_GROUPS
    assert data.tiles[0].left_out == 3


async def test_who_may_not_read_figures_reads_none_and_a_period_that_makes_no_sense_is_refused(figures: Figures) -> None:
    boards = DashboardData(figures.kpis, figures.clock)
    with ctx.use(caller()), pytest.raises(Denied):
        await boards.of([tile("a")])
    with ctx.use(MIA):
        with pytest.raises(Invalid):
            await boards.of([tile("a")], start=day(3), end=day(2))
        with pytest.raises(Invalid):
            await boards.of([tile(f"t{at}") for at in range(25)])
