"""Which alerts are consequences of which: what fails because of what it needs, through redundant groups, at any depth.

An asset with providers P in a group of which k must work fails when more than |P| - k of them fail; without a word on k, when
any does. Every group counts for itself. An alert is a consequence when its asset fails because of others; where assets need
each other in a circle, the earliest alert of the circle is the cause of the rest.
"""

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Relation:
    """A provider that a consumer needs, as one of a group."""

    provider_id: str
    consumer_id: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class Minimum:
    """How many of a group must work: a count, or a share in percent that is rounded up."""

    count: int = 0
    percent: int = 0

    def of(self, providers: int) -> int:
        """The number for a group of that size; never more than there are."""
        wanted = self.count if self.count > 0 else -(-self.percent * providers // 100)
        return min(wanted, providers) if wanted > 0 else providers


@dataclass(frozen=True, slots=True)
class Fault:
    """An asset that fails by itself, the record that says so, and since when. What people were `told` of stays the cause."""

    asset_id: str
    reference: str
    since: datetime
    told: bool = False

    @property
    def rank(self) -> tuple[bool, datetime, str]:
        """The smallest is the first cause."""
        return not self.told, self.since, self.reference


@dataclass(slots=True)
class Topology:
    """Who needs whom. Assets in `uncounted` (planned, retired) neither fail nor stand in for others; those in `away` (in
    repair, lost) are counted, and cannot stand in for others either."""

    relations: Iterable[Relation] = ()
    minimums: Mapping[tuple[str, str], Minimum] = field(default_factory=dict)
    uncounted: Collection[str] = frozenset()
    away: Collection[str] = frozenset()
    _needs: dict[str, dict[str, tuple[str, ...]]] = field(init=False)
    _serves: dict[str, tuple[str, ...]] = field(init=False)

    def __post_init__(self) -> None:
        needs: dict[str, dict[str, dict[str, None]]] = defaultdict(lambda: defaultdict(dict))
        serves: dict[str, dict[str, None]] = defaultdict(dict)
        for each in self.relations:
            if each.provider_id not in self.uncounted and each.provider_id != each.consumer_id:
                needs[each.consumer_id][each.group][each.provider_id] = None
                serves[each.provider_id][each.consumer_id] = None
        self.relations = ()
        self._needs = {consumer: {name: tuple(each) for name, each in groups.items()} for consumer, groups in needs.items()}
        self._serves = {provider: tuple(each) for provider, each in serves.items()}

    def needs(self, asset_id: str) -> Mapping[str, Sequence[str]]:
        """The providers of an asset, by group."""
        return self._needs.get(asset_id, {})

    def serves(self, asset_id: str) -> Sequence[str]:
        """Who needs an asset."""
        return self._serves.get(asset_id, ())

    def depends(self, asset_id: str) -> bool:
        """Whether an asset needs anything."""
        return asset_id in self._needs

    def above(self, asset_ids: Iterable[str]) -> set[str]:
        """All that these need, at any depth; one of them only where another needs it or a circle leads back to it."""
        found: set[str] = set()
        waiting = deque(asset_ids)
        while waiting:
            for providers in self.needs(waiting.popleft()).values():
                for provider in providers:
                    if provider not in found:
                        found.add(provider)
                        waiting.append(provider)
        return found

    def failing(self, asset_id: str, failed: Collection[str]) -> list[str]:
        """The failed providers in the groups that no longer suffice; none where the asset works."""
        found = []
        for group, providers in self.needs(asset_id).items():
            down = [provider for provider in providers if provider in failed]
            minimum = self.minimums.get((asset_id, group))
            spare = len(providers) - minimum.of(len(providers)) if minimum else 0
            away = sum(provider in self.away and provider not in failed for provider in providers)
            if down and len(down) + away > spare:
                found += down
        return found


def causes(topology: Topology, faults: Iterable[Fault], asked: Iterable[str]) -> dict[str, Fault]:
    """For each asked asset that fails because of others: the fault that is the first cause."""
    asked = set(asked)
    scope = asked | topology.above(asked)
    own: dict[str, Fault] = {}
    for fault in faults:
        known = own.get(fault.asset_id)
        if fault.asset_id in scope and (known is None or fault.rank < known.rank):
            own[fault.asset_id] = fault
    if not own:
        return {}
    cause: dict[str, Fault] = {}
    for circle in _circles(topology, scope):
        _spread(topology, circle, cause)
        left = sorted((own[each] for each in circle if each in own and each not in cause), key=lambda fault: fault.rank)
        for fault in left:
            if fault.asset_id not in cause:
                cause[fault.asset_id] = fault
                _spread(topology, circle, cause)
    return {each: cause[each] for each in asked if each in cause and cause[each].asset_id != each}


def _spread(topology: Topology, circle: Sequence[str], cause: dict[str, Fault]) -> None:
    """Lets fail what fails by what has failed, inside of one circle of assets that need each other."""
    waiting = deque(circle)
    inside = set(circle)
    while waiting:
        asset = waiting.popleft()
        if asset in cause:
            continue
        down = topology.failing(asset, cause)
        if down:
            cause[asset] = min((cause[provider] for provider in down), key=lambda fault: fault.rank)
            waiting.extend(consumer for consumer in topology.serves(asset) if consumer in inside)


def _circles(topology: Topology, scope: Collection[str]) -> Iterator[list[str]]:
    """The strongly connected parts of the graph, providers before consumers (Tarjan's algorithm, without recursion)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    path: list[str] = []
    on_path: set[str] = set()
    for start in sorted(scope):
        if start in order:
            continue
        walk = [(start, _providers(topology, start))]
        order[start] = low[start] = len(order)
        path.append(start)
        on_path.add(start)
        while walk:
            node, providers = walk[-1]
            following = next((each for each in providers if each not in order or each in on_path), None)
            if following is None:
                walk.pop()
                if walk:
                    above = walk[-1][0]
                    low[above] = min(low[above], low[node])
                if low[node] == order[node]:
                    part = path[path.index(node) :] if path[-1] != node else [node]
                    del path[len(path) - len(part) :]
                    on_path.difference_update(part)
                    yield sorted(part)
            elif following in order:
                low[node] = min(low[node], order[following])
            else:
                order[following] = low[following] = len(order)
                path.append(following)
                on_path.add(following)
                walk.append((following, _providers(topology, following)))


def _providers(topology: Topology, asset_id: str) -> Iterator[str]:
    return (provider for providers in topology.needs(asset_id).values() for provider in providers)
