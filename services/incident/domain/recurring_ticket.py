"""Incidents that are opened again and again: when, by a rule of RFC 5545 in the local time of a zone.

All occurrences are at one time of day. Where the clocks skip it, it is reached at the jump; where they show it twice, the
first time counts. A rule is looked ahead for thirty years: one that has nothing by then has nothing.

The calendar repeats itself after 400 years, weekdays too. Rules are asked in its last round, since the library looks for an
occurrence until the year 9999: for one that never comes in 400 years, not in 8,000.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil.rrule import rrule, rrulestr
from itsm.incident import v1 as pb

from chassis.errors import Invalid
from services.incident.domain.kept import Kept
from services.incident.domain.moment import Act

FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
PARTS = frozenset({"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS", "BYYEARDAY", "WKST"})
EARLIEST, HORIZON = datetime(2000, 1, 1), timedelta(days=30 * 366)  # noqa: DTZ001 - local times have no zone of their own
LATEST = timedelta(days=10 * 366)
_LATER = 19 * 400
MOST_COUNT, MOST_INTERVAL, MOST_EXCEPT, LONGEST_RULE = 10_000, 1_000, 366, 500
_WHEN = frozenset({"rule", "start", "zone", "except_dates", "active"})


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A rule that can be asked, in the last round of the calendar.

    `until` is the last local time, `count` how many there are with those that are left out.
    """

    rule: rrule
    start: datetime
    zone: ZoneInfo
    until: datetime | None
    count: int
    left_out: frozenset[date]

    def after(self, instant: datetime) -> Iterator[datetime]:
        """The instants after one, in their order."""
        horizon = max(self.start, instant.astimezone(self.zone).replace(tzinfo=None)) + HORIZON
        ending = min(horizon, self.until) if self.until is not None else horizon
        for number, local in enumerate(self._until(ending)):
            if self.count and number >= self.count:
                return
            if local.date() not in self.left_out and (at := instant_of(local, self.zone)) > instant:
                yield at

    def check(self) -> None:
        """Raises `Invalid` for a rule that never occurs."""
        if next(self._until(self.start + HORIZON), None) is None:
            raise Invalid({"rule": "never occurs"})

    def _until(self, ending: datetime) -> Iterator[datetime]:
        for later in self.rule.replace(until=ending.replace(year=ending.year + _LATER)):
            yield later.replace(year=later.year - _LATER)


def recurrence(rule: str, start: str, zone: str, except_dates: Sequence[str] = ()) -> Recurrence:
    """What these say together. Raises `Invalid`, naming the fields."""
    wrong: dict[str, str] = {}
    found_zone, found_start = ZoneInfo("UTC"), EARLIEST
    try:
        found_zone = ZoneInfo(zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):  # the latter two of names that are no names of files
        wrong["zone"] = "is no time zone"
    try:
        found_start = datetime.fromisoformat(start)
        if found_start.tzinfo is not None or not EARLIEST <= found_start <= datetime.now() + LATEST:  # noqa: DTZ005 - as above
            raise ValueError(start)
    except ValueError:
        wrong["start"] = "must be a local time such as 2026-12-01T09:00, from 2000 on and within ten years"
    left_out = set()
    try:
        left_out = {date.fromisoformat(each) for each in except_dates}
    except ValueError:
        wrong["except_dates"] = "needs dates such as 2026-12-24"
    if len(except_dates) > MOST_EXCEPT:
        wrong["except_dates"] = f"may name {MOST_EXCEPT} dates"
    parts = _parts(rule, wrong)
    if wrong:
        raise Invalid(wrong)
    until = _until(parts.pop("UNTIL", ""), found_zone, found_start)
    count = int(parts.pop("COUNT", "0"))
    try:
        text = ";".join(f"{name}={value}" for name, value in parts.items())
        made = rrulestr(text, dtstart=found_start.replace(year=found_start.year + _LATER))
        if not isinstance(made, rrule):
            raise TypeError(text)
    except (ValueError, TypeError, AttributeError, IndexError) as error:  # what the library makes of odd values
        raise Invalid({"rule": f"is no rule: {str(error)[:200]}"}) from None
    return Recurrence(made, found_start, found_zone, until, count, frozenset(left_out))


