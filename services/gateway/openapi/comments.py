"""The comments of the protos, by full name: they are the documentation of the API."""

from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet

# Field numbers of descriptor.proto, of which the paths of comments are made.
_MESSAGES, _ENUMS, _SERVICES = 4, 5, 6
_FIELDS, _NESTED, _NESTED_ENUMS = 2, 3, 4
_VALUES = _METHODS = 2

Path = tuple[int, ...]


def comments(files: FileDescriptorSet) -> dict[str, str]:
    """What stands above each message, field, enum, value, service and RPC; an enum's value goes by `Enum.VALUE`."""
    found: dict[str, str] = {}
    for file in files.file:
        texts = {tuple(place.path): _text(place.leading_comments) for place in file.source_code_info.location}
        for path, name in _names(file):
            if texts.get(path):
                found[name] = texts[path]
    return found


def summary(text: str) -> str:
    """The first sentence, without its stop."""
    return text.split(". ")[0].rstrip(".")


def _text(comment: str) -> str:
    return " ".join(line.strip() for line in comment.strip().splitlines())


def _names(file: Any) -> Iterator[tuple[Path, str]]:
    for index, message in enumerate(file.message_type):
        yield from _message((_MESSAGES, index), f"{file.package}.{message.name}", message)
    for index, enum in enumerate(file.enum_type):
        yield from _with_members((_ENUMS, index), f"{file.package}.{enum.name}", _VALUES, enum.value)
    for index, service in enumerate(file.service):
        yield from _with_members((_SERVICES, index), f"{file.package}.{service.name}", _METHODS, service.method)


def _message(path: Path, name: str, message: Any) -> Iterator[tuple[Path, str]]:
    yield from _with_members(path, name, _FIELDS, message.field)
    for index, nested in enumerate(message.nested_type):
        yield from _message((*path, _NESTED, index), f"{name}.{nested.name}", nested)
    for index, enum in enumerate(message.enum_type):
        yield from _with_members((*path, _NESTED_ENUMS, index), f"{name}.{enum.name}", _VALUES, enum.value)


def _with_members(path: Path, name: str, kind: int, members: Iterable[Any]) -> Iterator[tuple[Path, str]]:
    yield path, name
    for index, member in enumerate(members):
        yield (*path, kind, index), f"{name}.{member.name}"
