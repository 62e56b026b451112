import asyncio
import io
import json
import logging
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from itsm.auth import v1 as pb
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Recorded
from prometheus_client.metrics import MetricWrapperBase
from pymongo import monitoring

from chassis import context, logs, telemetry
from chassis.rpc import Edge, connect
from chassis.service import running
from chassis.settings import Settings
from chassis.telemetry import Metrics, SpanKind, current_trace, extract, inject, span
from tests.support.otlp import Collector, attributes, collector
from tests.support.services import a_service, get
from tests.unit.chassis.test_edge import SERVICE, Anybody, Telling

CLIENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
UNSAMPLED = CLIENT[:-2] + "00"


@pytest.fixture
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: known.level for name, known in root.manager.loggerDict.items() if isinstance(known, logging.Logger)}
    yield
    for name, known in root.manager.loggerDict.items():
        if isinstance(known, logging.Logger):
            known.setLevel(levels.get(name, logging.NOTSET))
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


@pytest.fixture
async def recorded(restored_logging: None) -> AsyncIterator[Collector]:
    async with collector() as running:
        telemetry.configure("sample", Settings(otlp_endpoint=running.address, log_level="ERROR"))
        yield running
        await telemetry.shutdown()


def formatted(message: str, *args: object, **extra: object) -> dict[str, object]:
    record = logging.getLogger("chassis.test").makeRecord("chassis.test", logging.INFO, "", 0, message, args, None, extra=extra)
    line = logs.Json("sample", current_trace).format(record)
    assert "\n" not in line
    return json.loads(line)


# Logs


def test_a_line_says_when_what_and_where() -> None:
    line = formatted("Incident was opened.", priority="P1")
    assert line.pop("ts").endswith("Z")
    assert line == {
        "level": "INFO",
        "logger": "chassis.test",
        "message": "Incident was opened.",
        "service": "sample",
        "priority": "P1",
    }


def test_a_line_names_the_tenant_request_and_trace_and_only_a_hash_of_the_caller() -> None:
    request_id = "7c1e-user|OpenIncident|req-1"  # as the edge puts it together
    caller = context.Context(tenant="main", actor=context.Actor(id="7c1e-user"), request_id=request_id)
    with context.use(caller), span("x", parent=CLIENT):
        line = formatted("Done.")
    assert line["tenant"] == "main"
    assert line["request_id"] == f"{logs.principal_hash('7c1e-user')}|OpenIncident|req-1"
    assert line["trace_id"] == CLIENT[3:35]
    assert line["span_id"] == CLIENT[36:52]
    assert line["principal"] == logs.principal_hash("7c1e-user")
    assert "7c1e-user" not in json.dumps(line)


@pytest.mark.parametrize(
    "secret",
    [
        "jane.doe+x@example.org",
        "Bearer abcdefghijklmnop",
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJqYW5lIn0.c2lnbmF0dXJl",
        "authorization: basic amFuZTpzZWNyZXQ=",
    ],
)
def test_mail_addresses_and_tokens_are_blanked_wherever_they_stand(secret: str) -> None:
    line = json.dumps(formatted(f"Said {secret} once.", field=secret, nested={"a": [secret]}, error=ValueError(secret)))
    assert secret.rsplit(" ", 1)[-1] not in line
    assert line.count("[mail]") + line.count("[token]") == 4


def test_an_exception_stays_on_one_line_and_is_blanked() -> None:
    try:
        raise ValueError("no such person: jane@example.org")
    except ValueError as error:
        record = logging.makeLogRecord({"msg": "Failed.", "exc_info": (type(error), error, error.__traceback__)})
    line = logs.Json("sample", current_trace).format(record)
    assert "\n" not in line
    assert "ValueError: no such person: [mail]" in json.loads(line)["exception"]


def test_a_line_is_written_whatever_a_field_holds() -> None:
    line = formatted("Odd.", huge=1 << 80, broken="\ud800", level="mine", thing=object, when=float("nan"))
    assert line["huge"] == 1 << 80
    assert line["level"] == "INFO"
    assert line["extra.level"] == "mine"


