"""What is written but not said yet, and who is at an incident now. Both are notes of the moment: no event tells of them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from chassis import context as ctx
from chassis.errors import Invalid
from chassis.store import Delete, Store, Update
from services.incident.domain.incident import Incident

DRAFTS, PRESENCES = "drafts", "presences"
KEPT = timedelta(days=30)
THERE = timedelta(seconds=45)
MOST_DRAFTS, MOST_SHOWN = 100, 50
LONGEST, LONGEST_NAME = 65_536, 200


class Mode(StrEnum):
    """What somebody does at a record."""

    VIEWING = "VIEWING"
    EDITING = "EDITING"
    GONE = "GONE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What somebody has begun to write about a record."""

    about: str
    text: str = ""
    public: bool = False
    update_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """Somebody is at a record since then."""

    user_id: str
    mode: Mode
    since_time: datetime


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


class Presences:
    """Who is at an incident. Whoever sees it sees who else is there, unless he sees only some: then himself alone."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def attend(self, id: str, mode: Mode) -> list[Presence]:  # noqa: A002 - as its field
        """The caller is there, or is gone; says who is. Raises `NotFound` for an incident that he does not see."""
        subject = (await self._store.document(Incident, id))["_id"]
        caller, now = ctx.current(), self._store.clock()
        here = await self._there(subject, now)
        mine = next((each for each in here if each.user_id == caller.actor.id), None)
        key = {"_id": f"{caller.tenant}|{subject}|{caller.actor.id}", "tenant": caller.tenant}
        async with self._store.transaction() as tx:
            if mode is Mode.GONE:
                tx.write(Delete(PRESENCES, key))
            else:
                since = mine.since_time if mine is not None and mine.mode is mode else now
                said = {"about": subject, "user_id": caller.actor.id, "mode": mode.value, "since_time": since, "seen_time": now}
                tx.write(Update(PRESENCES, key, {"$set": said}, strict=False, upsert=True))
        shown = await self._there(subject, now)
        return [each for each in shown if each.user_id == caller.actor.id] if caller.scope else shown

    async def _there(self, subject: str, now: datetime) -> list[Presence]:
        query = {"tenant": ctx.current().tenant, "about": subject, "seen_time": {"$gt": now - THERE}}
        rows = await self._store.backend.find(PRESENCES, query, sort=[("seen_time", -1)], limit=MOST_SHOWN)
        return [Presence(user_id=row["user_id"], mode=Mode(row["mode"]), since_time=row["since_time"]) for row in rows]
