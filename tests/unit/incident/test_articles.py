"""Articles: readers see what was published and no more, whoever reads; versions, languages, opinions and uses are kept."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis import context as ctx
from chassis.context import Context
from chassis.due import DueWorker
from chassis.errors import AlreadyExists, Denied, ForbiddenMove, Invalid, NotFound
from chassis.telemetry import Metrics
from chassis.testing import caller
from services.auth.domain import desk as granted
from services.incident.domain.article import Article, ArticleDraft, State
from services.incident.domain.article_fields import Visibility
from services.incident.domain.link import Link, LinkKind
from services.incident.domain.moment import Act
from services.incident.store import articles as kept
from services.incident.store import listings
from services.incident.usecases.article_readers import ArticleReaders
from services.incident.usecases.articles import Articles
from services.incident.usecases.ratings import Ratings
from services.incident.usecases.reading import Asked
from services.incident.usecases.reading_articles import ReadingArticles
from tests.unit.incident.desk import KEY, MONDAY, Again, Desk

WRITES = frozenset(granted.AGENT) | {"incidents.get"}
REQUESTER = caller(
    subject="rita", permissions=frozenset(granted.REQUESTER), scope=granted.SCOPES["articles"], roles=frozenset({"requester"})
)
VIEWER = caller(subject="vic", permissions=frozenset(granted.VIEWER))
AGENT = caller(subject="amy", permissions=WRITES)
OTHER = caller(subject="otto", permissions=WRITES)
MANAGER = caller(subject="max", permissions=WRITES | frozenset(granted.INCIDENT_MANAGER))
EVERYBODY = (REQUESTER, VIEWER, AGENT, OTHER, MANAGER)
TEXT = {"title": "Reset a password", "body": "Press the button."}


class People:
    """Who belongs where."""

    def __init__(self) -> None:
        self.members: dict[str, set[str]] = {"amy": {"network"}}

    async def of_caller(self) -> frozenset[str]:
        """See `Teams`."""
        return frozenset(self.members.get(ctx.current().actor.id, ()))


class Library(Desk):
    """A desk with knowledge."""

    def __init__(self) -> None:
        super().__init__()
        self.people = People()
        readers = ArticleReaders(self.people)
        self.articles = Again(Articles(self.store, readers))
        self.read = ReadingArticles(self.store, self.reading, readers, listings(KEY, self.clock))
        self.ratings = Again(Ratings(self.store, readers))
        self.timer = DueWorker(self.store, "incident", kept.ARTICLES, kept.DUE_FIELD, self.articles.fall_due, Metrics())

    async def published(self, **fields: Any) -> str:
        """An article that readers see."""
        with ctx.use(AGENT):
            article = await self.articles.begin({**TEXT, "visibility": Visibility.PUBLIC, **fields})
            await self.articles.submit(article.id)
        with ctx.use(MANAGER):
            await self.articles.publish(article.id, "")
        return str(article.id)

    async def sees(self, who: Context, id: str) -> dict[str, Any] | None:  # noqa: A002 - as its field
        """What somebody reads; asked in each way, which must agree."""
        with ctx.use(who):
            listed, _ = await self.read.page(Asked())
            counted, _ = await self.read.count(f'id = "{id}"')
            try:
                found = dict(await self.read.get(id))
            except NotFound:
                found = None
        assert (found is not None) is any(row["_id"] == id for row in listed) is (counted == 1)
        return found

    def events(self) -> list[str]:
        """What was told, without the service's name."""
        memory: Any = self.backend
        return [row["type"].rpartition(".")[2] for row in memory.collections["changes"].values() if "type" in row]


