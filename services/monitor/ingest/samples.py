"""Samples at the door: `/api/v1/write`, `/v1/metrics`, and OTLP over gRPC, which take the same way in.

What a sender does next hangs on the status alone. Prometheus sends again after 5xx and never after 4xx; OpenTelemetry sends
again after 503 (or UNAVAILABLE) and after no other 500. Both may send again what was kept already: it changes nothing.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from starlette.requests import Request
from starlette.responses import Response

from chassis import context as ctx
from chassis.context import Actor, Context
from chassis.domain import uuid7
from chassis.errors import Denied, Error, Invalid, Unauthenticated, Unavailable, to_status
from chassis.http.problems import Problem
from chassis.telemetry import Metrics
from services.monitor.ingest import otlp, remote_write
from services.monitor.ingest.keys import Keys, Sender
from services.monitor.ingest.places import Places
from services.monitor.ingest.remote_write import Malformed, TooLarge
from services.monitor.ingest.requests import body
from services.monitor.usecases.incoming import Incoming, person, told
from services.monitor.usecases.samples import Samples, Written

_log = logging.getLogger(__name__)

PERMISSION = "samples.write"
MOST_BYTES = 16 << 20
"""The largest body as it is sent; what it holds has a limit of its own."""
_LONG_BYTES = 128 << 10  # read in some milliseconds
_Result = TypeVar("_Result")
_KEYED_AGENT = "endpoint"  # the role of the key that an agent was given
_HTTP = {3: 400, 7: 403, 8: 413, 16: 401}
_PROTOBUF, _JSON = "application/x-protobuf", "application/json"


class SampleDoor:
    """Reads requests of either kind and hands their samples in, a bounded number at once."""

    def __init__(self, keys: Keys, samples: Samples, metrics: Metrics) -> None:
        self._keys, self._samples, self._counted = keys, samples, metrics.samples
        self.places = Places()

    def addresses(self, post: Callable[[str, Callable[[Request], Awaitable[Response]]], None]) -> None:
        """Adds the addresses to the listener."""
        post("/api/v1/write", self.remote_write)
        post("/v1/metrics", self.metrics)

    async def remote_write(self, request: Request) -> Response:
        """Prometheus remote write 1.0. Refusals are raised, as problem documents."""
        sender = await self._keys.sender(request.headers.get("authorization", ""), PERMISSION)
        _check_remote_write(request)
        with self.places.place(sender.tenant):
            packed = await body(request, MOST_BYTES)
            try:
                raw = remote_write.decompressed(packed)
                incoming = await self._read(
                    sender, len(raw), remote_write.decode, raw, person(sender.tenant), self._samples.known
                )
            except Malformed as problem:
                raise Problem(400, "malformed", str(problem)) from problem
            except TooLarge as problem:
                raise Problem(413, "too-large", str(problem)) from problem
            written = await self._write(sender, incoming)
        if written.refused:
            # The rest is kept; 400 has the sender say so in its log, and go on.
            return Response(told(written.refused, written.received), 400, media_type="text/plain")
        return Response(status_code=204)

    async def metrics(self, request: Request) -> Response:
        """OTLP over HTTP. Every refusal is a `google.rpc.Status`, in the form of the request."""
        form = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        try:
            answer = await self._metrics(request, form)
        except Problem as problem:
            code = 8 if problem.status == 413 else 3
            return _otlp_refusal(form, problem.status, Status(code=code, message=str(problem)))
        except (Unauthenticated, Denied, Invalid) as error:
            status = to_status(error)
            return _otlp_refusal(form, _HTTP[status.code], status)
        except Exception as error:  # 500 would have the sender drop what may well be taken a moment later
            if not isinstance(error, Error):
                _log.exception("Ingestion failed.")
            known = error if isinstance(error, Unavailable) else Unavailable("this cannot be kept now", timedelta(seconds=5))
            return _otlp_refusal(form, 503, to_status(known), known.retry_after)
        return _otlp_answer(form, 200, answer)

    async def _metrics(self, request: Request, form: str) -> ExportMetricsServiceResponse:
        sender = await self._keys.sender(request.headers.get("authorization", ""), PERMISSION)
        encoding = request.headers.get("content-encoding", "identity").strip().lower()
        if form not in (_PROTOBUF, _JSON) or encoding not in ("identity", "gzip", ""):
            raise Problem(415, "media-type", f"bodies are {_PROTOBUF} or {_JSON}, plain or gzip")
        with self.places.place(sender.tenant):
            content = await body(request, MOST_BYTES)
            try:
                content = otlp.inflated(content) if encoding == "gzip" else content
                export = await self._read(
                    sender, len(content), otlp.from_protobuf if form == _PROTOBUF else otlp.from_json, content
                )
                return await self._export(sender, export, len(content))
            except Malformed as problem:
                raise Problem(400, "malformed", str(problem)) from problem
            except TooLarge as problem:
                raise Problem(413, "too-large", str(problem)) from problem

    async def export(self, authorization: str, export: ExportMetricsServiceRequest) -> ExportMetricsServiceResponse:
        """OTLP over gRPC. Raises what the chassis calls by its codes."""
        sender = await self._keys.sender(authorization, PERMISSION)
        with self.places.place(sender.tenant):
            try:
                return await self._export(sender, export, export.ByteSize())
            except TooLarge as problem:
                # Any code that may be tried again would have it sent for ever.
                raise Invalid({"resource_metrics": str(problem)}) from problem

    async def _export(self, sender: Sender, export: ExportMetricsServiceRequest, size: int) -> ExportMetricsServiceResponse:
        agent = sender.principal.subject if _KEYED_AGENT in sender.principal.roles else ""
        written = await self._write(
            sender, await self._read(sender, size, otlp.decode, export, person(sender.tenant), self._samples.known, agent)
        )
        answer = ExportMetricsServiceResponse()
        if written.refused:
            answer.partial_success.rejected_data_points = sum(written.refused.values())
            answer.partial_success.error_message = told(written.refused, written.received)
        return answer

    async def _write(self, sender: Sender, incoming: Incoming) -> Written:
        actor = Actor(id=sender.principal.subject, kind=sender.principal.kind)
        with ctx.use(Context(tenant=sender.tenant, actor=actor, correlation_id=uuid7())):
            written = await self._samples.write(incoming)
        self._counted.labels("kept").inc(written.written)
        self._counted.labels("refused").inc(sum(written.refused.values()))
        return written

    async def _read(self, sender: Sender, size: int, read: Callable[..., _Result], *arguments: Any) -> _Result:
        """What takes long is read in a thread, so that others are answered meanwhile."""
        if size <= _LONG_BYTES:
            return read(*arguments)
        return await self.places.read(sender.tenant, read, *arguments)


def _check_remote_write(request: Request) -> None:
    media, *parameters = (part.strip() for part in request.headers.get("content-type", "").split(";"))
    kinds = [part.partition("=")[2].strip('"') for part in parameters if part.lower().startswith("proto=")]
    if media.lower() != _PROTOBUF or any(kind != "prometheus.WriteRequest" for kind in kinds):
        raise Problem(415, "media-type", f"bodies are {_PROTOBUF} with prometheus.WriteRequest (remote write 1.0)")
    if request.headers.get("content-encoding", "").strip().lower() != "snappy":
        raise Problem(415, "media-type", "bodies are encoded with snappy, in block form")


def _otlp_refusal(form: str, status: int, told_as: Status, retry_after: timedelta | None = None) -> Response:
    response = _otlp_answer(form, status, told_as)
    if retry_after is not None:
        response.headers["retry-after"] = str(max(round(retry_after.total_seconds()), 1))
    if status == 401:
        response.headers["www-authenticate"] = 'Bearer, Basic realm="itsm"'
    return response


def _otlp_answer(form: str, status: int, message: Message) -> Response:
    if form == _PROTOBUF:
        return Response(message.SerializeToString(), status, media_type=_PROTOBUF)
    return Response(MessageToJson(message, indent=None), status, media_type=_JSON)
