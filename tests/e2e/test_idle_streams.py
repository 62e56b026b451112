"""Many people who look on: what a stream costs while nothing happens, how soon all hear of something, and a death.

The stated form has 10,000 clients of one process (`ITSM_TEST_SOAK`), the short one 500. Bounds are those of a slow and busy
machine; the figures are recorded.
"""

import asyncio
import resource
import time
import uuid
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import psutil
import pytest

from bench import child
from tests.support.gateway import Gateway
from tests.support.gateways import free_port, replica

EACH = 5  # streams that one caller may have
WATCHERS = 100  # who follow one incident; the rest follow all assets
RATE = 200  # new connections a second
PROCESSES = 2
KIB = 1024
MOST_EACH = 60 * KIB
BATCH = 200


@pytest.fixture
async def keys(stack: dict[str, Any], keeper: Gateway, soak: bool) -> list[str]:
    """Secrets of as many callers as it takes, each a principal of its own."""
    count, run, found = (10_000 if soak else 500) // EACH, uuid.uuid4().hex[:8], list[str]()
    for begin in range(0, count, BATCH):
        names = range(begin, min(begin + BATCH, count))
        rights = {"roles": ["admin"], "permissions": ["incidents.get", "assets.get"]}
        bodies = [{"kind": "INTEGRATION", "name": f"{run} {number}", **rights} for number in names]
        operations = [{"method": "POST", "body": body} for body in bodies]
        answer = await keeper.http.post(
            "/api/v1/tokens:batch",
            json={"operations": operations},
            headers={"idempotency-key": f"{run}-{begin}"},
            timeout=120,
        )
        results = answer.json()["results"]
        assert {each["status"] for each in results} == {201}, results[0]
        found += [each["body"]["secret"] for each in results]
    return found


@pytest.mark.timeout(600)
async def test_many_idle_streams_cost_little_hear_at_once_and_survive_a_death(
    stack: dict[str, Any],
    backing: dict[str, Any],
    keys: list[str],
    agent: Gateway,
    keeper: Gateway,
    soak: bool,
    record_property: Callable[[str, object], None],
) -> None:
    count, port = len(keys) * EACH, free_port()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the processes that are started have it too
    followed = await agent.post("incidents", {"title": "followed", "impact": "LOW", "urgency": "LOW"})
    topic = f"incidents/{followed['id']}"
    try:
        async with AsyncExitStack() as parts:
            crowds = [await parts.enter_async_context(child.running("tests.support.idle")) for _ in range(PROCESSES)]

            async def all_do(**job: Any) -> list[dict[str, Any]]:
                return list(await asyncio.gather(*(crowd.do(job) for crowd in crowds)))

            async with replica(backing, port=port) as gateway:
                process = psutil.Process(gateway.process.pid)
                await _warm(gateway.url, stack)
                empty = process.memory_info().rss
                watching = WATCHERS // EACH
                shares = [keys[:watching], []], [keys[watching::2], keys[watching + 1 :: 2]]
                for topics, parts_ in zip((topic, "assets"), shares, strict=True):
                    jobs = [
                        {"do": "connect", "url": gateway.url, "secrets": share, "each": EACH, "topics": topics,
                         "rate": RATE / PROCESSES, "within": 100}
                        for share in parts_
                    ]  # fmt: skip
                    told = await asyncio.gather(*(crowd.do(job) for crowd, job in zip(crowds, jobs, strict=True)))
                    assert all(each["open"] == each["of"] for each in told), told
                    record_property(f"seconds to connect {sum(each['of'] for each in told)}", max(e["seconds"] for e in told))
                await asyncio.sleep(5)
                full = process.memory_info().rss
                idle = await _cpu(process, 31 if soak else 5)  # two beats of every stream
                record_property("streams", count)
                record_property("RSS MiB before and with them", [round(each / KIB**2, 1) for each in (empty, full)])
                record_property("KiB of a stream", round((full - empty) / count / KIB, 1))
                record_property("share of a core while idle", round(idle, 3))
                assert full - empty < count * MOST_EACH + (32 << 20)
                for number in range(5 if soak else 2):
                    late = await _told(keeper, all_do, "assets", count - WATCHERS)
                    record_property(f"ms to tell all, {number}: p50, p99, last", late)
                for number in range(5 if soak else 2):
                    late = await _told(agent, all_do, topic, WATCHERS)
                    record_property(f"ms to tell {WATCHERS}, {number}: p50, p99, last", late)
                await gateway.kill()
            marker = await _make(keeper, "assets")  # while nobody is connected
            since = time.time()
            async with replica(backing, port=port):
                back = await all_do(do="back", within=100)
                assert all(each["open"] == each["of"] and not each["resets"] for each in back), back
                record_property("seconds until all are back after a death", max(each["seconds"] for each in back))
                await _heard(all_do, marker, "assets", count - WATCHERS, since)
                await _told(keeper, all_do, "assets", count - WATCHERS)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def _warm(url: str, stack: dict[str, Any]) -> None:
    """What is loaded at the first request is not the streams' cost."""
    async with Gateway(url, stack["users"]["viewer"]["token"]) as viewer:
        for _ in range(50):
            await viewer.get("incidents", pageSize=1)


async def _cpu(process: psutil.Process, seconds: float) -> float:
    """The share of a core that a process takes."""
    before, began = process.cpu_times(), time.monotonic()
    await asyncio.sleep(seconds)
    after = process.cpu_times()
    return (after.user + after.system - before.user - before.system) / (time.monotonic() - began)


async def _make(caller: Gateway, topic: str) -> str:
    """Lets something happen that those who follow the topic hear of; returns the mark that it bears."""
    marker = f"marker-{uuid.uuid4().hex}"
    if topic == "assets":
        await caller.post("assets", {"name": marker, "class": "server"})
    else:
        answer = await caller.send("PATCH", topic, {"title": marker}, if_match="*")
        assert answer.status_code == 200, answer.text
    return marker


async def _told(caller: Gateway, all_do: Callable[..., Any], topic: str, count: int) -> list[float]:
    since = time.time()
    return await _heard(all_do, await _make(caller, topic), topic, count, since)


async def _heard(all_do: Callable[..., Any], marker: str, topic: str, count: int, since: float) -> list[float]:
    """Milliseconds of the middle, the 99th percentile and the last."""
    told = await all_do(do="heard", marker=marker, topics=topic, since=since, within=100)
    late = sorted(seconds for each in told for seconds in each["late"])
    assert (len(late), sum(each["twice"] for each in told)) == (count, 0), [dict(each, late="…") for each in told]
    return [round(1000 * late[place]) for place in (count // 2, min(count - 1, count * 99 // 100), -1)]
