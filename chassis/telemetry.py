"""Spans, the trace that travels with a request, and the metrics of a process; `logs.py` writes the lines.

A trace crosses process borders as one W3C `traceparent` string: in gRPC metadata, record headers and change rows.
With no collector configured nothing is recorded and a span costs one comparison; a trace that came in still goes on.

Fails: a collector that is away or slow costs spans (the queue holds 2,048), never a request; `shutdown` gives up after
its timeout. A malformed `traceparent` counts as none.
"""

import asyncio
import logging
import re
import threading
from collections.abc import Iterable, Mapping, MutableMapping
from contextlib import AbstractContextManager, nullcontext, suppress
from contextvars import ContextVar, Token
from importlib import metadata
from types import TracebackType
from typing import Any
from uuid import uuid4

from opentelemetry import context as otel
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, StatusCode, TraceFlags
from opentelemetry.util.types import AttributeValue
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.exposition import choose_encoder
from pymongo import monitoring

from chassis import logs
from chassis.settings import Settings

__all__ = [
    "Metrics",
    "Span",
    "SpanKind",
    "configure",
    "current_trace",
    "exemplar",
    "extract",
    "inject",
    "mongo_listeners",
    "shutdown",
    "span",
]

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

# Like the handlers of `logging`, the recorder belongs to the process: a span must cost nothing to ask for anywhere.
_provider: TracerProvider | None = None
_tracer: trace.Tracer | None = None
_log = logging.getLogger(__name__)
_carried: ContextVar[str] = ContextVar("itsm_traceparent", default="")


def configure(service: str, settings: Settings) -> None:
    """Sets up the log lines and, where `otlp_endpoint` is given, the spans; a second call replaces the first."""
    global _provider, _tracer
    logs.configure(service, settings, current_trace)
    if _provider is not None:
        _provider.shutdown()
    _provider = _tracer = None
    if not settings.otlp_endpoint:
        return
    resource = Resource.create(
        {
            "service.name": f"itsm-{service}",
            "service.namespace": "itsm",
            "service.version": _version(),
            "service.instance.id": str(uuid4()),
            "deployment.environment.name": str(settings.environment),
        }
    )
    # What the platform says of the pod in OTEL_RESOURCE_ATTRIBUTES (its uid, its node) beats what a process can know.
    resource = resource.merge(OTELResourceDetector().detect())
    sampler = ParentBased(TraceIdRatioBased(settings.trace_ratio))
    _provider = TracerProvider(sampler=sampler, resource=resource, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(settings.otlp_endpoint, insecure=not settings.otlp_endpoint.startswith("https://"), timeout=5)
    _provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=1000))
    _tracer = _provider.get_tracer("itsm")


async def shutdown(timeout: float = 5) -> None:
    """Hands what is queued to the collector, for at most `timeout` seconds, and ends recording."""
    global _provider, _tracer
    provider, _provider, _tracer = _provider, None, None
    if provider is None:
        return
    loop, flushed = asyncio.get_running_loop(), asyncio.Event()

    def flush() -> None:
        provider.shutdown()
        with suppress(RuntimeError):  # the loop is closed when this took longer than was waited for
            loop.call_soon_threadsafe(flushed.set)

    # A daemon thread, because the loop's own executor would be waited for at exit however long the collector hangs.
    threading.Thread(target=flush, name="telemetry-flush", daemon=True).start()
    try:
        await asyncio.wait_for(flushed.wait(), timeout)
    except TimeoutError:
        _log.warning("Spans were dropped at exit.", extra={"waited_seconds": timeout})


def _version() -> str:
    try:
        return metadata.version("itsm")
    except metadata.PackageNotFoundError:  # a checkout on the path, not installed
        return "0+checkout"


def extract(carrier: Mapping[str, str] | Mapping[str, bytes]) -> str:
    """The `traceparent` of metadata or record headers; "" when there is none or it breaks W3C Trace Context."""
    value = carrier.get("traceparent")
    if not value:
        return ""
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else value
    match = _TRACEPARENT.match(text)
    # Version 00 ends after the flags; a later version may say more behind a dash, and is passed on as version 00.
    if match is None or not (match.end() == len(text) or (text[:2] != "00" and text[match.end()] == "-")):
        return ""
    return f"00{match.group()[2:]}"


