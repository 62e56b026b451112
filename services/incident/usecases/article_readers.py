"""Who finds and reads which articles: said once, as a part of every question that is asked of the store.

Who writes articles sees all states of them, everybody else what is published. What is for teams is for these, for who wrote
it and for who publishes. The row scope of a role comes on top: who only asks for things sees what is public.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from chassis import context as ctx
from chassis.teams import Teams
from services.incident.domain.article import State
from services.incident.domain.article_fields import Visibility

WRITES, PUBLISHES = "articles.update", "articles.publish"


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

    async def _bounds(self) -> list[dict[str, Any]]:
        caller = ctx.current()
        bounds: list[dict[str, Any]] = []
        if WRITES not in caller.permissions:
            bounds.append({"state": State.PUBLISHED.value})
        if PUBLISHES not in caller.permissions:
            teams = sorted(await self._teams.of_caller()) if not caller.scope else []
            open_to_all: dict[str, Any] = {"visibility": {"$in": [Visibility.PUBLIC.value, Visibility.INTERNAL.value]}}
            bounds.append({"$or": [open_to_all, {"team_ids": {"$in": teams}}, {"author_id": caller.actor.id}]})
        return bounds


def writes() -> bool:
    """Whether the caller may see what is being written."""
    return WRITES in ctx.current().permissions
