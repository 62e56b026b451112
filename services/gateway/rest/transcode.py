"""JSON over HTTP to gRPC and back: one ASGI application for every RPC that the protos bind to HTTP.

A request is found in the table, read into the RPC's message, sent to the service that owns it, and its answer written as
JSON. No rule is decided here: what is checked is form (names, types, sizes, headers), never meaning.

Every answer but success is a problem document. A defect of ours answers 500 and is logged with the request's id.
"""

import hashlib
import logging
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from chassis import protojson, telemetry
from chassis.demonstration import TIME_KEY
from chassis.errors import Error, Invalid
from chassis.http import problems
from chassis.http.problems import Problem, pointer
from chassis.rpc import DRY_RUN_KEY, REPLAYED_KEY
from services.gateway.rest import batch, manners, many
from services.gateway.rest.answers import Answer, refusal
from services.gateway.rest.entrance import Entrance
from services.gateway.rest.exchange import TRACE_KEY, Disconnected, Exchange, Receive, Scope, Send
from services.gateway.rest.packing import PACKED, WORTH, pack, packed
from services.gateway.rest.route import BATCH, BATCH_GET, SELECT, Route
from services.gateway.rest.routes import Routes
from services.gateway.rest.selecting import Selecting
from services.gateway.rest.upstream import Call

_log = logging.getLogger(__name__)

MAX_BODY = 1 << 20
MAX_IMPORT = 10 << 20
MAX_PAGE = 200
TIMEOUT = 10.0
IMPORT_TIMEOUT = 30.0

Metadata = list[tuple[str, str]]

Credentials = Callable[[Scope, Route], Awaitable[Sequence[tuple[str, str]]]]
"""What a request is sent on with: metadata that proves its caller. Raises errors of the tree or `Problem`."""


