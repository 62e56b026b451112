"""What REST may not do to the release before it: `python -m tests.contract.rest.evolution` keeps what the present one promises.

Operations, parameters, members and words may be added. Nothing is removed, renamed or retyped; what is sent needs nothing new,
and what is answered is answered always. An operation may go after its sunset. What a release promised is kept; until a release
is made its file may be written anew.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from deploy.version import version
from services.gateway.openapi import document as openapi
from tests.contract.chart.immutable import released

FOLDER = Path(__file__).parent / "releases"

Promise = dict[str, Any]


def document() -> dict[str, Any]:
    """The present OpenAPI document."""
    found: dict[str, Any] = orjson.loads(openapi.described())
    return found


def promised(found: dict[str, Any]) -> Promise:
    """What programs rely on, without what only people read."""
    sent, answered = set[str](), set[str]()
    operations = {}
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            body, answers = _body(operation), _answers(operation)
            _reach(found, body, sent)
            for kind in answers.values():
                _reach(found, kind, answered)
            operations[f"{method.upper()} {path}"] = {
                "id": operation["operationId"],
                "parameters": dict(_parameters(found, operation)),
                "body": body,
                "answers": answers,
                **({"leaving": True} if operation.get("deprecated") else {}),
            }
    schemas = found["components"]["schemas"]
    return {
        "operations": operations,
        "sent": {name: _schema(schemas[name]) for name in sorted(sent)},
        "answered": {name: _schema(schemas[name]) for name in sorted(answered)},
    }


def broken(before: Promise, after: Promise) -> list[str]:
    """Every promise of `before` that `after` does not keep."""
    return [*_operations(before, after), *_schemas(before, after)]


def _operations(before: Promise, after: Promise) -> Iterator[str]:
    for name, had in before["operations"].items():
        has = after["operations"].get(name)
        if has is None:
            if not had.get("leaving"):
                yield f"{name} is gone"
            continue
        yield from (f"{name}: {fault}" for fault in _operation(had, has))


def _operation(had: Promise, has: Promise) -> Iterator[str]:
    for part in ("id", "body"):
        if had[part] != has[part]:
            yield f"{part} was {had[part]} and is {has[part]}"
    for each, kind in had["answers"].items():
        if has["answers"].get(each) != kind:
            yield f"the answer {each} was {kind} and is {has['answers'].get(each)}"
    given = has["parameters"]
    for each, (kind, _) in had["parameters"].items():
        if each not in given or given[each][0] != kind:
            yield f"{each} was {kind} and is {given[each][0] if each in given else 'nothing'}"
    yield from (
        f"{each} is newly required"
        for each, (_, needed) in given.items()
        if needed and not had["parameters"].get(each, ("", False))[1]
    )


def _schemas(before: Promise, after: Promise) -> Iterator[str]:
    for way in ("sent", "answered"):
        for name, had in before[way].items():
            has = after[way].get(name)
            if has is None:
                yield f"{name} is {way} no more"
                continue
            yield from (
                f"{name}.{each} was {kind} and is {has['members'].get(each)}"
                for each, kind in had["members"].items()
                if has["members"].get(each) != kind
            )
            yield from (f"{name}: the word {word} is gone" for word in had["words"] if word not in has["words"])
            more, less = set(has["required"]) - set(had["required"]), set(had["required"]) - set(has["required"])
            if way == "sent":
                yield from (f"{name}.{each} is newly required" for each in sorted(more))
            else:
                yield from (f"{name}.{each} is promised no more" for each in sorted(less))


def _parameters(found: dict[str, Any], operation: dict[str, Any]) -> Iterator[tuple[str, tuple[str, bool]]]:
    for each in operation.get("parameters", ()):
        one = found["components"]["parameters"][each["$ref"].rpartition("/")[2]] if "$ref" in each else each
        yield f"{one['in']} {one['name']}", (_kind(one["schema"]), one.get("required", False))


def _body(operation: dict[str, Any]) -> str:
    contents = operation.get("requestBody", {}).get("content", {})
    return " | ".join(_kind(content["schema"]) for content in contents.values())


def _answers(operation: dict[str, Any]) -> dict[str, str]:
    return {
        status: " | ".join(f"{media} {_kind(content['schema'])}" for media, content in answer.get("content", {}).items())
        for status, answer in operation["responses"].items()
        if "$ref" not in answer
    }


def _schema(schema: dict[str, Any]) -> Promise:
    members = {name: _kind(each) for name, each in schema.get("properties", {}).items()}
    return {"members": members, "required": schema.get("required", []), "words": schema.get("enum", [])}


def _kind(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return "#" + str(schema["$ref"]).rpartition("/")[2]
    if schema.get("type") == "array":
        return f"[{_kind(schema.get('items', {}))}]"
    if "properties" in schema:
        return "{" + ", ".join(f"{name}: {_kind(each)}" for name, each in schema["properties"].items()) + "}"
    if isinstance(schema.get("additionalProperties"), dict):
        return "{*: " + _kind(schema["additionalProperties"]) + "}"
    return f"{schema.get('type', 'anything')} {schema.get('format', '')}".strip()


def _reach(found: dict[str, Any], kind: str, seen: set[str]) -> None:
    """Adds the schemas that a kind leads to."""
    for word in kind.replace("[", " ").replace("]", " ").replace(",", " ").replace("}", " ").split():
        name = word.removeprefix("#")
        if word.startswith("#") and name not in seen:
            seen.add(name)
            for each in found["components"]["schemas"][name].get("properties", {}).values():
                _reach(found, _kind(each), seen)


def kept(release: str) -> Promise:
    """What a release promised."""
    found: Promise = json.loads((FOLDER / f"{release}.json").read_text(encoding="utf-8"))
    return found


def keep() -> Path:
    """Writes what the present version promises. Raises `SystemExit` for one that is released."""
    if version() in released():
        raise SystemExit(f"{version()} is released: what it promised stays as it is")
    path = FOLDER / f"{version()}.json"
    parts = [
        f"{json.dumps(part)}: {{\n"
        + ",\n".join(f"{json.dumps(name)}: {json.dumps(each, ensure_ascii=False)}" for name, each in promise.items())
        + "\n}"
        for part, promise in promised(document()).items()
    ]
    path.write_text("{" + ",\n".join(parts) + "}\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    sys.stdout.write(f"{keep()}\n")
