"""Checks on real parts: run by workers or reported by agents, and what follows from their results."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from itsm.monitor import v1 as pb
from pymongo import AsyncMongoClient

from chassis.errors import Denied, ForbiddenMove, Invalid, NotFound, Stale
from tests.integration.monitor.checking import Caller, Monitor, monitoring, serving, until
from tests.support.targets import LOCALHOST, answering, listening

OK, FAILED = pb.CheckResult.OK, pb.CheckResult.FAILED
NOON = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)


@pytest.fixture(scope="module")
async def monitor(backing: dict[str, Any]) -> AsyncIterator[Monitor]:
    async with monitoring(backing) as running:
        yield running


@pytest.fixture
def manager(monitor: Monitor) -> Caller:
    return monitor.caller()


def at(step: int) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(NOON + timedelta(seconds=30 * step))
    return stamp


def seen(step: int, outcome: int = OK, **more: Any) -> pb.CheckResult:
    return pb.CheckResult(time=at(step), outcome=outcome, **more)  # type: ignore[arg-type]


async def enroll(monitor: Monitor, manager: Caller, agent: str, subject: str) -> Caller:
    """An agent with a key, as the asset service tells of it."""
    client: Any = AsyncMongoClient(monitor.database)
    key = {"_id": f"{manager.tenant}|{agent}", "tenant": manager.tenant}
    known = {"subject": subject, "asset_id": f"ast_of_{agent}", "time": datetime.now(UTC)}
    await client.get_default_database().check_agents.insert_one({**key, **known})
    await client.close()
    return manager.as_(subject, "endpoint")


async def local(manager: Caller, agent: str, **more: Any) -> pb.Check:
    fields: dict[str, Any] = {"kind": pb.Check.PROCESS, "agent_id": agent, "interval": Duration(seconds=30)} | more
    return await manager.watch("nginx", **fields)


def report(check: pb.Check, *results: pb.CheckResult) -> pb.ReportChecksRequest:
    return pb.ReportChecksRequest(
        results=[pb.ReportChecksRequest.Report(check_id=check.id, result=result) for result in results]
    )


async def test_a_target_that_goes_and_comes_is_an_alert_that_fires_and_is_resolved(manager: Caller) -> None:
    async with answering() as port:
        check = await manager.watch(f"http://{LOCALHOST}:{port}/", kind=pb.Check.HTTP, asset_id="ast_1")
        up = await manager.until_state(check, pb.Check.UP)
        assert up.last_result.message == "answered 200"
        assert await manager.alerts(check) == []
    await manager.until_state(check, pb.Check.DOWN)
    [alert] = await manager.alerts(check)
    assert (alert.state, alert.fingerprint) == (pb.Alert.FIRING, f"check/{check.id}")
    assert (alert.asset_id, alert.source, alert.title) == ("ast_1", "check", "Shop is down")
    async with answering(port=port):
        await manager.until_state(check, pb.Check.UP)
    [alert] = await manager.alerts(check)
    assert alert.state == pb.Alert.RESOLVED
    assert alert.start_time.ToDatetime() < alert.end_time.ToDatetime()


async def test_results_that_change_nothing_make_no_version(manager: Caller) -> None:
    async with answering() as port:
        check = await manager.watch(f"{LOCALHOST}:{port}")
        up = await manager.until_state(check, pb.Check.UP)

        async def later() -> pb.Check | None:
            now = await manager.check(check.id)
            return now if now.last_result.time.ToDatetime() > up.last_result.time.ToDatetime() else None

        assert (await until(later)).etag == up.etag


async def test_a_check_is_run_on_demand(manager: Caller) -> None:
    async with answering() as port:
        check = await manager.watch(f"{LOCALHOST}:{port}", interval=Duration(seconds=86_400))
        ran = await manager("RunCheck", pb.RunCheckRequest(id=check.id))
    assert (ran.state, ran.last_result.outcome) == (pb.Check.UP, OK)


async def test_an_agent_reports_late_results_and_the_past_becomes_what_it_was(monitor: Monitor, manager: Caller) -> None:
    agent = await enroll(monitor, manager, "agt_1", "crd_1")
    check = await local(manager, "agt_1", raise_after=2)
    assert check.asset_id == "ast_of_agt_1"
    late = report(check, seen(4), seen(1), seen(3, FAILED), seen(2, FAILED), seen(0))
    answer = await agent("ReportChecks", late)
    assert (answer.accepted, list(answer.refused)) == (5, [])
    [alert] = await manager.alerts(check)
    assert (alert.state, alert.start_time, alert.end_time) == (pb.Alert.RESOLVED, at(2), at(4))
    again = await manager.check(check.id)
    await agent("ReportChecks", late)
    assert await manager.check(check.id) == again
    assert len(await manager.alerts(check)) == 1, "what was delivered before changes nothing"
    page = await manager("ListCheckResults", pb.ListCheckResultsRequest(id=check.id))
    assert [result.time for result in page.results] == [at(step) for step in (4, 3, 2, 1, 0)]


async def test_results_are_listed_page_by_page_over_hours(monitor: Monitor, manager: Caller) -> None:
    agent = await enroll(monitor, manager, "agt_1", "crd_pages")
    check = await local(manager, "agt_1")
    await agent("ReportChecks", report(check, *(seen(step, value=step) for step in range(-400, 200))))
    found, token = [], ""
    while True:
        asked = pb.ListCheckResultsRequest(id=check.id, page_size=170, page_token=token)
        page = await manager("ListCheckResults", asked)
        found += [result.value for result in page.results]
        token = page.next_page_token
        if not token:
            break
    assert found == [float(step) for step in reversed(range(-400, 200))]


async def test_an_agent_reaches_its_own_checks_only(monitor: Monitor, manager: Caller) -> None:
    agent = await enroll(monitor, manager, "agt_own", "crd_own")
    await enroll(monitor, manager, "agt_other", "crd_other")
    own, other = await local(manager, "agt_own"), await local(manager, "agt_other")
    keyless = await local(manager, "agt_nobody")
    listed = await agent("ListChecks", pb.ListChecksRequest(filter="enabled = true"))
    assert [check.id for check in listed.checks] == [own.id]
    mixed = pb.ReportChecksRequest()
    for check in (other, own, keyless):
        mixed.results.add(check_id=check.id, result=seen(0))
    answer = await agent("ReportChecks", mixed)
    assert answer.accepted == 1
    assert [(each.index, each.reason) for each in answer.refused] == [(0, "unknown-check"), (2, "unknown-check")]
    assert (await manager.check(other.id)).state == pb.Check.PENDING
    with pytest.raises(NotFound):
        await agent("GetCheck", pb.GetCheckRequest(id=other.id))
    with pytest.raises(NotFound):
        await agent("ReportCheck", pb.ReportCheckRequest(id=other.id, result=seen(1)))


async def test_who_may_only_look_changes_nothing_and_only_agents_report(manager: Caller) -> None:
    check = await manager.watch(f"{LOCALHOST}:1", enabled=False)
    viewer = manager.as_("bob", "viewer")
    assert (await viewer.check(check.id)).id == check.id
    for method, request in (
        ("CreateCheck", pb.CreateCheckRequest(check=check)),
        ("UpdateCheck", pb.UpdateCheckRequest(id=check.id, check=pb.Check(name="x"))),
        ("EnableCheck", pb.EnableCheckRequest(id=check.id)),
        ("DisableCheck", pb.DisableCheckRequest(id=check.id)),
        ("RunCheck", pb.RunCheckRequest(id=check.id)),
        ("ReportChecks", report(check, seen(0))),
    ):
        with pytest.raises(Denied):
            await viewer(method, request)
    with pytest.raises(Denied):
        await manager("ReportCheck", pb.ReportCheckRequest(id=check.id, result=seen(0)))


async def test_checks_of_another_tenant_are_not_there(manager: Caller, monitor: Monitor) -> None:
    check = await manager.watch(f"{LOCALHOST}:1", enabled=False)
    stranger = monitor.caller()
    with pytest.raises(NotFound):
        await stranger.check(check.id)
    assert list((await stranger("ListChecks", pb.ListChecksRequest())).checks) == []


async def test_what_a_report_cannot_bring_is_told_by_its_place(monitor: Monitor, manager: Caller) -> None:
    agent = await enroll(monitor, manager, "agt_1", "crd_refused")
    check, off = await local(manager, "agt_1"), await local(manager, "agt_1", enabled=False)
    request = report(check, seen(0, 0), seen(-200_000), seen(1))
    request.results.add(check_id=off.id, result=seen(0))
    answer = await agent("ReportChecks", request)
    assert answer.accepted == 1
    assert [(each.index, each.reason) for each in answer.refused] == [(0, "no-outcome"), (1, "too-old"), (3, "disabled")]
    with pytest.raises(Invalid):
        await agent("ReportCheck", pb.ReportCheckRequest(id=off.id, result=seen(0)))
    with pytest.raises(Invalid):
        await agent("ReportChecks", report(check, *(seen(0) for _ in range(1001))))


async def test_a_value_is_judged_by_the_limits_of_its_check(monitor: Monitor, manager: Caller) -> None:
    agent = await enroll(monitor, manager, "agt_1", "crd_disk")
    limits = pb.Limits(degraded=80, down=90)
    check = await manager.watch("/", kind=pb.Check.DISK, agent_id="agt_1", limits=limits)
    told = await agent("ReportCheck", pb.ReportCheckRequest(id=check.id, result=seen(0, 0, value=93.5)))
    assert (told.state, told.last_result.message) == (pb.Check.DOWN, "93.5 % in use")
    [alert] = await manager.alerts(check)
    assert alert.kind == pb.Alert.THRESHOLD


async def test_a_removed_check_is_looked_at_no_more_and_resolves_what_it_had_raised(manager: Caller) -> None:
    looks = {"kept": 0, "removed": 0}

    def counting(name: str) -> Any:
        def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            looks[name] += 1
            writer.close()

        return serve

    async def times(name: str, more: int) -> None:
        wanted = looks[name] + more

        async def reached() -> bool | None:
            return looks[name] >= wanted or None

        await until(reached)

    async with listening(counting("kept")) as kept_port, listening(counting("removed")) as port:
        await manager.watch(f"{LOCALHOST}:{kept_port}")
        check = await manager.watch(f"{LOCALHOST}:{port}")
        await manager.until_state(check, pb.Check.UP)
        viewer = manager.as_("bob", "viewer")
        with pytest.raises(Denied):
            await viewer("RemoveCheck", pb.RemoveCheckRequest(id=check.id))
        with pytest.raises(Stale):
            await manager("RemoveCheck", pb.RemoveCheckRequest(id=check.id, etag="99"))
        removed = await manager("RemoveCheck", pb.RemoveCheckRequest(id=check.id))
        assert removed.HasField("remove_time")
        with pytest.raises(NotFound):
            await manager.check(check.id)
        assert [each.target for each in (await manager("ListChecks", pb.ListChecksRequest())).checks] == [
            f"{LOCALHOST}:{kept_port}"
        ]
        await times("kept", 1)  # whatever was under way has ended by then
        before = looks["removed"]
        await times("kept", 3)
        assert looks["removed"] == before
    gone = await manager.watch(f"{LOCALHOST}:{port}")
    await manager.until_state(gone, pb.Check.DOWN)
    await manager("RemoveCheck", pb.RemoveCheckRequest(id=gone.id))
    [alert] = await manager.alerts(gone)
    assert alert.state == pb.Alert.RESOLVED


async def test_a_disabled_check_is_not_run_and_resolves_what_it_had_raised(manager: Caller) -> None:
    check = await manager.watch(f"{LOCALHOST}:1")
    down = await manager.until_state(check, pb.Check.DOWN)
    off = await manager("DisableCheck", pb.DisableCheckRequest(id=check.id, etag=down.etag))
    assert (off.state, off.enabled) == (pb.Check.PENDING, False)
    [alert] = await manager.alerts(check)
    assert alert.state == pb.Alert.RESOLVED
    with pytest.raises(ForbiddenMove):
        await manager("RunCheck", pb.RunCheckRequest(id=check.id))
    on = await manager("EnableCheck", pb.EnableCheckRequest(id=check.id))
    assert on.enabled
    await manager.until_state(check, pb.Check.DOWN)


async def test_a_check_is_changed_by_name_and_by_version(manager: Caller) -> None:
    check = await manager.watch(f"{LOCALHOST}:1", enabled=False)
    changed = await manager("UpdateCheck", pb.UpdateCheckRequest(id=check.id, check=pb.Check(name="Shop 2"), etag=check.etag))
    assert changed.name == "Shop 2"
    with pytest.raises(Stale):
        await manager("UpdateCheck", pb.UpdateCheckRequest(id=check.id, check=pb.Check(name="x"), etag=check.etag))
    with pytest.raises(Invalid):
        await manager("UpdateCheck", pb.UpdateCheckRequest(id=check.id, check=pb.Check(kind=pb.Check.PING)))
    with pytest.raises(Invalid):
        await manager.watch("http://169.254.169.254/", kind=pb.Check.HTTP)
    count = await manager("CountChecks", pb.CountChecksRequest(filter='name : "Shop" AND state = PENDING'))
    assert count.value == 1


async def test_two_processes_share_the_checks_and_one_takes_over(monitor: Monitor, manager: Caller) -> None:
    async with answering() as port, serving(monitor):
        many = [await manager.watch(f"{LOCALHOST}:{port}") for _ in range(20)]
        for check in many:
            await manager.until_state(check, pb.Check.UP)
    for check in many:
        await manager.until_state(check, pb.Check.DOWN)
        assert len(await manager.alerts(check)) == 1, "whoever looks, one is told"


async def test_many_that_fail_at_once_are_told_each_once(manager: Caller) -> None:
    many = await asyncio.gather(*(manager.watch(f"{LOCALHOST}:1", name=f"Shop {number}") for number in range(150)))
    for check in many:
        await manager.until_state(check, pb.Check.DOWN)
    firing = await manager("CountAlerts", pb.CountAlertsRequest(filter="state = FIRING"))
    assert firing.value == len(many)
