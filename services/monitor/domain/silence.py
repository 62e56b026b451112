"""Silences: by which labels alerts are kept from people, for how long, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from itsm.monitor import v1 as pb

from chassis.errors import Invalid
from services.monitor.domain import pattern
from services.monitor.domain.spell import Spell

MATCHERS = 20
LABEL_LENGTH = 200
VALUE_LENGTH = 1_000


class Operator(StrEnum):
    """How a value is compared: `=`, `!=`, `=~`, `!~`."""

    EQUAL = "EQUAL"
    NOT_EQUAL = "NOT_EQUAL"
    MATCHES = "MATCHES"
    NOT_MATCHES = "NOT_MATCHES"

    @property
    def is_pattern(self) -> bool:
        """Whether it compares with a pattern."""
        return self in (Operator.MATCHES, Operator.NOT_MATCHES)


@dataclass(slots=True, kw_only=True, frozen=True)
class Matcher:
    """A condition on one label. A label that an alert lacks counts as empty."""

    label: str
    operator: Operator = Operator.EQUAL
    value: str = ""

    def fits(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.label, "")
        equal = pattern.matches(self.value, value) if self.operator.is_pattern else value == self.value
        return equal is (self.operator in (Operator.EQUAL, Operator.MATCHES))

    def wrong_value(self) -> str | None:
        """Why its value is not taken; None when it is."""
        if self.operator.is_pattern:
            return pattern.wrong_pattern(self.value)
        return f"may have {VALUE_LENGTH} characters" if len(self.value) > VALUE_LENGTH else None


@dataclass(slots=True, kw_only=True)
class Silence(Spell):
    """Alerts that fit all matchers are suppressed while it lasts."""

    matchers: list[Matcher] = field(default_factory=list)

    @classmethod
    def made(cls, *, id: str, by: str, at: datetime, **given: Any) -> Self:  # noqa: A002 - as its field
        """A new silence, from now on when it names no start. Raises `Invalid`."""
        if given.get("end_time") is None:
            raise Invalid({"end_time": "must say when it ends"})
        given = {**given, "start_time": given.get("start_time") or at}
        silence = cls(id=id, creator_id=by, create_time=at, update_time=at, **given)
        silence.validate(at)
        silence.record(pb.SilenceCreated())
        return silence

    def edit(self, at: datetime, **fields: Any) -> None:
        """Changes named fields. Nothing changed, nothing is told. Raises `Invalid`; `ForbiddenMove` when it is over."""
        if self.change(at, fields):
            self.validate(at)
            self.record(pb.SilenceUpdated())

    def expire(self, at: datetime) -> None:
        """Ends it now. One that is over stays as it is."""
        if self.end(at):
            self.record(pb.SilenceExpired())

    def covers(self, labels: Mapping[str, str], at: datetime) -> bool:
        """Whether it keeps an alert with these labels from people at an instant."""
        return bool(self.matchers) and self.lasts(at) and all(matcher.fits(labels) for matcher in self.matchers)

    def validate(self, at: datetime) -> None:
        """Raises `Invalid`, naming the fields, for what it may not be at an instant."""
        if wrong := self.wrong_times(at) | wrong_matchers(self.matchers):
            raise Invalid(wrong)


def wrong_matchers(matchers: Sequence[Matcher], *, everything: bool = False) -> dict[str, str]:
    """What is wrong with conditions, by field. With `everything` they may fit every alert, or be none."""
    wrong: dict[str, str] = {}
    for index, matcher in enumerate(matchers):
        if not 0 < len(matcher.label) <= LABEL_LENGTH:
            wrong[f"matchers[{index}].label"] = f"needs 1 to {LABEL_LENGTH} characters"
        if why := matcher.wrong_value():
            wrong[f"matchers[{index}].value"] = why
    if len(matchers) > MATCHERS or not (matchers or everything):
        wrong["matchers"] = f"needs 1 to {MATCHERS}"
    elif not wrong and not everything and all(matcher.fits({}) for matcher in matchers):
        wrong["matchers"] = "would silence every alert: one must demand a value"
    return wrong
