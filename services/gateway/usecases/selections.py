"""Selections: all records that match a filter, as a person saw their number, signed so that nobody makes one up.

A selection is good for an hour, for whoever made it, for one resource of one tenant. Fails: `Invalid` for any other.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from chassis.domain import Clock
from chassis.errors import Invalid

GOOD = timedelta(hours=1)
_PROOF = 32


@dataclass(frozen=True, slots=True)
class Selection:
    """What matched `filter` at an instant: so many records."""

    filter: str
    count: int
    time: datetime


class Selections:
    """Signs and reads them."""

    def __init__(self, key: bytes, clock: Clock) -> None:
        self._key = hmac.new(key, b"selections", hashlib.sha256).digest()
        self._clock = clock

    def made(self, tenant: str, subject: str, resource: str, selection: Selection) -> tuple[str, datetime]:
        """The selection as a text, and until when it is good."""
        until = self._clock() + GOOD
        said = {
            "owner": [tenant, subject, resource],
            "filter": selection.filter,
            "count": selection.count,
            "time": selection.time.timestamp(),
            "until": until.timestamp(),
        }
        content = orjson.dumps(said)
        return base64.urlsafe_b64encode(self._proof(content) + content).decode().rstrip("="), until

    def read(self, text: str, tenant: str, subject: str, resource: str) -> Selection:
        """What a text stands for. Raises `Invalid`."""
        said = self._said(text)
        if said is None or said["owner"] != [tenant, subject, resource]:
            raise Invalid({"selection": "is none of yours for this resource; select anew"})
        if self._clock().timestamp() >= said["until"]:
            raise Invalid({"selection": "is too old; select anew"})
        return Selection(said["filter"], said["count"], datetime.fromtimestamp(said["time"], UTC))

    def _said(self, text: str) -> Any:
        try:
            whole = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except ValueError:
            return None
        proof, content = whole[:_PROOF], whole[_PROOF:]
        return orjson.loads(content) if hmac.compare_digest(proof, self._proof(content)) else None

    def _proof(self, content: bytes) -> bytes:
        return hmac.new(self._key, content, hashlib.sha256).digest()
