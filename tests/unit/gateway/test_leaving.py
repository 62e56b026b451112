"""An operation that will go says so in every answer (RFC 9745, RFC 8594), also in a refusal of it."""

from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest
from google.protobuf.descriptor_pb2 import MethodOptions
from itsm.incident import v1 as pb
from itsm.type.v1 import annotations_pb2

from services.gateway.openapi import document as openapi
from services.gateway.rest.route import Route
from services.gateway.rest.routes import Routes, declared
from services.gateway.rest.transcode import Transcoder
from tests.unit.gateway.conftest import OIDC


@dataclass(frozen=True)
class Said:
    """A descriptor with other options than the real one."""

    options: MethodOptions
    real: Any

    def GetOptions(self) -> MethodOptions:  # as in protobuf
        return self.options

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


def leaving(route: Route, **said: str) -> Route:
    """The route as if its proto said that it will go."""
    options = MethodOptions()
    options.CopyFrom(route.rpc.descriptor.GetOptions())
    options.Extensions[annotations_pb2.deprecation].CopyFrom(annotations_pb2.Deprecation(**said))
    return replace(route, rpc=replace(route.rpc, descriptor=Said(options, route.rpc.descriptor)))


def routes(**said: str) -> Routes:
    """All routes; reading one incident will go."""
    return Routes(
        leaving(route, **said) if (route.verb, route.template) == ("GET", "/api/v1/incidents/{id}") else route
        for route in declared().all
    )


async def ask(path: str, found: Routes, headers: dict[str, str] | None = None) -> httpx.Response:
    async def call(*_: Any, **__: Any) -> Any:
        return pb.Incident(id="inc_1", etag="3")

    async def credentials(_scope: Any, _route: Any) -> list[tuple[str, str]]:
        return []

    transport = httpx.ASGITransport(Transcoder(found, call, credentials))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        return await client.get(path, headers=headers)


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [("incidents/inc_1", {}, 200), ("incidents/inc_1", {"if-none-match": '"3"'}, 304), ("incidents/inc_1?x=y", {}, 422)],
)
async def test_it_is_said_in_every_answer(path: str, headers: dict[str, str], status: int) -> None:
    found = routes(since="2026-01-31", sunset="2027-01-31", link="https://docs.example/leaving")
    answer = await ask(f"/api/v1/{path}", found, headers)
    assert answer.status_code == status
    assert answer.headers["deprecation"] == "@1769817600"
    assert parsedate_to_datetime(answer.headers["sunset"]).isoformat() == "2027-01-31T00:00:00+00:00"
    assert answer.headers["link"] == '<https://docs.example/leaving>; rel="deprecation"; type="text/html"'


async def test_what_stays_says_nothing() -> None:
    answer = await ask("/api/v1/incidents/inc_1", declared())
    assert answer.status_code == 200
    assert not {"deprecation", "sunset"} & answer.headers.keys()


def test_the_document_says_so_too() -> None:
    paths = openapi.document(routes(since="2026-01-31"), version="1", oidc_url=OIDC)["paths"]
    assert paths["/api/v1/incidents/{id}"]["get"]["deprecated"] is True
    assert "deprecated" not in paths["/api/v1/incidents/{id}"]["patch"]
