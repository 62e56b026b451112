"""`kill -9` on the way of an alert, S1 to S5: what was acknowledged is there once, with all its events, and nothing else is.

Three senders of one cluster post the same episodes, each in order, and post again what got no answer, as Alertmanager does.
"""

import asyncio
import json
import os
import random
import signal
import socket
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from chassis.events import INDEXES
from chassis.settings import MongoDriver
from chassis.store import Store
from services.monitor import store as kept
from tests.integration.chassis.conftest import Place, settings_of
from tests.support.ingest import ALERTMANAGER, ZERO, a_notification, an_alert

ROOT = Path(__file__).parents[3]
SENDERS, PRINTS, EPISODES = 3, 8, 3
FIRST = datetime(2026, 3, 2, 8, tzinfo=UTC)
EVENTS = PRINTS * (2 * EPISODES - 1)  # each episode begins and ends, but the last one goes on

# The step that dies, by the name of its failpoint in the code, and at which visit.
STEPS = {"S1": ("S1", 9), "S2": ("S2", 6), "S3": ("S3", 6), "S4": ("R6", 1), "S5": ("R5", 2), "commit": ("R3", 5)}


def episodes(fingerprint: int) -> list[dict[str, Any]]:
    """What happens to one fingerprint, in order, as the alerts of notifications."""
    messages = []
    for number in range(EPISODES):
        begins = FIRST + timedelta(minutes=10 * number + fingerprint)
        alert = an_alert(fingerprint=f"{fingerprint:016x}", startsAt=begins.isoformat(), endsAt=ZERO)
        messages += [alert, alert]  # each firing is repeated
        if number + 1 < EPISODES:
            ends = (begins + timedelta(minutes=5)).isoformat()
            messages.append({**alert, "status": "resolved", "endsAt": ends})
    return messages


class Victim:
    """A process with a database and topics of its own, killed once at a step and started again."""

    def __init__(self, backing: dict[str, Any], step: str, folder: Path) -> None:
        self.place = Place(settings_of(backing), MongoDriver.MOTOR)
        self.failpoint, self.visit = STEPS[step]
        self.orders, self.failpoints = folder / "orders.json", folder / "failpoints.json"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        settings = self.place.settings
        self.orders.write_text(
            json.dumps(
                {
                    "settings": {
                        "mongo_uri": self.place.uri,
                        "kafka_bootstrap": settings.kafka_bootstrap,
                        "kafka_username": settings.kafka_username,
                        "kafka_password": settings.kafka_password.get_secret_value(),
                        "lease_seconds": settings.lease_seconds,
                        "failpoints": str(self.failpoints),
                    },
                    "topics": {"events": self.place.topic, "audit": self.place.audit},
                    "listen": self.address,
                }
            )
        )
        self.random = random.Random(step)  # noqa: S311 - which sender comes first is no secret

    def store(self) -> Store:
        return Store(self.place.backend(), self.place.store().clock, kept.KINDS, (*INDEXES, *kept.INDEXES))

    async def run(self) -> list[str]:
        """What is wrong in the end; nothing, as it should be."""
        await self.place.prepare()
        store = self.store()
        await store.backend.ensure_indexes(store.indexes)
        self.failpoints.write_text(json.dumps({self.failpoint: {"action": "kill", "at": self.visit}}))
        process = await self._start()
        try:
            senders = [asyncio.create_task(self._send(sender)) for sender in range(SENDERS)]
            status = await asyncio.wait_for(process.wait(), 120)
            self.failpoints.unlink()
            process = await self._start()
            await asyncio.wait_for(asyncio.gather(*senders), 120)
            if status != -signal.SIGKILL:
                return [f"never reached: ended with {status}"]
            return await self._wrong(store)
        finally:
            process.send_signal(signal.SIGKILL)
            await process.wait()
            await self.place.clean()

    async def _start(self) -> asyncio.subprocess.Process:
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'gen'}"}
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.support.alert_process", str(self.orders), cwd=ROOT, env=environment
        )

    async def _send(self, sender: int) -> None:
        """Posts every message until it is acknowledged, a few fingerprints at a time."""
        queues = [episodes(fingerprint) for fingerprint in range(PRINTS)]
        headers = {"authorization": "Bearer iti_good"}
        async with httpx.AsyncClient(base_url=f"http://{self.address}", headers=headers, timeout=30) as client:
            while waiting := [queue for queue in queues if queue]:
                chosen = self.random.sample(waiting, min(3, len(waiting)))
                body = a_notification(*(queue[0] for queue in chosen), groupKey=f"sender {sender}")
                if await self._posted(client, body):
                    for queue in chosen:
                        queue.pop(0)

    async def _posted(self, client: httpx.AsyncClient, body: dict[str, Any]) -> bool:
        try:
            answer = await client.post(ALERTMANAGER, json=body)
        except httpx.TransportError:  # it is not there, or died before it answered: as a sender sees it, one and the same
            await asyncio.sleep(0.05)
            return False
        return answer.status_code == 200

    async def _wrong(self, store: Store) -> list[str]:
        wrong = []
        expected = {
            (f"{fingerprint:016x}", FIRST + timedelta(minutes=10 * number + fingerprint))
            for fingerprint in range(PRINTS)
            for number in range(EPISODES)
        }
        alerts = await store.backend.find("alerts", {})
        found = [(alert["fingerprint"], alert["start_time"]) for alert in alerts]
        if sorted(found) != sorted(expected):
            wrong.append(f"lost: {expected - set(found)}, twice or invented: {len(found) - len(expected)}")
        still_open = [alert for alert in alerts if alert["state"] != "RESOLVED"]
        if len(still_open) != PRINTS or any(alert["end_time"] for alert in still_open):
            wrong.append(f"{len(still_open)} are open")
        rows = await store.backend.find("changes", {"type": {"$exists": True}})
        if len(rows) != EVENTS:
            wrong.append(f"{len(rows)} changes of {EVENTS}")
        records = await self.place.records(self.place.topic, EVENTS, within=60, distinct=True)
        told: dict[str, list[int]] = {}
        for record in records:
            told.setdefault(record.key.decode(), []).append(int(dict(record.headers)["ce_itsmversion"]))
        versions = {f"main/{alert['_id']}": alert["version"] for alert in alerts}
        wrong += [
            f"events of {key}: {told.get(key)}"
            for key, version in versions.items()
            if list(dict.fromkeys(told.get(key, []))) != list(range(1, version + 1))
        ]
        return wrong


@pytest.mark.timeout(400)
async def test_a_kill_at_any_step_loses_no_alert_and_doubles_none(backing: dict[str, Any], tmp_path: Path) -> None:
    # Three at a time: each waits most of its life for a lease of the dead to end, and the machine is small.
    limit = asyncio.Semaphore(3)

    async def one(step: str) -> list[str]:
        folder = tmp_path / step
        folder.mkdir()
        async with limit:
            return await Victim(backing, step, folder).run()

    found = await asyncio.gather(*(one(step) for step in STEPS))
    assert {step: wrong for step, wrong in zip(STEPS, found, strict=True) if wrong} == {}
