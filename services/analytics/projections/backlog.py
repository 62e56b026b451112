"""What was open at each midnight (UTC), and how old was it? Counted from the facts, because the present state cannot tell.

An incident is open from its creation on; where the facts begin later, the first one says what is known of it until then.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from services.analytics.domain.facts import OPEN, Fact, State, next_midnight, order

BACKLOG = "backlog"

DAY = timedelta(days=1)
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
"""No midnight before it is counted: a record may name any year."""

AGES = ("0-1", "1-3", "3-7", "7-14", "14-30", ">30")
"""Days since creation; each includes its lower bound and excludes its upper one."""
BOUNDS = (1, 3, 7, 14, 30)
PAUSED = "paused "
SERIES = (*AGES, *(PAUSED + age for age in AGES))


class Cell(NamedTuple):
    """What is counted together: one midnight, one set of properties, one age, paused or not."""

    time: datetime
    team_id: str
    service_id: str
    priority: str
    category: str
    series: str


def series(age: timedelta, *, paused: bool) -> str:
    """The name of an age, `3-7`, or of the same on hold, `paused 3-7`."""
    name = AGES[sum(age >= bound * DAY for bound in BOUNDS)]
    return PAUSED + name if paused else name


def cells(facts: Iterable[Fact], first: datetime, last: datetime) -> Counter[Cell]:
    """Where one incident counts at the midnights from `first` to `last`, both included."""
    ordered = sorted(facts, key=order)
    begun = {**ordered[0], "state": State.NEW, "time": ordered[0]["create_time"]}
    counted: Counter[Cell] = Counter()
    steps = [begun, *ordered]
    until = last + DAY
    ends: list[datetime] = []
    # An imported history may name times that run backwards: what is said later holds from the latest time said so far.
    latest = begun["time"]
    for step in steps:
        latest = max(latest, step["time"])
        ends.append(latest)
    for step, start, end in zip(steps, ends, [*ends[1:], until], strict=True):
        if step["state"] not in OPEN or step.get("left"):
            continue
        at = max(next_midnight(start), first)
        while at < min(end, until):
            age = series(at - step["create_time"], paused=step["state"] == State.ON_HOLD)
            counted[Cell(at, step["team_id"], step["service_id"], step["priority"], step["category"], age)] += 1
            at += DAY
    return counted


def settled(facts: Iterable[Fact], first: datetime, last: datetime) -> Counter[Cell]:
    """Where one incident counts by those of its facts that have not come late.

    What is known of the time before its first fact is told by that fact. While it waits, the next one speaks for itself alone.
    """
    ordered = sorted(facts, key=order)
    known = [fact for fact in ordered if not fact.get("late")]
    if not known:
        return Counter()
    if known[0] is not ordered[0]:
        first = max(first, next_midnight(known[0]["time"]))
    return cells(known, first, last)


def change(facts: Iterable[Fact], last: datetime) -> Counter[Cell]:
    """What the late facts of one incident, of which `facts` are all, change at the midnights up to `last`."""
    known = list(facts)
    first = max(EARLIEST, next_midnight(min(min(fact["time"], fact["create_time"]) for fact in known)))
    changed = cells(known, first, last)
    changed.subtract(settled(known, first, last))
    return Counter({cell: count for cell, count in changed.items() if count})


def documents(tenant: str, counted: Counter[Cell]) -> dict[str, dict[str, Any]]:
    """The stored form: a document for each cell, by id."""
    return {(document := _document(tenant, cell, count))["_id"]: document for cell, count in counted.items()}


def _document(tenant: str, cell: Cell, count: int) -> dict[str, Any]:
    # Categories and teams are free text: their lengths keep two different cells from sharing an id.
    names = (cell.team_id, cell.service_id, cell.priority, cell.category)
    key = "|".join(f"{len(name)}:{name}" for name in names)
    return {"_id": f"{tenant}|{cell.time:%Y-%m-%d}|{key}|{cell.series}", "tenant": tenant, **cell._asdict(), "count": count}
