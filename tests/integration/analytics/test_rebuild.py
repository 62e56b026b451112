"""Rebuilding on a real database, while events go on."""

import asyncio
from datetime import timedelta

from chassis import context as ctx
from chassis.testing import caller
from services.analytics.projections.incidents import INCIDENTS
from tests.integration.analytics.conftest import Figures
from tests.support.incident_events import History


async def test_a_rebuild_of_what_is_right_changes_nothing(figures: Figures) -> None:
    await figures.told(*(History(f"inc_{n}").open().start().hold().resolve().reopen().resolve().close() for n in range(450)))

    assert await figures.rebuild.run("main") == (450, 0)


async def test_a_rebuild_corrects_what_is_wrong_missing_or_too_much(figures: Figures) -> None:
    await figures.told(*(History(f"inc_{n}").open().start().resolve() for n in range(5)))
    right = await figures.backend.find(INCIDENTS, {"tenant": "main"}, sort=[("_id", 1)])
    incidents = figures.backend._database[INCIDENTS]
    await incidents.update_one(
        {"_id": "inc_1", "tenant": "main"}, {"$set": {"state": "NEW", "stray": 1}, "$unset": {"resolved_at": ""}}
    )
    await incidents.delete_one({"_id": "inc_2", "tenant": "main"})
    await incidents.insert_one({"_id": "inc_unknown", "tenant": "main", "version": 1})

    assert await figures.rebuild.run("main") == (5, 3)
    assert await figures.backend.find(INCIDENTS, {"tenant": "main"}, sort=[("_id", 1)]) == right


async def test_live_events_during_a_rebuild_are_neither_lost_nor_undone(figures: Figures) -> None:
    histories = [History(f"inc_{n}").open() for n in range(300)]
    await figures.told(*histories)
    await figures.backend._database[INCIDENTS].update_many({"tenant": "main"}, {"$set": {"state": "CLOSED"}})
    later = [History(history.id, told=list(history.told), incident=history.incident) for history in histories]
    for history in later:
        history.start().resolve()
        del history.told[:1]

    async def live() -> None:
        for start in range(0, 300, 10):
            await figures.told(*later[start : start + 10])
            await asyncio.sleep(0)

    await asyncio.gather(figures.rebuild.run("main"), live())

    assert await figures.rebuild.run("main") == (300, 0)
    assert await figures.backend.count(INCIDENTS, {"tenant": "main", "state": "RESOLVED"}) == 300


async def test_who_asks_for_a_rebuild_is_told_when_it_is_through(figures: Figures) -> None:
    await figures.told(History("inc_1").open())
    await figures.backend._database[INCIDENTS].update_many({"tenant": "main"}, {"$set": {"state": "CLOSED"}})
    with ctx.use(caller()):
        before = await figures.rebuild.ask(wait=0)
    assert not before.done

    working = asyncio.create_task(figures.rebuild.follow(60))
    try:
        with ctx.use(caller()):
            progress = await figures.rebuild.ask(wait=10)
    finally:
        working.cancel()

    assert (progress.done, progress.incidents, progress.corrected) == (True, 1, 1)
    assert progress.asked == before.asked == figures.clock().replace(tzinfo=before.asked.tzinfo)
    assert figures.clock.advance(days=1) - before.asked == timedelta(days=1)
