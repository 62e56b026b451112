"""Articles."""

from datetime import UTC
from typing import Any

from itsm.incident import v1 as pb

from chassis.codec import document_to_message, given, to_message
from chassis.timeline import timeline_entry
from services.incident.api.shared import asked, named
from services.incident.domain.article import Article
from services.incident.domain.link import Link, LinkKind
from services.incident.usecases.articles import Articles
from services.incident.usecases.ratings import Ratings
from services.incident.usecases.reading_articles import ReadingArticles


class ArticleApi(pb.ArticleServiceServicer):
    """`itsm.incident.v1.ArticleService`."""

    def __init__(self, articles: Articles, reading: ReadingArticles, ratings: Ratings) -> None:
        self._articles, self._reading, self._ratings = articles, reading, ratings

    async def CreateArticle(self, request: pb.CreateArticleRequest, context: Any) -> pb.Article:
        return await self._after(await self._articles.begin(given(request.article, Article)))

    async def CreateArticleFromIncident(self, request: pb.CreateArticleFromIncidentRequest, context: Any) -> pb.Article:
        return await self._after(await self._articles.begin_from(request.incident_id, request.language))

    async def GetArticle(self, request: pb.GetArticleRequest, context: Any) -> pb.Article:
        return document_to_message(await self._reading.get(request.id, request.language), pb.Article)

    async def ListArticles(self, request: pb.ListArticlesRequest, context: Any) -> pb.ListArticlesResponse:
        rows, token = await self._reading.page(asked(request))
        articles = [document_to_message(row, pb.Article) for row in rows]
        return pb.ListArticlesResponse(articles=articles, next_page_token=token)

    async def CountArticles(self, request: pb.CountArticlesRequest, context: Any) -> pb.CountArticlesResponse:
        value, capped = await self._reading.count(request.filter)
        return pb.CountArticlesResponse(value=value, capped=capped)

    async def UpdateArticle(self, request: pb.UpdateArticleRequest, context: Any) -> pb.Article:
        fields = named(request, request.article, Article)
        return await self._after(await self._articles.update(request.id, fields, etag=request.etag))

    async def SubmitArticle(self, request: pb.SubmitArticleRequest, context: Any) -> pb.Article:
        return await self._after(await self._articles.submit(request.id, etag=request.etag))

    async def WithdrawArticle(self, request: pb.WithdrawArticleRequest, context: Any) -> pb.Article:
        return await self._after(await self._articles.withdraw(request.id, etag=request.etag))

    async def RejectArticle(self, request: pb.RejectArticleRequest, context: Any) -> pb.Article:
        return await self._after(await self._articles.reject(request.id, request.reason, etag=request.etag))

    async def PublishArticle(self, request: pb.PublishArticleRequest, context: Any) -> pb.Article:
        return await self._after(await self._articles.publish(request.id, request.change_note, etag=request.etag))

    async def DiscardArticle(self, request: pb.DiscardArticleRequest, context: Any) -> pb.Article:
        return await self._after(await self._articles.discard(request.id, etag=request.etag))

    async def ConfirmArticle(self, request: pb.ConfirmArticleRequest, context: Any) -> pb.Article:
        again = request.review_time.ToDatetime(tzinfo=UTC) if request.HasField("review_time") else None
        return await self._after(await self._articles.confirm(request.id, again, etag=request.etag))

    async def RetireArticle(self, request: pb.RetireArticleRequest, context: Any) -> pb.Article:
        return await self._after(await self._articles.retire(request.id, request.reason, etag=request.etag))

    async def RestoreArticle(self, request: pb.RestoreArticleRequest, context: Any) -> pb.Article:
        return await self._after(await self._articles.restore(request.id, etag=request.etag))

    async def LinkArticle(self, request: pb.LinkArticleRequest, context: Any) -> pb.Article:
        return await self._after(await self._articles.link(request.id, _link(request.link), etag=request.etag))

    async def UnlinkArticle(self, request: pb.UnlinkArticleRequest, context: Any) -> pb.Article:
        return await self._after(await self._articles.unlink(request.id, _link(request.link), etag=request.etag))

    async def _after(self, article: Article) -> pb.Article:
        return document_to_message(await self._reading.after(article), pb.Article)

    async def ListTranslations(self, request: pb.ListTranslationsRequest, context: Any) -> pb.ListTranslationsResponse:
        rows = await self._reading.translations(request.id)
        return pb.ListTranslationsResponse(articles=[document_to_message(row, pb.Article) for row in rows])

    async def ListArticleVersions(self, request: pb.ListArticleVersionsRequest, context: Any) -> pb.ListArticleVersionsResponse:
        rows, token = await self._reading.versions(request.id, asked(request))
        return pb.ListArticleVersionsResponse(versions=[_version(row) for row in rows], next_page_token=token)

    async def GetArticleVersion(self, request: pb.GetArticleVersionRequest, context: Any) -> pb.ArticleVersion:
        return _version(await self._reading.version(request.id, request.edition))

    async def RateArticle(self, request: pb.RateArticleRequest, context: Any) -> pb.ArticleRating:
        return to_message(await self._ratings.rate(request.id, request.helpful, request.comment), pb.ArticleRating)

    async def ListArticleRatings(self, request: pb.ListArticleRatingsRequest, context: Any) -> pb.ListArticleRatingsResponse:
        rows, token = await self._reading.ratings(request.id, asked(request))
        ratings = [document_to_message(row, pb.ArticleRating) for row in rows]
        return pb.ListArticleRatingsResponse(article_ratings=ratings, next_page_token=token)

    async def AddArticleNote(self, request: pb.AddArticleNoteRequest, context: Any) -> pb.Note:
        return to_message(await self._articles.note(request.id, request.text), pb.Note)

    async def ListArticleNotes(self, request: pb.ListArticleNotesRequest, context: Any) -> pb.ListArticleNotesResponse:
        rows, token = await self._reading.notes(request.id, asked(request))
        notes = [document_to_message(row, pb.Note) for row in rows]
        return pb.ListArticleNotesResponse(notes=notes, next_page_token=token)

    async def ListArticleTimeline(self, request: pb.ListArticleTimelineRequest, context: Any) -> pb.ListArticleTimelineResponse:
        rows, token = await self._reading.timeline(request.id, asked(request))
        entries = [timeline_entry(row, "article") for row in rows]
        return pb.ListArticleTimelineResponse(entries=entries, next_page_token=token)


def _version(row: Any) -> pb.ArticleVersion:
    return document_to_message({name: value for name, value in row.items() if name != "_id"}, pb.ArticleVersion)


def _link(message: pb.Link) -> Link:
    return Link(kind=LinkKind(pb.Link.Kind.Name(message.kind)), target=message.target)
