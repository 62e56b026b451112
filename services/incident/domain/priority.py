"""Impact and urgency make a priority, by a matrix with a version.

Impact comes from the service side (criticality, people hit), urgency from the requester; the priority is computed and
nobody types it. An incident stores the matrix version it was ranked with, so a later matrix does not rewrite history:
a published version is never edited, a changed matrix is a new version.
"""

from enum import StrEnum
from typing import TypeVar


class Impact(StrEnum):
    """How much of the business is hit."""

    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"


class Urgency(StrEnum):
    """How soon the hit becomes unbearable."""

    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"


class Priority(StrEnum):
    """P1 is the most pressing. Sort by `ordinal`, show `label`: a low number meaning high is easily sorted the wrong way."""

    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"
    P5 = "P5"

    @property
    def ordinal(self) -> int:
        """1 for the most pressing to 5 for the least."""
        return int(self.value[1:])

    @property
    def label(self) -> str:
        return LABELS[self]


LABELS = {
    Priority.P1: "critical",
    Priority.P2: "high",
    Priority.P3: "moderate",
    Priority.P4: "low",
    Priority.P5: "planning",
}

Matrix = dict[Impact, dict[Urgency, Priority]]

_BASE: Matrix = {
    Impact.HIGH: {Urgency.HIGH: Priority.P1, Urgency.MEDIUM: Priority.P2, Urgency.LOW: Priority.P3},
    Impact.MEDIUM: {Urgency.HIGH: Priority.P2, Urgency.MEDIUM: Priority.P3, Urgency.LOW: Priority.P4},
    Impact.LOW: {Urgency.HIGH: Priority.P3, Urgency.MEDIUM: Priority.P4, Urgency.LOW: Priority.P5},
}

MATRICES: dict[int, Matrix] = {1: _BASE}
"""Every matrix ever in force, by version. Version 1 is the base that ServiceNow ships."""

MATRIX_VERSION = max(MATRICES)
"""The version that ranks new incidents."""


def prioritize(impact: Impact, urgency: Urgency, version: int = MATRIX_VERSION) -> Priority:
    """The priority of an incident by the matrix of that version. Raises KeyError for a version that never was."""
    return MATRICES[version][impact][urgency]


_WEIGHTS = ("LOW", "MEDIUM", "HIGH")
L = TypeVar("L", Impact, Urgency)


def heavier(one: L, other: L) -> L:
    """The larger of two impacts or urgencies: what is found out later never makes an incident lighter."""
    return max(one, other, key=lambda level: _WEIGHTS.index(level.value))