class Transcoder:
    """The ASGI application of `/api/v1`.

    `call` reaches the services within `timeout` seconds, `credentials` says who is calling; `documents` are JSON texts by
    path that anybody may read.
    """

    def __init__(
        self,
        routes: Routes,
        call: Call,
        credentials: Credentials,
        *,
        documents: Mapping[str, bytes] | None = None,
        timeout: float = TIMEOUT,
        metrics: telemetry.Metrics | None = None,
        entrance: Entrance | None = None,
        selecting: Selecting | None = None,
    ) -> None:
        self._entrance = entrance or Entrance()
        self._selecting = selecting
        self._routes = routes
        self._call = call
        self._credentials = credentials
        self._timeout = timeout
        self._metrics = metrics
        self._documents = {path: _Document(body) for path, body in (documents or {}).items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        exchange = Exchange(scope, receive)
        began = time.perf_counter()
        with telemetry.span(f"HTTP {exchange.method}", telemetry.SpanKind.SERVER, parent=exchange.traceparent()) as span:
            # Without a trace of the client or a recorder here, the services still log the request under one name.
            trace = telemetry.current_trace() or f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-00"
            exchange.trace_id = scope[TRACE_KEY] = trace[3:35]
            try:
                answer = await self._answer(exchange, trace)
                pack(answer, exchange)
            except Disconnected:
                return
            except Problem as problem:
                answer = refusal(problem, exchange)
            except Exception:  # whatever it is, the client gets an answer
                _log.exception("Request failed.", extra={"request": exchange.request_id, "path": exchange.instance})
                answer = refusal(problems.of_defect(exchange.request_id), exchange)
            span.set_attribute("http.response.status_code", answer.status)
            took = time.perf_counter() - began
            self._measure(exchange, answer.status, took)
        answer.add("x-request-id", exchange.request_id)
        answer.headers.append((b"server-timing", manners.timing(took, exchange.upstream)))
        answer.headers += exchange.leaving
        if exchange.standing is not None:
            answer.headers += exchange.standing.headers
        await answer.send(send, bodiless=exchange.method == "HEAD")

    def _measure(self, exchange: Exchange, status: int, seconds: float) -> None:
        if self._metrics is None:
            return
        # What a client makes up is no label: what no route takes is counted as one.
        method, route = (exchange.method, exchange.route) if exchange.route else ("other", "other")
        self._metrics.http_server_duration.labels(method, route, str(status)).observe(seconds, telemetry.exemplar())

    async def _answer(self, exchange: Exchange, trace: str) -> Answer:
        if document := self._documents.get(exchange.path):
            return document.answer(exchange)
        route, values = self._routes.find(exchange.method, exchange.path)
        exchange.route, exchange.leaving = route.template, route.leaving
        with self._entrance.shedding.admitted(route.kind):
            if route.generic:
                return await self._generic(exchange, route, trace)
            return await self._one(exchange, route, values, trace)

    async def _generic(self, exchange: Exchange, route: Route, trace: str) -> Answer:
        exchange.check_accept()
        if route.generic == BATCH:
            return await self._batch(exchange, route, trace)
        metadata: Metadata = [("x-request-id", exchange.request_id), ("traceparent", trace)]
        parameters = exchange.parameters()
        content = b""
        if route.generic == SELECT:
            many.nothing_else(parameters)
            content = await exchange.body(MAX_BODY)
            exchange.check_content()
        wanted: list[str] = []
        if route.generic == BATCH_GET:
            parameters = manners.taken(exchange, route, parameters)
            many.nothing_else(parameters, "ids")
            wanted = manners.ids(parameters)
        try:
            metadata += await self._credentials(exchange.scope, route)
            await self._entrance.take(exchange, route, metadata, operations=len(wanted))
            if wanted:
                body = await many.batch_get(route, wanted, exchange.fields, self._asking(exchange, route, metadata))
            elif self._selecting is not None and route.generic == SELECT:
                body = await self._selecting.answer(route, content, metadata, self._asking(exchange, route, metadata))
            else:
                body = await many.facets(route, parameters, self._asking(exchange, route, metadata))
        except Error as error:
            raise problems.of_error(error, locate=route.locate) from error
        answer = Answer(200, body)
        answer.add("content-type", "application/json")
        return answer

    async def _batch(self, exchange: Exchange, route: Route, trace: str) -> Answer:
        parameters = manners.taken(exchange, route, exchange.parameters())
        many.nothing_else(parameters)
        content = await exchange.body(MAX_BODY)
        exchange.check_content()
        try:
            todo = batch.operations(exchange, protojson.parse(content))
            await self._entrance.take(exchange, route, await self._credentials(exchange.scope, route), operations=len(todo))
        except Error as error:
            raise problems.of_error(error) from error

        async def perform(inner: Exchange) -> Answer:
            found, values = self._routes.find(inner.method, inner.path)
            if found.generic or found.imports:
                raise Problem(422, "validation", "this cannot be part of a batch", reason=Invalid.reason)
            try:
                return await self._one(inner, found, values, trace, alone=False)
            finally:
                exchange.upstream += inner.upstream

        began = time.perf_counter()
        answer = Answer(207, await batch.results(exchange, todo, perform, dry_run=exchange.dry_run))
        exchange.upstream = min(exchange.upstream, time.perf_counter() - began)  # what ran side by side took its time once
        answer.add("content-type", "application/json")
        return answer

    def _asking(self, exchange: Exchange, route: Route, metadata: Metadata) -> many.Ask:
        async def ask(request: Message, more: Metadata, trailing: dict[str, Any] | None) -> Message:
            began = time.perf_counter()
            try:
                return await self._call(
                    route.service, route.rpc, request, metadata=metadata + more, timeout=self._timeout, trailing=trailing
                )
            finally:
                exchange.upstream = time.perf_counter() - began

        return ask

    async def _one(
        self, exchange: Exchange, route: Route, values: tuple[str, ...], trace: str, *, alone: bool = True
    ) -> Answer:
        """One RPC; `alone` unless it is part of a batch, which has paid for it."""
        exchange.check_accept()
        metadata: Metadata = [("x-request-id", exchange.request_id), ("traceparent", trace)]
        trailing: dict[str, Any] | None = None
        if route.verb != "GET" and (key := exchange.idempotency_key()):
            metadata.append(("idempotency-key", key))
            trailing = {}
        conditional = False
        try:
            metadata += await self._credentials(exchange.scope, route)
            if alone:
                await self._entrance.take(exchange, route, metadata)
            version = exchange.if_match() if route.conditional else None
            conditional = version is not None
            if route.precondition_required and not conditional:
                raise Problem(428, "precondition", "say in If-Match which version this is about", reason="IF_MATCH_REQUIRED")
            request = await _request(exchange, route, values, version or "")
            self._entrance.check_key(route, exchange.idempotency_key(), dry_run=exchange.dry_run)
            timeout = IMPORT_TIMEOUT if route.imports else self._timeout
            if said := exchange.header(TIME_KEY):
                if route.verb == "GET":
                    raise Invalid({TIME_KEY: "only a write can be dated back"}, reason="NO_DEMONSTRATION")
                metadata.append((TIME_KEY, said))
            if exchange.dry_run:
                metadata.append((DRY_RUN_KEY, "true"))
                trailing = {}
            began = time.perf_counter()
            try:
                reply = await self._call(
                    route.service, route.rpc, request, metadata=metadata, timeout=timeout, trailing=trailing
                )
            finally:
                exchange.upstream = time.perf_counter() - began
        except Error as error:
            raise problems.of_error(error, conditional=conditional, locate=route.locate) from error
        answer = self._success(exchange, route, reply)
        if trailing and REPLAYED_KEY in trailing:
            answer.add("idempotency-replayed", "true")
        if trailing and DRY_RUN_KEY in trailing:
            answer.add("dry-run", "true")
        return answer

    def _success(self, exchange: Exchange, route: Route, reply: Message) -> Answer:
        answer = Answer(200)
        resource: Any = reply
        if route.tagged and resource.etag:
            answer.add("etag", f'"{resource.etag}"')
            if route.verb == "GET" and exchange.knows(resource.etag):
                answer.status = 304
                return answer
        if route.rpc.response.DESCRIPTOR.full_name == "google.protobuf.Empty":
            answer.status = 204
            return answer
        if route.paged and resource.next_page_token:
            answer.add("link", f'<{exchange.address_with(pageToken=resource.next_page_token)}>; rel="next"')
        if route.creates and not exchange.dry_run:
            answer.status = 201
            if self._routes.has("GET", route.template + "/{id}"):
                made = getattr(resource, route.created) if route.created else resource
                answer.add("location", f"{exchange.instance}/{made.id}")
        answer.add("content-type", "application/json")
        answer.body = manners.written(reply, exchange.fields)
        return answer


class _Document:
    """A text that stays the same as long as the process runs."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._packed = packed(body, 9)  # once: anybody may ask for it, as often as he likes
        self._etag = hashlib.sha256(body).hexdigest()[:32]

    def answer(self, exchange: Exchange) -> Answer:
        if exchange.method not in ("GET", "HEAD"):
            raise Problem(405, "method", "this address takes GET, HEAD", headers={"allow": "GET, HEAD"})
        exchange.check_accept()
        answer = Answer(304 if exchange.knows(self._etag) else 200)
        answer.add("etag", f'"{self._etag}"')
        if answer.status == 200:
            answer.body = self._body
            if len(self._body) >= WORTH and exchange.takes("gzip"):
                answer.body = self._packed
                answer.headers.append(PACKED)
            answer.add("content-type", "application/json")
        return answer


async def _request(exchange: Exchange, route: Route, values: tuple[str, ...], version: str) -> Message:
    fields: dict[str, Any] = _parameters(exchange, route)
    mask: list[str] | None = None
    message: Message | None = None
    if route.body:
        content = await exchange.body(MAX_IMPORT if route.imports else MAX_BODY)
        if content or not route.body_may_be_absent:
            exchange.check_content()
        message, mask = _body(route, content)
    if route.body_field is not None:
        fields[route.body] = message
        if route.masked:
            fields["update_mask"] = _mask(route, fields.get("update_mask"), mask or [])
        message = None
    request: Any = message or route.rpc.request(**fields)
    for name, value in zip(route.variables, values, strict=True):
        setattr(request, name, protojson.parameter(route.request.fields_by_name[name], [value]))
    if version:
        request.etag = version
    return request  # type: ignore[no-any-return]


def _body(route: Route, content: bytes) -> tuple[Message, list[str]]:
    """The body as message, and the names in it."""
    try:
        value = protojson.parse(content) if content or not route.body_may_be_absent else {}
        message = protojson.decode(value, route.body_type)
    except Invalid as error:
        raise problems.of_error(error, locate=route.locate_in_body) from error
    if route.body_field is None:
        said = [name for name in route.variables if name in value or route.request.fields_by_name[name].json_name in value]
        if said:
            raise Invalid(dict.fromkeys(said, "is said by the address"))
    return message, list(value)


def _mask(route: Route, given: FieldMask | None, names: list[str]) -> FieldMask:
    known = route.body_type.DESCRIPTOR
    if given is None or not given.paths:
        # What only we set is passed over, so that a record may be sent back as it was read. The mask is there even when
        # nothing is left: an absent one would mean everything.
        fields = [known.fields_by_camelcase_name.get(name) or known.fields_by_name[name] for name in names]
        return FieldMask(paths=[item.name for item in fields if item.name not in route.output_only])
    for path in given.paths:
        head = path.partition(".")[0]
        if head not in known.fields_by_name:
            raise Invalid({"update_mask": f"{protojson.camel(path)} is no field of this"})
        if head in route.output_only:
            raise Invalid({"update_mask": f"{protojson.camel(head)} cannot be set"})
    return given


def _parameters(exchange: Exchange, route: Route) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    wrong: list[tuple[str, str]] = []
    for name, texts in manners.taken(exchange, route, exchange.parameters()).items():
        item = route.parameters.get(name)
        if item is None:
            wrong.append((name, "is no parameter of this"))
        elif len(texts) > 1 and not item.is_repeated:
            wrong.append((name, "is said more than once"))
        else:
            try:
                fields[item.name] = protojson.parameter(item, texts)
            except Invalid as error:
                wrong += error.violations.items()
    if "page_size" in fields and not 1 <= fields["page_size"] <= MAX_PAGE:
        wrong.append(("pageSize", f"should lie between 1 and {MAX_PAGE}"))
    if wrong:
        errors = [(pointer([name]), text) for name, text in wrong]
        raise Problem(422, "validation", f"{errors[0][0]}: {errors[0][1]}", reason=Invalid.reason, errors=errors)
    return fields
