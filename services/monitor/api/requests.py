"""What the requests of all servicers have in common."""

from typing import Any

from chassis.codec import changes, given
from services.monitor.usecases.reading import Paging


def paging(request: Any) -> Paging:
    """Which page of a list is asked for."""
    return Paging(request.page_size if request.HasField("page_size") else None, request.page_token)


def named_fields(request: Any, resource: Any, kind: type[Any]) -> dict[str, Any]:
    """What an update names; without a mask, what its body holds, except for what only we say."""
    if request.HasField("update_mask"):
        return changes(resource, request.update_mask.paths, kind, fixed=True)
    return given(resource, kind)
