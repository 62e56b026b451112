"""Webhooks: who outside is told of which events, by which secret a receiver knows us, and when one is given up.

Signatures, retries and what answers mean are those of Standard Webhooks 1.0.
"""

import base64
import hashlib
import hmac
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from itsm.gateway import v1 as pb

from chassis.domain import Aggregate, Event
from chassis.errors import Invalid

DESCRIPTION_LENGTH = 1000
MOST_TYPES = 50
TYPE_LENGTH = 200
OVERLAP = timedelta(hours=24)
"""How long the secret before still counts after a rotation."""
GIVEN_UP_AFTER = timedelta(days=5)
"""How long everything has to fail until a webhook is disabled."""
GIVEN_UP_ATTEMPTS = 10
"""How many attempts must have failed meanwhile: one bad answer after a quiet week says nothing about five days."""

BY_REQUEST = "somebody disabled it"
GONE = "its address answered 410: there is nothing any more"
FAILING = "every attempt of five days failed"


class State(StrEnum):
    """Whether a webhook is told of anything."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"


@dataclass(slots=True, kw_only=True)
class Webhook(Aggregate):
    """An address that is told of events, by the rights of its owner; `limits` are those that he had when he decided on it."""

    url: str
    description: str = ""
    event_types: list[str]
    filter: str = ""
    state: State = State.ENABLED
    disabled_reason: str = ""
    key_version: int = 1
    previous_key_expire_time: datetime | None = None
    owner_id: str
    limits: list[str] = field(default_factory=list)
    enable_time: datetime
    delete_time: datetime | None = None
    create_time: datetime
    update_time: datetime

    @classmethod
    def made(cls, *, id: str, at: datetime, owner_id: str, limits: list[str], **given: Any) -> Self:  # noqa: A002 - as its field
        """A new one. Raises `Invalid`; its address is judged by whoever connects, its filter by who knows the events."""
        missing = {name: "is needed" for name in ("url", "event_types") if not given.get(name)}
        if missing:
            raise Invalid(missing)
        _owned(owner_id)
        webhook = cls(id=id, owner_id=owner_id, limits=limits, enable_time=at, create_time=at, update_time=at, **given)
        webhook.validate()
        webhook.record(pb.WebhookCreated())
        return webhook

    def edit(self, at: datetime, *, by: str, limits: list[str], **fields: Any) -> None:
        """Changes named fields. Nothing changed, nothing is told.

        Who changes where it goes, or what it is told of, owns it from then on: else he would be told of what only the owner
        before may read. Raises `Invalid`, also where `by` is empty: nobody by whose rights it could be told.
        """
        fields = {name: value for name, value in fields.items() if getattr(self, name) != value}
        for name, value in fields.items():
            setattr(self, name, value)
        if fields.keys() & {"url", "event_types", "filter"}:
            _owned(by)
            self.owner_id, self.limits = by, limits
        if fields:
            self.validate()
            self._changed(pb.WebhookUpdated(), at)

    def rotate(self, at: datetime) -> None:
        """Another secret; the one before counts for a day more, the one before that no longer."""
        self.key_version += 1
        self.previous_key_expire_time = at + OVERLAP
        self._changed(pb.WebhookRotated(), at)

    def enable(self, at: datetime) -> None:
        """Tells it of what happens from now on; again changes nothing."""
        if self.state is State.DISABLED:
            self.state, self.disabled_reason, self.enable_time = State.ENABLED, "", at
            self._changed(pb.WebhookEnabled(), at)

    def disable(self, at: datetime, reason: str = BY_REQUEST) -> None:
        """Tells it of nothing more; again changes nothing."""
        if self.state is State.ENABLED:
            self.state, self.disabled_reason = State.DISABLED, reason
            self._changed(pb.WebhookDisabled(), at)

    def delete(self, at: datetime) -> None:
        """It is gone."""
        self.state, self.disabled_reason, self.delete_time = State.DISABLED, "it was removed", at
        self._changed(pb.WebhookDeleted(), at)

    def wants(self, event_type: str, at: datetime) -> bool:
        """Whether it is told of such an event of that instant, as far as it says itself."""
        if self.state is not State.ENABLED or at < self.enable_time:
            return False
        return any(covers(pattern, event_type) for pattern in self.event_types)

    def key_versions(self, now: datetime) -> Sequence[int]:
        """The secrets that count now, the newest first."""
        until = self.previous_key_expire_time
        return (self.key_version, self.key_version - 1) if until is not None and now < until else (self.key_version,)

    def validate(self) -> None:
        """Raises `Invalid`, naming the fields."""
        wrong = {}
        if len(self.description) > DESCRIPTION_LENGTH:
            wrong["description"] = f"may have {DESCRIPTION_LENGTH} characters at most"
        patterns = self.event_types
        if not 0 < len(patterns) <= MOST_TYPES or len(set(patterns)) < len(patterns):
            wrong["event_types"] = f"needs 1 to {MOST_TYPES}, each once"
        elif any(len(pattern) > TYPE_LENGTH or "*" in pattern[:-1] for pattern in patterns):
            wrong["event_types"] = "each is a type or its beginning with one * at the end"
        if wrong:
            raise Invalid(wrong)

    def _changed(self, event: Event, at: datetime) -> None:
        self.update_time = at
        self.record(event)


def _owned(by: str) -> None:
    if not by:
        raise Invalid({"": "a webhook is told by the rights of a person: a key has none that could be asked for later"})


def covers(pattern: str, event_type: str) -> bool:
    """Whether a type, or its beginning followed by `*`, means this type."""
    return event_type.startswith(pattern[:-1]) if pattern.endswith("*") else event_type == pattern


def unknown(patterns: Collection[str], known: Collection[str]) -> list[str]:
    """Patterns that mean no event that there is: a word misspelt would else be silent for ever."""
    return [pattern for pattern in patterns if not any(covers(pattern, one) for one in known)]


def signing_key(master: bytes, tenant: str, webhook_id: str, version: int) -> bytes:
    """One of a webhook's secrets: follows from the installation's, so that none is kept anywhere."""
    about = "\x00".join(("webhook", tenant, webhook_id, str(version)))
    return hmac.new(master, about.encode(), hashlib.sha256).digest()


def spelled(key: bytes) -> str:
    """A secret as receivers are given it."""
    return f"whsec_{base64.b64encode(key).decode()}"


def signed(keys: Sequence[bytes], id: str, at: datetime, body: bytes) -> Mapping[str, str]:  # noqa: A002 - the field's name everywhere
    """The headers by which a receiver knows a message and its age, with a signature by each secret."""
    stamp = str(int(at.timestamp()))
    content = b".".join((id.encode(), stamp.encode(), body))
    proofs = (base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode() for key in keys)
    return {
        "webhook-id": id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(f"v1,{proof}" for proof in proofs),
    }


def fails_for_good(first: datetime, failures: int, now: datetime) -> bool:
    """Whether a webhook is disabled of which everything failed since `first`, so many attempts."""
    return failures >= GIVEN_UP_ATTEMPTS and now - first >= GIVEN_UP_AFTER
