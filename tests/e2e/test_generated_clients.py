"""Clients that generators make of the served document, used against the platform: one for Python, one for TypeScript.

The short form makes them of a part of the document, the stated one (`ITSM_TEST_SOAK`) of all of it. That the types of all of it
are types is seen whenever the console is checked, which is written with them.
"""

import asyncio
import json
import os
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.support import generating
from tests.support.gateway import Gateway

_PROGRAMS = Path(__file__).parent / "clients"
_SECONDS = 120.0
_PART = ("incidents", "calendars", "sign-in")


@pytest.fixture
async def document(agent: Gateway, *, soak: bool) -> dict[str, Any]:
    found: dict[str, Any] = (await agent.http.get("/api/v1/openapi.json")).raise_for_status().json()
    return found if soak else generating.part_of(found, _PART)


async def _used(*words: str, **environment: str) -> dict[str, Any]:
    """What the program tells."""
    process = await asyncio.create_subprocess_exec(
        *words, env={**os.environ, **environment}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(_SECONDS):
        said, faults = await process.communicate()
    assert process.returncode == 0, faults.decode()
    told: dict[str, Any] = json.loads(said)
    return told


def _right(told: dict[str, Any]) -> None:
    before, after = told["etags"]
    assert told["again"] == told["id"], "the same key is the same incident"
    assert told["listed"] == [told["id"]]
    assert told["state"] == "NEW"
    assert told["created"] >= 2026
    assert told["title"] == "Changed by a generated client"
    assert before != after
    assert told["stale"] == [412, "urn:itsm:problem:precondition", f'"{after}"']
    assert told["wrong"][:2] == [422, "urn:itsm:problem:validation"]
    assert "/resolutionCode" in told["wrong"][2]


async def test_a_python_client_is_generated_and_works(stack: dict[str, Any], document: dict[str, Any], tmp_path: Path) -> None:
    await asyncio.to_thread(generating.python_client, document, tmp_path)
    token, category = stack["users"]["agent"]["token"], uuid.uuid4().hex
    program = str(_PROGRAMS / "use_client.py")
    _right(await _used(sys.executable, program, stack["gateway"], token, category, PYTHONPATH=str(tmp_path)))


async def test_types_for_typescript_are_generated_and_hold_programs_to_the_document(
    stack: dict[str, Any], document: dict[str, Any], tmp_path: Path
) -> None:
    program = _PROGRAMS / "use_client.ts"
    compiled = await asyncio.to_thread(generating.typescript_program, document, program, tmp_path)
    token, category = stack["users"]["agent"]["token"], uuid.uuid4().hex
    _right(await _used(generating.node(), str(compiled), stack["gateway"], token, category))
