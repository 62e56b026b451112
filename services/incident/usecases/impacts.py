"""Which services an incident hits, as the landscape of assets says: a copy fed by events, so that nobody waits for it."""

from collections.abc import Collection, Sequence

from chassis import context as ctx
from chassis.store import Store, Update
from services.incident.domain.major import Major
from services.incident.usecases.acting import act

IMPACTS = "impacts"
MAJOR_CLAIM = "major"
"""Points from an incident to its major one, for as long as that is not declined."""


class Impacts:
    """The copy. What was not assessed yet is empty."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def prepare(self, incident_ids: Collection[str]) -> None:
        """Asks in one question which of these incidents are major ones."""
        if incident_ids:
            async with self._store.transaction() as tx:
                await tx.holders((MAJOR_CLAIM, each) for each in incident_ids)

    async def learn(self, incident_id: str, service_ids: Sequence[str]) -> None:
        """Takes over what an event said, which who handles a major incident sees; those of one assessment arrive in order."""
        query = {"_id": _key(incident_id), "tenant": ctx.current().tenant}
        async with self._store.transaction() as tx:
            said = {"$set": {"service_ids": list(service_ids)}}
            tx.write(Update(IMPACTS, query, said, strict=False, upsert=True))
            holder = await tx.holder(MAJOR_CLAIM, incident_id)
            if holder is not None:
                major = await tx.get(Major, holder)
                major.assessed(act(self._store), service_ids)
                tx.save(major)

    async def known(self, incident_id: str) -> list[str]:
        """What is known of one."""
        async with self._store.transaction() as tx:
            row = (await tx.documents(IMPACTS, [_key(incident_id)])).get(_key(incident_id))
        return list(row["service_ids"]) if row is not None else []


def _key(incident_id: str) -> str:
    return f"{ctx.current().tenant}|{incident_id}"
