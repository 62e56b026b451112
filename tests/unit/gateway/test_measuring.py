"""What the gateway counts of its answers: by route, never by what a client made up."""

from typing import Any

import httpx

from chassis.errors import NotFound
from chassis.telemetry import Metrics
from services.gateway.rest.routes import declared
from services.gateway.rest.transcode import Transcoder


async def _nobody(_scope: Any, _route: Any) -> list[tuple[str, str]]:
    return []


async def _absent(*_arguments: Any, **_named: Any) -> Any:
    raise NotFound("incidents", "inc_unknown")


def _counted(metrics: Metrics) -> dict[tuple[str, str, str], float]:
    samples = [sample for family in metrics.http_server_duration.collect() for sample in family.samples]
    counts = [sample for sample in samples if sample.name.endswith("_count")]
    return {(each.labels["method"], each.labels["route"], each.labels["status"]): each.value for each in counts}


async def test_an_answer_is_counted_by_the_address_as_it_is_declared_and_what_nobody_declared_as_one() -> None:
    metrics = Metrics()
    app = Transcoder(declared(), _absent, _nobody, documents={"/api/v1/openapi.json": b"{}"}, metrics=metrics)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        assert (await client.get("/api/v1/incidents/inc_unknown")).status_code == 404
        assert (await client.get("/api/v1/incidents/inc_other")).status_code == 404
        assert (await client.get("/api/v1/incidents?nothing=like-this")).status_code == 422
        assert (await client.get("/api/v1/made-up/by-somebody")).status_code == 404
        assert (await client.request("BREW", "/api/v1/incidents")).status_code == 405
    assert _counted(metrics) == {
        ("GET", "/api/v1/incidents/{id}", "404"): 2,
        ("GET", "/api/v1/incidents", "422"): 1,
        ("other", "other", "404"): 1,
        ("other", "other", "405"): 1,
    }
