"""What the protos say of each RPC: its permission and its messages.

Fails with `RuntimeError` at start when an RPC of ours says no permission: nothing may be callable by accident.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from google.api import annotations_pb2 as http_options
from google.api import field_behavior_pb2
from google.protobuf import descriptor_pool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from itsm.type.v1 import annotations_pb2

from chassis.codec import has_behavior, is_map

Descriptor = Any
_NAME_END = re.compile(r"[.\[]")


@dataclass(frozen=True, slots=True)
class Method:
    """An RPC as its proto declares it. `safe` says that it only reads, as its HTTP verb promises (RFC 9110, 9.2.1).

    `step_up` says that people must have proved a short while ago who they are (chassis/proof.py).
    """

    path: str
    requires: str
    request: type[Message]
    response: type[Message]
    descriptor: Descriptor
    safe: bool = False
    step_up: bool = False


@cache
def methods(service: str) -> dict[str, Method]:
    """The RPCs of a service (`itsm.incident.v1.IncidentService`) by their path on the wire."""
    return {method.path: method for method in _methods(service)}


def required_permissions(service: str) -> set[str]:
    """All permissions that a service's RPCs ask for."""
    return {method.requires for method in methods(service).values()}


def _methods(service: str) -> Iterator[Method]:
    for method in descriptor_pool.Default().FindServiceByName(service).methods:
        options: Any = method.GetOptions()
        requires = options.Extensions[annotations_pb2.requires]
        if not requires:
            raise RuntimeError(f"{method.full_name} says no permission: add (itsm.type.v1.requires) to it")
        yield Method(
            f"/{service}/{method.name}",
            requires,
            GetMessageClass(method.input_type),
            GetMessageClass(method.output_type),
            method,
            safe=options.Extensions[http_options.http].WhichOneof("pattern") == "get",
            step_up=options.Extensions[annotations_pb2.step_up],
        )


def missing(message: Message, path: str = "") -> Iterator[str]:
    """Paths of required fields that are not set, and of enums with a number that this process does not know."""
    set_fields = {field.name: value for field, value in message.ListFields()}
    for name, required, enum_numbers, nested in _table(message.DESCRIPTOR):
        value = set_fields.get(name)
        if value is None:
            if required:
                yield f"{path}{name}"
        elif enum_numbers is not None:
            values = value if isinstance(value, int) is False else (value,)
            if not enum_numbers.issuperset(values):
                yield f"{path}{name}"
        elif nested == "part":
            mask = set_fields.get("update_mask")
            yield from _missing_of(value, f"{path}{name}.", mask.paths if mask is not None else ())
        elif nested:
            for place, item in _items(nested, value):
                yield from missing(item, f"{path}{name}{place}.")


def _items(nested: str, value: Any) -> Iterable[tuple[str, Message]]:
    """The messages in a field, each with how its place is written."""
    if nested == "one":
        return [("", value)]
    if nested == "map":
        return [(f".{key}", item) for key, item in value.items()]
    return [(f"[{place}]", item) for place, item in enumerate(value)]


def _missing_of(message: Message, path: str, mask: Iterable[str]) -> Iterator[str]:
    """The same for a resource of which only what `mask` names is to change; without a mask that is what is set."""
    changing = {name.partition(".")[0] for name in mask} or {field.name for field, _ in message.ListFields()}
    for found in missing(message):
        if _NAME_END.split(found, 1)[0] in changing:
            yield f"{path}{found}"


@cache
def _table(descriptor: Descriptor) -> tuple[tuple[str, bool, frozenset[int] | None, str], ...]:
    rows = []
    # An update brings the fields that it changes, not the whole resource (AIP-203).
    partial = "update_mask" in descriptor.fields_by_name
    for field in descriptor.fields:
        required = has_behavior(field, field_behavior_pb2.REQUIRED)
        numbers = frozenset(field.enum_type.values_by_number) if field.enum_type is not None else None
        nested = ""
        if is_map(field):
            nested = "map" if _is_ours(field.message_type.fields_by_name["value"]) else ""
        elif _is_ours(field):
            nested = "many" if field.is_repeated else "part" if partial else "one"
        if required or numbers or nested:
            rows.append((field.name, required, numbers, nested))
    return tuple(rows)


def _is_ours(field: Any) -> bool:
    return field.message_type is not None and field.message_type.file.package.startswith("itsm.")
