"""Failpoints do what their file orders, where and when it says, and nothing without one."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from chassis.errors import Unavailable
from chassis.failpoints import OFF, Failpoints


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    return tmp_path / "failpoints.json"


def order(file: Path, **points: Any) -> None:
    """Replaces the file, with a time of its own: changes within one tick of the file system would look alike."""
    file.write_text(json.dumps(points))
    stamp = time.time_ns()
    os.utime(file, ns=(stamp, stamp))


async def errors(failpoints: Failpoints, name: str, visits: int) -> list[bool]:
    found = []
    for _ in range(visits):
        try:
            await failpoints.reached(name)
        except Unavailable:
            found.append(True)
        else:
            found.append(False)
    return found


async def test_nothing_happens_without_a_file(orders: Path) -> None:
    assert not any(await errors(OFF, "R3", 3))
    assert not any(await errors(Failpoints("incident", orders), "R3", 3))


async def test_an_error_comes_at_the_visit_that_is_named(orders: Path) -> None:
    order(orders, R3={"action": "error", "at": 2, "times": 2})
    failpoints = Failpoints("incident", orders)
    assert await errors(failpoints, "R3", 5) == [False, True, True, False, False]
    assert not any(await errors(failpoints, "R4", 3))


async def test_an_order_for_one_service_is_no_business_of_another(orders: Path) -> None:
    order(orders, **{"asset/R3": {"action": "error"}})
    assert await errors(Failpoints("incident", orders), "R3", 1) == [False]
    assert await errors(Failpoints("asset", orders), "R3", 1) == [True]


async def test_a_changed_file_counts_from_its_change_on(orders: Path) -> None:
    order(orders, R3={"action": "error"})
    failpoints = Failpoints("incident", orders)
    assert await errors(failpoints, "R3", 2) == [True, False]
    await asyncio.sleep(0.06)
    order(orders, R3={"action": "error"})
    assert await errors(failpoints, "R3", 2) == [True, False]
    await asyncio.sleep(0.06)
    orders.unlink()
    assert await errors(failpoints, "R3", 2) == [False, False]


async def test_a_pause_holds_up_only_who_comes_by(orders: Path) -> None:
    order(orders, R5={"action": "pause", "seconds": 0.2})
    failpoints = Failpoints("incident", orders)
    paused = asyncio.create_task(failpoints.reached("R5"))
    await asyncio.sleep(0.02)
    await failpoints.reached("R5")
    assert not paused.done()
    await paused


async def test_a_file_that_cannot_be_understood_orders_nothing(orders: Path) -> None:
    orders.write_text('{"R3": "kill"}')
    assert not any(await errors(Failpoints("incident", orders), "R3", 2))


def test_a_kill_leaves_no_time_for_anything(orders: Path) -> None:
    order(orders, R6={"action": "kill"})
    code = (
        "import asyncio, pathlib, sys; from chassis.failpoints import Failpoints\n"
        "try: asyncio.run(Failpoints('x', pathlib.Path(sys.argv[1])).reached('R6'))\n"
        "finally: print('alive')"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(orders)], capture_output=True, check=False)  # noqa: S603
    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, b"")
