"""What the servicers share."""

from typing import Any

from chassis.codec import changes, given
from services.incident.usecases.reading import Asked


def asked(request: Any) -> Asked:
    """What a request wants of a list; some lists take no filter."""
    size = request.page_size if request.HasField("page_size") else None
    return Asked(getattr(request, "filter", ""), getattr(request, "order_by", ""), size, request.page_token)


def named(request: Any, resource: Any, kind: type[Any]) -> dict[str, Any]:
    """What an update names; without a mask, what its body holds, except for what only we say."""
    if request.HasField("update_mask"):
        return changes(resource, request.update_mask.paths, kind, fixed=True)
    return given(resource, kind)
