"""The door, plugged together: which address takes what."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from datetime import datetime
from typing import Any

import orjson
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis import demonstration
from chassis.domain import Clock
from chassis.errors import Invalid
from chassis.http import problems
from chassis.telemetry import Metrics
from chassis.telling import Telling
from services.monitor.domain.integration import Integration
from services.monitor.ingest import alertmanager
from services.monitor.ingest.alertmanager import Read
from services.monitor.ingest.keys import Keys
from services.monitor.ingest.requests import Handler, answering, json_body
from services.monitor.usecases.gathering import Gatherer

_log = logging.getLogger(__name__)

PERMISSION = "alerts.ingest"
MOST_BYTES = 10 << 20
"""The largest body of alerts; a group of 5,000 alerts with long annotations stays below."""

_SMALL, _LARGE_AT_ONCE = 256 << 10, 4

Reader = Callable[[Any, Integration | None, datetime], Read]


class Door:
    """The addresses of the ingestion listener. `reached` is told of the failpoint S1: accepted, nothing kept yet."""

    def __init__(
        self,
        keys: Keys,
        gatherer: Gatherer,
        clock: Clock,
        reached: Callable[[str], Awaitable[None]],
        metrics: Metrics | None = None,
        telling: Telling | None = None,
    ) -> None:
        self.keys = keys
        self._telling = telling
        self._metrics = metrics
        self._large = asyncio.Semaphore(_LARGE_AT_ONCE)
        self._gatherer = gatherer
        self._clock = clock
        self._reached = reached
        self.app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
        self.app.add_exception_handler(HTTPException, _of_framework)
        self.post("/ingest/alertmanager", self._taking(alertmanager.webhook))
        self.post("/ingest/grafana", self._taking(alertmanager.webhook))
        self.post("/api/v2/alerts", self._taking(alertmanager.alerts))

    def post(self, path: str, handler: Handler) -> None:
        """Takes posts at one more address; what the handler raises becomes a problem document."""
        self.app.router.routes.append(Route(path, answering(handler, path, self._metrics), methods=["POST"]))

    def _taking(self, read: Reader) -> Handler:
        async def take(request: Request) -> Response:
            sender = await self.keys.sender(request.headers.get("authorization", ""), PERMISSION)
            at = demonstration.told(sender.tenant, request.headers.get(demonstration.TIME_KEY, ""), self._clock())
            if at is not None and self._telling is not None:
                await self._telling.note(sender.tenant)
            found = await self._read(request, read, sender.integration)
            await self._reached("S1")
            await self._gatherer.hand_in(sender.tenant, found.signals, at=at)
            if found.truncated:
                _log.warning("A sender left alerts out.", extra={"key": sender.key_id, "alerts": found.truncated})
            if found.violations:
                # The rest is kept. Coming again would not help the sender, so it is told what to mend.
                raise Invalid(found.violations)
            return Response(orjson.dumps({"accepted": len(found.signals)}), media_type="application/json")

        return take

    async def _read(self, request: Request, read: Reader, integration: Integration | None) -> Read:
        """Few large bodies are held at once, however many are sent; small ones do not wait for them."""
        length = request.headers.get("content-length", "")
        small = length.isdecimal() and int(length[:20]) <= _SMALL
        async with nullcontext() if small else self._large:
            return read(await json_body(request, MOST_BYTES), integration, self._clock())


async def _of_framework(request: Request, error: Exception) -> Response:
    async def refuse(_: Request) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        raise problems.of_status(error.status_code, error.detail, {k.lower(): v for k, v in (error.headers or {}).items()})

    return await answering(refuse)(request)
