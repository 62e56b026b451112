"""What the service desk knows of assets: a copy fed by their events, so that opening work waits for no other service."""

from collections.abc import Iterable
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
        said = {
            "asset_id": asset_id,
            "team_id": team_id,
            "criticality": criticality.value if criticality else "",
            "update_time": at,
        }
        async with self._store.transaction() as tx:
            query = {"_id": _key(asset_id), "tenant": ctx.current().tenant}
            tx.write(Update(ASSETS, query, {"$set": said}, strict=False, upsert=True))

    async def prepare(self, asset_ids: Iterable[str]) -> None:
        """Asks ahead, in one question, what `known` will be asked for in this transaction."""
        async with self._store.transaction() as tx:
            await tx.documents(ASSETS, [_key(asset_id) for asset_id in asset_ids if asset_id])

    async def known(self, asset_id: str) -> Known:
        """What is known of one."""
        if not asset_id:
            return Known()
        async with self._store.transaction() as tx:
            row = (await tx.documents(ASSETS, [_key(asset_id)])).get(_key(asset_id))
        if row is None:
            return Known()
        return Known(team_id=row["team_id"], criticality=Criticality(row["criticality"]) if row["criticality"] else None)


def _key(asset_id: str) -> str:
    return f"{ctx.current().tenant}|{asset_id}"
