"""REST as the protos declare it: one row for each HTTP binding of an RPC, found by walking a tree of dictionaries.

A path is looked at segment by segment, before it is percent-decoded, so that no encoded slash or colon moves it elsewhere.
Fails at start with `ValueError` where an annotation asks for more than `/literal/{field}:verb` and plain query fields.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from functools import cached_property
from importlib import import_module
from importlib.resources import files
from typing import Any
from urllib.parse import unquote_to_bytes

from google.api import annotations_pb2 as http_options
from google.api.field_behavior_pb2 import OUTPUT_ONLY, REQUIRED
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from itsm.type.v1 import annotations_pb2 as itsm_options

from chassis.codec import has_behavior
from chassis.http.problems import Problem, Step, pointer, steps
from chassis.rpc import Method, methods
from services.gateway.rest.generic import BATCH, derived
from services.gateway.rest.shedding import Class

PREFIX = "/api/v1/"

Descriptor = Any
_SEGMENT = re.compile(r"\{[a-z_]+\}|[A-Za-z0-9.-]+", re.ASCII)
_QUERY_MESSAGES = {"google.protobuf.Timestamp", "google.protobuf.Duration", "google.protobuf.FieldMask"}
_UNSAFE = frozenset(("POST", "PUT", "PATCH", "DELETE"))
_URGENT = ("acknowledge", "resolve")
_HEAVY = ("count", "analyze", "impact")
_BULK = ("export", "replay")
_BROKEN_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


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


class _Node:
    __slots__ = ("literals", "routes", "variable")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.variable: _Node | None = None
        self.routes: dict[str, dict[str, Route]] = {}  # by the verb after the colon, then by HTTP method


_NOWHERE = _Node()


class Routes:
    """The table of all bindings, and of the operations that follow from them (`generic`)."""

    def __init__(self, routes: Iterable[Route], generic: Iterable[Route] = ()) -> None:
        self.all = tuple(routes)
        self._root = _Node()
        self.generic = tuple(generic)
        for route in (*self.all, *self.generic):
            self._add(route)

    def _add(self, route: Route) -> None:
        node = self._root
        path, _, verb = route.template.removeprefix("/").partition(":")
        for segment in path.split("/"):
            if not _SEGMENT.fullmatch(segment):
                raise ValueError(f"{route.rpc.path}: {segment!r} in {route.template} is more than this gateway reads")
            if segment[0] == "{":
                node.variable = node = node.variable or _Node()
            else:
                node = node.literals.setdefault(segment, _Node())
        methods_ = node.routes.setdefault(verb, {})
        if route.verb in methods_:
            raise ValueError(f"{route.verb} {route.template} is bound to {methods_[route.verb].rpc.path} and {route.rpc.path}")
        methods_[route.verb] = route
        if route.verb == "GET":
            methods_["HEAD"] = route

    def find(self, method: str, path: str) -> tuple[Route, tuple[str, ...]]:
        """The route of a raw path and the values of its variables. Raises `Problem` 404, 405 with `Allow`, or 400."""
        *segments, last = path.removeprefix("/").split("/")
        last, _, verb = last.partition(":")
        values: list[str] = []
        node = self._root
        for segment in (*segments, last):
            following = node.literals.get(segment)
            if following is None:
                values.append(segment)
                following = node.variable if segment else None
            node = following or _NOWHERE
        offered = node.routes.get(verb)
        if offered is None:
            raise Problem(404, "not-found", "there is nothing at this address")
        route = offered.get(method)
        if route is None:
            allowed = ", ".join(sorted(offered))
            raise Problem(405, "method", f"this address takes {allowed}", headers={"allow": allowed})
        return route, tuple(decoded(value) if "%" in value else value for value in values)

    def has(self, method: str, template: str) -> bool:
        """Whether such a binding is declared."""
        return any(route.verb == method and route.template == template for route in self.all)


def decoded(text: str) -> str:
    """A percent-encoded text as it was meant. Raises `Problem` 400 when it is not UTF-8, broken, or holds NUL."""
    if _BROKEN_PERCENT.search(text):
        raise Problem(400, "malformed", "the address has a broken percent encoding")
    try:
        plain = unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise Problem(400, "malformed", "the address is not UTF-8") from None
    if "\0" in plain:
        raise Problem(400, "malformed", "the address contains the character NUL")
    return plain


def descriptors() -> descriptor_pb2.FileDescriptorSet:
    """All protos with their comments. Loads their modules, too, so that the messages are known to the process."""
    found = descriptor_pb2.FileDescriptorSet.FromString((files("itsm") / "descriptors.binpb").read_bytes())
    for file in found.file:
        if file.package.startswith("itsm."):
            import_module(file.name.removesuffix(".proto").replace("/", ".") + "_pb2")
    return found


def declared() -> Routes:
    """The table of everything that the protos of the house bind to HTTP, and of what follows from that."""
    services = [f"{file.package}.{service.name}" for file in descriptors().file for service in file.service]
    routes = [route for service in services for route in bindings(service)]
    return Routes(routes, derived(routes))


def bindings(service: str) -> Iterator[Route]:
    """The HTTP bindings of a service's RPCs, additional ones included."""
    descriptor_pool.Default().FindServiceByName(service)
    for rpc in methods(service).values():
        options: Any = rpc.descriptor.GetOptions()
        if not options.HasExtension(http_options.http):
            continue
        rule = options.Extensions[http_options.http]
        for binding in (rule, *rule.additional_bindings):
            yield _route(service, rpc, binding)


def _route(service: str, rpc: Method, rule: Any) -> Route:
    verb = rule.WhichOneof("pattern")
    template = getattr(rule, verb)
    if verb == "custom" or not template.startswith(PREFIX) or rule.response_body:
        raise ValueError(f"{rpc.path}: only plain methods below {PREFIX} and whole answers are offered")
    variables = tuple(re.findall(r"\{([a-z_]+)\}", template))
    route = Route(verb.upper(), template, rule.body, rpc, service, variables)
    for item in route.parameters.values():
        nested = item.message_type
        if nested is not None and nested.full_name not in _QUERY_MESSAGES:
            raise ValueError(f"{rpc.path}: {item.name} cannot be said in a query")
    if unknown := [name for name in variables if name not in route.request.fields_by_name]:
        raise ValueError(f"{rpc.path}: {template} names {unknown}, which the request does not have")
    return route