def inject(carrier: MutableMapping[str, str]) -> None:
    """Puts the current trace, if any, into metadata or record headers."""
    if current := current_trace():
        carrier["traceparent"] = current


def current_trace() -> str:
    """The running span as `traceparent`; with recording off the one that came in; "" outside of any trace."""
    if _tracer is not None:
        about = trace.get_current_span().get_span_context()
        if about.is_valid:
            return f"00-{about.trace_id:032x}-{about.span_id:016x}-{about.trace_flags:02x}"
    return _carried.get()


def exemplar() -> dict[str, str] | None:
    """Labels for a histogram observation, so that a bucket leads to a recorded trace; None where there is none."""
    current = current_trace()
    return {"trace_id": current[3:35]} if current and int(current[-2:], 16) & TraceFlags.SAMPLED else None


def span(
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    *,
    parent: str | None = None,
    links: Iterable[str] = (),
    attributes: Mapping[str, AttributeValue] | None = None,
) -> AbstractContextManager[Span]:
    """A span around a block, ended in error by an exception, of which only the type is recorded.

    `parent` and `links` are `traceparent` strings; no parent means the running span, "" a trace of its own. What is
    yielded takes `set_attribute` also when nothing is recorded.
    """
    if _tracer is not None:
        return _Recorded(_tracer, name, kind, parent, links, attributes)
    if parent is None or parent == _carried.get():
        return _NOTHING
    return _Carried(parent)


class _Recorded:
    __slots__ = ("_attributes", "_kind", "_links", "_name", "_parent", "_span", "_token", "_tracer")

    def __init__(
        self,
        tracer: trace.Tracer,
        name: str,
        kind: SpanKind,
        parent: str | None,
        links: Iterable[str],
        attributes: Mapping[str, AttributeValue] | None,
    ) -> None:
        self._tracer, self._name, self._kind = tracer, name, kind
        self._parent, self._links, self._attributes = parent, links, attributes

    def __enter__(self) -> Span:
        outer = None if self._parent is None else _remote(self._parent)
        links = [trace.Link(_span_context(link)) for link in self._links if link]
        self._span = self._tracer.start_span(self._name, outer, self._kind, dict(self._attributes or {}), links)
        self._token = otel.attach(trace.set_span_in_context(self._span))
        return self._span

    def __exit__(self, kind: type[BaseException] | None, _error: BaseException | None, _tb: TracebackType | None) -> None:
        otel.detach(self._token)
        # The message of an exception may hold what a person wrote, so it stays out of the trace.
        if kind is not None and issubclass(kind, Exception):
            self._span.set_attribute("error.type", kind.__qualname__)
            self._span.set_status(StatusCode.ERROR)
        self._span.end()


class _Carried:
    __slots__ = ("_parent", "_token")

    def __init__(self, parent: str) -> None:
        self._parent = parent

    def __enter__(self) -> Span:
        self._token: Token[str] = _carried.set(self._parent)
        return trace.INVALID_SPAN

    def __exit__(self, *_: object) -> None:
        _carried.reset(self._token)


_NOTHING = nullcontext(trace.INVALID_SPAN)


def _span_context(traceparent: str) -> SpanContext:
    flags = TraceFlags(int(traceparent[53:55], 16))
    return SpanContext(int(traceparent[3:35], 16), int(traceparent[36:52], 16), is_remote=True, trace_flags=flags)


def _remote(traceparent: str) -> otel.Context:
    empty = otel.Context()
    return trace.set_span_in_context(NonRecordingSpan(_span_context(traceparent)), empty) if traceparent else empty


def mongo_listeners() -> list[monitoring.CommandListener]:
    """For the `event_listeners` of a Mongo client; empty while nothing is recorded, so commands cost nothing more."""
    return [] if _tracer is None else [_MongoSpans(_tracer)]


