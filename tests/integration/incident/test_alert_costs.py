"""What a batch of alerts asks of the database: a handful of commands, however many alerts it tells of."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from itsm.asset import v1 as asset_pb
from itsm.monitor import v1 as pb
from pymongo.monitoring import CommandListener

from chassis import context as ctx
from chassis import protojson
from chassis.domain import SystemClock, uuid7
from chassis.events.handling import Handling
from chassis.events.records import Record
from chassis.events.wire import Source, headers_of
from chassis.store import Store
from chassis.store.mongo import MongoBackend
from chassis.telemetry import Metrics
from chassis.testing import caller
from services.incident import store as kept
from services.incident.reactions import subscriptions
from services.incident.usecases.alerts import Alerts
from services.incident.usecases.assets import Assets
from services.incident.usecases.impacts import Impacts
from services.incident.usecases.incidents import Incidents
from services.incident.usecases.policies import Policies

TOLD = {"alerts": "alert", "assets": "asset", "impactAssessments": "assessment"}
FIRST = datetime(2026, 3, 2, 8, tzinfo=UTC)


class Counting(CommandListener):
    """Names each command on documents that is sent to the database, and its collection."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    def started(self, event: Any) -> None:
        if not event.command_name.startswith("sasl"):  # a connection may be made at any time
            self.sent.append((event.command_name, str(event.command.get(event.command_name))))

    def succeeded(self, event: Any) -> None:
        pass

    def failed(self, event: Any) -> None:
        pass


class Room:
    """The service's reaction to events over the real database, a batch at a time, as its consumer runs it."""

    def __init__(self, backend: MongoBackend, listener: Counting, tenant: str) -> None:
        self.store = Store(backend, SystemClock(), kept.KINDS, kept.INDEXES)
        policies = Policies(self.store, monotonic=lambda: 0.0)
        assets = Assets(self.store)
        group = subscriptions(Alerts(self.store, Incidents(self.store, policies), assets), assets, Impacts(self.store))
        self._handling = Handling(self.store, "incident", group, "costs", Metrics(), {})
        self._listener, self.tenant, self._offsets = listener, tenant, count()

    async def take(self, events: Sequence[tuple[Any, int]], service: str = "monitor") -> list[tuple[str, str]]:
        """One batch of events with their versions; the commands that it took."""
        return await self.handled([self.record(event, version, service) for event, version in events])

    async def handled(self, records: list[Record]) -> list[tuple[str, str]]:
        """The same of records."""
        self._listener.sent.clear()
        await self._handling.begin(records)
        async with self.store.transaction() as tx:
            await self._handling.prepare(records)
            for record in records:
                await self._handling.handle(tx, record, since={})
            self._handling.finish(tx)
        self._handling.committed()
        return list(self._listener.sent)

    async def incidents(self) -> list[dict[str, Any]]:
        """All of them, and the changes that were told."""
        with ctx.use(caller(self.tenant)):
            return await self.store.find("incidents", {})

    async def changes(self) -> list[str]:
        """The types of what was told of incidents."""
        rows = await self.store.backend.find("changes", {"tenant": self.tenant, "kind": "incidents"})
        return [row["type"].rpartition(".")[2] for row in rows]

    def record(self, event: Any, version: int, service: str = "monitor") -> Record:
        """An event as the broker hands it out."""
        plural, snapshot = next((plural, getattr(event, name)) for plural, name in TOLD.items() if hasattr(event, name))
        row = {
            "_id": uuid7(),
            "tenant": self.tenant,
            "key": snapshot.id,
            "subject": f"{plural}/{snapshot.id}",
            "version": version,
            "type": event.DESCRIPTOR.full_name,
            "time": FIRST,
            "actor": {"id": f"itsm-{service}", "kind": "service"},
        }
        key = f"{self.tenant}/{snapshot.id}".encode()
        headers = headers_of(row, Source("test", service, 1))
        return Record(f"itsm.{service}.v1", 0, next(self._offsets), key, protojson.encode(event), headers)


@pytest.fixture
async def room(database: str, request: pytest.FixtureRequest) -> AsyncIterator[Room]:
    listener = Counting()
    backend = MongoBackend(database, listeners=[listener])
    room = Room(backend, listener, f"costs-{abs(hash(request.node.name))}")
    await backend.ensure_indexes(room.store.indexes)
    known = asset_pb.Asset(id="ast_1", team_id="team_db", criticality=asset_pb.Asset.HIGH)
    await room.take([(asset_pb.AssetCreated(asset=known), 1)], "asset")
    await room.take([(pb.AlertFired(alert=an_alert("warm")), 1)])  # what is promised is read, and numbers are reserved
    yield room
    await backend.close()