def _parts(rule: str, wrong: dict[str, str]) -> dict[str, str]:
    parts: dict[str, str] = {}
    for part in rule.upper().removeprefix("RRULE:").split(";"):
        name, _, value = part.strip().partition("=")
        if name not in PARTS or not value or name in parts:
            wrong["rule"] = f"needs parts NAME=VALUE, each once, of {', '.join(sorted(PARTS))}"
        parts[name] = value
    if len(rule) > LONGEST_RULE:
        wrong["rule"] = f"may have {LONGEST_RULE} characters"
    elif parts.get("FREQ") not in FREQUENCIES:
        wrong.setdefault("rule", f"needs FREQ, one of {', '.join(FREQUENCIES)}")
    elif {"COUNT", "UNTIL"} <= parts.keys():
        wrong.setdefault("rule", "ends by COUNT or by UNTIL, not by both")
    for name, most in (("COUNT", MOST_COUNT), ("INTERVAL", MOST_INTERVAL)):
        value = parts.get(name, "1")
        if not (value.isascii() and value.isdigit() and 1 <= int(value[:9]) <= most):
            wrong.setdefault("rule", f"{name} must be 1 to {most}")
    if (until := parts.get("UNTIL")) and _until_text(until) is None:
        wrong.setdefault("rule", "UNTIL must be such as 20261231 or 20261231T090000")
    return parts


def _until_text(text: str) -> datetime | None:
    for form in ("%Y%m%d", "%Y%m%dT%H%M%S", "%Y%m%dT%H%M%SZ"):
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - local, or made so
        except ValueError:
            continue
    return None


def _until(text: str, zone: ZoneInfo, start: datetime) -> datetime | None:
    """The last local time; a day means all of it, and what is said in UTC is meant in UTC."""
    found = _until_text(text) if text else None
    if found is None:
        return None
    if text.endswith("Z"):
        return found.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)
    return found if "T" in text else max(datetime.combine(found.date(), start.time()), found)


def instant_of(local: datetime, zone: ZoneInfo) -> datetime:
    """The first instant at which the wall clock of a zone shows a time, or has gone over it."""
    at = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if at.astimezone(zone).replace(tzinfo=None) == local:
        return at
    before, after = at - timedelta(hours=26), at
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        if middle.astimezone(zone).replace(tzinfo=None) >= local:
            after = middle
        else:
            before = middle
    return after.replace(microsecond=0)


@dataclass(slots=True, kw_only=True)
class RecurringTicket(Kept):
    """When incidents are opened, and from which template. `next_time` is what its timer goes by."""

    CREATED: ClassVar = pb.RecurringTicketCreated
    UPDATED: ClassVar = pb.RecurringTicketUpdated
    DELETED: ClassVar = pb.RecurringTicketDeleted

    rule: str = ""
    start: str = ""
    zone: str = "UTC"
    except_dates: list[str] = field(default_factory=list)
    template_id: str = ""
    active: bool = True
    next_time: datetime | None = None
    count: int = 0
    last_incident_id: str = ""
    fault: str = ""

    @classmethod
    def made(cls, now: Act, *, id: str, **given: Any) -> Self:  # noqa: A002 - as its field
        """See `Kept`; what is to come begins now."""
        made = super(RecurringTicket, cls).made(now, id=id, **given)
        made.plan(now.at)
        return made

    def edit(self, now: Act, **fields: Any) -> None:
        """See `Kept`; where it says when anew, what is still to come begins now. Else what is due stays due."""
        anew = any(getattr(self, name) != fields[name] for name in _WHEN & fields.keys())
        Kept.edit(self, now, **fields)
        if anew:
            self.plan(now.at)

    def check(self, now: Act) -> None:
        """See `Kept`."""
        Kept.check(self, now)
        recurrence(self.rule, self.start, self.zone, self.except_dates).check()

    def delete(self, now: Act) -> None:
        """See `Kept`."""
        self.next_time = None
        Kept.delete(self, now)

    def opened(self, now: Act, incident_id: str, fault: str = "") -> None:
        """What was due opened an incident, or none for a `fault`. One for all that was missed: what is to come begins now."""
        if self.next_time is None:
            raise ValueError("nothing was due")
        self.plan(max(self.next_time, now.at))
        self.count += not fault
        self.last_incident_id, self.fault, self.update_time = incident_id or self.last_incident_id, fault[:500], now.at
        self.record(pb.RecurringTicketOpened())

    def plan(self, after: datetime) -> None:
        """Says when it is due next, after an instant."""
        when = recurrence(self.rule, self.start, self.zone, self.except_dates)
        self.next_time = next(when.after(after), None) if self.active else None
