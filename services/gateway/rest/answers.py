"""What goes back to a client, and how a refusal is told wherever in the gateway it comes up."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from chassis.errors import Error
from chassis.http import problems
from chassis.http.problems import Problem, pointer
from services.gateway.rest.exchange import Exchange, Send, request_id


@dataclass(slots=True)
class Answer:
    """Status, headers with lower-case names, body."""

    status: int
    body: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)

    def add(self, name: str, value: str) -> None:
        """Adds a header."""
        self.headers.append((name.encode(), value.encode()))

    async def send(self, send: Send, *, bodiless: bool = False) -> None:
        """Sends it whole; `bodiless` for HEAD, which is told the length all the same."""
        if self.status not in (204, 304):
            self.add("content-length", str(len(self.body)))
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": b"" if bodiless else self.body})


def refusal(problem: Problem, exchange: Exchange) -> Answer:
    """The problem as an answer to this request."""
    body = problem.document(instance=exchange.instance, request_id=exchange.request_id, trace_id=exchange.trace_id)
    answer = Answer(problem.status, body)
    for name, value in {**problem.headers, "content-type": problems.CONTENT_TYPE}.items():
        answer.add(name, value)
    return answer


def handlers() -> Mapping[Any, Callable[[Request, Any], Response]]:
    """Exception handlers for the part of the gateway that FastAPI routes."""

    def respond(request: Request, problem: Problem) -> Response:
        answer = refusal(problem, Exchange(request.scope, request.receive))
        response = Response(answer.body, answer.status)
        response.raw_headers = [*answer.headers, (b"content-length", str(len(answer.body)).encode())]
        return response

    def of_framework(request: Request, error: HTTPException) -> Response:
        headers = {name.lower(): value for name, value in (error.headers or {}).items()}
        return respond(request, problems.of_status(error.status_code, error.detail, headers))

    def of_validation(request: Request, error: RequestValidationError) -> Response:
        found = error.errors()
        if any(item["type"] == "json_invalid" for item in found):
            return respond(request, Problem(400, "malformed", "the body is no JSON"))
        # What was given is not repeated: it may be a secret.
        errors = [(pointer(item["loc"][1:]), item["msg"]) for item in found]
        return respond(request, Problem(422, "validation", "the request is not valid", reason="INVALID", errors=errors))

    return {
        HTTPException: of_framework,
        RequestValidationError: of_validation,
        Problem: respond,
        Exception: lambda request, _: respond(request, problems.of_defect(request_id(request.scope))),
        Error: lambda request, error: respond(request, problems.of_error(error)),
    }
