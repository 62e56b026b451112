"""Every RPC of every proto service of the platform, as the descriptors list them, with a request that is complete."""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import itsm
from google.api import field_behavior_pb2
from google.protobuf import descriptor_pool
from google.protobuf.message import Message

from chassis.codec import has_behavior, is_map
from chassis.rpc.methods import Method, methods

SHARED = frozenset({"operations"})
"""Packages of which every process serves the services, each for itself."""

_DEPTH = 4


@dataclass(frozen=True, slots=True)
class Rpc:
    """`owner` is the process that serves it: `incident`."""

    owner: str
    service: str
    method: Method

    @property
    def name(self) -> str:
        """`incident.v1.IncidentService/OpenIncident`; for what every process serves, whose it is too."""
        shared = f" of {self.owner}" if self.service.split(".")[1] in SHARED else ""
        return self.method.path.removeprefix("/itsm.") + shared

    def __str__(self) -> str:
        return self.name


def packages() -> list[str]:
    """`itsm.incident.v1` and all its siblings, imported."""
    rooms = [room for folder in itsm.__path__ for room in Path(folder).iterdir()]
    found = [f"itsm.{room.name}.v1" for room in rooms if (room / "v1" / "__init__.py").exists()]
    for name in found:
        importlib.import_module(name)
    return sorted(found)


def services() -> list[str]:
    """The proto services by full name: `itsm.incident.v1.IncidentService`."""
    found = set()
    pool = descriptor_pool.Default()
    for package in packages():
        for name, module in vars(importlib.import_module(package)).items():
            if name.endswith("Servicer") and isinstance(module, type):
                found.add(f"{package}.{name.removesuffix('Servicer')}")
    return sorted(name for name in found if pool.FindServiceByName(name))


def rpcs() -> Iterator[Rpc]:
    """All of them."""
    rooms = {service: service.split(".")[1] for service in services()}
    owners = sorted(set(rooms.values()) - SHARED)
    for service, room in rooms.items():
        for owner in owners if room in SHARED else [room]:
            for method in methods(service).values():
                yield Rpc(owner, service, method)


def complete(rpc: Rpc, **given: Any) -> Message:
    """A request with every required field set, `given` ones to what they are given."""
    request: Message = _filled(rpc.method.request, 0)
    if "service" in request.DESCRIPTOR.fields_by_name:
        given.setdefault("service", rpc.owner)
    if "resources" in request.DESCRIPTOR.fields_by_name:
        given.setdefault("resources", "incidents")
    for name, value in given.items():
        if isinstance(value, Message):
            getattr(request, name).CopyFrom(value)
        else:
            setattr(request, name, value)
    return request


def _filled(kind: type[Message], depth: int) -> Any:
    message: Any = kind()
    for field in message.DESCRIPTOR.fields:
        if not has_behavior(field, field_behavior_pb2.REQUIRED) or depth > _DEPTH:
            continue
        if is_map(field):
            getattr(message, field.name)["no-such-thing"] = _scalar(field.message_type.fields_by_name["value"])
            continue
        if field.message_type is not None:
            target = getattr(message, field.name)
            part = target.add() if field.is_repeated else target
            part.SetInParent()
            part.CopyFrom(_filled(type(part), depth + 1))
            if not part.ByteSize() and field.message_type.full_name == "google.protobuf.Timestamp":
                part.GetCurrentTime()
            elif not part.ByteSize() and field.message_type.full_name == "google.protobuf.Duration":
                part.seconds = 60
            continue
        value = _scalar(field)
        if field.is_repeated:
            getattr(message, field.name).append(value)
        else:
            setattr(message, field.name, value)
    return message


_KNOWN = {"role": "viewer"}


def _scalar(field: Any) -> Any:
    if field.enum_type is not None:
        return field.enum_type.values[1].number
    match field.cpp_type:
        case field.CPPTYPE_STRING:
            return b"x" if field.type == field.TYPE_BYTES else _KNOWN.get(field.name, "no-such-thing")
        case field.CPPTYPE_BOOL:
            return True
        case _:
            return 1
