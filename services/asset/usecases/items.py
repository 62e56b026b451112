"""Assets as people make, change and move them."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from chassis import context as ctx
from chassis.domain import Ids, new_id
from chassis.errors import AlreadyExists, Invalid
from chassis.store import Store, Transaction
from services.asset.domain.asset import Asset, identified, stated
from services.asset.domain.classes import Catalog
from services.asset.domain.lifecycle import State
from services.asset.domain.report import Report
from services.asset.domain.sources import MANUAL
from services.asset.usecases.classes import Classes
from services.asset.usecases.placing import Placing


class Items:
    """What people may do with assets. `etag` is the version that the caller decided on, or empty."""

    def __init__(self, store: Store, classes: Classes, placing: Placing, *, ids: Ids = new_id) -> None:
        self._store = store
        self._classes = classes
        self._placing = placing
        self._ids = ids

    async def create(self, fields: Mapping[str, Any]) -> Asset:
        """A new asset. Raises `AlreadyExists` with the holder's id when one of its identifiers is another's."""
        catalog = await self._classes.catalog()
        fields = _plain(fields, catalog)
        report = self._said(fields, catalog, str(fields.get("class_", "")))
        only_people = {name: fields[name] for name in ("state", "redundancy") if fields.get(name)}
        async with self._store.transaction() as tx:
            asset = Asset.of(report, catalog, id=self._ids("ast"), at=report.time, **only_people)
            await self._hold(tx, asset, ())
            tx.add(asset)
        return asset

    async def update(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> Asset:  # noqa: A002 - as its field
        """Changes the named fields; attributes that it does not name stay. Raises as `create`."""
        catalog = await self._classes.catalog()
        fields = _plain(fields, catalog)
        async with self._changing(id, etag) as (tx, asset):
            if fields.get("state") not in (None, asset.state):
                raise Invalid({"state": f"is {asset.state}; an asset goes on in its life by assets/{asset.id}:move"})
            report = self._said(fields, catalog, str(fields.get("class_", asset.class_)))
            held = tuple(asset.keys)
            asset.edit(report, catalog, at=report.time, redundancy=fields.get("redundancy"))
            await self._hold(tx, asset, held)
        return asset

    async def move(self, id: str, state: State, *, reason: str, proof: str, etag: str = "") -> Asset:  # noqa: A002 - as above
        """Goes on in its life."""
        async with self._changing(id, etag) as (_, asset):
            asset.move(state, reason=reason, proof=proof, at=self._store.clock())
        return asset

    @asynccontextmanager
    async def _changing(self, id: str, etag: str) -> AsyncIterator[tuple[Transaction, Asset]]:  # noqa: A002 - as above
        self._store.recent.pop((ctx.current().tenant, Asset, id), None)  # no version tells when it was seen again
        async with self._store.transaction() as tx:
            asset = await tx.get(Asset, id, etag=etag)
            yield tx, asset
            tx.save(asset)

    async def _hold(self, tx: Transaction, asset: Asset, before: Iterable[str]) -> None:
        for key, holder in await self._placing.hold(tx, asset, before):
            shown = "" if ctx.current().scope else holder
            raise AlreadyExists("asset", shown, f"{key.replace('|', ' ')} is that of {shown or 'another asset'}")

    def _said(self, fields: Mapping[str, Any], catalog: Catalog, class_name: str) -> Report:
        """What a person says, with everything that is wrong about it told by field."""
        violations: dict[str, str] = {}
        values: dict[str, Any] = {}
        identifiers: Mapping[Any, list[str]] = {}
        catalog.lineage(class_name)
        try:
            values |= catalog.typed(class_name, fields.get("attributes") or {})
        except Invalid as wrong:
            violations |= wrong.violations
        try:
            values |= stated(fields)
            identifiers = identified(fields["identifiers"]) if "identifiers" in fields else {}
        except Invalid as wrong:
            violations |= wrong.violations
        if violations:
            raise Invalid(violations)
        return Report(source=MANUAL, time=self._store.clock(), values=values, identifiers=identifiers)


def _plain(fields: Mapping[str, Any], catalog: Catalog) -> Mapping[str, Any]:
    """With the class by its name, however it was written."""
    return {**fields, "class_": catalog.named(str(fields["class_"]))} if "class_" in fields else fields
