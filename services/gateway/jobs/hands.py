"""The calls of a job, as the person who asked for it: with a token of a minute, made anew as long as that person may.

What is interactive goes first: each call is let in as bulk work is, and no sooner. The calls of all jobs take turns, one after
the other as they come: a job that is long takes no more of them than one that is short.

Fails: `Over` where nothing of the person's rights is left; `Unavailable`, `Exhausted` or `DeadlinePassed` where it has to wait.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from google.protobuf.message import Message
from itsm.auth import v1 as auth_pb

from chassis import context as ctx
from chassis.assembly import Assembly
from chassis.errors import Denied, ForbiddenMove, Unauthenticated, Unavailable
from chassis.http.problems import Problem
from chassis.rpc import call
from services.gateway.domain.job import Job
from services.gateway.rest.route import Route
from services.gateway.rest.shedding import Class, Shedding
from services.gateway.rest.upstream import Call

SECONDS = 20.0
CALLS_AT_ONCE = 8
"""Of all jobs together."""
_FRESH = 40.0

Delegate = Callable[[str, Job, Sequence[str]], Awaitable[str]]
"""A token for a job of a tenant that holds these permissions at most."""


class Policy(Protocol):
    """What roles permit; see `chassis.guard.Guard`."""

    async def verify(self, token: str, tenant_hint: str = "") -> Any:
        """Whom a token stands for."""

    def policy(self) -> Any:
        """The roles and their permissions as last heard."""


class Over(Exception):
    """The job cannot go on: its person may not do this any more."""


@dataclass(slots=True)
class Hands:
    """Makes the calls of one job. `needs` are the permissions that it takes, `turns` the places that all jobs share."""

    job: Job
    tenant: str
    needs: Sequence[str]
    call: Call
    shedding: Shedding
    guard: Policy
    delegate: Delegate
    turns: asyncio.Semaphore
    monotonic: Callable[[], float] = time.monotonic
    _token: str = field(default="", init=False)
    _until: float = field(default=0.0, init=False)

    async def do(
        self,
        route: Route,
        request: Message,
        *,
        key: str = "",
        more: Sequence[tuple[str, str]] = (),
        said: dict[str, Any] | None = None,
    ) -> Any:
        """The answer to a call; `key` tells a service that it is this very call, `said` is filled with what it says beside it.

        Raises what the service raised.
        """
        async with self.turns:
            return await self._done(route, request, key, more, said)

    async def _done(
        self, route: Route, request: Message, key: str, more: Sequence[tuple[str, str]], said: dict[str, Any] | None
    ) -> Any:
        metadata = [("authorization", f"Bearer {await self._shown()}"), ("x-request-id", self.job.id), *more]
        if key:
            metadata.append(("idempotency-key", key))
        try:
            with self.shedding.admitted(Class.BULK):
                return await self.call(route.service, route.rpc, request, metadata=metadata, timeout=SECONDS, trailing=said)
        except Problem as shed:
            raise Unavailable(shed.detail, timedelta(seconds=int(shed.headers.get("retry-after", "1")))) from shed
        except Unauthenticated as stale:
            self._token = ""  # it may have ended on its way; whether there is another is asked next time
            raise Unavailable("the token of the job was not taken") from stale

    async def _shown(self) -> str:
        """The token. Raises `Over`."""
        if not self._token or self.monotonic() >= self._until:
            try:
                token = await self.delegate(self.tenant, self.job, self.needs)
            except ForbiddenMove as refused:
                raise Over(refused.message) from refused
            principal = await self.guard.verify(token, self.tenant)
            try:
                for permission in self.needs:
                    self.guard.policy().of(principal.tenant).require(permission, principal.roles, principal.limits)
            except Denied as lacking:
                raise Over(f"whoever asked for it may not do this any more: {lacking.message}") from lacking
            self._token, self._until = token, self.monotonic() + _FRESH
        return self._token


def delegating(assembly: Assembly) -> Delegate:
    """`Delegate` by the auth service."""

    async def delegate(tenant: str, job: Job, needs: Sequence[str]) -> str:
        stub = auth_pb.DelegationServiceStub(assembly.channels.to(assembly.settings.auth_target))
        request = auth_pb.DelegateRequest(
            subject=job.creator_id,
            roles=job.roles,
            permissions=sorted(set(needs) & set(job.limits)),
            credential_id=job.credential_id,
        )
        token = await assembly.account.token()
        try:
            answer = await call(stub.Delegate, request, token=token, tenant=tenant, timeout=5, repeatable=True)
        except (Denied, Unauthenticated) as refused:  # of this service, not of the person: another version of the table
            raise Unavailable("the auth service gives this service no such token") from refused
        return str(answer.token)

    return delegate


def asking(tenant: str) -> ctx.Context:
    """Who keeps the records of jobs: this service, in the tenant of the job."""
    return ctx.Context(tenant=tenant, actor=ctx.Actor(id="itsm-gateway", kind="service"))
