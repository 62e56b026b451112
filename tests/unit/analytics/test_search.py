"""The search: what is meant is found, the best first, by whoever may read it and by nobody else, whatever is asked."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis import context as ctx
from chassis.context import Context
from chassis.errors import Invalid
from services.analytics.domain.searching import EXCERPT, KINDS, MOST_PLACES, Wanted, excerpt, matches
from services.asset.store import FACTS as ASSET_FACTS
from services.auth.domain.roles import SCOPES
from services.incident.app.texts import FACTS
from tests.unit.analytics.search_room import AMY, MAX, RITA, ROB, SearchRoom, person, searching

MINE = ("requester_id=rita",)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[SearchRoom]:
    with searching(tmp_path) as made:
        yield made


async def test_words_are_found_with_slips_unfinished_and_without_marks(room: SearchRoom) -> None:
    await room.has("incidents/inc_1", "VPN-Gateway überhitzt", body="A concentrator in Zürich is hot.", number="INC0000001")
    await room.has("incidents/inc_2", "Printer has no paper", number="INC0000002")
    for query in (
        "vpn", "VPN gateway", "gatway", "gatewya", "uberhitzt", "Überhitzt", "überhi", "vpn überhi", "concentrtor",
        "zurich hot", "inc0000001", "INC0000001 ", "zürich gate",
    ):  # fmt: skip
        assert (await room.finds(AMY, query))[:1] == ["incidents/inc_1"], query
    assert await room.finds(AMY, "paper jam") == ["incidents/inc_2"]  # half of the words, where nothing has all
    for query in ("cat", "vqm", "gatekeeper", "inc0000009 nothing"):
        assert await room.finds(AMY, query) == [], query


async def test_an_exact_number_comes_first_then_titles_then_texts_and_ones_own_language_among_equals(room: SearchRoom) -> None:
    for place in range(30):
        await room.has(f"incidents/inc_{place}", "Something else", body="The mail server INC0000777 is slow.")
    await room.has("incidents/inc_t", "The mail server is slow")
    await room.has("incidents/inc_n", "Unrelated", number="INC0000777")
    assert (await room.finds(AMY, "inc0000777"))[0] == "incidents/inc_n"
    assert (await room.finds(AMY, "mail slow"))[0] == "incidents/inc_t"
    assert len(await room.finds(AMY, "mail", size=5)) == 5
    for language in ("de", "en-GB", "fr"):
        facts = ("state=PUBLISHED", "visibility=PUBLIC")
        await room.has(f"articles/kb_{language[:2]}", "Kiosk", facts=facts, language=language)
    for language in ("de", "en", "fr-CA"):
        assert (await room.finds(RITA, "kiosk", language=language))[0] == f"articles/kb_{language[:2]}"


async def test_everybody_finds_what_he_may_read_and_nothing_else(room: SearchRoom) -> None:
    await room.has("incidents/inc_r", "canary", facts=MINE)
    await room.has("incidents/inc_o", "canary", facts=("requester_id=otto",))
    await room.has("notes/note_p", "canary", about="incidents/inc_r", body="canary", facts=MINE)
    await room.has("notes/note_i", "canary", about="incidents/inc_r", body="canary", facts=MINE, internal=True)
    public = ("state=PUBLISHED", "visibility=PUBLIC")
    await room.has("notes/note_k", "canary", about="articles/kb_p", body="canary", facts=public)
    await room.has("assets/ast_1", "canary")
    for name, *facts in (
        ("p", *public),
        ("d", "state=DRAFT", "visibility=PUBLIC"),
        ("i", "state=PUBLISHED", "visibility=INTERNAL"),
        ("t", "state=PUBLISHED", "visibility=TEAMS", "team_ids=net", "team_ids=mail", "author_id=otto"),
    ):
        await room.has(f"articles/kb_{name}", "canary", facts=facts)
    await room.has("incidents/inc_x", "canary", tenant="other")
    room.people.members = {"amy": {"mail"}, "rita": {"mail"}}
    incidents, notes = ["incidents/inc_o", "incidents/inc_r"], ["notes/note_i", "notes/note_p"]
    read, asset = ["articles/kb_i", "articles/kb_p"], ["assets/ast_1"]
    assert await room.seen_by("canary") == {
        "rita": ["articles/kb_p", "incidents/inc_r", "notes/note_p"],
        "rob": ["articles/kb_p"],
        "vic": [*read, *asset, *incidents, *notes],
        "amy": ["articles/kb_d", *read, "articles/kb_t", *asset, *incidents, "notes/note_i", "notes/note_k", "notes/note_p"],
        "max": ["articles/kb_d", *read, "articles/kb_t", *asset, *incidents, "notes/note_i", "notes/note_k", "notes/note_p"],
    }
    assert await room.finds(person("amy", "agent", tenant="other"), "canary") == ["incidents/inc_x"]
    assert await room.finds(person("op", "operator"), "canary") == []
    limited = person("amy", "agent")
    with ctx.use(limited):
        narrow: Context = Context(
            tenant="main", actor=limited.actor, roles=limited.roles, permissions=frozenset({"search.query", "assets.get"})
        )
    assert await room.finds(narrow, "canary") == asset
    some = await room.finds(AMY, "canary", kinds="assets, articles")
    assert {each.partition("/")[0] for each in some} == {"assets", "articles"}


async def test_who_may_read_a_record_no_longer_does_not_find_what_was_said_about_it(room: SearchRoom) -> None:
    await room.has("incidents/inc_1", "canary", facts=MINE)
    await room.has("notes/note_1", "canary", about="incidents/inc_1", body="canary too", facts=MINE)
    assert await room.seen_by("canary", [RITA, ROB]) == {"rita": ["incidents/inc_1", "notes/note_1"], "rob": []}
    texts = room.records.texts
    moved = {"facts": ("requester_id=rob",), "title": "canary"}
    texts["main", "notes/note_1"] = type(texts["main", "notes/note_1"])(
        tenant="main", subject="notes/note_1", about="incidents/inc_1", body="canary too", **moved
    )
    await room.has("incidents/inc_1", **moved)
    assert await room.seen_by("canary", [RITA, ROB]) == {"rita": [], "rob": ["incidents/inc_1", "notes/note_1"]}
    del texts["main", "notes/note_1"]
    await room.indexing.changed([("main", "notes/note_1")])
    assert await room.finds(ROB, "canary") == ["incidents/inc_1"]


async def test_a_tenant_that_was_emptied_is_found_no_more_and_what_it_has_by_now_is(room: SearchRoom) -> None:
    manager = person("max", "incident-manager", tenant="demo")
    await room.has("incidents/inc_1", "printer is on fire", tenant="demo")
    await room.has("incidents/inc_2", "printer is wet", tenant="main")
    room.records.texts.pop(("demo", "incidents/inc_1"))  # as another process emptied it
    await room.has("incidents/inc_3", "printer is new", tenant="demo")
    assert len(await room.finds(manager, "printer")) == 2

    await room.indexing.forget("demo")

    assert await room.finds(manager, "printer") == ["incidents/inc_3"]
    assert await room.finds(MAX, "printer") == ["incidents/inc_2"]


async def test_an_index_outlives_its_process_and_a_walk_makes_it_anew(tmp_path: Path) -> None:
    with searching(tmp_path) as room:
        await room.has("incidents/inc_1", "canary")
        records = room.records
    with searching(tmp_path) as room:
        room.indexing._owners = room.records = records
        assert await room.finds(AMY, "canary") == ["incidents/inc_1"]
        records.texts.clear()
        for place in range(5):
            await room.has(f"incidents/inc_a{place}", "canary")
        assert await room.indexing.all_anew(empty=False) == 5
        assert len(await room.finds(AMY, "canary")) == 5
    for file in tmp_path.rglob("meta.json"):
        file.write_text("{")
    with searching(tmp_path) as room:
        assert await room.finds(AMY, "canary") == []  # thrown away, to be made anew
        await room.has("incidents/inc_1", "canary")
        assert await room.finds(AMY, "canary") == ["incidents/inc_1"]


@pytest.mark.parametrize("query", ["", "   ", "-- \u0000 ()", "x" * 201, "y" * 41])
async def test_a_question_without_an_answer_is_refused(room: SearchRoom, query: str) -> None:
    with pytest.raises(Invalid):
        await room.finds(AMY, query)


async def test_what_asks_for_too_much_is_refused(room: SearchRoom) -> None:
    for more in ({"size": 0}, {"size": 51}, {"kinds": "incidents,tokens"}):
        with pytest.raises(Invalid):
            await room.finds(AMY, "canary", **more)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.text(max_size=200))
async def test_no_question_does_harm_or_reaches_beyond_its_caller(room: SearchRoom, query: str) -> None:
    if not await room.index.known(["main|incidents/inc_o"]):
        await room.has("incidents/inc_o", 'tenant:other OR facts:"requester_id=rob" * a', facts=("requester_id=otto",))
    try:
        assert await room.finds(RITA, query) == []
    except Invalid:
        return


@given(query=st.text(max_size=100), text=st.text(max_size=600))
def test_what_is_shown_as_found_stands_where_it_is_said_to(query: str, text: str) -> None:
    try:
        wanted = Wanted.of(query)
    except Invalid:
        return
    part, places = excerpt(text, wanted)
    assert len(part) <= EXCERPT
    assert all(start >= 0 and length > 0 and start + length <= len(part) for start, length in places)
    assert [part[start : start + length] for start, length in matches(part, wanted)] or not places


def test_what_is_found_is_shown() -> None:
    part, places = excerpt("word " * 100 + "the printer on floor 3 burns " + "word " * 100, Wanted.of("prniter bur"))
    assert [part[start : start + length] for start, length in places] == ["printer", "burns"]


def test_a_text_with_endless_finds_is_gone_through_no_further_than_what_is_shown_takes() -> None:
    text = "a " * 100_000
    found = matches(text, Wanted.of("a"))
    assert (len(found), found[-1]) == (MOST_PLACES, (2 * MOST_PLACES - 2, 1))
    part, places = excerpt("a " + "- " * 300 + "a " * 9, Wanted.of("a"))
    assert (part[-3:], len(places)) == ("a a", 9)  # where most of them stand together


async def test_what_is_shown_is_made_beside_the_event_loop(room: SearchRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def noted(text: str, wanted: Wanted) -> tuple[str, list[tuple[int, int]]]:
        made.append(threading.get_ident())
        return excerpt(text, wanted)

    monkeypatch.setattr("services.analytics.usecases.search.excerpt", noted)
    await room.has("incidents/inc_1", "canary")
    assert await room.finds(AMY, "canary") == ["incidents/inc_1"]
    assert made
    assert threading.get_ident() not in made


def test_the_index_has_every_field_that_bounds_somebody() -> None:
    asked = {(resource, name) for scopes in SCOPES.values() for resource, scope in scopes.items() for name in scope}
    known = {(resource, name) for resource, names in (FACTS | ASSET_FACTS).items() for name in names}
    assert {pair for pair in asked if pair[0] in KINDS} <= known
