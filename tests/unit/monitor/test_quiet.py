"""Who may silence what, for how long."""

from datetime import timedelta
from typing import Any

import pytest

from chassis import context as ctx
from chassis.context import Context
from chassis.errors import Denied, ForbiddenMove, Invalid, NotFound, Stale
from chassis.testing import caller
from services.monitor.domain.recurrence import Frequency, Recurrence, Weekday
from services.monitor.domain.silence import Matcher
from services.monitor.usecases.reading import Paging
from tests.unit.monitor.pipelining import Plant, at

AGENT = caller(subject="agent-1")
OTHER = caller(subject="agent-2")
BOSS = caller(subject="boss", permissions=frozenset({"maintenanceWindows.create"}))
STRANGER = caller(tenant="other", subject="boss", permissions=frozenset({"maintenanceWindows.create"}))
DAY = 86_400


@pytest.fixture
def plant() -> Plant:
    return Plant()


async def silence(plant: Plant, who: Context, seconds: float = 60, **more: Any) -> Any:
    fields = {"matchers": [Matcher(label="a", value="1")], "end_time": at(seconds), "comment": "known", **more}
    with ctx.use(who):
        made = await plant.quiet.create_silence(fields)
    plant.store.recent.clear()  # else the edge would have to ask again
    return made


async def test_an_agent_silences_for_a_day_and_who_plans_maintenance_for_longer(plant: Plant) -> None:
    assert (await silence(plant, AGENT, DAY)).creator_id == "agent-1"
    with pytest.raises(Invalid) as refused:
        await silence(plant, AGENT, DAY + 1)
    assert list(refused.value.violations) == ["end_time"]
    daily = Recurrence(frequency=Frequency.WEEKLY, weekdays=[Weekday.MONDAY], begin="10:00", duration=timedelta(hours=1))
    with pytest.raises(Invalid) as refused:
        await silence(plant, AGENT, DAY, recurrence=daily)
    assert list(refused.value.violations) == ["recurrence"]
    assert (await silence(plant, BOSS, 300 * DAY, recurrence=daily)).recurrence == daily


async def test_an_agent_cannot_stretch_a_silence_nor_touch_one_of_others(plant: Plant) -> None:
    own = await silence(plant, AGENT)
    with ctx.use(AGENT), pytest.raises(Invalid):
        await plant.quiet.update_silence(own.id, {"end_time": at(3 * DAY)})
    with ctx.use(OTHER):
        with pytest.raises(Denied):
            await plant.quiet.update_silence(own.id, {"comment": "mine"})
        with pytest.raises(Denied):
            await plant.quiet.expire_silence(own.id)
    with ctx.use(BOSS):
        assert (await plant.quiet.expire_silence(own.id)).end_time == plant.clock.now
    plant.store.recent.clear()
    with ctx.use(AGENT), pytest.raises(ForbiddenMove):
        await plant.quiet.update_silence(own.id, {"comment": "again"})


async def test_other_tenants_see_and_change_nothing(plant: Plant) -> None:
    own = await silence(plant, BOSS)
    with ctx.use(STRANGER):
        with pytest.raises(NotFound):
            await plant.quiet.silence(own.id)
        with pytest.raises(NotFound):
            await plant.quiet.expire_silence(own.id)
        assert (await plant.quiet.silences("", "", Paging()))[0] == []


async def test_an_older_version_is_refused(plant: Plant) -> None:
    own = await silence(plant, BOSS)
    with ctx.use(BOSS):
        await plant.quiet.update_silence(own.id, {"comment": "more"}, etag="1")
        plant.store.recent.clear()
        with pytest.raises(Stale):
            await plant.quiet.expire_silence(own.id, etag="1")


async def test_lists_filter_and_page(plant: Plant) -> None:
    made = [await silence(plant, BOSS, 60 + index) for index in range(3)]
    with ctx.use(BOSS):
        await plant.quiet.create_window({"name": "w", "asset_ids": ["ast_1"], "end_time": at(60), "comment": "c"})
        rows, token = await plant.quiet.silences('matchers.label = "a"', "endTime", Paging(2))
        rest, last = await plant.quiet.silences('matchers.label = "a"', "endTime", Paging(2, token))
        windows, _ = await plant.quiet.windows('assetIds = "ast_1"', "", Paging())
    assert [row["_id"] for row in (*rows, *rest)] == [each.id for each in made]
    assert last == ""
    assert [row["name"] for row in windows] == ["w"]
