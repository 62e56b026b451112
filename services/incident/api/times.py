"""Instants of a request."""

from datetime import UTC, datetime
from typing import Any


def instant(request: Any, name: str) -> datetime | None:
    """The instant in a field, or None where the caller gave none."""
    return getattr(request, name).ToDatetime(tzinfo=UTC) if request.HasField(name) else None
