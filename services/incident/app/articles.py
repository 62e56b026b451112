"""Knowledge: articles, their readers, their timer."""

from itsm.incident import v1 as pb

from chassis.due import DueWorker
from chassis.teams import AskedTeams
from services.incident.api.articles import ArticleApi
from services.incident.app.parts import Parts
from services.incident.store import articles as kept
from services.incident.usecases.article_readers import ArticleReaders
from services.incident.usecases.articles import Articles
from services.incident.usecases.ratings import Ratings
from services.incident.usecases.reading_articles import ReadingArticles

ARTICLES = "itsm.incident.v1.ArticleService"
SERVICES = (ARTICLES,)


def wire(parts: Parts) -> None:
    """Serves them, and tells when one is to be looked at or expires."""
    assembly, store = parts.assembly, parts.store
    readers = ArticleReaders(AskedTeams(assembly.channels, parts.settings.auth_target))
    articles = Articles(store, readers)
    reading = ReadingArticles(store, parts.reading, readers, parts.listings)
    api = ArticleApi(articles, reading, Ratings(store, readers))
    assembly.serve(ARTICLES, pb.add_ArticleServiceServicer_to_server, api)
    service = assembly.service
    DueWorker(store, "incident", kept.ARTICLES, kept.DUE_FIELD, articles.fall_due, service.metrics).attach(service)
