"""What surrounds each call on the server: who, may they, is it complete, run it (again when busy), tell what went wrong.

Every error of the tree leaves as `google.rpc.Status`. Anything else is a defect: the caller gets an id, the log the rest.
A call without a deadline gets 30 s. `Busy` is run again up to five times with jitter, inside the deadline.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import grpc
from google.protobuf.message import Message
from google.rpc import status_pb2

from chassis import context as ctx
from chassis import demonstration, proof, telemetry
from chassis.auth import Policy, Principal
from chassis.domain import SystemClock, uuid7
from chassis.errors import STATUS_KEY, DeadlinePassed, Error, Internal, Invalid, Unauthenticated, to_status
from chassis.listing.facets import ANSWER_KEY as COUNTS_KEY
from chassis.listing.facets import ASKED_KEY as FACETS_KEY
from chassis.listing.facets import Faceted, Facets, asking
from chassis.policy import ANONYMOUS, SIGNED_IN
from chassis.races import again
from chassis.rpc.methods import Method, methods, missing
from chassis.store import Replay, Store
from chassis.telling import Telling

_log = logging.getLogger(__name__)

LONGEST = 30.0  # seconds that a call may take, whatever its client says
KEY_LENGTH = 255
REPLAYED_KEY = "x-idempotency-replayed"  # in the trailing metadata of an answer that was given before
DRY_RUN_KEY = "dry-run"  # in the metadata of a call that only shows what it would do, and of its answer
BEHALF_KEY = "x-itsm-on-behalf-of"
_clock = SystemClock()  # what is yet to come is so by the real time
_CODES = {code.value[0]: code for code in grpc.StatusCode}
_CORRELATION = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:")
_BEHALF = _CORRELATION | {"/"}


class Guard(Protocol):
    """Who is calling and what they may do."""

    async def verify(self, token: str, tenant_hint: str = "") -> Principal:
        """The verified caller, or `Unauthenticated`."""

    def policy(self) -> Policy:
        """The roles and their permissions as last heard."""


Handler = Callable[[Any, Any], Awaitable[Message]]


@dataclass(slots=True)
class _Call:
    method: Method
    handler: Handler
    service: str
    name: str


class Edge(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """The interceptor of a service. `store` answers repeated requests; without one no request key is honored."""

    def __init__(
        self,
        guard: Guard,
        services: Iterable[str],
        metrics: telemetry.Metrics,
        *,
        store: Store | None = None,
        reached: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self._guard = guard
        self._store = store
        self._telling = Telling(store.backend) if store is not None else None
        self._metrics = metrics
        self._reached = reached
        self._methods: dict[str, Method] = {}
        for service in services:
            self.add(service)
        self._wrapped: dict[str, Any] = {}

    def add(self, service: str) -> None:
        """Guards the RPCs of one more proto service. Raises `RuntimeError` when one of them says no permission."""
        self._methods |= methods(service)

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], details: Any) -> Any:
        """Wraps a handler once and keeps it: nothing in it depends on the single call."""
        wrapped = self._wrapped.get(details.method)
        if wrapped is None:
            wrapped = await continuation(details)
            if wrapped is None:
                return None  # anybody may ask for names that do not exist: none of them is kept
            method = self._methods.get(details.method)
            if method is not None:
                _, service, name = details.method.split("/")
                call = _Call(method, wrapped.unary_unary, service, name)

                async def answer(request: Message, context: Any) -> Message:
                    return await self._answer(call, request, context)

                wrapped = grpc.unary_unary_rpc_method_handler(answer, wrapped.request_deserializer, wrapped.response_serializer)
            self._wrapped[details.method] = wrapped
        return wrapped

    async def _answer(self, call: _Call, request: Message, servicer_context: Any) -> Message:
        metadata = {key: value for key, value in servicer_context.invocation_metadata() if isinstance(value, str)}
        began = time.perf_counter()
        status: status_pb2.Status | None = None
        code = grpc.StatusCode.CANCELLED  # which a client that leaves brings about without a word
        trace = telemetry.extract(metadata)
        in_flight = self._metrics.grpc_server_in_flight.labels(call.service, call.name)
        in_flight.inc()
        with telemetry.span(f"{call.service}/{call.name}", telemetry.SpanKind.SERVER, parent=trace) as span:
            try:
                remaining = servicer_context.time_remaining()
                async with asyncio.timeout(min(remaining, LONGEST) if remaining is not None else LONGEST):
                    answer = await self._within(call, request, metadata, servicer_context)
            except Error as error:
                status = to_status(error)
            except TimeoutError:
                status = to_status(DeadlinePassed("the time given for this call is over"))
            except Exception:  # a defect: the caller gets an id to find it by, and nothing of what it says
                failure = uuid7()
                _log.exception("Call failed.", extra={"method": call.method.path, "failure_id": failure})
                status = to_status(Internal(f"something went wrong here; it is logged as {failure}"))
            else:
                code = grpc.StatusCode.OK
                return answer
            finally:
                in_flight.dec()
                if status is not None:
                    code = _CODES[status.code]
                span.set_attribute("rpc.grpc.status_code", code.value[0])
                self._metrics.grpc_server_duration.labels(call.service, call.name, code.name).observe(
                    time.perf_counter() - began, telemetry.exemplar()
                )
        await servicer_context.abort(code, status.message, ((STATUS_KEY, status.SerializeToString()),))
        raise AssertionError("abort raises")

    async def _within(self, call: _Call, request: Message, metadata: Mapping[str, str], servicer_context: Any) -> Message:
        context = await self._context(call, request, metadata)
        if self._reached is not None:
            await self._reached("R2")
        if incomplete := list(missing(request)):
            raise Invalid(dict.fromkeys(incomplete, "is required, with a known value"))
        facets = Facets.of(metadata.get(FACETS_KEY, "")) if call.method.safe else None
        with ctx.use(context), asking(facets):
            try:
                answer = await self._run(call, request)
            except Faceted as counted:
                servicer_context.set_trailing_metadata(((COUNTS_KEY, counted.answer),))
                return call.method.response()
            except (Replay, Error) as end:
                replay = end if isinstance(end, Replay) else await self._earlier(context)
                if replay is None:
                    raise
                answer = self._replayed(call, context, replay)
                servicer_context.set_trailing_metadata(((REPLAYED_KEY, "true"),))
                return answer
            if facets is not None:
                raise Invalid({"fields": "this list cannot be counted"})
            if context.dry_run:
                servicer_context.set_trailing_metadata(((DRY_RUN_KEY, "true"),))
            return answer

    async def _dated_back(self, tenant: str, metadata: Mapping[str, str]) -> datetime | None:
        at = demonstration.told(tenant, metadata.get(demonstration.TIME_KEY, ""), _clock())
        if at is not None and self._telling is not None:
            await self._telling.note(tenant)
        return at

    async def _earlier(self, context: ctx.Context) -> Replay | None:
        """A verb that was done before is refused by the state that it left; its key tells that it was this very call."""
        if not context.request_id or self._store is None:
            return None
        return await self._store.replay(context.tenant, context.request_id)

    async def _run(self, call: _Call, request: Message) -> Message:
        return await again(lambda: call.handler(request, None))

    def _replayed(self, call: _Call, context: ctx.Context, replay: Replay) -> Message:
        answer = _rebuilt(call.method.response, replay)
        if replay.request_hash != context.request_hash or answer is None:
            raise Invalid({"": "this idempotency key was used for another request"}, reason="IDEMPOTENCY_MISMATCH")
        self._metrics.idempotency_replays.inc()
        return answer

    async def _context(self, call: _Call, request: Message, metadata: Mapping[str, str]) -> ctx.Context:
        requires = call.method.requires
        token = metadata.get("authorization", "")
        request_id = metadata.get("idempotency-key", "")
        if len(request_id) > KEY_LENGTH:
            raise Invalid({"Idempotency-Key": f"may have {KEY_LENGTH} characters at most"})
        if not token.startswith("Bearer "):
            if requires != ANONYMOUS:
                raise Unauthenticated("there is no bearer token")
            return ctx.Context(tenant="-", actor=ctx.Actor(id="anonymous", kind="system"), trace=telemetry.current_trace())
        token = token.removeprefix("Bearer ")
        principal = await self._guard.verify(token, metadata.get("x-itsm-tenant", ""))
        policy = self._guard.policy().of(principal.tenant)
        policy.require(requires, principal.roles, principal.limits, caveat=principal.caveat)
        if call.method.step_up:
            proof.require(attended=principal.attended, acr=principal.acr, auth_time=principal.auth_time)
        plain = requires in (ANONYMOUS, SIGNED_IN)
        dry_run = metadata.get(DRY_RUN_KEY) == "true" and not call.method.safe
        if dry_run:
            request_id = ""  # what is not done can be done later with the same key
        return ctx.Context(
            tenant=principal.tenant,
            actor=ctx.Actor(id=principal.subject, kind=principal.kind),
            act=principal.act or _behalf(principal, metadata),
            roles=principal.roles,
            permissions=policy.allowed(principal.roles, principal.limits),
            scope={} if plain else policy.scope(principal.roles, requires, principal.subject),
            request_id=f"{principal.subject}|{call.name}|{request_id}" if request_id else "",
            request_hash=_digest(request) if request_id else "",
            dry_run=dry_run,
            correlation_id=_correlation(metadata.get("x-request-id", "")),
            trace=telemetry.current_trace(),
            token=token,
            auth_time=principal.auth_time,
            acr=principal.acr,
            attended=principal.attended,
            credential="" if principal.attended else principal.session_id,
            time=None if call.method.safe else await self._dated_back(principal.tenant, metadata),
        )


def _rebuilt(response: type[Message], replay: Replay) -> Message | None:
    """The answer that was given; where it wrapped a record, without what was beside it: a secret is told once."""
    descriptor: Any = response.DESCRIPTOR
    if replay.answer_type == descriptor.full_name:
        return response.FromString(replay.answer)
    for field in descriptor.fields:
        if field.message_type is not None and field.message_type.full_name == replay.answer_type and not field.is_repeated:
            answer = response()
            getattr(answer, field.name).ParseFromString(replay.answer)
            return answer
    return None


def _digest(request: Message) -> str:
    return hashlib.sha256(request.SerializeToString(deterministic=True)).hexdigest()


def _behalf(principal: Principal, metadata: Mapping[str, str]) -> str:
    """On whose behalf a service says that it acts, such as `connections/cnx_…`: for the history only, no right follows from it.
    Of anybody else nothing is believed."""
    given = metadata.get(BEHALF_KEY, "")
    return given if principal.kind == "service" and len(given) <= 128 and _BEHALF.issuperset(given) else ""


def _correlation(given: str) -> str:
    return given if given and len(given) <= 128 and _CORRELATION.issuperset(given) else uuid7()