async def test_what_is_written_is_seen_by_readers_once_it_is_published_and_each_version_stays_readable() -> None:
    room = Library()
    with ctx.use(AGENT):
        article = await room.articles.begin({**TEXT, "visibility": Visibility.PUBLIC})
        assert (article.number, article.state, article.owner_id) == ("KB0000001", State.DRAFT, "amy")
        with pytest.raises(ForbiddenMove):
            await room.articles.publish(article.id, "")
        await room.articles.submit(article.id)
        with pytest.raises(ForbiddenMove):
            await room.articles.update(article.id, {"body": "Something else."})
    assert await room.sees(REQUESTER, article.id) is None
    assert await room.sees(VIEWER, article.id) is None
    with ctx.use(MANAGER):
        await room.articles.reject(article.id, "Which button?")
    with ctx.use(AGENT):
        await room.articles.update(article.id, {"body": "Press the red button."})
        await room.articles.submit(article.id)
    with ctx.use(MANAGER):
        await room.articles.publish(article.id, "first")
    seen = await room.sees(REQUESTER, article.id)
    assert seen is not None
    assert (seen["body"], seen["edition"]) == ("Press the red button.", 1)

    with ctx.use(AGENT):
        await room.articles.update(
            article.id, {"body": "Press the green button.", "visibility": Visibility.INTERNAL, "category": "it"}
        )
        mine = await room.sees(AGENT, article.id)
        await room.articles.submit(article.id)
        await room.articles.withdraw(article.id)
    assert mine is not None
    assert (mine["body"], mine["draft"]["body"]) == ("Press the red button.", "Press the green button.")
    seen = await room.sees(REQUESTER, article.id)
    assert seen is not None
    assert (seen["body"], seen["draft"], seen["category"]) == ("Press the red button.", None, "it")
    with ctx.use(AGENT):
        await room.articles.submit(article.id)
    with ctx.use(MANAGER):
        await room.articles.publish(article.id, "another color")
        versions, _ = await room.read.versions(article.id, Asked())
        first = await room.read.version(article.id, 1)
        with pytest.raises(NotFound):
            await room.read.version(article.id, 3)
    assert [(row["edition"], row["change_note"]) for row in versions] == [(2, "another color"), (1, "first")]
    assert (first["body"], first["publisher_id"]) == ("Press the red button.", "max")
    assert await room.sees(REQUESTER, article.id) is None  # it is for who works here now
    assert await room.sees(VIEWER, article.id) is not None
    with ctx.use(MANAGER):
        await room.articles.retire(article.id, "The button is gone.")
        with pytest.raises(ForbiddenMove):
            await room.articles.update(article.id, {"title": "x"})
    assert await room.sees(VIEWER, article.id) is None
    with ctx.use(MANAGER):
        restored = await room.articles.restore(article.id)
    assert (restored.state, restored.edition, restored.editions) == (State.DRAFT, 0, 2)
    assert room.events()[:4] == ["ArticleCreated", "ArticleSubmitted", "ArticleRejected", "ArticleUpdated"]


async def test_a_version_is_read_by_whom_it_was_for_then_and_a_draft_by_whom_it_will_be_for() -> None:
    room = Library()
    id = await room.published(visibility=Visibility.TEAMS, team_ids=["network"], body="for the network")  # noqa: A001
    with ctx.use(AGENT):
        await room.articles.update(id, {"visibility": Visibility.PUBLIC, "team_ids": [], "body": "for all"})
        await room.articles.submit(id)
    with ctx.use(MANAGER):
        await room.articles.publish(id, "")
    room.people.members["nina"] = {"network"}
    nina = caller(subject="nina", permissions=WRITES)
    for who, editions in ((OTHER, [2]), (AGENT, [2, 1]), (MANAGER, [2, 1]), (nina, [2, 1])):
        with ctx.use(who):
            assert [row["edition"] for row in (await room.read.versions(id, Asked()))[0]] == editions
            if 1 not in editions:
                with pytest.raises(NotFound):
                    await room.read.version(id, 1)
            else:
                assert (await room.read.version(id, 1))["body"] == "for the network"
    with ctx.use(AGENT):
        await room.articles.update(id, {"visibility": Visibility.TEAMS, "team_ids": ["network"], "body": "a secret"})
    for who, sees in ((OTHER, False), (AGENT, True), (MANAGER, True), (nina, True), (VIEWER, False)):
        seen = await room.sees(who, id)
        assert seen is not None
        assert (seen["draft"] is not None) is sees, who.actor.id


