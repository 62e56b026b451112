"""What the platform must say of a ServiceNow event log after importing it, computed from the log alone.

Standard library only, and nothing of the platform: an independent second opinion. Run it as
`python tests/support/servicenow_oracle.py LOG`; it prints the figures as JSON, durations in seconds.

How the log is read:

- Each row is one update of one incident and holds the values from then on. Rows count in the order of the file, which is the
  order of the audit. Neither of the columns that could order them is reliable: in four of the 890 incidents the first row
  carries a later `sys_mod_count` (INC0000130, 134, 135, 164), in one a later `sys_updated_at` (INC0000137).
- The group of an incident is the `assignment_group` of its last row; `?` is nobody, written as an empty text.
- An incident is resolved at `sys_updated_at` of the first row of its last uninterrupted run of Resolved and Closed rows, if
  that run reaches its last row. The column `resolved_at` is not used: it is unknown in some rows, is the same in all rows of
  an incident, whatever came after it, and names the last of several Resolved rows.
- Time to resolve runs from `opened_at` to there.
- Reopened and reassigned are the counters of the last row.
- Dates are day-month-year with minutes, in UTC.
"""

import csv
import json
import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

STATES = {
    "New": "NEW",
    "Active": "IN_PROGRESS",
    "Awaiting User Info": "ON_HOLD",
    "Awaiting Vendor": "ON_HOLD",
    "Awaiting Problem": "ON_HOLD",
    "Awaiting Evidence": "ON_HOLD",
    "Resolved": "RESOLVED",
    "Closed": "CLOSED",
}
OVER = ("Resolved", "Closed")

Row = dict[str, str]


def figures(lines: Iterable[str]) -> dict[str, object]:
    """Every figure of the log whose lines are given."""
    incidents: dict[str, list[Row]] = defaultdict(list)
    updates = 0
    for row in csv.DictReader(lines):
        incidents[row["number"]].append(row)
        updates += 1
    last = [rows[-1] for rows in incidents.values()]
    seconds: dict[str, list[float]] = defaultdict(list)
    for rows in incidents.values():
        resolved = resolved_at(rows)
        if resolved is not None:
            seconds[group(rows[-1])].append((resolved - date(rows[0]["opened_at"])).total_seconds())
    every = [value for values in seconds.values() for value in values]
    return {
        "incidents": len(incidents),
        "updates": updates,
        "by_state": dict(sorted(Counter(STATES[row["incident_state"]] for row in last).items())),
        "by_group": dict(sorted(Counter(group(row) for row in last).items())),
        "reopened": sum(int(row["reopen_count"]) > 0 for row in last),
        "reassigned": sum(int(row["reassignment_count"]) > 0 for row in last),
        "made_sla": {"with_verdict": sum(row["made_sla"] != "?" for row in last), "made": made(last)},
        "resolve": summary(every),
        "resolve_by_group": {name: summary(values) for name, values in sorted(seconds.items())},
    }


def open_at_midnight(lines: Iterable[str]) -> dict[str, int]:
    """How many incidents were open at each midnight, by its date; an incident is open from `opened_at` on.

    An update whose time is before that of an earlier row counts from the latest time so far.
    """
    incidents: dict[str, list[Row]] = defaultdict(list)
    for row in csv.DictReader(lines):
        incidents[row["number"]].append(row)
    found: Counter[str] = Counter()
    for rows in incidents.values():
        at = date(rows[0]["opened_at"])
        times, states = [at], ["New"]
        for row in rows:
            at = max(at, date(row["sys_updated_at"]))
            times.append(at)
            states.append(row["incident_state"])
        midnight = times[0].replace(hour=0, minute=0)
        while midnight <= times[-1]:
            held = [state for time, state in zip(times, states, strict=True) if time <= midnight]
            if held and held[-1] not in OVER:
                found[f"{midnight:%Y-%m-%d}"] += 1
            midnight += timedelta(days=1)
    return dict(sorted(found.items()))


def resolved_at(rows: list[Row]) -> datetime | None:
    """The first time of the last run of Resolved and Closed rows; None for an incident that is not over."""
    start = len(rows)
    while start and rows[start - 1]["incident_state"] in OVER:
        start -= 1
    return date(rows[start]["sys_updated_at"]) if start < len(rows) else None


def group(row: Row) -> str:
    """Who had it at last."""
    return "" if row["assignment_group"] == "?" else row["assignment_group"]


def made(last: list[Row]) -> int:
    """How many kept the service level, by the log's own verdict."""
    return sum(row["made_sla"] == "TRUE" for row in last)


def summary(values: list[float]) -> dict[str, float]:
    """Number, mean and median."""
    if not values:
        return {"count": 0}
    return {"count": len(values), "mean": statistics.fmean(values), "median": statistics.median(values)}


def date(text: str) -> datetime:
    """`29-02-2016 01:16`."""
    return datetime.strptime(text, "%d-%m-%Y %H:%M")  # noqa: DTZ007 - all are UTC, only differences are used


if __name__ == "__main__":
    with Path(sys.argv[1]).open(encoding="utf-8-sig", newline="") as log:
        sys.stdout.write(json.dumps(figures(log), indent=2) + "\n")
