"""For the matrix of callers: where people and their rights come from, in the tenant of the test."""

from collections.abc import Mapping

import grpc
from itsm.auth import v1 as pb

from tests.support.callers import Callers
from tests.support.rpcs import Rpc


async def given_from(
    callers: Callers, by_name: Mapping[str, Rpc], admin: str, tenant: str, canary: str
) -> dict[tuple[str, str], tuple[str, str]]:
    """A directory that nobody serves with a run of it, as runs are listed by directory only, and a role of the tenant's own."""
    made = {}
    directory = pb.Directory(name=canary, kind="OPENLDAP", url="ldaps://127.0.0.1:1024", base_dn="dc=x")
    role = pb.Role(name=canary, description=canary, permissions=["incidents.get"])
    for plural, method, request in (
        ("directories", "DirectoryService/CreateDirectory", pb.CreateDirectoryRequest(directory=directory)),
        ("roles", "RoleService/CreateRole", pb.CreateRoleRequest(role=role)),
    ):
        answer = await callers.call(by_name[f"auth.v1.{method}"], request, admin)
        assert answer.code is grpc.StatusCode.OK, (method, answer)
        made["auth", plural] = (answer.reply.id, tenant)
    sync = pb.SyncDirectoryRequest(id=made["auth", "directories"][0])
    asked = await callers.call(by_name["auth.v1.DirectoryService/SyncDirectory"], sync, admin)
    assert asked.code is grpc.StatusCode.OK, asked
    return made | {("auth", "directoryRuns"): (asked.reply.id, tenant)}
