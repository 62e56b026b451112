"""Articles, their versions, what people think of them."""

from collections.abc import Mapping

from itsm.incident import v1 as pb

from chassis.domain import Clock
from chassis.due import due_index
from chassis.listing import Field, Fields, Listing
from chassis.listing import Kind as Of
from chassis.store import Index, Kind
from services.incident.domain.article import Article, State
from services.incident.domain.article_fields import Visibility
from services.incident.domain.rating import ArticleRating
from services.incident.store.fields import enum_field, time_field
from services.incident.usecases.articles import VERSIONS

KINDS = (
    Kind(Article, pb.Article, "articles"),
    Kind(ArticleRating, pb.ArticleRating, "article_ratings", about="about"),
)
ARTICLES, RATINGS = (kind.collection for kind in KINDS)
DUE_FIELD = "next_due_time"

INDEXES = (
    Index(ARTICLES, [("tenant", 1), ("number", 1)]),
    Index(ARTICLES, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(ARTICLES, [("tenant", 1), ("state", 1), ("create_time", -1), ("_id", 1)]),
    Index(ARTICLES, [("tenant", 1), ("use_count", -1), ("_id", 1)]),
    Index(ARTICLES, [("tenant", 1), ("group", 1)]),
    due_index(ARTICLES, DUE_FIELD),
    Index(VERSIONS, [("tenant", 1), ("article_id", 1), ("edition", -1), ("_id", 1)]),
    Index(RATINGS, [("tenant", 1), ("about", 1), ("update_time", -1), ("_id", 1)]),
)

ARTICLE_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "number": Field(path="number", sortable=True),
    "title": Field(path="title", kind=Of.TEXT),
    "keywords": Field(path="keywords", many=True),
    "state": enum_field("state", State),
    "visibility": enum_field("visibility", Visibility),
    "teamIds": Field(path="team_ids", many=True),
    "category": Field(path="category"),
    "language": Field(path="language"),
    "originalId": Field(path="original_id"),
    "authorId": Field(path="author_id"),
    "ownerId": Field(path="owner_id"),
    "edition": Field(path="edition", kind=Of.NUMBER),
    "draft.submitted": Field(path="draft.submitted", kind=Of.BOOL),
    "reviewTime": time_field("review_time"),
    "expireTime": time_field("expire_time"),
    "publishTime": time_field("publish_time"),
    "useCount": Field(path="use_count", kind=Of.NUMBER, sortable=True),
    "helpfulCount": Field(path="helpful_count", kind=Of.NUMBER),
    "unhelpfulCount": Field(path="unhelpful_count", kind=Of.NUMBER),
    "createTime": time_field("create_time", sortable=True),
    "updateTime": time_field("update_time"),
    "links.target": Field(path="links.target", many=True),
}

# Only ever asked for by the article, newest first; the filter binds a token to it.
VERSION_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "articleId": Field(path="article_id"),
    "edition": Field(path="edition", kind=Of.NUMBER, sortable=True),
}
RATING_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "about": Field(path="about"),
    "updateTime": time_field("update_time", sortable=True),
}


def listings(key: bytes, clock: Clock) -> Mapping[str, Listing]:
    """The lists by plural; `key` signs their tokens."""
    return {
        "articles": Listing("articles", ARTICLE_FIELDS, "createTime desc", key, clock),
        "articleVersions": Listing("articleVersions", VERSION_FIELDS, "edition desc", key, clock),
        "articleRatings": Listing("articleRatings", RATING_FIELDS, "updateTime desc", key, clock),
    }
