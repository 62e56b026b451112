"""Reading articles: each in the reader's language, their lists, their versions, what people think of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from chassis import context as ctx
from chassis.codec import to_document
from chassis.errors import Invalid, NotFound
from chassis.listing import Listing
from chassis.store import Store
from services.incident.domain.article import Article, State
from services.incident.domain.rating import ArticleRating
from services.incident.usecases.article_readers import ArticleReaders
from services.incident.usecases.articles import VERSIONS
from services.incident.usecases.reading import Asked, Document, Paged, Reading

_LANGUAGES = 20
_TRANSLATIONS = 200


class ReadingArticles:
    """Queries; none of them changes anything. Raises `NotFound` for what the caller may not read."""

    def __init__(self, store: Store, reading: Reading, readers: ArticleReaders, listings: Mapping[str, Listing]) -> None:
        self._store, self._reading, self._readers, self._listings = store, reading, readers, listings

    async def get(self, id: str, languages: str = "") -> Document:  # noqa: A002 - as its field
        """One article, or what it is in the first of these languages in which readers see it."""
        wanted = [each.strip().lower() for each in languages.split(",") if each.strip()]
        if len(wanted) > _LANGUAGES:
            raise Invalid({"language": f"may name {_LANGUAGES} languages"})
        async with self._readers.sight():
            article = await self._reading.get(Article, id)
            if not wanted or article["language"].lower() == wanted[0]:
                return await self._readers.shown(article)
            query = {"group": article["group"], "state": State.PUBLISHED.value}
            published = await self._store.find("articles", query, limit=_TRANSLATIONS, naive=True)
        return await self._readers.shown(best([article, *published], wanted))

    async def translations(self, id: str) -> list[Document]:  # noqa: A002 - as above
        """The article in all its languages."""
        async with self._readers.sight():
            article = await self._reading.get(Article, id)
            rows = await self._store.find("articles", {"group": article["group"]}, limit=_TRANSLATIONS, naive=True)
        return [await self._readers.shown(row) for row in sorted(rows, key=lambda row: str(row["language"]))]

    async def page(self, asked: Asked) -> Paged:
        """A page of those that the caller may read."""
        async with self._readers.sight():
            rows, token = await self._reading.page(Article, asked)
        return [await self._readers.shown(row) for row in rows], token

    async def count(self, filter_text: str) -> tuple[int, bool]:
        """How many match of those that the caller may read."""
        async with self._readers.sight():
            return await self._reading.count(Article, filter_text)

    async def versions(self, id: str, asked: Asked) -> Paged:  # noqa: A002 - as above
        """A page of what was published, newest first."""
        article = await self._there(id)
        bounds = await self._readers.of_versions(article["author_id"])
        return await self._belonging("articleVersions", VERSIONS, f'articleId = "{article["_id"]}"', asked, bounds)

    async def version(self, id: str, edition: int) -> Document:  # noqa: A002 - as above
        """One version."""
        article, tenant = await self._there(id), ctx.current().tenant
        query = {"_id": f"{tenant}|{article['_id']}|{edition}", **await self._readers.of_versions(article["author_id"])}
        with ctx.use(replace(ctx.current(), scope={})):
            found = await self._store.find(VERSIONS, query, limit=1)
        if not found:
            raise NotFound("version", str(edition))
        return found[0]

    async def ratings(self, id: str, asked: Asked) -> Paged:  # noqa: A002 - as above
        """A page of opinions, newest first."""
        article = await self._there(id)
        return await self._belonging(
            "articleRatings",
            self._store.kinds[ArticleRating].collection,
            f'about = "{self._store.kinds[Article].subject(article["_id"])}"',
            asked,
        )

    async def notes(self, id: str, asked: Asked) -> Paged:  # noqa: A002 - as above
        """A page of what was said about it, newest first."""
        return await self._reading.notes(Article, (await self._there(id))["_id"], asked)

    async def timeline(self, id: str, asked: Asked) -> Paged:  # noqa: A002 - as above
        """A page of what happened to it, newest first."""
        article = await self._there(id)
        rows, token = await self._reading.timeline(Article, article["_id"], asked)
        return [await self._readers.told(article, row) for row in rows], token

    async def after(self, article: Article) -> Document:
        """An article that the caller has just changed, as he sees it."""
        return await self._readers.shown(to_document(article))

    async def _there(self, id: str) -> Document:  # noqa: A002 - as above
        async with self._readers.sight():
            return await self._reading.get(Article, id)

    async def _belonging(self, plural: str, collection: str, among: str, asked: Asked, bounds: Document | None = None) -> Paged:
        """What belongs to an article that the caller has reached."""
        page = self._listings[plural].page(ctx.current().tenant, among, "", asked.size, asked.token)
        with ctx.use(replace(ctx.current(), scope={})):
            query = {"$and": [page.query, bounds]} if bounds else page.query
            return page.cut(await self._store.find(collection, query, sort=page.sort, limit=page.limit, naive=True))


def best(articles: Sequence[Document], wanted: Sequence[str]) -> Document:
    """The one in the language that comes first; `pt` is content with `pt-BR` and the other way round. The first one else."""
    for language in wanted:
        for fits in (_same, _related):
            for article in articles:
                if fits(article["language"].lower(), language):
                    return article
    return articles[0]


def _same(own: str, wanted: str) -> bool:
    return own == wanted


def _related(own: str, wanted: str) -> bool:
    return own.partition("-")[0] == wanted.partition("-")[0]
