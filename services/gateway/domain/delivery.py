"""Deliveries: what is handed to somebody outside. Every way out keeps the same record, its id follows from what is told.

The schedule is that of Standard Webhooks 1.0: ten attempts in 75 hours.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from itsm.gateway import v1 as pb

from chassis.domain import Aggregate

ATTEMPTS_KEPT = 20
RESPONSE_BYTES = 1024
KEPT = timedelta(days=30)

SCHEDULE = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
)
"""Pauses after each attempt; after the one that follows the last of them it is given up."""
JITTER = 0.1
"""The share by which a pause may be longer, so that many do not come back at once."""


class Channel(StrEnum):
    """The way that something goes."""

    WEBHOOK = "WEBHOOK"
    MAIL = "MAIL"
    CHAT = "CHAT"
    PUSH = "PUSH"
    SYNC = "SYNC"


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"


TOO_MANY = "too many waiting"
"""Why a delivery is given up before it was tried."""


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One try to hand it over."""

    time: datetime
    status: int = 0
    latency: timedelta = timedelta(0)
    error: str = ""
    response: str = ""


@dataclass(slots=True, kw_only=True)
class Delivery(Aggregate):
    """What the log shows of a delivery. Attempts change its row without a version; what somebody does to it is told."""

    channel: Channel
    target_id: str
    event_id: str
    event_type: str
    subject: str
    state: DeliveryState
    attempt_count: int = 0
    attempts: list[Attempt] = field(default_factory=list)
    create_time: datetime
    next_due_time: datetime | None = None
    turn: int = 0
    series: str = ""
    expire_time: datetime

    def again(self, at: datetime, series: str) -> None:
        """Has it due now, with all attempts before it; also where it is due already, for an attempt may be under way."""
        self.state, self.turn, self.series, self.next_due_time = DeliveryState.PENDING, 0, series, at
        self.expire_time = at + KEPT
        self.record(pb.DeliveryRepeated())


AGAIN = frozenset({"state", "turn", "series", "next_due_time", "expire_time"})
"""The fields that `Delivery.again` sets."""


def refused(at: datetime) -> dict[str, Any]:
    """The fields of one that is given up before it was tried."""
    attempt = {"time": at, "status": 0, "latency": "PT0S", "error": TOO_MANY, "response": ""}
    return {"state": DeliveryState.FAILED.value, "attempts": [attempt], "next_due_time": None}


def delivery_id(tenant: str, channel: Channel, target_id: str, event_id: str) -> str:
    """The id of what a target is told of an event: the same whenever the event comes."""
    about = "|".join((tenant, channel, target_id, event_id))
    return f"dlv_{hashlib.blake2b(about.encode(), digest_size=16).hexdigest()}"


def new_delivery(
    channel: Channel, target_id: str, *, event_id: str, event_type: str, subject: str, at: datetime, content: Mapping[str, Any]
) -> dict[str, Any]:
    """The record of something that is due now, without its id and tenant. `content` is for whoever hands it over."""
    return {
        "channel": channel.value,
        "target_id": target_id,
        "event_id": event_id,
        "event_type": event_type,
        "subject": subject,
        "version": 0,
        "state": DeliveryState.PENDING.value,
        "attempt_count": 0,
        "turn": 0,
        "attempts": [],
        "content": dict(content),
        "create_time": at,
        "expire_time": at + KEPT,
        "next_due_time": at,
    }


def next_attempt(turn: int, now: datetime, asked: timedelta | None, jitter: float) -> datetime | None:
    """When to try again after `turn` attempts in a row; None when it is given up.

    `asked` is what the receiver asked for; `jitter` is between 0 and 1.
    """
    if turn > len(SCHEDULE):
        return None
    return now + max(SCHEDULE[turn - 1] * (1 + JITTER * jitter), asked or timedelta(0))
