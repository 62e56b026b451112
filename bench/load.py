"""The load generator, a process of its own: reads a job a line on its standard input, answers a result a line.

A job names `operation`, `transport`, `target`, `token`, `concurrency` and two bounds, `seconds` and `most` operations;
`rate` (a second, 0: as fast as answers come) paces it. It keeps the ids of what it created, oldest use first, so that
updates meet records that the service has long put away; `ids` are others to read from. Reads are drawn with `seed`.
"""

import asyncio
import random
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import uvloop

from bench.callers import Caller, Refused, connect
from bench.data import loaded_id

Step = Callable[[Caller], Awaitable[int]]


class Generator:
    """What lasts from job to job."""

    def __init__(self) -> None:
        self._created: deque[str] = deque()
        self._started: set[str] = set()
        self._number = 0
        self._random = random.Random(0)  # noqa: S311 - data, no secret

    def step(self, job: dict[str, Any]) -> Step:
        """One turn of a worker, which says how many operations it was."""
        match job["operation"]:
            case "create":
                return self._create
            case "create with key":
                return self._create_with_key
            case "get":
                return lambda caller: self._get(caller, job["loaded"])
            case "update":
                return self._update
            case "update again":
                return self._update_again
            case "list":
                return self._page
            case "impact":
                return lambda caller: self._impact(caller, job["id"], job["hits"])
        raise ValueError(f"no operation {job['operation']}")

    async def _create(self, caller: Caller) -> int:
        self._number += 1
        self._created.append(await caller.create(self._number))
        return 1

    async def _create_with_key(self, caller: Caller) -> int:
        self._number += 1
        self._created.append(await caller.create(self._number, f"bench-{time.time_ns()}-{self._number}"))
        return 1

    async def _get(self, caller: Caller, loaded: int) -> int:
        await caller.get(loaded_id(self._random.randrange(loaded)))
        return 1

    async def _update(self, caller: Caller) -> int:
        """The record that was left alone the longest."""
        found = self._created.popleft()
        await caller.update(found, f"network-{time.time_ns()}")
        self._created.append(found)
        return 1

    async def _update_again(self, caller: Caller) -> int:
        """Verbs on what was saved a moment ago: begun if it is new, then held and taken up."""
        found = self._created.pop()
        verbs = ("hold", "resume") if found in self._started else ("start", "hold", "resume")
        for verb in verbs:
            await caller.verb(found, verb)
        self._started.add(found)
        self._created.insert(len(self._created) // 2, found)
        return len(verbs)

    async def _page(self, caller: Caller) -> int:
        if (rows := await caller.page()) != 50:
            raise Refused(f"a page of {rows}")
        return 1

    async def _impact(self, caller: Caller, id: str, hits: int) -> int:  # noqa: A002 - the field's name everywhere
        if (found := await caller.impact(id)) != hits:
            raise Refused(f"{found} assets are down, not {hits}")
        return 1

    async def run(self, job: dict[str, Any]) -> dict[str, Any]:
        """The measured block."""
        self._random.seed(job["seed"])
        callers = await asyncio.gather(
            *(connect(job["transport"], job["target"], job["token"]) for _ in range(job["concurrency"]))
        )
        step = self.step(job)
        taken: list[float] = []
        problems: list[str] = []
        began = time.perf_counter()
        end, left, rate, turn = began + job["seconds"], job["most"], job.get("rate", 0), 0

        async def work(caller: Caller) -> None:
            nonlocal left, turn
            while left > 0 and (now := time.perf_counter()) < end:
                if rate:
                    turn += 1
                    await asyncio.sleep(max(0.0, began + turn / rate - now))
                    now = time.perf_counter()
                left -= 1
                try:
                    steps = await step(caller)
                except (Refused, IndexError) as error:
                    problems.append(str(error) or "nothing was created to work on")
                    continue
                each = (time.perf_counter() - now) / steps
                taken.extend([each] * steps)

        await asyncio.gather(*(work(caller) for caller in callers))
        seconds = time.perf_counter() - began
        for caller in callers:
            await caller.close()
        return {
            "count": len(taken),
            "errors": len(problems),
            "first_error": problems[0] if problems else "",
            "seconds": seconds,
            "pool": len(self._created),
            **percentiles(taken),
        }


def percentiles(taken: list[float]) -> dict[str, float]:
    """p50, p95 and p99 in ms; empty of nothing."""
    ordered = sorted(taken)
    if not ordered:
        return {}
    return {f"p{share}": round(1000 * ordered[min(len(ordered) - 1, len(ordered) * share // 100)], 3) for share in (50, 95, 99)}


async def _main() -> None:
    generator = Generator()
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        answer = await generator.run(orjson.loads(line))
        sys.stdout.write(orjson.dumps(answer).decode() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(_main())
