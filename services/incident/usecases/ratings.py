"""Saying whether an article helped: one opinion a person, counted beside the article, whose version stays."""

from dataclasses import replace
from hashlib import sha256

from chassis import context as ctx
from chassis.errors import ForbiddenMove, NotFound
from chassis.store import Store, Update
from services.incident.domain.article import Article, State
from services.incident.domain.rating import ArticleRating
from services.incident.usecases.acting import act
from services.incident.usecases.article_readers import ArticleReaders


class Ratings:
    """What readers think."""

    def __init__(self, store: Store, readers: ArticleReaders) -> None:
        self._store, self._readers = store, readers

    async def rate(self, id: str, helpful: bool, comment: str) -> ArticleRating:  # noqa: A002 - as its field
        """Keeps the caller's opinion in place of the one before. Raises `ForbiddenMove` of what readers do not see."""
        async with self._readers.sight():
            article = await self._store.get(Article, id)
        if article.state is not State.PUBLISHED:
            raise ForbiddenMove(article.state, "rate")
        moment, about = act(self._store), self._store.kinds[Article].subject(article.id)
        key = _key(article.id)
        # What bounds the caller is about articles; the opinion is his own.
        with ctx.use(replace(ctx.current(), scope={})):
            async with self._store.transaction() as tx:
                counted = {"helpful_count": int(helpful), "unhelpful_count": int(not helpful)}
                try:
                    rating = await tx.get(ArticleRating, key)
                except NotFound:
                    rating = ArticleRating.said(
                        moment, id=key, about=about, helpful=helpful, comment=comment, edition=article.edition
                    )
                    tx.add(rating)
                else:
                    counted["helpful_count"] -= int(rating.helpful)
                    counted["unhelpful_count"] -= int(not rating.helpful)
                    rating.change(moment, helpful=helpful, comment=comment, edition=article.edition)
                    tx.save(rating)
                query = {"_id": article.id, "tenant": ctx.current().tenant}
                if any(counted.values()):
                    tx.write(Update("articles", query, {"$inc": counted}, strict=False))
        return rating


def _key(article_id: str) -> str:
    """The same for the same person and article: nobody has two opinions."""
    caller = ctx.current()
    return f"rat_{sha256(f'{caller.tenant}|{article_id}|{caller.actor.id}'.encode()).hexdigest()[:26]}"
