"""How much may go wrong with a change: a sum of points, each with its reason, so that nobody has to believe a number.

Beside what people answer it counts the reach and what became of the changes before it: the share of those that failed or were
taken back among the last ones of the same services. The points are ours; 100 is the most.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from services.incident.domain.priority import Impact

MEDIUM_FROM, HIGH_FROM = 35, 60
WIDE = 10
"""More assets than this are a wide reach."""


class Risk(StrEnum):
    """How much may go wrong."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"


@dataclass(slots=True, kw_only=True, frozen=True)
class Questions:
    """What people answer; not said counts as the worse answer, but for the outage that nobody announces."""

    impact: Impact = Impact.MEDIUM
    tested: bool = False
    back_out_tested: bool = False
    routine: bool = False
    outage: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """How many changes of the same services ended lately, and how many of them badly."""

    ended: int = 0
    bad: int = 0


_IMPACT = {Impact.HIGH: 30, Impact.MEDIUM: 15, Impact.LOW: 0}
_FEWEST = 5  # changes before which a share says nothing


def weigh(questions: Questions, assets: int, services: int, record: Record) -> tuple[Risk, int, list[str]]:
    """The risk, its points and what they are made of."""
    points = [
        (_IMPACT[questions.impact], f"the impact is {questions.impact.lower()}"),
        (0 if questions.tested else 15, "it was not tried before"),
        (0 if questions.back_out_tested else 15, "taking it back was not tried"),
        (0 if questions.routine else 10, "it was never made before"),
        (10 if questions.outage else 0, "people cannot work meanwhile"),
        *_reach(assets, services),
        *_history(record),
    ]
    score = sum(each for each, _ in points)
    reasons = [f"{each}: {why}" for each, why in points if each]
    return Risk.HIGH if score >= HIGH_FROM else Risk.MEDIUM if score >= MEDIUM_FROM else Risk.LOW, score, reasons


def _reach(assets: int, services: int) -> Sequence[tuple[int, str]]:
    return (
        (5 if assets > WIDE else 0, f"it alters {assets} assets"),
        (5 if services > 1 else 0, f"{services} services may suffer"),
    )


def _history(record: Record) -> Sequence[tuple[int, str]]:
    if record.ended < _FEWEST:
        return ()
    return ((round(10 * record.bad / record.ended), f"{record.bad} of the last {record.ended} changes there went wrong"),)
