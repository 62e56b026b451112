"""`fields=id,title,clocks.state`: an answer with no more than was asked for, checked against what the message has.

A path goes through lists to their items and into maps by key. In a list of records paths are those of a record.
Fails: `Problem` 422 for a name that the resource does not have.
"""

from collections.abc import Mapping
from typing import Any

from chassis.http.problems import Problem

MAX_FIELDS = 100

Descriptor = Any
Tree = dict[str, "Tree"]


def wanted(text: str, descriptor: Descriptor) -> Tree:
    """The names as a tree, for an answer of this kind. Raises `Problem`."""
    within, record = _record(descriptor)
    tree: Tree = {}
    paths = [path.strip() for path in text.split(",")]
    if len(paths) > MAX_FIELDS:
        raise _wrong(f"may name {MAX_FIELDS} fields")
    for path in paths:
        _check(path, record)
        node = tree
        for name in path.split("."):
            node = node.setdefault(name, {})
    return {within: tree, "nextPageToken": {}} if within else tree


def pruned(value: Any, tree: Tree) -> Any:
    """What of the value was asked for."""
    if not tree:
        return value
    if isinstance(value, list):
        return [pruned(item, tree) for item in value]
    if not isinstance(value, Mapping):
        return value
    return {name: pruned(value[name], inner) for name, inner in tree.items() if name in value}


def _record(descriptor: Descriptor) -> tuple[str, Descriptor]:
    """In which field the records of a list are, and what they are; an answer that is no list is the record itself."""
    if "next_page_token" in descriptor.fields_by_name:
        for field in descriptor.fields:
            if field.is_repeated and field.message_type is not None:
                return field.json_name, field.message_type
    return "", descriptor


def _check(path: str, descriptor: Descriptor) -> None:
    within = descriptor
    for name in path.split("."):
        if within is None:
            raise _wrong(f"{path[:100]}: there is nothing below this field")
        if within.GetOptions().map_entry:
            within = within.fields_by_name["value"].message_type
            continue
        field = next((item for item in within.fields if item.json_name == name), None)
        if field is None:
            raise _wrong(f"{path[:100]}: is no field of this")
        within = field.message_type
        if within is not None and within.full_name.startswith("google.protobuf."):
            within = None


def _wrong(text: str) -> Problem:
    return Problem(422, "validation", f"/fields: {text}", reason="INVALID", errors=[("/fields", text)])
