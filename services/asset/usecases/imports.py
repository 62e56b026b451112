"""Imports: a table is looked at, and then taken over row by row."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chassis import context as ctx
from chassis.domain import Ids, new_id
from chassis.errors import ForbiddenMove, Invalid, Stale
from chassis.listing import Listing
from chassis.races import again
from chassis.store import Delete, Insert, Store
from services.asset.domain.asset import Asset
from services.asset.domain.classes import Catalog
from services.asset.domain.importing import Import, ImportRow, ImportState, RowOutcome
from services.asset.domain.matching import Outcome, Verdict
from services.asset.domain.table import Layout, Row, rows
from services.asset.usecases.classes import Classes
from services.asset.usecases.placing import Placing
from services.asset.usecases.reading import Asked, Paged

IMPORTS = "imports"
TEXTS = "import_texts"
KEPT = timedelta(days=30)
"""How long a text waits to be applied."""
_TOGETHER = 25
"""Rows in one transaction."""
_SHOWN = dict.fromkeys(
    (
        "source", "state", "create_count", "update_count", "unchanged_count", "conflict_count", "error_count", "creator_id",
        "create_time", "apply_time", "version",
    ),
    1,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Kept:
    """A text as it was brought, and how to read it."""

    text: str
    mapping: Mapping[str, str]
    class_name: str
    delimiter: str


class Imports:
    """What people may do with tables of assets."""

    def __init__(self, store: Store, classes: Classes, placing: Placing, listing: Listing, *, ids: Ids = new_id) -> None:
        self._store = store
        self._classes = classes
        self._placing = placing
        self._listing = listing
        self._ids = ids

    async def preview(self, text: str, layout: Layout) -> Import:
        """Says what each row would do. Raises `Invalid` for a text that is no table of this layout."""
        catalog, at = await self._classes.catalog(), self._store.clock()
        read = rows(text, layout, catalog, at)
        if not read:
            raise Invalid({"text": "has no rows"})
        seen = [await self._look(row, catalog) for row in read]
        context = ctx.current()
        async with self._store.transaction() as tx:
            made = Import.previewed(seen, id=self._ids("imp"), source=layout.source, by=context.actor.id, at=at)
            kept = {
                "_id": made.id,
                "tenant": context.tenant,
                "text": text,
                "columns": [[column, target] for column, target in layout.mapping.items()],
                "class_name": layout.class_,
                "delimiter": layout.delimiter,
                "expire_time": at + KEPT,
            }
            tx.write(Insert(TEXTS, kept))
            tx.add(made)
        self._store.recent.pop((context.tenant, Import, made.id), None)  # its rows are not worth the memory
        return made

    async def apply(self, id: str, *, etag: str = "") -> Import:  # noqa: A002 - as its field
        """Takes the rows over; one that is applied already is answered as it is.

        Raises `ForbiddenMove` when its text is kept no more, `Busy` when others change the same assets all the time.
        """
        known = await self._store.get(Import, id)
        if etag and etag != known.etag:
            raise Stale(known.etag, given=etag)
        if known.state is ImportState.APPLIED:
            return known
        layout, text = await self._layout(known)
        catalog = await self._classes.catalog()
        done: list[ImportRow] = []
        # A request key belongs to one transaction, the last; rows that are there already come out as unchanged.
        with ctx.use(replace(ctx.current(), request_id="")):
            for some in _chunks(rows(text, layout, catalog, known.create_time), _TOGETHER):
                done += await self._take(some, catalog)
        return await self._finish(known.id, done, self._store.clock())

    async def page(self, asked: Asked) -> Paged:
        """A page of imports, without their rows."""
        page = self._listing.page(ctx.current().tenant, asked.filter, asked.order_by, asked.size, asked.token)
        query = self._store.scoped(page.query)
        found = await self._store.backend.find(IMPORTS, query, sort=page.sort, limit=page.limit, projection=_SHOWN, naive=True)
        return page.cut(found)

    async def _finish(self, id: str, done: Sequence[ImportRow], at: datetime) -> Import:  # noqa: A002 - as above
        tenant = ctx.current().tenant
        self._store.recent.pop((tenant, Import, id), None)
        async with self._store.transaction() as tx:
            applied = await tx.get(Import, id)
            if applied.state is ImportState.PREVIEWED:
                applied.applied(done, at=at)
                tx.write(Delete(TEXTS, {"_id": id, "tenant": tenant}))
            tx.save(applied)
        self._store.recent.pop((tenant, Import, id), None)
        return applied

    async def _layout(self, known: Import) -> tuple[Layout, str]:
        kept = await self._store.backend.find_one(TEXTS, {"_id": known.id, "tenant": ctx.current().tenant})
        if kept is None:
            raise ForbiddenMove(known.state, "apply", "its text is kept no more; bring the table again")
        mapping = dict(kept["columns"])
        layout = Layout(source=known.source, mapping=mapping, class_=kept["class_name"], delimiter=kept["delimiter"])
        return layout, kept["text"]

    async def _look(self, row: Row, catalog: Catalog) -> ImportRow:
        if row.report is None:
            return ImportRow(line=row.line, outcome=RowOutcome.ERROR, name=row.name, reason=row.wrong)
        verdict = await self._placing.judge(row.report, catalog)
        changes = verdict.outcome is Outcome.ONE and verdict.asset.take(row.report, catalog, at=row.report.time)
        return _told(row, verdict, changes)

    async def _take(self, some: Sequence[Row], catalog: Catalog) -> list[ImportRow]:
        async def attempt() -> list[ImportRow]:
            async with self._store.transaction():
                return [await self._place(row, catalog) for row in some]

        return await again(attempt)

    async def _place(self, row: Row, catalog: Catalog) -> ImportRow:
        if row.report is None:
            return ImportRow(line=row.line, outcome=RowOutcome.ERROR, name=row.name, reason=row.wrong)
        verdict, asset = await self._placing.place(row.report, catalog, state=row.state)
        changed = verdict.outcome is Outcome.ONE and asset is not None and asset.version != verdict.asset.version
        return _told(row, verdict, changed, asset)


def _told(row: Row, verdict: Verdict, changed: bool, asset: Asset | None = None) -> ImportRow:
    """What a row comes to, in words where a person must know more."""
    strangers = ", ".join(each.id for each in verdict.strangers)
    found = ", ".join(each.id for each in verdict.assets)
    shares = f"says an identifier of {strangers} and contradicts it; it is taken for another asset" if strangers else ""
    asset_id = asset.id if asset is not None else ""
    match verdict.outcome:
        case Outcome.NEW:
            outcome, reason = RowOutcome.CREATE, shares or row.note
        case Outcome.ONE:
            outcome, reason = (RowOutcome.UPDATE if changed else RowOutcome.UNCHANGED), shares or row.note
            asset_id = verdict.asset.id
        case Outcome.MANY:
            outcome, reason = RowOutcome.CONFLICT, f"fits {found}"
        case Outcome.OTHER_CLASS:
            outcome, reason = RowOutcome.CONFLICT, f"fits {found}, which is of the class {verdict.asset.class_}"
            asset_id = verdict.asset.id
        case Outcome.CONTRADICTION:
            outcome, reason = RowOutcome.CONFLICT, f"is {found} by the source's own key, and contradicts it"
            asset_id = verdict.asset.id
    return ImportRow(line=row.line, outcome=outcome, name=row.name, asset_id=asset_id, reason=reason[:1_000])


def _chunks(read: Sequence[Row], size: int) -> Iterator[Sequence[Row]]:
    return (read[begin : begin + size] for begin in range(0, len(read), size))
