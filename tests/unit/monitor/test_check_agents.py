"""Which key reaches which checks: what the asset service tells of agents decides, whenever it arrives."""

import asyncio
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import pytest
from itsm.asset import v1 as asset_pb

from chassis import context as ctx
from chassis.errors import Invalid
from chassis.events.wire import Envelope
from chassis.store import Store
from chassis.testing import FakeClock, MemoryBackend, caller
from services.monitor import reactions
from services.monitor import store as kept_where
from services.monitor.domain.check import Check
from services.monitor.domain.check_settings import Kind
from services.monitor.probes import Probes
from services.monitor.usecases.check_results import Results
from services.monitor.usecases.checks import Checks
from services.monitor.usecases.intake import Intake
from tests.unit.monitor.checks import NOON


class Desk:
    """The use cases of checks in memory, and the events that they follow."""

    def __init__(self) -> None:
        clock = FakeClock(NOON)
        self.store = Store(MemoryBackend(), clock, kept_where.KINDS)
        lists = kept_where.check_listings(b"k" * 16, clock)
        intake = Intake(self.store)
        self.checks = Checks(self.store, intake, Results(self.store, intake, lists[1]), Probes(), lists[0])
        self._group = reactions.agents(self.checks)

    async def told(
        self, kind: Any, subject: str, *, at: datetime = NOON, asset: str = "ast_1", state: int = asset_pb.Agent.ACTIVE
    ) -> None:
        """An event about the one agent."""
        agent = asset_pb.Agent(id="agt_1", token_id=subject, asset_id=asset, state=state)  # type: ignore[arg-type]
        named: dict[str, Any] = {each.name: "" for each in fields(Envelope)} | {"version": 1, "epoch": 1, "time": at}
        handler = self._group.handlers[kind.DESCRIPTOR.full_name].handler
        await handler(kind(agent=agent), Envelope(**named))  # type: ignore[arg-type]

    async def check(self, **more: Any) -> Check:
        return await self.checks.create({"name": "n", "kind": Kind.CPU, "agent_id": "agt_1", **more})

    async def subject(self, check: Check) -> str:
        return (await self.store.get(Check, check.id)).agent_subject


@pytest.fixture
def desk() -> Any:
    with ctx.use(caller()):
        yield Desk()


async def test_a_check_that_was_made_before_its_agent_is_known_is_reached_afterwards(desk: Desk) -> None:
    check = await desk.check()
    assert (await desk.subject(check), check.asset_id) == ("", "")
    await desk.told(asset_pb.AgentEnrolled, "crd_1")
    assert await desk.subject(check) == "crd_1"
    assert (await desk.store.get(Check, check.id)).asset_id == "ast_1"


async def test_a_check_follows_its_agent_to_another_asset_unless_it_is_about_a_third(desk: Desk) -> None:
    await desk.told(asset_pb.AgentEnrolled, "crd_1")
    check, other = await desk.check(), await desk.check(asset_id="ast_3")
    await desk.told(asset_pb.AgentRebound, "crd_1", at=NOON + timedelta(minutes=1), asset="ast_2")
    assert [(await desk.store.get(Check, each.id)).asset_id for each in (check, other)] == ["ast_2", "ast_3"]


async def test_a_check_of_a_known_agent_is_about_its_asset(desk: Desk) -> None:
    await desk.told(asset_pb.AgentEnrolled, "crd_1")
    check = await desk.check()
    assert (check.agent_subject, check.asset_id) == ("crd_1", "ast_1")


async def test_a_new_key_takes_the_place_of_the_old_one_and_late_news_is_passed_over(desk: Desk) -> None:
    await desk.told(asset_pb.AgentEnrolled, "crd_1")
    check = await desk.check()
    await desk.told(asset_pb.AgentEnrolled, "crd_2", at=NOON + timedelta(minutes=2))
    await desk.told(asset_pb.AgentRebound, "crd_1", at=NOON + timedelta(minutes=1))
    assert await desk.subject(check) == "crd_2"


async def test_a_revoked_agent_reaches_nothing(desk: Desk) -> None:
    await desk.told(asset_pb.AgentEnrolled, "crd_1")
    check = await desk.check()
    await desk.told(asset_pb.AgentRevoked, "crd_1", at=NOON + timedelta(minutes=1), state=asset_pb.Agent.REVOKED)
    assert await desk.subject(check) == ""


async def test_a_check_of_an_asset_that_was_merged_is_about_the_one_that_stayed(desk: Desk) -> None:
    check, other = await desk.check(asset_id="ast_old"), await desk.check(asset_id="ast_3")
    moved = asset_pb.AssetMoved(asset=asset_pb.Asset(id="ast_old", state="MERGED", merged_into_id="ast_new"))
    retired = asset_pb.AssetMoved(asset=asset_pb.Asset(id="ast_3", state="RETIRED"))
    for event in (moved, retired, moved):
        named: dict[str, Any] = {each.name: "" for each in fields(Envelope)} | {"version": 1, "epoch": 1, "time": NOON}
        await desk._group.handlers[asset_pb.AssetMoved.DESCRIPTOR.full_name].handler(event, Envelope(**named))
    assert [(await desk.store.get(Check, each.id)).asset_id for each in (check, other)] == ["ast_new", "ast_3"]


async def test_a_look_cannot_be_tried_because_its_target_would_hear_of_it(desk: Desk) -> None:
    heard = asyncio.Event()

    def connected(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.set()
        writer.close()

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        check = await desk.check(kind=Kind.TCP, target=f"127.0.0.1:{port}", agent_id="")
        with ctx.use(caller(dry_run=True)), pytest.raises(Invalid) as refused:
            await desk.checks.run(check.id)
        assert refused.value.reason == "DRY_RUN_IMPOSSIBLE"
        assert not heard.is_set()
        assert (await desk.checks.run(check.id))["state"] == "UP"
        await asyncio.wait_for(heard.wait(), 30)
