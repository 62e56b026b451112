"""What happened in the realm, as it is told here: who, what, when, and whether it worked, without anybody's name or address."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from itsm.auth import v1 as pb

from chassis.domain import Aggregate

KINDS = ("user", "admin")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True, kw_only=True)
class RealmEvent(Aggregate):
    """Told once, and never changed."""

    kind: str
    action: str
    time: datetime
    actor_id: str = ""
    client_id: str = ""
    resource_type: str = ""
    resource_path: str = ""
    error: str = ""

    @classmethod
    def of(cls, kind: str, told: Mapping[str, Any]) -> Self:
        """From the realm's own form of it. Its id follows from the realm's, or from all that it says where it has none."""
        details = told.get("authDetails") or {}
        named = str(told.get("id") or json.dumps(told, sort_keys=True))
        return cls(
            id=f"rev_{hashlib.sha256(f'{kind} {named}'.encode()).hexdigest()[:32]}",
            kind=kind,
            action=_text(told, "operationType" if kind == "admin" else "type"),
            time=_EPOCH + timedelta(milliseconds=told.get("time", 0)),
            actor_id=_text(details if kind == "admin" else told, "userId"),
            client_id=_text(details if kind == "admin" else told, "clientId"),
            resource_type=_text(told, "resourceType"),
            resource_path=_text(told, "resourcePath"),
            error=_text(told, "error"),
        )

    def tell(self) -> None:
        """It becomes an event of this platform."""
        self.record(pb.RealmEventMirrored())


def _text(told: Mapping[str, Any], name: str) -> str:
    return str(told.get(name) or "")
