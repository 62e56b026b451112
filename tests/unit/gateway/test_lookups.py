"""What a console begins with, names while somebody types, and what a number stands for."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsm.analytics import v1 as analytics_pb
from itsm.asset import v1 as asset_pb
from itsm.auth import v1 as auth_pb
from itsm.gateway import v1 as pb
from itsm.incident import v1 as incident_pb

from chassis import context as ctx
from chassis.errors import Denied, Invalid, NotFound, Unavailable
from chassis.listing.compiled import compile_predicate
from chassis.listing.fields import Field, Kind
from chassis.listing.filter import parse
from chassis.store import Store
from chassis.testing import FakeClock, MemoryBackend, caller
from services.gateway import kept_notices
from services.gateway import store as kept
from services.gateway.api.lookups import LookupApi
from services.gateway.callers import Callers
from services.gateway.finding import Finding
from services.gateway.rest.routes import declared
from services.gateway.usecases.inbox import Inbox
from services.gateway.usecases.lookups import Suggestion, filter_of, place_of, ranked, words_of
from services.gateway.usecases.preferences import Preferences
from tests.unit.gateway.test_presence import NOON

AGENT = frozenset({"users.list", "teams.list", "assets.list", "views.list", "search.query"})
WHO = auth_pb.WhoAmIResponse(
    subject="bob", kind="user", tenant="main", roles=["agent"], permissions=["a.b"], team_ids=["t1"], display_name="Bob Bee"
)


class Others:
    """Every service behind the gateway: `answers` by the end of the RPC's name, an error or a function of the request."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.answers: dict[str, Any] = {
            "WhoAmI": WHO,
            "GetTenant": auth_pb.Tenant(id="main", name="Main Street"),
            "ListTeams": auth_pb.ListTeamsResponse(teams=[auth_pb.Team(id="t1", name="Network")]),
            "ListViews": incident_pb.ListViewsResponse(
                views=[incident_pb.View(id="viw_2", owner_id="eve"), incident_pb.View(id="viw_1", name="Mine", owner_id="bob")]
            ),
            "CountViews": lambda request: incident_pb.CountViewsResponse(
                counts=[incident_pb.ViewCount(id=each, value=7) for each in request.ids]
            ),
        }

    async def __call__(self, service: str, method: Any, request: Any, **_: Any) -> Any:
        name = method.path.rpartition("/")[2]
        self.asked.append((name, request))
        await asyncio.sleep(0)
        answer = self.answers[name]
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if isinstance(answer, Callable) else answer  # type: ignore[arg-type]

    def of(self, name: str) -> Any:
        return next(request for asked, request in self.asked if asked == name)


ROUTES = declared()


@pytest.fixture
def others() -> Others:
    return Others()


@pytest.fixture
def api(others: Others) -> Any:
    store = Store(MemoryBackend(), FakeClock(NOON), kept.KINDS, kept.INDEXES)
    with ctx.use(caller(subject="bob", permissions=AGENT)):
        yield LookupApi(
            Finding(
                Callers(ROUTES, others), Preferences(store), Inbox(store, kept_notices.inbox_listing(bytes(16), store.clock))
            )
        )


async def test_a_console_learns_at_once_who_it_is_for_and_how_much_is_in_his_views(api: LookupApi, others: Others) -> None:
    said = await api.GetBootstrap(pb.GetBootstrapRequest(), None)
    assert (said.me.id, said.me.display_name, said.me.tenant_name, list(said.me.roles)) == (
        "bob",
        "Bob Bee",
        "Main Street",
        ["agent"],
    )
    assert [(each.kind, each.name) for each in said.me.teams] == [("teams", "Network")]
    assert [(view.id, view.count) for view in said.views] == [("viw_1", 7), ("viw_2", 7)], "his own come first"
    assert not said.missing
    again = await api.GetBootstrap(pb.GetBootstrapRequest(), None)
    assert again.etag == said.etag != ""
    others.answers["CountViews"] = incident_pb.CountViewsResponse(counts=[incident_pb.ViewCount(id="viw_1", value=8)])
    later = await api.GetBootstrap(pb.GetBootstrapRequest(), None)
    assert later.etag != said.etag
    assert [view.id for view in later.views] == ["viw_1"], "what cannot be counted for him is not shown"


