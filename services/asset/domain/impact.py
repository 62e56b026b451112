"""What a fault takes down (`fall`), and what can take an asset down (`lift`), over the whole graph of a tenant.

An item fails when, in one of its groups, more providers are out of work than it can spare and at least one of these has
failed: one that is merely away is no fault. Failing is only ever turned on, and everything is worked out from all roots
together, so that two providers on one host are one fault, cycles end, and nothing is its own cause.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from itertools import groupby
from operator import itemgetter

from services.asset.domain.asset import Criticality
from services.asset.domain.graph import ABSENT, PRESENT, Graph

FAILED, AT_RISK = "FAILED", "AT_RISK"
MOST_SERVICES = 100
_VISITS = 200_000  # how far a look upwards goes before it says that it was cut: about a tenth of a second


@dataclass(frozen=True, slots=True)
class Risk:
    """An item that works: the need with the least left, how much that is, which failed provider took of it, how far it is."""

    margin: int
    need: int
    via: int
    distance: int


@dataclass(slots=True)
class Hit:
    """One item of an answer, by its number."""

    number: int
    state: str
    distance: int
    need: int | None = None
    margin: int | None = None
    cut: bool = False


@dataclass(slots=True)
class Fall:
    """The failed items with their distances, nearest first; which provider took each down by which need; who is at risk."""

    distance: dict[int, int]
    cause: dict[int, tuple[int, int]] = field(default_factory=dict)
    out: dict[int, int] = field(default_factory=dict)
    at_risk: dict[int, Risk] = field(default_factory=dict)

    def path(self, number: int) -> list[int]:
        """The chain from a root to a hit."""
        risk = self.at_risk.get(number)
        chain = [number] if risk is None else [number, risk.via]
        while (step := self.cause.get(chain[-1])) is not None:
            chain.append(step[0])
        return chain[::-1]


def fall(graph: Graph, roots: Sequence[int]) -> Fall:
    """Everything that fails and everything at risk when the roots fail."""
    found, first, shortest = _spread(graph, roots)
    if not shortest:
        _shorten(graph, roots, found, first)
    distance, condition, owner, spare = found.distance, graph.condition, graph.owner, graph.spare
    for need, out in found.out.items():
        item = owner[need]
        if item in distance or condition[item] == ABSENT:
            continue
        risk = Risk(spare[need] - out, need, first[need], distance[first[need]] + 1)
        best = found.at_risk.get(item)
        if best is None or (risk.margin, risk.distance, graph.group[need]) < (
            best.margin,
            best.distance,
            graph.group[best.need],
        ):
            found.at_risk[item] = risk
    return found


def _spread(graph: Graph, roots: Sequence[int], within: Container[int] | None = None) -> tuple[Fall, dict[int, int], bool]:
    """The fixpoint; the first failed provider of each need that was touched; whether the distances are the shortest already.

    They are unless a need was used up by several providers, for then the last of them found the item, not the nearest.
    """
    condition, owner, away, spare, rows = graph.condition, graph.owner, graph.away, graph.spare, graph.rows
    distance = dict.fromkeys(roots, 0)
    cause: dict[int, tuple[int, int]] = {}
    out: dict[int, int] = {}
    first: dict[int, int] = {}
    shortest = True
    queue = list(distance)
    for provider in queue:
        if condition[provider] == ABSENT:
            continue
        fresh, far = int(condition[provider] == PRESENT), distance[provider] + 1
        for need in rows[provider]:
            item = owner[need]
            if within is not None and item not in within:
                continue
            if need in out:
                number = out[need] + fresh
            else:
                number = away[need] + fresh
                first[need] = provider
            out[need] = number
            if number > spare[need]:
                if first[need] != provider and number - fresh <= spare[need]:
                    shortest = False
                if item not in distance and condition[item] != ABSENT:
                    distance[item] = far
                    cause[item] = (provider, need)
                    queue.append(item)
    return Fall(distance, cause, out), first, shortest


def _shorten(graph: Graph, roots: Sequence[int], found: Fall, first: dict[int, int]) -> None:
    """A walk over what has failed, through needs that are not met, finds each item by the nearest provider."""
    failed, out, spare = found.distance, found.out, graph.spare
    distance = dict.fromkeys(roots, 0)
    found.cause.clear()
    first.clear()
    queue = list(distance)
    for provider in queue:
        if graph.condition[provider] == ABSENT:
            continue
        for need in graph.rows[provider]:
            item = graph.owner[need]
            if need not in out:
                continue
            first.setdefault(need, provider)
            if item in failed and item not in distance and out[need] > spare[need]:
                distance[item] = distance[provider] + 1
                found.cause[item] = (provider, need)
                queue.append(item)
    found.distance = distance


@dataclass(frozen=True, slots=True)
class Depth:
    """Hits within a depth: how many of each state, whether there are more beyond it, and which ones have those behind them."""

    failed: int
    at_risk: int
    cut: bool
    passing: frozenset[int]


class Downwards:
    """The answer to what a fault takes down, as far as `depth`: that never changes who is hit, only what is shown."""

    def __init__(self, graph: Graph, roots: Sequence[int], depth: int | None = None) -> None:
        self.graph, self.roots, self._depth = graph, frozenset(roots), depth
        self.found = fall(graph, roots)

    def path(self, number: int) -> list[int]:
        """The chain that proves a hit, from a root to it."""
        return self.found.path(number)

    @property
    def down(self) -> list[int]:
        """All that fails within the depth, the nearest first."""
        distance, depth = self.found.distance, self._depth
        return [number for number, far in distance.items() if depth is None or far <= depth]

    def shown(self) -> Depth:
        """What there is within the depth."""
        found, depth, graph = self.found, self._depth, self.graph
        if depth is None:
            return Depth(len(found.distance), len(found.at_risk), False, frozenset())
        beyond = {number for number, far in found.distance.items() if far > depth}
        beyond |= {number for number, risk in found.at_risk.items() if risk.distance > depth}
        passing = {
            number
            for number in self.down
            if graph.condition[number] != ABSENT and any(self._hits(need, beyond) for need in graph.rows[number])
        }
        at_risk = sum(risk.distance <= depth for risk in found.at_risk.values())
        return Depth(len(self.down), at_risk, bool(beyond), frozenset(passing))

    def _hits(self, need: int, items: Container[int]) -> bool:
        """Whether it is by this need that one of the items is hit."""
        item = self.graph.owner[need]
        return item in items and (item in self.found.at_risk or self.found.out[need] > self.graph.spare[need])

    def hits(self) -> Iterator[Hit]:
        """All hits within the depth, in their order; sorted only as far as they are taken."""
        found, depth, passing = self.found, self._depth, self.shown().passing
        for far, number in _in_order(self.graph, found.distance):
            if depth is None or far <= depth:
                need = found.cause[number][1] if number in found.cause else None
                yield Hit(number, FAILED, far, need, None, number in passing)
        risks = sorted(((number, risk.distance) for number, risk in found.at_risk.items()), key=itemgetter(1))
        for far, number in _in_order(self.graph, dict(risks)):
            if depth is None or far <= depth:
                risk = found.at_risk[number]
                yield Hit(number, AT_RISK, far, risk.need, risk.margin)


class Upwards:
    """The answer to what can take an item down. What fails with it alone, beside what is assumed to have failed, is a
    `FAILED` hit; what only takes from what it can spare is `AT_RISK`."""

    def __init__(self, graph: Graph, target: int, assumed: Sequence[int] = (), depth: int | None = None) -> None:
        self.graph, self.roots, self._depth = graph, frozenset([target, *assumed]), depth
        self._target, self._assumed = target, tuple(assumed)
        self._towards: dict[int, tuple[int, int]] = {}
        self._distance = self._closure()
        self._before = _spread(graph, self._assumed, self._distance)[0]
        self._exhausted = False
        self._alone = self._decide()

    def path(self, number: int) -> list[int]:
        """A shortest chain from an item to the target, through failed items where its failure takes the target down."""
        if number in self._alone and number not in self._before.distance and self._target not in self._before.distance:
            roots = [number, *self._assumed]
            found, first, shortest = _spread(self.graph, roots, self._distance)
            if not shortest:
                _shorten(self.graph, roots, found, first)
            chain = found.path(self._target)
            if chain[0] == number:
                return chain
        chain = [number]
        while chain[-1] != self._target:
            chain.append(self._towards[chain[-1]][0])
        return chain

    def shown(self) -> Depth:
        """What there is within the depth."""
        depth = self._depth
        near = [number for number, far in self._distance.items() if depth is None or far <= depth]
        alone = sum(number in self._alone for number in near)
        passing = frozenset(self._towards[number][0] for number, far in self._distance.items() if far == (depth or 0) + 1)
        beyond = len(near) < len(self._distance)
        return Depth(alone, len(near) - alone, beyond or self._exhausted, passing if depth is not None else frozenset())

    def hits(self) -> Iterator[Hit]:
        """All hits within the depth, in their order; the target itself is the first."""
        passing = self.shown().passing
        for state in (FAILED, AT_RISK):
            chosen = {number: far for number, far in self._distance.items() if (number in self._alone) == (state == FAILED)}
            for far, number in _in_order(self.graph, chosen):
                if self._depth is None or far <= self._depth:
                    need = self._towards[number][1] if number in self._towards else None
                    left = self._left(number, need) if need is not None and state == AT_RISK else -1
                    yield Hit(number, state, far, need, left if left >= 0 else None, number in passing)

    def _closure(self) -> dict[int, int]:
        """Everything that the target depends on, with its distance."""
        graph, distance = self.graph, {self._target: 0}
        for item in (queue := [self._target]):
            for need in graph.needs_of[item]:
                for provider in graph.members[need]:
                    if provider not in distance and graph.condition[provider] != ABSENT:
                        distance[provider] = distance[item] + 1
                        self._towards[provider] = (item, need)
                        queue.append(provider)
        return distance

    def _left(self, provider: int, need: int) -> int:
        """What a need can spare once this provider has failed too; negative when it is not met any more."""
        out = self._before.out.get(need, self.graph.away[need])
        lost = self.graph.condition[provider] == PRESENT and provider not in self._before.distance
        return self.graph.spare[need] - out - lost

    def _decide(self) -> set[int]:
        """Items whose failure takes the target down. A provider that is needed for such an item is one itself; of the rest only
        those that fail several needs at once have to be tried out."""
        alone, untried = {self._target}, []
        if self._target in self._before.distance:
            return set(self._distance)
        for item in self._distance:
            if item in alone or self.graph.condition[self._target] == ABSENT:
                continue
            broken = [need for need in self._within(item) if self._left(item, need) < 0]
            if any(self.graph.owner[need] in alone for need in broken):
                self._with_providers(item, alone)
            elif broken:
                untried.append(item)
        visits = 0
        for item in untried:
            if item in alone:
                continue
            if visits > _VISITS:
                self._exhausted = True
                break
            found, _, _ = _spread(self.graph, [item, *self._assumed], self._distance)
            visits += len(found.out)
            if self._target in found.distance:
                self._with_providers(item, alone)
        return alone

    def _with_providers(self, item: int, alone: set[int]) -> None:
        """Marks an item, and everything without which it fails."""
        alone.add(item)
        for each in (queue := [item]):
            for need in self.graph.needs_of[each]:
                for provider in self.graph.members[need]:
                    if provider in self._distance and provider not in alone and self._left(provider, need) < 0:
                        alone.add(provider)
                        queue.append(provider)

    def _within(self, item: int) -> Iterator[int]:
        return (need for need in self.graph.rows[item] if self.graph.owner[need] in self._distance)


def _in_order(graph: Graph, distances: Mapping[int, int]) -> Iterator[tuple[int, int]]:
    """By distance, in which they come already, then by id, for each process the same. Only what is taken is sorted."""
    for far, ring in groupby(distances.items(), key=itemgetter(1)):
        yield from ((far, number) for number in sorted((number for number, _ in ring), key=lambda each: graph.items[each].id))


def highest(graph: Graph, numbers: Iterable[int]) -> Criticality | None:
    """The highest criticality among items; None when none of them says any."""
    said = {graph.items[number].criticality for number in numbers}
    return next((each for each in reversed(Criticality) if each.value in said), None)


def services(graph: Graph, numbers: Iterable[int]) -> list[int]:
    """Those items that are business services, the most critical first."""
    rank = {each.value: -place for place, each in enumerate(Criticality)}
    found = [number for number in numbers if graph.is_service(graph.items[number].class_name)]
    return nsmallest(MOST_SERVICES, found, key=lambda each: (rank.get(graph.items[each].criticality, 1), graph.items[each].id))
