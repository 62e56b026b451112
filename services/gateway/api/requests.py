"""What the requests of all servicers have in common."""

from typing import Any

from chassis.codec import changes, given
from services.gateway.usecases.reading import Asked


def asked(request: Any) -> Asked:
    """Which page of a list is asked for."""
    size = request.page_size if request.HasField("page_size") else None
    return Asked(request.filter, request.order_by, size, request.page_token)


def named_fields(request: Any, resource: Any, kind: type[Any]) -> dict[str, Any]:
    """What an update names; without a mask, what its body holds, except for what only we say. What is chosen once comes along:
    who changes the record refuses another value for it."""
    if request.HasField("update_mask"):
        return changes(resource, request.update_mask.paths, kind, fixed=True)
    return given(resource, kind)
