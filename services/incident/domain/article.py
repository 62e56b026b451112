"""An article: what its verbs demand, what they change, and the one event that tells of each.

What readers see of a published article changes by publication alone: what is written meanwhile is its draft, which goes the
same way to them as the first version did. Who may do what is said with the RPCs; who may read what, in the use cases.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from itsm.incident import v1 as pb

from chassis.domain import Aggregate, Event
from chassis.errors import ForbiddenMove, Invalid
from services.incident.domain import limits
from services.incident.domain.article_fields import Visibility, check
from services.incident.domain.link import Link
from services.incident.domain.moment import Act
from services.incident.domain.moves import Move, moved


class State(StrEnum):
    """Where an article stands, as its readers see it."""

    DRAFT = "DRAFT"
    IN_REVIEW = "IN_REVIEW"
    PUBLISHED = "PUBLISHED"
    RETIRED = "RETIRED"


_WRITTEN = frozenset({State.DRAFT, State.IN_REVIEW})

# From PUBLISHED the first four are about its draft, and its state stays.
MOVES: Mapping[str, Move[State]] = {
    "submit": Move(frozenset({State.DRAFT}), State.IN_REVIEW),
    "withdraw": Move(frozenset({State.IN_REVIEW}), State.DRAFT),
    "reject": Move(frozenset({State.IN_REVIEW}), State.DRAFT),
    "publish": Move(frozenset({State.IN_REVIEW}), State.PUBLISHED),
    "retire": Move(frozenset({State.DRAFT, State.IN_REVIEW, State.PUBLISHED}), State.RETIRED),
    "restore": Move(frozenset({State.RETIRED}), State.DRAFT),
}
"""What a draft of a published article does, the article did before: the same table, read for the draft's own state."""


@dataclass(slots=True, kw_only=True)
class ArticleDraft:
    """The next version of a published article, as far as it is written."""

    title: str = ""
    summary: str = ""
    body: str = ""
    keywords: list[str] = field(default_factory=list)
    visibility: Visibility = Visibility.INTERNAL
    team_ids: list[str] = field(default_factory=list)
    submitted: bool = False
    editor_id: str = ""


CONTENT = ("title", "summary", "body", "keywords", "visibility", "team_ids")
"""What readers see, and who they are: changed by publication alone."""


