"""Histories of incidents as their service would tell them: messages, envelopes and records."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from itsm.incident import v1 as pb

from chassis import protojson
from chassis.domain import uuid7
from chassis.events.records import Record
from chassis.events.wire import Envelope, Source, headers_of

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
SOURCE = Source("local", "incident", 1)


def an_envelope(type_name: str, subject: str, *, version: int = 1, tenant: str = "main", at: datetime = START) -> Envelope:
    """What goes around an event of a record."""
    return Envelope(
        id=uuid7(),
        type=type_name,
        source=SOURCE.uri,
        subject=subject,
        tenant=tenant,
        key=f"{tenant}/{subject.partition('/')[2]}",
        version=version,
        epoch=1,
        time=at,
        actor="user-1",
        actor_kind="user",
        correlation_id="",
        causation_id="",
        trace="",
    )


@dataclass
class Told:
    """One event: its message and what goes around it."""

    message: Any
    envelope: Envelope

    def record(self, offset: int) -> Record:
        """As the broker would hand it out."""
        row = {
            "_id": self.envelope.id,
            "tenant": self.envelope.tenant,
            "key": self.envelope.record_id,
            "subject": self.envelope.subject,
            "version": self.envelope.version,
            "type": self.envelope.type,
            "time": self.envelope.time,
            "actor": {"id": "user-1", "kind": "user"},
        }
        key = self.envelope.key.encode()
        return Record("itsm.incident.v1", 0, offset, key, protojson.encode(self.message), headers_of(row, SOURCE))


@dataclass
class History:
    """One incident and what was told of it; every verb adds an event `after` the one before it."""

    id: str
    tenant: str = "main"
    at: datetime = START
    told: list[Told] = field(default_factory=list)
    incident: pb.Incident = field(default_factory=pb.Incident)

    def open(self, *, priority: str = "P3", team: str = "", service: str = "", category: str = "", **more: Any) -> "History":
        self.incident = pb.Incident(
            id=self.id,
            state="NEW",
            priority=priority,
            source=more.pop("source", "API"),
            team_id=team,
            service_id=service,
            category=category,
            create_time=self.at,
            **more,
        )
        return self._tell(pb.IncidentOpened(), timedelta())

    def clock(self, kind: str, state: str, *, target: timedelta = timedelta(hours=8), **more: Any) -> "History":
        """Sets the clock of a kind, told with the next event."""
        others = [clock for clock in self.incident.clocks if pb.Clock.Kind.Name(clock.kind) != kind]
        del self.incident.clocks[:]
        self.incident.clocks.extend([*others, pb.Clock(kind=kind, state=state, target=target, **more)])
        return self

    def assign(self, team: str, *, after: timedelta = timedelta(minutes=5), again: bool = False) -> "History":
        self.incident.team_id = team
        self.incident.reassignment_count += again
        if self.incident.state == pb.Incident.NEW:
            self.incident.state = pb.Incident.ASSIGNED
        return self._tell(pb.IncidentAssigned(reassigned=again), after)

    def start(self, *, after: timedelta = timedelta(minutes=5)) -> "History":
        self.incident.state = pb.Incident.IN_PROGRESS
        if not self.incident.HasField("acknowledge_time"):
            self.incident.acknowledge_time.FromDatetime(self.at + after)
        return self._tell(pb.IncidentStarted(), after)

    def hold(self, *, after: timedelta = timedelta(minutes=5)) -> "History":
        self.incident.state = pb.Incident.ON_HOLD
        self.incident.hold_reason = pb.Incident.VENDOR
        return self._tell(pb.IncidentHeld(reason="VENDOR"), after)

    def resolve(self, *, after: timedelta = timedelta(hours=1)) -> "History":
        self.incident.state = pb.Incident.RESOLVED
        self.incident.resolve_time.FromDatetime(self.at + after)
        return self._tell(pb.IncidentResolved(), after)

    def reopen(self, *, after: timedelta = timedelta(hours=1)) -> "History":
        self.incident.state = pb.Incident.IN_PROGRESS
        self.incident.reopen_count += 1
        return self._tell(pb.IncidentReopened(), after)

    def close(self, *, after: timedelta = timedelta(days=1)) -> "History":
        self.incident.state = pb.Incident.CLOSED
        self.incident.close_time.FromDatetime(self.at + after)
        return self._tell(pb.IncidentClosed(), after)

    def cancel(self, *, after: timedelta = timedelta(minutes=5)) -> "History":
        self.incident.state = pb.Incident.CANCELLED
        self.incident.close_time.FromDatetime(self.at + after)
        return self._tell(pb.IncidentCancelled(), after)

    def link(self, kind: str, target: str, *, after: timedelta = timedelta(minutes=5)) -> "History":
        self.incident.links.add(kind=kind, target=target)
        return self._tell(pb.IncidentLinked(), after)

    def update(self, *, after: timedelta = timedelta(minutes=5)) -> "History":
        return self._tell(pb.IncidentUpdated(), after)

    def _tell(self, message: Any, after: timedelta) -> "History":
        self.at += after
        message.incident.CopyFrom(self.incident)
        name = message.DESCRIPTOR.full_name
        envelope = an_envelope(name, f"incidents/{self.id}", version=len(self.told) + 1, tenant=self.tenant, at=self.at)
        self.told.append(Told(message, envelope))
        return self
