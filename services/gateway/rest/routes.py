"""REST as the protos declare it: one row for each HTTP binding of an RPC, found by walking a tree of dictionaries.

A path is looked at segment by segment, before it is percent-decoded, so that no encoded slash or colon moves it elsewhere.
Fails at start with `ValueError` where an annotation asks for more than `/literal/{field}:verb` and plain query fields.
"""

import re
from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.resources import files
from typing import Any
from urllib.parse import unquote_to_bytes

from google.api import annotations_pb2 as http_options
from google.protobuf import descriptor_pb2, descriptor_pool

from chassis.http.problems import Problem
from chassis.rpc import Method, methods
from services.gateway.rest.generic import derived
from services.gateway.rest.route import Route

PREFIX = "/api/v1/"

Descriptor = Any
_SEGMENT = re.compile(r"\{[a-z_]+\}|[A-Za-z0-9.-]+", re.ASCII)
_QUERY_MESSAGES = {"google.protobuf.Timestamp", "google.protobuf.Duration", "google.protobuf.FieldMask"}
_BROKEN_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


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
