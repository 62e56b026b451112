"""What the service desk knows of assets: a copy fed by their events, so that opening work waits for no other service."""

from datetime import datetime

from chassis import context as ctx
from chassis.store import Store, Update
from services.incident.domain.alarm import Criticality, Known

ASSETS = "assets"


class Assets:
    """The copy. What was not heard of yet is simply unknown."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def learn(self, asset_id: str, *, team_id: str, criticality: Criticality | None, at: datetime) -> None:
        """Takes over what an event said; events of one asset arrive in order."""
        tenant = ctx.current().tenant
        said = {
            "asset_id": asset_id,
            "team_id": team_id,
            "criticality": criticality.value if criticality else "",
            "update_time": at,
        }
        async with self._store.transaction() as tx:
            query = {"_id": f"{tenant}|{asset_id}", "tenant": tenant}
            tx.write(Update(ASSETS, query, {"$set": said}, strict=False, upsert=True))

    async def known(self, asset_id: str) -> Known:
        """What is known of one."""
        if not asset_id:
            return Known()
        rows = await self._store.find(ASSETS, {"_id": f"{ctx.current().tenant}|{asset_id}"}, limit=1)
        if not rows:
            return Known()
        criticality = Criticality(rows[0]["criticality"]) if rows[0]["criticality"] else None
        return Known(team_id=rows[0]["team_id"], criticality=criticality)
