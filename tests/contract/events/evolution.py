"""What an event contract may not do to the one before it: `python -m tests.contract.events.evolution` keeps the present one.

Both are AsyncAPI documents of ours. Fields, types, topics and values of enums may be added; nothing is removed, renamed,
retyped, narrowed, newly required or promised no more. What a release said is kept; until a release is made its file may be
written anew.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from deploy.version import version
from services.gateway.eventdocs import document
from tests.contract.chart.immutable import released

FOLDER = Path(__file__).parent / "releases"

Schema = dict[str, Any]
_WHOLE = ("const", "format", "pattern", "contentEncoding")


def broken(before: Schema, after: Schema) -> list[str]:
    """Every promise of `before` that `after` does not keep."""
    return list(dict.fromkeys(_broken(before, after)))


def _broken(before: Schema, after: Schema) -> Iterator[str]:
    for name, channel in before["channels"].items():
        now = after["channels"].get(name)
        if now is None:
            yield f"{name}: the topic is gone"
            continue
        for field in ("partitions", "topic"):
            had, has = (each["bindings"]["kafka"][field] for each in (channel, now))
            if had != has:
                yield f"{name}: {field} was {had} and is {has}"
        yield from (f"{name}: {message} is gone" for message in channel["messages"].keys() - now["messages"].keys())
    for name in before["components"]["messages"].keys() & after["components"]["messages"].keys():
        had, has = before["components"]["messages"][name], after["components"]["messages"][name]
        for part in ("headers", "payload"):
            yield from _Comparison(before, after).differences(had[part], has[part], f"{name}: {part}")


class _Comparison:
    """Two documents in which references are followed, each pair of schemas once."""

    def __init__(self, before: Schema, after: Schema) -> None:
        self._before, self._after = before, after
        self._seen: set[tuple[str, str]] = set()

    def differences(self, before: Schema, after: Schema, where: str) -> Iterator[str]:
        pair = (json.dumps(before, sort_keys=True), json.dumps(after, sort_keys=True))
        if pair in self._seen:
            return
        self._seen.add(pair)
        had, has = resolved(before, self._before), resolved(after, self._after)
        if had.get("type") != has.get("type"):
            yield f"{where} was {had.get('type', 'anything')} and is {has.get('type', 'anything')}"
            return
        yield from (
            f"{where}: {key} was {had.get(key)} and is {has.get(key)}" for key in _WHOLE if had.get(key) != has.get(key)
        )
        yield from _values(had, has, where)
        yield from _needed(had, has, where)
        for name, schema in had.get("properties", {}).items():
            if name not in has.get("properties", {}):
                yield f"{where}.{name} is gone"
            else:
                yield from self.differences(schema, has["properties"][name], f"{where}.{name}")
        for key in ("items", "additionalProperties"):
            if key in had or key in has:
                yield from self.differences(had.get(key, {}), has.get(key, {}), f"{where}[]")
        if (had.get("anyOf") or []) != (has.get("anyOf") or []):
            yield f"{where} is another choice"


def _values(had: Schema, has: Schema, where: str) -> Iterator[str]:
    if ("enum" in had) != ("enum" in has):
        yield f"{where} {'has' if 'enum' in has else 'had'} a list of values"
    yield from (f"{where}: the value {value} is gone" for value in had.get("enum", ()) if value not in has.get("enum", ()))


def _needed(had: Schema, has: Schema, where: str) -> Iterator[str]:
    before, after = set(had.get("required", ())), set(has.get("required", ()))
    yield from (f"{where}.{name} is newly required" for name in sorted(after - before))
    yield from (f"{where}.{name} is promised no more" for name in sorted(before - after) if name in has.get("properties", {}))


def resolved(schema: Schema, document: Schema) -> Schema:
    """A schema with its references followed and the parts of `allOf` laid over each other."""
    found = {key: value for key, value in schema.items() if key not in ("$ref", "allOf")}
    parts = [*schema.get("allOf", ())]
    if "$ref" in schema:
        target: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        parts.append(target)
    for part in parts:
        whole = resolved(part, document)
        for key, value in whole.items():
            if key == "properties":
                found[key] = {**value, **{name: {**value.get(name, {}), **own} for name, own in found.get(key, {}).items()}}
            elif key == "required":
                found[key] = [*found.get(key, ()), *value]
            else:
                found.setdefault(key, value)
    return found


def disagreeing(examples: Schema, schemas: Schema) -> list[str]:
    """What examples of one document say against the schemas of the other."""
    found = []
    for name, message in examples["components"]["messages"].items():
        if name not in schemas["components"]["messages"]:
            continue
        for part in ("headers", "payload"):
            rules = {**schemas["components"]["messages"][name][part], "components": schemas["components"]}
            checker = Draft202012Validator(rules, format_checker=Draft202012Validator.FORMAT_CHECKER)
            for example in message["examples"]:
                errors = checker.iter_errors(example[part]) if part in example else ()
                found += [f"{name}: {part} {error.json_path}: {error.message}" for error in errors]
    return found


def kept(release: str) -> Schema:
    """What a release said."""
    found: Schema = json.loads((FOLDER / f"{release}.json").read_text(encoding="utf-8"))
    return found


def slim(found: Any, key: str = "") -> Any:
    """The document without what only people read; members of `properties` and of examples only look like that."""
    if isinstance(found, list):
        return found if key == "examples" else [slim(each) for each in found]
    if not isinstance(found, dict):
        return found
    prose = () if key == "properties" else ("description", "summary", "title")
    return {name: slim(value, name) for name, value in found.items() if name not in prose}


def main() -> int:
    """Writes the file of the present version. Returns 1, and writes nothing, where it was released already."""
    if version() in released():
        sys.stderr.write(f"{version()} was released: what it told does not change any more\n")
        return 1
    FOLDER.mkdir(exist_ok=True)
    text = json.dumps(slim(document()), ensure_ascii=False, sort_keys=True, indent=1)
    (FOLDER / f"{version()}.json").write_text(f"{text}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
