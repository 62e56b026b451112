import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chassis.errors import Invalid
from chassis.listing import Field, Kind, compile_predicate, compile_query, parse

NOW = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)
FIELDS = {
    "id": Field(path="_id", sortable=True),
    "title": Field(path="title", kind=Kind.TEXT, sortable=True),
    "state": Field(path="state", kind=Kind.ENUM, values=("NEW", "OPEN", "DONE")),
    "ownerId": Field(path="owner_id"),
    "createTime": Field(path="create_time", kind=Kind.TIMESTAMP, sortable=True),
    "count": Field(path="count", kind=Kind.NUMBER, sortable=True),
    "enabled": Field(path="enabled", kind=Kind.BOOL),
    "target": Field(path="target", kind=Kind.DURATION),
    "tags": Field(path="tags", many=True),
    "remarks": Field(path="remarks", kind=Kind.TEXT, many=True),
    "clocks.breached": Field(path="clocks.breached", kind=Kind.BOOL, many=True),
    "place.city": Field(path="place.city"),
    "labels": Field(path="labels", keyed=True),
}


def matches(text: str, **document: Any) -> bool:
    return compile_predicate(parse(text, FIELDS), lambda: NOW)(document)


def refusal(text: str) -> str:
    with pytest.raises(Invalid) as caught:
        parse(text, FIELDS)
    assert list(caught.value.violations) == ["filter"]
    return caught.value.violations["filter"]


def test_an_empty_filter_is_true_and_an_empty_query() -> None:
    assert matches("  ")
    assert compile_query(parse("", FIELDS), NOW) == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("count = 3", True),
        ("count != 3", False),
        ("count < 3", False),
        ("count <= 3", True),
        ("count > 2.5", True),
        ("count >= 4", False),
        ("count:3", True),
        ("count IN (1, 3)", True),
        ("count > -1e3", True),
        ("enabled = true", True),
        ("enabled:false", False),
        ("state = NEW", True),
        ('state IN ("OPEN", DONE)', False),
        ("ownerId >= ann", True),
        ("place.city = Graz", True),
        ("labels.team = net", True),
        ("labels.region:*", False),
        ("labels.region = null", True),
        ('target = "1h30m"', True),
        ("target IN (90s, 5400s)", True),
        ("target != 90m", False),
        ("NOT state = NEW", False),
        ("NOT (state = OPEN OR count = 4)", True),
        ("state = NEW AND count = 3 AND enabled = true", True),
        ("state = OPEN OR (count = 3 AND enabled = true)", True),
    ],
)
def test_comparisons_on_one_document(text: str, expected: bool) -> None:
    document = {
        "count": 3,
        "enabled": True,
        "state": "NEW",
        "owner_id": "ann",
        "place": {"city": "Graz"},
        "labels": {"team": "net"},
        "target": "PT5400S",
    }
    assert matches(text, **document) is expected


@pytest.mark.parametrize("document", [{}, {"count": None, "owner_id": None, "state": None}])
def test_a_missing_field_is_null(document: dict[str, Any]) -> None:
    assert matches("ownerId = null", **document)
    assert matches("ownerId != ann", **document)
    assert matches("NOT count > 1", **document)
    assert matches("NOT ownerId:*", **document)
    for text in ("ownerId != null", "ownerId:*", "count < 5", "count > 5", "count = 0", "state IN (NEW)"):
        assert not matches(text, **document), text


def test_text_is_found_whatever_its_case_and_never_as_a_pattern() -> None:
    assert matches('title:"DISK"', title="a disk is full")
    assert matches("title:ä", title="ÄRGER")
    assert matches('title:"(a+)+$"', title="see (A+)+$ there")
    assert not matches('title:".*"', title="anything")
    assert not matches("title:k", title="\u212a")  # the Kelvin sign: engines disagree whether it is a k
    assert matches('title:"say \\"no\\""', title='I say "NO".')


def test_a_repeated_field_matches_by_any_element_and_differs_only_without_it() -> None:
    assert matches("tags:vip", tags=["web", "vip"])
    assert matches("tags = web", tags=["web", "vip"])
    assert matches("tags IN (x, vip)", tags=["web", "vip"])
    assert not matches("tags != web", tags=["web", "vip"])
    assert matches("tags != other", tags=["web", "vip"])
    assert matches("remarks:PART", remarks=["a", "the part b"])
    assert matches("clocks.breached = true", clocks=[{"breached": False}, {"breached": True}])
    assert not matches("clocks.breached = true", clocks=[{"kind": "x"}])


