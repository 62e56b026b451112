"""A gateway in front of a real gRPC server of this process, whose answers each test sets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import grpc
import httpx
import orjson
import pytest
from google.protobuf.message import Message
from itsm.incident import v1 as pb

from chassis.errors import STATUS_KEY, Error, to_status
from chassis.rpc import Channels
from services.gateway.openapi import document as openapi
from services.gateway.rest.routes import declared
from services.gateway.rest.transcode import Transcoder
from services.gateway.rest.upstream import Upstream

OIDC = "https://sign-in.example/realms/itsm/.well-known/openid-configuration"
_CODES = {code.value[0]: code for code in grpc.StatusCode}


@dataclass
class Incidents:
    """Answers every RPC with what the test put into `answer`, or what `by` says, and keeps what it was asked."""

    answer: Message | Error | None = None
    by: Callable[[Any], Message | Error] | None = None
    delay: float = 0
    trailing: tuple[tuple[str, str | bytes], ...] = ()
    request: Any = None
    metadata: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[Any, dict[str, str]]] = field(default_factory=list)
    most: int = 0
    _running: int = 0

    async def serve(self, request: Message, context: grpc.aio.ServicerContext) -> Message:
        """Any RPC."""
        self.request = request
        self.metadata = dict(context.invocation_metadata())
        self.asked.append((request, self.metadata))
        self._running += 1
        self.most = max(self.most, self._running)
        context.set_trailing_metadata(self.trailing)
        await asyncio.sleep(self.delay)
        self._running -= 1
        answer = self.by(request) if self.by else self.answer
        if isinstance(answer, Error):
            status = to_status(answer)
            await context.abort(_CODES[status.code], status.message, ((STATUS_KEY, status.SerializeToString()),))
        assert isinstance(answer, Message)
        return answer


@pytest.fixture
async def incidents() -> AsyncIterator[tuple[Incidents, str]]:
    """The service behind the gateway, and its address."""
    service = Incidents()
    servicer = type("Servicer", (), {method.name: staticmethod(service.serve) for method in _methods()})()
    server = grpc.aio.server()
    pb.add_IncidentServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield service, f"127.0.0.1:{port}"
    await server.stop(None)


@pytest.fixture
def service(incidents: tuple[Incidents, str]) -> Incidents:
    """The service behind the gateway."""
    return incidents[0]


@pytest.fixture
async def gateway(incidents: tuple[Incidents, str]) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the gateway."""

    async def credentials(_scope: Any, _route: Any) -> list[tuple[str, str]]:
        return [("authorization", "Bearer of-the-test")]

    routes, documents = _served()
    channels = Channels()
    upstream = Upstream(channels, {"itsm.incident.v1": incidents[1]})
    app = Transcoder(routes, upstream, credentials, documents=documents, timeout=0.5)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        yield client
    await channels.close()


@cache
def _served() -> tuple[Any, dict[str, bytes]]:
    """What a gateway makes once at its start, made once for all tests."""
    routes = declared()
    return routes, {"/api/v1/openapi.json": orjson.dumps(openapi.document(routes, version="1.0.0", oidc_url=OIDC))}


def _methods() -> Any:
    return pb.OpenIncidentRequest.DESCRIPTOR.file.services_by_name["IncidentService"].methods
