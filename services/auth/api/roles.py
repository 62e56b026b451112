"""Roles: those that every tenant has, those that this one has made, and what people may do by them."""

from typing import Any

from google.protobuf.message import Message
from itsm.auth import v1 as pb

from chassis.codec import changes, document_to_message, given, to_message
from services.auth.domain import roles as table
from services.auth.domain.role import Role
from services.auth.realm.wanted import ROLES as DESCRIPTIONS
from services.auth.usecases.roles import Roles


class RoleApi(pb.RoleServiceServicer):
    """`itsm.auth.v1.RoleService`."""

    def __init__(self, roles: Roles) -> None:
        self._roles = roles

    async def CreateRole(self, request: pb.CreateRoleRequest, context: Any) -> pb.Role:
        return to_message(await self._roles.create(given(request.role, Role)), pb.Role)

    async def UpdateRole(self, request: pb.UpdateRoleRequest, context: Any) -> pb.Role:
        return to_message(await self._roles.update(request.id, _fields(request), etag=request.etag), pb.Role)

    async def DeleteRole(self, request: pb.DeleteRoleRequest, context: Any) -> pb.Role:
        return to_message(await self._roles.delete(request.id, etag=request.etag), pb.Role)

    async def PreviewRole(self, request: pb.PreviewRoleRequest, context: Any) -> pb.RolePreview:
        found = await self._roles.preview(request.id, _fields(request), etag=request.etag)
        answer = pb.RolePreview(
            gained=found.gained,
            lost=found.lost,
            holder_count=found.holder_count,
            affected_count=found.affected_count,
            token_count=found.token_count,
        )
        for each in found.affected:
            name = each.user["display_name"] or each.user["username"]
            answer.affected.add(user_id=each.user["subject"], display_name=name, gained=each.gained, lost=each.lost)
        return answer

    async def GetUserPermissions(self, request: pb.GetUserPermissionsRequest, context: Any) -> pb.UserPermissions:
        found = await self._roles.rights(request.id)
        answer = pb.UserPermissions(user_id=found.user["subject"], enabled=found.user["enabled"])
        for role, source in found.roles.items():
            answer.roles.add(role=role, realm=source.realm, granted=source.granted, directory_ids=source.directory_ids)
        for permission, (roles, bounded) in found.permissions.items():
            answer.permissions.add(permission=permission, roles=roles, bounded=bounded)
        return answer


async def one_of(roles: Roles, id: str) -> pb.Role:  # noqa: A002 - as its field
    """A role that every tenant has, or one of this tenant's own. Raises `NotFound`."""
    return built_in(id) if id in DESCRIPTIONS else _own(await roles.get(id))


async def all_of(roles: Roles) -> list[pb.Role]:
    """Those that every tenant has, then this tenant's own."""
    return [*map(built_in, sorted(DESCRIPTIONS)), *map(_own, await roles.all())]


def built_in(name: str) -> pb.Role:
    """A role that every tenant has."""
    return pb.Role(id=name, name=name, description=DESCRIPTIONS[name], permissions=sorted(table.ROLES[name]), built_in=True)


def _own(row: Any) -> pb.Role:
    return document_to_message(row, pb.Role)


def _fields(request: Any) -> dict[str, Any]:
    role: Message = request.role
    if request.HasField("update_mask"):
        return changes(role, request.update_mask.paths, Role, fixed=True)
    return given(role, Role)
