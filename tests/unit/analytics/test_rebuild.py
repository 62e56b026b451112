"""Whatever way events come in, what is kept is what the log of facts says, and a rebuild finds nothing to correct."""

import copy
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.events.aftercare import Aftercare
from chassis.events.handling import Handling
from chassis.events.records import Record
from chassis.settings import Settings
from chassis.store import Store
from chassis.telemetry import Metrics
from chassis.testing import FakeClock, MemoryBackend
from services.analytics.projections.incidents import INCIDENTS, fold
from services.analytics.reactions import fact_of, subscriptions
from services.analytics.usecases.alerts import Alerts
from services.analytics.usecases.facts import FactLog
from services.analytics.usecases.rebuild import Rebuild
from services.analytics.usecases.snapshots import Snapshots
from tests.support.incident_events import START, History, Told

STEPS = ("assign", "again", "start", "hold", "resolve", "reopen", "close", "update", "cancel", "child", "clock")
GAPS = st.integers(0, 3 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes))


def walk(history: History, steps: Sequence[tuple[str, timedelta]]) -> History:
    """An incident that goes where the steps say, sensibly or not."""
    history.open(team="first")
    for step, after in steps:
        match step:
            case "assign" | "again":
                history.assign(f"team-{after.seconds % 3}", after=after, again=step == "again")
            case "child":
                history.link("PARENT", "incidents/inc_parent", after=after)
            case "clock":
                at = history.at + after
                history.clock("RESOLVE", "STOPPED", stop_time=at, elapsed=after).update(after=after)
            case _:
                getattr(history, step)(after=after)
    return history


walks = st.lists(st.tuples(st.sampled_from(STEPS), GAPS), max_size=12)


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[History], list[list[Told]]]:
    """Some incidents, and batches in which what was told of them arrives: out of order and more than once."""
    histories = [walk(History(f"inc_{n}"), draw(walks)) for n in range(draw(st.integers(1, 3)))]
    told = [one for history in histories for one in history.told]
    again = draw(st.lists(st.sampled_from(told), max_size=len(told)))
    arriving = draw(st.permutations([*told, *again]))
    cuts = sorted(draw(st.lists(st.integers(0, len(arriving)), max_size=6)))
    return histories, [arriving[start:end] for start, end in zip([0, *cuts], [*cuts, len(arriving)], strict=True)]


class Analytics:
    """The service without its network: the real handling of records over the database in memory."""

    def __init__(self) -> None:
        self.backend = MemoryBackend()
        self.clock = FakeClock(START + timedelta(days=60))
        self.store = Store(self.backend, self.clock, ())
        self.snapshots = Snapshots(self.store, self.clock)
        self.rebuild = Rebuild(self.store, self.snapshots, self.clock)
        group = subscriptions(FactLog(self.store), Alerts(self.store))
        metrics = Metrics()
        self.handling, second = (Handling(self.store, "analytics", group, "test", metrics, {}) for _ in range(2))
        self.aftercare = Aftercare(self.store, Settings(), "analytics", second, metrics)
        self._offsets: Iterator[int] = iter(range(1_000_000))

    async def take(self, batch: list[Told]) -> None:
        """One batch in one transaction, as the consumer does it."""
        records: list[Record] = [told.record(next(self._offsets)) for told in batch]
        await self.handling.begin(records)
        async with self.store.transaction() as tx:
            for record in records:
                await self.handling.handle(tx, record, since={"incidents": 0})
            self.handling.finish(tx)
        self.handling.committed()
        await self.aftercare.round()
        self.handling.versions.forget()

    @property
    def incidents(self) -> dict[str, Any]:
        return copy.deepcopy(self.backend.collections.get(INCIDENTS, {}))


@settings(max_examples=150, deadline=None)
@given(deliveries())
async def test_a_rebuild_from_the_facts_equals_the_live_result(delivered: tuple[list[History], list[list[Told]]]) -> None:
    histories, batches = delivered
    analytics = Analytics()
    for batch in batches:
        await analytics.take(batch)
    live = analytics.incidents

    facts = {history.id: [fact_of(told.message.incident, told.envelope) for told in history.told] for history in histories}
    assert live == {name: fold(each) for name, each in facts.items()}
    assert await analytics.rebuild.run("main") == (len(histories), 0)

    analytics.backend.collections[INCIDENTS].clear()
    await analytics.rebuild.run("main")
    assert analytics.incidents == live
