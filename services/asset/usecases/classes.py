"""Classes of assets: every tenant's, and a tenant's own."""

from collections.abc import Mapping, Sequence
from typing import Any

from chassis import context as ctx
from chassis.codec import from_document
from chassis.domain import Ids, new_id
from chassis.errors import ForbiddenMove, Invalid, NotFound
from chassis.store import Store
from services.asset.domain.catalog import BUILT_IN
from services.asset.domain.classes import OWN_CLASSES, AssetClass, Catalog

CLASSES = "asset_classes"
CLAIM = "asset-class"
_BUILT_IN = {each.name: each for each in BUILT_IN}


class Classes:
    """What people may do with classes, and the catalog that everything else asks."""

    def __init__(self, store: Store, *, ids: Ids = new_id) -> None:
        self._store = store
        self._ids = ids

    async def catalog(self) -> Catalog:
        """All classes of the caller's tenant."""
        rows = await self._store.backend.find(CLASSES, {"tenant": ctx.current().tenant}, limit=OWN_CLASSES + 1)
        return Catalog([*BUILT_IN, *(from_document(row, AssetClass) for row in rows)])

    async def every(self) -> Sequence[AssetClass]:
        """All of them, by name."""
        return sorted((await self.catalog()).classes.values(), key=lambda each: each.name)

    async def get(self, id: str) -> AssetClass:  # noqa: A002 - the field's name everywhere
        """One by id or name. Raises `NotFound`."""
        found = next((each for each in await self.every() if id in (each.id, each.name)), None)
        if found is None:
            raise NotFound("assetClass", id)
        return found

    async def create(self, fields: Mapping[str, Any]) -> AssetClass:
        """A class of the tenant's own. Raises `AlreadyExists` when there is one of this name."""
        catalog = await self.catalog()
        if len(catalog.classes) >= OWN_CLASSES + len(BUILT_IN):
            raise Invalid({"name": f"there are {OWN_CLASSES} classes already"})
        async with self._store.transaction() as tx:
            made = AssetClass.make(catalog, self._store.clock(), id=self._ids("acl"), **fields)
            tx.claim(CLAIM, made.name, made.id)
            tx.add(made)
        return made

    async def update(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> AssetClass:  # noqa: A002 - as above
        """Changes named fields of one of the tenant's own."""
        known = await self.get(id)
        if wrong := [name for name in ("name", "parent") if fields.get(name, getattr(known, name)) != getattr(known, name)]:
            raise Invalid(dict.fromkeys(wrong, "cannot be changed"))
        if known.name in _BUILT_IN:
            raise ForbiddenMove("BUILT_IN", "update", "this class is every tenant's; make one of your own below it")
        catalog = await self.catalog()
        async with self._store.transaction() as tx:
            own = await tx.get(AssetClass, known.id, etag=etag)
            own.edit(catalog, self._store.clock(), **fields)
            tx.save(own)
        return own