async def test_whoever_changes_what_is_beside_an_article_is_answered_without_the_draft_of_another_team() -> None:
    room = Library()
    id = await room.published(body="for all")  # noqa: A001
    with ctx.use(AGENT):
        await room.articles.update(id, {"visibility": Visibility.TEAMS, "team_ids": ["network"], "body": "a secret"})
    with ctx.use(OTHER):
        changed = await room.read.after(await room.articles.update(id, {"category": "paper", "body": "for all"}))
        assert (changed["category"], changed["draft"]) == ("paper", None)
        for step in (
            lambda: room.articles.update(id, {"body": "over it"}),
            lambda: room.articles.submit(id),
            lambda: room.articles.discard(id),
        ):
            with pytest.raises(ForbiddenMove, match="somebody else"):
                await step()
    with ctx.use(AGENT):
        shown = await room.read.after(await room.articles.submit(id))
        assert shown["draft"]["body"] == "a secret"
    with ctx.use(MANAGER):
        await room.articles.reject(id, "the salaries are wrong")
    for who, sees in ((AGENT, True), (MANAGER, True), (OTHER, False)):
        with ctx.use(who):
            rows, _ = await room.read.timeline(id, Asked())
            (rejected,) = [row for row in rows if row["type"].endswith("ArticleRejected")]
            assert ("salaries" in rejected["data"]) is sees, who.actor.id


async def test_no_event_of_an_article_holds_its_words() -> None:
    room = Library()
    secret = {name: f"secret {name}" for name in ("title", "summary", "body")} | {"keywords": ["secret word"]}
    article = await room.published(**secret)
    with ctx.use(AGENT):
        await room.articles.update(article, {"body": "secret too"})
    with ctx.use(REQUESTER):
        await room.ratings.rate(article, False, "secret opinion")
    memory: Any = room.backend
    rows = [row for row in memory.collections["changes"].values() if "type" in row]
    assert len(rows) == 5
    assert not [row for row in rows if "secret" in row["data"] or "secret" in str(row.get("diff"))]


async def test_what_is_for_a_team_is_for_its_members_its_author_and_who_publishes() -> None:
    room = Library()
    article = await room.published(visibility=Visibility.TEAMS, team_ids=["network", "storage"])
    seen = [who.actor.id for who in EVERYBODY if await room.sees(who, article) is not None]
    assert seen == ["amy", "max"]
    room.people.members = {"vic": {"storage"}, "otto": {"mail"}, "rita": {"network"}}
    seen = [who.actor.id for who in EVERYBODY if await room.sees(who, article) is not None]
    assert seen == ["vic", "amy", "max"]
    with ctx.use(OTHER):
        for attempt in (
            room.articles.update(article, {"title": "x"}),
            room.articles.note(article, "x"),
            room.ratings.rate(article, True, ""),
            room.read.timeline(article, Asked()),
            room.read.versions(article, Asked()),
            room.read.translations(article),
            room.articles.link(article, Link(kind=LinkKind.RELATED, target="incidents/inc_1")),
        ):
            with pytest.raises(NotFound):
                await attempt
    with ctx.use(AGENT), pytest.raises(Invalid, match="teams"):
        await room.articles.begin({**TEXT, "visibility": Visibility.TEAMS})


async def test_a_reader_gets_his_own_language_where_it_is_published_in_it() -> None:
    room = Library()
    english = await room.published()
    german = await room.published(language="de-AT", original_id="KB0000001", title="Kennwort")
    with ctx.use(AGENT):
        with pytest.raises(AlreadyExists):
            await room.articles.begin({**TEXT, "language": "de-AT", "original_id": english})
        with pytest.raises(Invalid, match="translation itself"):
            await room.articles.begin({**TEXT, "language": "fr", "original_id": german})
        with pytest.raises(Invalid, match="BCP 47"):
            await room.articles.begin({**TEXT, "language": "../de"})
        draft = await room.articles.begin({**TEXT, "language": "fr", "original_id": english})
        with pytest.raises(Invalid, match="cannot be changed"):
            await room.articles.update(draft.id, {"language": "it"})
    with ctx.use(REQUESTER):
        assert (await room.read.get(english, "de"))["_id"] == german
        assert (await room.read.get(german, "fr, en"))["_id"] == english  # French is not published
        assert (await room.read.get(english, "fr"))["_id"] == english
        assert [row["language"] for row in await room.read.translations(german)] == ["de-AT", "en"]
    with ctx.use(AGENT):
        assert [row["_id"] for row in await room.read.translations(german)] == [german, english, draft.id]


