"""A queueing simulation: jobs of several kinds arrive at random and visit servers one after the other, in the order they come.

A visit takes an exponentially distributed time around its mean. A visit that nobody waits for loads its servers and counts in
no job's time.
"""

import heapq
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count


@dataclass(frozen=True, slots=True)
class Visit:
    """To one station, for `milliseconds` of one of its servers in the mean."""

    station: str
    milliseconds: float
    waits: bool = True


@dataclass(frozen=True, slots=True)
class Job:
    """A kind of job: how many arrive in a second, and where each goes."""

    name: str
    rate: float
    visits: Sequence[Visit]


@dataclass(slots=True)
class Outcome:
    """Times in milliseconds by kind of job, in the order they ended; the share of each station's servers that was busy."""

    times: dict[str, list[float]] = field(default_factory=dict)
    busy: dict[str, float] = field(default_factory=dict)


def simulate(jobs_of: Sequence[Job], servers: Mapping[str, int], *, jobs: int, seed: int) -> Outcome:
    """Runs until `jobs` have arrived and all that waited for them is done. Raises `ValueError` where nothing arrives."""
    rate = sum(job.rate for job in jobs_of)
    if rate <= 0:
        raise ValueError("nothing arrives")
    drawn = random.Random(seed)  # noqa: S311 - a simulation has no secrets
    free = {station: [0.0] * number for station, number in servers.items()}
    used, order, outcome = dict.fromkeys(servers, 0.0), count(), Outcome()
    weights = [job.rate for job in jobs_of]
    coming: list[tuple[float, int, float, Job, int]] = []
    now = 0.0
    for job in drawn.choices(jobs_of, weights, k=jobs):
        now += drawn.expovariate(rate) * 1000
        coming.append((now, next(order), now, job, 0))
    last = now
    heapq.heapify(coming)
    while coming:
        at, _, began, job, step = heapq.heappop(coming)
        if step == len(job.visits):
            outcome.times.setdefault(job.name, []).append(at - began)
            continue
        visit = job.visits[step]
        taken = drawn.expovariate(1 / visit.milliseconds) if visit.milliseconds > 0 else 0.0
        ends = max(heapq.heappop(free[visit.station]), at) + taken
        heapq.heappush(free[visit.station], ends)
        used[visit.station] += taken
        heapq.heappush(coming, (ends if visit.waits else at, next(order), began, job, step + 1))
    outcome.busy = {station: used[station] / (last * len(free[station])) for station in servers}
    return outcome


def percentile(values: Sequence[float], share: float) -> float:
    """Of a sorted copy, the value at `share`; 0 of nothing."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0
