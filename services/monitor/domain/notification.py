"""Targets that are told of alerts by webhook, how a notification is signed, and when it is tried again."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from itsm.monitor import v1 as pb

from chassis.domain import Aggregate
from chassis.errors import Invalid
from services.monitor.domain.signal import Severity
from services.monitor.domain.silence import Matcher, wrong_matchers

NAME_LENGTH = 200


class TargetEvent(StrEnum):
    """What a target may be told of."""

    ROUTED = "ROUTED"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    RESOLVED = "RESOLVED"


class NotificationState(StrEnum):
    """Where a notification stands."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    DEAD = "DEAD"


@dataclass(slots=True, kw_only=True)
class NotificationTarget(Aggregate):
    """A receiver, and what it is told of."""

    name: str
    url: str
    events: list[TargetEvent] = field(default_factory=lambda: [TargetEvent.ROUTED, TargetEvent.RESOLVED])
    matchers: list[Matcher] = field(default_factory=list)
    severity: Severity = Severity.INFO
    enabled: bool = True
    key_version: int = 1
    create_time: datetime
    update_time: datetime

    @classmethod
    def made(cls, *, id: str, at: datetime, **given: Any) -> Self:  # noqa: A002 - as its field
        """A new target. Raises `Invalid`; its address is judged by whoever connects."""
        missing = {name: "is needed" for name in ("name", "url") if not given.get(name)}
        if missing:
            raise Invalid(missing)
        target = cls(id=id, create_time=at, update_time=at, **given)
        target.validate()
        target.record(pb.NotificationTargetCreated())
        return target

    def edit(self, at: datetime, **fields: Any) -> None:
        """Changes named fields. Nothing changed, nothing is told."""
        fields = {name: value for name, value in fields.items() if getattr(self, name) != value}
        for name, value in fields.items():
            setattr(self, name, value)
        if fields:
            self.validate()
            self.update_time = at
            self.record(pb.NotificationTargetUpdated())

    def rotate(self, at: datetime) -> None:
        """Another signing key from now on."""
        self.key_version += 1
        self.update_time = at
        self.record(pb.NotificationTargetRotated())

    def wants(self, event: TargetEvent, severity: Severity, labels: Mapping[str, str]) -> bool:
        """Whether it is told of an event of an alert."""
        fits = self.enabled and event in self.events and severity.rank <= self.severity.rank
        return fits and all(matcher.fits(labels) for matcher in self.matchers)

    def validate(self) -> None:
        """Raises `Invalid`, naming the fields."""
        wrong = wrong_matchers(self.matchers, everything=True)
        if not 0 < len(self.name.strip()) <= NAME_LENGTH:
            wrong["name"] = f"needs 1 to {NAME_LENGTH} characters"
        if not self.events or len(set(self.events)) < len(self.events):
            wrong["events"] = "needs at least one, each once"
        if wrong:
            raise Invalid(wrong)


def signing_key(secret: bytes, tenant: str, target: NotificationTarget) -> bytes:
    """The key of a target: follows from the installation's secret, so that none is kept anywhere."""
    about = "\x00".join(("notification", tenant, target.id, str(target.key_version)))
    return hmac.new(secret, about.encode(), hashlib.sha256).digest()


def spelled(key: bytes) -> str:
    """A key as receivers are given it."""
    return f"whsec_{base64.b64encode(key).decode()}"


def signed(key: bytes, id: str, at: datetime, body: bytes) -> dict[str, str]:  # noqa: A002 - the field's name everywhere
    """The headers by which a receiver knows a notification and its age (Standard Webhooks 1.0)."""
    stamp = str(int(at.timestamp()))
    digest = hmac.new(key, b".".join((id.encode(), stamp.encode(), body)), hashlib.sha256).digest()
    return {
        "webhook-id": id,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


ATTEMPTS = 12
_FIRST, _LAST = timedelta(seconds=5), timedelta(hours=1)


def next_attempt(attempts: int, now: datetime, asked: timedelta | None, jitter: float) -> datetime | None:
    """When to try again after so many attempts; None when it is given up: after some three hours.

    `asked` is what the receiver asked for, `jitter` a share between 0 and 1 that keeps many from coming at once.
    """
    if attempts >= ATTEMPTS:
        return None
    delay = min(_FIRST * (1 << (attempts - 1)), _LAST)
    return now + max(delay * (1 + 0.2 * jitter), asked or timedelta(0))
