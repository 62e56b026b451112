"""A small platform over real HTTP: it keeps incidents, imports once per number, and can be told to be busy or broken."""

import json
import threading
import uuid
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "pat_good"
ME = {
    "subject": "ann",
    "kind": "user",
    "tenant": "main",
    "roles": ["agent"],
    "permissions": ["incidents.get", "incidents.list"],
}
VERBS = {
    "assign": "ASSIGNED",
    "start": "IN_PROGRESS",
    "hold": "ON_HOLD",
    "resume": "IN_PROGRESS",
    "resolve": "RESOLVED",
    "reopen": "IN_PROGRESS",
    "close": "CLOSED",
    "cancel": "CANCELLED",
}


@dataclass
class Request:
    """One request as it came in."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: Any
    size: int


@dataclass
class Platform:
    """What the server holds. `upcoming` are answers (status, headers, body) that come before the honest ones."""

    url: str = ""
    unit: str = "s"
    requests: list[Request] = field(default_factory=list)
    upcoming: deque[tuple[int, dict[str, str], Any]] = field(default_factory=deque)
    incidents: dict[str, dict[str, Any]] = field(default_factory=dict)
    imported: dict[str, str] = field(default_factory=dict)
    refuse_numbers: set[str] = field(default_factory=set)
    break_numbers: set[str] = field(default_factory=set)
    lock: threading.RLock = field(default_factory=threading.RLock)
    device: dict[str, Any] = field(default_factory=dict)
    device_answers: deque[tuple[int, dict[str, Any]]] = field(default_factory=deque)
    forms: list[dict[str, str]] = field(default_factory=list)
    kept: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    """Records of any other resource, by its plural and their id."""

    def add(self, **fields: Any) -> dict[str, Any]:
        """An incident that is there already."""
        with self.lock:
            number = f"INC{len(self.incidents) + 1:07}"
            record = {
                "id": f"inc_{uuid.uuid4().hex}",
                "number": number,
                "title": "Mail is slow",
                "state": "NEW",
                "priority": "P3",
            }
            record |= {"teamId": "", "assigneeId": "", "reopenCount": 0, "updateTime": "2026-11-23T08:00:00Z", "etag": "1"}
            self.incidents[number] = {**record, **fields}
            return self.incidents[number]

    def answer(self, request: Request) -> tuple[int, dict[str, str], Any]:
        """The honest answer."""
        if request.path.startswith("/auth/config"):
            return 200, {}, {"issuer": f"{self.url}/realm", "clientId": "itsm-cli", "deviceScopes": ["openid", "itsm"]}
        if request.path.startswith("/realm"):
            return self._realm(request)
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return problem(401, "Sign in first", "the token is not taken")
        if request.path == "/api/v1/users:whoami":
            return 200, {}, ME
        if request.path == "/api/v1/kpis":
            return (
                200,
                {},
                {"kpis": [{"name": "mttr-resolve", "unit": "s", "description": "Time to resolve", "definitionVersion": 2}]},
            )
        if request.path.startswith("/api/v1/kpis/"):
            row = {"group": "net", "value": 16244.5, "median": 10800.0, "p90": 200000.0, "count": 12, "series": ""}
            return 200, {}, {"name": request.path.rpartition("/")[2], "definitionVersion": 2, "unit": self.unit, "rows": [row]}
        plural, _, id = request.path.removeprefix("/api/v1/").partition("/")  # noqa: A001 - the field's name everywhere
        if plural in self.kept:
            return self._any(request, plural, id)
        return self._desk(request)

    def _desk(self, request: Request) -> tuple[int, dict[str, str], Any]:
        """Incidents."""
        if request.path == "/api/v1/incidents:import":
            return self._import(request)
        if request.path == "/api/v1/incidents:count":
            return 200, {}, {"value": len(self.incidents), "capped": False}
        if request.path == "/api/v1/incidents":
            return self._create(request) if request.method == "POST" else self._list(request)
        return self._one(request)

    def _any(self, request: Request, plural: str, id: str) -> tuple[int, dict[str, str], Any]:  # noqa: A002 - as above
        """A resource that keeps what it is told."""
        records = self.kept[plural]
        if not id and request.method == "GET":
            return 200, {}, {plural: list(records.values()), "nextPageToken": ""}
        if not id:
            made = {"id": f"rec_{len(records) + 1}", "etag": "1", **request.body}
            return 201, {}, records.setdefault(made["id"], made)
        if request.headers.get("if-match") != f'"{records[id]["etag"]}"':
            return problem(412, "The record is not as the request expects", "it is at another version")
        if request.method == "DELETE":
            return 200, {}, records.pop(id)
        records[id] |= {**request.body, "etag": str(int(records[id]["etag"]) + 1)}
        return 200, {}, records[id]

    def _realm(self, request: Request) -> tuple[int, dict[str, str], Any]:
        realm = f"{self.url}/realm"
        if request.path.endswith("openid-configuration"):
            endpoints = {"token_endpoint": f"{realm}/token", "device_authorization_endpoint": f"{realm}/device"}
            return 200, {}, {"issuer": realm, **endpoints}
        form = {name: values[0] for name, values in parse_qs(request.body).items()}
        self.forms.append(form)
        if request.path.endswith("/device"):
            about = {
                "device_code": "dc",
                "user_code": "WDJB-MJHT",
                "verification_uri": f"{realm}/d",
                "interval": 0,
                "expires_in": 9,
            }
            return 200, {}, {**about, **self.device}
        status, body = self.device_answers.popleft()
        return status, {}, body

    def _list(self, request: Request) -> tuple[int, dict[str, str], Any]:
        size = int(request.query.get("pageSize", ["50"])[0])
        after = int(request.query.get("pageToken", ["0"])[0])
        found = list(self.incidents.values())
        more = str(after + size) if after + size < len(found) else ""
        return 200, {}, {"incidents": found[after : after + size], "nextPageToken": more}

    def _create(self, request: Request) -> tuple[int, dict[str, str], Any]:
        if request.body.get("impact") not in (None, "HIGH", "MEDIUM", "LOW"):
            errors = [{"pointer": "/impact", "message": "is no level"}]
            return problem(422, "The request is understood but not valid", "/impact: is no level", errors)
        return 201, {}, self.add(**request.body)

    def _one(self, request: Request) -> tuple[int, dict[str, str], Any]:
        number, _, verb = request.path.removeprefix("/api/v1/incidents/").partition(":")
        number, _, sub = number.partition("/")
        record = self.incidents.get(unquote(number))
        if record is None:
            return problem(404, "There is no such thing", f"incident {unquote(number)} is not there")
        if sub == "notes":
            return 201, {}, {"id": "note_1", "about": f"incidents/{record['id']}", **request.body, "authorId": "usr_1"}
        if sub == "timeline":
            change = {"field": "state", "old": "NEW", "new": "ASSIGNED"}
            entry = {"type": "itsm.incident.v1.IncidentAssigned", "time": "2026-11-23T08:00:00Z", "actor": "usr_1"}
            return 200, {}, {"entries": [{**entry, "changes": [change]}], "nextPageToken": ""}
        if not verb:
            return 200, {}, record
        if request.headers.get("if-match", '"1"') != f'"{record["etag"]}"':
            return problem(412, "The record is not as the request expects", "it is at another version")
        if record["state"] == "CLOSED":
            return problem(409, "The state of the record does not allow this", f"{verb} is not possible in CLOSED")
        record |= {"state": VERBS[verb], **{name: value for name, value in request.body.items() if name.endswith("Id")}}
        return 200, {}, record

    def _import(self, request: Request) -> tuple[int, dict[str, str], Any]:
        numbers = [each["externalNumber"] for each in request.body["incidents"]]
        if self.break_numbers & set(numbers):
            return problem(422, "The request is understood but not valid", "one of these is not valid")
        results = []
        with self.lock:
            for number in numbers:
                outcome = "REFUSED" if number in self.refuse_numbers else "UNCHANGED" if number in self.imported else "CREATED"
                message = "its history makes no sense" if outcome == "REFUSED" else ""
                if outcome == "CREATED":
                    self.imported[number] = f"inc_{uuid.uuid4().hex}"
                found = {"externalNumber": number, "outcome": outcome, "id": self.imported.get(number, "")}
                results.append({**found, "message": message})
        return 200, {}, {"results": results}


def problem(status: int, title: str, detail: str, errors: Any = ()) -> tuple[int, dict[str, str], Any]:
    """A problem document."""
    facts = {"title": title, "status": status, "detail": detail, "errors": list(errors), "reason": "X"}
    return status, {"content-type": "application/problem+json"}, {**facts, "requestId": "req_1", "traceId": "4bf92f3577b34da6"}


def serve(platform: Platform) -> ThreadingHTTPServer:
    """Starts it on a port of its own; `shutdown` ends it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            content = self.rfile.read(int(self.headers.get("content-length", 0)))
            parts = urlsplit(self.path)
            is_json = self.headers.get("content-type", "").startswith("application/json")
            body = json.loads(content) if content and is_json else content.decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, parts.path, parse_qs(parts.query), headers, body, len(content))
            with platform.lock:
                platform.requests.append(request)
                planned = platform.upcoming.popleft() if platform.upcoming else None
            status, extra, answer = planned or platform.answer(request)
            if status == 0:  # planned: the connection breaks instead of an answer
                self.close_connection = True
                return
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {"content-type": "application/json", **extra}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815 - the names are the base class's

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the name is the base class's
            """Tests are quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    platform.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
