from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors import Invalid
from chassis.listing import Field, Kind, Listing, Page

FIELDS = {
    "id": Field(path="_id", sortable=True),
    "rank": Field(path="rank", kind=Kind.NUMBER, sortable=True),
    "name": Field(path="name", kind=Kind.TEXT, sortable=True),
    "updateTime": Field(path="update_time", kind=Kind.TIMESTAMP, sortable=True),
    "tags": Field(path="tags", many=True),
}
KEY = b"k" * 32
START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


def a_listing(
    *, resource: str = "things", key: bytes = KEY, clock: Clock | None = None, order: str = "updateTime desc"
) -> Listing:
    return Listing(resource, FIELDS, order, key, clock or Clock())


def found(page: Page, documents: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What a store would answer: filtered, sorted, cut to the limit."""
    return sorted((each for each in documents if page.predicate(each)), key=page.sort_key)[: page.limit]


def documents(number: int) -> list[dict[str, Any]]:
    return [{"_id": f"t{index:03}", "rank": index % 3, "update_time": START} for index in range(number)]


def a_token(listing: Listing, tenant: str = "main", **request: Any) -> str:
    page = listing.page(tenant, page_size=2, **request)
    return page.cut(found(page, documents(5)))[1]


def test_a_page_holds_fifty_rows_unless_told_otherwise() -> None:
    assert a_listing().page("main").size == 50
    assert a_listing().page("main", page_size=200).limit == 201


@pytest.mark.parametrize("size", [0, -1, 201, 10**9])
def test_a_page_size_outside_one_to_two_hundred_is_refused(size: int) -> None:
    with pytest.raises(Invalid) as caught:
        a_listing().page("main", page_size=size)
    assert caught.value.violations == {"pageSize": f"expected 1 to 200, not {size}"}
    assert caught.value.reason == "INVALID"


@pytest.mark.parametrize(
    ("order_by", "sort"),
    [
        ("", [("update_time", -1), ("_id", 1)]),
        ("rank", [("rank", 1), ("_id", 1)]),
        (" updateTime  desc , id ", [("update_time", -1), ("_id", 1)]),
        ("rank asc, id desc", [("rank", 1), ("_id", -1)]),
        ("id desc, rank", [("_id", -1)]),
    ],
)
def test_every_order_ends_with_the_id(order_by: str, sort: list[tuple[str, int]]) -> None:
    assert a_listing().page("main", order_by=order_by).sort == sort


@pytest.mark.parametrize(
    ("order_by", "message"),
    [
        ("updatetime", "cannot order by 'updatetime', did you mean 'updateTime'?"),
        ("tags", "cannot order by 'tags'; known are id, name, rank, updateTime"),
        ("secret.key", "cannot order by 'secret.key'; known are id, name, rank, updateTime"),
        ("rank down", "after 'rank' comes asc, desc or a comma, not 'down'"),
        ("rank desc desc", "after 'rank' comes asc, desc or a comma, not 'desc desc'"),
        ("rank,", "expected a field name before and after each comma"),
        ("rank, rank desc", "'rank' is named twice"),
    ],
)
def test_an_order_off_the_allow_list_is_refused(order_by: str, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        a_listing().page("main", order_by=order_by)
    assert caught.value.violations == {"orderBy": message}


@given(st.text() | st.lists(st.sampled_from([*FIELDS, "asc", "desc", ",", " "])).map(" ".join))
def test_any_order_is_read_or_refused(order_by: str) -> None:
    try:
        sort = a_listing().page("main", order_by=order_by).sort
    except Invalid as refused:
        assert list(refused.violations) == ["orderBy"]
    else:
        assert sort[-1][0] == "_id"


def test_the_last_page_has_no_token() -> None:
    page = a_listing().page("main", page_size=5)
    rows, token = page.cut(found(page, documents(5)))
    assert (len(rows), token) == (5, "")


def test_a_token_continues_behind_the_last_row_with_any_page_size() -> None:
    listing = a_listing()
    page = listing.page("main", page_size=3, page_token=a_token(listing))
    assert [row["_id"] for row in page.cut(found(page, documents(5)))[0]] == ["t002", "t003", "t004"]


def refused_token(listing: Listing, token: str, tenant: str = "main", **request: Any) -> str:
    with pytest.raises(Invalid) as caught:
        listing.page(tenant, page_token=token, **request)
    assert caught.value.reason == "MALFORMED"
    return caught.value.violations["pageToken"]


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=63))
def test_a_token_with_any_character_changed_is_malformed(place: int, shift: int) -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    token = a_token(a_listing())
    place %= len(token)
    other = letters[(letters.index(token[place]) + shift) % 64]
    assert "altered" in refused_token(a_listing(), token[:place] + other + token[place + 1 :])


@given(st.text(min_size=1) | st.binary(min_size=1).map(lambda raw: raw.hex()))
def test_any_foreign_text_is_a_malformed_token(token: str) -> None:
    assert "altered" in refused_token(a_listing(), token)


def test_a_token_as_long_as_a_mebibyte_is_malformed() -> None:
    assert "altered" in refused_token(a_listing(), "A" * 2**20)


def test_a_token_that_is_cut_padded_or_signed_with_another_key_is_malformed() -> None:
    token = a_token(a_listing())
    for wrong in (token[:-1], token + "=", token + "A", token[:20], a_token(a_listing(key=b"x" * 32))):
        assert "altered" in refused_token(a_listing(), wrong)


def test_a_token_serves_only_its_own_tenant_list_filter_and_order() -> None:
    token = a_token(a_listing(), filter_text="rank >= 0")
    assert a_listing().page("main", filter_text=" rank >= 0 ", page_token=token).query
    other = "belongs to another filter, order or list"
    assert other in refused_token(a_listing(), token, "rival", filter_text="rank >= 0")
    assert other in refused_token(a_listing(), token)
    assert other in refused_token(a_listing(), token, filter_text="rank >= 0", order_by="rank")
    assert other in refused_token(a_listing(resource="assets"), token, filter_text="rank >= 0")


def test_a_token_lives_three_days() -> None:
    clock = Clock()
    listing = a_listing(clock=clock)
    token = a_token(listing)
    clock.now += timedelta(days=3)
    assert listing.page("main", page_token=token).query
    clock.now += timedelta(seconds=1)
    assert "older than 3 days" in refused_token(listing, token)


def test_a_relative_time_means_the_same_on_every_page() -> None:
    clock = Clock()
    listing = a_listing(clock=clock)
    recent = 'updateTime > ago("1h")'
    first = listing.page("main", recent, page_size=1)
    token = first.cut(found(first, documents(3)))[1]
    clock.now += timedelta(hours=2)
    second = listing.page("main", recent, page_size=1, page_token=token)
    assert [row["_id"] for row in second.cut(found(second, documents(3)))[0]] == ["t001"]


def test_the_query_of_a_later_page_begins_in_the_index() -> None:
    listing = a_listing()
    page = listing.page("main", "rank > 1", page_token=listing.page("main", "rank > 1").next_token(documents(1)[0]))
    assert page.query == {
        "$and": [
            {"rank": {"$gt": 1}},
            {
                "$and": [
                    {"update_time": {"$not": {"$gt": START}}},
                    {
                        "$or": [
                            {"update_time": {"$not": {"$gte": START}}},
                            {"update_time": START, "_id": {"$gt": "t000"}},
                        ]
                    },
                ]
            },
        ]
    }


def test_a_naive_time_of_the_store_gives_the_same_token_as_an_aware_one() -> None:
    page = a_listing().page("main")
    naive = {"_id": "a", "update_time": datetime(2026, 1, 1)}  # noqa: DTZ001 - what a driver without tz_aware returns
    assert page.next_token(naive) == page.next_token({"_id": "a", "update_time": START})


def test_a_key_that_could_be_guessed_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 16 bytes"):
        a_listing(key=b"short")


_names = st.none() | st.sampled_from(["", "a", "b", "ä"])
_rows = st.lists(
    st.fixed_dictionaries(
        {"_id": st.text("abc", min_size=1, max_size=3)},
        optional={
            "rank": st.none() | st.integers(0, 3),
            "name": _names,
            "update_time": st.none() | st.integers(0, 3).map(lambda hours: START + timedelta(hours=hours)),
        },
    ),
    unique_by=lambda row: row["_id"],
    max_size=30,
)
_orders = st.lists(st.sampled_from(["rank", "name", "updateTime", "id"]), unique=True, max_size=4).flatmap(
    lambda names: st.tuples(*(st.sampled_from([name, f"{name} desc"]) for name in names)).map(", ".join)
)


@settings(max_examples=300)
@given(_rows, _rows, _orders, st.integers(1, 4), st.data())
def test_a_walk_gives_each_row_exactly_once_whatever_is_inserted_meanwhile(
    before: list[dict[str, Any]], inserted: list[dict[str, Any]], order_by: str, size: int, data: st.DataObject
) -> None:
    listing = a_listing()
    store = {row["_id"]: row for row in before}
    waiting = [row for row in inserted if row["_id"] not in store]
    seen: list[str] = []
    token = ""
    while True:
        page = listing.page("main", order_by=order_by, page_size=size, page_token=token)
        rows, token = page.cut(found(page, store.values()))
        seen.extend(row["_id"] for row in rows)
        if not token:
            break
        for _ in range(data.draw(st.integers(0, len(waiting)))):
            row = waiting.pop()
            store[row["_id"]] = row
    assert len(seen) == len(set(seen))
    assert {row["_id"] for row in before} <= set(seen)
