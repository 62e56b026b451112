"""What an endpoint agent talks to, without the services behind it: a real HTTP server that holds to the contracts.

Bodies are read with the generated messages, so that a field which the platform does not know is refused here too. It can go
away and come back at the same address, answer as told, and take keys away.
"""

import asyncio
import gzip
import json
import random
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from itsm.asset.v1 import agent_service_pb2 as asset_pb
from itsm.monitor.v1 import check_service_pb2 as check_pb
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.eventually import eventually

ENROLLMENT_KEY = "ita_enrollment"
_TRIES = 100


@dataclass(slots=True)
class Endpoint:
    """What it was told, in order of arrival. `order`, asked for each request, may answer instead: a status and headers."""

    port: int = 0
    enrollment_keys: set[str] = field(default_factory=lambda: {ENROLLMENT_KEY})
    agents: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    checks: list[dict[str, Any]] = field(default_factory=list)
    enrollments: list[dict[str, Any]] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)
    results: list[dict[str, Any]] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    samples: list[ExportMetricsServiceRequest] = field(default_factory=list)
    wants_all: bool = False
    asset_id: str = "ast_1"
    requests: list[str] = field(default_factory=list)
    order: Callable[[str], tuple[int, dict[str, str]] | None] = lambda _: None
    _server: uvicorn.Server | None = None
    _task: "asyncio.Task[None] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def sections(self) -> set[str]:
        """All sections that were ever told."""
        return {name for report in self.reports for name in report["inventory"].get("sections", [])}

    def results_of(self, check_id: str) -> list[dict[str, Any]]:
        """The results of one check, in order of arrival."""
        return [one["result"] for one in self.results if one["checkId"] == check_id]

    def sample_times(self) -> list[int]:
        """When the samples were taken, in nanoseconds, in order of arrival."""
        found = []
        for one in self.samples:
            for told in one.resource_metrics:
                metric = next(m for m in told.scope_metrics[0].metrics if m.name == "system.cpu.utilization")
                found.append(metric.gauge.data_points[0].time_unix_nano)
        return found

    def revoke(self) -> None:
        """No key of an agent is worth anything any more."""
        self.keys.clear()

    async def arrive(self) -> None:
        """Listens, at the address of before if there was one."""
        listening = self._bound()
        config = uvicorn.Config(self._app(), log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[listening]))
        server = self._server
        await eventually(lambda: server.started)

    async def leave(self) -> None:
        """Ends; connections break and nobody listens."""
        if self._server is None or self._task is None:
            return
        self._server.should_exit = True
        await self._task
        self._server = self._task = None

    def _bound(self) -> socket.socket:
        for _ in range(_TRIES):
            port = self.port or random.randint(20000, 32000)  # noqa: S311 - no secret
            listening = socket.socket()
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listening.bind(("127.0.0.1", port))
            except OSError:
                listening.close()
                continue
            self.port = port
            return listening
        raise RuntimeError("no free port")

    def _app(self) -> Starlette:
        routes = [
            ("/api/v1/agents:enroll", self._enroll, "POST"),
            ("/api/v1/agents/{id_verb}", self._report, "POST"),
            ("/api/v1/checks", self._list, "GET"),
            ("/api/v1/checks:report", self._results, "POST"),
            ("/v1/metrics", self._metrics, "POST"),
        ]
        return Starlette(routes=[Route(path, self._guarded(handler), methods=[method]) for path, handler, method in routes])

    def _guarded(self, handler: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def guarded(request: Request) -> Response:
            self.requests.append(request.url.path)
            ordered = self.order(request.url.path)
            if ordered is not None:
                return problem(ordered[0], "as ordered", ordered[1])
            shown = request.headers.get("authorization", "").removeprefix("Bearer ")
            if shown not in (self.enrollment_keys if request.url.path.endswith(":enroll") else self.keys):
                return problem(401, "the key is not known")
            answer: Response = await handler(request)
            return answer

        return guarded

    async def _enroll(self, request: Request) -> Response:
        told, refusal = await parsed(request, asset_pb.EnrollAgentRequest())
        if refusal is not None:
            return refusal
        if len(told.get("installId", "")) < 16 or not told.get("inventory"):
            return problem(422, "installId and inventory are needed")
        self.enrollments.append(told)
        agent_id = self.agents.setdefault(told["installId"], f"agt_{len(self.agents) + 1}")
        for key in [key for key, owner in self.keys.items() if owner == agent_id]:
            del self.keys[key]
        key = f"ita_{agent_id}_{len(self.enrollments)}"
        self.keys[key] = agent_id
        return JSONResponse({"agentId": agent_id, "assetId": self.asset_id, "key": key})

    async def _report(self, request: Request) -> Response:
        agent_id, _, verb = request.path_params["id_verb"].partition(":")
        if verb != "report" or agent_id not in self.agents.values():
            return problem(404, "there is no such agent")
        told, refusal = await parsed(request, asset_pb.ReportInventoryRequest())
        if refusal is not None:
            return refusal
        self.reports.append(told)
        return JSONResponse({"assetId": self.asset_id, "full": self.wants_all})

    async def _list(self, request: Request) -> Response:
        unknown = set(request.query_params) - {"filter", "pageSize", "pageToken"}
        if unknown or request.query_params.get("filter") != "enabled = true":
            return problem(422, f"unknown query {unknown}")
        first = int(request.query_params.get("pageToken", 0))
        size = min(2, int(request.query_params.get("pageSize", 50)))  # small pages, so that there are several
        rest = len(self.checks) > first + size
        page = {"checks": self.checks[first : first + size], "nextPageToken": str(first + size) if rest else ""}
        json_format.ParseDict(page, check_pb.ListChecksResponse())
        return JSONResponse(page)

    async def _results(self, request: Request) -> Response:
        told, refusal = await parsed(request, check_pb.ReportChecksRequest())
        if refusal is not None:
            return refusal
        known = {check["id"] for check in self.checks}
        refused = [
            {"index": index, "checkId": one["checkId"], "reason": "unknown-check"}
            for index, one in enumerate(told["results"])
            if one["checkId"] not in known
        ]
        self.batches.append(len(told["results"]))
        self.results += [one for one in told["results"] if one["checkId"] in known]
        return JSONResponse({"accepted": len(told["results"]) - len(refused), "refused": refused})

    async def _metrics(self, request: Request) -> Response:
        if request.headers.get("content-type") != "application/x-protobuf":
            return problem(415, "only protobuf")
        body = await request.body()
        try:
            plain = gzip.decompress(body) if request.headers.get("content-encoding") == "gzip" else body
            self.samples.append(ExportMetricsServiceRequest.FromString(plain))
        except (OSError, DecodeError):
            return problem(400, "this is no ExportMetricsServiceRequest")
        return Response(b"", media_type="application/x-protobuf")


async def parsed(request: Request, message: Message) -> tuple[dict[str, Any], Response | None]:
    """The body, or why it is refused: what is no JSON is 400, what the message does not have is 422."""
    try:
        told = json.loads(await request.body())
    except ValueError:
        return {}, problem(400, "this is no JSON")
    try:
        json_format.ParseDict(told, message)
    except json_format.ParseError as error:
        return {}, problem(422, str(error))
    return told, None


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """A problem document."""
    body = {"type": "urn:itsm:problem:test", "title": "refused", "status": status, "detail": detail}
    return JSONResponse(body, status, headers, media_type="application/problem+json")


@asynccontextmanager
async def endpoint() -> AsyncIterator[Endpoint]:
    """One that listens, for the length of the block."""
    made = Endpoint()
    await made.arrive()
    try:
        yield made
    finally:
        await made.leave()
