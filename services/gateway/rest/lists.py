"""What a list of the API answers with and may be asked, as its RPC says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.gateway.rest.route import Route

_INSTANT = "google.protobuf.Timestamp"


@dataclass(frozen=True, slots=True)
class Listed:
    """What a list answers with: the array's name, and the fields of a record, each with whether it is an instant."""

    path: str
    member: str
    fields: Mapping[str, bool]
    paged: bool  # a list of few is one page and takes no size of it

    @classmethod
    def of(cls, route: Route) -> "Listed":
        """That of a route."""
        answer: Any = route.rpc.response.DESCRIPTOR
        array = next(item for item in answer.fields if item.is_repeated)
        fields = {
            item.json_name: item.message_type is not None and item.message_type.full_name == _INSTANT
            for item in array.message_type.fields
        }
        return cls(route.template, array.json_name, fields, bool(among(route, page_size=0)))


def among(route: Route, **asked: Any) -> dict[str, Any]:
    """Of what a list may be asked, what this one has fields for."""
    known = route.rpc.request.DESCRIPTOR.fields_by_name
    return {name: value for name, value in asked.items() if name in known}


def columns(route: Route) -> Mapping[str, bool]:
    """The columns that a list as a file may have, each with whether it is an instant."""
    return Listed.of(route).fields


def exportable(route: Route) -> bool:
    """Whether it is a list of a whole resource."""
    return route.verb == "GET" and route.paged and not route.variables and ":" not in route.template
