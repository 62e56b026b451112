"""Taking signals in on a real mongod: the same episodes, whoever is first, at the price of a few round trips."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.monitoring import CommandListener

from chassis import context as ctx
from chassis.domain import SystemClock
from chassis.errors import Busy
from chassis.store import Store
from chassis.store.mongo import MongoBackend
from chassis.testing import caller
from services.monitor import store as kept
from services.monitor.usecases.alerts import Alerts
from services.monitor.usecases.intake import Intake
from tests.unit.monitor.alerting import Room, firing, minute, resolved


@pytest.fixture
async def room(mongo: MongoBackend) -> AsyncIterator[Room]:
    with ctx.use(caller(subject="sender")):
        room = Room(mongo)
        await mongo.ensure_indexes(room.store.indexes)
        yield room


async def test_episodes_are_the_same_as_in_memory(room: Room) -> None:
    batches = [
        [firing(0, labels={"host.name": "web.1", "$x": "y"}), firing(0), resolved(0, 1), firing(2), firing(2, "g")],
        [firing(0), resolved(0, 1), firing(2), resolved(9, 10, "unknown")],
        [firing(9, "unknown"), resolved(2, 3), firing(5)],
    ]
    for batch in batches:
        await room.intake.take(batch)
    found = [(alert["fingerprint"], alert["state"], alert["start_time"], alert["count"]) for alert in await room.alerts()]
    assert sorted(found) == [
        ("f", "FIRING", minute(5), 1),
        ("f", "RESOLVED", minute(0), 2),
        ("f", "RESOLVED", minute(2), 2),
        ("g", "FIRING", minute(2), 1),
    ]
    assert await room.claims() == {"f", "g"}


async def test_processes_that_take_the_same_signals_at_once_open_each_alert_once(mongo_uri: str, room: Room) -> None:
    backends = [MongoBackend(mongo_uri) for _ in range(4)]
    intakes = [Intake(Store(each, SystemClock(), kept.KINDS, kept.INDEXES)) for each in backends]
    rounds = [[firing(0, f"f{number}") for number in range(10)], [resolved(0, 1, f"f{number}") for number in range(10)]]
    try:
        for signals in (*rounds, [firing(2, f"f{number}") for number in range(10)]):
            await asyncio.gather(*(intake.take(signals) for intake in intakes for _ in range(2)))
    finally:
        for backend in backends:
            await backend.close()
    alerts = await room.alerts()
    assert len(alerts) == 20
    assert sum(alert["count"] for alert in alerts if alert["state"] == "FIRING") == 80
    assert len(await room.claims()) == 10
    assert sorted(await room.events()) == ["AlertFired"] * 20 + ["AlertResolved"] * 10


async def test_a_verb_and_a_repeat_at_once_lose_neither(room: Room) -> None:
    await room.intake.take([firing(0)])
    (alert,) = await room.alerts()
    verbs = Alerts(room.store)

    async def acknowledge() -> None:
        for _ in range(20):  # what has lost a race is run again, as the edge of the service does
            try:
                await verbs.acknowledge(alert["_id"])
            except Busy:
                await asyncio.sleep(0.02)
            else:
                return

    await asyncio.gather(acknowledge(), *(room.intake.take([firing(0)]) for _ in range(5)))
    (after,) = await room.alerts()
    assert (after["state"], after["count"]) == ("ACKNOWLEDGED", 6)


class Counting(CommandListener):
    """Names each command on documents that is sent to the database."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def started(self, event: Any) -> None:
        if not event.command_name.startswith("sasl"):  # a connection may be made at any time
            self.names.append(event.command_name)

    def succeeded(self, event: Any) -> None:
        pass

    def failed(self, event: Any) -> None:
        pass


async def test_a_batch_costs_a_handful_of_commands_however_many_signals_it_holds(mongo_uri: str, room: Room) -> None:
    listener = Counting()
    backend = MongoBackend(mongo_uri, listeners=[listener])
    intake = Intake(Store(backend, SystemClock(), kept.KINDS, kept.INDEXES))
    signals = [firing(0, f"f{number}") for number in range(100)]
    await backend.ping()
    costs = []
    for batch in (signals, signals, [resolved(0, 1, f"f{number}") for number in range(100)]):
        listener.names.clear()
        await intake.take(batch)
        costs.append(list(listener.names))
    await backend.close()
    looked = ["find", "find", "find"]  # claims, how far the past is over, the open alerts
    assert costs[0] == [*looked[:2], "insert", "insert", "insert", "insert", "commitTransaction"]
    assert costs[1] == [*looked, "update"] or costs[1] == [*looked, "update", "commitTransaction"]
    assert len(costs[2]) <= 10


async def test_questions_by_fingerprint_state_and_time_use_an_index(room: Room, mongo_uri: str) -> None:
    await room.intake.take([firing(0, f"f{number}") for number in range(50)])
    client: Any
    async with AsyncMongoClient(mongo_uri) as client:
        alerts = client.get_default_database()["alerts"]
        for query in ({"fingerprint": "f1"}, {"state": "FIRING"}, {"asset_id": "ast_1"}, {"incident_id": "inc_1"}):
            plan = await alerts.find({"tenant": "main", **query}).sort([("create_time", -1), ("_id", 1)]).explain()
            assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"])
            assert "'SORT'" not in str(plan["queryPlanner"]["winningPlan"])
