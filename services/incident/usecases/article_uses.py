"""How often articles are used: counted while other records refer to them, beside the article, whose version stays."""

from collections.abc import Sequence

from chassis import context as ctx
from chassis.store import Store, Update
from services.incident.domain.link import Link

_PREFIX = "articles/"


class ArticleUses:
    """Called by the use cases that change references, in their transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def follow(self, before: Sequence[Link], after: Sequence[Link]) -> None:
        """Counts the articles in and out that a record came to refer to, or no longer does."""
        was, now = _articles(before), _articles(after)
        async with self._store.transaction() as tx:
            for name in sorted(was ^ now):
                changed: dict[str, object] = {"$inc": {"use_count": 1 if name in now else -1}}
                if name in now:
                    changed["$set"] = {"last_use_time": self._store.clock()}
                query = {"_id": name, "tenant": ctx.current().tenant}
                tx.write(Update("articles", query, changed, strict=False))


def _articles(links: Sequence[Link]) -> set[str]:
    return {link.target.removeprefix(_PREFIX) for link in links if link.target.startswith(_PREFIX)}
