"""Tokens that people make for themselves and for programs."""

from typing import Any

from itsm.auth import v1 as pb

from chassis.codec import document_to_message, given, to_message
from services.auth.api.requests import asked
from services.auth.domain.credential import Credential, Kind
from services.auth.usecases.credentials import CREDENTIALS, Credentials
from services.auth.usecases.reading import Reading


class TokenApi(pb.TokenServiceServicer):
    """`itsm.auth.v1.TokenService`."""

    def __init__(self, credentials: Credentials, reading: Reading, stored: Any) -> None:
        self._credentials = credentials
        self._reading = reading
        self._stored = stored

    async def CreateToken(self, request: pb.CreateTokenRequest, context: Any) -> pb.CreateTokenResponse:
        wanted = given(request.token, Credential)
        credential, secret = await self._credentials.create(
            wanted.get("kind", Kind.PERSONAL),
            wanted["name"],
            wanted.get("roles", ()),
            wanted.get("permissions", ()),
            wanted.get("expire_time"),
        )
        return pb.CreateTokenResponse(token=to_message(credential, pb.Token), secret=secret.text)

    async def GetToken(self, request: pb.GetTokenRequest, context: Any) -> pb.Token:
        return document_to_message(await self._stored.document(Credential, request.id), pb.Token)

    async def ListTokens(self, request: pb.ListTokensRequest, context: Any) -> pb.ListTokensResponse:
        rows, token = await self._reading.page(CREDENTIALS, asked(request))
        return pb.ListTokensResponse(tokens=[document_to_message(row, pb.Token) for row in rows], next_page_token=token)

    async def RevokeToken(self, request: pb.RevokeTokenRequest, context: Any) -> pb.Token:
        return to_message(await self._credentials.revoke(request.id, etag=request.etag), pb.Token)
