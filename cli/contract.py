"""What can be done with each resource, read from the contract that the platform is made from: paths, fields, their comments.

Reading takes some 0.1 s, so only commands that need it ask. Nothing here talks to a platform; an installation that is newer
offers what this one does not know yet through `itsm api`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

from google.api import annotations_pb2 as http_options
from google.api.field_behavior_pb2 import IMMUTABLE, OUTPUT_ONLY, REQUIRED
from google.api.field_behavior_pb2 import field_behavior as behavior
from google.protobuf import descriptor_pb2

PREFIX = "/api/v1/"
_OF_PAGES = frozenset({"page_size", "page_token", "update_mask"})
_SERVICE, _METHOD, _MESSAGE, _FIELD, _NESTED, _ENUM = 6, 2, 4, 2, 3, 4
"""Numbers of members of descriptors, which say in a path where a comment stands."""

Field = descriptor_pb2.FieldDescriptorProto


class Type(StrEnum):
    """How the value of a parameter is written on a command line."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    FLAG = "flag"
    CHOICE = "choice"
    PAIRS = "pairs"
    """`name=value`, several times."""
    JSON = "json"


@dataclass(frozen=True)
class Parameter:
    """One field of a request. `name` is that of JSON."""

    name: str
    type: Type
    help: str
    many: bool = False
    needed: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Operation:
    """One thing to do: a method at a path. `path` holds the `variables` in braces; `member` is the array of a list, `fields`
    are those of each record that it shows."""

    method: str
    path: str
    name: str
    help: str
    variables: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    versioned: bool
    member: str
    fields: frozenset[str]


@cache
def operations(resource: str) -> Mapping[str, Operation]:
    """What can be done with a resource, `assets`, by the name of the command."""
    found: dict[str, Operation] = {}
    for operation in _Contract.read().operations():
        if operation.path.removeprefix(PREFIX).split("/")[0].partition(":")[0] == resource:
            found.setdefault(operation.name, operation)
    return found


def paths() -> list[str]:
    """All paths of the API, without what they share."""
    return [each.path.removeprefix(PREFIX) for each in _Contract.read().operations()]


