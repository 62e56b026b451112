"""Time that was spent on records: one's own is written down, and all of a record is added up."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from chassis import context as ctx
from chassis.codec import from_document
from chassis.errors import Denied, Invalid, NotFound
from chassis.listing import Listing
from chassis.store import Store
from services.incident.domain.catalog import Money
from services.incident.domain.time_entry import TimeEntry
from services.incident.usecases.cupboard import Cupboard
from services.incident.usecases.reading import COUNTED, Document

COLLECTION = "time_entries"


@dataclass(frozen=True, slots=True)
class Sum:
    """All the time of a record, and its costs, one for each currency."""

    duration: timedelta
    costs: list[Money]
    count: int


class TimeEntries(Cupboard[TimeEntry]):
    """See above. Who wrote an entry changes it, and nobody else."""

    def __init__(self, store: Store, listing: Listing) -> None:
        super().__init__(store, TimeEntry, listing, "tme", most=0)
        self._kinds = {kind.plural: kind for kind in store.kinds.values()}

    async def create(self, fields: Mapping[str, Any]) -> TimeEntry:
        """Writes time down. Raises `Invalid` for a record that the caller does not see."""
        if fields.get("user_id", "") not in ("", ctx.current().actor.id):
            raise Invalid({"user_id": "you write down your own time alone"})
        return await super().create({**fields, "about": await self._subject(fields.get("about", ""))})

    async def sum(self, about: str) -> Sum:
        """Adds up what was written down about a record."""
        query = {"about": await self._subject(about), "delete_time": None}
        rows = [from_document(row, TimeEntry) for row in await self._store.find(COLLECTION, query, limit=COUNTED)]
        costs: dict[str, Decimal] = defaultdict(Decimal)
        for row in rows:
            if row.cost is not None:
                costs[row.cost.currency] += Decimal(row.cost.amount)
        spent = [Money(amount=str(amount), currency=currency) for currency, amount in sorted(costs.items())]
        return Sum(sum((row.duration for row in rows), timedelta()), spent, len(rows))

    async def _subject(self, about: str) -> str:
        plural, _, name = about.partition("/")
        kind = self._kinds.get(plural)
        if kind is None or not name:
            raise Invalid({"about": "must look like incidents/inc_…"})
        try:
            return kind.subject((await self._store.document(kind.aggregate, name))["_id"])
        except NotFound:
            raise Invalid({"about": "there is no such record"}) from None

    def _require_own(self, document: Document) -> None:
        if document["user_id"] != ctx.current().actor.id:
            raise Denied("timeEntries.update", "it is somebody else's time")
