"""How the stack gets its endpoint agent a key: against a real HTTP server in place of the gateway."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stack.console import Console
from stack.credentials import Credentials
from stack.endpoint import EndpointAgent
from stack.kafka import Kafka
from stack.keycloak import Keycloak
from stack.mongo import Mongo
from stack.options import Layout, Options
from stack.ports import Ports
from stack.services import Services
from tests.support.eventually import eventually


class Door:
    """Makes tokens, as the gateway does; `refusals` come first."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.refusals: list[int] = []

    async def tokens(self, request: Request) -> Response:
        if self.refusals:
            return JSONResponse({"detail": "not now"}, self.refusals.pop(0))
        if request.headers["authorization"] != "Bearer itp_manager":
            return JSONResponse({"detail": "who is this"}, 401)
        self.asked.append(await request.json())
        return JSONResponse({"token": {"id": "crd_1"}, "secret": f"ita_{len(self.asked)}"})


def services(state: Path) -> Services:
    layout, ports = Layout(state), Ports(state / "ports.json")
    credentials = Credentials(layout.secrets)
    mongo, kafka = Mongo(layout, 21000, credentials), Kafka(layout, 21001, 21002, credentials)
    return Services(Options(state=state), ports, credentials, mongo, kafka, Keycloak(layout, 21003, 21004, credentials))


@pytest.fixture
async def prepared(tmp_path: Path) -> AsyncIterator[tuple[Door, EndpointAgent]]:
    """An agent whose gateway is the door."""
    ours, door = services(tmp_path), Door()
    port = int(ours.gateway_url.rpartition(":")[2])
    app = Starlette(routes=[Route("/api/v1/tokens", door.tokens, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve())
    await eventually(lambda: server.started, within=30)
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "tokens.json").write_text(json.dumps({"asset-manager": "itp_manager"}))
    yield door, EndpointAgent(Options(state=tmp_path), ours, Console())
    server.should_exit = True
    await task


def enroll(folder: Path) -> None:
    """What the agent does when it has enrolled."""
    told = {"install_id": "x" * 32, "agent_id": "agt_1", "asset_id": "ast_1", "key": "ita_own"}
    (folder / "agent" / "identity.json").write_text(json.dumps(told))


async def test_the_key_may_enroll_only_and_is_for_its_owner(prepared: tuple[Door, EndpointAgent], tmp_path: Path) -> None:
    door, agent = prepared
    assert await agent.prepare()
    assert [(one["kind"], one["roles"]) for one in door.asked] == [("AGENT", ["enroller"])]
    key = tmp_path / "agent" / "enrollment.key"
    assert key.read_text() == "ita_1\n"
    assert key.stat().st_mode & 0o777 == 0o600
    assert agent.spec().environment["ITSM_AGENT_KEY_FILE"] == str(key)


async def test_an_agent_that_is_enrolled_needs_no_other_key(prepared: tuple[Door, EndpointAgent], tmp_path: Path) -> None:
    door, agent = prepared
    await agent.prepare()
    assert not agent.enrolled
    await agent.prepare()
    assert len(door.asked) == 2
    enroll(tmp_path)
    assert agent.enrolled
    assert await agent.prepare()
    assert len(door.asked) == 2


async def test_a_platform_that_is_not_there_yet_is_asked_again(prepared: tuple[Door, EndpointAgent]) -> None:
    door, agent = prepared
    door.refusals = [503, 503]
    assert await agent.prepare()


async def test_a_refused_key_is_told_and_ends_no_start(
    prepared: tuple[Door, EndpointAgent], capsys: pytest.CaptureFixture[str]
) -> None:
    door, agent = prepared
    door.refusals = [403]
    assert not await agent.prepare()
    assert "403" in capsys.readouterr().err


def test_a_fresh_start_forgets_the_agent(tmp_path: Path) -> None:
    assert Layout(tmp_path).agent in Layout(tmp_path).data()
