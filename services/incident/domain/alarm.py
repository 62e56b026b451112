"""An alert as the service desk sees it: how grave it is, and what an incident remembers of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.incident.domain.priority import Impact, Urgency

CLEARED_CODE = "ALERT_CLEARED"
CLEARED_TEXT = "All alerts of this incident have cleared."
RETURNED_TEXT = "Its alert fired again."


class Severity(StrEnum):
    """How bad the monitoring says it is."""

    CRITICAL = "CRITICAL"
    ERROR = "ERROR"
    WARNING = "WARNING"
    INFO = "INFO"


class Criticality(StrEnum):
    """How much hangs on an asset."""

    CRITICAL = "CRITICAL"
    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """An alert that people should know of. `key` says which alerts belong to one incident."""

    id: str
    key: str
    title: str
    description: str
    severity: Severity
    asset_id: str
    team_id: str
    start_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the service desk knows of an asset."""

    team_id: str = ""
    criticality: Criticality | None = None


_URGENCY: Mapping[Severity, Urgency] = {
    Severity.CRITICAL: Urgency.HIGH,
    Severity.ERROR: Urgency.MEDIUM,
    Severity.WARNING: Urgency.LOW,
    Severity.INFO: Urgency.LOW,
}
_IMPACT: Mapping[Criticality, Impact] = {
    Criticality.CRITICAL: Impact.HIGH,
    Criticality.HIGH: Impact.HIGH,
    Criticality.MEDIUM: Impact.MEDIUM,
    Criticality.LOW: Impact.LOW,
}


def urgency(severity: Severity) -> Urgency:
    """How soon somebody has to look, from how bad it is."""
    return _URGENCY[severity]


def impact(criticality: Criticality | None) -> Impact:
    """How much of the business is hit, from how much hangs on what is broken; in the middle where nobody said."""
    return Impact.MEDIUM if criticality is None else _IMPACT[criticality]
