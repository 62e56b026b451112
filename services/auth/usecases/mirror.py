"""Copies people, teams and tenants of the realm into the database, so that nothing here waits for Keycloak.

One copy per tenant and person: nobody of one tenant reads a document of another. Fails with `Unavailable` of the directory
or the database; the next pull makes up for it.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from chassis.auth import HOME_TENANT
from chassis.domain import Clock
from chassis.errors import Unavailable
from chassis.store import Store, Update
from services.auth.domain.person import Person, Snapshot, roles_by_group, teams_of
from services.auth.domain.roles import PEOPLE_ROLES
from services.auth.ports import Directory

USERS, TEAMS, TENANTS = "users", "teams", "tenants"
PERIOD = 30.0

_GONE: Mapping[str, Mapping[str, Any]] = {
    USERS: {"enabled": False, "realm_roles": [], "team_ids": []},
    TEAMS: {"member_ids": []},
    TENANTS: {"enabled": False},
}

_log = logging.getLogger(__name__)

Documents = dict[str, dict[str, Any]]


class Mirror:
    """Pulls from the directory. `home` is the tenant in which the realm's client roles count."""

    def __init__(self, directory: Directory, store: Store, clock: Clock, *, home: str = HOME_TENANT) -> None:
        self._directory = directory
        self._store = store
        self._clock = clock
        self._home = home

    async def run(self, period: float = PERIOD) -> None:
        """Pulls until canceled."""
        while True:
            try:
                await self.pull()
            except Unavailable as problem:
                _log.warning("Directory not mirrored.", extra={"reason": problem.reason})
            await asyncio.sleep(period)

    async def pull(self) -> int:
        """One pull; says how many documents changed."""
        snapshot = await self._directory.snapshot()
        changed = 0
        tenants = [organization.alias for organization in snapshot.organizations]
        for collection, wanted in self._wanted(snapshot).items():
            changed += await self._write(collection, wanted, tenants)
        return changed

    def _wanted(self, snapshot: Snapshot) -> Mapping[str, Documents]:
        people = {person.id: person for person in snapshot.people}
        users: Documents = {}
        teams: Documents = {}
        tenants: Documents = {}
        for organization in snapshot.organizations:
            tenant = organization.alias
            members = set(organization.member_ids)
            tenants[tenant] = {"tenant": tenant, "name": organization.name, "enabled": organization.enabled}
            mine = teams_of(tenant, snapshot.groups)
            for name, group in mine:
                member_ids = sorted(members & set(group.member_ids))
                teams[f"{tenant}|{group.id}"] = {"tenant": tenant, "subject": group.id, "name": name, "member_ids": member_ids}
            for subject in sorted(members & people.keys()):
                team_ids = [group.id for _, group in mine if subject in group.member_ids]
                roles = roles_by_group(tenant, subject, snapshot.groups) & PEOPLE_ROLES
                if tenant == self._home:
                    roles |= frozenset(people[subject].roles)
                user = self._user(people[subject], tenant, team_ids, organization.enabled)
                users[f"{tenant}|{subject}"] = user | {"realm_roles": sorted(roles)}
        return {TENANTS: tenants, TEAMS: teams, USERS: users}

    @staticmethod
    def _user(person: Person, tenant: str, team_ids: list[str], tenant_enabled: bool) -> dict[str, Any]:
        return {
            "tenant": tenant,
            "subject": person.id,
            "username": person.username,
            "display_name": person.display_name,
            "email": person.email,
            "enabled": person.enabled and tenant_enabled,
            "team_ids": team_ids,
        }

    async def _write(self, collection: str, wanted: Documents, tenants: list[str]) -> int:
        backend, now, changed = self._store.backend, self._clock(), 0
        have: Documents = {}
        for tenant in tenants:
            have |= {document["_id"]: document for document in await backend.find(collection, {"tenant": tenant})}
        for id_, document in wanted.items():
            kept = have.get(id_, {})
            if all(kept.get(name, ...) == value for name, value in document.items()):
                continue
            query = {"_id": id_, "tenant": document["tenant"]}
            await backend.write(
                [Update(collection, query, {"$set": {**document, "update_time": now}}, strict=False, upsert=True)]
            )
            changed += 1
        for id_ in have.keys() - wanted.keys():
            changed += await self._leave(collection, have[id_])
        return changed

    async def _leave(self, collection: str, document: Mapping[str, Any]) -> int:
        """Somebody who left stays as a name behind old records, without any right."""
        gone = _GONE[collection]
        if all(document.get(name, ...) == value for name, value in gone.items()):
            return 0
        query = {"_id": document["_id"], "tenant": document["tenant"]}
        return await self._store.backend.update_many(collection, query, {"$set": {**gone, "update_time": self._clock()}})
