"""Runs the checks that the platform wants from this agent, also while the platform is away."""

import asyncio
import json
import logging
from typing import Any

from agent.buffer import RESULTS, Buffer
from agent.checks.definition import Check, known
from agent.checks.looking import Looker, Result, unknown
from agent.checks.schedule import Schedule
from agent.checks.urgency import Urgency
from agent.client import Client, KeyRejected, Later, Refused
from agent.delivery import Lane
from agent.membership import Membership
from agent.threads import look
from agent.times import Backoff, spread

_log = logging.getLogger(__name__)

_FACT = "checks"


class Watching:
    """Fetches definitions, keeps them over a restart, looks when each is due, and hands results to the buffer."""

    def __init__(
        self,
        client: Client,
        membership: Membership,
        buffer: Buffer,
        lane: Lane,
        looker: Looker,
        *,
        every: float,
        combine: float,
    ) -> None:
        self._client = client
        self._membership = membership
        self._buffer = buffer
        self._lane = lane
        self._looker = looker
        self._every = every
        self._schedule = Schedule()
        self._urgency = Urgency(combine)
        self._changed = asyncio.Event()
        self._looking: set[str] = set()
        self._listed: list[dict[str, Any]] = []

    async def follow(self) -> None:
        """Keeps the definitions up to date, for ever."""
        self._use(self._buffer.fact(_FACT) or [])
        backoff = Backoff(longest=60)
        while True:
            wait = spread(self._every, least=0.8, most=1.2)
            try:
                await self.fetch()
                backoff.succeeded()
            except Later as error:
                _log.debug("the checks are as before: %s", error)
                wait = backoff.wait(error.wait)
            except Refused as error:
                _log.warning("the platform does not tell the checks: %s", error)
                wait = backoff.wait()
            await asyncio.sleep(wait)

    async def fetch(self) -> None:
        """The definitions of now. Raises `Later` and `Refused`."""
        identity = await self._membership.ready()
        try:
            listed = await self._client.checks(identity.key)
        except KeyRejected as error:
            await self._membership.rejected(identity)
            raise Later(str(error)) from error
        told = sorted((_definition(one) for one in listed), key=lambda one: str(one.get("id")))
        if told != self._listed:
            self._buffer.remember(**{_FACT: told})
            self._use(told)

    async def run(self) -> None:
        """Looks when it is time, for ever."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as looks:
            while True:
                for check in self._schedule.take_due(loop.time()):
                    looks.create_task(self.look(check))
                due = self._schedule.next_due()
                self._changed.clear()
                try:
                    async with asyncio.timeout(None if due is None else max(0.0, due - loop.time())):
                        await self._changed.wait()
                except TimeoutError:
                    continue

    async def look_at_all(self) -> None:
        """One look at every check."""
        await asyncio.gather(*(self.look(check) for check in self._schedule.checks.values()))

    async def look(self, check: Check) -> None:
        """One look; its result goes to the buffer."""
        result = await self._result(check)
        self._buffer.add(RESULTS, [json.dumps(result.told(), separators=(",", ":")).encode()])
        self._lane.ask(self._urgency.wait(check, result))

    async def _result(self, check: Check) -> Result:
        began = self._looker.now()
        if check.id in self._looking:
            return unknown(check, began, "the look before has not ended")
        self._looking.add(check.id)

        def one() -> Result:
            try:
                return self._looker.look(check)
            finally:
                self._looking.discard(check.id)

        try:
            return await look(one, timeout=check.timeout)
        except TimeoutError:
            return unknown(check, began, f"no answer within {check.timeout:g} s")

    def _use(self, listed: list[dict[str, Any]]) -> None:
        self._listed = listed
        checks, problems = known(listed)
        for problem in problems:
            _log.warning("%s", problem)
        gone = self._schedule.replace(checks, asyncio.get_running_loop().time())
        self._looker.forget(gone)
        self._urgency.forget(gone)
        self._changed.set()


def _definition(told: dict[str, Any]) -> dict[str, Any]:
    """The part of a check that says what to do; the rest changes with every result."""
    names = ("id", "kind", "target", "interval", "timeout", "process", "limits", "raiseAfter", "clearAfter", "enabled")
    return {name: told[name] for name in names if name in told}
