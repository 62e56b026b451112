"""The platform watches itself: when its database stops there is one incident, and the rest are its consequences."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.gateway import Gateway
from tests.support.platform import Breakable

PATIENCE = 120.0
AWAY = 25.0


@pytest.fixture
async def own(breakable: Breakable, keeper: Gateway) -> AsyncIterator[dict[str, dict[str, Any]]]:
    """The assets of the platform's processes by name, each with a check that says UP; nobody checks them after the test."""
    names = breakable.stack.describe()["processes"].keys() - {"agent"}
    wanted = {f"{name} answers" for name in names}
    try:
        await breakable.stack.watch()
        await breakable.stack.watch()  # a second time changes nothing
        checks = [check async for check in keeper.pages("checks", "checks") if check["name"] in wanted]
        assets = {asset["id"]: asset async for asset in keeper.pages("assets", "assets")}
        own = {assets[check["assetId"]]["name"]: assets[check["assetId"]] for check in checks if check["assetId"] in assets}
        assert len(checks) == len(own) == len(names)
        for check in checks:
            if not check["enabled"]:
                await keeper.post(f"checks/{check['id']}:enable", {})
        await until_up(keeper, set(own))
        yield own
    finally:
        await breakable.heal()
        for check in [check async for check in keeper.pages("checks", "checks") if check["name"] in wanted]:
            if check["enabled"]:
                await keeper.post(f"checks/{check['id']}:disable", {})


async def until_up(keeper: Gateway, names: set[str]) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            checks = [check async for check in keeper.pages("checks", "checks")]
            if {check["name"].removesuffix(" answers") for check in checks if check["state"] == "UP"} >= names:
                return
            await asyncio.sleep(0.5)


async def of(gateway: Gateway, plural: str, ids: set[str], field: str) -> list[dict[str, Any]]:
    """The alerts or incidents about these assets."""
    return [row async for row in gateway.pages(plural, plural) if ids & set(_listed(row[field]))]


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


@pytest.mark.timeout(600)
async def test_stopping_the_database_is_one_incident_with_the_rest_as_its_consequences(
    breakable: Breakable, agent: Gateway, keeper: Gateway, own: dict[str, dict[str, Any]]
) -> None:
    # Kafka and Keycloak need no database: what a busy machine makes of their checks is no part of this story.
    ids = {asset["id"] for name, asset in own.items() if name not in ("kafka", "keycloak")}
    before = {alert["id"] for alert in await of(agent, "alerts", ids, "assetId")}
    known = {incident["id"] for incident in await of(agent, "incidents", ids, "assetIds")}
    await breakable.stack.process("mongo").stop()
    await asyncio.sleep(AWAY)
    await breakable.heal()
    await until_up(keeper, set(own))
    async with asyncio.timeout(PATIENCE):
        while True:
            alerts = [alert for alert in await of(agent, "alerts", ids, "assetId") if alert["id"] not in before]
            incidents = [each for each in await of(agent, "incidents", ids, "assetIds") if each["id"] not in known]
            over = {row["state"] for row in (*alerts, *incidents)} == {"RESOLVED"}
            if over and incidents and own["mongo"]["id"] in {alert["assetId"] for alert in alerts}:
                break
            await asyncio.sleep(0.5)
    [incident] = incidents
    assert incident["assetIds"] == [own["mongo"]["id"]]
    [root] = [alert for alert in alerts if alert["assetId"] == own["mongo"]["id"]]
    assert root["incidentId"] == incident["id"]
    consequences = [alert for alert in alerts if alert["id"] != root["id"]]
    assert consequences, "services that cannot reach their database say so"
    assert {alert["suppression"]["reason"] for alert in consequences} == {"DEPENDENCY"}
    assert not any(alert["incidentId"] for alert in consequences)


@pytest.mark.timeout(600)
async def test_the_machine_that_the_platform_runs_on_has_its_processes_as_consequences(
    machine: dict[str, Any], keeper: Gateway, own: dict[str, dict[str, Any]]
) -> None:
    impact = await keeper.get(f"assets/{machine['id']}:impact", pageSize=200)
    consequences = {hit["assetId"] for hit in impact["hits"] if hit["state"] == "FAILED"}
    # The database stands alone: nothing can be told of it before it is back.
    assert {asset["id"] for name, asset in own.items() if name != "mongo"} <= consequences
    assert own["mongo"]["id"] not in consequences
