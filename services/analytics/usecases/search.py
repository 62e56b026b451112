"""Finding what the caller may read, and nothing else: his permissions and row scopes are part of the question."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from chassis import context as ctx
from chassis.errors import Invalid
from chassis.policy import Policy
from chassis.teams import Teams
from services.analytics.domain.searching import KINDS, NOTES, Reach, Text, Wanted, asked_kinds, excerpt, matches
from services.analytics.ports import Index

DEFAULT, MOST = 20, 50
_READING_NOTES = {"articles": "articles.history"}
_ARTICLES = "articles"

Places = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Found:
    """A record that was found, and where in it."""

    text: Text
    excerpt: str
    title_matches: Places
    excerpt_matches: Places


class Search:
    """One question over everything. `policy` is the table of roles as it holds now."""

    def __init__(self, index: Index, policy: Callable[[], Policy], teams: Teams) -> None:
        self._index, self._policy, self._teams = index, policy, teams

    async def find(self, query: str, *, kinds: str = "", size: int | None = None, language: str = "") -> list[Found]:
        """The best first. Raises `Invalid` for a question that makes no sense or asks for too much."""
        wanted, limit = Wanted.of(query, language), DEFAULT if size is None else size
        if not 1 <= limit <= MOST:
            raise Invalid({"pageSize": f"expected 1 to {MOST}, not {limit}"})
        reaches = await self._reaches(asked_kinds(kinds))
        if not reaches:
            return []
        return await self._index.find(ctx.current().tenant, wanted, reaches, limit, lambda text: _shown(text, wanted))

    async def _reaches(self, kinds: Collection[str]) -> list[Reach]:
        reaches = []
        for kind in KINDS:
            if kind == NOTES:
                continue
            bounds = await self._bounds(kind, f"{kind}.get")
            if bounds is not None and kind in kinds:
                reaches.append(Reach(kind, bounds))
            bounds = await self._bounds(kind, _READING_NOTES.get(kind, f"{kind}.get"))
            if bounds is not None and NOTES in kinds:
                # Who sees only some records sees only what is public of them, as in their lists of notes.
                reaches.append(Reach(NOTES, bounds, about=kind, public=self._scoped(kind)))
        return reaches

    async def _bounds(self, kind: str, permission: str) -> tuple[Mapping[str, Any], ...] | None:
        """What records of a kind must fulfill for the caller to find them; None where he may find none."""
        caller = ctx.current()
        if permission not in caller.permissions:
            return None
        bounds: list[Mapping[str, Any]] = []
        if scope := self._policy().of(caller.tenant).scope(caller.roles, f"{kind}.get", caller.actor.id):
            bounds.append(scope)
        if kind == _ARTICLES:
            bounds += await self._of_articles()
        return tuple(bounds)

    def _scoped(self, kind: str) -> bool:
        caller = ctx.current()
        return bool(self._policy().of(caller.tenant).scope(caller.roles, f"{kind}.get", caller.actor.id))

    async def _of_articles(self) -> list[Mapping[str, Any]]:
        """As the service that owns them has it: readers see what is published, and what is for teams these alone."""
        caller = ctx.current()
        bounds: list[Mapping[str, Any]] = []
        if "articles.update" not in caller.permissions:
            bounds.append({"state": "PUBLISHED"})
        if "articles.publish" not in caller.permissions:
            teams = sorted(await self._teams.of_caller())
            open_to_all = {"visibility": {"$in": ["PUBLIC", "INTERNAL"]}}
            bounds.append({"$or": [open_to_all, {"team_ids": {"$in": teams}}, {"author_id": caller.actor.id}]})
        return bounds


def _shown(text: Text, wanted: Wanted) -> Found:
    part, places = excerpt(text.body, wanted)
    return Found(text, part, matches(text.title, wanted), places)
