"""The integration: a sender of signals, and how what it sends is read. Its key is a token of the auth service."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from itsm.monitor import v1 as pb

from chassis.domain import Aggregate, Event
from chassis.errors import Invalid
from services.monitor.domain.signal import NAME, Severity

SEVERITY_LABEL = "severity"
_LABELS, _WORDS = 20, 50
_PLAIN = ("name", "key_id", "severity_label", "team_id", "asset_id")


class IntegrationKind(StrEnum):
    """What sends."""

    ALERTMANAGER = "ALERTMANAGER"
    PROMETHEUS = "PROMETHEUS"
    GRAFANA = "GRAFANA"
    OPENTELEMETRY = "OPENTELEMETRY"
    OTHER = "OTHER"


class IntegrationState(StrEnum):
    """Whether it is listened to."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"


@dataclass(slots=True, kw_only=True)
class Integration(Aggregate):
    """A sender. `severities` holds words of its severity label in lower case."""

    name: str
    kind: IntegrationKind
    state: IntegrationState = IntegrationState.ENABLED
    key_id: str = ""
    group_by: list[str] = field(default_factory=list)
    severity_label: str = SEVERITY_LABEL
    severities: dict[str, Severity] = field(default_factory=dict)
    team_id: str = ""
    asset_id: str = ""
    create_time: datetime
    update_time: datetime

    @classmethod
    def create(cls, at: datetime, *, id: str, **given: Any) -> Self:  # noqa: A002 - as its field
        """A new one, listened to. Raises `Invalid` for fields beyond their limits."""
        integration = cls(id=id, create_time=at, update_time=at, **_checked(given))
        integration.severity_label = integration.severity_label or SEVERITY_LABEL
        integration._changed(pb.IntegrationCreated(), at)
        return integration

    def edit(self, at: datetime, **given: Any) -> None:
        """Changes named fields. Nothing changed, nothing is told."""
        given = {name: value for name, value in _checked(given).items() if getattr(self, name) != value}
        if not given:
            return
        for name, value in given.items():
            setattr(self, name, value)
        self.severity_label = self.severity_label or SEVERITY_LABEL
        self._changed(pb.IntegrationUpdated(), at)

    def disable(self, at: datetime) -> None:
        """No longer listens to it; again changes nothing."""
        if self.state is IntegrationState.ENABLED:
            self.state = IntegrationState.DISABLED
            self._changed(pb.IntegrationDisabled(), at)

    def enable(self, at: datetime) -> None:
        """Listens to it again; again changes nothing."""
        if self.state is IntegrationState.DISABLED:
            self.state = IntegrationState.ENABLED
            self._changed(pb.IntegrationEnabled(), at)

    def _changed(self, event: Event, at: datetime) -> None:
        self.update_time = at
        self.record(event)


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    violations = {name: f"may have {NAME} characters at most" for name in _PLAIN if len(given.get(name, "")) > NAME}
    if "name" in given and not given["name"].strip():
        violations["name"] = "must not be empty"
    labels, words = given.get("group_by", []), given.get("severities", {})
    if len(labels) > _LABELS or any(not 0 < len(label) <= NAME for label in labels):
        violations["group_by"] = f"{_LABELS} labels at most, of 1 to {NAME} characters"
    if len(words) > _WORDS or any(not 0 < len(word) <= NAME for word in words):
        violations["severities"] = f"{_WORDS} words at most, of 1 to {NAME} characters"
    if violations:
        raise Invalid(violations)
    if words:
        given = {**given, "severities": {word.lower(): severity for word, severity in words.items()}}
    return given