def an_alert(name: str, **more: Any) -> pb.Alert:
    alert = pb.Alert(
        id=f"alr_{name}",
        fingerprint=name,
        title=f"{name} is down",
        state=pb.Alert.FIRING,
        severity=pb.Alert.CRITICAL,
        asset_id="ast_1",
        **more,
    )
    alert.start_time.FromDatetime(FIRST)
    alert.route_time.FromDatetime(FIRST)
    return alert


def bought(sent: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Without the numbers, which are reserved a hundred at a time."""
    return [(name, collection) for name, collection in sent if name != "findAndModify"]


@pytest.mark.parametrize("many", [1, 100])
async def test_opening_incidents_takes_as_many_commands_for_one_alert_as_for_a_hundred(room: Room, many: int) -> None:
    opening = [(pb.AlertFired(alert=an_alert(f"f{number}")), 1) for number in range(many)]
    sent = await room.take(opening)
    assert len(sent) - len(bought(sent)) <= 1
    asked = [each for each in bought(sent) if each[0] == "find"]
    wrote = [each for each in bought(sent) if each[0] != "find"]
    assert sorted(asked) == [("find", "assets"), ("find", "claims"), ("find", "seen")]
    assert sorted(wrote)[1:] == [("insert", name) for name in ("changes", "claims", "incidents", "seen")]
    assert wrote[-1][0] == "commitTransaction"
    rows = await room.incidents()
    assert {row["version"] for row in rows} == {1}
    assert {(row["team_id"], row["state"], row["assignee_id"]) for row in rows} == {("team_db", "ASSIGNED", "")}
    assert await room.changes() == ["IncidentOpened"] * (many + 1)


async def test_alerts_that_are_told_again_only_move_the_position(room: Room) -> None:
    alerts = [an_alert(f"f{number}") for number in range(100)]
    await room.take([(pb.AlertFired(alert=alert), 1) for alert in alerts])
    assert bought(await room.take([(pb.AlertFired(alert=alert), 1) for alert in alerts])) == [
        ("find", "claims"),
        ("find", "incidents"),
    ]
    again = await room.take([(pb.AlertUnsuppressed(alert=alert), 2) for alert in alerts])
    assert [name for name, _ in again] == ["find", "find", "update", "commitTransaction"]
    assert len(await room.changes()) == 101


async def test_ends_and_returns_are_a_change_each_and_a_handful_of_commands(room: Room) -> None:
    alerts = [an_alert(f"f{number}") for number in range(100)]
    await room.take([(pb.AlertFired(alert=alert), 1) for alert in alerts])
    ended = await room.take([(pb.AlertResolved(alert=alert), 2) for alert in alerts])
    assert len(ended) <= 9, ended
    returned = await room.take(
        [(pb.AlertFired(alert=an_alert(f"f{number}b", group_key=f"f{number}")), 1) for number in range(100)]
    )
    assert len(returned) <= 9, returned
    rows = [row for row in await room.incidents() if len(row["alert_ids"]) == 2]
    assert len(rows) == 100
    assert {(row["state"], row["version"], row["firing_alert_count"]) for row in rows} == {("IN_PROGRESS", 3, 1)}


async def test_assessments_that_change_nothing_take_as_many_commands_as_one_and_change_no_incident(room: Room) -> None:
    await room.take([(pb.AlertFired(alert=an_alert(f"f{number}")), 1) for number in range(50)])
    found = [
        asset_pb.ImpactAssessment(id=f"ima_{number}", incident_id=row["_id"], criticality=asset_pb.Asset.LOW)
        for number, row in enumerate(await room.incidents())
    ]
    sent = await room.take([(asset_pb.ImpactAssessed(assessment=each), 1) for each in found], "asset")
    # Where it is read to, which of them are major, the incidents; then the copy of what they hit, however many there are.
    assert sorted(name for name, _ in sent) == ["commitTransaction", "find", "find", "find", "insert", "update"]
    assert {row["version"] for row in await room.incidents()} == {1}


async def test_a_record_that_nobody_can_read_holds_up_none_of_its_batch(room: Room) -> None:
    broken = replace(room.record(pb.AlertFired(alert=an_alert("broken")), 1), value=b"nonsense")
    whole = [room.record(pb.AlertFired(alert=an_alert(f"f{number}")), 1) for number in range(3)]
    await room.handled([whole[0], broken, *whole[1:]])
    assert {row["dedup_key"] for row in await room.incidents()} == {"alert/warm", "alert/f0", "alert/f1", "alert/f2"}
    dead = await room.store.backend.find("dead_letters", {"tenant": room.tenant})
    assert [row["reason"] for row in dead] == ["undecodable"]
