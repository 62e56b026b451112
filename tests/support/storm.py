"""A storm of alerts: several senders that repeat themselves, and the judgment of what became of what they were told is kept."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from tests.support.ingest import ZERO, an_alert
from tests.support.senders import Sender

REPEATS = 20
"""Of so many alerts one is new (95 % are repeats)."""
_TOGETHER = 10  # alerts of one notification


@dataclass
class Storm:
    """What was sent, how often each fingerprint was attempted and how often acknowledged."""

    run: str = field(default_factory=lambda: uuid4().hex[:8])
    attempted: Counter[str] = field(default_factory=Counter)
    acknowledged: Counter[str] = field(default_factory=Counter)
    start: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(seconds=5))

    def fingerprints(self, total: int) -> list[str]:
        """Those of a storm of so many alerts."""
        return [f"{self.run}{number:08x}" for number in range(total // REPEATS)]

    async def blow(self, sender: Sender, total: int, seconds: float, *, senders: int = 5) -> None:
        """Sends so many firing alerts, spread over the time; each notification again until it is acknowledged."""
        names = self.fingerprints(total)
        plan = [names[number % len(names)] for number in range(total)]
        parts = [plan[place : place + _TOGETHER] for place in range(0, total, _TOGETHER)]
        began = time.monotonic()
        waiting = iter(enumerate(parts))

        async def one() -> None:
            for number, part in waiting:
                await asyncio.sleep(began + seconds * number / len(parts) - time.monotonic())
                await self._tell(sender, part, {})

        await asyncio.gather(*(one() for _ in range(senders)))

    async def calm(self, sender: Sender, total: int) -> None:
        """Says of everything that it is over."""
        names = self.fingerprints(total)
        over = {"status": "resolved", "endsAt": datetime.now(UTC).isoformat()}
        for place in range(0, len(names), _TOGETHER):
            await self._tell(sender, names[place : place + _TOGETHER], over)

    async def _tell(self, sender: Sender, names: list[str], more: Mapping[str, Any]) -> None:
        alerts = [self._alert(name, more) for name in names]
        attempts = await sender.insist(*alerts)
        if not more:
            self.attempted.update({name: attempts * count for name, count in Counter(names).items()})
            self.acknowledged.update(names)

    def _alert(self, name: str, more: Mapping[str, Any]) -> dict[str, Any]:
        labels = {"alertname": "Storm", "instance": f"{name}.example:9100", "severity": "critical", "run": self.run}
        return an_alert(labels=labels, fingerprint=name, startsAt=self.start.isoformat(), **({"endsAt": ZERO} | dict(more)))


def unaccounted(storm: Storm, alerts: Iterable[Mapping[str, Any]], incidents: Iterable[Mapping[str, Any]]) -> list[str]:
    """What contradicts the acknowledgements, in words: one alert and one incident a fingerprint, and every signal counted.

    A signal that was attempted again may count twice; one that was acknowledged counts at least once.
    """
    wrong = []
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for alert in alerts:
        by_name.setdefault(alert["fingerprint"], []).append(alert)
    of_alert: dict[str, list[str]] = {}
    for incident in incidents:
        for alert_id in incident["alertIds"]:
            of_alert.setdefault(alert_id, []).append(incident["id"])
    for name, least in storm.acknowledged.items():
        found = by_name.pop(name, [])
        if len(found) != 1:
            wrong.append(f"{name} was acknowledged and has {len(found)} alerts")
            continue
        [alert] = found
        if not least <= alert["count"] <= storm.attempted[name]:
            wrong.append(f"{name} counts {alert['count']}, acknowledged {least}, attempted {storm.attempted[name]}")
        holders = of_alert.pop(alert["id"], [])
        if len(holders) != 1:
            wrong.append(f"{name} is in {len(holders)} incidents")
        elif alert["incidentId"] != holders[0]:
            wrong.append(f"{name} names incident {alert['incidentId'] or 'none'} and is in {holders[0]}")
    wrong += [f"nobody sent {name}" for name in by_name]
    return wrong
