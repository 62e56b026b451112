"""Impact by brute force: sets, whole passes until nothing changes, every rule in the words that it is stated in.

It shares no code with the graph that it judges, and takes plain tuples.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

WORKING, AWAY = {"IN_USE"}, {"IN_REPAIR", "LOST"}
"""Any other state is not part of the estate."""


@dataclass
class World:
    """`states` by item; `needs` as (item, group) → (count, percent); `links` as (provider, consumer, kind, group)."""

    states: dict[str, str]
    needs: dict[tuple[str, str], tuple[int, int]]
    links: set[tuple[str, str, str, str]]

    def there(self, item: str) -> bool:
        return self.states[item] in WORKING | AWAY

    def providers(self, item: str, group: str) -> set[str]:
        return {p for p, c, kind, g in self.links if (c, g) == (item, group) and kind != "INFORMS" and self.there(p)}

    def groups(self, item: str) -> set[str]:
        return {g for _, c, kind, g in self.links if c == item and kind != "INFORMS"}

    def least(self, item: str, group: str) -> int:
        total = len(self.providers(item, group))
        count, percent = self.needs.get((item, group), (0, 0))
        if count:
            return min(count, total)
        return math.ceil(percent * total / 100) if percent else total

    def lost(self, item: str, group: str, failed: set[str]) -> set[str]:
        return {p for p in self.providers(item, group) if p in failed or self.states[p] in AWAY}

    def hit(self, item: str, group: str, failed: set[str]) -> bool:
        """Whether a failed provider is in the group at all: being away is no fault."""
        return bool(self.providers(item, group) & failed)

    def breaks(self, item: str, group: str, failed: set[str]) -> bool:
        total = len(self.providers(item, group))
        return self.hit(item, group, failed) and len(self.lost(item, group, failed)) > total - self.least(item, group)

    def margin(self, item: str, group: str, failed: set[str]) -> int:
        return len(self.providers(item, group)) - self.least(item, group) - len(self.lost(item, group, failed))


@dataclass
class Verdict:
    """Who fails and how far from a root, and whose margin is how small."""

    failed: dict[str, int]
    at_risk: dict[str, int]


def judge(world: World, roots: Iterable[str]) -> Verdict:
    failed = set(roots)
    while more := {
        item
        for item in world.states
        if item not in failed and world.there(item) and any(world.breaks(item, g, failed) for g in world.groups(item))
    }:
        failed |= more
    distance = dict.fromkeys(roots, 0)
    for far in range(len(world.states)):
        here = {item for item, d in distance.items() if d == far}
        for item in failed - distance.keys():
            broken = [g for g in world.groups(item) if world.breaks(item, g, failed)]
            if any(world.providers(item, g) & here for g in broken):
                distance[item] = far + 1
    risky = {
        item: min(world.margin(item, g, failed) for g in world.groups(item) if world.hit(item, g, failed))
        for item in world.states
        if item not in failed and world.there(item) and any(world.hit(item, g, failed) for g in world.groups(item))
    }
    return Verdict(distance, risky)


def upstream(world: World, target: str) -> set[str]:
    found = {target}
    while more := {p for item in found for g in world.groups(item) for p in world.providers(item, g) if p not in found}:
        found |= more
    return found
