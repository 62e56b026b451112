"""What is measured, and the floors and targets that it is held against.

The floors were measured on a skeleton with the same hops on two cores (docs/decisions holds what decided the rest).
"""

from dataclasses import dataclass
from typing import Any

OPERATIONS = ("create", "create with key", "get", "update", "update again", "list")
TRANSPORTS = ("grpc", "rest")
CONCURRENCIES = (1, 8, 32)

# Who serves an operation of the incident service. What mongod and Kafka do for the consumers of its event is in their
# share; the consumers themselves (analytics, the audit log of auth) are only in the sum of all.
SERVING = ("gateway", "incident", "mongo", "kafka")


@dataclass(frozen=True, slots=True)
class Target:
    """A bound on one figure of a row; `floor` is what the same hops cost without any of our rules."""

    figure: str
    bound: float
    floor: float | None = None
    at_least: bool = False

    def judge(self, value: float | None) -> dict[str, Any]:
        """As it stands in a row."""
        met = value is not None and (value >= self.bound if self.at_least else value <= self.bound)
        sign = ">=" if self.at_least else "<="
        return {"figure": self.figure, "target": f"{sign} {self.bound:g}", "floor": self.floor, "value": value, "met": met}


_CREATE, _READ = Target("cpu_ms", 3.0, 1.7), Target("cpu_ms", 1.3, 0.66)
_UPDATE, _LIST = Target("cpu_ms", 3.0, 1.6), Target("cpu_ms", 3.5)

# By operation and concurrency, through REST; what gRPC alone costs is there to compare.
TARGETS: dict[tuple[str, int], Target] = {
    ("create", 8): _CREATE,
    ("create with key", 8): _CREATE,
    ("get", 8): _READ,
    ("update", 8): _UPDATE,
    ("update again", 8): _UPDATE,
    ("list", 8): _LIST,
    ("create", 1): Target("p95", 7.0, 3.0),
    ("create", 32): Target("throughput", 400, 1000, at_least=True),
}
CONSUMED = Target("cpu_ms", 0.1, 0.03)
IMPACT, IMPACT_IN_MEMORY = Target("cpu_ms", 3.0), Target("cpu_ms", 1.0, 0.1)
SEARCH = Target("p99", 500)  # at 1,000,000 incidents
QUEUE, QUEUE_FACETS = Target("p99", 300), Target("p50", 300)  # at 1,000,000 incidents, of which the open ones are counted
TIMERS = Target("seconds", 60)  # until the last of 50,000 that fall due within a minute has been told, from the first on
VISIBLE_P50, VISIBLE_P95 = Target("p50", 25), Target("p95", 100)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    seconds: float = 2.5
    warm_seconds: float = 0.4
    most: int = 4_000
    rounds: int = 2
    records: int = 100_000
    concurrencies: tuple[int, ...] = CONCURRENCIES
    seed_events: int = 4_000
    steady_seconds: float = 8.0
    alerts: int = 2_000
    series: int = 20_000
    agent_seconds: float = 40.0
    desk_records: int = 200_000
    timers: int = 20_000
    whole: bool = True  # with what takes minutes to prepare: a graph of a thousand assets, samples on their way to buckets


QUICK = Plan(
    seconds=0.3,
    warm_seconds=0.1,
    most=50,
    rounds=1,
    records=500,
    concurrencies=(8,),
    seed_events=100,
    steady_seconds=1.0,
    alerts=30,
    whole=False,
    agent_seconds=3.0,
)
