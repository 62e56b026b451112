"""OTLP over gRPC: a server of its own, beside that of the RPCs, because its callers hold keys and know none of our codes."""

import asyncio
import logging
from datetime import timedelta
from typing import Any

import grpc
from grpc_status import rpc_status
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import (
    MetricsServiceServicer,
    add_MetricsServiceServicer_to_server,
)

from chassis.errors import Error, Unavailable, to_status
from chassis.service import SERVER_OPTIONS
from services.monitor.ingest.samples import SampleDoor

_log = logging.getLogger(__name__)

_GRACE_SECONDS = 8
_TAKING_SECONDS = 20.0
_MOST_BYTES = 4 << 20
"""After decompression; gRPC itself answers RESOURCE_EXHAUSTED above it. A request is read before its key is looked at, so this
is less than over HTTP."""
_OPTIONS = tuple((dict(SERVER_OPTIONS) | {"grpc.max_receive_message_length": _MOST_BYTES}).items())


class OtlpServer:
    """Serves `opentelemetry.proto.collector.metrics.v1.MetricsService` on `listen` (host:port)."""

    def __init__(self, listen: str, door: SampleDoor) -> None:
        self._listen, self._door = listen, door
        self._server: grpc.aio.Server | None = None
        self.port = 0

    async def start(self) -> None:
        """Returns when calls are taken. Raises `RuntimeError` for an address that cannot be had."""
        self._server = server = grpc.aio.server(options=_OPTIONS)
        add_MetricsServiceServicer_to_server(_Metrics(self._door), server)  # type: ignore[no-untyped-call]
        self.port = server.add_insecure_port(self._listen)
        await server.start()

    async def stop(self) -> None:
        """Lets running calls end."""
        if self._server is not None:
            await self._server.stop(_GRACE_SECONDS)


class _Metrics(MetricsServiceServicer):
    def __init__(self, door: SampleDoor) -> None:
        self._door = door

    async def Export(self, request: ExportMetricsServiceRequest, context: Any) -> ExportMetricsServiceResponse:  # noqa: N802
        """One request; its key is in the metadata `authorization`."""
        metadata = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
        try:
            async with asyncio.timeout(_TAKING_SECONDS):
                return await self._door.export(metadata.get("authorization", ""), request)
        except Error as error:
            known = error
        except Exception as error:  # any other code would have the sender drop what may well be taken a moment later
            if not isinstance(error, TimeoutError):
                _log.exception("Ingestion failed.")
            known = Unavailable("this cannot be kept now", timedelta(seconds=5))
        await context.abort_with_status(rpc_status.to_status(to_status(known)))
        raise AssertionError("the call was ended")
