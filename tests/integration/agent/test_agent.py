"""The program itself, as a process: its start, its deaths, the platform's absence, its end."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from agent.buffer import Buffer
from agent.times import text_of
from tests.support.endpoint import ENROLLMENT_KEY, Endpoint, endpoint
from tests.support.eventually import eventually

ROOT = Path(__file__).parents[3]
PATIENCE = 60.0


class Program:
    """One agent on one folder; started and killed as the test likes."""

    def __init__(self, server: Endpoint, folder: Path) -> None:
        self._server = server
        self.state = folder / "state"
        self.key_file = folder / "key"
        self.key_file.write_text(ENROLLMENT_KEY)
        self.log = folder / "log"
        self._process: asyncio.subprocess.Process | None = None

    def arguments(self, *more: str) -> Sequence[str]:
        """The command line of a run."""
        return (
            sys.executable, "-m", "agent", "run", "--server", self._server.url, "--key-file", str(self.key_file),
            "--state", str(self.state), "--metrics-interval", "15", "--inventory-interval", "2", "--checks-interval", "1",
            *more,
        )  # fmt: skip

    async def start(self, *more: str) -> asyncio.subprocess.Process:
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(*self.arguments(*more), cwd=ROOT, stderr=log)
        return self._process

    async def end(self, number: signal.Signals) -> int:
        """Its exit status after this signal."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            self._process.send_signal(number)
        async with asyncio.timeout(PATIENCE):
            return await self._process.wait()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None


@asynccontextmanager
async def programs(folder: Path) -> AsyncIterator[tuple[Endpoint, Program]]:
    async with endpoint() as server:
        program = Program(server, folder)
        try:
            yield server, program
        finally:
            if program.running:
                await program.end(signal.SIGKILL)
            sys.stderr.write(program.log.read_text() if program.log.exists() else "")


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[tuple[Endpoint, Program]]:
    async with programs(tmp_path) as parts:
        yield parts


def memory_check(id_: str = "chk_1", interval: str = "1s") -> dict[str, Any]:
    return {"id": id_, "kind": "MEMORY", "interval": interval, "timeout": "1s", "enabled": True}


def times(server: Endpoint, check_id: str = "chk_1") -> list[str]:
    return [one["time"] for one in server.results_of(check_id)]


async def test_it_enrolls_tells_everything_and_then_only_what_changes(running: tuple[Endpoint, Program]) -> None:
    server, program = running
    server.checks = [memory_check(f"chk_{number}") for number in range(5)]
    await program.start()
    everything = {"hardware", "system", "disks", "interfaces", "processes"}
    await eventually(lambda: server.sections() >= everything and server.samples, within=PATIENCE)
    await eventually(lambda: {one["checkId"] for one in server.results} == {f"chk_{n}" for n in range(5)}, within=PATIENCE)
    assert len(server.enrollments) == 1
    assert server.enrollments[0]["inventory"]["hardware"]["cpuCount"] == os.cpu_count()
    # The packages and the hardware stay as they are, however often it looks.
    looks = len(server.results)
    await eventually(lambda: len(server.results) > looks + 20, within=PATIENCE)
    assert sum("hardware" in one["inventory"]["sections"] for one in server.reports) == 1
    assert await program.end(signal.SIGTERM) == 0


async def test_a_killed_agent_delivers_what_it_had_and_keeps_its_identity(running: tuple[Endpoint, Program]) -> None:
    server, program = running
    server.checks = [memory_check()]
    await program.start()
    await eventually(lambda: times(server), within=PATIENCE)
    await server.leave()
    before = len(times(server))
    log = program.log
    await eventually(lambda: "wait: " in log.read_text(), within=PATIENCE)
    await asyncio.sleep(4)  # results pile up in its buffer meanwhile; how many does not matter
    assert await program.end(signal.SIGKILL) == -signal.SIGKILL
    await program.start()
    await asyncio.sleep(3)  # the platform is still away: checks go on as they were known
    await server.arrive()
    await eventually(lambda: len(times(server)) > before + 4, within=PATIENCE)
    found = times(server)
    assert found == sorted(found)
    assert len(server.enrollments) == 1
    assert await program.end(signal.SIGTERM) == 0


async def test_it_lives_through_the_platforms_absence_without_a_gap(running: tuple[Endpoint, Program]) -> None:
    server, program = running
    server.checks = [memory_check(interval="2s")]
    await program.start()
    await eventually(lambda: times(server), within=PATIENCE)
    await server.leave()
    left = text_of(time.time())
    await asyncio.sleep(9)
    came = text_of(time.time())
    await server.arrive()
    before = len(times(server))
    await eventually(lambda: len(times(server)) >= before + 5, within=PATIENCE)
    meanwhile = [one for one in times(server) if left < one < came]
    assert len(meanwhile) >= 2
    assert len(set(times(server))) == len(times(server))


