"""The door, plugged together: which address takes what."""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import orjson
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.domain import Clock
from chassis.errors import Invalid
from chassis.http import problems
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

Reader = Callable[[Any, Integration | None, datetime], Read]


class Door:
    """The addresses of the ingestion listener. `reached` is told of the failpoint S1: accepted, nothing kept yet."""

    def __init__(self, keys: Keys, gatherer: Gatherer, clock: Clock, reached: Callable[[str], Awaitable[None]]) -> None:
        self.keys = keys
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
        self.app.router.routes.append(Route(path, answering(handler), methods=["POST"]))

    def _taking(self, read: Reader) -> Handler:
        async def take(request: Request) -> Response:
            sender = await self.keys.sender(request.headers.get("authorization", ""), PERMISSION)
            found = read(await json_body(request, MOST_BYTES), sender.integration, self._clock())
            await self._reached("S1")
            await self._gatherer.hand_in(sender.tenant, found.signals)
            if found.truncated:
                _log.warning("A sender left alerts out.", extra={"key": sender.key_id, "alerts": found.truncated})
            if found.violations:
                # The rest is kept. Coming again would not help the sender, so it is told what to mend.
                raise Invalid(found.violations)
            return Response(orjson.dumps({"accepted": len(found.signals)}), media_type="application/json")

        return take


async def _of_framework(request: Request, error: Exception) -> Response:
    async def refuse(_: Request) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        raise problems.of_status(error.status_code, error.detail, {k.lower(): v for k, v in (error.headers or {}).items()})

    return await answering(refuse)(request)
