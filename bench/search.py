"""What a question to the search costs: an index of many incidents, asked as an agent and as somebody who sees only his own.

`python -m bench.search --records 1000000` prints one row as JSON. The index is that of the service, on this machine's disk,
filled as the service fills it; what comes before it, gateway and gRPC, costs what it costs any read. Words are made up, as
often as words are: the most frequent stands in nearly every text.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.data import SEED
from bench.plan import SEARCH
from chassis import context as ctx
from chassis.context import Actor, Context
from chassis.policy import Policy
from services.analytics.domain.searching import Text
from services.analytics.tantivy_index import TantivyIndex
from services.analytics.usecases.indexing import PIECE, Indexing
from services.analytics.usecases.search import Search
from services.auth.domain.roles import ROLES, SCOPES, VERSION

QUESTIONS = 200
_WORDS, _REQUESTERS = 30_000, 5_000
_TITLE, _BODY = 6, 40
_SYLLABLES = (
    "ba",
    "con",
    "der",
    "fi",
    "gra",
    "hol",
    "in",
    "ka",
    "lum",
    "mo",
    "net",
    "or",
    "pri",
    "que",
    "ros",
    "ser",
    "tu",
    "vex",
)
_KINDS = ("rare", "two words", "frequent", "slip", "unfinished", "number", "own")


class _Nobody:
    """No team at all."""

    async def of_caller(self) -> frozenset[str]:
        """See `chassis.teams.Teams`."""
        return frozenset()


class _Mass:
    """Many incidents, always the same."""

    def __init__(self, records: int) -> None:
        self.records = records
        chance = random.Random(SEED)  # noqa: S311 - nothing is kept secret with it
        words: dict[str, None] = {}
        while len(words) < _WORDS:
            words["".join(chance.choices(_SYLLABLES, k=chance.randint(2, 4)))] = None
        self.words = list(words)
        self._weights = [1 / (place + 1) for place in range(_WORDS)]
        self._chance = chance

    async def read(self, tenant: str, subjects: Sequence[str]) -> list[Text]:
        """See `services.analytics.ports.Owners`: none of them is ever changed."""
        raise AssertionError((tenant, subjects))

    async def walk(self) -> AsyncIterator[list[Text]]:
        """See `services.analytics.ports.Owners`."""
        for first in range(0, self.records, PIECE):
            count = min(PIECE, self.records - first)
            chosen = iter(self._chance.choices(self.words, self._weights, k=count * (_TITLE + _BODY)))
            yield [self._incident(first + place, chosen) for place in range(count)]

    def questions(self, kind: str) -> Iterator[tuple[str, bool]]:
        """What is asked, and whether by somebody who sees only his own."""
        chance = random.Random(f"{SEED}{kind}")  # noqa: S311 - as above
        for _ in range(QUESTIONS):
            rare = chance.choice(self.words[_WORDS // 10 :])
            frequent = chance.choice(self.words[:10])
            place = chance.randrange(1, len(rare) - 1)
            yield (
                {
                    "rare": rare,
                    "two words": f"{rare} {chance.choice(self.words[50:500])}",
                    "frequent": frequent,
                    "slip": rare[:place] + rare[place + 1 :],
                    "unfinished": f"{frequent} {rare[: max(3, len(rare) - 2)]}",
                    "number": f"INC{chance.randrange(self.records):07d}",
                    "own": f"{frequent} {chance.choice(self.words[:10])}",
                }[kind],
                kind == "own",
            )

    @staticmethod
    def _incident(place: int, words: Iterator[str]) -> Text:
        return Text(
            tenant="bench",
            subject=f"incidents/inc_bench{place:021d}",
            number=f"INC{place:07d}",
            title=" ".join(next(words) for _ in range(_TITLE)),
            body=" ".join(next(words) for _ in range(_BODY)),
            state="NEW",
            facts=(f"requester_id=user-{place % _REQUESTERS}",),
        )


async def measured(records: int, folder: Path) -> dict[str, Any]:
    """The row: milliseconds for each kind of question, and what the index took."""
    mass, index = _Mass(records), TantivyIndex(folder)
    policy = Policy(VERSION, ROLES, SCOPES)
    search = Search(index, lambda: policy, _Nobody())
    began, used = time.perf_counter(), time.process_time()
    await Indexing(index, mass).all_anew(empty=True)
    built, cost = time.perf_counter() - began, time.process_time() - used
    kinds: dict[str, dict[str, float]] = {}
    every: list[float] = []
    for kind in _KINDS:
        took = []
        for question, own in mass.questions(kind):
            start = time.perf_counter()
            with ctx.use(_caller(policy, own=own)):
                await search.find(question)
            took.append(1000 * (time.perf_counter() - start))
        kinds[kind] = {"p50": _at(took, 0.5), "p99": _at(took, 0.99)}
        every += took
    size = await asyncio.to_thread(lambda: sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()))
    await asyncio.to_thread(index.close)
    row: dict[str, Any] = {
        "operation": "search",
        "records": records,
        "count": len(every),
        "p50": _at(every, 0.5),
        "p99": _at(every, 0.99),
        "kinds": kinds,
        "index_seconds": round(built, 1),
        "index_cpu_ms": round(1000 * cost / records, 3),
        "index_megabytes": round(size / 1e6, 1),
        "seed": SEED,
        "cpu": {},
    }
    row["targets"] = [SEARCH.judge(row["p99"])]
    return row


def _caller(policy: Policy, *, own: bool) -> Context:
    roles = frozenset({"requester" if own else "agent"})
    return Context(tenant="bench", actor=Actor(id="user-7"), roles=roles, permissions=policy.permissions(roles))


def _at(values: Sequence[float], share: float) -> float:
    return round(sorted(values)[min(len(values) - 1, int(share * len(values)))], 2)


def main() -> int:
    """Measures by itself; see the module."""
    parser = argparse.ArgumentParser(prog="python -m bench.search", description="What a question to the search costs.")
    parser.add_argument("--records", type=int, default=100_000, help="how many incidents there are")
    parsed = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="itsm-bench-search-") as folder:
        print(json.dumps(asyncio.run(measured(parsed.records, Path(folder))), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
