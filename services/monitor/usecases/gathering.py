"""Gathers what concurrent requests bring into few transactions: while one batch is written, the next one fills.

The first request after a pause waits for nobody. Whoever handed signals in is answered when they are durable, and is told when
they are not.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from chassis import context as ctx
from chassis import telemetry
from chassis.context import Actor, Context, refuse_dry_run
from chassis.domain import uuid7
from chassis.errors import Unavailable
from services.monitor.domain.signal import Signal
from services.monitor.usecases.intake import LARGEST, Intake, Taken

_log = logging.getLogger(__name__)

MOST_WAITING = 20_000
"""Signals that wait in one process, of all tenants; beyond that senders are asked to come again."""
REST_SECONDS = 0.01
"""How long a line rests after a batch: those who were answered come again one by one, and are better taken together."""
_RETRY_AFTER = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class _Entry:
    signals: Sequence[Signal]
    done: asyncio.Future[None]
    trace: str
    time: datetime | None


class Gatherer:
    """One line of batches a tenant, so that a process never races with itself."""

    def __init__(self, intake: Intake, *, most_waiting: int = MOST_WAITING) -> None:
        self._intake = intake
        self._most_waiting = most_waiting
        self._waiting = 0
        self._queues: dict[str, deque[_Entry]] = {}
        self._lines: dict[str, asyncio.Task[None]] = {}

    async def hand_in(self, tenant: str, signals: Sequence[Signal], *, at: datetime | None = None) -> None:
        """Returns when all of them are durable; `at` is when they are to have come, where they are dated back.

        Raises `Unavailable` at once while too many wait, and when they could not be written; then some may have been, which a
        repetition of all of them does no harm to.
        """
        if not signals:
            return
        refuse_dry_run()  # what joins a line with others is written with them
        if self._waiting and self._waiting + len(signals) > self._most_waiting:
            raise Unavailable("more signals wait than can be kept here", _RETRY_AFTER, reason="OVERLOADED")
        entry = _Entry(signals, asyncio.get_running_loop().create_future(), telemetry.current_trace(), at)
        self._waiting += len(signals)
        self._queues.setdefault(tenant, deque()).append(entry)
        if tenant not in self._lines:
            self._lines[tenant] = asyncio.create_task(self._line(tenant))
        await entry.done

    async def _line(self, tenant: str) -> None:
        queue = self._queues[tenant]
        try:
            await asyncio.sleep(0)  # whoever has come at the same moment rides along
            while queue:
                await self._leave(tenant, _batch(queue))
                if _size(queue) < LARGEST:
                    await asyncio.sleep(REST_SECONDS)
        finally:
            self._waiting -= _size(queue)
            del self._queues[tenant], self._lines[tenant]

    async def _leave(self, tenant: str, entries: Sequence[_Entry]) -> None:
        """Takes the first of a line; they count as waiting until then, whether or not their clients still wait."""
        try:
            if wanted := [entry for entry in entries if not entry.done.done()]:
                await self._take(tenant, wanted)
        finally:
            self._waiting -= _size(entries)

    async def _take(self, tenant: str, entries: Sequence[_Entry]) -> None:
        actor, at = Actor(id="itsm-monitor", kind="service"), entries[0].time
        try:
            # Of several traces that meet in one transaction the first is told on.
            with ctx.use(Context(tenant=tenant, actor=actor, correlation_id=uuid7(), trace=entries[0].trace, time=at)):
                taken = await self._intake.take([signal for entry in entries for signal in entry.signals])
        except Unavailable as error:
            _settle(entries, error)
        except Exception as error:  # one request's signals must not be the end of the others'
            if len(entries) == 1:
                _log.exception("Signals could not be taken.")
                _settle(entries, error)
            for entry in entries if len(entries) > 1 else ():
                await self._take(tenant, [entry])
        else:
            _log.debug("Signals taken.", extra=_counted(taken))
            _settle(entries, None)


def _batch(queue: deque[_Entry]) -> list[_Entry]:
    """The first one, and those that fit beside it."""
    entries = [queue.popleft()]
    size = len(entries[0].signals)
    while queue and size + len(queue[0].signals) <= LARGEST and queue[0].time == entries[0].time:
        size += len(queue[0].signals)
        entries.append(queue.popleft())
    return entries


def _size(entries: Iterable[_Entry]) -> int:
    return sum(len(entry.signals) for entry in entries)


def _settle(entries: Sequence[_Entry], error: Exception | None) -> None:
    for entry in entries:
        if entry.done.done():  # its client has left
            continue
        if error is None:
            entry.done.set_result(None)
        else:
            entry.done.set_exception(error)


def _counted(taken: Taken) -> dict[str, int]:
    return {
        "opened": taken.opened,
        "repeated": taken.repeated,
        "resolved": taken.resolved,
        "ignored": taken.ignored,
    }
