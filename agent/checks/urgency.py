"""Which results may wait for company: those that say what the one before said, once the platform has made up its mind."""

from collections.abc import Iterable
from dataclasses import dataclass

from agent.checks.definition import Check
from agent.checks.looking import Result


@dataclass(slots=True)
class _Seen:
    level: int
    times: int


class Urgency:
    """Remembers the last level of each check."""

    def __init__(self, combine: float) -> None:
        self._combine = combine
        self._seen: dict[str, _Seen] = {}

    def wait(self, check: Check, result: Result) -> float:
        """Seconds that this result may wait; 0 for one that differs, and for those that confirm it."""
        seen = self._seen.get(check.id)
        if seen is None or seen.level != result.level:
            self._seen[check.id] = _Seen(result.level, 1)
            return 0.0
        seen.times += 1
        # A result that is later than its interval by much is taken for a silent agent.
        return 0.0 if seen.times <= check.confirm else min(self._combine, check.interval)

    def forget(self, ids: Iterable[str]) -> None:
        """These checks are no more, or are others now."""
        for id_ in ids:
            self._seen.pop(id_, None)
