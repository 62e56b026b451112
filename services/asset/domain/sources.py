"""Several sources say what an asset is: whose word holds, and what becomes of the others'.

Each source has one statement on each attribute, its latest. Which one holds is computed from the statements alone, so it
does not matter in which order they came. Nothing said never replaces something said.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

MANUAL, AGENT, DISCOVERY, IMPORT = "manual", "agent", "discovery", "import"

# Machines know best what they are, people and books what they are for.
_TECHNICAL = (MANUAL, AGENT, DISCOVERY, IMPORT)
_ADMINISTRATIVE = (MANUAL, IMPORT, AGENT, DISCOVERY)

ADMINISTRATIVE = frozenset({"name", "class", "ownerId", "teamId", "location", "criticality", "cost"})
"""The asset's own fields that sources report, by their JSON names. No attribute may be called like one of them."""

LASTS = {MANUAL: timedelta(days=90), AGENT: timedelta(days=7), DISCOVERY: timedelta(days=7), IMPORT: timedelta(days=365)}
"""How long the word of a source that has fallen silent outranks those who still speak."""


@dataclass(slots=True, kw_only=True, frozen=True)
class Statement:
    """What a source last said of one attribute, and when."""

    source: str
    value: Any
    report_time: datetime

    @property
    def family(self) -> str:
        """`import` of `import:cmdb`."""
        return self.source.partition(":")[0]

    @property
    def weight(self) -> tuple[datetime, str, str]:
        """Orders statements of one rank; the value last, so that any two have an order."""
        return self.report_time, self.source, repr(self.value)

    def replaces(self, other: "Statement") -> bool:
        """Whether it is the later word of the same source."""
        return self.weight > other.weight


@dataclass(slots=True, kw_only=True)
class Provenance:
    """Who said a value that holds, and what others say instead."""

    source: str
    report_time: datetime
    others: list[Statement] = field(default_factory=list)


REMEMBERED = 20
"""Sources whose word is kept: of agents that come and go, the latest. A person's word is never among those that go."""


def heard(statements: Iterable[Statement], said: Statement) -> list[Statement]:
    """The statements with this one taken in: one a source, its latest."""
    latest = {each.source: each for each in statements}
    known = latest.get(said.source)
    if known is None or said.replaces(known):
        latest[said.source] = said
    newest = sorted(latest.values(), key=lambda each: each.weight, reverse=True)
    return sorted(newest, key=lambda each: each.source != MANUAL)[:REMEMBERED]


def ranked(name: str, statements: Sequence[Statement]) -> list[Statement]:
    """The one that holds first, then those of the others by their sources.

    Of those who have not fallen silent the highest source holds, of equal ones the latest. The latest of all never counts
    as silent.
    """
    now = max(each.report_time for each in statements)
    speaking = [each for each in statements if each.report_time + LASTS.get(each.family, timedelta()) >= now]
    holds = max(speaking, key=lambda each: (-_rank(name, each.family), each.weight))
    return [holds, *sorted((each for each in statements if each is not holds), key=lambda each: each.source)]


def _rank(name: str, family: str) -> int:
    order = _ADMINISTRATIVE if name in ADMINISTRATIVE else _TECHNICAL
    return order.index(family) if family in order else len(order)
