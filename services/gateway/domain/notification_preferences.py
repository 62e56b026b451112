"""How somebody wants to be told: in which language, by which ways, and when not to be disturbed."""

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from itsm.gateway import v1 as pb

from chassis.domain import Aggregate
from chassis.errors import Invalid
from services.gateway.domain.delivery import Channel
from services.gateway.domain.template import NAME, WAYS, wrong_locale

MOST_CHOICES = 100
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)


@dataclass(slots=True, kw_only=True)
class Choice:
    """By which ways one kind of notice comes; none at all to hear nothing of it."""

    template: str = ""
    channels: list[Channel] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class NotificationPreferences(Aggregate):
    """Of one person."""

    owner_id: str
    locale: str = ""
    time_zone: str = ""
    choices: list[Choice] = field(default_factory=list)
    quiet_from: str = ""
    quiet_until: str = ""
    create_time: datetime
    update_time: datetime

    @classmethod
    def of(cls, tenant: str, owner_id: str, at: datetime) -> Self:
        """What holds for somebody who never said anything."""
        return cls(id=preferences_id(tenant, owner_id), owner_id=owner_id, create_time=at, update_time=at)

    def edit(self, at: datetime, **fields: Any) -> None:
        """Changes named fields. Nothing changed, nothing is told. Raises `Invalid`."""
        fields = {name: value for name, value in fields.items() if getattr(self, name) != value}
        for name, value in fields.items():
            setattr(self, name, value)
        if fields:
            self.validate()
            self.update_time = at
            self.record(pb.NotificationPreferencesUpdated() if self.version else pb.NotificationPreferencesCreated())

    def ways(self, template: str, usual: Collection[Channel]) -> list[Channel]:
        """By which of the usual ways a kind of notice comes."""
        chosen = next((choice.channels for choice in self.choices if choice.template == template), None)
        return [channel for channel in usual if chosen is None or channel in chosen]

    def quiet_end(self, now: datetime) -> datetime | None:
        """When the quiet hours end that are now; None outside of them.

        A clock that is put forward or back moves their ends with it, as the hands of a clock on the wall.
        """
        if not self.quiet_from:
            return None
        local = now.astimezone(ZoneInfo(self.time_zone or "UTC"))
        begin, end = time.fromisoformat(self.quiet_from), time.fromisoformat(self.quiet_until)
        at = local.time().replace(tzinfo=None)
        inside = begin <= at < end if begin < end else at >= begin or at < end
        if not inside:
            return None
        day = local.date() if at < end else local.date() + timedelta(days=1)
        return datetime.combine(day, end, tzinfo=local.tzinfo).astimezone(now.tzinfo)

    def validate(self) -> None:
        """Raises `Invalid`, naming the fields."""
        wrong = {}
        if self.locale and (why := wrong_locale(self.locale)) is not None:
            wrong["locale"] = why
        if self.time_zone and not _known(self.time_zone):
            wrong["time_zone"] = "there is no such time zone; one is Europe/Berlin"
        for name in ("quiet_from", "quiet_until"):
            if (value := getattr(self, name)) and not _TIME.fullmatch(value):
                wrong[name] = "must be a time of the day such as 22:00"
        if bool(self.quiet_from) != bool(self.quiet_until) or (self.quiet_from and self.quiet_from == self.quiet_until):
            wrong["quiet_until"] = "needs both, and two different times"
        names = [choice.template for choice in self.choices]
        if len(names) > MOST_CHOICES or len(set(names)) < len(names) or not all(NAME.fullmatch(name) for name in names):
            wrong["choices"] = f"may have {MOST_CHOICES} at most, each for another kind of notice"
        elif any(not set(choice.channels) <= set(WAYS) for choice in self.choices):
            wrong["choices"] = f"each way is one of {', '.join(WAYS)}"
        if wrong:
            raise Invalid(wrong)


def preferences_id(tenant: str, owner_id: str) -> str:
    """The id of somebody's preferences."""
    about = "\x00".join((tenant, owner_id))
    return f"npf_{hashlib.blake2b(about.encode(), digest_size=16).hexdigest()}"


def _known(zone: str) -> bool:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # the latter two of names that are no names of files
        return False
    return True