async def test_everybody_has_one_opinion_and_uses_are_counted_while_an_incident_refers() -> None:
    room = Library()
    article = await room.published()
    with ctx.use(VIEWER):
        await room.ratings.rate(article, True, "")
    with ctx.use(REQUESTER):
        first = await room.ratings.rate(article, True, "good")
        second = await room.ratings.rate(article, False, "not any more")
        with pytest.raises(Invalid):
            await room.ratings.rate(article, False, "x" * 5_000)
    assert (first.id, second.version) == (second.id, 2)
    link = Link(kind=LinkKind.RELATED, target="articles/KB0000001")
    with ctx.use(AGENT):
        incident = await room.incidents.open({"title": "It burns"})
        for _ in range(2):
            await room.incidents.link(incident.id, link)
        await room.incidents.update(incident.id, {"title": "It burns again"})
        ratings, _ = await room.read.ratings(article, Asked())
    seen = await room.sees(AGENT, article)
    assert seen is not None
    assert {row["comment"] for row in ratings} == {"", "not any more"}
    assert (seen["helpful_count"], seen["unhelpful_count"], seen["use_count"]) == (1, 1, 1)
    assert seen["last_use_time"] == room.clock()
    assert seen["version"] == 3  # neither changed the article
    with ctx.use(AGENT):
        await room.incidents.unlink(incident.id, Link(kind=LinkKind.RELATED, target=f"articles/{article}"))
    after = await room.sees(AGENT, article)
    assert after is not None and after["use_count"] == 0


async def test_an_article_is_begun_from_a_ticket_that_the_caller_sees() -> None:
    room = Library()
    with ctx.use(AGENT):
        incident = await room.incidents.open({"title": "No mail", "description": "Since 8.", "category": "mail"})
        await room.incidents.resolve(incident.id, "FIXED", "Emptied the queue.")
        article = await room.articles.begin_from(incident.number, "de")
    assert (article.title, article.category, article.language, article.state) == ("No mail", "mail", "de", State.DRAFT)
    assert "Since 8." in article.body and "Emptied the queue." in article.body
    assert [link.target for link in article.links] == [f"incidents/{incident.id}"]
    with ctx.use(caller(subject="amy", permissions=WRITES - {"incidents.get"})), pytest.raises(Denied):
        await room.articles.begin_from(incident.id, "")


async def test_somebody_is_told_to_look_and_what_expires_is_retired() -> None:
    room = Library()
    review, expiry = MONDAY + timedelta(days=30), MONDAY + timedelta(days=60)
    with ctx.use(AGENT), pytest.raises(Invalid, match="before it expires"):
        await room.articles.begin({**TEXT, "review_time": expiry, "expire_time": review})
    article = await room.published(review_time=review, expire_time=expiry)

    async def passes(days: int) -> list[str]:
        before = len(room.events())
        room.clock.advance(days=days)
        await room.timer.round()
        await room.timer.round()
        return room.events()[before:]

    assert await passes(29) == []
    assert await passes(1) == ["ArticleReviewDue"]
    with ctx.use(MANAGER):
        with pytest.raises(Invalid):
            await room.articles.confirm(article, MONDAY)
        await room.articles.confirm(article, room.clock() + timedelta(days=10))
    assert await passes(10) == ["ArticleReviewDue"]
    assert await room.sees(REQUESTER, article) is not None
    assert await passes(20) == ["ArticleExpired"]
    assert await room.sees(REQUESTER, article) is None
    assert await passes(300) == []


VERBS = ("edit", "submit", "withdraw", "reject", "publish", "discard", "confirm", "retire", "restore", "fall_due")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(VERBS), max_size=25))
def test_no_way_leads_readers_to_words_that_nobody_published(verbs: list[str]) -> None:
    act = Act(MONDAY, "amy")
    article = Article.begun(act, id="kb_1", number="KB0000001", **TEXT, expire_time=MONDAY + timedelta(days=1))
    article.take_recorded()
    published, looked_at = "", ""
    for place, verb in enumerate(verbs):
        before = (article.state, article.draft.submitted if article.draft else None)
        more: dict[str, Any] = {"edit": {"body": f"words {place}"}, "reject": {"reason": "r"}, "retire": {"reason": "r"}}.get(
            verb, {"review_time": None} if verb == "confirm" else {}
        )
        written: ArticleDraft | Article = article.draft or article
        if verb == "submit":
            looked_at = written.body
        try:
            getattr(article, verb)(act, **more)
        except ForbiddenMove:
            assert (article.state, article.draft.submitted if article.draft else None) == before
            continue
        article.take_recorded()
        if verb == "publish":
            published = article.body
            assert published == looked_at
        if article.state is State.PUBLISHED:
            assert article.body == published and article.edition == article.editions > 0
        else:
            assert article.draft is None
        assert (article.next_due_time is not None) is (article.state is State.PUBLISHED)
