"""What other services know, asked as the caller of the running RPC: whatever he may not read is not told here either.

Fails with what the service raised; `NotFound` for a kind of records that there is none of.
"""

from collections.abc import Mapping
from typing import Any

from google.protobuf.message import Message

from chassis import context as ctx
from chassis import telemetry
from chassis.errors import Denied, NotFound
from chassis.guard import Guard
from chassis.rpc import Method
from services.gateway.ports import Seen
from services.gateway.rest.route import Route
from services.gateway.rest.routes import PREFIX, Routes
from services.gateway.rest.upstream import Call

SECONDS = 5.0
_WORKED_ON = ("itsm.incident.v1.", "itsm.asset.v1.", "itsm.monitor.v1.", "itsm.analytics.v1.")
"""Whose records people look at together; those of the others are rights and settings, whose reading is audited."""


class Callers:
    """Calls on behalf of the caller."""

    def __init__(self, routes: Routes, call: Call) -> None:
        self._call = call
        self._routes: Mapping[tuple[str, str], Route] = {(each.verb, each.template): each for each in routes.all}

    async def get(self, template: str, **fields: Any) -> Any:
        """What `GET` of a declared address answers, `/api/v1/incidents/{id}` with the fields of its request."""
        route = self._routes["GET", template]
        return await self.ask(route.service, route.rpc, route.rpc.request(**fields))

    async def ask(self, service: str, method: Method, request: Message) -> Any:
        """The answer of an RPC."""
        caller = ctx.current()
        metadata = {"authorization": f"Bearer {caller.token}", "x-itsm-tenant": caller.tenant}
        if caller.correlation_id:
            metadata["x-request-id"] = caller.correlation_id
        telemetry.inject(metadata)
        return await self._call(service, method, request, metadata=tuple(metadata.items()), timeout=SECONDS)

    def one_of(self, resources: str) -> Route:
        """How one record of a kind is read that people work on. Raises `NotFound`."""
        route = self._routes.get(("GET", f"{PREFIX}{resources}/{{id}}"))
        if route is None or route.resource != resources or not route.service.startswith(_WORKED_ON):
            raise NotFound("kind of records", resources[:100])
        return route


class Sighted:
    """See `services.gateway.ports.Seeing`."""

    def __init__(self, callers: Callers, guard: Guard) -> None:
        self._callers, self._guard = callers, guard

    async def record(self, resources: str, id: str) -> Seen:  # noqa: A002 - as its field
        """See `ports.Seeing`."""
        route = self._callers.one_of(resources)
        try:
            found = await self._callers.ask(route.service, route.rpc, route.rpc.request(id=id))
        except Denied:  # of what he may not read he is not told what there is
            raise NotFound("record", id[:100]) from None
        caller = ctx.current()
        scope = self._guard.policy().of(caller.tenant).scope(caller.roles, route.rpc.requires, caller.actor.id)
        return Seen(f"{resources}/{found.id}", not scope)