def test_other_libraries_are_routed_through_and_ours_follow_the_level(
    restored_logging: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = io.StringIO()
    monkeypatch.setattr("sys.stdout", output)
    logging.getLogger("uvicorn.access").handlers = [logging.NullHandler()]
    telemetry.configure("sample", Settings(otlp_endpoint="", log_level="debug"))
    logging.getLogger("services.sample").debug("Ours.")
    for name in ("uvicorn.error", "grpc._cython.cygrpc", "aiokafka.conn"):
        logging.getLogger(name).warning("Theirs.")
        logging.getLogger(name).info("Chatter.")
    lines = [json.loads(line) for line in output.getvalue().splitlines()]
    assert [line["logger"] for line in lines] == ["services.sample", "uvicorn.error", "grpc._cython.cygrpc", "aiokafka.conn"]
    assert logging.getLogger("uvicorn.access").handlers == []


def test_the_text_format_is_for_people(restored_logging: None, monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.StringIO()
    output.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stdout", output)
    telemetry.configure("sample", Settings(otlp_endpoint="", log_format="text"))
    logging.getLogger("services.sample").error("Relay stopped.", extra={"shard": 3})
    assert "\033[31mERROR\033[0m services.sample: Relay stopped. shard=3" in output.getvalue()


# Traces, nothing recorded


def test_a_trace_that_came_in_is_passed_on_when_nothing_is_recorded() -> None:
    carrier: dict[str, str] = {}
    with span("rpc", SpanKind.SERVER, parent=extract({"traceparent": CLIENT})) as outer, span("inner"):
        outer.set_attribute("ignored", 1)
        inject(carrier)
        assert current_trace() == CLIENT
    assert carrier == {"traceparent": CLIENT}
    assert current_trace() == ""
    inject(carrier := {})
    assert carrier == {}


def test_an_empty_parent_leaves_the_running_trace() -> None:
    with span("outer", parent=CLIENT), span("inner", parent=""):
        assert current_trace() == ""


@pytest.mark.parametrize(
    ("header", "meaning"),
    [
        (CLIENT, CLIENT),
        (CLIENT.encode(), CLIENT),
        ("cc" + CLIENT[2:] + "-what-the-future-brings", CLIENT),
        ("", ""),
        ("garbage", ""),
        (CLIENT.upper(), ""),
        (CLIENT + "-more", ""),
        (CLIENT + "\n", ""),
        ("ff" + CLIENT[2:], ""),
        ("00-" + "0" * 32 + CLIENT[35:], ""),
        (CLIENT[:36] + "0" * 16 + "-01", ""),
        (b"\xff\xfe", ""),
        ("cc" + CLIENT[2:] + ".x", ""),
    ],
)
def test_only_a_well_formed_traceparent_counts(header: str | bytes, meaning: str) -> None:
    assert extract({"traceparent": header}) == meaning


def test_a_span_costs_next_to_nothing_when_nothing_is_recorded() -> None:
    def once() -> float:
        began = time.thread_time()
        for _ in range(10_000):
            with span("x", SpanKind.SERVER):
                pass
        return (time.thread_time() - began) / 10_000

    assert min(once() for _ in range(5)) < 5e-6
    assert span("x") is span("y")
    assert telemetry.mongo_listeners() == []


# Traces, recorded


async def test_spans_reach_the_collector_with_their_parents_links_and_resource(recorded: Collector) -> None:
    with span("POST /incidents", SpanKind.SERVER, parent=CLIENT, attributes={"http.route": "/incidents"}):
        carrier: dict[str, str] = {}
        inject(carrier)
        with span("open") as inner:
            inner.set_attribute("rows", 2)
            written = current_trace()
    with span("publish", SpanKind.PRODUCER, parent="", links=[written, ""]):
        pass
    await telemetry.shutdown()
    outer, inner_span, publish = (recorded.named(name)[0] for name in ("POST /incidents", "open", "publish"))
    assert outer.trace_id.hex() == CLIENT[3:35]
    assert outer.parent_span_id.hex() == CLIENT[36:52]
    assert outer.kind == Recorded.SPAN_KIND_SERVER
    assert attributes(outer) == {"http.route": "/incidents"}
    assert extract(carrier)[36:52] == outer.span_id.hex()
    assert inner_span.parent_span_id == outer.span_id
    assert attributes(inner_span) == {"rows": 2}
    assert publish.parent_span_id == b""
    assert publish.trace_id != outer.trace_id
    assert [link.span_id for link in publish.links] == [inner_span.span_id]
    assert recorded.resources["itsm-sample"]["service.namespace"] == "itsm"
    assert recorded.service_of(publish) == "itsm-sample"


async def test_health_checks_and_scrapes_leave_no_span(recorded: Collector) -> None:
    service = a_service()
    service.intercept(Edge(Anybody(), [SERVICE], Metrics()))
    service.serve(pb.add_PolicyServiceServicer_to_server, Telling())
    metadata = (("authorization", "Bearer somebody"), ("traceparent", CLIENT))
    async with running(service), connect(service.address) as channel:
        checked = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=30)
        assert checked.status == health_pb2.HealthCheckResponse.SERVING
        for path in ("/livez", "/readyz", "/startupz", "/metrics"):
            assert (await get(service, path)).status_code == 200
        await pb.PolicyServiceStub(channel).GetPolicy(pb.GetPolicyRequest(), timeout=30, metadata=metadata)
    await telemetry.shutdown()
    assert {span.name for span in recorded.spans} == {f"{SERVICE}/GetPolicy"}


async def test_the_platform_names_the_instance(recorded: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=pod-7,k8s.node.name=n1")
    telemetry.configure("sample", Settings(otlp_endpoint=recorded.address, log_level="ERROR"))
    with span("x"):
        pass
    await telemetry.shutdown()
    about = recorded.resources["itsm-sample"]
    assert (about["service.instance.id"], about["k8s.node.name"]) == ("pod-7", "n1")


async def test_a_failed_span_says_the_type_and_never_the_message(recorded: Collector) -> None:
    with pytest.raises(ValueError, match="jane"), span("broken"):
        raise ValueError("jane@example.org")
    await telemetry.shutdown()
    (broken,) = recorded.named("broken")
    assert broken.status.code == broken.status.STATUS_CODE_ERROR
    assert attributes(broken) == {"error.type": "ValueError"}
    assert b"jane" not in broken.SerializeToString()


async def test_the_callers_decision_not_to_record_is_kept_and_passed_on(recorded: Collector) -> None:
    with span("quiet", parent=UNSAMPLED):
        inner = current_trace()
        assert telemetry.exemplar() is None
    with span("loud", parent=CLIENT):
        assert telemetry.exemplar() == {"trace_id": CLIENT[3:35]}
    await telemetry.shutdown()
    assert inner[3:35] == UNSAMPLED[3:35]
    assert inner.endswith("-00")
    assert {recorded_span.name for recorded_span in recorded.spans} == {"loud"}


async def test_a_collector_that_is_away_costs_neither_the_request_nor_the_stop(restored_logging: None) -> None:
    telemetry.configure("sample", Settings(otlp_endpoint="http://127.0.0.1:1", log_level="ERROR"))
    began = time.perf_counter()
    for _ in range(5000):
        with span("lost"):
            pass
    assert time.perf_counter() - began < 5
    began = time.perf_counter()
    await telemetry.shutdown(timeout=0.5)
    assert time.perf_counter() - began < 8
    assert current_trace() == ""


def _started(command: dict[str, object], name: str, number: int) -> monitoring.CommandStartedEvent:
    return monitoring.CommandStartedEvent(command, "itsm_sample", number, ("mongo", 27017), number)


async def test_a_mongo_command_becomes_a_span_without_what_it_says(recorded: Collector) -> None:
    (listener,) = telemetry.mongo_listeners()
    with span("rpc"):
        listener.started(_started({"find": "incidents", "filter": {"mail": "jane@example.org"}}, "find", 1))
        listener.succeeded(monitoring.CommandSucceededEvent(_duration(), {}, "find", 1, ("mongo", 27017), 1))
        listener.started(_started({"insert": "incidents"}, "insert", 2))
        failure = {"code": 11000, "codeName": "DuplicateKey", "errmsg": "jane@example.org"}
        listener.failed(monitoring.CommandFailedEvent(_duration(), failure, "insert", 2, ("mongo", 27017), 2))
    listener.started(_started({"ping": 1}, "ping", 3))
    listener.succeeded(monitoring.CommandSucceededEvent(_duration(), {}, "ping", 3, ("mongo", 27017), 3))
    await telemetry.shutdown()
    (find,) = recorded.named("find incidents")
    (insert,) = recorded.named("insert incidents")
    assert attributes(find) == {
        "db.system.name": "mongodb",
        "db.namespace": "itsm_sample",
        "db.operation.name": "find",
        "db.collection.name": "incidents",
        "server.address": "mongo",
    }
    assert attributes(insert)["error.type"] == "DuplicateKey"
    assert find.parent_span_id == recorded.named("rpc")[0].span_id
    assert recorded.named("ping") == []
    assert b"jane" not in b"".join(recorded_span.SerializeToString() for recorded_span in recorded.spans)


def _duration() -> object:
    import datetime

    return datetime.timedelta(milliseconds=1)


# Metrics


def test_every_process_has_a_registry_of_its_own() -> None:
    first, second = Metrics(), Metrics()
    first.events_published.labels("itsm.incident.v1.IncidentOpened").inc()
    assert b'itsm_events_published_total{type="itsm.incident.v1.IncidentOpened"} 1.0' in first.render()[0]
    assert b"IncidentOpened" not in second.render()[0]


def test_the_reference_lists_exactly_the_metrics_and_labels_that_exist() -> None:
    names = {"counter": "_total", "gauge": "", "histogram": ""}
    declared = "".join(
        f"  {metric._name}{names[metric._type]}: {{type: {metric._type}, labels: [{', '.join(metric._labelnames)}],"
        f' meaning: "{metric._documentation}"}}\n'
        for metric in vars(Metrics()).values()
        if isinstance(metric, MetricWrapperBase)
    )
    reference = (Path(__file__).parents[3] / "docs/reference/telemetry.yaml").read_text()
    assert reference.partition("metrics:\n")[2] == declared


def test_the_documented_names_are_declared() -> None:
    exposed = Metrics().render()[0].decode()
    for name in (
        "itsm_grpc_server_duration_seconds",
        "itsm_changes_pending",
        "itsm_changes_oldest_pending_seconds",
        "itsm_changes_blocked_keys",
        "itsm_events_published_total",
        "itsm_events_consumed_total",
        "itsm_consumer_lag",
        "itsm_dlq_total",
        "itsm_sse_connections",
        "itsm_webhook_deliveries_total",
        "itsm_jwks_refresh_total",
        "itsm_idempotency_replays_total",
    ):
        assert f"# TYPE {name} " in exposed


def test_an_exemplar_leads_from_a_bucket_to_its_trace_in_openmetrics() -> None:
    metrics = Metrics()
    with span("rpc", parent=CLIENT):
        metrics.grpc_server_duration.labels("itsm.Sample", "Get", "OK").observe(0.003, telemetry.exemplar())
    body, content_type = metrics.render("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert f'# {{trace_id="{CLIENT[3:35]}"}} 0.003'.encode() in body
    assert metrics.render("text/html")[1].startswith("text/plain")


async def test_a_trace_follows_tasks_and_stays_out_of_others() -> None:
    async def look() -> str:
        return current_trace()

    with span("rpc", parent=CLIENT):
        inside = asyncio.create_task(look())
    outside = asyncio.create_task(look())
    assert (await inside, await outside) == (CLIENT, "")
