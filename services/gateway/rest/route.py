"""One HTTP binding of an RPC: what it takes, what it answers, and how a client is told of what is wrong with it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from functools import cached_property
from typing import Any

from google.api.field_behavior_pb2 import OUTPUT_ONLY, REQUIRED
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from itsm.type.v1 import annotations_pb2 as itsm_options

from chassis.codec import has_behavior
from chassis.http.problems import Step, pointer, steps
from chassis.rpc import Method
from services.gateway.rest.shedding import Class

Descriptor = Any
FACETS, BATCH_GET, BATCH, SELECT = "facets", "batchGet", "batch", "select"
"""Operations that no proto names (services/gateway/rest/generic.py)."""

_UNSAFE = frozenset(("POST", "PUT", "PATCH", "DELETE"))
_URGENT = ("acknowledge", "resolve")
_HEAVY = ("count", "analyze", "impact")
_BULK = ("export", "replay")


@dataclass(frozen=True)
class Route:
    """One HTTP binding of an RPC."""

    verb: str
    template: str
    body: str
    rpc: Method
    service: str
    variables: tuple[str, ...] = field(default=())
    generic: str = ""
    """Which operation this is of those that no proto names (services/gateway/rest/generic.py)."""

    @cached_property
    def request(self) -> Descriptor:
        """Descriptor of the RPC's request."""
        return self.rpc.request.DESCRIPTOR

    @cached_property
    def body_field(self) -> Any | None:
        """The field of the request that the body says; `None` where the body is the request or there is none."""
        return self.request.fields_by_name[self.body] if self.body not in ("", "*") else None

    @cached_property
    def body_type(self) -> type[Message]:
        """The message that the body is read as."""
        return self.rpc.request if self.body_field is None else GetMessageClass(self.body_field.message_type)

    @cached_property
    def body_may_be_absent(self) -> bool:
        """Whether a POST without any content says everything: nothing is required beside the path."""
        return self.body == "*" and not any(
            has_behavior(item, REQUIRED) for item in self.request.fields if item.name not in self.variables
        )

    @cached_property
    def conditional(self) -> bool:
        """Whether the request names a version, which REST says with If-Match."""
        return self.verb in _UNSAFE and "etag" in self.request.fields_by_name

    @cached_property
    def precondition_required(self) -> bool:
        """Whether If-Match must be there: PUT, PATCH and DELETE of what has versions."""
        return self.conditional and self.verb != "POST"

    @cached_property
    def masked(self) -> bool:
        """Whether the request names the fields to change."""
        return self.body_field is not None and "update_mask" in self.request.fields_by_name

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """Fields of the request that the query says, by JSON name."""
        if self.body == "*":
            return {}
        return {
            item.json_name: item
            for item in self.request.fields
            if item.name not in self.variables
            and item is not self.body_field
            and not (item.name == "etag" and self.conditional)
        }

    @cached_property
    def tagged(self) -> bool:
        """Whether the answer has a version, which REST says with ETag."""
        return "etag" in self.rpc.response.DESCRIPTOR.fields_by_name

    @cached_property
    def resource(self) -> str:
        """Plural of the resource that the answer is; empty where it is none."""
        options: Any = self.rpc.response.DESCRIPTOR.GetOptions()
        plural: str = options.Extensions[itsm_options.resource].plural
        return plural

    @cached_property
    def paged(self) -> bool:
        """Whether the answer may have a next page."""
        return "next_page_token" in self.rpc.response.DESCRIPTOR.fields_by_name

    @cached_property
    def creates(self) -> bool:
        """Whether it is a POST on a collection, which makes something in it."""
        return self.verb == "POST" and ":" not in self.template and not self.template.endswith("}")

    @cached_property
    def created(self) -> str:
        """The field of the answer that holds what was made; empty where the answer itself is that."""
        descriptor: Descriptor = self.rpc.response.DESCRIPTOR
        nested: list[Any] = [] if self.resource else [item for item in descriptor.fields if item.message_type is not None]
        return next((item.name for item in nested if "id" in item.message_type.fields_by_name), "")

    @cached_property
    def kind(self) -> Class:
        """How long it may be put off when there is too much to do."""
        verb = self.template.partition(":")[2]
        if verb in _URGENT:
            return Class.CRITICAL
        if self.generic == BATCH or self.imports or verb in _BULK:
            return Class.BULK
        if self.paged or self.generic or verb in _HEAVY:
            return Class.SHEDDABLE
        return Class.NORMAL

    @cached_property
    def leaving(self) -> tuple[tuple[bytes, bytes], ...]:
        """How clients are told that it will go (RFC 9745, RFC 8594); none while it stays."""
        options: Any = self.rpc.descriptor.GetOptions()
        said = options.Extensions[itsm_options.deprecation]
        if not said.since:
            return ()
        headers = [(b"deprecation", f"@{_midnight(said.since).timestamp():.0f}".encode())]
        if said.sunset:
            headers.append((b"sunset", format_datetime(_midnight(said.sunset), usegmt=True).encode()))
        if said.link:
            headers.append((b"link", f'<{said.link}>; rel="deprecation"; type="text/html"'.encode()))
        return tuple(headers)

    @cached_property
    def imports(self) -> bool:
        """Whether it takes many records at once."""
        return self.template.endswith(":import") or self.template.startswith("/api/v1/imports")

    @cached_property
    def output_only(self) -> frozenset[str]:
        """Fields of the body that only we set."""
        return frozenset(item.name for item in self.body_type.DESCRIPTOR.fields if has_behavior(item, OUTPUT_ONLY))

    def locate(self, path: str) -> str:
        """A field path of the request, as a service tells it, as JSON pointer into the body of the HTTP request."""
        found = steps(path)
        if self.body_field is None or not found:
            return pointer(_in_json(found, self.request))
        # What decides about a record does not know in which request it came: its fields are those of the body.
        if found[0] == self.body or (found[0] == "update_mask" and len(found) > 1):
            found = found[1:]
        elif found[0] in self.request.fields_by_name:
            return pointer(_in_json(found, self.request))
        return pointer(_in_json(found, self.body_field.message_type))

    def locate_in_body(self, path: str) -> str:
        """The same for a path that starts at the body."""
        return pointer(_in_json(steps(path), self.body_type.DESCRIPTOR))


def _in_json(found: Iterable[Step], descriptor: Descriptor) -> Iterator[Step]:
    """Names as in JSON, as far as the proto knows them; keys of maps and what is unknown stay as they are."""
    for step in found:
        if descriptor is None or isinstance(step, int):
            yield step
            continue
        if descriptor.GetOptions().map_entry:
            yield step
            descriptor = descriptor.fields_by_name["value"].message_type
            continue
        known = descriptor.fields_by_name.get(step) or descriptor.fields_by_camelcase_name.get(step)
        yield known.json_name if known is not None else step
        descriptor = known.message_type if known is not None else None


def _midnight(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), time.min, UTC)
