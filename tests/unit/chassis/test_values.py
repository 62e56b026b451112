"""Values whose kind is data: exact in both directions, plain in JSON."""

import math
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st
from itsm.asset import v1 as pb
from itsm.type import v1 as shared

from chassis import protojson
from chassis.codec import document_to_message, from_document, given, to_document, to_message
from chassis.domain import Aggregate
from chassis.errors import Invalid
from chassis.values import EXACT, from_value, to_value

_PLAIN = st.recursive(
    st.booleans()
    | st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=9)
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@drawn(_PLAIN)
def test_a_plain_value_comes_back_as_it_was(plain: Any) -> None:
    back = from_value(to_value(plain))
    assert (back, type(back)) == (plain, type(plain))


@drawn(st.dictionaries(st.text("abc", min_size=1, max_size=3), _PLAIN, min_size=1, max_size=3))
def test_a_document_keeps_attributes_exactly(attributes: dict[str, Any]) -> None:
    message = document_to_message({"_id": "ast_1", "version": 1, "attributes": attributes}, pb.Asset)
    assert given(message, _Item)["attributes"] == attributes
    assert set(protojson.to_dict(message)["attributes"]) == set(attributes)


@pytest.mark.parametrize("number", [0, 8, -5, EXACT, -EXACT])
def test_a_whole_number_is_a_number_in_json_and_stays_whole(number: int) -> None:
    value = protojson.decode(orjson.dumps({"value": number}), pb.Statement).value
    assert value == shared.Value(integer=number)
    assert protojson.to_dict(value) == number


@pytest.mark.parametrize("number", [EXACT + 1, -EXACT - 1, 2**63 - 1, -(2**63)])
def test_a_whole_number_that_some_readers_would_round_is_written_as_text(number: int) -> None:
    assert protojson.to_dict(to_value([number])) == [str(number)]


@pytest.mark.parametrize("said", [{"a": 1}, [{"a": 1}], 2**64, [[2**63]], "a\0"])
def test_what_is_no_plain_value_is_refused_with_its_place(said: Any) -> None:
    with pytest.raises(Invalid) as refused:
        protojson.decode({"attributes": {"model": said}}, pb.Asset)
    assert all(path.startswith("attributes.model") for path in refused.value.violations)


def test_null_says_that_there_is_none() -> None:
    message = protojson.decode(b'{"attributes": {"model": null, "cpu": "x"}}', pb.Asset)
    assert given(message, _Item) == {"attributes": {"model": None, "cpu": "x"}}


@pytest.mark.parametrize("plain", [math.nan, 2**63, {}, b"", object()])
def test_what_cannot_be_kept_is_refused(plain: Any) -> None:
    with pytest.raises(ValueError, match="kept exactly"):
        to_value(plain)


@dataclass(slots=True, kw_only=True)
class _Item(Aggregate):
    class_: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)


def test_a_word_that_python_keeps_to_itself_is_a_field_like_any_other() -> None:
    item = _Item(id="ast_1", class_="server", attributes={"cpus": 8})
    document = to_document(item)
    assert document["class"] == "server"
    assert "class_" not in document
    assert from_document(document, _Item) == item
    assert given(to_message(item, pb.Asset), _Item) == {"class_": "server", "attributes": {"cpus": 8}}
