"""Builders for business time. Unless said: Mon-Fri 09:00-17:00 Europe/Berlin."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from services.incident.domain.calendar import WEEKDAYS, BusinessCalendar, Calendar, Weekday, Window

BERLIN = ZoneInfo("Europe/Berlin")


def local(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def a_calendar(*spans: tuple[str, str], days: tuple[Weekday, ...] = WEEKDAYS[:5], **fields: object) -> BusinessCalendar:
    windows = [Window(weekday=day, start=start, end=end) for day in days for start, end in spans or [("09:00", "17:00")]]
    return BusinessCalendar(Calendar(**{"id": "cal", "zone": "Europe/Berlin", "windows": windows} | fields))


OFFICE = a_calendar()


def day(name: str, time: str) -> datetime:
    """`day("Tue", "10:00")` in the week of Monday 2026-06-08; a `+` after the name is the week after."""
    at = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "Mon+", "Tue+"].index(name)
    return local(f"2026-06-{8 + at:02}T{time}")
