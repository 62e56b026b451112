"""Delivery: from a real buffer to a real HTTP server that answers as it is told."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agent import otlp
from agent.buffer import RESULTS, SAMPLES, Buffer, Section
from agent.client import Client, KeyRejected, Later, Refused
from agent.delivery import InventoryLane, ResultsLane, SamplesLane
from agent.identity import Identity, IdentityFile
from agent.membership import Membership
from agent.metrics import Point, Sample
from tests.support.endpoint import ENROLLMENT_KEY, Endpoint, endpoint
from tests.support.eventually import eventually


class Parts:
    """A buffer, a client and a membership on a folder, against one server."""

    def __init__(self, server: Endpoint, folder: Path) -> None:
        self.server = server
        self.key_file = folder / "key"
        self.key_file.write_text(ENROLLMENT_KEY + "\n")
        self.buffer = Buffer(folder / "buffer.db", 1 << 20)
        self.client = Client(server.url, server.url, version="1")
        self.joined = 0
        self.wanted = 0
        self.membership = Membership(self.client, IdentityFile(folder), self.key_file, introduction, self._joins)
        self.results = ResultsLane(self.membership, self.buffer, self.client)
        self.samples = SamplesLane(self.membership, self.buffer, self.client, lambda: {"host.name": "web01"})
        self.reports = InventoryLane(self.membership, self.buffer, self.client, version="1", wanted=self._wants)

    def _joins(self) -> None:
        self.joined += 1

    def _wants(self) -> None:
        self.wanted += 1

    def found(self, *numbers: int, check_id: str = "chk_1") -> None:
        """Results that wait, told apart by their value."""
        told = [
            {"checkId": check_id, "result": {"time": "2026-01-31T12:00:00Z", "outcome": "OK", "value": float(number)}}
            for number in numbers
        ]
        self.buffer.add(RESULTS, [json.dumps(one).encode() for one in told])

    def arrived(self) -> list[float]:
        return [one["result"]["value"] for one in self.server.results]


async def introduction(identity: Identity) -> dict[str, Any]:
    return {
        "installId": identity.install_id, "name": "web01", "version": "1", "platform": "linux",
        "inventory": {"sections": ["system"], "system": {"hostname": "web01"}},
    }  # fmt: skip


@asynccontextmanager
async def _parts(folder: Path) -> AsyncIterator[Parts]:
    async with endpoint() as server:
        server.checks = [{"id": "chk_1", "kind": "CPU"}]
        made = Parts(server, folder)
        yield made
        await made.client.close()
        made.buffer.close()


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    async with _parts(tmp_path) as made:
        yield made


def answering(status: int, headers: dict[str, str] | None = None, times: int = 1) -> Callable[[str], Any]:
    """The next so many requests get this answer."""
    left = [times]

    def order(_: str) -> tuple[int, dict[str, str]] | None:
        left[0] -= 1
        return (status, headers or {}) if left[0] >= 0 else None

    return order


async def test_results_arrive_once_and_in_order(parts: Parts) -> None:
    parts.found(*range(1200))
    await parts.results.flush()
    assert parts.arrived() == [float(n) for n in range(1200)]
    assert max(parts.server.batches) <= 1000
    assert parts.buffer.waiting(RESULTS) == 0


async def test_enrolling_happens_once_whoever_asks(parts: Parts) -> None:
    parts.found(1)
    parts.buffer.put_section(Section("system", 1, "a", {"hostname": "web01"}), whole=False)
    await asyncio.gather(parts.results.flush(), parts.reports.flush())
    assert len(parts.server.enrollments) == 1
    assert parts.joined == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 302, 403])
async def test_what_is_not_taken_now_stays_and_arrives_later(parts: Parts, status: int) -> None:
    await parts.membership.ready()
    parts.found(1, 2)
    parts.server.order = answering(status)
    with pytest.raises(Later):
        await parts.results.flush()
    assert parts.buffer.waiting(RESULTS) == 2
    await parts.results.flush()
    assert parts.arrived() == [1.0, 2.0]


async def test_the_wait_that_the_platform_asks_for_is_passed_on(parts: Parts) -> None:
    await parts.membership.ready()
    parts.found(1)
    for status, header, wait in ((429, "17", 17), (503, "5", 5), (503, "", None), (403, "", 300)):
        parts.server.order = answering(status, {"retry-after": header} if header else {})
        with pytest.raises(Later) as caught:
            await parts.results.flush()
        assert caught.value.wait == wait


async def test_a_lane_waits_as_long_as_it_was_asked_to(parts: Parts) -> None:
    await parts.membership.ready()
    parts.found(1)
    parts.server.order = answering(429, {"retry-after": "2"})
    loop = asyncio.get_running_loop()
    running = asyncio.create_task(parts.results.run())
    began = loop.time()
    parts.results.ask()
    await eventually(lambda: parts.arrived() == [1.0], within=30)
    assert loop.time() - began >= 2
    running.cancel()


async def test_only_the_entry_that_is_refused_for_good_is_dropped(parts: Parts) -> None:
    parts.found(*range(5))
    parts.buffer.add(RESULTS, [json.dumps({"checkId": "chk_1", "what": "nobody knows this field"}).encode()])
    parts.found(*range(5, 9))
    await parts.results.flush()
    assert parts.arrived() == [float(n) for n in range(9)]
    assert parts.buffer.waiting(RESULTS) == 0


async def test_a_result_of_a_check_that_is_no_more_holds_up_nothing(parts: Parts) -> None:
    parts.found(1, check_id="chk_gone")
    parts.found(2)
    await parts.results.flush()
    assert parts.arrived() == [2.0]
    assert parts.buffer.waiting(RESULTS) == 0


async def test_a_key_that_is_refused_at_once_is_not_replaced_again_and_again(parts: Parts) -> None:
    await parts.membership.ready()
    parts.found(1)
    parts.server.order = lambda path: None if path.endswith(":enroll") else (401, {})
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2):
            await parts.results.flush()
    assert len(parts.server.enrollments) == 1


async def test_a_key_that_is_not_taken_for_samples_is_still_the_platforms_key(parts: Parts) -> None:
    first = await parts.membership.ready()
    parts.buffer.add(SAMPLES, [otlp.encode(Sample(1, 0, [Point("system.cpu.utilization", "1", 0.5)]), "1")])
    parts.server.order = answering(401)
    with pytest.raises(Later):
        await parts.samples.flush()
    assert parts.membership.identity == first
    await parts.samples.flush()
    assert len(parts.server.samples) == 1


async def test_samples_that_the_receiver_fails_on_are_not_sent_for_ever(parts: Parts) -> None:
    parts.buffer.add(SAMPLES, [otlp.encode(Sample(1, 0, [Point("system.cpu.utilization", "1", 0.5)]), "1")])
    parts.server.order = lambda path: (500, {}) if path == "/v1/metrics" else None
    await parts.samples.flush()
    assert parts.buffer.waiting(SAMPLES) == 0


async def test_an_agent_whose_key_is_gone_enrolls_again_and_delivers(parts: Parts) -> None:
    first = await parts.membership.ready()
    parts.membership._pause = 0.0
    parts.server.revoke()
    parts.found(1)
    await parts.results.flush()
    again = parts.membership.identity
    assert (again.install_id, again.agent_id) == (first.install_id, first.agent_id)
    assert again.key != first.key
    assert parts.arrived() == [1.0]
    assert parts.joined == 2


async def test_without_a_valid_enrollment_key_an_agent_keeps_what_it_has(parts: Parts) -> None:
    first = await parts.membership.ready()
    parts.membership._pause = 0.0
    parts.server.revoke()
    parts.server.enrollment_keys.clear()
    parts.found(1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await parts.results.flush()
    assert parts.membership.identity == first
    assert parts.buffer.waiting(RESULTS) == 1
    # A new key in the file is enough.
    parts.server.enrollment_keys.add("ita_new")
    parts.key_file.write_text("ita_new")
    async with asyncio.timeout(30):
        await parts.results.flush()
    assert parts.arrived() == [1.0]


async def test_samples_that_waited_are_sent_together_with_their_own_times(parts: Parts) -> None:
    for second in range(5):
        sample = Sample(1_769_860_800 + second, 0, [Point("system.cpu.utilization", "1", 0.5)])
        parts.buffer.add(SAMPLES, [otlp.encode(sample, "1")])
    await parts.samples.flush()
    assert len(parts.server.samples) == 1
    assert parts.server.sample_times() == [(1_769_860_800 + second) * 10**9 for second in range(5)]
    assert parts.buffer.waiting(SAMPLES) == 0


async def test_sections_wait_for_nothing_else_and_are_told_in_one_report(parts: Parts) -> None:
    parts.buffer.put_section(Section("system", 5, "a", {"hostname": "web01"}), whole=False)
    parts.buffer.put_section(Section("disks", 5, "b", [{"device": "/dev/sda"}]), whole=False)
    parts.server.wants_all = True
    await parts.reports.flush()
    assert [sorted(one["inventory"]["sections"]) for one in parts.server.reports] == [["disks", "system"]]
    assert parts.wanted == 1
    assert parts.buffer.waiting_sections() == []


async def test_the_platform_says_which_asset_this_machine_is(parts: Parts) -> None:
    parts.server.asset_id = ""
    assert (await parts.membership.ready()).asset_id == ""
    parts.server.asset_id = "ast_7"
    parts.buffer.put_section(Section("system", 5, "a", {"hostname": "web01"}), whole=False)
    await parts.reports.flush()
    assert parts.membership.identity.asset_id == "ast_7"
    parts.server.asset_id = ""
    parts.buffer.put_section(Section("system", 6, "b", {"hostname": "web02"}), whole=False)
    await parts.reports.flush()
    assert parts.membership.identity.asset_id == "ast_7"


async def test_a_section_that_is_refused_does_not_keep_the_others(parts: Parts) -> None:
    parts.buffer.put_section(Section("system", 5, "a", {"hostname": "web01"}), whole=False)
    parts.buffer.put_section(Section("disks", 6, "b", [{"nobody": "knows"}]), whole=False)
    parts.buffer.put_section(Section("interfaces", 7, "c", [{"name": "eth0"}]), whole=False)
    await parts.reports.flush()
    assert parts.server.sections() == {"system", "interfaces"}
    assert parts.buffer.waiting_sections() == []


async def test_a_section_larger_than_a_request_is_told_in_pieces_that_only_add(parts: Parts) -> None:
    packages = [{"name": f"package-{number}-{'x' * 80}", "version": "1"} for number in range(12_000)]
    parts.buffer.put_section(Section("packages", 5, "a", packages), whole=False)
    await parts.reports.flush()
    told = [one["inventory"] for one in parts.server.reports]
    assert len(told) > 1
    assert all(one["sections"] == [] for one in told)
    assert [package for one in told for package in one["packages"]] == packages
    assert max(len(json.dumps(one)) for one in told) < 1 << 20


async def test_a_refusal_for_good_and_a_key_that_is_not_known_are_told_apart(parts: Parts) -> None:
    client = Client(parts.server.url, parts.server.url, version="1")
    with pytest.raises(Refused):
        await client._json("GET", "/somewhere/else", "key")
    with pytest.raises(KeyRejected):
        await client.checks("ita_unknown")
    await client.close()


async def test_nobody_at_home_is_no_error_of_the_agent(parts: Parts) -> None:
    await parts.membership.ready()
    await parts.server.leave()
    parts.found(1)
    with pytest.raises(Later, match="does not answer"):
        await parts.results.flush()
    await parts.server.arrive()
    await parts.results.flush()
    assert parts.arrived() == [1.0]


async def test_the_key_goes_nowhere_else_when_the_platform_redirects(parts: Parts) -> None:
    await parts.membership.ready()
    parts.found(1)
    async with endpoint() as other:
        parts.server.order = answering(307, {"location": f"{other.url}/api/v1/checks:report"})
        with pytest.raises(Later):
            await parts.results.flush()
        assert other.requests == []
