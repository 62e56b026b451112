"""A copy of what monitoring needs of assets and relations, fed by their events in the order of their versions.

It is as old as the events on the way. Raises `Unavailable` while the database is silent.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from itsm.asset import v1 as asset_pb

from chassis import context as ctx
from chassis.store import Store
from chassis.store.backend import Delete, Document, Update
from services.monitor.domain.dependency import Minimum, Relation, Topology
from services.monitor.domain.mirror import COUNTED, WORKING, Known, kept_names, names_of
from services.monitor.domain.signal import AssetHint
from services.monitor.usecases.catalog import SERIES

ASSETS = "mirror_assets"
RELATIONS = "mirror_relations"
STAMPS = "pipeline_stamps"
"""One row a tenant: `topology` is counted up with everything that may change who fails with whom, `quiet` with every silence
and maintenance window, so that processes read these again only when they changed."""

_KINDS = {number: name for name, number in asset_pb.Relation.Kind.items()}
_STATES = {number: name for name, number in asset_pb.Asset.State.items()}
_CRITICALITIES = {number: name for name, number in asset_pb.Asset.Criticality.items()}
_DECISIVE = frozenset({"state", "redundancy"})


@dataclass(frozen=True, slots=True)
class _Kept:
    stamp: int
    topology: Topology


class Mirror:
    """What is known of the assets of the tenant of the current context."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._topologies: dict[str, _Kept] = {}

    async def forget(self, tenant: str) -> None:
        """Lets go of who needs whom in a tenant, of which nothing is left."""
        self._topologies.pop(tenant, None)

    async def locate(self, hints: Sequence[AssetHint]) -> list[Known | None]:
        """For each hint the asset that it means, for a merged one that which it was merged into. A name that several assets in
        use bear says nothing."""
        spoken = [[name for each in hint.names for name in names_of(each)] for hint in hints]
        ids = {each for hint in hints for each in (hint.asset_id, hint.fallback_id) if each}
        by_id = await self._standing(ids)
        by_name = await self._named({name for names in spoken for name in names})
        found: list[Known | None] = []
        for hint, names in zip(hints, spoken, strict=True):
            meant = next((by_name[name] for name in names if name in by_name), None)
            found.append(by_id.get(hint.asset_id) or meant or by_id.get(hint.fallback_id))
        return found

    async def of(self, hints: Sequence[Mapping[str, str]]) -> list[str]:
        """For each set of hints, the surest first, an asset's id, or an empty text. See `Assets` in the ports."""
        named = await self._standing({hint["asset.id"] for hint in hints if "asset.id" in hint})
        spoken = [AssetHint(asset_id=hint.get("asset.id", ""), names=tuple(hint.values())) for hint in hints]
        found = await self.locate(spoken)
        return [
            known.asset_id if (known := named.get(hint.get("asset.id", ""), meant)) else ""
            for hint, meant in zip(hints, found, strict=True)
        ]

    async def known(self, asset_ids: Iterable[str]) -> dict[str, Known]:
        """What is known of these assets, by id."""
        return {row["asset_id"]: _known(row) for row in await self._rows(asset_ids)}

    async def stamps(self) -> Mapping[str, int]:
        """The tenant's row of `STAMPS`; what is not in it was never counted up."""
        rows = await self._store.find(STAMPS, {"_id": ctx.current().tenant})
        return rows[0] if rows else {}

    async def topology(self, stamps: Mapping[str, int] | None = None) -> Topology:
        """Who needs whom, read again only when it has changed. `stamps` is what `stamps` has just answered."""
        tenant = ctx.current().tenant
        stamp = (await self.stamps() if stamps is None else stamps).get("topology", 0)
        kept = self._topologies.get(tenant)
        if kept is None or kept.stamp != stamp:
            kept = self._topologies[tenant] = _Kept(stamp, await self._load())
        return kept.topology

    async def put_asset(self, asset: asset_pb.Asset, changed: Iterable[str] | None = None) -> None:
        """Learns of an asset as it is now. `changed` names its fields that did; None: it may be all of them."""
        state = _STATES[asset.state]
        names = [asset.name, asset.agent_id, *(each.value for each in asset.identifiers)]
        row = {
            "asset_id": asset.id,
            "name": asset.name,
            "team_id": asset.team_id,
            "criticality": _CRITICALITIES[asset.criticality],
            "names": kept_names(names),
            "counted": state in COUNTED,
            "working": state == WORKING,
            "merged_into": asset.merged_into_id,
            "needs": [
                {"group": each.group, "count": each.minimum_count, "percent": each.minimum_percent} for each in asset.redundancy
            ],
        }
        await self._put(ASSETS, asset.id, row, decisive=changed is None or bool(_DECISIVE & set(changed)))

    async def put_relation(self, relation: asset_pb.Relation) -> None:
        """Learns of a relation as it is now. One that only informs makes nobody fail."""
        if relation.kind == asset_pb.Relation.INFORMS:
            return
        row = {"provider_id": relation.provider_id, "consumer_id": relation.consumer_id, "group": relation.group}
        await self._put(RELATIONS, relation.id, {**row, "kind": _KINDS[relation.kind]}, decisive=True)

    async def drop_relation(self, relation_id: str) -> None:
        """A relation is no more."""
        async with self._store.transaction() as tx:
            tx.write(Delete(RELATIONS, {"_id": _key(relation_id), "tenant": ctx.current().tenant}))
            tx.write(stamped("topology"))

    async def merged(self, before: str, after: str) -> None:
        """Two assets turned out to be one: series of the one that ended are about the one that stayed, and so is what rules
        raise of them from now on."""
        query = self._store.scoped({"asset_id": before})
        await self._store.backend.update_many(SERIES, query, {"$set": {"asset_id": after}})

    async def _rows(self, asset_ids: Iterable[str]) -> list[Document]:
        keys = [_key(each) for each in asset_ids]
        return await self._store.find(ASSETS, {"_id": {"$in": keys}}) if keys else []

    async def _standing(self, asset_ids: Iterable[str]) -> dict[str, Known]:
        """What stands for these assets today, by their ids: one that was merged is the other, however often that was merged."""
        rows = {row["asset_id"]: row for row in await self._rows(asset_ids)}
        found = dict(rows)
        while ended := {each: row["merged_into"] for each, row in found.items() if row.get("merged_into")}:
            heirs = {row["asset_id"]: row for row in await self._rows(set(ended.values()))}
            # One that has not been heard of yet stands for nothing: the merged one is shown until then.
            found = {each: heirs[heir] for each, heir in ended.items() if heir in heirs}
            rows |= found
        return {each: _known(row) for each, row in rows.items()}

    async def _put(self, collection: str, id: str, row: Document, *, decisive: bool) -> None:  # noqa: A002 - as its field
        async with self._store.transaction() as tx:
            query = {"_id": _key(id), "tenant": ctx.current().tenant}
            tx.write(Update(collection, query, {"$set": row}, strict=False, upsert=True))
            if decisive:
                tx.write(stamped("topology"))

    async def _named(self, names: set[str]) -> dict[str, Known]:
        """What bears each name alone. Of a name that many bear no more is read than shows it: two rows a name are enough."""
        if not names:
            return {}
        query, limit = {"names": {"$in": sorted(names)}, "counted": True}, 2 * len(names)
        rows = await self._store.find(ASSETS, query, limit=limit)
        found: dict[str, list[Document]] = {}
        for row in rows:
            for name in names.intersection(row["names"]):
                found.setdefault(name, []).append(row)
        if len(rows) < limit:
            return {name: _known(rows[0]) for name, rows in found.items() if len(rows) == 1}
        # So many rows for so few names: at least one of them is shared, and hid what the others mean.
        left = sorted(name for name in names if len(found.get(name, ())) < 2)
        half = len(left) // 2
        return await self._named(set(left[:half])) | await self._named(set(left[half:]))

    async def _load(self) -> Topology:
        relations = await self._store.find(RELATIONS, {})
        decisive = await self._store.find(ASSETS, {"$or": [{"working": False}, {"needs.group": {"$exists": True}}]})
        return Topology(
            [Relation(row["provider_id"], row["consumer_id"], row["group"]) for row in relations],
            {
                (row["asset_id"], need["group"]): Minimum(need["count"], need["percent"])
                for row in decisive
                for need in row["needs"]
            },
            uncounted={row["asset_id"] for row in decisive if not row["counted"]},
            away={row["asset_id"] for row in decisive if row["counted"] and not row["working"]},
        )


def stamped(name: str) -> Update:
    """Counts a stamp of the tenant up, in the transaction of what changed."""
    tenant = ctx.current().tenant
    return Update(STAMPS, {"_id": tenant, "tenant": tenant}, {"$inc": {name: 1}}, strict=False, upsert=True)


def _key(id: str) -> str:  # noqa: A002 - as its field
    return f"{ctx.current().tenant}|{id}"


def _known(row: Mapping[str, Any]) -> Known:
    return Known(asset_id=row["asset_id"], name=row["name"], team_id=row["team_id"], criticality=row["criticality"])