@pytest.mark.parametrize("tags", [None, [], [None]])
def test_a_repeated_field_without_elements_has_no_value(tags: list[str] | None) -> None:
    assert matches("tags = null", tags=tags)
    assert not matches("tags:*", tags=tags)


@pytest.mark.parametrize("zone", [None, UTC])
def test_times_compare_whether_stored_naive_or_aware(zone: Any) -> None:
    stored = datetime(2026, 3, 29, 11, 30, 0, 123_456, tzinfo=zone)
    assert matches("createTime > 2026-03-29T11:00:00Z", create_time=stored)
    assert matches('createTime < "2026-03-29T13:31:00+02:00"', create_time=stored)
    assert matches('createTime = "2026-03-29T11:30:00.123999Z"', create_time=stored)
    assert matches('createTime > ago("1h")', create_time=stored)
    assert not matches("createTime >= now()", create_time=stored)


def test_the_start_of_a_day_knows_the_zone() -> None:
    query = compile_query(parse('createTime >= startOfDay("Europe/Berlin")', FIELDS), NOW)
    assert query == {"create_time": {"$gte": datetime(2026, 3, 28, 23, 0, tzinfo=UTC)}}
    later = compile_query(parse('createTime >= startOfDay("Europe/Berlin")', FIELDS), NOW + timedelta(days=1))
    assert later == {"create_time": {"$gte": datetime(2026, 3, 29, 22, 0, tzinfo=UTC)}}


def test_values_of_another_type_never_compare() -> None:
    assert not matches("count >= 1", count=True)
    assert not matches("count = 1", count="1")
    assert not matches("enabled = true", enabled=1)
    assert matches("ownerId = 5", owner_id="5")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("prioritty = 1", "unknown field 'prioritty'"),
        ("tittle:x", "did you mean 'title'?"),
        ("state = NWE", "'NWE' is not one of NEW, OPEN, DONE (at position 9)"),
        ("state < OPEN", "'<' has no meaning here; use =, != or IN (...) (at position 7)"),
        ("target > 90s", "'>' has no meaning here; use =, != or IN (...)"),
        ("state = NEW count = 1", "expected AND, OR or the end, not 'count' (at position 13)"),
        ("state = NEW and count = 1", "expected AND, not 'and'"),
        ("state = NEW AND count = 1 OR count = 2", "AND and OR are mixed"),
        ("state", "expected =, !=, <, <=, >, >=, : or IN after 'state', not the end (at position 6)"),
        ("state = ", "expected a value, not the end"),
        ("(state = NEW", "expected ')', not the end"),
        ('title = "open', "the quoted text has no end (at position 9)"),
        ('title = "\\x"', "unknown escape '\\x'"),
        ('title = "\\ud800"', "unknown escape"),
        ("count = many", "expected a number such as 5 or 2.5, not 'many'"),
        ("count = 9223372036854775808", "does not fit into 64 bits"),
        ("count = 1e999", "does not fit into 64 bits"),
        ('count = "5"', "expected a number"),
        ("count < null", "null is compared with = or != only"),
        ("count IN (1, null)", "null cannot be in a list"),
        ("count IN ()", "expected a value, not ')'"),
        ('enabled = "true"', "expected true or false"),
        ("createTime > yesterday", "expected a time with zone"),
        ("createTime > 2026-02-30T00:00:00Z", "expected a time with zone"),
        ("createTime > 0001-01-01T00:00:00+14:00", "expected a time with zone"),
        ('createTime > ago("never")', "expected a duration"),
        ('createTime > ago("999999999999d")', "longer than a century"),
        ('createTime > startOfDay("../../etc/passwd")', "expected a time zone"),
        ('createTime > startOfDay("Europe")', "expected a time zone"),
        ("createTime > drop()", "unknown call of 'drop'"),
        ("count > now()", "now() is a time, and this field is none"),
        ('title:""', "the text to find has 1 to 256 characters"),
        ("title:null", "':*' for any value"),
        ("title = AND", 'write "AND" if the text is meant'),
        ("labels = x", "'labels' needs a key"),
        ("labels.$where = x", "unexpected '$'"),
        ("title = a\0", "U+0000"),
        ("title = \ud800", "valid Unicode"),
        ("$where = 1", "unexpected '$' (at position 1)"),
    ],
)
def test_a_refusal_says_where_and_what_would_be_right(text: str, part: str) -> None:
    assert part in refusal(text)


