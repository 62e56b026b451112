"""Who finds and reads which articles: said once, as a part of every question that is asked of the store.

Who writes articles sees all states of them, everybody else what is published. What is for teams is for these, for who wrote
it and for who publishes. The row scope of a role comes on top: who only asks for things sees what is public.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import orjson

from chassis import context as ctx
from chassis.teams import Teams
from services.incident.domain.article import State
from services.incident.domain.article_fields import Visibility

WRITES, PUBLISHES = "articles.update", "articles.publish"
_REJECTED = ".ArticleRejected"
_OPEN_TO_ALL = {"visibility": {"$in": [Visibility.PUBLIC.value, Visibility.INTERNAL.value]}}


class ArticleReaders:
    """The bounds of the caller."""

    def __init__(self, teams: Teams) -> None:
        self._teams = teams

    @asynccontextmanager
    async def sight(self) -> AsyncIterator[None]:
        """Inside, the store holds no article that the caller may not read."""
        caller, bounds = ctx.current(), await self._bounds()
        scope = {"$and": [dict(caller.scope), *bounds]} if caller.scope else {"$and": bounds} if bounds else {}
        with ctx.use(replace(caller, scope=scope)):
            yield

    async def of_versions(self, author_id: str) -> dict[str, Any]:
        """Which versions of an article that the caller may read he may read: each was for whom it was published then."""
        caller = ctx.current()
        bounds: list[dict[str, Any]] = []
        if "visibility" in caller.scope:
            bounds.append({"visibility": caller.scope["visibility"]})
        if PUBLISHES not in caller.permissions and caller.actor.id != author_id:
            bounds.append({"$or": [_OPEN_TO_ALL, {"team_ids": {"$in": sorted(await self._teams.of_caller())}}]})
        return {"$and": bounds} if bounds else {}

    async def shown(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """An article as the caller sees it: what is being written is for those who write, and of these for whom it will be."""
        return dict(row) if row.get("draft") is None or await self.sees_draft(row) else {**row, "draft": None}

    async def sees_draft(self, row: Mapping[str, Any]) -> bool:
        """Whether the caller sees what is being written on an article that has a draft."""
        caller, draft = ctx.current(), row["draft"]
        if PUBLISHES in caller.permissions:
            return True
        return WRITES in caller.permissions and (
            draft["visibility"] != Visibility.TEAMS.value
            or caller.actor.id in (row["author_id"], draft["editor_id"])
            or not (await self._teams.of_caller()).isdisjoint(draft["team_ids"])
        )

    async def told(self, row: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
        """A change of an article (`row`) as the caller is told of it: why something was not good enough is about its words, so
        it is for those who may read them."""
        caller, data = ctx.current(), orjson.loads(change["data"])
        if "reason" not in data or not change["type"].endswith(_REJECTED):
            return dict(change)
        if PUBLISHES in caller.permissions or caller.actor.id == row["author_id"]:
            return dict(change)
        then = data["article"]
        if then["state"] == State.PUBLISHED.value:
            sees = row.get("draft") is not None and await self.sees_draft(row)
        else:
            sees = then["visibility"] != Visibility.TEAMS.value or not (await self._teams.of_caller()).isdisjoint(
                then["teamIds"]
            )
        return dict(change) if sees else {**change, "data": orjson.dumps({**data, "reason": ""}).decode()}

    async def _bounds(self) -> list[dict[str, Any]]:
        caller = ctx.current()
        bounds: list[dict[str, Any]] = []
        if WRITES not in caller.permissions:
            bounds.append({"state": State.PUBLISHED.value})
        if PUBLISHES not in caller.permissions:
            teams = sorted(await self._teams.of_caller()) if not caller.scope else []
            bounds.append({"$or": [_OPEN_TO_ALL, {"team_ids": {"$in": teams}}, {"author_id": caller.actor.id}]})
        return bounds
