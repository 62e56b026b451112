"""The policy with what tenants have added to it, as the database of this service has it.

One document a tenant holds what its roles permit, beside the roles themselves and written with them: the policy is all
tenants', and a question without a tenant would go to every shard. One more counts the changes, so that looking whether
anything is otherwise costs one read, and nothing is sent where it is not.

Fails: `Unavailable` while the database is away; whoever asked keeps the policy that he has.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from chassis.context import current
from chassis.policy import Policy
from chassis.store import Backend, Insert, Transaction, Update
from services.auth.domain.role import Role, part

ROLE_POLICIES = "role_policies"
_ALL = "-"
_COUNT: Mapping[str, Any] = {"_id": "revision", "tenant": _ALL}


class Policies:
    """`table` is what every tenant has."""

    def __init__(self, backend: Backend, table: Policy) -> None:
        self._backend, self._known = backend, table

    async def current(self) -> Policy:
        """The policy as it is now: the same object as long as nothing changes."""
        # The count first: what is read after it is at least as new, and is read again where it was newer.
        counted = await self._backend.find_one(ROLE_POLICIES, _COUNT)
        revision = counted["revision"] if counted is not None else 0
        if revision != self._known.revision:
            rows = await self._backend.find(ROLE_POLICIES, {"tenant": _ALL})
            own = {row["of"]: part(row["roles"]) for row in rows if row.get("roles")}
            self._known = Policy(self._known.version, self._known.roles, self._known.scopes, revision, own)
        return self._known

    async def seen(self) -> int | None:
        """How often what this tenant has added was changed or counted on; None before the first time."""
        row = await self._backend.find_one(ROLE_POLICIES, _place())
        return row["changes"] if row is not None else None

    @staticmethod
    def rely(tx: Transaction, seen: int | None) -> None:
        """Has the transaction fail as `Busy` where a role of this tenant was changed since it was `seen`."""
        if seen is not None:
            tx.write(Update(ROLE_POLICIES, {**_place(), "changes": seen}, {"$inc": {"changes": 1}}))

    @staticmethod
    def write(tx: Transaction, seen: int | None, roles: Iterable[Role]) -> None:
        """Makes these the roles that this tenant has added; fails as `rely` does."""
        rows = [
            {"name": role.name, "permissions": role.permissions, "bounds": role.bounds, "team_ids": role.team_ids}
            for role in roles
        ]
        if seen is None:
            tx.write(Insert(ROLE_POLICIES, {**_place(), "of": current().tenant, "changes": 1, "roles": rows}))
        else:
            update = {"$set": {"roles": rows}, "$inc": {"changes": 1}}
            tx.write(Update(ROLE_POLICIES, {**_place(), "changes": seen}, update))
        tx.write(Update(ROLE_POLICIES, _COUNT, {"$inc": {"revision": 1}}, strict=False, upsert=True))


def _place() -> dict[str, Any]:
    return {"_id": f"of|{current().tenant}", "tenant": _ALL}