@dataclass(slots=True, kw_only=True)
class Article(Aggregate):
    """Something that is known and was written down."""

    number: str
    title: str
    summary: str = ""
    body: str = ""
    keywords: list[str] = field(default_factory=list)
    state: State = State.DRAFT
    visibility: Visibility = Visibility.INTERNAL
    team_ids: list[str] = field(default_factory=list)
    category: str = ""
    language: str = "en"
    original_id: str = ""
    author_id: str
    owner_id: str = ""
    edition: int = 0
    draft: ArticleDraft | None = None
    links: list[Link] = field(default_factory=list)
    review_time: datetime | None = None
    expire_time: datetime | None = None
    publish_time: datetime | None = None
    retire_time: datetime | None = None
    use_count: int = 0
    last_use_time: datetime | None = None
    helpful_count: int = 0
    unhelpful_count: int = 0
    create_time: datetime
    update_time: datetime
    # Kept inside: what it is a translation of or its own id, how many versions there were, when the timer looks again, and
    # the review that was told of.
    group: str = ""
    editions: int = 0
    next_due_time: datetime | None = None
    told_review_time: datetime | None = None

    @classmethod
    def begun(cls, act: Act, *, id: str, number: str, **given: Any) -> Self:  # noqa: A002 - as its field
        """A new article. Raises `Invalid` for fields beyond their limits."""
        article = cls(id=id, number=number, author_id=act.by, create_time=act.at, update_time=act.at, **given)
        article.owner_id = article.owner_id or act.by
        article.group = article.original_id or id
        check({name: getattr(article, name) for name in (*CONTENT, "category", "language", "owner_id")})
        article._check_times()
        article._changed(pb.ArticleCreated(), act)
        return article

    def edit(self, act: Act, **fields: Any) -> None:
        """Changes named fields: of a published one, what readers see goes into its draft. Nothing changed, nothing is told."""
        if self.state is State.RETIRED:
            raise ForbiddenMove(self.state, "update", "it is retired: restore it first")
        written = {name: value for name, value in fields.items() if name in CONTENT}
        beside = {name: value for name, value in fields.items() if name not in CONTENT and getattr(self, name) != value}
        before: Any = self.draft or self
        written = {name: value for name, value in written.items() if getattr(before, name) != value}
        if not written and not beside:
            return
        check({**{name: getattr(before, name) for name in CONTENT}, **written, **beside})
        if written and self._work_state is State.IN_REVIEW:
            raise ForbiddenMove(State.IN_REVIEW, "update", "somebody looks at it: withdraw it first")
        if written and self.state is State.PUBLISHED:
            self.draft = ArticleDraft(**{name: getattr(before, name) for name in CONTENT} | written, editor_id=act.by)
        else:
            beside |= written
        for name, value in beside.items():
            setattr(self, name, value)
        self._check_times()
        self._changed(pb.ArticleUpdated(), act)

    def submit(self, act: Act) -> None:
        """Asks somebody to look at what was written."""
        self._work("submit")
        if not (self.draft or self).body.strip():
            raise Invalid({"body": "must not be empty: there is nothing to look at"})
        self._changed(pb.ArticleSubmitted(), act)

    def withdraw(self, act: Act) -> None:
        """Takes it back before somebody has looked at it."""
        self._work("withdraw")
        self._changed(pb.ArticleWithdrawn(), act)

    def reject(self, act: Act, *, reason: str) -> None:
        """It is not good enough yet."""
        limits.check({"reason": reason}, required=True)
        self._work("reject")
        self._changed(pb.ArticleRejected(reason=reason), act)

    def publish(self, act: Act) -> None:
        """Readers see what was written from now on, as the next version."""
        self._work("publish")
        if self.expire_time is not None and self.expire_time <= act.at:
            raise Invalid({"expire_time": "is over: readers would never see it"})
        if self.draft is not None:
            for name in CONTENT:
                setattr(self, name, getattr(self.draft, name))
            self.draft = None
        self.editions += 1
        self.edition, self.publish_time, self.retire_time = self.editions, act.at, None
        self._changed(pb.ArticlePublished(edition=self.edition), act)

    def discard(self, act: Act) -> None:
        """Throws the draft of a published article away; where there is none, nothing happens."""
        if self.state is not State.PUBLISHED:
            raise ForbiddenMove(self.state, "discard", "only what readers see stays when its draft is thrown away")
        if self.draft is not None:
            self.draft = None
            self._changed(pb.ArticleDiscarded(), act)

    def confirm(self, act: Act, *, review_time: datetime | None) -> None:
        """It still holds; somebody looks again at `review_time`, or never."""
        if self.state is not State.PUBLISHED:
            raise ForbiddenMove(self.state, "confirm")
        if review_time is not None and review_time <= act.at:
            raise Invalid({"review_time": "must be in the future"})
        self.review_time = review_time
        self._check_times()
        self._changed(pb.ArticleConfirmed(), act)

    def retire(self, act: Act, *, reason: str) -> None:
        """It holds no longer; readers do not see it any more."""
        limits.check({"reason": reason}, required=True)
        self._end(act)
        self._changed(pb.ArticleRetired(reason=reason), act)

    def restore(self, act: Act) -> None:
        """Takes it up again, as something that is written."""
        self.state = moved(MOVES, self.state, "restore")
        self.retire_time = None
        if self.expire_time is not None and self.expire_time <= act.at:
            self.expire_time = None
        self._changed(pb.ArticleRestored(), act)

    def link(self, act: Act, link: Link) -> None:
        """Refers to another record; a reference that is there already changes nothing."""
        limits.check_link(link.target, f"articles/{self.id}")
        if link in self.links:
            return
        if len(self.links) >= limits.LINKS:
            raise Invalid({"link": f"there are {limits.LINKS} references already"})
        self.links = [*self.links, link]
        self._changed(pb.ArticleLinked(link=link.message()), act)

    def unlink(self, act: Act, link: Link) -> None:
        """Takes a reference away; one that is not there changes nothing."""
        if link in self.links:
            self.links = [other for other in self.links if other != link]
            self._changed(pb.ArticleLinked(link=link.message(), removed=True), act)

    def fall_due(self, act: Act) -> None:
        """What its times ask for by now: it expires, or somebody is told to look. One at a time."""
        if self.state is not State.PUBLISHED:
            return
        if self.expire_time is not None and self.expire_time <= act.at:
            self._end(act)
            self._changed(pb.ArticleExpired(), act)
        elif self._review_is_open and self.review_time is not None and self.review_time <= act.at:
            self.told_review_time = self.review_time
            self._changed(pb.ArticleReviewDue(), act)

    def plan(self) -> None:
        """When the timer looks next: only a published article has anything to be told of."""
        times = [self.expire_time, self.review_time if self._review_is_open else None]
        ahead = [time for time in times if time is not None]
        self.next_due_time = min(ahead) if ahead and self.state is State.PUBLISHED else None

    @property
    def _review_is_open(self) -> bool:
        return self.review_time != self.told_review_time

    @property
    def _work_state(self) -> State:
        """Where what is written stands, beside what readers see."""
        if self.state is not State.PUBLISHED:
            return self.state
        return State.IN_REVIEW if self.draft is not None and self.draft.submitted else State.DRAFT

    def _work(self, verb: str) -> None:
        """Moves what is written on; the state of a published article stays."""
        if self.state is State.PUBLISHED and self.draft is None:
            raise ForbiddenMove(self.state, verb, "nothing was written since it was published")
        after = moved(MOVES, self._work_state, verb)
        if self.draft is not None:
            self.draft.submitted = after is State.IN_REVIEW
        else:
            self.state = after

    def _end(self, act: Act) -> None:
        self.state = moved(MOVES, self.state, "retire")
        self.retire_time, self.edition = act.at, 0
        if self.draft is not None:  # nobody's words are lost: whoever restores it goes on with them
            for name in CONTENT:
                setattr(self, name, getattr(self.draft, name))
            self.draft = None

    def _check_times(self) -> None:
        if self.review_time and self.expire_time and self.review_time >= self.expire_time:
            raise Invalid({"review_time": "must be before it expires"})

    def _changed(self, event: Event, act: Act) -> None:
        self.update_time = act.at
        self.plan()
        self.record(event)
