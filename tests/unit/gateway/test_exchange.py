"""Reading one request: bodies that come slowly or never, headers that say nothing of use."""

import asyncio
from typing import Any

import httpx
import pytest
from itsm.incident import v1 as pb

from chassis.http.problems import Problem
from services.gateway.rest import exchange as exchange_module
from services.gateway.rest.exchange import Exchange
from services.gateway.rest.routes import declared
from services.gateway.rest.transcode import Transcoder
from tests.unit.gateway.conftest import Incidents


def _scope(method: str = "GET", path: str = "/api/v1/incidents", **headers: str) -> dict[str, Any]:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": method, "path": path, "query_string": b"", "headers": pairs}


def _exchange(**headers: str) -> Exchange:
    async def receive() -> Any:
        await asyncio.Event().wait()

    return Exchange(_scope(**headers), receive)


@pytest.mark.parametrize(("given", "version"), [('"3"', "3"), ("*", ""), (' "3" ', "3"), ('""', "")])
def test_if_match_names_a_version(given: str, version: str) -> None:
    assert _exchange(if_match=given).if_match() == version


@pytest.mark.parametrize(("given", "status"), [("3", 400), ('"3', 400), ('"3", "4"', 400), ("", 400), ('W/"3"', 412)])
def test_another_if_match_is_refused(given: str, status: int) -> None:
    with pytest.raises(Problem) as caught:
        _exchange(if_match=given).if_match()
    assert caught.value.status == status


def test_without_if_match_no_version_is_named() -> None:
    assert _exchange().if_match() is None


async def test_a_body_that_comes_too_slowly_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange_module, "BODY_SECONDS", 0.01)
    with pytest.raises(Problem) as caught:
        await _exchange().body(1)
    assert (caught.value.status, caught.value.headers) == (408, {"connection": "close"})


async def test_a_length_that_lies_does_not_lift_the_limit() -> None:
    async def receive() -> Any:
        return {"type": "http.request", "body": b"x" * 100, "more_body": True}

    with pytest.raises(Problem) as caught:
        await Exchange(_scope(content_length="5"), receive).body(1000)
    assert caught.value.status == 413


async def test_a_client_that_left_is_not_answered() -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    async def nobody(*_: Any, **__: Any) -> Any:
        return []

    app = Transcoder(declared(), nobody, nobody)
    await app(_scope("POST", content_type="application/json"), receive, send)
    assert sent == []


async def test_a_service_that_is_too_slow_is_a_deadline(gateway: httpx.AsyncClient, service: Incidents) -> None:
    service.delay = 5
    service.answer = pb.Incident()
    answer = await gateway.get("/api/v1/incidents/inc_1")
    assert (answer.status_code, answer.json()["type"]) == (504, "urn:itsm:problem:deadline")


async def test_a_package_that_is_not_installed_is_a_dependency(gateway: httpx.AsyncClient) -> None:
    other = next(route for route in declared().all if not route.service.startswith("itsm.incident.") and route.verb == "GET")
    answer = await gateway.get(other.template.replace("{", "").replace("}", ""))
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:itsm:problem:dependency")
    assert answer.headers["retry-after"] == "1"