def kebab(name: str) -> str:
    """`explainClocks` → `explain-clocks`."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"-\1", name).lower()


@dataclass(frozen=True)
class _Contract:
    services: tuple[tuple[Any, str], ...]
    messages: Mapping[str, Any]
    enums: Mapping[str, Any]
    comments: Mapping[str, str]
    """What is said of a method, `service.method`, and of a field, `message.field`."""

    @staticmethod
    @cache
    def read() -> "_Contract":
        """The contract of this very installation of the program."""
        whole = descriptor_pb2.FileDescriptorSet.FromString((files("itsm") / "descriptors.binpb").read_bytes())
        services: list[tuple[Any, str]] = []
        messages: dict[str, Any] = {}
        enums: dict[str, Any] = {}
        comments: dict[str, str] = {}
        for file in whole.file:
            said = {tuple(place.path): place.leading_comments for place in file.source_code_info.location}
            for at, service in enumerate(file.service):
                name = f".{file.package}.{service.name}"
                services.append((service, name))
                for nth, method in enumerate(service.method):
                    comments[f"{name}.{method.name}"] = said.get((_SERVICE, at, _METHOD, nth), "")
            for at, message in enumerate(file.message_type):
                _learn(message, f".{file.package}", (_MESSAGE, at), said, messages, enums, comments)
            enums |= {f".{file.package}.{enum.name}": enum for enum in file.enum_type}
        return _Contract(tuple(services), messages, enums, comments)

    def operations(self) -> Iterator[Operation]:
        for service, name in self.services:
            for method in service.method:
                rule = method.options.Extensions[http_options.http]
                pattern = rule.WhichOneof("pattern")
                if pattern is not None and getattr(rule, pattern).startswith(PREFIX):
                    yield self._operation(method, f"{name}.{method.name}", pattern.upper(), getattr(rule, pattern), rule.body)

    def _operation(self, method: Any, full: str, verb: str, path: str, body: str) -> Operation:
        request, answer = self.messages[method.input_type], self.messages[method.output_type]
        variables = tuple(re.findall(r"\{([a-z_]+)\}", path))
        inner = next((field.type_name for field in request.field if field.name == body), method.input_type)
        paged = any(field.name == "next_page_token" for field in answer.field)
        listed = next((each for each in answer.field if paged and each.label == Field.LABEL_REPEATED), None)
        record = self.messages[listed.type_name] if listed else answer
        return Operation(
            method=verb,
            path=path,
            name=_name(verb, path),
            help=_sentence(self.comments[full]),
            variables=variables,
            parameters=tuple(self._parameters(inner, {*variables, "etag"}, settled=verb == "PATCH")),
            versioned=any(field.name == "etag" for field in request.field),
            member=listed.json_name if listed else "",
            fields=frozenset(each.json_name for each in record.field),
        )

    def _parameters(self, message: str, known: set[str], *, settled: bool) -> Iterator[Parameter]:
        """The fields that somebody may say; of a record that is there already, not those that stay."""
        for field in self.messages[message].field:
            given = field.options.Extensions[behavior]
            if field.name in known | _OF_PAGES or OUTPUT_ONLY in given or (settled and IMMUTABLE in given):
                continue
            type_, choices = self._type(field)
            many = field.label == Field.LABEL_REPEATED and type_ not in (Type.PAIRS, Type.JSON)
            text = _sentence(self.comments.get(f"{message}.{field.name}", ""))
            yield Parameter(field.json_name, type_, text, many, REQUIRED in given, choices)

    def _type(self, field: Any) -> tuple[Type, tuple[str, ...]]:
        if field.type == Field.TYPE_ENUM:
            values = [value.name for value in self.enums[field.type_name].value if value.number]
            return Type.CHOICE, tuple(kebab(value).replace("_", "-") for value in values)
        if field.type == Field.TYPE_MESSAGE:
            if field.type_name in (".google.protobuf.Timestamp", ".google.protobuf.Duration"):
                return Type.TEXT, ()
            nested = self.messages[field.type_name]
            return (Type.PAIRS if nested.options.map_entry else Type.JSON), ()
        if field.type == Field.TYPE_BOOL:
            return Type.FLAG, ()
        if field.type in (Field.TYPE_DOUBLE, Field.TYPE_FLOAT):
            return Type.NUMBER, ()
        return (Type.TEXT if field.type in (Field.TYPE_STRING, Field.TYPE_BYTES) else Type.INTEGER), ()


def _learn(
    message: Any,
    scope: str,
    path: tuple[int, ...],
    said: Mapping[tuple[int, ...], str],
    messages: dict[str, Any],
    enums: dict[str, Any],
    comments: dict[str, str],
) -> None:
    """A message, what is nested in it, and their comments."""
    name = f"{scope}.{message.name}"
    messages[name] = message
    enums |= {f"{name}.{enum.name}": enum for enum in message.enum_type}
    for at, field in enumerate(message.field):
        comments[f"{name}.{field.name}"] = said.get((*path, _FIELD, at), "")
    for at, nested in enumerate(message.nested_type):
        _learn(nested, name, (*path, _NESTED, at), said, messages, enums, comments)


def _name(method: str, path: str) -> str:
    """What the command is called: `list`, `show`, `create`, `update`, `delete`, a verb, or what lies below a record."""
    whole, _, verb = path.partition(":")
    steps = whole.removeprefix(PREFIX).split("/")
    if verb:
        return kebab(verb)
    if len(steps) > 2 and not steps[-1].startswith("{"):
        return kebab(steps[-1]) if method == "GET" else f"add-{kebab(steps[-1]).removesuffix('s')}"
    return {
        "GET": "show" if steps[-1].startswith("{") else "list",
        "POST": "create",
        "PATCH": "update",
        "DELETE": "delete",
    }.get(method, method.lower())


def _sentence(comment: str) -> str:
    return " ".join(comment.split())
