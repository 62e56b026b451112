"""A month of alerts as something that measures would send them, and some that fire now."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

import httpx

from cli.demo import shape
from cli.demo.cast import ADMIN
from cli.demo.estate import Estate
from cli.demo.platform import Platform
from cli.demo.words import WORDS, Measured
from cli.errors import CliError

DAYS, WHOLE = 30, 260
_NIGHTLY = "BackupFailed"
_FIRING = ("HighLoad", "DiskAlmostFull", "ApplicationSlow", "ReplicationLag", "LinkDown")


@dataclass(frozen=True, slots=True)
class Sent:
    """What is sent when: that an alert fires, or that it is over."""

    at: datetime
    body: dict[str, Any]


class Month:
    """Makes them; the same seed, end and scale make the same."""

    def __init__(self, seed: int, end: datetime, scale: float, made: Estate) -> None:
        self._random, self._end, self._made = Random(f"alerts {seed}"), end, made  # noqa: S311 - no secret
        self._count = max(12, round(WHOLE * scale))

    def past(self) -> Iterator[Sent]:
        """All that is over by now, in the order in which it is sent. No alert begins again before it is over."""
        random, sent, busy = self._random, list[Sent](), dict[tuple[str, str], datetime]()
        for begin in shape.arrivals(random, self._end - timedelta(hours=8), DAYS, self._count):
            kind = shape.pick(random, [each.weight for each in WORDS.alerts], WORDS.alerts)
            at = begin.replace(hour=2, minute=random.randrange(60)) if kind.name == _NIGHTLY else begin
            key = random.choice(self._made.by[kind.asset])
            end = min(at + timedelta(minutes=random.lognormvariate(3.3, 1.1)), self._end - timedelta(minutes=30))
            if at < busy.get((kind.name, key), at):
                continue
            busy[kind.name, key] = end + timedelta(hours=1)
            sent += [Sent(at, self._alert(kind, key, at)), Sent(end, self._alert(kind, key, at, end))]
        return iter(sorted(sent, key=lambda each: each.at))

    def firing(self) -> list[dict[str, Any]]:
        """What is wrong now: among it a machine that takes others with it."""
        kinds = {each.name: each for each in WORDS.alerts}
        found = [(kinds[name], self._random.choice(self._made.by[kinds[name].asset])) for name in _FIRING]
        supporting = [key for key in self._made.by["vm"] if key in self._made.supports]
        found.append((kinds["HostDown"], self._random.choice(supporting)))
        ago = [timedelta(minutes=self._random.uniform(3, 55)) for _ in found]
        return [self._alert(kind, key, self._end - since) for (kind, key), since in zip(found, ago, strict=True)]

    def _alert(self, kind: Measured, key: str, begin: datetime, end: datetime | None = None) -> dict[str, Any]:
        name = self._made.items[key].name
        labels = {"alertname": kind.name, "severity": kind.severity, "host": name, "demo": "yes"}
        alert = {
            "status": "resolved" if end else "firing",
            "labels": labels,
            "annotations": {"summary": kind.title.format(name=name)},
            "startsAt": begin.isoformat(),
        }
        return {**alert, "endsAt": end.isoformat()} if end else alert


def sender(there: Platform) -> str:
    """The secret of something that may send alerts."""
    key = there.post(ADMIN, "tokens", {"kind": "INTEGRATION", "name": "measurements", "roles": ["integration"]})
    said = {"name": "Measurements", "kind": "ALERTMANAGER", "keyId": key["token"]["id"], "teamId": there.team("Servers")}
    there.post(ADMIN, "integrations", said)
    return str(key["secret"])


def send(ingest: str, secret: str, month: Month) -> Iterator[None]:
    """Sends all of it to where signals are taken. Raises `CliError` when they are not."""
    headers = {"authorization": f"Bearer {secret}"}
    with httpx.Client(base_url=ingest, headers=headers, timeout=30, trust_env=False) as http:
        for sent in month.past():
            _sent(http, [sent.body], {"itsm-time": sent.at.isoformat()})
            yield
        _sent(http, month.firing(), {})
        yield


def _sent(http: httpx.Client, alerts: list[dict[str, Any]], headers: dict[str, str]) -> None:
    try:
        answer = http.post("/ingest/alertmanager", json={"version": "4", "alerts": alerts}, headers=headers)
    except httpx.TransportError as error:
        raise CliError(f"{http.base_url} takes no alerts: {error or type(error).__name__}") from error
    if answer.is_error:
        raise CliError(f"{http.base_url} takes no alerts: {answer.status_code} {answer.text[:200]}")