async def test_who_it_is_is_told_while_the_desk_is_away_and_what_is_missing_is_named(api: LookupApi, others: Others) -> None:
    others.answers |= {"ListViews": Unavailable("away"), "ListTeams": Unavailable("away"), "GetTenant": Unavailable("away")}
    said = await api.GetBootstrap(pb.GetBootstrapRequest(), None)
    assert (said.me.id, said.me.tenant_name, sorted(said.missing)) == ("bob", "main", ["teams", "views"])
    others.answers["WhoAmI"] = Unavailable("away")
    with pytest.raises(Unavailable):
        await api.GetBootstrap(pb.GetBootstrapRequest(), None)


async def test_names_are_asked_of_those_who_have_them_and_of_no_kind_that_the_caller_may_not_list(
    api: LookupApi, others: Others
) -> None:
    people = [auth_pb.User(id=each, display_name=name, username=each) for each, name in (("u1", "Joann Li"), ("u2", "Ann Bo"))]
    others.answers["ListUsers"] = auth_pb.ListUsersResponse(users=people)
    hit = analytics_pb.SearchHit(kind="assets", id="ast_1", title="ann-laptop", state="IN_USE")
    others.answers["Search"] = analytics_pb.SearchResponse(hits=[hit])
    said = await api.Suggest(pb.SuggestRequest(query="ann"), None)
    assert [(each.kind, each.name, each.detail) for each in said.suggestions] == [
        ("users", "Ann Bo", "u2"),
        ("users", "Joann Li", "u1"),
        ("teams", "Network", ""),
        ("assets", "ann-laptop", "IN_USE"),
    ]
    assert others.of("ListUsers").filter == 'enabled = true AND (displayName:"ann" OR username = "ann")'
    others.answers["Search"] = Unavailable("away")
    others.answers["ListAssets"] = asset_pb.ListAssetsResponse(assets=[asset_pb.Asset(id="ast_2", name="ann-phone")])
    others.answers["ListTeams"] = Unavailable("away")
    said = await api.Suggest(pb.SuggestRequest(query="ann", types="assets, teams"), None)
    assert ([each.id for each in said.suggestions], list(said.missing)) == (["ast_2"], ["teams"])
    with ctx.use(caller(subject="eve", permissions=frozenset({"teams.list"}))):
        said = await api.Suggest(pb.SuggestRequest(query="ann", types="users,assets"), None)
    assert (list(said.suggestions), list(said.missing)) == ([], [])
    for wrong in (pb.SuggestRequest(types="secrets"), pb.SuggestRequest(query="x" * 101), pb.SuggestRequest(page_size=21)):
        with pytest.raises(Invalid):
            await api.Suggest(wrong, None)


async def test_a_number_in_any_writing_finds_its_record_and_nothing_is_said_of_what_is_hidden(
    api: LookupApi, others: Others
) -> None:
    others.answers["GetIncident"] = lambda request: incident_pb.Incident(id="inc_1", number=request.id)
    for text in ("INC0001042", "inc1042", "INC-1042", " inc0001042 "):
        said = await api.ResolveNumber(pb.ResolveNumberRequest(number=text), None)
        assert (said.kind, said.id, said.number) == ("incidents", "inc_1", "INC0001042")
    others.answers["GetChange"] = Denied("changes.get")
    for text in ("CHG1", "ABC1", "INC", "1042", "INC1042x", ""):
        with pytest.raises(NotFound):
            await api.ResolveNumber(pb.ResolveNumberRequest(number=text), None)


@given(st.text(max_size=60), st.text(max_size=40))
def test_whatever_is_typed_is_words_and_finds_by_all_of_them(typed: str, name: str) -> None:
    words = words_of(typed)
    if not words:
        assert filter_of(words, "name") == ""
        return
    fields = {"name": Field(path="name", kind=Kind.TEXT)}
    predicate = compile_predicate(parse(filter_of(words, "name"), fields), FakeClock(NOON))
    assert predicate({"name": f"{name} {typed}"})


def test_the_best_fit_comes_first() -> None:
    names = ["Mary Ann", "Joanna", "Ann", "Annette Zett", "Bo Ann Li"]
    found = [Suggestion("users", str(number), name) for number, name in enumerate(names)]
    assert [each.name for each in ranked(found, ["ann"], 4)] == ["Ann", "Annette Zett", "Bo Ann Li", "Mary Ann"]
    assert place_of("kb12", {"KB": "articles"}) == ("articles", "KB0000012")
