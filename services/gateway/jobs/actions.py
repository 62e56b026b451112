"""What a job can do with a resource, read from the bindings: each verb of a record, `update`, `delete`, and its list.

Nothing here is told resource by resource, but what takes an action back: only an action that leaves nothing else behind has an
inverse, and no descriptor says that.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.api.field_behavior_pb2 import IMMUTABLE, INPUT_ONLY
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from chassis import protojson
from chassis.codec import has_behavior
from chassis.errors import Invalid
from chassis.rpc.methods import missing
from services.gateway.ports import Plan
from services.gateway.rest.lists import among, columns, exportable
from services.gateway.rest.route import Route
from services.gateway.rest.routes import PREFIX, Routes

UPDATE, DELETE = "update", "delete"
_METHODS = {"PATCH": UPDATE, "DELETE": DELETE}
_RESTORED = frozenset({UPDATE, "assign"})
"""Actions that are taken back by themselves, with the values from before."""
_OPPOSITES = {"enable": "disable", "disable": "enable"}
_NOT_IN_JOBS = frozenset({"jobs"})
_BY_HAND = frozenset({("webhooks", UPDATE), ("notificationRules", UPDATE)})
"""Whoever changes one answers for it from then on, with the rights that he shows: a job shows no more than it needs."""
_PLACES = ("id", "etag")
_PAGED = frozenset({"filter", "page_size"})


@dataclass(frozen=True, slots=True)
class Resource:
    """What there is of a resource: how one record is read, how they are listed, what is done to one, by action."""

    single: Route | None
    listed: Route | None
    actions: Mapping[str, Route]


class Actions:
    """See `services.gateway.ports.Actions`."""

    def __init__(self, routes: Routes) -> None:
        self._resources: dict[str, Resource] = {}
        known = {(route.verb, route.template): route for route in routes.all}
        for plural in dict.fromkeys(template.removeprefix(PREFIX).partition("/")[0].partition(":")[0] for _, template in known):
            if plural in _NOT_IN_JOBS:
                continue
            listed = known.get(("GET", f"{PREFIX}{plural}"))
            single = known.get(("GET", f"{PREFIX}{plural}/{{id}}"))
            named = ((_action(route, plural), route) for route in routes.all)
            found = {name: route for name, route in named if name and (plural, name) not in _BY_HAND}
            if listed is not None and not (exportable(listed) and among(listed, filter="", page_size=0).keys() >= _PAGED):
                listed = None  # what is one page without a filter is read at once
            self._resources[plural] = Resource(single, listed, found)

    def bulk(self, resource: str, action: str, parameters: Mapping[str, Any], *, listed: bool, back: bool = False) -> Plan:
        """See `ports.Actions`."""
        found = self._resource(resource)
        route = self.route(resource, action)
        if not back:
            self.request(route, "id", parameters)
        if listed:
            self.listed(resource)
        inverse = self._inverse(found, route, action)
        reads = [found.single.rpc.requires] if inverse and found.single is not None else []
        lists = [self.listed(resource).rpc.requires] if listed else []
        return Plan(tuple(dict.fromkeys([route.rpc.requires, *reads, *lists])), inverse, destroys=action == DELETE)

    def export(self, resource: str, fields: Sequence[str]) -> Plan:
        """See `ports.Actions`."""
        route = self.listed(resource)
        known = columns(route)
        if unknown := [name for name in fields if name not in known]:
            raise Invalid({"fields": f"{unknown[0][:100]} is no field of this; there are {', '.join(known)}"})
        return Plan((route.rpc.requires,))

    def route(self, resource: str, action: str) -> Route:
        """How an action is done to one record. Raises `Invalid`."""
        actions = self._resource(resource).actions
        route = actions.get(action)
        if route is None:
            raise Invalid({"action": f"is none of {resource}; there are {', '.join(sorted(actions)) or 'none'}"})
        if route.rpc.step_up:
            raise Invalid({"action": "is sensitive: it asks for a proof by somebody who is at hand"})
        return route

    def listed(self, resource: str) -> Route:
        """How the records are listed. Raises `Invalid`."""
        route = self._resource(resource).listed
        if route is None:
            raise Invalid({"resource": f"{resource} cannot be listed as a whole"})
        return route

    def single(self, resource: str) -> Route | None:
        """How one record is read, where that is offered."""
        return self._resource(resource).single

    def request(
        self, route: Route, record: str, parameters: Mapping[str, Any], etag: str = "", *, whole: bool = False
    ) -> Message:
        """The request that does it to one record; with `whole` the values are those of a record as it was read.

        Raises `Invalid` naming a field of `parameters`.
        """
        try:
            made: Any = self._request(route, record, parameters, whole=whole)
        except Invalid as error:
            raise Invalid({_inside(path): text for path, text in error.violations.items()}) from None
        if etag and "etag" in route.request.fields_by_name:
            made.etag = etag
        return made  # type: ignore[no-any-return]

    def _request(self, route: Route, record: str, parameters: Mapping[str, Any], *, whole: bool) -> Message:
        if route.body_field is None:
            if said := [name for name in _PLACES if name in parameters]:
                raise Invalid(dict.fromkeys(said, "is said by the job itself"))
            message: Any = protojson.decode({**parameters, "id": record}, route.rpc.request)
            if route.verb == "DELETE" and parameters:
                raise Invalid({"": "nothing is said for this"})
            lacking = missing(message)
        else:
            if not parameters and not whole:
                raise Invalid({"": "name at least one field and its new value"})
            body = protojson.decode(parameters, route.body_type)
            names = [_field(route, name) for name in parameters]
            message = route.rpc.request(id=record, update_mask=FieldMask(paths=names), **{route.body: body})
            lacking = (path.removeprefix(f"{route.body}.") for path in missing(message))
        if absent := [path for path in lacking if not whole]:
            raise Invalid({protojson.camel(path): "is required, with a known value" for path in absent})
        return message  # type: ignore[no-any-return]

    def _resource(self, resource: str) -> Resource:
        found = self._resources.get(resource)
        if found is None:
            raise Invalid({"resource": f"there are no {resource[:100]}" if resource else "is needed"})
        return found

    def _inverse(self, found: Resource, route: Route, action: str) -> str:
        """The action that takes this one back; empty where nothing does."""
        versioned = "etag" in route.request.fields_by_name and route.tagged
        if not versioned or found.single is None:
            return ""
        opposite = _OPPOSITES.get(action, "")
        if opposite in found.actions:
            return opposite
        if action == UPDATE:
            return action
        said = {item.name for item in route.request.fields} - set(_PLACES)
        kept = set(found.single.rpc.response.DESCRIPTOR.fields_by_name)
        return action if action in _RESTORED and said <= kept else ""


def restored(route: Route) -> Sequence[str]:
    """JSON names of the fields of a record by which a verb is taken back."""
    return [item.json_name for item in route.request.fields if item.name not in _PLACES]


def named(route: Route, parameters: Iterable[str]) -> Sequence[str]:
    """The same of the fields that an update names."""
    known: Any = route.body_type.DESCRIPTOR
    return [(known.fields_by_camelcase_name.get(name) or known.fields_by_name[name]).json_name for name in parameters]


def _action(route: Route, plural: str) -> str:
    """What a binding does to one record of the resource; empty for what is none."""
    path, _, verb = route.template.partition(":")
    if path != f"{PREFIX}{plural}/{{id}}" or route.variables != ("id",):
        return ""
    if route.verb == "POST" and verb and route.body == "*":
        return verb
    masked = route.verb == "DELETE" or route.masked
    return _METHODS.get(route.verb, "") if not verb and masked else ""


def _field(route: Route, name: str) -> str:
    known: Any = route.body_type.DESCRIPTOR
    item = known.fields_by_camelcase_name.get(name) or known.fields_by_name[name]
    if item.name in route.output_only or has_behavior(item, IMMUTABLE):
        raise Invalid({name: "cannot be set"})
    if has_behavior(item, INPUT_ONLY):
        raise Invalid({name: "is a secret, and a job keeps and shows its parameters: set it on each record itself"})
    return str(item.name)


def _inside(path: str) -> str:
    return f"parameters.{path}" if path else "parameters"
