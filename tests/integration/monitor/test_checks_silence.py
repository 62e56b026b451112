"""When something is silent: an agent, or the database that results are kept in."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from itsm.monitor import v1 as pb

from services.monitor.usecases.check_results import Presence
from tests.integration.monitor.checking import Caller, Monitor, clock, monitoring, until
from tests.integration.monitor.test_checks import enroll, report
from tests.support.cable import Cable, plugged
from tests.support.targets import LOCALHOST, answering
from tests.unit.monitor.checks import NOON


@pytest.fixture(scope="module")
def ahead_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clock") / "ahead"


@pytest.fixture(scope="module")
async def cable(backing: dict[str, Any]) -> AsyncIterator[Cable]:
    mongo = urlsplit(backing["mongo"]["root_uri"])
    async with plugged(mongo.hostname or "", mongo.port or 0) as cable:
        yield cable


@pytest.fixture(scope="module")
async def monitor(backing: dict[str, Any], cable: Cable, ahead_file: Path) -> AsyncIterator[Monitor]:
    async with monitoring(backing, cable=cable, clock_file=ahead_file) as running:
        yield running


@pytest.fixture
def manager(monitor: Monitor) -> Caller:
    return monitor.caller()


async def test_what_was_seen_while_the_database_was_away_is_handed_over_with_its_own_times(
    cable: Cable, manager: Caller
) -> None:
    async with answering() as port:
        check = await manager.watch(f"{LOCALHOST}:{port}")
        await manager.until_state(check, pb.Check.UP)
        await cable.cut()
        cut = datetime.now(UTC)
    # The target is gone as well now. Long enough for the leases to end: the worker goes on all the same.
    await until(lambda: _passed(cut + timedelta(seconds=25)))
    async with answering(port=port):
        await until(lambda: _passed(cut + timedelta(seconds=37)))
        mended = datetime.now(UTC)
        await cable.mend()
        await until(lambda: _resolved(manager, check), within=120)
    [alert] = await manager.alerts(check)
    assert cut < _time(alert.start_time) < _time(alert.end_time) < mended, "it came and went while nobody could write"


async def test_an_agent_that_is_silent_makes_its_checks_unknown_until_it_is_heard_again(
    monitor: Monitor, manager: Caller
) -> None:
    agent = await enroll(monitor, manager, "agt_1", "crd_silent")
    check = await manager.watch("nginx", kind=pb.Check.PROCESS, agent_id="agt_1", interval=Duration(seconds=5))
    await agent("ReportChecks", report(check, _now(pb.CheckResult.OK)))
    unknown = await manager.until_state(check, pb.Check.UNKNOWN)
    assert unknown.last_result.outcome == pb.CheckResult.OK
    [alert] = await manager.alerts(check)
    assert (alert.fingerprint, alert.state) == (f"check/{check.id}/no-data", pb.Alert.FIRING)
    await agent("ReportChecks", report(check, _now(pb.CheckResult.OK)))
    assert (await manager.check(check.id)).state == pb.Check.UP
    [alert] = await manager.alerts(check)
    assert alert.state == pb.Alert.RESOLVED


async def test_a_clock_that_was_set_is_no_silence(monitor: Monitor, manager: Caller, ahead_file: Path) -> None:
    agent = await enroll(monitor, manager, "agt_1", "crd_clock")
    check = await manager.watch("nginx", kind=pb.Check.PROCESS, agent_id="agt_1", interval=Duration(seconds=300))
    await agent("ReportChecks", report(check, _now(pb.CheckResult.OK)))
    before = await manager.check(check.id)
    clock(ahead_file)(3600)
    # Its worker has looked at it once the instant at which silence is noticed has moved.
    other = await manager.watch("nginx", kind=pb.Check.PROCESS, agent_id="agt_1", interval=Duration(seconds=5))
    await manager.until_state(other, pb.Check.UNKNOWN)
    assert (await manager.check(check.id)).state == before.state == pb.Check.UP


def test_a_break_ends_what_was_known_of_silence() -> None:
    now, ticks = NOON, 0.0
    presence = Presence(lambda: now, lambda: ticks)
    assert presence.since() == NOON
    now, ticks = now + timedelta(seconds=60), ticks + 60
    assert presence.since() == NOON
    now, ticks = now + timedelta(hours=1), ticks + 1
    assert presence.since() == now
    now, ticks = now + timedelta(seconds=30), ticks + 30
    assert presence.since() == now - timedelta(seconds=30)


def _time(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(tzinfo=UTC)


def _now(outcome: int) -> pb.CheckResult:
    stamp = Timestamp()
    stamp.FromDatetime(datetime.now(UTC))
    return pb.CheckResult(time=stamp, outcome=outcome)  # type: ignore[arg-type]


async def _passed(instant: datetime) -> bool | None:
    return True if datetime.now(UTC) >= instant else None


async def _resolved(manager: Caller, check: pb.Check) -> bool | None:
    try:
        alerts = await manager.alerts(check)
    except Exception:  # the service is only just finding its database again
        return None
    return True if alerts and alerts[0].state == pb.Alert.RESOLVED else None
