"""What happened lately, out of what this process keeps for the live stream: the last minutes, fewer where there is much."""

from collections.abc import Collection, Sequence
from datetime import datetime

import orjson

from services.gateway.live.ring import Entry, Ring
from services.gateway.ports import Told


class Past:
    """See `services.gateway.ports.Past`."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring

    def newest(self, tenant: str, types: Collection[str], most: int) -> Sequence[Told]:
        """See `ports.Past`."""
        return [_told(entry) for entry in self._ring.newest(tenant, types, most)]


def _told(entry: Entry) -> Told:
    about = orjson.loads(entry.head + b"null}")
    return Told(
        id=about["id"],
        type=entry.type,
        subject=entry.subject,
        tenant=entry.tenant,
        version=about["version"],
        time=datetime.fromisoformat(about["time"]),
        data=orjson.loads(entry.value),
        text=entry.value,
    )
