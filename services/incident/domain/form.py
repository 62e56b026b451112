"""Forms of the catalog: a part of JSON Schema (draft 2020-12) that every reader evaluates alike, and that harms nobody.

A form is an object with `properties`. Of the standard it may use the keywords below and no others: nothing refers to another
place (`$ref`), so a form never loops and nothing is fetched, and patterns are those that match in linear time (no look-around,
no back-references), so no answer takes longer than its length. Conditions are `if`/`then`/`else`, `dependentRequired` and
`dependentSchemas`. What no property names is refused, as by `unevaluatedProperties: false`. Texts are limited in length, forms
and answers in size and depth.

Who shows a form asks the service which fields are asked for now, or evaluates the same keywords by itself.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jsonschema_rs
import orjson

from chassis.errors import Invalid

LARGEST = 65_536
"""Bytes of a form, and of answers, as JSON."""
DEEPEST = 12
LONGEST_PATTERN = 500
PROPERTIES = 200
_COMPILED = 1 << 18  # bytes of a pattern once compiled
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_TOLD = 50  # violations

_SCHEMA = frozenset({"if", "then", "else", "not", "items", "contains"})
_SCHEMAS = frozenset({"allOf", "anyOf", "oneOf"})
_NAMED = frozenset({"properties", "dependentSchemas"})
_PLAIN = frozenset(
    {
        "type",
        "title",
        "description",
        "default",
        "examples",
        "enum",
        "const",
        "format",
        "readOnly",
        "minLength",
        "maxLength",
        "pattern",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minItems",
        "maxItems",
        "uniqueItems",
        "minContains",
        "maxContains",
        "required",
        "dependentRequired",
        "minProperties",
        "maxProperties",
    }
)
FORMATS = frozenset({"date", "time", "date-time", "duration", "email", "uri", "uuid", "ipv4", "ipv6", "hostname"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """What is wrong with answers: where (a JSON pointer) and what."""

    pointer: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """A field that is asked for with the answers so far, in the order in which to show it."""

    name: str
    title: str = ""
    required: bool = False


def check_form(form: Mapping[str, Any], path: str = "form") -> None:
    """Raises `Invalid`, with the paths, for a form that is beyond these bounds or that no validator takes. Empty is no form."""
    if not form:
        return
    _check_size(form, path)
    if form.get("type", "object") != "object":
        raise Invalid({f"{path}.type": "must be object: answers have names"})
    wrong = dict(_wrong(form, path))
    if not wrong and sum(1 for _ in _names(form)) > PROPERTIES:
        wrong[path] = f"may have {PROPERTIES} properties"
    if wrong:
        raise Invalid(wrong)
    try:
        _compiled(form)
    except ValueError as error:
        raise Invalid({path: str(error).partition("\n")[0]}) from error


def judge(form: Mapping[str, Any], answers: Mapping[str, Any], path: str = "answers") -> list[Violation]:
    """What is wrong with answers; nothing where they fit. Raises `Invalid` for answers beyond the bounds."""
    _check_size(answers, path)
    if not form:
        return [Violation(pointer=f"/{name}", message="nothing is asked for") for name in answers][:_TOLD]
    found = []
    for error in _compiled(form).iter_errors(dict(answers)):
        at = "".join(f"/{part}" for part in error.instance_path)
        missing = getattr(error.kind, "property", None)
        if missing is not None and error.schema_path and error.schema_path[-1] == "required":
            found.append(Violation(pointer=f"{at}/{missing}", message="is asked for"))
        else:
            found.append(Violation(pointer=at, message=error.message))
        if len(found) == _TOLD:
            break
    return found


def holds(condition: Mapping[str, Any], answers: Mapping[str, Any]) -> bool:
    """Whether answers meet a condition, which is a schema too; an empty one is met by all."""
    return not condition or _validator(orjson.dumps(condition)).is_valid(dict(answers))


def asked(form: Mapping[str, Any], answers: Mapping[str, Any]) -> list[FormField]:
    """The fields that are asked for with these answers so far, each once, in the order of the form."""
    titles: dict[str, str] = {}
    required: set[str] = set()
    for part in _active(form, answers):
        for name, schema in part.get("properties", {}).items():
            titles[name] = titles.get(name) or str(schema.get("title", "") if isinstance(schema, Mapping) else "")
        required.update(part.get("required", ()))
        for name, others in part.get("dependentRequired", {}).items():
            if name in answers:
                required.update(others)
    return [FormField(name=name, title=title, required=name in required) for name, title in titles.items()]


def _active(schema: Mapping[str, Any], answers: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The parts of a form that hold with these answers."""
    yield schema
    if "if" in schema:
        branch = schema.get("then" if holds(schema["if"], answers) else "else")
        if branch:
            yield from _active(branch, answers)
    for part in schema.get("allOf", ()):
        yield from _active(part, answers)
    for name, part in schema.get("dependentSchemas", {}).items():
        if name in answers:
            yield from _active(part, answers)


