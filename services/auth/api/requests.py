"""What lists are asked."""

from typing import Any

from services.auth.usecases.reading import Asked


def asked(request: Any) -> Asked:
    """The filter, the order and the page that a request names."""
    size = request.page_size if request.HasField("page_size") else None
    return Asked(request.filter, request.order_by, size, request.page_token)
