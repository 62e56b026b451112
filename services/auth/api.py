"""The servicers: unpack the request, call the use case, pack the answer."""

from collections.abc import Collection, Mapping
from typing import Any

import orjson
from google.protobuf import json_format, struct_pb2
from itsm.auth import v1 as pb
from itsm.type import v1 as shared

from chassis import context as ctx
from chassis.auth import Verifier
from chassis.codec import document_to_message, given, to_message
from chassis.errors import NotFound
from chassis.policy import Policy
from services.auth.domain import roles as table
from services.auth.domain.credential import Credential, Kind
from services.auth.realm.wanted import ROLES as DESCRIPTIONS
from services.auth.usecases.credentials import CREDENTIALS, Credentials
from services.auth.usecases.logout import LogoutTokens
from services.auth.usecases.mirror import TEAMS, USERS
from services.auth.usecases.people import People
from services.auth.usecases.reading import AUDIT, Asked, Document, Reading


class PolicyApi(pb.PolicyServiceServicer):
    """`itsm.auth.v1.PolicyService`."""

    def __init__(self, policy: Policy) -> None:
        self._answer = pb.Policy(version=policy.version)
        for role, permissions in sorted(policy.roles.items()):
            row = self._answer.roles.add(role=role, permissions=sorted(permissions))
            for resource, scope in sorted(policy.scopes.get(role, {}).items()):
                row.scopes.add(resource=resource, filter=orjson.dumps(scope).decode())

    async def GetPolicy(self, request: pb.GetPolicyRequest, context: Any) -> pb.Policy:
        return self._answer


class TokenApi(pb.TokenServiceServicer):
    """`itsm.auth.v1.TokenService`."""

    def __init__(self, credentials: Credentials, reading: Reading, stored: Any) -> None:
        self._credentials = credentials
        self._reading = reading
        self._stored = stored

    async def CreateToken(self, request: pb.CreateTokenRequest, context: Any) -> pb.CreateTokenResponse:
        asked = given(request.token, Credential)
        credential, secret = await self._credentials.create(
            asked.get("kind", Kind.PERSONAL),
            asked["name"],
            asked.get("roles", ()),
            asked.get("permissions", ()),
            asked.get("expire_time"),
        )
        return pb.CreateTokenResponse(token=to_message(credential, pb.Token), secret=secret.text)

    async def GetToken(self, request: pb.GetTokenRequest, context: Any) -> pb.Token:
        return document_to_message(await self._stored.document(Credential, request.id), pb.Token)

    async def ListTokens(self, request: pb.ListTokensRequest, context: Any) -> pb.ListTokensResponse:
        rows, token = await self._reading.page(CREDENTIALS, _asked(request))
        return pb.ListTokensResponse(tokens=[document_to_message(row, pb.Token) for row in rows], next_page_token=token)

    async def RevokeToken(self, request: pb.RevokeTokenRequest, context: Any) -> pb.Token:
        return to_message(await self._credentials.revoke(request.id, etag=request.etag), pb.Token)


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


