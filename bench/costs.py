"""Measured costs, as the model of scale takes them: CPU milliseconds of each process for one operation.

Machine of every measured row: two virtual cores, 24 GiB, all processes and the load on the one machine, mongod 6.0.5 (majority,
journaled), Kafka 4.1, motor. The cost of a row with traffic holds every process that follows the operation by events, too.
Renew a row with the command that it names, on a quiet machine (`foreign_share` below 0.1), and say the date.
"""

from collections.abc import Mapping
from dataclasses import dataclass

PROCESSES = ("gateway", "monitor", "incident", "asset", "analytics", "auth", "mongo", "kafka")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one operation costs. `source` is the command that measured it, or the reason of an estimate."""

    cpu: Mapping[str, float]
    date: str
    source: str
    measured: bool = True

    @property
    def total(self) -> float:
        """Milliseconds of all processes together."""
        return sum(self.cpu.values())


def _row(date: str, source: str, *cpu: float) -> Cost:
    return Cost(dict(zip(PROCESSES, cpu, strict=True)), date, source)


_REST, _ALERTS = "python -m bench, REST, concurrency 8", "python -m bench.alerts"

COSTS: Mapping[str, Cost] = {
    #                                   gateway monitor incident asset analytics auth  mongo  kafka
    "read": _row("2026-11-23", _REST, 0.464, 0.006, 0.800, 0.004, 0.012, 0.013, 0.258, 0.023),
    "list": _row("2026-11-23", _REST, 2.095, 0.016, 3.478, 0.026, 0.048, 0.113, 0.620, 0.095),
    "create": _row("2026-11-23", _REST, 0.974, 0.028, 2.396, 0.028, 0.490, 0.237, 1.533, 0.507),
    "update": _row("2026-11-23", _REST, 1.067, 0.033, 3.103, 0.017, 0.539, 0.209, 2.050, 0.520),
    "alert, one by one": _row("2026-11-23", _ALERTS, 0.428, 2.531, 1.462, 0.311, 0.903, 0.360, 2.640, 1.513),
    "alert, in batches": _row("2026-11-23", _ALERTS, 0.116, 0.842, 0.540, 0.144, 0.419, 0.261, 1.250, 0.116),
    "alert, paced": _row("2026-11-23", _ALERTS, 0.640, 4.043, 2.237, 0.417, 1.237, 0.423, 3.997, 1.490),
    "signal of a storm": _row("2026-11-23", _ALERTS, 0.008, 0.123, 0.031, 0.008, 0.023, 0.017, 0.122, 0.011),
    "sample": Cost({"monitor": 0.0155, "mongo": 0.0155}, "2026-11-22", "python -m bench.samples"),
    "check result": Cost(
        {"monitor": 0.25, "mongo": 0.09}, "2026-11-23", "estimate: two keyed writes in a bulk, and the probe", measured=False
    ),
    "agent report": Cost(
        {"gateway": 1.1, "asset": 3.1, "mongo": 2.1, "kafka": 0.5, "auth": 0.2, "analytics": 0.1, "monitor": 0.1},
        "2026-11-23",
        "estimate: an update of a record",
        measured=False,
    ),
    "event on a stream": Cost({"gateway": 0.04}, "2026-11-23", "estimate: one send to one client", measured=False),
    # All that an idle stream costs between two signs of life: its proof is renewed, too.
    "heartbeat of a stream": Cost({"gateway": 0.2}, "2026-11-23", "tests/e2e/test_idle_streams.py, 10,000 streams"),
}

IDLE_MS: Mapping[str, float] = {
    "gateway": 15, "monitor": 10, "incident": 5, "asset": 5, "analytics": 15, "auth": 10, "mongo": 75, "kafka": 95
}  # fmt: skip
"""CPU milliseconds a second of one of each while nothing happens, `python -m bench` on 2026-11-23."""

RESTS_MS: Mapping[str, float] = {"intake": 10, "relay": 15, "service desk": 20, "relay again": 15, "live stream": 50}
"""Pauses by choice between an alert and its incident on a stream (docs/decisions/013-where-time-goes.md)."""

MEASURED_ROWS: Mapping[str, tuple[str, float]] = {
    "alert, one by one": ("one by one", 141.5),
    "alert, in batches": ("in batches of 100", 517.0),
    "create": ("create through REST", 284.2),
    "update": ("update through REST", 245.2),
}
"""Cost → row of the same run, and how many a second the two cores brought through to the end."""

VISIBLE_AT_100 = (198.0, 251.0)
"""Milliseconds, p50 and p95, from a new alert to its incident on a stream at a steady 100 a second, same run."""

FOREIGN: Mapping[str, float] = {"alert, one by one": 0.24, "alert, in batches": 0.03}
"""Share of the machine that others had during the row; nearly none in the rest."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Documents of one kind that one cause leaves, how long, and what one takes on the disk with its indexes (bytes).

    Measured by `collStats` after 23,700 alerts of `python -m bench.alerts` on 2026-11-23; texts of a bench repeat and compress
    too well, so the model doubles the data (`MARGIN`). Samples and their windows are packed:
    half of what was measured (docs/decisions/018-samples-wait-in-blocks.md).
    Assets and what is said of them are estimates.
    """

    service: str
    collection: str
    per: str
    documents: float
    data: int
    indexes: int
    days: int | None


MARGIN = 2.0

KEPT: tuple[Kept, ...] = (
    Kept("monitor", "alerts", "alert", 1, 178, 356, 90),
    Kept("monitor", "alert_decisions", "alert", 2, 89, 127, 90),
    Kept("monitor", "changes", "alert", 2, 266, 163, None),
    Kept("monitor", "seen", "alert", 1, 38, 50, None),
    Kept("incident", "incidents", "incident", 1, 288, 328, None),
    Kept("incident", "changes", "incident", 4, 302, 180, None),
    Kept("incident", "claims", "incident", 2, 40, 62, None),
    Kept("incident", "seen", "alert", 1, 38, 50, None),
    Kept("analytics", "facts", "incident", 4, 118, 112, None),
    Kept("analytics", "incidents", "incident", 1, 84, 172, None),
    Kept("analytics", "alerts", "alert", 1, 76, 99, None),
    Kept("auth", "audit_entries", "change", 1, 297, 277, None),
    Kept("asset", "assets", "asset", 1, 400, 360, None),
    Kept("asset", "changes", "asset", 12, 300, 180, None),
    Kept("monitor", "sample_buckets", "raw sample", 1, 2, 0, 7),
    Kept("monitor", "sample_rollups", "window of five minutes", 1, 6, 1, 60),
    Kept("monitor", "sample_rollups", "window of an hour", 1, 6, 1, 400),
)