async def test_it_starts_while_the_platform_is_away_and_enrolls_later(running: tuple[Endpoint, Program]) -> None:
    server, program = running
    await server.leave()
    await program.start()
    await eventually(lambda: "not enrolled yet" in program.log.read_text(), within=PATIENCE)
    await server.arrive()
    await eventually(lambda: server.enrollments and server.reports, within=PATIENCE)


async def test_after_a_revocation_it_comes_back_with_a_new_key_as_the_same_agent(running: tuple[Endpoint, Program]) -> None:
    server, program = running
    server.checks = [memory_check()]
    await program.start()
    await eventually(lambda: times(server), within=PATIENCE)
    server.enrollment_keys.clear()
    server.revoke()
    await eventually(lambda: "enrollment key is not valid" in program.log.read_text(), within=PATIENCE)
    stopped = len(times(server))
    server.enrollment_keys.add("ita_second")
    program.key_file.write_text("ita_second")
    await eventually(lambda: len(server.enrollments) == 2, within=PATIENCE)
    assert len({one["installId"] for one in server.enrollments}) == 1
    await eventually(lambda: len(times(server)) > stopped, within=PATIENCE)
    # Whoever was revoked may be unknown by now: everything is told again.
    await eventually(lambda: sum("hardware" in one["inventory"]["sections"] for one in server.reports) == 2, within=PATIENCE)


async def test_a_platform_that_always_wants_everything_is_not_told_again_and_again(running: tuple[Endpoint, Program]) -> None:
    server, program = running
    server.wants_all = True
    server.checks = [memory_check()]
    await program.start()
    await eventually(lambda: len(times(server)) >= 6, within=PATIENCE)
    # Once, and once more where it had looked before it was let in.
    assert sum("hardware" in one["inventory"]["sections"] for one in server.reports) <= 2


async def test_a_signal_flushes_what_waits_for_company(running: tuple[Endpoint, Program]) -> None:
    server, program = running
    server.checks = [memory_check(f"chk_{number}", interval="3s") for number in range(6)]
    await program.start()
    # By now the results only say what those before said; between two deliveries some of them wait.
    await eventually(lambda: len(times(server, "chk_5")) >= 4, within=PATIENCE)
    await asyncio.sleep(1.5)
    assert await program.end(signal.SIGTERM) == 0
    left = Buffer(program.state / "buffer.db", 1 << 20)
    assert dict(left.counts()) == {"samples": 0, "results": 0, "sections": 0}
    left.close()


async def test_a_signal_ends_it_in_the_midst_of_nothing_working(running: tuple[Endpoint, Program]) -> None:
    server, program = running
    server.order = lambda _: (503, {"retry-after": "600"})
    await program.start()
    await eventually(lambda: server.requests, within=PATIENCE)
    assert await program.end(signal.SIGTERM) == 0


async def test_once_reports_everything_and_ends(running: tuple[Endpoint, Program]) -> None:
    server, program = running
    server.checks = [memory_check("chk_1"), memory_check("chk_2"), memory_check("chk_3")]
    process = await program.start("--once")
    async with asyncio.timeout(PATIENCE):
        assert await process.wait() == 0
    assert server.sections() >= {"hardware", "system", "disks"}
    assert {one["checkId"] for one in server.results} == {"chk_1", "chk_2", "chk_3"}
    assert len(server.samples) == 1


async def test_once_says_by_its_status_that_the_platform_was_away(running: tuple[Endpoint, Program]) -> None:
    server, program = running
    await server.leave()
    process = await program.start("--once")
    async with asyncio.timeout(PATIENCE):
        assert await process.wait() == 1


async def test_two_agents_do_not_share_a_folder(running: tuple[Endpoint, Program]) -> None:
    server, program = running
    await program.start()
    await eventually(lambda: server.reports, within=PATIENCE)
    second = await asyncio.create_subprocess_exec(*program.arguments(), cwd=ROOT, stderr=asyncio.subprocess.PIPE)
    async with asyncio.timeout(PATIENCE):
        _, told = await second.communicate()
    assert second.returncode == 2
    assert b"another agent" in told
    assert program.running


async def test_its_secrets_are_for_its_owner_alone(running: tuple[Endpoint, Program]) -> None:
    server, program = running
    process = await program.start("--once")
    async with asyncio.timeout(PATIENCE):
        await process.wait()
    assert program.state.stat().st_mode & 0o777 == 0o700
    assert all(one.stat().st_mode & 0o077 == 0 for one in program.state.iterdir())
    assert ENROLLMENT_KEY not in program.log.read_text()
    key = json.loads((program.state / "identity.json").read_text())["key"]
    assert key in server.keys
    assert key not in program.log.read_text()


async def test_the_inventory_is_printed_without_a_platform() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agent", "inventory", cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(PATIENCE):
        told, _ = await process.communicate()
    assert process.returncode == 0
    assert "hardware" in json.loads(told)["sections"]
