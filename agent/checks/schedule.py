"""When each check is due. A monotonic clock decides: a change of the system's time moves nothing."""

import random
from collections.abc import Mapping

from agent.checks.definition import Check

# A new check is looked at soon, but not together with all others.
_FIRST_LOOK = 5.0


class Schedule:
    """Checks and their next looks."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}
        self._due: dict[str, float] = {}

    @property
    def checks(self) -> Mapping[str, Check]:
        """By id."""
        return self._checks

    def replace(self, checks: Mapping[str, Check], now: float) -> set[str]:
        """From now on these. A check that is as it was keeps its time. Gives back the ids that are gone or changed."""
        gone = {id_ for id_, one in self._checks.items() if checks.get(id_) != one}
        for id_ in gone:
            del self._due[id_]
        for id_, one in checks.items():
            if id_ not in self._due:
                self._due[id_] = now + random.uniform(0, min(one.interval, _FIRST_LOOK))  # noqa: S311 - no secret
        self._checks = dict(checks)
        return gone

    def take_due(self, now: float) -> list[Check]:
        """Checks whose time has come; their next is a whole number of intervals later, so that no look is made up for."""
        found = []
        for id_, due in self._due.items():
            if due > now:
                continue
            one = self._checks[id_]
            found.append(one)
            missed = int((now - due) // one.interval)
            self._due[id_] = due + (missed + 1) * one.interval
        return found

    def next_due(self) -> float | None:
        """When the next look is, `None` if there is nothing to look at."""
        return min(self._due.values(), default=None)
