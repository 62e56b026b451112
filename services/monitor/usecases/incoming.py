"""Samples on their way in: three columns of many series, those of series not seen before marked until they are registered."""

from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Protocol

from services.monitor.domain.series import Labels, SeriesKind, Unfit


class Known(Protocol):
    """The series that this process knows, by what their senders call them."""

    def get(self, key: bytes, default: int = 0) -> int:
        """The number of a series, or `default`."""


@dataclass(slots=True)
class Unseen:
    """A series that may be new: its labels and where its samples lie in the columns."""

    labels: Labels
    kind: SeriesKind
    spans: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class Incoming:
    """Samples of one request. A series number of 0 stands for one of `unseen`, or for what is not kept.

    `received` counts all samples of the request, `refused` those that never will be kept, by reason.
    """

    numbers: "array[int]" = field(default_factory=lambda: array("Q"))
    times: "array[int]" = field(default_factory=lambda: array("q"))
    values: "array[float]" = field(default_factory=lambda: array("d"))
    unseen: dict[bytes, Unseen] = field(default_factory=dict)
    unfit: dict[bytes, str] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    received: int = 0

    def begin(self, key: bytes, labels: Callable[[], Labels], kind: SeriesKind) -> "Unseen | str":
        """What samples of a series belong to that is not known; why they will never be kept, when its labels are unfit."""
        found = self.unseen.get(key) or self.unfit.get(key)
        if found is None:
            try:
                found = self.unseen[key] = Unseen(labels(), kind)
            except Unfit as problem:
                found = self.unfit[key] = f"with {problem}"
        return found

    def add(self, owner: "Unseen | int", time: int, value: float) -> None:
        """One more sample."""
        place = len(self.times)
        self.times.append(time)
        self.values.append(value)
        if isinstance(owner, int):
            self.numbers.append(owner)
        else:
            self.numbers.append(0)
            owner.spans.append((place, place + 1))

    def refuse(self, reason: str, count: int) -> None:
        """Counts samples that never will be kept."""
        self.refused[reason] += count
        self.received += count


def person(tenant: str) -> bytes:
    """Keeps the keys of tenants apart."""
    return blake2b(tenant.encode(), digest_size=16).digest()


def key_of(raw: bytes, tenant: bytes) -> bytes:
    """What a sender calls a series, shortened; `tenant` is what `person` made."""
    return blake2b(raw, digest_size=16, person=tenant).digest()


def told(refused: Counter[str], received: int) -> str:
    """What was not kept, for people."""
    count = sum(refused.values())
    reasons = "; ".join(f"{number} {reason}" for reason, number in refused.most_common())
    return f"{count} of {received} samples refused: {reasons}"
