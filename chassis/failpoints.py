"""Named places in the code where a test stack kills, pauses or fails the process; nothing at all anywhere else.

The file that `ITSM_FAILPOINTS` names (development only, the settings see to that) is a JSON object, read at the start and
again whenever it changes: `{"R3": {"action": "kill"}, "incident/R6": {"action": "pause", "seconds": 20, "at": 5}}`. A name
may be narrowed to one service. `action` is `kill` (SIGKILL to the own process), `pause` (this task alone, for `seconds`)
or `error` (`Unavailable`). It happens at the visit number `at` since the file changed, 1 by default, and `times` times
from there, once by default.

    R1  gateway accepted a request        R6  relay published, before it clears `pending`
    R2  service received a call           R7  consumer received a batch
    R3  before a commit                   R8  effects of a batch decided, before their commit
    R4  after a commit, before the answer R9  after the commit of a batch
    R5  relay took up rows                R10 gateway pushed to an event stream

Fails: a file that is no such object counts as empty, with an error in the log; a process must not die of it by accident.
"""

import asyncio
import json
import logging
import os
import signal
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chassis.errors import Unavailable

_log = logging.getLogger(__name__)
_LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class _Order:
    action: str
    at: int
    times: int
    seconds: float


class Failpoints:
    """The failpoints of one process. Without a file every visit is one comparison."""

    __slots__ = ("_changed", "_file", "_looked", "_orders", "_service", "_visits")

    def __init__(self, service: str = "", file: Path | None = None) -> None:
        self._service, self._file = service, file
        self._looked = self._changed = 0.0
        self._orders: dict[str, _Order] = {}
        self._visits: Counter[str] = Counter()

    async def reached(self, name: str) -> None:
        """Does here what the file orders for `name`. Raises `Unavailable` where that is an error."""
        if self._file is None:
            return
        self._look(self._file)
        order = self._orders.get(name)
        if order is None:
            return
        self._visits[name] += 1
        if not order.at <= self._visits[name] < order.at + order.times:
            return
        _log.warning("Failpoint.", extra={"failpoint": name, "action": order.action})
        match order.action:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "pause":
                await asyncio.sleep(order.seconds)
            case _:
                raise Unavailable(f"the failpoint {name} was reached")

    def _look(self, file: Path) -> None:
        now = time.monotonic()
        if now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        try:
            changed = file.stat().st_mtime
        except FileNotFoundError:
            changed = 0.0
        if changed == self._changed:
            return
        self._changed = changed
        self._visits.clear()
        try:
            self._orders = self._parsed(json.loads(file.read_text() or "{}") if changed else {})
        except (ValueError, KeyError, TypeError, AttributeError, FileNotFoundError):
            _log.exception("The failpoint file cannot be understood.")
            self._orders = {}

    def _parsed(self, document: dict[str, dict[str, Any]]) -> dict[str, _Order]:
        orders = {}
        for name, order in document.items():
            service, _, point = name.rpartition("/")
            if service in ("", self._service):
                orders[point] = _Order(
                    order["action"], int(order.get("at", 1)), int(order.get("times", 1)), float(order.get("seconds", 0))
                )
        return orders


OFF = Failpoints()
"""For everybody who was given none."""
