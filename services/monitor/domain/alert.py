"""The alert: one episode of something being wrong. What its verbs demand, change, and the one event that tells of each.

Repeated signals change nothing but `count` and `last_time`, which the intake writes beside the versions. A verb raises
`ForbiddenMove` for a state that says no; the alert must then be thrown away.
"""

from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any, Self

from itsm.monitor import v1 as pb

from chassis.domain import Aggregate, Event
from chassis.errors import ForbiddenMove
from services.monitor.domain.signal import (
    DESCRIPTION,
    ENTRIES_BYTES,
    NAME,
    TITLE,
    VALUE,
    AlertKind,
    Severity,
    Signal,
    cut,
    cut_entries,
    encoded,
)

DOWN = (Severity.CRITICAL, Severity.ERROR)
"""How bad an alert about availability must be for its asset to count as failed."""
MOST_OUTAGES = 50
TEXT_AGE = timedelta(minutes=1)
"""How long a changed text may wait to be taken over."""


class State(StrEnum):
    """Where an alert stands."""

    FIRING = "FIRING"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    SUPPRESSED = "SUPPRESSED"
    RESOLVED = "RESOLVED"


class SuppressionReason(StrEnum):
    """Why nobody is told of an alert."""

    SILENCE = "SILENCE"
    MAINTENANCE = "MAINTENANCE"
    DEPENDENCY = "DEPENDENCY"
    FLAPPING = "FLAPPING"


class Ending(StrEnum):
    """Why an alert is over."""

    RESOLVED = "resolved"
    EXPIRED = "expired"
    BY_HAND = "by-hand"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """Why nobody is told, the record that this comes from, and since when."""

    reason: SuppressionReason
    reference: str = ""
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A time in which the alert said that its asset does not work; without an end it lasts."""

    start_time: datetime
    end_time: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Alert(Aggregate):
    """One episode, from the first signal to its end."""

    fingerprint: str
    state: State = State.FIRING
    severity: Severity
    title: str
    description: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    source: str
    integration_id: str = ""
    check_id: str = ""
    asset_id: str = ""
    team_id: str = ""
    incident_id: str = ""
    group_key: str
    kind: AlertKind
    start_time: datetime
    end_time: datetime | None = None
    last_time: datetime
    count: int = 1
    route_time: datetime | None = None
    hold_until: datetime | None = None
    suppression: Suppression | None = None
    flapping: bool = False
    ack_time: datetime | None = None
    acknowledged_by: str = ""
    generator_url: str = ""
    create_time: datetime
    update_time: datetime
    latest_start_time: datetime
    outages: list[Outage] = field(default_factory=list)
    # Kept inside: when it is over without another signal, since when its record may go, and its labels as `name=value` for
    # filters.
    expire_time: datetime | None = None
    purge_time: datetime | None = None
    tags: list[str] = field(default_factory=list)

    @classmethod
    def fired(cls, signal: Signal, *, id: str, at: datetime) -> Self:  # noqa: A002 - as its field
        """A new alert as the signal tells it. It records nothing yet: the pipeline decides first, then `begin` tells."""
        text = _text(signal)
        return cls(
            id=id,
            fingerprint=signal.fingerprint,
            source=signal.source,
            integration_id=signal.integration_id,
            check_id=signal.check_id,
            asset_id=signal.asset_hint.asset_id,
            team_id=signal.team_id,
            group_key=cut(signal.group_key or signal.fingerprint, VALUE),
            kind=signal.kind,
            start_time=signal.start_time,
            latest_start_time=signal.start_time,
            last_time=at,
            create_time=at,
            update_time=at,
            expire_time=signal.expire_time,
            tags=_tags(text["labels"]),
            outages=_out(signal.kind, signal.severity, max(signal.severity_time or signal.start_time, signal.start_time)),
            **text,
        )

    @property
    def is_open(self) -> bool:
        """True until it is over."""
        return self.state is not State.RESOLVED

    @property
    def is_down(self) -> bool:
        """True while it says that its asset does not work."""
        return self.is_open and bool(_out(self.kind, self.severity, self.start_time))

    @property
    def is_routed(self) -> bool:
        """True when people have been told and still should be."""
        return self.route_time is not None and self.suppression is None

    def begin(self) -> None:
        """Tells of a new alert, once the pipeline has decided about it."""
        self.record(pb.AlertFired())

    def differs(self, signal: Signal, at: datetime) -> bool:
        """Whether a repeated signal says what must be told.

        A changed severity or start is told at once. Texts often hold the latest value: they are taken once a minute.
        """
        if self.severity is not signal.severity or self._newest(signal) != self.latest_start_time:
            return True
        settled = at - self.update_time >= TEXT_AGE
        return settled and any(getattr(self, name) != value for name, value in _text(signal).items())

    def follow(self, signal: Signal, at: datetime) -> None:
        """Takes over what a repeated signal says otherwise than before. Nothing to tell, nothing is changed."""
        self._open("update")
        if not self.differs(signal, at):
            return
        text = _text(signal)
        for name, value in text.items():
            setattr(self, name, value)
        self._count_outage(min(signal.severity_time or at, at))
        self.tags, self.latest_start_time = _tags(self.labels), self._newest(signal)
        self._changed(pb.AlertUpdated(), at)

    def acknowledge(self, at: datetime, by: str) -> None:
        """Somebody is on it. Again by somebody else changes nothing."""
        self._open("acknowledge")
        if self.ack_time is not None:
            return
        self.ack_time, self.acknowledged_by = at, by
        if self.state is State.FIRING:
            self.state = State.ACKNOWLEDGED
        self._changed(pb.AlertAcknowledged(), at)

    def route(self, at: datetime) -> None:
        """Lets it through to people after it waited."""
        self._open("route")
        self.hold_until = None
        if self.route_time is not None:
            return
        self.route_time = at
        self._changed(pb.AlertRouted(), at)

    def suppress(self, suppression: Suppression, at: datetime) -> None:
        """Keeps it from people. The same reason again changes nothing."""
        self._open("suppress")
        kept = self.suppression
        if kept is not None and (kept.reason, kept.reference) == (suppression.reason, suppression.reference):
            return
        self.state, self.suppression, self.hold_until = State.SUPPRESSED, suppression, None
        self._changed(pb.AlertSuppressed(), at)

    def unsuppress(self, at: datetime, *, hold_until: datetime | None = None) -> None:
        """The reason is gone. Until `hold_until` it waits; without, and never routed before, it is let through now."""
        self._open("unsuppress")
        if self.suppression is None:
            return
        self.state = State.ACKNOWLEDGED if self.ack_time is not None else State.FIRING
        self.suppression, self.hold_until = None, hold_until
        if hold_until is None and self.route_time is None:
            self.route_time = at
        self._changed(pb.AlertUnsuppressed(), at)

    def resolve(self, ending: Ending, end_time: datetime, at: datetime) -> None:
        """It is over since `end_time`, by the sender's clock; never after `at`, and never before it began."""
        self._open("resolve")
        self.state, self.end_time = State.RESOLVED, max(min(end_time, at), self.start_time)
        self._count_outage(self.end_time)
        self.hold_until = self.expire_time = None
        self._changed(pb.AlertResolved(reason=ending.value), at)

    def link(self, incident_id: str, at: datetime) -> None:
        """An incident stands for it. The same one again changes nothing; a later one takes its place."""
        if self.incident_id == incident_id:
            return
        self.incident_id = incident_id
        self._changed(pb.AlertLinked(), at)

    def purge(self, at: datetime) -> None:
        """It was over for long enough: its record goes. Raises `ForbiddenMove` while it is open."""
        if self.is_open:
            raise ForbiddenMove(self.state, "purge", "it is not over")
        if self.purge_time is None:
            self.purge_time = at
            self._changed(pb.AlertPurged(), at)

    def update(self, at: datetime, **named: Any) -> None:
        """Sets named fields that the pipeline found out (`asset_id`, `team_id`, `flapping`). Unchanged, nothing is told."""
        changed = {name: value for name, value in named.items() if getattr(self, name) != value}
        if not changed:
            return
        for name, value in changed.items():
            setattr(self, name, value)
        self._changed(pb.AlertUpdated(), at)

    def again(self, start_time: datetime, *, id: str, at: datetime) -> Self:  # noqa: A002 - as its field
        """The next episode of the same thing, of which a start was told before the end of this one."""
        kept = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in _OF_ONE_EPISODE}
        return type(self)(
            **kept,
            id=id,
            start_time=start_time,
            latest_start_time=start_time,
            last_time=at,
            create_time=at,
            update_time=at,
            outages=_out(self.kind, self.severity, start_time),
        )

    def _newest(self, signal: Signal) -> datetime:
        return max(self.latest_start_time, signal.start_time) if signal.start_known else self.latest_start_time

    def _count_outage(self, at: datetime) -> None:
        """Begins or ends an outage at an instant, if what the alert says of its asset is otherwise than it was."""
        lasts = bool(self.outages) and self.outages[-1].end_time is None
        if lasts and not self.is_down:
            began = self.outages[-1].start_time
            self.outages = [*self.outages[:-1], Outage(start_time=began, end_time=max(at, began))]
        elif self.is_down and not lasts:
            over = self.outages[-1].end_time if self.outages else None
            self.outages = _few([*self.outages, Outage(start_time=max(at, over or self.start_time))])

    def _open(self, verb: str) -> None:
        if not self.is_open:
            raise ForbiddenMove(self.state, verb, "it is over")

    def _changed(self, event: Event, at: datetime) -> None:
        self.update_time = at
        self.record(event)


