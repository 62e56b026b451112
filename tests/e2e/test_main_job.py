"""The main job: something breaks, the right team knows, the record is complete, the figures are right; and back again."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.support.events import listening
from tests.support.gateway import Gateway
from tests.support.platform import Breakable
from tests.support.prometheus import alertmanager, prometheus
from tests.support.senders import Key

INTERVAL = 5
NOTICED = 30.0
"""Seconds after which an outage has an alert and an incident (the time that users are promised)."""
PATIENCE = 90.0
OPEN = ("NEW", "ASSIGNED", "IN_PROGRESS", "ON_HOLD")


class Watched:
    """A process that somebody watches: a web server that can be stopped and started."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 8\r\nconnection: close\r\n\r\nserved 1")
        await writer.drain()
        writer.close()


@asynccontextmanager
async def watching() -> AsyncIterator[Watched]:
    """One of them for the length of the block."""
    server = Watched()
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    async with watching() as server:
        yield server


@asynccontextmanager
async def no_later_than(seconds: float) -> AsyncIterator[None]:
    """The block ends in time, or the test fails with what it still waited for."""
    async with asyncio.timeout(seconds):
        yield


async def eventually(gateway: Gateway, path: str, plural: str, wanted: str, holds: Any) -> list[dict[str, Any]]:
    """Asks until the answer is as it should be; returns it."""
    while True:
        rows = (await gateway.get(path, filter=wanted))[plural]
        if holds(rows):
            return list(rows)
        await asyncio.sleep(0.5)


async def killed(breakable: Breakable, name: str) -> None:
    """Ends a process with SIGKILL, and starts it again."""
    breakable.stack.process(name).kill()
    while breakable.alive(name):  # noqa: ASYNC110 - its death is noticed by its keeper
        await asyncio.sleep(0.05)
    await breakable.heal()


async def a_watched_asset(keeper: Gateway, watched: Watched) -> dict[str, Any]:
    name = f"shop {uuid4().hex[:12]}"
    asset = await keeper.post(
        "assets", {"name": name, "class": "software", "state": "IN_USE", "teamId": "team-shop", "criticality": "HIGH"}
    )
    check = {
        "name": f"{name} answers",
        "kind": "HTTP",
        "target": f"http://127.0.0.1:{watched.port}/",
        "interval": f"{INTERVAL}s",
        "timeout": "2s",
        "assetId": asset["id"],
        "severity": "CRITICAL",
    }
    made = await keeper.post("checks", check)
    async with no_later_than(PATIENCE):
        known = f'assetId = "{asset["id"]}"'
        await eventually(keeper, "checks", "checks", known, lambda rows: rows and rows[0]["state"] == "UP")
    return {**asset, "checkId": made["id"]}


async def outage(
    stack: dict[str, Any], agent: Gateway, watched: Watched, asset: dict[str, Any], *, number: int = 1
) -> dict[str, Any]:
    """Stops what is watched, sees that the right people know, starts it again, and sees it over; returns the incident.

    `number` counts the outages of the asset: within the grace period they are of one incident, which comes back.
    """
    alerts_of, incidents_of = f'assetId = "{asset["id"]}"', f'assetIds = "{asset["id"]}"'
    async with listening(stack["gateway"], stack["users"]["viewer"]["token"], topics="incidents,alerts") as live:
        await watched.stop()
        stopped = time.monotonic()
        async with no_later_than(PATIENCE):
            alerts = await eventually(
                agent, "alerts", "alerts", f'{alerts_of} AND state = "FIRING"', lambda rows: rows and rows[0]["incidentId"]
            )
            took = time.monotonic() - stopped
            [incident] = await eventually(
                agent, "incidents", "incidents", incidents_of, lambda rows: any(row["state"] in OPEN for row in rows)
            )
            await live.until(f"alerts/{alerts[0]['id']}", f"incidents/{incident['id']}", within=PATIENCE)
        assert took < NOTICED, f"noticed after {took:.0f} s"
        assert len(alerts) == 1
        assert alerts[0]["incidentId"] == incident["id"]
        assert (incident["source"], incident["state"], incident["teamId"]) == (
            "ALERT",
            "ASSIGNED" if number == 1 else "IN_PROGRESS",
            "team-shop",
        )
        assert alerts[0]["id"] in incident["alertIds"]
        assert "RUNNING" in {clock["state"] for clock in incident["clocks"]}
    await watched.start()
    async with no_later_than(PATIENCE):
        await eventually(agent, "alerts", "alerts", f"{alerts_of} AND state != RESOLVED", lambda rows: not rows)
        [incident] = await eventually(
            agent, "incidents", "incidents", incidents_of, lambda rows: all(row["state"] == "RESOLVED" for row in rows)
        )
    assert incident["resolutionCode"] == "ALERT_CLEARED"
    assert len(incident["alertIds"]) == number
    assert incident["reopenCount"] == number - 1
    return dict(incident)


