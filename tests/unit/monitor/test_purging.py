"""What is long over goes, and nothing else."""

from datetime import timedelta

import pytest

from chassis import context as ctx
from chassis.errors import ForbiddenMove
from chassis.testing import caller
from services.monitor.domain.alert import Alert
from services.monitor.usecases import purging
from services.monitor.usecases.intake import ALERTS
from services.monitor.usecases.purging import Purging
from tests.unit.monitor.alerting import NOON, Room, firing, resolved

DAYS = timedelta(days=90)


async def purged(room: Room) -> dict[str, bool]:
    return {row["fingerprint"]: row["purge_time"] is not None for row in await room.alerts()}


async def test_an_alert_goes_when_it_was_over_for_long_enough_and_that_is_told_once() -> None:
    room = Room()
    worker = Purging(room.store, kept=DAYS)
    with ctx.use(caller()):
        await room.intake.take([firing(0, "open"), firing(0, "early"), firing(0, "late")])
        room.clock.advance(minutes=5)
        await room.intake.take([resolved(0, 1, "early")])
        room.clock.advance(days=2)
        await room.intake.take([resolved(0, 1, "late")])
        room.clock.advance(days=88)
        assert await worker.round() == 0
        room.clock.advance(minutes=1)
        assert await worker.round() == 1
        assert await purged(room) == {"open": False, "early": True, "late": False}
        room.clock.advance(days=3)
        assert [await worker.round(), await worker.round()] == [1, 0]
        assert await purged(room) == {"open": False, "early": True, "late": True}
        assert (await room.events()).count("AlertPurged") == 2


async def test_batches_are_bounded_and_each_tenant_is_served_as_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purging, "BATCH", 3)
    room = Room()
    for tenant in ("main", "other"):
        with ctx.use(caller(tenant)):
            await room.intake.take(
                [resolved_one for n in range(4) for resolved_one in (firing(0, f"{n}"), resolved(0, 1, f"{n}"))]
            )
    room.clock.advance(days=91)
    worker = Purging(room.store, kept=DAYS)
    assert [await worker.round() for _ in range(4)] == [3, 3, 2, 0]
    for tenant in ("main", "other"):
        with ctx.use(caller(tenant)):
            assert set((await purged(room)).values()) == {True}
            assert (await room.events()).count("AlertPurged") == 4


async def test_alerts_that_cannot_be_read_are_named_once_and_hold_up_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(purging, "BATCH", 2)
    room = Room()
    with ctx.use(caller()):
        for name in ("broken-1", "broken-2", "well-1", "broken-3", "well-2"):
            await room.intake.take([firing(0, name), resolved(0, 1, name)])
            room.clock.advance(minutes=1)
    broken = [row for row in room.backend.collections[ALERTS].values() if row["fingerprint"].startswith("broken")]
    for row in broken:
        row["severity"] = "OF_ANOTHER_RELEASE"
    room.clock.advance(days=91)
    worker = Purging(room.store, kept=DAYS)
    assert [await worker.round() for _ in range(4)] == [2, 2, 1, 0]
    with ctx.use(caller()):
        assert {name for name, gone in (await purged(room)).items() if gone} == {"well-1", "well-2"}
    said = [record for record in caplog.records if record.message == "An old alert cannot be removed."]
    assert sorted(record.__dict__["alert"] for record in said) == sorted(row["_id"] for row in broken)
    for row in broken:
        row["severity"] = "ERROR"
    assert await worker.round() == 0
    room.clock.advance(days=1)
    assert [await worker.round() for _ in range(3)] == [2, 1, 0], "what could not go may go another day"


def test_an_open_alert_never_goes() -> None:
    with pytest.raises(ForbiddenMove):
        Alert.fired(firing(0), id="alr_1", at=NOON).purge(NOON)
