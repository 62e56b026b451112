"""A trace collector inside the test process: a real OTLP/gRPC server that keeps the spans it is sent."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """`spans` in order of arrival; `resources` holds, by service name, the resource attributes that came with them."""

    def __init__(self) -> None:
        self.address = ""
        self.spans: list[Span] = []
        self.services: dict[bytes, str] = {}
        self.resources: dict[str, dict[str, str]] = {}

    async def Export(self, request: trace_service_pb2.ExportTraceServiceRequest, context: Any) -> Any:
        for group in request.resource_spans:
            resource = {item.key: item.value.string_value for item in group.resource.attributes}
            name = resource["service.name"]
            self.resources[name] = resource
            for scope in group.scope_spans:
                self.spans.extend(scope.spans)
                self.services.update((span.span_id, name) for span in scope.spans)
        return trace_service_pb2.ExportTraceServiceResponse()

    def service_of(self, span: Span) -> str:
        """The process that recorded it, `itsm-incident`."""
        return self.services[span.span_id]

    def named(self, name: str) -> list[Span]:
        """The spans of this name."""
        return [span for span in self.spans if span.name == name]

    async def until(self, enough: Callable[["Collector"], bool], seconds: float = 60) -> None:
        """Waits for spans to arrive, as they do in batches. Raises `TimeoutError` with the names that did."""
        deadline = asyncio.get_running_loop().time() + seconds
        while not enough(self):
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError(f"only {sorted({span.name for span in self.spans})} arrived")
            await asyncio.sleep(0.05)


def attributes(span: Span) -> dict[str, Any]:
    """Attribute values by name."""
    return {item.key: getattr(item.value, item.value.WhichOneof("value")) for item in span.attributes}


@asynccontextmanager
async def collector() -> AsyncIterator[Collector]:
    """Runs one on a free port; its `address` is what ITSM_OTLP_ENDPOINT takes."""
    servicer = Collector()
    server = grpc.aio.server()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    servicer.address = f"http://127.0.0.1:{port}"
    await server.start()
    try:
        yield servicer
    finally:
        await server.stop(0)