async def restored(agent: Gateway, asset: dict[str, Any], times: int) -> None:
    """The outages of an asset stand in the figures."""
    async with no_later_than(PATIENCE):
        while True:
            figure = await agent.get("kpis/mttr-restore", filter=f'assetId = "{asset["id"]}"')
            if figure["rows"] and figure["rows"][0]["count"] == times:
                break
            await asyncio.sleep(0.5)
    assert figure["rows"][0]["value"] > 0


@pytest.mark.timeout(1800)
async def test_each_outage_becomes_one_incident_of_the_right_team_and_ends_with_it(
    stack: dict[str, Any], agent: Gateway, keeper: Gateway, soak: bool
) -> None:
    async def one() -> str:
        # Each of another asset: what goes down twenty times in ten minutes is held back as flapping.
        async with watching() as watched:
            asset = await a_watched_asset(keeper, watched)
            incident = await outage(stack, agent, watched, asset)
            await restored(agent, asset, 1)
            await keeper.post(f"checks/{asset['checkId']}:disable", {})
            return str(incident["id"])

    # One after the other where twenty are wanted; else three at once, which mostly wait.
    times, at_once = (20, 1) if soak else (1, 3)
    told = [await asyncio.gather(*(one() for _ in range(at_once))) for _ in range(times)]
    assert len({incident for some in told for incident in some}) == times * at_once


async def test_an_asset_that_is_down_again_within_the_grace_period_brings_its_incident_back(
    stack: dict[str, Any], agent: Gateway, keeper: Gateway, watched: Watched
) -> None:
    asset = await a_watched_asset(keeper, watched)
    told = {(await outage(stack, agent, watched, asset, number=number))["id"] for number in (1, 2)}
    assert len(told) == 1
    await restored(agent, asset, 2)
    await keeper.post(f"checks/{asset['checkId']}:disable", {})


async def test_the_same_through_a_prometheus_and_an_alertmanager_although_we_die_in_between(
    breakable: Breakable, stack: dict[str, Any], agent: Gateway, keeper: Gateway, watched: Watched, tmp_path: Path
) -> None:
    key = (await Key.made(keeper)).secret
    job, target = f"job{uuid4().hex[:8]}", f"127.0.0.1:{watched.port}"
    alerts_of = f'source = "alertmanager" AND title = "{target} is down"'
    async with (
        alertmanager(tmp_path, url=stack["ingest"], key=key, job=job) as alerting,
        prometheus(tmp_path, url=stack["ingest"], key=key, targets=[target], job=job, more=alerting),
    ):
        await asyncio.sleep(5)  # it has seen it up
        await watched.stop()
        await killed(breakable, "monitor")
        async with no_later_than(PATIENCE):
            [alert] = await eventually(
                agent, "alerts", "alerts", f"{alerts_of} AND state = FIRING", lambda rows: rows and rows[0]["incidentId"]
            )
        await watched.start()
        await killed(breakable, "incident")
        async with no_later_than(PATIENCE):
            [over] = await eventually(
                agent, "alerts", "alerts", alerts_of, lambda rows: all(row["state"] == "RESOLVED" for row in rows)
            )
            [incident] = await eventually(
                agent,
                "incidents",
                "incidents",
                f'alertIds = "{alert["id"]}"',
                lambda rows: all(row["state"] == "RESOLVED" for row in rows),
            )
    assert over["id"] == alert["id"]
    assert incident["alertIds"] == [alert["id"]]
