"""Time that somebody spent on a record, and what it cost."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import ClassVar

from itsm.incident import v1 as pb

from services.incident.domain.catalog import Money
from services.incident.domain.kept import Unnamed
from services.incident.domain.limits import ID
from services.incident.domain.moment import Act

SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=1)
DEAREST = Decimal(1_000_000)
_CENT, _HOUR, _AHEAD, _COMMENT = Decimal("0.01"), timedelta(hours=1), timedelta(minutes=5), 4_096
_CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(slots=True, kw_only=True)
class TimeEntry(Unnamed):
    """Somebody worked on a record for a while."""

    CREATED: ClassVar = pb.TimeEntryCreated
    UPDATED: ClassVar = pb.TimeEntryUpdated
    DELETED: ClassVar = pb.TimeEntryDeleted
    FIXED: ClassVar = frozenset({"about", "user_id"})

    about: str = ""
    user_id: str = ""
    duration: timedelta = timedelta(0)
    start_time: datetime | None = None
    comment: str = ""
    rate: Money | None = None
    cost: Money | None = None

    def check(self, now: Act) -> None:
        """See `Unnamed`: who, when and what it cost follow from the rest."""
        self.user_id = self.user_id or now.by
        Unnamed.check(self, now)
        self.start_time = self.start_time or now.at - self.duration
        self.cost = cost_of(self.duration, self.rate)

    def faults(self, now: Act) -> dict[str, str]:
        """See `Unnamed`."""
        wrong: dict[str, str] = {}
        if not SHORTEST <= self.duration <= LONGEST:
            wrong["duration"] = "must be a minute to 24 hours"
        elif self.start_time is not None and self.start_time > now.at + _AHEAD:
            wrong["start_time"] = "is in the future"
        if len(self.comment) > _COMMENT:
            wrong["comment"] = f"may have {_COMMENT} characters"
        if len(self.user_id) > ID:
            wrong["user_id"] = f"may have {ID} characters"
        if self.rate is not None and not _is_money(self.rate):
            wrong["rate"] = f"needs an amount of 0 to {DEAREST} and a currency of three capitals"
        return wrong


def cost_of(duration: timedelta, rate: Money | None) -> Money | None:
    """Duration times rate, to the cent, half a cent to the even one."""
    if rate is None:
        return None
    seconds = Decimal(duration // timedelta(milliseconds=1)) / 1000
    amount = seconds / Decimal(_HOUR.total_seconds()) * Decimal(rate.amount)
    return Money(amount=str(amount.quantize(_CENT, ROUND_HALF_EVEN)), currency=rate.currency)


def _is_money(money: Money) -> bool:
    try:
        amount = Decimal(money.amount)
    except InvalidOperation:
        return False
    return amount.is_finite() and 0 <= amount <= DEAREST and bool(_CURRENCY.fullmatch(money.currency))
