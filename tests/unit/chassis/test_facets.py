"""Counting a list without reading it: by fields, or whole."""

import orjson
import pytest

from chassis.errors import Invalid
from chassis.listing import Field
from chassis.listing.facets import COUNTED, LOOKED_AT, TOTAL, Facets, unpacked

FIELDS = {"team": Field(path="team_id")}


@pytest.mark.parametrize(
    ("there", "told"), [(0, (0, False)), (7, (7, False)), (COUNTED, (COUNTED, False)), (COUNTED + 1, (COUNTED, True))]
)
def test_a_list_is_counted_whole_where_nothing_else_is_asked(there: int, told: tuple[int, bool]) -> None:
    facets = Facets.of(TOTAL)
    assert facets is not None
    facets.settle(FIELDS)
    (_, limit, *_) = facets.pipeline({"tenant": "main"})
    assert limit == {"$limit": COUNTED + 1}
    found = orjson.loads(unpacked(facets.answer({"looked_at": [{"n": there}] if there else []})))
    assert (found["count"], found["capped"]) == told


def test_beside_names_of_fields_everything_is_no_name() -> None:
    facets = Facets.of(f"team,{TOTAL}")
    assert facets is not None
    with pytest.raises(Invalid):
        facets.settle(FIELDS)


def test_fields_are_counted_among_fewer() -> None:
    facets = Facets.of("team")
    assert facets is not None
    assert not facets.settled
    facets.settle(FIELDS)
    assert facets.settled
    assert {"$limit": LOOKED_AT + 1} in facets.pipeline({})
