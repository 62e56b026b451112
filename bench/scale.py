"""`python -m bench.scale`: how many replicas, shards, partitions and disks an estate needs, and how it then fares.

Sizing is arithmetic on measured costs (`bench.costs`) and assumptions (`bench.load_model`); a queueing simulation then runs the
busiest hour and a storm on what was sized. One JSON object on the standard output; the tables of docs/scale.md are the same
figures. The same seed gives the same figures. Exit status 1 when the sized platform cannot carry its load.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

from bench.costs import COSTS, FOREIGN, KEPT, MARGIN, MEASURED_ROWS, PROCESSES, RESTS_MS, VISIBLE_AT_100
from bench.load_model import ESTATES, Estate
from bench.queueing import Job, Visit, percentile, simulate

UTILIZATION = 0.6
"""Of a core, at the busiest hour: the rest is for storms, restarts and a node that is lost."""
LEAST = 2
"""Replicas of a service in production."""
PARTITIONS = 24
"""Of a topic (`chassis.events.topics`): more replicas than these follow no more events."""
STREAMS = 5_000
"""Live streams of one gateway: half of what one hub has to hold, so that a lost one can be taken over."""
SHARD_CORES, SHARD_BYTES = 8, 2 * 10**12
"""One shard: a replica set whose primary has eight cores, and a disk that can be copied in a night."""
BROKER_CORES = 4
SERVICES = tuple(name for name in PROCESSES if name not in ("mongo", "kafka"))
SEED = 20_261_123
_BENCH_CORES = 2
_BACKGROUND = frozenset({"sample", "check result", "heartbeat of a stream", "event on a stream", "signal of a storm"})


def demand(estate: Estate) -> dict[str, float]:
    """Process → cores that are busy in the busiest hour."""
    rates = estate.rates
    return {
        process: sum(rate * COSTS[operation].cpu.get(process, 0.0) for operation, rate in rates.items()) / 1000
        for process in PROCESSES
    }


def bound(cost: str) -> float:
    """Operations a second that the machine of the bench should bring through, by the CPU that they take."""
    return _BENCH_CORES * (1 - FOREIGN.get(cost, 0.0)) / COSTS[cost].total * 1000


def growth(estate: Estate) -> dict[str, float]:
    """Service → bytes on the disks of one copy after a year."""
    found = dict.fromkeys(SERVICES, 0.0)
    for kept in KEPT:
        days = min(kept.days or 365, 365)
        found[kept.service] += estate.causes[kept.per] * days * kept.documents * (kept.data * MARGIN + kept.indexes)
    return found


@dataclass(frozen=True, slots=True)
class Sizing:
    """What an estate needs. Copies for availability (three members a shard, three brokers) are on top."""

    cores: Mapping[str, float]
    replicas: Mapping[str, int]
    bytes_a_year: Mapping[str, float]
    shards: int
    brokers: int
    partitions: int
    """A topic needs so many that its slowest consumer is below `UTILIZATION` of a core for each; above 24 is a gap."""
    moving: float
    """Cores of the one process that moves samples to their series, intake included: above one is a gap."""


def size(estate: Estate) -> Sizing:
    """The least that carries an estate at `UTILIZATION`."""
    cores, kept = demand(estate), growth(estate)
    replicas = {service: max(LEAST, ceil(cores[service] / UTILIZATION)) for service in SERVICES}
    replicas["gateway"] = max(replicas["gateway"], ceil(estate.streams / STREAMS) + 1)
    following = max(_following(estate, service) for service in SERVICES)
    return Sizing(
        cores=cores,
        replicas=replicas,
        bytes_a_year=kept,
        shards=max(1, ceil(cores["mongo"] / UTILIZATION / SHARD_CORES), ceil(sum(kept.values()) / SHARD_BYTES)),
        brokers=max(1, ceil(cores["kafka"] / UTILIZATION / BROKER_CORES)),
        partitions=max(PARTITIONS, ceil(following / UTILIZATION)),
        moving=estate.rates["sample"] * COSTS["sample"].cpu["monitor"] / 1000,
    )


def _following(estate: Estate, service: str) -> float:
    """Cores of a service that only consume events; of the service desk, all that alerts ask of it."""
    operations = ("create", "update", "alert, paced", "agent report", "signal of a storm")
    owners = {"create": "incident", "update": "incident", "agent report": "asset"}
    return (
        sum(
            estate.rates[each] * COSTS[each].cpu.get(service, 0.0)
            for each in operations
            if owners.get(each) != service and service not in ("gateway", "monitor")
        )
        / 1000
    )


def fares(estate: Estate, sizing: Sizing, *, load: float = 1.0, jobs: int = 20_000, seed: int = SEED) -> dict[str, Any]:
    """The busiest hour on what was sized: utilization and p95 of what people and senders wait for."""
    servers = {
        **sizing.replicas,
        "mongo": sizing.shards * SHARD_CORES,
        "kafka": max(sizing.brokers, 1) * BROKER_CORES,
    }
    told = {name: rate * load for name, rate in estate.rates.items() if name not in _BACKGROUND}
    taken = {
        process: sum(estate.rates[name] * load * COSTS[name].cpu.get(process, 0.0) for name in _BACKGROUND) / 1000
        for process in PROCESSES
    }
    # What comes all the time takes an even share of each server: the rest of it serves the others so much slower.
    slower = {process: 1 / max(1 - taken[process] / servers[process], 0.02) for process in PROCESSES}
    mix = [
        Job(name, rate, [_visit(each, ms * slower[each]) for each, ms in COSTS[name].cpu.items()])
        for name, rate in told.items()
    ]
    outcome = simulate(mix, servers, jobs=jobs, seed=seed)
    utilization = {
        process: min(outcome.busy.get(process, 0.0) / slower[process] + taken[process] / servers[process], 1.0)
        for process in PROCESSES
    }
    waits = {name: percentile(times, 0.95) for name, times in outcome.times.items()}
    visible = sum(RESTS_MS.values()) + waits.get("alert, paced", 0.0)
    return {"utilization": utilization, "p95_ms": waits, "visible_p95_ms": visible}


def _visit(process: str, milliseconds: float) -> Visit:
    # Who follows by events keeps nobody waiting.
    return Visit(process, milliseconds, waits=process not in ("analytics", "auth", "asset", "kafka"))


def storm(estate: Estate, sizing: Sizing) -> dict[str, float]:
    """One outage, everything within a minute, on top of the busiest hour: how much waits then, and how long it takes."""
    alerts = estate.assets * estate.storm
    rest = {
        "mongo": sizing.shards * SHARD_CORES - sizing.cores["mongo"],
        **{each: sizing.replicas[each] - sizing.cores[each] for each in ("monitor", "incident")},
    }
    rest["incident"] = min(rest["incident"], PARTITIONS)
    costs = COSTS["alert, in batches"].cpu
    rate = min(rest[each] / costs[each] * 1000 for each in rest)
    waiting = max(alerts - 60 * rate, 0.0)
    return {"alerts": alerts, "alerts_per_second": rate, "waiting": waiting, "drained_seconds": waiting / rate}


def proof() -> dict[str, Any]:
    """The model against the rows of the bench: what the CPU bounds, and what the simulated machine of the bench does."""
    rows = {name: {"row": row, "measured": held, "model": bound(name)} for name, (row, held) in MEASURED_ROWS.items()}
    p50, p95 = at_a_steady_hundred()
    return {"throughput": rows, "visible_at_100": {"measured": VISIBLE_AT_100, "model": (p50, p95)}}


def at_a_steady_hundred(jobs: int = 6_000, seed: int = SEED) -> tuple[float, float]:
    """Milliseconds, p50 and p95, of the bench's steady row, simulated: two cores that everybody shares, and the rests."""
    path = ("monitor", "incident", "mongo", "kafka", "gateway")
    visits = [Visit("machine", ms, waits=each in path) for each, ms in COSTS["alert, paced"].cpu.items()]
    outcome = simulate([Job("alert", 100.0, visits)], {"machine": _BENCH_CORES}, jobs=jobs, seed=seed)
    rests = sum(RESTS_MS.values())
    times = outcome.times["alert"]
    return rests + percentile(times, 0.5), rests + percentile(times, 0.95)


def report() -> dict[str, Any]:
    """All figures."""
    found: dict[str, Any] = {"seed": SEED, "proof": proof(), "estates": []}
    for estate in ESTATES:
        sizing = size(estate)
        found["estates"].append(
            {
                "estate": asdict(estate),
                "rates": dict(estate.rates),
                "sizing": asdict(sizing),
                "fares": fares(estate, sizing),
                "storm": storm(estate, sizing),
            }
        )
    return found


def main(arguments: list[str] | None = None) -> int:
    """Prints the report."""
    argparse.ArgumentParser(prog="python -m bench.scale", description="Sizes of installations, computed.").parse_args(arguments)
    found = report()
    sys.stdout.write(json.dumps(found, indent=1) + "\n")
    return int(any(max(each["fares"]["utilization"].values()) >= 1 for each in found["estates"]))


if __name__ == "__main__":
    sys.exit(main())
