"""The parts that every owning service has, plugged together once: database, store, guard, RPC edge, relay, health.

A service's `build(settings)` makes an `Assembly`, adds its servicers and handlers, and hands out `service`.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Any

import grpc
import httpx
import orjson
from itsm.auth import v1 as auth_pb
from itsm.operations import v1 as operations_pb

from chassis import operations, telemetry, texts
from chassis.auth import Issuer, Policy, ServiceAccount, Verifier, own_issuer
from chassis.demonstration import ToldClock
from chassis.domain import SystemClock, uuid7
from chassis.emptying import Emptying
from chassis.events import INDEXES, Consumer, Relay, Subscriptions
from chassis.events.replays import Replays
from chassis.failpoints import Failpoints
from chassis.guard import Guard
from chassis.keys import Keys
from chassis.lease import Lease
from chassis.peers import SERVICE_CLIENTS
from chassis.policy import Part
from chassis.rpc import Channels, Edge, call
from chassis.service import Service, Stage
from chassis.settings import Settings
from chassis.store import Index, Kind, Store
from chassis.store.migrations import MIGRATING, Migration, check, migrate
from chassis.store.mongo import MongoBackend
from chassis.texts import Wording
from chassis.trust import trusting


class Assembly:
    """One process with its store and its edge. `fetch_policy` replaces the call to the auth service, for that one itself.

    `wordings` says which of its records hold words that are searched; `keeping` are collections that stay where a tenant for
    demonstration is emptied.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        kinds: Iterable[Kind] = (),
        indexes: Iterable[Index] = (),
        migrations: Sequence[Migration] = (),
        fetch_policy: Callable[[], Any] | None = None,
        wordings: Iterable[Wording] = (),
        keeping: Collection[str] = (),
    ) -> None:
        self.settings = settings
        self.service = Service(name, settings)
        Lease.usual = settings.lease_seconds
        self.clock = ToldClock(SystemClock(settings.clock_file))
        self.backend = MongoBackend(
            settings.mongo_uri.get_secret_value(),
            settings.mongo_driver,
            listeners=telemetry.mongo_listeners(),
            authorities=settings.ca_file,
        )
        self.failpoints = Failpoints(name, settings.failpoints)
        self.store = Store(
            self.backend,
            self.clock,
            (*operations.KINDS, *kinds),
            (*INDEXES, *operations.INDEXES, *indexes),
            failpoints=self.failpoints,
        )
        self.emptying = Emptying(self.store, keeping)
        self.http = httpx.AsyncClient(timeout=5, trust_env=False, verify=trusting(settings.ca_file))
        realm = settings.oidc_internal_url or settings.oidc_issuer
        keys = partial(Keys, http=self.http, refreshes=self.service.metrics.jwks_refresh)
        self.verifier = Verifier(
            Issuer(name=settings.oidc_issuer, keys=keys(f"{realm}/protocol/openid-connect/certs")),
            Issuer(name=own_issuer(settings.installation), keys=keys(settings.token_issuer_jwks)),
            service_clients=SERVICE_CLIENTS,
        )
        self.account = ServiceAccount(
            f"{realm}/protocol/openid-connect/token",
            settings.client_id,
            settings.client_secret.get_secret_value(),
            self.http,
        )
        self.channels = Channels(settings.tls_folder)
        self.guard = Guard(self.verifier, fetch_policy or self._fetch_policy, self.backend)
        self._migrations = migrations
        self._wordings = tuple(wordings)
        self._wire()

    def serve(self, service: str, add_to_server: Callable[[Any, grpc.aio.Server], None], servicer: Any) -> None:
        """Serves a proto service (`itsm.incident.v1.IncidentService`) behind the edge."""
        self._edge.add(service)
        self.service.serve(add_to_server, servicer)

    def react(self, subscriptions: Subscriptions) -> None:
        """Consumes events as one group. Without a broker in the settings nothing is consumed."""
        if self.settings.kafka_bootstrap:
            service = self.service
            Consumer(self.store, self.settings, service.name, subscriptions, service.metrics, self.failpoints).attach(service)

    def _operate(self) -> None:
        key = self.settings.page_token_key.get_secret_value().encode()
        own = operations.Operations(self.store, operations.listing(key, self.clock))
        self.serve(
            "itsm.operations.v1.OperationsService",
            operations_pb.add_OperationsServiceServicer_to_server,
            operations.OperationsApi(self.service.name, own, self.emptying),
        )
        self.serve(
            texts.SERVICE,
            operations_pb.add_TextServiceServicer_to_server,
            texts.TextApi(texts.Texts(self.store, self._wordings)),
        )
        Replays(self.store, self.settings, self.service.name).attach(self.service)

    def _wire(self) -> None:
        service = self.service
        self._edge = Edge(self.guard, (), service.metrics, store=self.store, reached=self.failpoints.reached)
        if self.settings.kafka_bootstrap:
            Relay(self.store, self.settings, service.name, service.metrics, self.failpoints).attach(service)
            self._operate()
        service.intercept(self._edge)
        if self.settings.migrates_at_start:
            service.on_start(self._migrate)
        service.offer("migrate", self._migrate_alone)
        service.on_start(self.guard.begin)
        service.on_start(self._fetch_keys)
        # What consumes and what falls due writes in the present shape: beside a migration of the former one it would be lost.
        service.hold(self._check_schema)
        service.background("policy", self.guard.follow)
        service.background("emptied tenants", self.emptying.follow)
        service.check("mongo", self.backend.ping)
        service.check("schema", self._check_schema)
        service.check("policy", self.guard.check)
        service.on_stop(Stage.STORE, self._close)

    async def _fetch_keys(self) -> None:
        """So that the first call to a process that is new among others does not wait for them."""
        await asyncio.gather(*(keys.fetch() for keys in self.verifier.keys))

    async def _migrate(self) -> None:
        await migrate(self.backend, self.store.indexes, self._migrations)

    async def _migrate_alone(self) -> None:
        """As a command: waits for the database, and for whoever else is at it."""
        try:
            await Lease(self.backend, MIGRATING, uuid7()).lead(self._migrate)
        finally:
            await self._close()

    async def _check_schema(self) -> None:
        await check(self.backend, self.store.indexes, self._migrations)

    async def _close(self) -> None:
        await self.channels.close()
        await self.http.aclose()
        await self.backend.close()

    async def _fetch_policy(self) -> Policy:
        known = self.guard.known
        asked = auth_pb.GetPolicyRequest(known_version=known.version, known_revision=known.revision) if known else None
        stub = auth_pb.PolicyServiceStub(self.channels.to(self.settings.auth_target))
        answer = await call(stub.GetPolicy, asked or auth_pb.GetPolicyRequest(), repeatable=True)
        if known is not None and (answer.version, answer.revision) == (known.version, known.revision):
            return known
        own = {each.tenant: _part(each.roles, lambda row: map(answer.permissions.__getitem__, row)) for each in answer.tenants}
        common = _part(answer.roles, iter)
        return Policy(answer.version, common.roles, common.scopes, answer.revision, own)


def _part(rows: Iterable[Any], permitted: Callable[[Any], Iterable[str]]) -> Part:
    """What roles permit, as the auth service tells it."""
    known = list(rows)
    return Part(
        {row.role: frozenset(permitted(row.permissions)) for row in known},
        {row.role: {scope.resource: orjson.loads(scope.filter) for scope in row.scopes} for row in known if row.scopes},
    )
