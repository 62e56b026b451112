"""Known errors that may be behind an incident, and incidents that no problem accounts for.

Each question is bounded and has an index: neither reads more than so many records, however many there are.
"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from chassis.errors import Invalid
from chassis.store import Store
from services.incident.domain.incident import Incident
from services.incident.domain.recurrence import Candidate, Fit, Seen, Traits, candidates, fits, words_of
from services.incident.domain.states import State

LOOKED_AT = 10_000
MOST_CANDIDATES, MOST_MATCHES = 50, 10
_OF_EACH_KIND = 200
"""Known errors that share assets, a service, a category or words: so many of each are compared, the newest."""
DAYS, LEAST = 30, 3

_LOOKED_FOR = ("title", "create_time", "dedup_key", "category", "service_id", "asset_ids", "priority", "links", "state")
_SEEN = dict.fromkeys(_LOOKED_FOR, 1)
Document = Mapping[str, Any]


class Recurring:
    """Queries; none of them changes anything."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def known_errors(self, id: str) -> list[tuple[Document, Fit]]:  # noqa: A002 - the field's name everywhere
        """Known errors that may be behind an incident, with how well each fits; at most 10, the best first."""
        row = await self._store.document(Incident, id)
        said = words_of(f"{row['title']} {row['description']}")
        shared = {
            "asset_ids": {"$in": row["asset_ids"]} if row["asset_ids"] else None,
            "service_id": row["service_id"] or None,
            "category": row["category"] or None,
            "words": {"$in": said} if said else None,
        }
        newest = [("update_time", -1)]
        found: dict[str, Document] = {}
        for name, value in shared.items():
            if value is not None:
                query = {"known_error": True, name: value}
                rows = await self._store.find("problems", query, sort=newest, limit=_OF_EACH_KIND)
                found |= {each["_id"]: each for each in rows}
        incident = Traits(
            id=row["_id"],
            asset_ids=row["asset_ids"],
            service_id=row["service_id"],
            category=row["category"],
            words=said,
        )
        return [(found[fit.id], fit) for fit in fits(incident, [_traits(each) for each in found.values()])[:MOST_MATCHES]]

    async def candidates(self, days: int | None, least: int | None) -> tuple[list[Candidate], int, bool]:
        """Groups of incidents, how many incidents were looked at, and whether there were more in that time."""
        days, least = DAYS if days is None else days, LEAST if least is None else least
        wrong = {} if 1 <= days <= 90 else {"days": "must be 1 to 90"}
        if not 2 <= least <= 100:
            wrong["least"] = "must be 2 to 100"
        if wrong:
            raise Invalid(wrong)
        query = self._store.scoped({"create_time": {"$gte": self._store.clock() - timedelta(days=days)}})
        rows = await self._store.backend.find(
            "incidents", query, sort=[("create_time", -1), ("_id", 1)], limit=LOOKED_AT + 1, projection=_SEEN
        )
        seen = [_seen(row) for row in rows[:LOOKED_AT] if _counts(row)]
        # Ten thousand titles take a tenth of a second, in which the loop has others to serve.
        found = await asyncio.to_thread(candidates, seen, least, MOST_CANDIDATES)
        return found, min(len(rows), LOOKED_AT), len(rows) > LOOKED_AT


def _counts(row: Document) -> bool:
    """Whether nothing accounts for an incident yet: no problem, no parent, and it was not withdrawn."""
    if row["state"] == State.CANCELLED.value:
        return False
    return not any(
        link["kind"] in ("PARENT", "DUPLICATE_OF") or link["target"].startswith("problems/") for link in row["links"]
    )


def _seen(row: Document) -> Seen:
    return Seen(
        id=row["_id"],
        title=row["title"],
        create_time=row["create_time"],
        dedup_key=row["dedup_key"],
        category=row["category"],
        service_id=row["service_id"],
        asset_ids=row["asset_ids"],
        heavy=row["priority"] in ("P1", "P2"),
    )


def _traits(row: Document) -> Traits:
    return Traits(
        id=row["_id"],
        asset_ids=row["asset_ids"],
        service_id=row["service_id"],
        category=row["category"],
        words=row["words"],
    )
