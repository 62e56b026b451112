"""Daily snapshots of the backlog on a real database."""

from datetime import timedelta

from tests.integration.analytics.conftest import Figures, day
from tests.support.incident_events import History

DAY = timedelta(days=1)


async def test_each_day_is_taken_once_and_missed_days_are_made_up(figures: Figures) -> None:
    await figures.told(History("inc_1").open(team="a"), History("inc_2").open(team="b").hold(after=DAY).resolve(after=DAY))
    figures.clock.now = day(1) + timedelta(hours=1)
    assert await figures.snapshots.catch_up("main") > 0
    assert await figures.snapshots.catch_up("main") == 0

    figures.clock.now = day(4) + timedelta(hours=1)
    assert await figures.snapshots.catch_up("main") == 3

    assert await figures.count("incident-backlog", group_by="day") == {
        "2026-03-03/0-1": 2,
        "2026-03-04/1-3": 1,
        "2026-03-04/paused 1-3": 1,
        "2026-03-05/1-3": 1,
        "2026-03-06/3-7": 1,
    }


async def test_a_period_with_an_end_shows_its_last_snapshot(figures: Figures) -> None:
    await figures.told(History("inc_1").open(team="a"), History("inc_2").open(team="b").resolve(after=DAY))
    figures.clock.now = day(9)
    await figures.snapshots.catch_up("main")

    assert await figures.count("incident-backlog", end=day(2), group_by="team") == {"a/0-1": 1, "b/0-1": 1}
    assert await figures.count("incident-backlog", start=day(2), end=day(4), group_by="team") == {"a/1-3": 1}
    assert await figures.count("incident-backlog", end=day(4), filter_text="teamId = b") == {}
    assert await figures.count("incident-backlog", end=day(1)) == {}


async def test_facts_that_come_late_correct_the_days_that_they_tell_of(figures: Figures) -> None:
    figures.clock.now = day(5) + timedelta(hours=1)
    await figures.told(History("inc_1").open())
    await figures.snapshots.catch_up("main")

    await figures.told(History("inc_2", at=day(2)).open().resolve(after=2 * DAY))
    assert await figures.snapshots.catch_up("main") > 0

    by_day: dict[str, float] = {}
    for row in await figures.rows("incident-backlog", group_by="day"):
        by_day[row.group] = by_day.get(row.group, 0) + (row.value or 0)
    assert by_day == {"2026-03-03": 1, "2026-03-04": 2, "2026-03-05": 2, "2026-03-06": 1, "2026-03-07": 1}
    assert await figures.snapshots.catch_up("main") == 0


async def test_snapshots_taken_day_by_day_equal_those_taken_at_once(figures: Figures) -> None:
    histories = [
        History(f"inc_{n}").open(team=f"t{n % 3}").hold(after=n * DAY / 3).start().resolve(after=n * DAY / 2) for n in range(12)
    ]
    for number in range(12):
        figures.clock.now = day(number) + timedelta(hours=1)
        await figures.snapshots.catch_up("main")
        if number == 5:
            await figures.told(*histories)
    step_by_step = await figures.backend.find("backlog", {"tenant": "main"}, sort=[("_id", 1)])
    await figures.backend._database["backlog"].delete_many({"tenant": "main"})

    await figures.snapshots.compute_all("main")

    assert await figures.backend.find("backlog", {"tenant": "main"}, sort=[("_id", 1)]) == step_by_step
    assert step_by_step


async def test_every_tenant_is_found(figures: Figures) -> None:
    await figures.told(*(History(f"inc_{n}", tenant=f"t{n % 3}").open() for n in range(9)))

    assert await figures.snapshots.tenants() == ["t0", "t1", "t2"]
