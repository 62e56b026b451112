"""Names that are looked up slowly: whom that holds up, and what is said of the others."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from chassis import outbound
from services.monitor.domain.check import CheckResult, Outcome
from services.monitor.domain.check_settings import HttpSettings, Kind
from services.monitor.probes import Probes
from tests.unit.monitor.checks import NOON, check

THREADS = 2


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A resolver that answers nobody before the end, with few threads; the names that it was asked for."""
    names: list[str] = []
    over = threading.Event()

    def silent(host: str, *_: Any, **__: Any) -> list[Any]:
        names.append(host)
        over.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, "nobody answers")

    threads = ThreadPoolExecutor(THREADS)
    monkeypatch.setattr(outbound, "_LOOKUPS", threads)
    monkeypatch.setattr(socket, "getaddrinfo", silent)
    yield names
    over.set()
    threads.shutdown()


async def look(probes: Probes, kind: Kind, target: str) -> CheckResult:
    settings = {"http": HttpSettings()} if kind is Kind.HTTP else {}
    subject = check(kind=kind, target=target, interval=timedelta(minutes=1), timeout=timedelta(seconds=1), **settings)
    return await asyncio.create_task(probes.look(subject, NOON))


async def test_a_name_that_was_never_asked_for_is_unknown_and_no_outage(asked: list[str]) -> None:
    probes = Probes()
    slow = await asyncio.gather(*(look(probes, Kind.TCP, f"slow{number}.example:80") for number in range(THREADS)))
    assert [each.outcome for each in slow] == [Outcome.FAILED] * THREADS, "these were asked for"
    for kind, target in ((Kind.TCP, "well.example:80"), (Kind.HTTP, "http://well.example/")):
        found = await look(probes, kind, target)
        assert (found.outcome, "too many lookups" in found.message) == (Outcome.UNKNOWN, True)
    assert sorted(asked) == ["slow0.example", "slow1.example"]
    await probes.close()


async def test_lookups_take_no_thread_of_anything_else(asked: list[str]) -> None:
    waiting = [asyncio.create_task(outbound.resolve(f"slow{number}.example", 80)) for number in range(100)]
    await asyncio.sleep(0)
    async with asyncio.timeout(30):
        assert await asyncio.to_thread(sum, [1, 2]) == 3
    for each in waiting:
        each.cancel()
    await asyncio.wait(waiting)
    assert len(asked) <= THREADS