class UserApi(pb.UserServiceServicer):
    """`itsm.auth.v1.UserService`."""

    def __init__(self, people: People, reading: Reading) -> None:
        self._people = people
        self._reading = reading

    async def GetUser(self, request: pb.GetUserRequest, context: Any) -> pb.User:
        return await self._user(await self._reading.get(USERS, request.id, "user"))

    async def ListUsers(self, request: pb.ListUsersRequest, context: Any) -> pb.ListUsersResponse:
        rows, token = await self._reading.page(USERS, _asked(request))
        return pb.ListUsersResponse(users=[await self._user(row) for row in rows], next_page_token=token)

    async def _user(self, row: Document) -> pb.User:
        granted = await self._people.granted(row["tenant"], row["subject"]) if row["enabled"] else ()
        roles = sorted({*row["realm_roles"], *granted})
        return document_to_message(_mirrored(row) | {"roles": roles}, pb.User)

    async def GetTeam(self, request: pb.GetTeamRequest, context: Any) -> pb.Team:
        return document_to_message(_mirrored(await self._reading.get(TEAMS, request.id, "team")), pb.Team)

    async def ListTeams(self, request: pb.ListTeamsRequest, context: Any) -> pb.ListTeamsResponse:
        rows, token = await self._reading.page(TEAMS, _asked(request))
        return pb.ListTeamsResponse(teams=[document_to_message(_mirrored(row), pb.Team) for row in rows], next_page_token=token)

    async def GetRole(self, request: pb.GetRoleRequest, context: Any) -> pb.Role:
        if request.id not in DESCRIPTIONS:
            raise NotFound("role", request.id)
        return _role(request.id)

    async def ListRoles(self, request: pb.ListRolesRequest, context: Any) -> pb.ListRolesResponse:
        return pb.ListRolesResponse(roles=[_role(name) for name in sorted(DESCRIPTIONS)])

    async def GetTenant(self, request: pb.GetTenantRequest, context: Any) -> pb.Tenant:
        if request.id != ctx.current().tenant:
            raise NotFound("tenant", request.id)
        return _tenant(await self._reading.own_tenant())

    async def ListTenants(self, request: pb.ListTenantsRequest, context: Any) -> pb.ListTenantsResponse:
        return pb.ListTenantsResponse(tenants=[_tenant(await self._reading.own_tenant())])

    async def WhoAmI(self, request: pb.WhoAmIRequest, context: Any) -> pb.WhoAmIResponse:
        caller = ctx.current()
        return pb.WhoAmIResponse(
            subject=caller.actor.id,
            kind=caller.actor.kind,
            tenant=caller.tenant,
            roles=sorted(caller.roles),
            permissions=sorted(caller.permissions),
            team_ids=await self._reading.teams_of(caller.actor.id),
        )

    async def GrantRole(self, request: pb.GrantRoleRequest, context: Any) -> pb.Grant:
        return to_message(await self._people.grant(request.id, request.role), pb.Grant)

    async def RevokeRole(self, request: pb.RevokeRoleRequest, context: Any) -> pb.Grant:
        return to_message(await self._people.take(request.id, request.role), pb.Grant)


class AuditApi(pb.AuditServiceServicer):
    """`itsm.auth.v1.AuditService`."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    async def GetAuditEntry(self, request: pb.GetAuditEntryRequest, context: Any) -> pb.AuditEntry:
        return _audit_entry(await self._reading.get(AUDIT, request.id, "auditEntry"))

    async def ListAuditEntries(self, request: pb.ListAuditEntriesRequest, context: Any) -> pb.ListAuditEntriesResponse:
        rows, token = await self._reading.page(AUDIT, _asked(request))
        return pb.ListAuditEntriesResponse(audit_entries=[_audit_entry(row) for row in rows], next_page_token=token)


def _asked(request: Any) -> Asked:
    size = request.page_size if request.HasField("page_size") else None
    return Asked(request.filter, request.order_by, size, request.page_token)


def _mirrored(row: Document) -> dict[str, Any]:
    """A mirrored document as the world sees it: by the realm's id, without the tenant that its key holds."""
    return {**{name: value for name, value in row.items() if name != "_id"}, "id": row["subject"]}


def _role(name: str) -> pb.Role:
    return pb.Role(id=name, description=DESCRIPTIONS[name], permissions=sorted(_permissions(name)))


def _permissions(name: str) -> Collection[str]:
    return table.ROLES[name]


def _tenant(row: Document) -> pb.Tenant:
    return pb.Tenant(id=row["tenant"], name=row["name"], enabled=row["enabled"])


def _audit_entry(row: Document) -> pb.AuditEntry:
    plain = {name: value for name, value in row.items() if name not in ("_id", "changes")}
    message = document_to_message(plain | {"id": row["entry"]}, pb.AuditEntry)
    message.changes.extend(_change(change) for change in row["changes"])
    return message


def _change(change: Mapping[str, Any]) -> shared.FieldChange:
    old, new = (json_format.ParseDict(change[side], struct_pb2.Value()) for side in ("old", "new"))
    return shared.FieldChange(field=change["field"], old=old, new=new)
