"""Finding the asset that a report is about, and telling it what was said.

Each identifier that is one's own is a claim: of two reports at once that know no asset yet, the second finds it taken, runs
again and finds the asset of the first.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from chassis import context as ctx
from chassis.codec import from_document, to_document
from chassis.domain import Ids, new_id
from chassis.errors import Busy
from chassis.store import Store, Transaction, Update
from services.asset.domain.asset import SEEN_AGAIN, Asset
from services.asset.domain.classes import Catalog
from services.asset.domain.duplicate import Duplicate, Reason
from services.asset.domain.identity import CLAIMED, SYSTEM, Identifier, IdentifierKind
from services.asset.domain.lifecycle import State
from services.asset.domain.matching import Outcome, Verdict, match
from services.asset.domain.report import Report

ASSETS = "assets"
CLAIM = "asset-identifier"
DUPLICATE_CLAIM = "duplicate"
_CANDIDATES = 50
_HELD = (*(f"{kind.value}|" for kind in CLAIMED), "SOURCE|", f"{SYSTEM}|")
_REASONS = {
    Outcome.MANY: Reason.AMBIGUOUS,
    Outcome.OTHER_CLASS: Reason.CLASS,
    Outcome.CONTRADICTION: Reason.CONTRADICTION,
}


class Placing:
    """Reports become assets, or changes of assets, or something for a person to decide."""

    def __init__(self, store: Store, *, ids: Ids = new_id) -> None:
        self._store = store
        self._ids = ids

    async def judge(self, report: Report, catalog: Catalog) -> Verdict:
        """Which asset the report is about, as things are now. Changes nothing."""
        return match(report, catalog, await self._candidates(report))

    async def _candidates(self, report: Report) -> list[Asset]:
        found: dict[str, Asset] = {}
        # Two questions: a thousand copies of one image must not hide the asset that is known by more.
        for keys in filter(None, (report.telling_keys, report.system_keys)):
            query = {"tenant": ctx.current().tenant, "keys": {"$in": keys}}
            for row in await self._store.backend.find(ASSETS, query, sort=[("_id", 1)], limit=_CANDIDATES):
                found.setdefault(row["_id"], from_document(row, Asset))
        return list(found.values())

    async def place(self, report: Report, catalog: Catalog, *, state: State = State.IN_USE) -> tuple[Verdict, Asset | None]:
        """Takes the report in, inside the caller's transaction where there is one. None where a person must decide.

        `state` is of an asset that nobody knew. Raises `Busy` when another report has made it known meanwhile.
        """
        candidates = await self._candidates(report)
        verdict = match(report, catalog, candidates)
        async with self._store.transaction() as tx:
            match verdict.outcome:
                case Outcome.NEW:
                    asset = Asset.of(report, catalog, id=self._ids("ast"), at=self._store.clock(), state=state)
                    held = await self.hold(tx, asset, ())
                    await self._check_still_new(held, {each.id for each in candidates})
                    tx.add(asset)
                case Outcome.ONE:
                    asset = await self.tell(tx, verdict.asset.id, report, catalog)
                case outcome:
                    await self._ask(tx, _REASONS[outcome], [each.id for each in verdict.assets], report, verdict.assets)
                    return verdict, None
            for stranger in verdict.strangers:
                await self._ask(tx, Reason.CONTRADICTION, [asset.id, stranger.id], report, [stranger])
        return verdict, asset

    async def _check_still_new(self, held: Iterable[tuple[str, str]], judged: set[str]) -> None:
        """What others hold must be held by those who were looked at. An asset that is recognized by it and was not looked at
        has come meanwhile; a tag that is never free again has a holder, too, but nobody is recognized by it."""
        late = [(key, holder) for key, holder in held if holder not in judged]
        if not late or len(judged) >= _CANDIDATES:
            return
        query = {
            "tenant": ctx.current().tenant,
            "_id": {"$in": [holder for _, holder in late]},
            "keys": {"$in": [key for key, _ in late]},
        }
        if await self._store.backend.find(ASSETS, query, limit=1):
            raise Busy("another report has made the asset known")

    async def tell(self, tx: Transaction, id: str, report: Report, catalog: Catalog) -> Asset:  # noqa: A002 - as its field
        """Tells an asset what a source says. That it was seen again is written beside it, with no version of its own."""
        self._store.recent.pop((ctx.current().tenant, Asset, id), None)  # no version tells of what is written beside it
        asset = await tx.get(Asset, id)
        held, before = tuple(asset.keys), to_document(asset)
        if asset.take(report, catalog, at=self._store.clock()):
            await self.hold(tx, asset, held)
            tx.save(asset)
        elif _is_news(before, after := to_document(asset)):
            beside = {name: after[name] for name in ("provenance", "said_identifiers", "last_seen_time")}
            query = {"tenant": ctx.current().tenant, "_id": id, "version": asset.version}
            tx.write(Update(ASSETS, query, {"$set": beside}, strict=False))
        return asset

    async def hold(self, tx: Transaction, asset: Asset, before: Iterable[str]) -> list[tuple[str, str]]:
        """Claims what the asset is newly recognized by, and gives back what it no longer is; asset tags are never free again.

        Says what others hold: pairs of key and asset.
        """
        lost, fresh = set(before) - set(asset.keys), set(asset.keys) - set(before)
        for key in sorted(lost):
            if key.startswith(_HELD) and not key.startswith(IdentifierKind.ASSET_TAG):
                await self._give_back(tx, key, asset)
        others = []
        for key in sorted(fresh):
            if not key.startswith(_HELD):
                continue
            holder = await tx.holder(CLAIM, key)
            if holder is None:
                tx.claim(CLAIM, key, asset.id)
            elif holder != asset.id:
                others.append((key, holder))
        return others

    async def _give_back(self, tx: Transaction, key: str, asset: Asset) -> None:
        """An asset that says it too, and could not hold it, holds it from now on."""
        if await tx.holder(CLAIM, key) != asset.id:
            return
        tx.release(CLAIM, key)
        query = {"tenant": ctx.current().tenant, "keys": key, "_id": {"$ne": asset.id}}
        heirs = await self._store.backend.find(ASSETS, query, sort=[("_id", 1)], limit=1)
        if heirs:
            tx.claim(CLAIM, key, heirs[0]["_id"])

    async def _ask(
        self, tx: Transaction, reason: Reason, asset_ids: Sequence[str], report: Report, assets: Iterable[Asset]
    ) -> None:
        """Once for the same assets and the same reason, also after a person has answered."""
        key = "|".join([reason.value, *sorted(asset_ids)])
        if await tx.holder(DUPLICATE_CLAIM, key) is not None:
            return
        said = set(report.own_keys)
        shared: list[Identifier] = [each for each in chain(*(a.identifiers for a in assets)) if each.key in said]
        at = self._store.clock()
        found = Duplicate.found(reason, asset_ids, shared, id=self._ids("dup"), source=report.source, at=at)
        tx.claim(DUPLICATE_CLAIM, key, found.id)
        tx.add(found)


def _is_news(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether that the same was said again is worth writing down: by somebody else, or a minute later."""
    known = _times(before)
    return any(what not in known or time - known[what] >= SEEN_AGAIN for what, time in _times(after).items())


def _times(document: dict[str, Any]) -> dict[tuple[str, ...], datetime]:
    """When each source last said each thing, and when the asset was last seen."""
    times: dict[tuple[str, ...], datetime] = {}
    for name, told in document["provenance"].items():
        for each in (told, *told["others"]):
            times[name, each["source"]] = each["report_time"]
    for each in document["said_identifiers"]:
        times["", each["source"], each["kind"], *each["values"]] = each["report_time"]
    if document["last_seen_time"] is not None:
        times["",] = document["last_seen_time"]
    return times
