"""From the buffer to the platform: a lane each for samples, results and the inventory, so that none waits for another.

What is delivered is removed only afterwards. A death in between sends it once more, which the platform takes as the same:
results and samples by their times, reports of the inventory by theirs.
"""

import asyncio
import json
import logging
import math
import sqlite3
from collections.abc import Callable, Mapping, Sequence

from agent import otlp
from agent.buffer import RESULTS, SAMPLES, Buffer, Kept, Section
from agent.client import Client, KeyRejected, Later, Refused
from agent.identity import Identity
from agent.inventory import pieces, report
from agent.membership import Membership
from agent.times import Backoff

_log = logging.getLogger(__name__)

_MOST_RESULTS, _MOST_SAMPLES = 500, 120
_KEY_WAIT = 30.0
_REPORT_SIZE = 600_000
"""Bytes of JSON; the platform takes requests of a mebibyte."""


class Lane:
    """Delivers one kind of thing, in order. Subclasses say what a batch is."""

    name = ""

    def __init__(self, membership: Membership) -> None:
        self._membership = membership
        self._backoff = Backoff()
        self._due = math.inf
        self._asked = asyncio.Event()
        self._failing = False

    def ask(self, wait: float = 0.0) -> None:
        """There is something to deliver, within so many seconds."""
        due = asyncio.get_running_loop().time() + wait
        if due < self._due:
            self._due = due
            self._asked.set()

    async def run(self) -> None:
        """Delivers for ever what is asked for, waiting longer and longer while that fails."""
        while True:
            await self._until_due()
            self._due = math.inf
            wait = await self._rounds()
            if wait is not None:
                await asyncio.sleep(wait)
                self.ask()

    async def _rounds(self) -> float | None:
        """Delivers until nothing is left; says how long to wait when that fails."""
        try:
            await self.flush()
        except Later as error:
            self._tell(str(error))
            return self._backoff.wait(error.wait)
        except sqlite3.OperationalError as error:
            self._tell(f"the buffer cannot be used: {error}")
            return self._backoff.wait()
        if self._failing:
            _log.info("%s are delivered again", self.name)
        self._failing = False
        self._backoff.succeeded()
        return None

    async def flush(self) -> None:
        """Delivers all that waits. Raises `Later`."""
        more = True
        while more:
            identity = await self._membership.ready()
            try:
                more = await self.deliver(identity)
            except KeyRejected as error:
                _log.warning("the platform does not know our key: %s", error)
                await self._membership.rejected(identity)

    async def deliver(self, identity: Identity) -> bool:
        """Delivers a batch; says whether more waits. Raises `Later` and `KeyRejected`."""
        raise NotImplementedError

    async def _until_due(self) -> None:
        loop = asyncio.get_running_loop()
        while (left := self._due - loop.time()) > 0:
            self._asked.clear()
            try:
                async with asyncio.timeout(None if left == math.inf else left):
                    await self._asked.wait()
            except TimeoutError:
                return

    def _tell(self, message: str) -> None:
        """Loud at the first failure in a row, quiet at the others."""
        _log.log(logging.DEBUG if self._failing else logging.WARNING, "%s wait: %s", self.name, message)
        self._failing = True


class ShelfLane(Lane):
    """Delivers a shelf of the buffer in batches, the oldest first."""

    shelf = ""
    most = 1

    def __init__(self, membership: Membership, buffer: Buffer) -> None:
        super().__init__(membership)
        self._buffer = buffer
        self._limit = self.most

    async def deliver(self, identity: Identity) -> bool:
        """One batch. What is refused for good is cut in halves until the entry at fault is alone, which is dropped."""
        entries = self._buffer.oldest(self.shelf, self._limit)
        if not entries:
            return False
        try:
            await self.send(identity, entries)
        except Refused as error:
            if len(entries) > 1:
                self._limit = max(1, len(entries) // 2)
                return True
            _log.error("one of the %s is refused and dropped: %s", self.name, error)
        self._buffer.remove(self.shelf, entries)
        self._limit = min(self.most, self._limit * 2)
        return self._buffer.waiting(self.shelf) > 0

    async def send(self, identity: Identity, entries: Sequence[Kept]) -> None:
        """Sends these. Raises `Later`, `Refused`, `KeyRejected`."""
        raise NotImplementedError


class ResultsLane(ShelfLane):
    """Results of checks."""

    name = "results"
    shelf = RESULTS
    most = _MOST_RESULTS

    def __init__(self, membership: Membership, buffer: Buffer, client: Client) -> None:
        super().__init__(membership, buffer)
        self._client = client

    async def send(self, identity: Identity, entries: Sequence[Kept]) -> None:
        """Tells results; single ones that the platform refuses are logged, and done with."""
        for one in await self._client.report_checks(identity.key, [json.loads(entry.body) for entry in entries]):
            _log.info("a result of %s is refused: %s", one.get("checkId"), one.get("reason"))


class SamplesLane(ShelfLane):
    """Samples of the host; `resource` says whose they are, asked when they are sent."""

    name = "samples"
    shelf = SAMPLES
    most = _MOST_SAMPLES

    def __init__(
        self, membership: Membership, buffer: Buffer, client: Client, resource: Callable[[], Mapping[str, str]]
    ) -> None:
        super().__init__(membership, buffer)
        self._client = client
        self._resource = resource

    async def send(self, identity: Identity, entries: Sequence[Kept]) -> None:
        """Sends samples as one request."""
        body = otlp.request([entry.body for entry in entries], self._resource())
        try:
            await self._client.send_metrics(identity.key, body)
        except KeyRejected as error:
            # Whether the key is worth anything is for the platform itself to say, whom the other lanes ask all the time.
            raise Later(str(error), _KEY_WAIT) from error


class InventoryLane(Lane):
    """Sections of the inventory; `wanted` hears when the platform asks for all of them."""

    name = "reports"

    def __init__(
        self, membership: Membership, buffer: Buffer, client: Client, *, version: str, wanted: Callable[[], None]
    ) -> None:
        super().__init__(membership)
        self._buffer = buffer
        self._client = client
        self._version = version
        self._wanted = wanted
        self._alone = False

    async def deliver(self, identity: Identity) -> bool:
        """All sections that wait in one report, or one by one after a report that was too large."""
        sections = self._buffer.waiting_sections()
        if not sections:
            self._alone = False
            return False
        batch = sections[:1] if self._alone else sections
        try:
            await self._send(identity, batch)
        except Refused as error:
            if len(batch) > 1:
                self._alone = True
                return True
            _log.error("section %s is refused and dropped: %s", batch[0].name, error)
        self._buffer.delivered_sections(batch)
        return True

    async def _send(self, identity: Identity, sections: Sequence[Section]) -> None:
        """A section that is too large is told in pieces that only add: what has gone from it stays known."""
        cut = pieces(sections[0], _REPORT_SIZE) if len(sections) == 1 else []
        bodies = [report([piece], partial=True) for piece in cut] if len(cut) > 1 else [report(sections)]
        for inventory in bodies:
            body = {"version": self._version, "inventory": inventory}
            asset_id, whole = await self._client.report(identity.key, identity.agent_id, body)
            self._membership.is_on(asset_id)
            if whole:
                self._wanted()
