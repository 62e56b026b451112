"""Every event that the protos declare: a message of a file `*_events.proto` with a snapshot in field 15."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from google.protobuf import descriptor_pool
from itsm.type.v1 import annotations_pb2

from services.gateway.openapi.comments import comments
from services.gateway.rest.routes import descriptors

SNAPSHOT = 15  # the field of each event that holds the resource as it is after the change
EVERYWHERE = "operations"  # told by every service, on its own topic


@dataclass(frozen=True)
class Event:
    """One type of event. `owner` is the service that tells it, or `operations` for what every service tells."""

    type: str
    owner: str
    plural: str
    descriptor: Any
    text: str

    @property
    def name(self) -> str:
        """The type without its package."""
        return self.type.rpartition(".")[2]

    @property
    def snapshot(self) -> Any:
        """The field that holds the record."""
        return self.descriptor.fields_by_number[SNAPSHOT]


@cache
def catalog() -> tuple[Event, ...]:
    """All of them, in the order of the protos."""
    return tuple(_events())


@cache
def texts() -> dict[str, str]:
    """The comments of the protos, by full name."""
    return comments(descriptors())


def _events() -> Iterator[Event]:
    pool = descriptor_pool.Default()
    for file in descriptors().file:
        if not file.name.endswith("_events.proto"):
            continue
        for message in file.message_type:
            name = f"{file.package}.{message.name}"
            descriptor = pool.FindMessageTypeByName(name)
            field = descriptor.fields_by_number.get(SNAPSHOT)
            if field is not None:
                resource: Any = field.message_type
                plural = resource.GetOptions().Extensions[annotations_pb2.resource].plural
                yield Event(name, file.package.split(".")[1], plural, descriptor, texts().get(name, ""))
