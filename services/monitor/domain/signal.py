"""A signal: the one thing that the alert pipeline takes. A webhook, a check and a rule all become signals.

What is longer than a record should be is cut here, never refused: its sender could do nothing about it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

TITLE, DESCRIPTION, VALUE, NAME, ENTRIES = 250, 8_000, 2_000, 200, 64
"""The most characters of a title, a description, a label's value and its name, and the most labels or annotations."""
ENTRIES_BYTES = 96 * 1024
"""The most that labels and annotations take together as JSON: an event holds them thrice at worst, now, before and after."""


class Status(StrEnum):
    """What a signal says."""

    FIRING = "FIRING"
    RESOLVED = "RESOLVED"


class Severity(StrEnum):
    """How bad it is, the worst first."""

    CRITICAL = "CRITICAL"
    ERROR = "ERROR"
    WARNING = "WARNING"
    INFO = "INFO"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return _RANKS[self]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class AlertKind(StrEnum):
    """What an alert says of its asset: it is not there, a figure is beyond its limit, something happened."""

    AVAILABILITY = "AVAILABILITY"
    THRESHOLD = "THRESHOLD"
    EVENT = "EVENT"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetHint:
    """What a sender says of the asset: its id here, or names and addresses by which it may be found, the best first.

    `fallback_id` is the asset where nothing of that finds one.
    """

    asset_id: str = ""
    names: tuple[str, ...] = ()
    fallback_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One message about one fingerprint. Instants are the sender's own.

    Where the sender named no start, `start_known` is False and the start is when the signal came. `expire_time` of a firing
    signal is when the alert counts as over unless another one comes; None: only a signal ends it. `end_time` belongs to a
    resolved one. `severity_time` is since when it is as bad as it says; None: since the start, or, where it was less or more
    bad before, since that is told. `team_id` is for an asset that has no team. An empty `group_key` is the fingerprint.
    """

    fingerprint: str
    status: Status
    severity: Severity = Severity.WARNING
    title: str
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    kind: AlertKind = AlertKind.EVENT
    source: str
    integration_id: str = ""
    check_id: str = ""
    asset_hint: AssetHint = field(default_factory=AssetHint)
    team_id: str = ""
    severity_time: datetime | None = None
    start_time: datetime
    start_known: bool = True
    end_time: datetime | None = None
    expire_time: datetime | None = None
    generator_url: str = ""
    group_key: str = ""


def cut(text: str, most: int) -> str:
    """The text, shortened with a mark where it is longer than `most` characters. Characters that cannot be kept go."""
    text = text.replace("\x00", "")
    return text if len(text) <= most else f"{text[: most - 1]}…"


def cut_entries(entries: Mapping[str, str], room: int = ENTRIES_BYTES) -> dict[str, str]:
    """Labels or annotations within their limits: the first ones by name, so that all senders of one cut alike.

    Of those that take more than `room` bytes together the largest go.
    """
    if len(entries) > ENTRIES:
        entries = dict(sorted(entries.items())[:ENTRIES])
    kept = {cut(name, NAME): cut(value, VALUE) for name, value in entries.items()}
    excess = encoded(kept) - room
    for name, value in sorted(kept.items(), key=lambda entry: (-encoded(dict([entry])), entry)):
        if excess <= 0:
            break
        excess -= encoded({name: value})
        del kept[name]
    return kept


def encoded(entries: Mapping[str, str]) -> int:
    """How many bytes entries take as JSON, at most."""
    return sum(
        len(json.dumps(text, ensure_ascii=False).encode(errors="replace")) + 1 for entry in entries.items() for text in entry
    )