def _compiled(form: Mapping[str, Any]) -> jsonschema_rs.Draft202012Validator:
    return _validator(orjson.dumps({"type": "object", **form, "unevaluatedProperties": False}))


@lru_cache(maxsize=256)
def _validator(schema: bytes) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        orjson.loads(schema),
        validate_formats=True,
        offline=True,
        pattern_options=jsonschema_rs.RegexOptions(size_limit=_COMPILED, dfa_size_limit=_COMPILED),
    )


def _check_size(value: Mapping[str, Any], path: str) -> None:
    if depth(value) > DEEPEST:
        raise Invalid({path: f"may be {DEEPEST} levels deep"})
    if len(orjson.dumps(value)) > LARGEST:
        raise Invalid({path: f"may have {LARGEST} bytes"})


def depth(value: Any) -> int:
    """How many levels of objects and lists stand inside each other, counted without recursion up to what is allowed."""
    level, deep = [value], 0
    while (level := [each for each in level if isinstance(each, Mapping | list)]) and deep <= DEEPEST:
        deep += 1
        level = [inner for each in level for inner in (each.values() if isinstance(each, Mapping) else each)]
    return deep


def _wrong(schema: Any, path: str) -> Iterator[tuple[str, str]]:
    if not isinstance(schema, Mapping):
        yield path, "must be a schema, as an object"
        return
    for keyword, value in schema.items():
        at = f"{path}.{keyword}"
        if keyword in _SCHEMA:
            yield from _wrong(value, at)
        elif keyword in _SCHEMAS:
            yield from _wrong_list(value, at)
        elif keyword in _NAMED:
            yield from _wrong_map(value, at)
        elif keyword not in _PLAIN:
            yield at, "is no keyword that forms may use"
        elif (problem := _wrong_value(keyword, value)) is not None:
            yield at, problem


def _wrong_list(schemas: Any, path: str) -> Iterator[tuple[str, str]]:
    if not isinstance(schemas, list):
        yield path, "must be a list of schemas"
        return
    for place, inner in enumerate(schemas):
        yield from _wrong(inner, f"{path}[{place}]")


def _wrong_map(schemas: Any, path: str) -> Iterator[tuple[str, str]]:
    if not isinstance(schemas, Mapping):
        yield path, "must map names to schemas"
        return
    for name, inner in schemas.items():
        if not _NAME.fullmatch(name):
            yield f"{path}.{name}", "must be a name of letters, digits and underscores, 64 at most"
        yield from _wrong(inner, f"{path}.{name}")


def _wrong_value(keyword: str, value: Any) -> str | None:
    if keyword == "pattern" and (not isinstance(value, str) or len(value) > LONGEST_PATTERN):
        return f"may have {LONGEST_PATTERN} characters"
    if keyword == "format" and value not in FORMATS:
        return f"must be one of {', '.join(sorted(FORMATS))}"
    if keyword in ("title", "description") and not isinstance(value, str):
        return "must be a text"
    if keyword in ("enum", "examples", "default", "const") and depth(value) > 1 + (keyword == "examples"):
        return "may hold plain values, or a list of them"
    if keyword in ("default", "const", "enum", "examples") and _has_objects(value):
        return "may hold no objects"
    if keyword == "dependentRequired" and (not isinstance(value, Mapping) or not all(_NAME.fullmatch(name) for name in value)):
        return "must map names to lists of names"
    return None


def _has_objects(value: Any) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, list) and any(_has_objects(each) for each in value))


def _names(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        for keyword, value in schema.items():
            if keyword == "properties" and isinstance(value, Mapping):
                yield from value
            yield from _names(value)
    elif isinstance(schema, list):
        for each in schema:
            yield from _names(each)
