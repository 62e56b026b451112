"""Who may call, and who pretends to: real tokens of the running stack's two issuers, and tokens that must be refused."""

import time
from dataclasses import dataclass, field
from typing import Any

import grpc
import httpx
from google.protobuf.message import Message
from itsm.auth import v1 as auth_pb

from chassis.auth import ServiceAccount, own_issuer
from chassis.errors import STATUS_KEY
from chassis.rpc import connect
from chassis.settings import MongoDriver
from chassis.store.mongo import MongoBackend
from services.auth.usecases.signing import Signer
from tests.support.issuers import FakeIssuer
from tests.support.rpcs import Rpc
from tests.support.signin import Client, sign_in

SIGNATURE_OF_OURS = "Ed25519"


@dataclass(frozen=True, slots=True)
class Answer:
    """How a call ended; `status` has the bytes of `google.rpc.Status` of a refusal."""

    code: grpc.StatusCode
    details: str = ""
    status: bytes = b""
    reply: Any = None

    @property
    def let_in(self) -> bool:
        """Whether the caller was known and allowed, however the call then ended."""
        return self.code not in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)


@dataclass(slots=True)
class Callers:
    """Everybody who may knock at the services of one stack."""

    stack: dict[str, Any]
    _channels: dict[str, grpc.aio.Channel] = field(default_factory=dict)
    _signer: Signer | None = None
    _backend: MongoBackend | None = None

    async def call(self, rpc: Rpc, request: Message, token: str = "", tenant: str = "") -> Answer:
        """Calls the process itself, past the gateway."""
        return await self.send(rpc.owner, rpc.method.path, request, rpc.method.response, token, tenant)

    async def send(
        self, owner: str, path: str, request: Message, response: type[Message], token: str = "", tenant: str = ""
    ) -> Answer:
        """The same for an RPC that no descriptor of ours lists."""
        if owner not in self._channels:
            addresses = self.stack["services"][owner]  # the gateway's first address is that of HTTP
            self._channels[owner] = connect(addresses.get("rpc", addresses["target"]))
        metadata = [("authorization", f"Bearer {token}")] if token else []
        metadata += [("x-itsm-tenant", tenant)] if tenant else []
        stub = self._channels[owner].unary_unary(
            path, request_serializer=type(request).SerializeToString, response_deserializer=response.FromString
        )
        try:
            return Answer(grpc.StatusCode.OK, reply=await stub(request, metadata=metadata, timeout=60))
        except grpc.aio.AioRpcError as failure:
            trailing = dict(failure.trailing_metadata() or ())
            return Answer(failure.code(), failure.details() or "", trailing.get(STATUS_KEY, b""))

    async def person(self, role: str, tenant: str, subject: str = "") -> str:
        """A short token as the auth service signs it, for somebody who holds one role in a tenant."""
        if self._signer is None:
            environment = self.stack["backing"]["service_environment"]["auth"]
            self._backend = MongoBackend(self.stack["backing"]["mongo"]["uris"]["auth"], MongoDriver.PYMONGO)
            sealing = environment.get("ITSM_SIGNING_SECRET") or environment["ITSM_CLIENT_SECRET"]
            self._signer = Signer(self._backend, own_issuer(environment["ITSM_INSTALLATION"]), sealing)
        token, _ = await self._signer.sign(
            {"sub": subject or f"{role}-of-{tenant}", "kind": "user", "tenant": tenant, "roles": [role]}
        )
        return token

    async def exchanged(self, role: str) -> str:
        """What the auth service gives for the personal access token of the demonstration user."""
        exchange = auth_pb.ExchangeServiceStub(connect(self.stack["services"]["auth"]["target"]))
        answer = await exchange.Exchange(auth_pb.ExchangeRequest(secret=self.stack["users"][role]["token"]), timeout=60)
        token: str = answer.token
        return token

    async def machine(self, service: str) -> str:
        """The token of a service account, from the real Keycloak."""
        environment = self.stack["backing"]["service_environment"][service]
        address = f"{environment['ITSM_OIDC_ISSUER']}/protocol/openid-connect/token"
        async with httpx.AsyncClient(trust_env=False) as http:
            return await ServiceAccount(address, environment["ITSM_CLIENT_ID"], environment["ITSM_CLIENT_SECRET"], http).token()

    def console(self) -> Client:
        """The client of the realm that people sign in through."""
        environment = self.stack["backing"]["service_environment"]["gateway"]
        return Client(
            environment["ITSM_OIDC_ISSUER"],
            environment["ITSM_CONSOLE_CLIENT_ID"],
            f"{environment['ITSM_PUBLIC_URL']}/auth/callback",
            environment["ITSM_CONSOLE_CLIENT_SECRET"],
        )

    async def keycloak(self, user: str) -> dict[str, Any]:
        """All tokens of somebody who has just signed in at the real Keycloak."""
        return await sign_in(self.console(), user, self.stack["users"][user]["password"])

    def forged(self, role: str, tenant: str, **changes: Any) -> str:
        """Claims that are right in every respect, under a key of our own with the name of a real one."""
        issuer = own_issuer(self.stack["backing"]["service_environment"]["auth"]["ITSM_INSTALLATION"])
        fake = FakeIssuer(issuer, SIGNATURE_OF_OURS)
        now = int(time.time())
        fake.rotate(str(now // (7 * 24 * 3600)))  # the auth service names its keys after their week
        claims = {
            "iss": issuer, "aud": "itsm-api", "sub": "mallory", "kind": "user", "tenant": tenant, "roles": [role],
            "iat": now, "exp": now + 60, "auth_time": now,
        }  # fmt: skip
        return fake.sign(claims | changes, typ="at+jwt")

    async def close(self) -> None:
        """Ends all connections."""
        for channel in self._channels.values():
            await channel.close()
        if self._backend is not None:
            await self._backend.close()
