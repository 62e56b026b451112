"""People, teams, roles and tenants, as the realm has them."""

from typing import Any

from itsm.auth import v1 as pb

from chassis import context as ctx
from chassis.codec import document_to_message, to_message
from chassis.errors import NotFound
from services.auth.api.requests import asked
from services.auth.api.roles import all_of, one_of
from services.auth.usecases.mirror import TEAMS, USERS
from services.auth.usecases.people import People
from services.auth.usecases.reading import Document, Reading
from services.auth.usecases.roles import Roles


class UserApi(pb.UserServiceServicer):
    """`itsm.auth.v1.UserService`."""

    def __init__(self, people: People, reading: Reading, roles: Roles) -> None:
        self._people = people
        self._reading = reading
        self._roles = roles

    async def GetUser(self, request: pb.GetUserRequest, context: Any) -> pb.User:
        return await self._user(await self._reading.get(USERS, request.id, "user"))

    async def ListUsers(self, request: pb.ListUsersRequest, context: Any) -> pb.ListUsersResponse:
        rows, token = await self._reading.page(USERS, asked(request))
        return pb.ListUsersResponse(users=[await self._user(row) for row in rows], next_page_token=token)

    async def _user(self, row: Document) -> pb.User:
        granted = await self._people.granted(row["tenant"], row["subject"]) if row["enabled"] else ()
        roles = sorted({*row["realm_roles"], *granted})
        return document_to_message(_mirrored(row) | {"roles": roles}, pb.User)

    async def GetTeam(self, request: pb.GetTeamRequest, context: Any) -> pb.Team:
        return document_to_message(_mirrored(await self._reading.get(TEAMS, request.id, "team")), pb.Team)

    async def ListTeams(self, request: pb.ListTeamsRequest, context: Any) -> pb.ListTeamsResponse:
        rows, token = await self._reading.page(TEAMS, asked(request))
        return pb.ListTeamsResponse(teams=[document_to_message(_mirrored(row), pb.Team) for row in rows], next_page_token=token)

    async def GetRole(self, request: pb.GetRoleRequest, context: Any) -> pb.Role:
        return await one_of(self._roles, request.id)

    async def ListRoles(self, request: pb.ListRolesRequest, context: Any) -> pb.ListRolesResponse:
        return pb.ListRolesResponse(roles=await all_of(self._roles))

    async def GetTenant(self, request: pb.GetTenantRequest, context: Any) -> pb.Tenant:
        if request.id != ctx.current().tenant:
            raise NotFound("tenant", request.id)
        return _tenant(await self._reading.own_tenant())

    async def ListTenants(self, request: pb.ListTenantsRequest, context: Any) -> pb.ListTenantsResponse:
        return pb.ListTenantsResponse(tenants=[_tenant(await self._reading.own_tenant())])

    async def WhoAmI(self, request: pb.WhoAmIRequest, context: Any) -> pb.WhoAmIResponse:
        caller = ctx.current()
        known = await self._reading.person(caller.actor.id)
        return pb.WhoAmIResponse(
            subject=caller.actor.id,
            kind=caller.actor.kind,
            tenant=caller.tenant,
            roles=sorted(caller.roles),
            permissions=sorted(caller.permissions),
            team_ids=known.get("team_ids", ()),
            display_name=known.get("display_name", ""),
            username=known.get("username", ""),
        )

    async def GrantRole(self, request: pb.GrantRoleRequest, context: Any) -> pb.Grant:
        return to_message(await self._people.grant(request.id, request.role), pb.Grant)

    async def RevokeRole(self, request: pb.RevokeRoleRequest, context: Any) -> pb.Grant:
        return to_message(await self._people.take(request.id, request.role), pb.Grant)


def _mirrored(row: Document) -> dict[str, Any]:
    """A mirrored document as the world sees it: by the realm's id, without the tenant that its key holds."""
    return {**{name: value for name, value in row.items() if name != "_id"}, "id": row["subject"]}


def _tenant(row: Document) -> pb.Tenant:
    return pb.Tenant(id=row["tenant"], name=row["name"], enabled=row["enabled"])
