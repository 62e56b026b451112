"""The endpoint agent on the live stack: this machine is an asset, what stops on it is noticed, and absences leave no gap."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx
import pytest

from agent.times import text_of
from stack.options import ROOT
from tests.support.gateway import Gateway
from tests.support.platform import Breakable

T = TypeVar("T")

PATIENCE = 120.0
ROUNDS = {False: 2, True: 20}


async def eventually(ask: Callable[[], Awaitable[T]], holds: Callable[[T], object], within: float = PATIENCE) -> T:
    """The first answer that is as it should be."""
    answer: T | None = None
    try:
        async with asyncio.timeout(within):
            while True:
                answer = await ask()
                if holds(answer):
                    return answer
                await asyncio.sleep(0.5)
    except TimeoutError as error:
        error.add_note(f"the last answer was {str(answer)[:1000]}")
        raise


class Program:
    """A process that is watched: told from all others by a word in its command line."""

    def __init__(self) -> None:
        self.mark = f"watched-{uuid4().hex[:12]}"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "input()", self.mark, stdin=asyncio.subprocess.PIPE
        )

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def a_program() -> AsyncIterator[Program]:
    program = Program()
    await program.start()
    try:
        yield program
    finally:
        await program.stop()


@pytest.fixture(scope="session")
async def manager(stack: dict[str, Any]) -> AsyncIterator[Gateway]:
    async with Gateway(stack["gateway"], stack["users"]["asset-manager"]["token"]) as gateway:
        yield gateway


@pytest.fixture(scope="session")
async def watcher(stack: dict[str, Any]) -> AsyncIterator[Gateway]:
    async with Gateway(stack["gateway"], stack["users"]["monitor-manager"]["token"]) as gateway:
        yield gateway


async def a_check(watcher: Gateway, machine: dict[str, Any], **told: Any) -> str:
    body = {
        "name": f"check {uuid4().hex[:8]}", "interval": "5s", "timeout": "4s", "agentId": machine["agentId"],
        "assetId": machine["id"], **told,
    }  # fmt: skip
    made: dict[str, Any] = await watcher.post("checks", body)
    return str(made["id"])


async def an_enrollment_key(manager: Gateway) -> str:
    made = await manager.post("tokens", {"kind": "AGENT", "name": "for a test", "roles": ["enroller"]})
    return str(made["secret"])


async def test_this_machine_is_an_asset_with_its_inventory(machine: dict[str, Any], manager: Gateway) -> None:
    assert machine["class"] in ("computer", "server", "virtual_machine", "container")
    assert machine["state"] == "IN_USE"
    inventory = await eventually(
        lambda: manager.get(f"assets/{machine['id']}/inventory"),
        lambda told: {"hardware", "system", "disks", "interfaces", "processes"} <= set(told["sections"]),
    )
    assert int(inventory["hardware"]["memoryBytes"]) > 1 << 28
    assert inventory["system"]["os"]
    assert any(disk["mountPoint"] == "/" for disk in inventory["disks"])
    assert inventory["processes"]


async def test_the_gateway_is_among_the_listening_processes(
    machine: dict[str, Any], manager: Gateway, stack: dict[str, Any]
) -> None:
    port = int(stack["gateway"].rpartition(":")[2])
    found = await eventually(
        lambda: manager.get(f"assets/{machine['id']}/inventory"),
        lambda told: any(one["port"] == port and one["protocol"] == "tcp" for one in told["processes"]),
    )
    assert [one["address"] for one in found["processes"] if one["port"] == port] == ["127.0.0.1"]


@pytest.mark.timeout(3600)  # twenty rounds of it in a soak
async def test_a_watched_process_that_stops_is_down_and_up_again(machine: dict[str, Any], watcher: Gateway, soak: bool) -> None:
    async with a_program() as program:
        check = await a_check(
            watcher, machine, kind="PROCESS", target="python*", process={"commandLine": program.mark}, raiseAfter=2
        )

        async def state() -> str:
            return str((await watcher.get(f"checks/{check}"))["state"])

        await eventually(state, lambda now: now == "UP")
        for _ in range(ROUNDS[soak]):
            await program.stop()
            await eventually(state, lambda now: now == "DOWN")
            await program.start()
            await eventually(state, lambda now: now == "UP")


async def test_limits_are_judged_by_the_platform(machine: dict[str, Any], watcher: Gateway) -> None:
    well = await a_check(watcher, machine, kind="DISK", target="/", limits={"down": 100.5})
    full = await a_check(watcher, machine, kind="MEMORY", limits={"degraded": 0.001, "down": 0.002}, raiseAfter=1)
    for check, wanted in ((well, "UP"), (full, "DOWN")):
        now = await eventually(
            lambda id_=check: watcher.get(f"checks/{id_}"), lambda told, state=wanted: told["state"] == state
        )
        assert now["lastResult"]["value"] > 0
    await watcher.post(f"checks/{full}:disable")


async def test_figures_of_the_host_are_series_of_its_asset(machine: dict[str, Any], watcher: Gateway) -> None:
    name = "system.cpu.utilization"
    found = await eventually(
        lambda: watcher.get("series", match=f'{{__name__="{name}"}}'),
        lambda told: any(one["labels"].get("asset.id") == machine["id"] for one in told["series"]),
    )
    mine = next(one for one in found["series"] if one["labels"].get("asset.id") == machine["id"])
    assert mine["kind"] == "GAUGE"
    assert mine["labels"]["agent.id"] == machine["agentId"]


async def test_while_the_monitor_is_dead_results_wait_and_come_with_their_own_times(
    machine: dict[str, Any], watcher: Gateway, breakable: Breakable
) -> None:
    check = await a_check(watcher, machine, kind="MEMORY", limits={"down": 100.5})
    await eventually(lambda: watcher.get(f"checks/{check}/results"), lambda told: told["results"])
    breakable.stack.process("monitor").kill()
    left = text_of(time.time())
    await asyncio.sleep(15)
    came = text_of(time.time())
    await breakable.heal()

    async def meanwhile() -> list[str]:
        rows = [row async for row in watcher.pages(f"checks/{check}/results", "results")]
        return [row["time"] for row in rows if left < row["time"] < came]

    found = await eventually(meanwhile, lambda times: len(times) >= 2)
    assert len(set(found)) == len(found)


async def test_a_killed_agent_comes_back_as_the_same(machine: dict[str, Any], manager: Gateway, breakable: Breakable) -> None:
    before = await manager.get(f"agents/{machine['agentId']}")
    breakable.stack.process("agent").kill()
    await eventually(lambda: asyncio.sleep(0, breakable.alive("agent")), lambda alive: not alive)
    await breakable.heal()
    assert breakable.alive("agent")
    after = await manager.get(f"agents/{machine['agentId']}")
    assert (after["tokenId"], after["assetId"]) == (before["tokenId"], machine["id"])


async def test_an_enrollment_key_enrolls_and_does_nothing_else(
    stack: dict[str, Any], machine: dict[str, Any], manager: Gateway
) -> None:
    async with Gateway(stack["gateway"], await an_enrollment_key(manager)) as key:
        assert (await key.send("GET", "assets")).status_code == httpx.codes.FORBIDDEN
        assert (await key.send("GET", "checks")).status_code == httpx.codes.FORBIDDEN
        report = {"inventory": {"sections": []}}
        assert (await key.send("POST", f"agents/{machine['agentId']}:report", report)).status_code == httpx.codes.FORBIDDEN


async def test_whoever_has_no_enrollment_key_enrolls_nothing(stack: dict[str, Any]) -> None:
    body = {"installId": uuid4().hex, "inventory": {"sections": ["system"], "system": {"hostname": "stranger"}}}
    for token, status in ((stack["users"]["viewer"]["token"], 403), ("ita_made_up", 401), ("", 401)):
        async with Gateway(stack["gateway"], token) as stranger:
            assert (await stranger.send("POST", "agents:enroll", body)).status_code == status


async def test_a_revoked_agent_delivers_nothing_more(stack: dict[str, Any], manager: Gateway, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(await an_enrollment_key(manager))
    once = (
        sys.executable, "-m", "agent", "run", "--once", "--server", stack["gateway"], "--ingest", stack["ingest"],
        "--key-file", str(tmp_path / "key"), "--state", str(tmp_path / "state"), "--name", "second",
    )  # fmt: skip

    async def status() -> int:
        process = await asyncio.create_subprocess_exec(*once, cwd=ROOT)
        async with asyncio.timeout(PATIENCE):
            return await process.wait()

    assert await status() == 0
    mine = json.loads((tmp_path / "state" / "identity.json").read_text())
    revoked = await manager.post(f"agents/{mine['agent_id']}:revoke", {"reason": "the machine is gone"})
    assert revoked["state"] == "REVOKED"
    # What was exchanged for its key lives on for a minute at most.
    await eventually(status, lambda ended: ended == 1)
    assert json.loads((tmp_path / "state" / "identity.json").read_text()) == mine
