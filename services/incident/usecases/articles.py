"""Writing articles and bringing them to their readers: one public method per command, one transaction each."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from google.api import field_behavior_pb2
from itsm.incident import v1 as pb

from chassis import context as ctx
from chassis.codec import Descriptor, has_behavior, to_document
from chassis.domain import Ids, new_id
from chassis.errors import AlreadyExists, Denied, ForbiddenMove, Invalid, NotFound
from chassis.store import Insert, Store, Transaction
from services.incident.domain.article import CONTENT, Article
from services.incident.domain.incident import Incident
from services.incident.domain.link import Link, LinkKind
from services.incident.domain.moment import Act
from services.incident.domain.note import Note
from services.incident.usecases.acting import act
from services.incident.usecases.article_readers import ArticleReaders
from services.incident.usecases.linking import Linking
from services.incident.usecases.notes import Notes

VERSIONS = "article_versions"
"""What was published, each version once and for good."""

_LANGUAGE_CLAIM = "article-language"
_TITLE = 300
_DESCRIPTOR: Descriptor = pb.Article.DESCRIPTOR
_FIXED = frozenset(field.name for field in _DESCRIPTOR.fields if has_behavior(field, field_behavior_pb2.IMMUTABLE))


class Articles:
    """What people may do with articles. `etag` is the version that the caller decided on, or empty.

    Each raises `NotFound` for an article that the caller may not read.
    """

    def __init__(self, store: Store, readers: ArticleReaders, *, ids: Ids = new_id) -> None:
        self._store, self._readers, self._ids = store, readers, ids
        self._notes, self._linking = Notes(store, ids=ids), Linking(store)

    async def begin(self, fields: Mapping[str, Any]) -> Article:
        """A new article. Raises `Invalid` for an original that is none, `AlreadyExists` where it has this language already."""
        number = await self._store.number("KB")
        async with self._store.transaction() as tx:
            original = await self._original(tx, fields.get("original_id", ""))
            given = {**fields, **({"original_id": original.id} if original is not None else {})}
            article = Article.begun(act(self._store), id=self._ids("kb"), number=number, **given)
            key = f"{article.group}|{article.language}"
            if await tx.holder(_LANGUAGE_CLAIM, key) is not None:
                raise AlreadyExists("article", "", f"it is there in {article.language} already")
            tx.claim(_LANGUAGE_CLAIM, key, article.id)
            tx.add(article)
        return article

    async def begin_from(self, incident_id: str, language: str) -> Article:
        """A draft of what an incident was about and how it ended. Raises `NotFound` for one that the caller does not see."""
        if "incidents.get" not in ctx.current().permissions:
            raise Denied("incidents.get")
        incident = await self._store.get(Incident, incident_id)
        link = Link(kind=LinkKind.RELATED, target=self._store.kinds[Incident].subject(incident.id))
        parts = (("What was seen", incident.description), ("What helped", incident.resolution))
        body = "\n\n".join(f"## {head}\n\n{text.strip()}" for head, text in parts if text.strip())
        fields = {"title": incident.title[:_TITLE], "body": body, "category": incident.category, "links": [link]}
        return await self.begin({**fields, **({"language": language} if language else {})})

    async def update(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> Article:  # noqa: A002 - as its field
        """Changes the named fields. Raises `Invalid` for one that is chosen once."""
        async with self._changing(id, etag) as (article, moment):
            if any(name in CONTENT for name in fields) and await self._hides_draft(article):
                if any(name in CONTENT and getattr(article, name) != value for name, value in fields.items()):
                    raise _hidden(article, "update")
                fields = {name: value for name, value in fields.items() if name not in CONTENT}  # sent back as it was read
            fixed = [name for name in _FIXED & fields.keys() if getattr(article, name) != fields[name]]
            if fixed:
                raise Invalid(dict.fromkeys(sorted(fixed), "cannot be changed"))
            article.edit(moment, **fields)
        return article

    async def submit(self, id: str, *, etag: str = "") -> Article:  # noqa: A002 - as above
        """Asks somebody to look at what was written."""
        async with self._changing(id, etag) as (article, moment):
            if await self._hides_draft(article):
                raise _hidden(article, "submit")
            article.submit(moment)
        return article

    async def withdraw(self, id: str, *, etag: str = "") -> Article:  # noqa: A002 - as above
        """Takes it back."""
        async with self._changing(id, etag) as (article, moment):
            if await self._hides_draft(article):
                raise _hidden(article, "withdraw")
            article.withdraw(moment)
        return article

    async def reject(self, id: str, reason: str, *, etag: str = "") -> Article:  # noqa: A002 - as above
        """It is not good enough yet."""
        async with self._changing(id, etag) as (article, moment):
            article.reject(moment, reason=reason)
        return article

    async def publish(self, id: str, change_note: str, *, etag: str = "") -> Article:  # noqa: A002 - as above
        """Readers see it, and the version is kept."""
        if len(change_note) > _TITLE:
            raise Invalid({"change_note": f"may have {_TITLE} characters, not {len(change_note)}"})
        async with self._changing(id, etag) as (article, moment):
            article.publish(moment)
            async with self._store.transaction() as tx:
                tx.write(Insert(VERSIONS, _version(article, moment, change_note)))
        return article

    async def discard(self, id: str, *, etag: str = "") -> Article:  # noqa: A002 - as above
        """Throws its next version away."""
        async with self._changing(id, etag) as (article, moment):
            if await self._hides_draft(article):
                raise _hidden(article, "discard")
            article.discard(moment)
        return article

    async def confirm(self, id: str, review_time: datetime | None, *, etag: str = "") -> Article:  # noqa: A002 - as above
        """It still holds."""
        async with self._changing(id, etag) as (article, moment):
            article.confirm(moment, review_time=review_time)
        return article

    async def retire(self, id: str, reason: str, *, etag: str = "") -> Article:  # noqa: A002 - as above
        """It holds no longer."""
        async with self._changing(id, etag) as (article, moment):
            article.retire(moment, reason=reason)
        return article

    async def restore(self, id: str, *, etag: str = "") -> Article:  # noqa: A002 - as above
        """It is written on again."""
        async with self._changing(id, etag) as (article, moment):
            article.restore(moment)
        return article

    async def link(self, id: str, link: Link, *, etag: str = "") -> Article:  # noqa: A002 - as above
        """Refers to another record. Raises `Invalid` when that is one of ours which the caller cannot see."""
        async with self._changing(id, etag) as (article, moment):
            article.link(moment, await self._known(link))
        return article

    async def unlink(self, id: str, link: Link, *, etag: str = "") -> Article:  # noqa: A002 - as above
        """Takes a reference away."""
        async with self._changing(id, etag) as (article, moment):
            article.unlink(moment, await self._known(link))
        return article

    async def note(self, id: str, text: str) -> Note:  # noqa: A002 - as above
        """Says something to those who write it."""
        async with self._readers.sight():
            document = await self._store.document(Article, id)
        async with self._store.transaction() as tx:
            note = self._notes.said(Article, document["_id"], text, False, act(self._store))
            tx.add(note)
        return note

    async def fall_due(self, tenant: str, id: str) -> None:  # noqa: A002 - as above
        """What the timer calls, in the context of the article's tenant; late and doubled calls do no harm."""
        if tenant != ctx.current().tenant:
            raise NotFound("tenant", tenant)
        async with self._store.transaction() as tx:
            article = await tx.get(Article, id)
            article.fall_due(act(self._store))
            tx.save(article)

    @asynccontextmanager
    async def _changing(self, id: str, etag: str) -> AsyncIterator[tuple[Article, Act]]:  # noqa: A002 - as above
        """The article inside a transaction, saved after the block."""
        moment = act(self._store)
        async with self._store.transaction() as tx:
            async with self._readers.sight():
                article = await tx.get(Article, id, etag=etag)
            yield article, moment
            tx.save(article)

    async def _hides_draft(self, article: Article) -> bool:
        """Whether others write on it and the caller may not read what."""
        return article.draft is not None and not await self._readers.sees_draft(to_document(article))

    async def _known(self, link: Link) -> Link:
        async with self._readers.sight():
            if link.target.startswith("articles/"):
                return (await self._linking.known(link))[0]
        with ctx.use(replace(ctx.current(), scope={})):
            return (await self._linking.known(link))[0]

    async def _original(self, tx: Transaction, original_id: str) -> Article | None:
        if not original_id:
            return None
        try:
            async with self._readers.sight():
                original = await tx.get(Article, original_id)
        except NotFound:
            raise Invalid({"original_id": "there is no such article"}) from None
        if original.original_id:
            raise Invalid({"original_id": "is a translation itself: name the article that it was made from"})
        return original


def _hidden(article: Article, verb: str) -> ForbiddenMove:
    return ForbiddenMove(article.state, verb, "somebody else is writing on it for a team that you do not belong to")


def _version(article: Article, moment: Act, change_note: str) -> dict[str, Any]:
    tenant = ctx.current().tenant
    return {
        "_id": f"{tenant}|{article.id}|{article.edition}",
        "tenant": tenant,
        "article_id": article.id,
        "edition": article.edition,
        **{name: getattr(article, name) for name in CONTENT},
        "visibility": article.visibility.value,
        "change_note": change_note,
        "publisher_id": moment.by,
        "publish_time": moment.at,
    }
