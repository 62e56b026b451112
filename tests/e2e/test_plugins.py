"""Plugins of another package in the running platform: a kind of check, a way to tell of alerts, a way for notices."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.eventually import eventually
from tests.support.gateway import Gateway

RUN = uuid4().hex[:8]


@pytest.fixture
async def listed(stack: dict[str, Any]) -> dict[str, dict[str, str]]:
    """What the management ports say; without plugins there is nothing to try."""
    found = {}
    async with httpx.AsyncClient(trust_env=False) as http:
        for name in ("monitor", "gateway"):
            answer = await http.get(f"{stack['services'][name]['management']}/plugins")
            found |= {f"{each['kind']}:{each['name']}": each for each in answer.json()["plugins"]}
    if not found:
        pytest.skip("needs a stack that was told to load the example: leave ITSM_TEST_STACK unset")
    return found


async def until(get: Callable[[], Any], state: str) -> None:
    async with asyncio.timeout(90):
        while (await get())["state"] != state:  # noqa: ASYNC110 - another process looks
            await asyncio.sleep(0.2)


async def test_a_plugin_looks_and_others_tell_of_what_it_saw(
    listed: dict[str, dict[str, str]], keeper: Gateway, tmp_path: Path
) -> None:
    assert {name: each["state"] for name, each in listed.items()} == {
        "checks:queue": "loaded",
        "checks:broken": "failed",
        "notifiers:lines": "loaded",
        "channels:lines": "loaded",
    }
    pager, board, spool = tmp_path / "pager", tmp_path / "board", tmp_path / "spool"
    told = {"name": f"Pager {RUN}", "url": f"plugin:lines:{pager}", "events": ["ROUTED"], "severity": "INFO"}
    target = await keeper.post("notificationTargets", told)
    wanted = {"name": f"Spool {RUN}", "kind": "PLUGIN", "target": f"queue:{spool}:1", "interval": "5s", "raiseAfter": 1}
    check = await keeper.post("checks", wanted)

    async def seen() -> Any:
        return await keeper.get(f"checks/{check['id']}")

    await until(seen, "DOWN")  # there is no such folder
    await eventually(lambda: pager.exists() and f"Spool {RUN}" in pager.read_text(), within=90)
    spool.mkdir()
    await until(seen, "UP")
    assert ((await seen())["lastResult"]["message"], (await seen())["lastResult"]["value"]) == ("0 wait", 0)
    off = await keeper.send("PATCH", f"notificationTargets/{target['id']}", {"enabled": False}, version=target["etag"])
    assert off.status_code == 200, off.text
    gone = await keeper.send("DELETE", f"checks/{check['id']}", version=(await seen())["etag"])
    assert gone.status_code == 200, gone.text

    room = await keeper.post("chatRooms", {"name": f"Board {RUN}", "kind": "GENERIC", "url": f"plugin:lines:{board}"})
    sent = await keeper.post(f"chatRooms/{room['id']}:test")
    await eventually(lambda: board.exists() and sent["id"] in board.read_text(), within=90)


async def test_a_plugin_that_is_not_there_is_refused(listed: dict[str, dict[str, str]], keeper: Gateway) -> None:
    for path, body in (
        ("checks", {"kind": "PLUGIN", "target": "broken:x"}),
        ("checks", {"kind": "PLUGIN", "target": "no-plugin"}),
        ("notificationTargets", {"url": "plugin:nobody:x"}),
        ("chatRooms", {"kind": "GENERIC", "url": "plugin:nobody:x"}),
    ):
        refused = await keeper.send("POST", path, {"name": f"none {RUN}", **body})
        assert refused.status_code == 422, refused.text


async def test_who_may_make_no_checks_reaches_no_plugin(stack: dict[str, Any]) -> None:
    async with Gateway(stack["gateway"], stack["users"]["agent"]["token"]) as agent:
        body = {"name": "x", "kind": "PLUGIN", "target": "queue:/:1"}
        assert (await agent.send("POST", "checks", body)).status_code == 403