_OF_ONE_EPISODE = frozenset(
    {
        "id",
        "version",
        "state",
        "incident_id",
        "start_time",
        "latest_start_time",
        "end_time",
        "last_time",
        "count",
        "route_time",
        "hold_until",
        "suppression",
        "ack_time",
        "acknowledged_by",
        "create_time",
        "update_time",
        "outages",
    }
)


def _out(kind: AlertKind, severity: Severity, at: datetime) -> list[Outage]:
    """The outage that lasts since an instant, where such an alert is about one."""
    return [Outage(start_time=at)] if kind is AlertKind.AVAILABILITY and severity in DOWN else []


def _few(outages: list[Outage]) -> list[Outage]:
    """No more than are kept: where there are, the two that are nearest to each other become one."""
    if len(outages) <= MOST_OUTAGES:
        return outages
    gaps = [after.start_time - (before.end_time or after.start_time) for before, after in pairwise(outages)]
    near = gaps.index(min(gaps))
    joined = Outage(start_time=outages[near].start_time, end_time=outages[near + 1].end_time)
    return [*outages[:near], joined, *outages[near + 2 :]]


def _text(signal: Signal) -> dict[str, Any]:
    """What a later signal may say otherwise."""
    labels = cut_entries(signal.labels)
    return {
        "severity": signal.severity,
        "title": cut(signal.title, TITLE).strip() or signal.fingerprint,
        "description": cut(signal.description, DESCRIPTION),
        "labels": labels,
        "annotations": cut_entries(signal.annotations, ENTRIES_BYTES - encoded(labels)),
        "generator_url": cut(signal.generator_url, VALUE),
    }


def _tags(labels: dict[str, str]) -> list[str]:
    return sorted(cut(f"{name}={value}", NAME) for name, value in labels.items())
