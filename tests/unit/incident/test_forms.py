"""Forms: what they may say, that hostile ones are refused, and that they mean what JSON Schema means."""

import time
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors import Invalid
from services.incident.domain.form import DEEPEST, asked, check_form, depth, judge

NAMES = st.sampled_from(["a", "b", "c"])
SCALARS = st.one_of(st.booleans(), st.integers(-3, 3), st.sampled_from(["", "x", "xyz", "2126-06-03"]))
SIMPLE = st.one_of(
    st.builds(lambda kind: {"type": kind}, st.sampled_from(["string", "integer", "number", "boolean"])),
    st.builds(lambda values: {"enum": values}, st.lists(SCALARS, min_size=1, max_size=3, unique_by=repr)),
    st.builds(lambda value: {"const": value}, SCALARS),
    st.builds(lambda least: {"minimum": least, "type": "number"}, st.integers(-2, 2)),
    st.builds(lambda most: {"maxLength": most, "type": "string"}, st.integers(0, 3)),
    st.just({"pattern": "^x+$", "type": "string"}),
)
OBJECTS = st.recursive(
    st.fixed_dictionaries(
        {"properties": st.dictionaries(NAMES, SIMPLE, max_size=3)},
        optional={"required": st.lists(NAMES, max_size=2, unique=True)},
    ),
    lambda inner: st.fixed_dictionaries(
        {"properties": st.dictionaries(NAMES, SIMPLE, max_size=3)},
        optional={
            "if": inner,
            "then": inner,
            "else": inner,
            "allOf": st.lists(inner, min_size=1, max_size=2),
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "not": inner,
            "dependentRequired": st.dictionaries(NAMES, st.lists(NAMES, max_size=2, unique=True), max_size=2),
            "dependentSchemas": st.dictionaries(NAMES, inner, max_size=1),
        },
    ),
    max_leaves=4,
)


@settings(max_examples=150, deadline=None)
@given(form=OBJECTS, answers=st.dictionaries(NAMES, SCALARS, max_size=3))
def test_a_form_means_here_what_it_means_to_another_reader_of_the_standard(
    form: dict[str, Any], answers: dict[str, Any]
) -> None:
    check_form(form)
    other = jsonschema.Draft202012Validator({"type": "object", **form, "unevaluatedProperties": False})
    assert (judge(form, answers) == []) == other.is_valid(answers)
    fields = asked(form, answers)
    assert len({field.name for field in fields}) == len(fields)


def deep(levels: int) -> dict[str, Any]:
    form: dict[str, Any] = {"properties": {"a": {"type": "string"}}}
    for _ in range(levels):
        form = {"allOf": [form]}
    return form


@pytest.mark.parametrize(
    ("form", "named"),
    [
        ({"$ref": "https://example.com/form.json"}, "form.$ref"),
        ({"properties": {"a": {"$ref": "#"}}}, "form.properties.a.$ref"),
        ({"$defs": {"a": {}}}, "form.$defs"),
        ({"$dynamicRef": "#a"}, "form.$dynamicRef"),
        ({"properties": {"a": {"pattern": "(?=x)y"}}}, "form"),
        ({"properties": {"a": {"pattern": r"(x)\1"}}}, "form"),
        ({"properties": {"a": {"pattern": "(x{1000}){1000}"}}}, "form"),
        ({"properties": {"a": {"pattern": "x" * 501}}}, "form.properties.a.pattern"),
        ({"properties": {"a": {"format": "regex"}}}, "form.properties.a.format"),
        ({"properties": {"$where": {}}}, "form.properties.$where"),
        ({"properties": {"a.b": {}}}, "form.properties.a.b"),
        ({"properties": {"a": {"enum": [{"$where": "1"}]}}}, "form.properties.a.enum"),
        ({"properties": {"a": {"type": "spaceship"}}}, "form"),
        ({"properties": {"a": True}}, "form.properties.a"),
        ({"patternProperties": {"(a+)+$": {}}}, "form.patternProperties"),
        ({"type": "array"}, "form.type"),
        ({"allOf": {}}, "form.allOf"),
        (deep(20), "form"),
        (deep(50_000), "form"),
        ({"title": "x" * 70_000}, "form"),
        ({"properties": {f"a{number}": {} for number in range(201)}}, "form"),
    ],
)
def test_what_could_harm_or_be_read_in_two_ways_is_no_form(form: dict[str, Any], named: str) -> None:
    with pytest.raises(Invalid) as refusal:
        check_form(form)
    assert named in refusal.value.violations


def test_answers_are_bounded_too() -> None:
    for answers in ({"a": "x" * 70_000}, deep(DEEPEST)):
        with pytest.raises(Invalid):
            judge({"properties": {"a": {}}}, answers)
    assert judge({}, {"a": 1})[0].pointer == "/a"


def test_a_pattern_that_holds_other_engines_for_years_takes_no_time() -> None:
    form = {"properties": {"a": {"type": "string", "pattern": "^(([a-z])+.)+[A-Z]([a-z])+$"}}}
    check_form(form)
    begun = time.process_time()
    assert judge(form, {"a": "a" * 60_000})
    assert time.process_time() - begun < 5


def test_depth_is_counted() -> None:
    assert [depth(each) for each in (1, {}, {"a": []}, [[[]]])] == [0, 1, 2, 3]


def test_what_is_missing_is_named_where_it_belongs() -> None:
    form = {
        "properties": {"to": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}},
        "required": ["from"],
    }
    assert {each.pointer for each in judge(form, {"to": {}})} == {"/from", "/to/city"}
