"""The graph of one tenant in memory: items, links, and who needs how many of whom, as numbers in rows that a walk passes fast.

A consumer has one need for each group of its providers; a provider's row lists the needs that it serves. Every change costs
what it touches, however large the graph is. Nothing here raises for what it does not know, because links may come before
their items.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b

from services.asset.domain.relation import RelationKind

PRESENT, AWAY, ABSENT = 0, 1, 2
"""Whether an item works, is out for a while (counted as one that does not work), or is not part of the estate at all."""

_CONDITIONS = {"IN_USE": PRESENT, "IN_REPAIR": AWAY, "LOST": AWAY}
BUSINESS_SERVICE = "business_service"


@dataclass(frozen=True, slots=True)
class Need:
    """How many providers of a group must work: a count, else a share in percent, else all of them."""

    group: str
    count: int = 0
    percent: int = 0

    def of(self, total: int) -> int:
        """The least number out of `total`; a share is rounded up."""
        if self.count > 0:
            return self.count
        return -(-self.percent * total // 100) if self.percent > 0 else total


@dataclass(frozen=True, slots=True)
class Item:
    """What the graph knows of an asset. `known` is false for one that only a link has named so far; it counts as working."""

    id: str
    name: str = ""
    class_name: str = ""
    state: str = ""
    criticality: str = ""
    needs: tuple[Need, ...] = ()
    known: bool = True

    @property
    def condition(self) -> int:
        """`PRESENT`, `AWAY` or `ABSENT`."""
        return _CONDITIONS.get(self.state, ABSENT) if self.known else PRESENT

    @property
    def meaning(self) -> str:
        """What decides about impact; a new name changes nothing about it."""
        return f"{self.id}|{self.condition}|{self.criticality}|{self.class_name}|{self.needs}" if self.known else ""


@dataclass(frozen=True, slots=True)
class Link:
    """A relation between two items."""

    id: str
    provider: str
    consumer: str
    kind: str
    group: str = ""

    @property
    def passes(self) -> bool:
        """Whether the consumer breaks with the provider."""
        return self.kind != RelationKind.INFORMS


class Graph:
    """Items have numbers, and so have needs; both stay the same as long as the graph lives."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.links: dict[str, Link] = {}
        self.condition = bytearray()
        self.touching: list[list[str]] = []  # by item: ids of the links at it
        self.needs_of: list[list[int]] = []  # by item: the needs that it has
        self.rows: list[list[int]] = []  # by item: the needs that it serves, each once
        # By need: who has it, for which group, who serves it by how many links, how many of these do not work anyway, and how
        # many may be out of work before it is not met any more.
        self.owner: list[int] = []
        self.group: list[str] = []
        self.members: list[dict[int, int]] = []
        self.away: list[int] = []
        self.spare: list[int] = []
        self.missing: set[str] = set()
        self._services = frozenset({BUSINESS_SERVICE})
        self._numbers: dict[str, int] = {}
        self._need_numbers: dict[tuple[int, str], int] = {}
        self._meaning = 0
        self._uncounted: set[int] | None = None

    def __len__(self) -> int:
        return len(self.items) + len(self.links)

    @property
    def version(self) -> str:
        """Sixteen hexadecimal digits that follow from what the graph says, in every process the same."""
        return f"{self._meaning:016x}"

    def number(self, id: str) -> int | None:  # noqa: A002 - the field's name everywhere
        """The number of a known item."""
        number = self._numbers.get(id)
        return number if number is not None and self.items[number].known else None

    def ends(self, link: Link) -> tuple[int, int]:
        """The numbers of its provider and its consumer."""
        return self._numbers[link.provider], self._numbers[link.consumer]

    def is_service(self, class_name: str) -> bool:
        """Whether items of a class are business services."""
        return class_name in self._services

    def put_classes(self, parents: Mapping[str, str]) -> None:
        """Learns of the tenant's own classes, each with the one that it is a kind of."""
        found = {BUSINESS_SERVICE}
        while more := {name for name, parent in parents.items() if parent in found and name not in found}:
            found |= more
        self._services = frozenset(found)

    def put_item(self, item: Item) -> None:
        """Learns of an item as it is now."""
        number = self._numbers.get(item.id)
        if number is None:
            self._add(item)
            self._meaning ^= _digest(item.meaning)
            return
        before, self.items[number] = self.items[number], item
        self.missing.discard(item.id)
        self._meaning ^= _digest(before.meaning) ^ _digest(item.meaning)
        if self.condition[number] != item.condition:
            self.condition[number] = item.condition
            for need in self.rows[number]:
                self._count(need)
        if before.needs != item.needs:
            for need in self.needs_of[number]:
                self._count(need)

    def put_link(self, link: Link) -> None:
        """Learns of a link as it is now."""
        if self.links.get(link.id) == link:
            return
        self.drop_link(link.id)
        provider, consumer = self._known(link.provider), self._known(link.consumer)
        self.links[link.id] = link
        self.touching[provider].append(link.id)
        self.touching[consumer].append(link.id)
        self._meaning ^= _digest(f"{link}")
        if link.passes:
            need = self._need(consumer, link.group)
            members = self.members[need]
            if provider not in members:
                self.rows[provider].append(need)
            members[provider] = members.get(provider, 0) + 1
            self._count(need)

    def drop_link(self, id: str) -> None:  # noqa: A002 - as above
        """Forgets a link, if there is one."""
        link = self.links.pop(id, None)
        if link is None:
            return
        provider, consumer = self.ends(link)
        self.touching[provider].remove(id)
        self.touching[consumer].remove(id)
        self._meaning ^= _digest(f"{link}")
        if link.passes:
            need = self._need_numbers[consumer, link.group]
            members = self.members[need]
            members[provider] -= 1
            if not members[provider]:
                del members[provider]
                self.rows[provider].remove(need)
            self._count(need)

    def put_all(self, items: Iterable[Item], links: Iterable[Link]) -> None:
        """Learns of much at once: each need is counted once."""
        uncounted = self._uncounted = set()
        for item in items:
            self.put_item(item)
        for link in links:
            self.put_link(link)
        self._uncounted = None
        for need in uncounted:
            self._count(need)

    def _add(self, item: Item) -> int:
        number = self._numbers[item.id] = len(self.items)
        self.items.append(item)
        self.condition.append(item.condition)
        self.touching.append([])
        self.needs_of.append([])
        self.rows.append([])
        return number

    def _known(self, id: str) -> int:  # noqa: A002 - as above
        number = self._numbers.get(id)
        if number is None:
            self.missing.add(id)
            number = self._add(Item(id, known=False))
        return number

    def _need(self, consumer: int, group: str) -> int:
        need = self._need_numbers.get((consumer, group))
        if need is None:
            need = self._need_numbers[consumer, group] = len(self.group)
            self.owner.append(consumer)
            self.group.append(group)
            self.members.append({})
            self.away.append(0)
            self.spare.append(0)
            self.needs_of[consumer].append(need)
        return need

    def _count(self, need: int) -> None:
        """How many of a group's providers there are, counted over all of them, whoever is reached or visible."""
        if self._uncounted is not None:
            self._uncounted.add(need)
            return
        conditions = [self.condition[provider] for provider in self.members[need]]
        total = len(conditions) - conditions.count(ABSENT)
        group = self.group[need]
        needs = (each for each in self.items[self.owner[need]].needs if each.group == group)
        least = next(needs, Need(group)).of(total)
        self.away[need] = conditions.count(AWAY)
        self.spare[need] = max(0, total - least)


def _digest(meaning: str) -> int:
    return int.from_bytes(blake2b(meaning.encode(), digest_size=8).digest()) if meaning else 0