class _MongoSpans(monitoring.CommandListener):
    """A span for each command inside of a recorded span. What it says is never recorded, only its target."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer
        self._running: dict[tuple[Any, int], Span] = {}

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if not trace.get_current_span().is_recording():
            return
        target = event.command.get(event.command_name)
        collection = {"db.collection.name": target} if isinstance(target, str) else {}
        self._running[event.connection_id, event.request_id] = self._tracer.start_span(
            f"{event.command_name} {target}" if collection else event.command_name,
            kind=SpanKind.CLIENT,
            attributes={
                "db.system.name": "mongodb",
                "db.namespace": event.database_name,
                "db.operation.name": event.command_name,
                "server.address": event.connection_id[0],
                **collection,
            },
        )

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        if running := self._running.pop((event.connection_id, event.request_id), None):
            running.end()

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        if running := self._running.pop((event.connection_id, event.request_id), None):
            running.set_attribute("error.type", str(event.failure.get("codeName") or event.failure.get("code", "error")))
            running.set_status(StatusCode.ERROR)
            running.end()


class Metrics:
    """Every metric of a process, on a registry of its own. Labels come from closed sets: no ids, no raw paths."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)

        def counter(name: str, meaning: str, *labels: str) -> Counter:
            return Counter(name, meaning, labels, registry=registry)

        def gauge(name: str, meaning: str, *labels: str) -> Gauge:
            return Gauge(name, meaning, labels, registry=registry)

        def histogram(name: str, meaning: str, *labels: str) -> Histogram:
            return Histogram(name, meaning, labels, registry=registry, buckets=_BUCKETS)

        rpc = ("grpc_service", "grpc_method")
        self.grpc_server_duration = histogram("itsm_grpc_server_duration_seconds", "Time to answer an RPC.", *rpc, "grpc_code")
        self.grpc_server_in_flight = gauge("itsm_grpc_server_in_flight", "RPCs being answered.", *rpc)
        self.http_server_duration = histogram(
            "itsm_http_server_duration_seconds", "Time to answer an HTTP request.", "method", "route", "status"
        )
        self.http_server_in_flight = gauge("itsm_http_server_in_flight", "HTTP requests being answered.")
        self.requests_shed = counter("itsm_requests_shed_total", "Requests refused under overload.", "class")
        self.changes_pending = gauge("itsm_changes_pending", "Change rows not yet published.")
        self.changes_oldest_pending = gauge("itsm_changes_oldest_pending_seconds", "Age of the oldest pending change row.")
        self.changes_blocked_keys = gauge("itsm_changes_blocked_keys", "Keys whose next change row cannot be published.")
        self.events_published = counter("itsm_events_published_total", "Events acknowledged by Kafka.", "type")
        self.events_duplicated = counter("itsm_events_duplicated_total", "Events that a take-over may have published again.")
        self.events_consumed = counter("itsm_events_consumed_total", "Events taken.", "group", "type", "outcome")
        self.events_parked = gauge("itsm_events_parked", "Events that wait for an earlier version.", "group")
        self.consumer_batch = histogram("itsm_consumer_batch_duration_seconds", "Time to process a poll.", "group")
        self.consumer_lag = gauge("itsm_consumer_lag", "Records behind the end of the topic.", "group", "topic", "partition")
        self.dead_letters = counter("itsm_dlq_total", "Records given up on.", "group", "reason")
        self.due_lateness = histogram("itsm_due_lateness_seconds", "How late a due record was taken up.", "worker")
        self.sse_connections = gauge("itsm_sse_connections", "Open event streams.")
        self.webhook_deliveries = counter("itsm_webhook_deliveries_total", "Attempts to deliver.", "outcome")
        self.jwks_refresh = counter("itsm_jwks_refresh_total", "Fetches of a signer's keys.", "outcome")
        self.idempotency_replays = counter("itsm_idempotency_replays_total", "Answers given again for the same key.")
        self.background_restarts = counter("itsm_background_restarts_total", "Restarts after a crash.", "task")
        self.event_loop_lag = gauge("itsm_event_loop_lag_seconds", "How late the last tick of the event loop was.")
        self.samples = counter("itsm_samples_total", "Measurements that came in.", "outcome")
        self.samples_pending = gauge("itsm_samples_pending", "Measurements that are not with their series yet.")

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The exposition and its content type, OpenMetrics (which alone has exemplars) where `accept` allows it."""
        encoder, content_type = choose_encoder(accept)
        return encoder(self.registry), content_type
