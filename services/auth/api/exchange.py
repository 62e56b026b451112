"""Short tokens for what proves who somebody is, or for whom somebody acts."""

from typing import Any

from itsm.auth import v1 as pb

from chassis.auth import Verifier
from services.auth.domain.credential import Kind
from services.auth.usecases.credentials import Credentials
from services.auth.usecases.logout import LogoutTokens
from services.auth.usecases.reading import Reading


class ExchangeApi(pb.ExchangeServiceServicer):
    """`itsm.auth.v1.ExchangeService`. What is shown is the proof; whoever calls is not asked."""

    def __init__(self, credentials: Credentials, verifier: Verifier, logouts: LogoutTokens, reading: Reading) -> None:
        self._credentials = credentials
        self._verifier = verifier
        self._logouts = logouts
        self._reading = reading

    async def Exchange(self, request: pb.ExchangeRequest, context: Any) -> pb.ExchangeResponse:
        kind = Kind(pb.Token.Kind.Name(request.kind)) if request.kind else None
        made = await self._credentials.exchange(request.secret, kind)
        answer = pb.ExchangeResponse(
            token=made.token,
            tenant=made.tenant,
            subject=made.credential.subject,
            credential_id=made.credential.id,
            kind=made.credential.kind.value,
        )
        answer.expire_time.FromSeconds(made.end)
        return answer

    async def OpenSession(self, request: pb.OpenSessionRequest, context: Any) -> pb.OpenSessionResponse:
        principal = await self._verifier.verify(request.access_token, request.tenant)
        session, secret = await self._credentials.open_session(principal)
        return pb.OpenSessionResponse(
            secret=secret.text, expire_time=session.expire_time, tenant=secret.tenant, subject=session.subject
        )

    async def CloseSession(self, request: pb.CloseSessionRequest, context: Any) -> pb.CloseSessionResponse:
        await self._credentials.close_session(request.secret)
        return pb.CloseSessionResponse()

    async def EndSessions(self, request: pb.EndSessionsRequest, context: Any) -> pb.EndSessionsResponse:
        over = await self._logouts.verify(request.logout_token)
        tenants = await self._reading.tenants()
        ended = await self._credentials.end_sessions(tenants, session_id=over.session_id, subject=over.subject)
        return pb.EndSessionsResponse(ended=ended)


class DelegationApi(pb.DelegationServiceServicer):
    """`itsm.auth.v1.DelegationService`."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    async def Delegate(self, request: pb.DelegateRequest, context: Any) -> pb.DelegateResponse:
        token, end = await self._credentials.delegate(
            request.subject, request.roles, request.permissions, request.credential_id
        )
        answer = pb.DelegateResponse(token=token)
        answer.expire_time.FromSeconds(end)
        return answer
