"""`kill -9` at each failpoint of the way from a commit to its effect: nothing is lost, nothing is done twice."""

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from chassis.settings import MongoDriver
from chassis.store import Store
from tests.integration.chassis.conftest import Place, settings_of

RECORDS, CHANGES = 10, 5
TOTAL = RECORDS * (CHANGES + 1)
VISITS = {"R3": 20, "R4": 20, "R5": 5, "R6": 2, "R7": 2, "R8": 2, "R9": 2}
ROOT = Path(__file__).parents[3]


class Victim:
    """A process of its own place, killed once at `point` and started again."""

    def __init__(self, backing: dict[str, Any], point: str, folder: Path) -> None:
        self.place = Place(settings_of(backing), MongoDriver.MOTOR)
        self.point = point
        self._failpoints, self._orders = folder / "failpoints.json", folder / "orders.json"
        self.acknowledged = folder / "acknowledged"
        settings = self.place.settings
        self._orders.write_text(
            json.dumps(
                {
                    "settings": {
                        "mongo_uri": self.place.uri,
                        "kafka_bootstrap": settings.kafka_bootstrap,
                        "kafka_username": settings.kafka_username,
                        "kafka_password": settings.kafka_password.get_secret_value(),
                        "lease_seconds": settings.lease_seconds,
                        "failpoints": str(self._failpoints),
                    },
                    "topics": {"events": self.place.topic, "audit": self.place.audit, "dead": self.place.dead},
                    "group": f"test.{self.place.name}",
                    "records": RECORDS,
                    "changes": CHANGES,
                    "acknowledged": str(self.acknowledged),
                }
            )
        )

    async def run(self) -> list[str]:
        """What is wrong in the end; nothing, as it should be."""
        await self.place.prepare()
        try:
            self._failpoints.write_text(json.dumps({self.point: {"action": "kill", "at": VISITS[self.point]}}))
            first = await self._start()
            status = await asyncio.wait_for(first.wait(), 60)
            if status != -signal.SIGKILL:
                return [f"{self.point} was never reached: ended with {status}"]
            self._failpoints.unlink()
            second = await self._start()
            try:
                return await self._wrong()
            finally:
                second.send_signal(signal.SIGKILL)
                await second.wait()
        finally:
            await self.place.clean()

    async def _start(self) -> asyncio.subprocess.Process:
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'gen'}"}
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.support.event_process", str(self._orders), cwd=ROOT, env=environment
        )

    async def _wrong(self) -> list[str]:
        store = self.place.store()
        wrong = []
        if not await _within(60, lambda: self._settled(store)):
            wrong.append("not settled within a minute")
        rows = await store.backend.find("changes", {"type": {"$exists": True}})
        effects = await store.backend.find("effects", {})
        records = await self.place.records(self.place.topic, TOTAL, distinct=True)
        published: dict[str, list[int]] = {}
        for record in records:
            published.setdefault(record.key.decode(), []).append(int(dict(record.headers)["ce_itsmversion"]))
        state = {row["_id"]: row["version"] for row in await store.backend.find("tickets", {})}
        for line in self.acknowledged.read_text().splitlines():
            ticket, version = line.split()
            if state.get(ticket, 0) < int(version):
                wrong.append(f"acknowledged and lost: {line}")
        if len(rows) != TOTAL or {row["_id"] for row in rows} != {effect["_id"] for effect in effects}:
            wrong.append(f"{len(rows)} changes and {len(effects)} effects of {TOTAL}")
        wrong += [f"done {effect['times']} times: {effect['_id']}" for effect in effects if effect["times"] != 1]
        wrong += [
            f"order of {key}: {versions}"
            for key, versions in published.items()
            if list(dict.fromkeys(versions)) != list(range(1, CHANGES + 2))
        ]
        return wrong

    async def _settled(self, store: Store) -> bool:
        pending = await store.backend.count("changes", {"pending": True}, limit=1)
        return not pending and await store.backend.count("effects", {}) >= TOTAL


async def _within(seconds: float, holds: Any) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if await holds():
            return True
        await asyncio.sleep(0.2)
    return False


async def test_a_kill_at_any_failpoint_loses_nothing_and_doubles_nothing(backing: dict[str, Any], tmp_path: Path) -> None:
    # Side by side, because most of the time is spent waiting for the leases and sessions of the dead to end.
    victims = []
    for point in VISITS:
        folder = tmp_path / point
        folder.mkdir()
        victims.append(Victim(backing, point, folder))
    found = await asyncio.gather(*(victim.run() for victim in victims))
    assert {victim.point: wrong for victim, wrong in zip(victims, found, strict=True) if wrong} == {}
