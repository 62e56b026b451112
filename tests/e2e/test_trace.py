"""One trace holds what became of a request: gateway, service, database, change row, Kafka and every consumer."""

import re
import secrets
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span
from pymongo import AsyncMongoClient

from tests.support.gateway import Gateway
from tests.support.otlp import Collector
from tests.support.platform import Breakable

OPEN = "itsm.incident.v1.IncidentService/OpenIncident"


async def test_an_opened_incident_is_one_trace_from_the_gateway_to_its_consumers(
    breakable: Breakable, agent: Gateway, backing: dict[str, Any]
) -> None:
    trace_id, parent_id = secrets.token_hex(16), secrets.token_hex(8)
    answer = await agent.send("POST", "incidents", {"title": "traced"}, traceparent=f"00-{trace_id}-{parent_id}-01")
    assert answer.status_code == 201, answer.text
    opened = answer.json()

    async with AsyncMongoClient[dict[str, Any]](backing["mongo"]["root_uri"]) as mongo:
        row = await mongo["itsm_incident"]["changes"].find_one({"key": opened["id"], "version": 1})
    assert row is not None
    assert row["trace"].split("-")[1] == trace_id

    def ours(traces: Collector) -> dict[tuple[str, str], Any]:
        spans = [span for span in traces.spans if span.trace_id.hex() == trace_id]
        return {(traces.service_of(span), span.name): span for span in spans}

    steps = {
        ("itsm-gateway", "HTTP POST"),
        ("itsm-incident", OPEN),
        ("itsm-analytics", "process itsm.incident.v1"),
        ("itsm-auth", "process itsm.audit.v1"),
    }
    await breakable.traces.until(lambda traces: steps <= ours(traces).keys())
    found = ours(breakable.traces)
    assert found["itsm-gateway", "HTTP POST"].parent_span_id.hex() == parent_id
    ids = {span.span_id: name for name, span in found.items()}
    assert ids[found["itsm-incident", OPEN].parent_span_id][0] == "itsm-gateway"
    for consumer in steps - {("itsm-gateway", "HTTP POST"), ("itsm-incident", OPEN)}:
        assert ids[found[consumer].parent_span_id][0] == "itsm-incident", f"{consumer} hangs in the air"
    assert {service for service, _ in found} >= {"itsm-gateway", "itsm-incident", "itsm-analytics", "itsm-auth"}
    ours_alone = [span for span in breakable.traces.spans if span.trace_id.hex() == trace_id]
    served = [span.name for span in ours_alone if span.kind == Span.SPAN_KIND_SERVER]
    assert (served.count("HTTP POST"), served.count(OPEN)) == (1, 1), "a library records what we record already"


async def test_a_slow_bucket_leads_to_a_trace_that_the_collector_has(breakable: Breakable, agent: Gateway) -> None:
    trace_id = secrets.token_hex(16)
    await agent.send("POST", "incidents", {"title": "to be found"}, traceparent=f"00-{trace_id}-{secrets.token_hex(8)}-01")
    address = f"{breakable.stack.describe()['services']['incident']['management']}/metrics"
    answer = await agent.http.get(address, headers={"accept": "application/openmetrics-text; version=1.0.0"})
    named = set(re.findall(r'itsm_grpc_server_duration_seconds_bucket.* # \{trace_id="(\w+)"\}', answer.text))
    assert trace_id in named
    await breakable.traces.until(lambda traces: any(span.trace_id.hex() == trace_id for span in traces.spans))


async def test_a_request_that_nobody_samples_leaves_no_span(breakable: Breakable, agent: Gateway) -> None:
    trace_id = secrets.token_hex(16)
    await agent.send("POST", "incidents", {"title": "not traced"}, traceparent=f"00-{trace_id}-{secrets.token_hex(8)}-00")
    sampled = secrets.token_hex(16)
    await agent.send("GET", "incidents", traceparent=f"00-{sampled}-{secrets.token_hex(8)}-01")
    await breakable.traces.until(lambda traces: any(span.trace_id.hex() == sampled for span in traces.spans))
    assert not any(span.trace_id.hex() == trace_id for span in breakable.traces.spans)