@pytest.mark.parametrize(
    ("accepted", "refused", "part"),
    [
        ("(" * 19 + "count=1" + ")" * 19, "(" * 20 + "count=1" + ")" * 20, "nested deeper than 20"),
        ("NOT " * 19 + "count=1", "NOT " * 900 + "count=1", "nested deeper"),
        (" OR ".join(["count=1"] * 100), " OR ".join(["count=1"] * 101), "more than 100 comparisons"),
        (f"count IN ({','.join(['1'] * 200)})", f"count IN ({','.join(['1'] * 201)})", "more than 200 values"),
        (f'title = "{"x" * 4086}"', f'title = "{"x" * 4087}"', "4097 bytes long, the most is 4096"),
        (f"title:{'x' * 256}", f"title:{'x' * 257}", "1 to 256 characters"),
    ],
)
def test_every_size_has_a_bound(accepted: str, refused: str, part: str) -> None:
    parse(accepted, FIELDS)
    assert part in refusal(refused)


def test_no_text_of_a_caller_becomes_an_operator_or_a_path() -> None:
    query = compile_query(parse('ownerId = "$where" AND labels.a = "{$gt: 1}" AND title:"^.*$"', FIELDS), NOW)
    assert query == {
        "$and": [
            {"owner_id": {"$eq": "$where"}},
            {"labels.a": {"$eq": "{$gt: 1}"}},
            {"title": {"$regex": "\\^\\.\\*\\$"}},
        ]
    }


def test_null_is_asked_for_so_that_an_index_can_answer() -> None:
    assert compile_query(parse("ownerId = null", FIELDS), NOW) == {"owner_id": None}
    assert compile_query(parse("ownerId:*", FIELDS), NOW) == {"owner_id": {"$ne": None}}


def test_a_field_that_holds_many_values_cannot_be_sortable() -> None:
    with pytest.raises(ValueError, match="cannot order"):
        Field(path="tags", many=True, sortable=True)


def test_a_duration_is_found_as_the_codec_stores_it() -> None:
    for span in (timedelta(seconds=90), timedelta(days=3, milliseconds=5), timedelta(0)):
        written = f"{span.days}d{span.seconds}s{span.microseconds // 1000}ms"
        assert matches(f"target = {written}", target=msgspec.to_builtins(span))
        assert matches(f"target = {written}", target=span)


_words = st.sampled_from(
    [
        *FIELDS, "AND", "OR", "NOT", "IN", "(", ")", ",", ":", "*", "=", "!=", "<", ">=", "null", "true", "NEW", "5", "-1.5",
        '"x"', "'", '"', "\\", "now()", 'ago("1h")', 'startOfDay("Europe/Berlin")', "2026-01-01T00:00:00Z", "labels.a", " ",
    ]
)  # fmt: skip
_fuzz = st.one_of(st.text(), st.lists(_words, max_size=30).map(" ".join), st.lists(_words, max_size=30).map("".join))


@given(_fuzz)
@example("a" * 4096)
@example('"' + "\\" * 4095)
@example("(" * 4096)
@example("-" * 4096)
@example("1" * 4096)
@example(f"count = {'1' * 4000}")
@example(f"target = {'1h' * 2000}")
def test_any_text_is_parsed_or_refused_and_quickly(text: str) -> None:
    begun = time.process_time()
    try:
        tree = parse(text, FIELDS)
    except Invalid as refused:
        assert "at position" in refused.violations["filter"]
    else:
        compile_query(tree, NOW)
        compile_predicate(tree, lambda: NOW)({})
    assert time.process_time() - begun < 0.5


def _opposite(text: str) -> Callable[[dict[str, Any]], bool]:
    return compile_predicate(parse(f"NOT ({text})", FIELDS), lambda: NOW)


@given(
    st.sampled_from(["count > 2", "count != 2", "tags:a", "tags = null", 'title:"x"', "ownerId:*", "count IN (1, 2)"]),
    st.fixed_dictionaries(
        {},
        optional={
            "count": st.none() | st.integers(0, 4) | st.booleans(),
            "tags": st.none() | st.lists(st.sampled_from(["a", "b", None])),
            "title": st.none() | st.text("xyX"),
            "owner_id": st.none() | st.text(),
        },
    ),
)
def test_a_filter_and_its_opposite_split_all_documents(text: str, document: dict[str, Any]) -> None:
    assert matches(text, **document) is not _opposite(text)(document)
