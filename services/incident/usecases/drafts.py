"""What is written but not said yet: notes of the moment, of which no event tells."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chassis import context as ctx
from chassis.errors import Invalid
from chassis.store import Delete, Store, Update

DRAFTS = "drafts"
KEPT = timedelta(days=30)
MOST_DRAFTS = 100
LONGEST, LONGEST_NAME = 65_536, 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What somebody has begun to write about a record."""

    about: str
    text: str = ""
    public: bool = False
    update_time: datetime


class Drafts:
    """What the caller has written; nobody else reaches it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def keep(self, about: str, text: str, public: bool) -> Draft:
        """Keeps it instead of what was kept before. Raises `Invalid` for too much, and for too many."""
        wrong = {} if 0 < len(about.strip()) <= LONGEST_NAME else {"about": f"needs 1 to {LONGEST_NAME} characters"}
        if len(text) > LONGEST:
            wrong["text"] = f"may have {LONGEST} characters"
        if wrong:
            raise Invalid(wrong)
        kept = {each.about for each in await self.all()}
        if about not in kept and len(kept) >= MOST_DRAFTS:
            raise Invalid({"": f"there may be {MOST_DRAFTS} at most: drop some"})
        draft = Draft(about=about, text=text, public=public, update_time=self._store.clock())
        said = {"by": self._by, "about": about, "text": text, "public": public, "update_time": draft.update_time}
        async with self._store.transaction() as tx:
            tx.write(Update(DRAFTS, self._key(about), {"$set": said}, strict=False, upsert=True))
        return draft

    async def all(self, about: str = "") -> list[Draft]:
        """Those of the caller, the newest first; where it is said, what is about one record."""
        query: dict[str, Any] = {"tenant": ctx.current().tenant, "by": self._by} | ({"about": about} if about else {})
        rows = await self._store.backend.find(DRAFTS, query, sort=[("update_time", -1)], limit=MOST_DRAFTS)
        names = ("about", "text", "public", "update_time")
        return [Draft(**{name: row[name] for name in names}) for row in rows]

    async def drop(self, about: str) -> None:
        """It is thrown away."""
        async with self._store.transaction() as tx:
            tx.write(Delete(DRAFTS, self._key(about)))

    @property
    def _by(self) -> str:
        return ctx.current().actor.id

    def _key(self, about: str) -> dict[str, str]:
        tenant = ctx.current().tenant
        return {"_id": f"{tenant}|{self._by}|{about}", "tenant": tenant}
