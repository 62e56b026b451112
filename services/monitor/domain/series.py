"""What a series is: a set of labels inside a tenant, its name among them, and what may be said with it.

Rules on labels are those of Prometheus remote write 1.0: sorted, none twice, no empty name or value, a metric name.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from hashlib import blake2b

NAME = "__name__"
"""The label that holds the name of the metric."""

Labels = tuple[tuple[str, str], ...]

MOST_LABELS = 64
LONGEST_NAME = 256
LONGEST_VALUE = 2048

# What may tell which asset a series is of, the surest first.
HINTS = ("asset.id", "agent.id", "host.id", "host.name", "instance", "service.instance.id")


class SeriesKind(StrEnum):
    """How values follow each other. Remote write 1.0 does not say; a counter is then told by how it is asked for."""

    UNKNOWN = "UNKNOWN"
    GAUGE = "GAUGE"
    COUNTER = "COUNTER"
    DELTA = "DELTA"


class Unfit(ValueError):
    """Labels that no series may have; the text says why and names no value."""


def checked(labels: Labels) -> Labels:
    """The same labels. Raises `Unfit`."""
    if len(labels) > MOST_LABELS:
        raise Unfit(f"more than {MOST_LABELS} labels")
    previous = ""
    named = False
    for name, value in labels:
        if not name or not value:
            raise Unfit("a label without a name or a value")
        if "=" in name:
            raise Unfit("a label whose name holds an equals sign")
        if name <= previous:
            raise Unfit("a label twice" if name == previous else "labels that are not sorted")
        if len(name) > LONGEST_NAME or len(value) > LONGEST_VALUE:
            raise Unfit("a label that is too long")
        named = named or name == NAME
        previous = name
    if not named:
        raise Unfit("no metric name")
    return labels


def labels_of(pairs: Mapping[str, str]) -> Labels:
    """Sorted labels of what has something to say. Raises `Unfit`."""
    return checked(tuple(sorted((name, value) for name, value in pairs.items() if value)))


def identity(tenant: str, labels: Labels) -> int:
    """64 bits that name a series in all processes; never 0. Whoever registers one compares the labels, too."""
    # With lengths, so that no value can pretend to be two labels.
    text = "".join(f"{len(part)}:{part}" for part in (tenant, *(part for pair in labels for part in pair)))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) or 1


def public_id(number: int) -> str:
    """`ser_` and the 64 bits in hexadecimal."""
    return f"ser_{number:016x}"


def number_of(public: str) -> int:
    """The 64 bits again. Raises `ValueError` for what is no id of a series."""
    if not public.startswith("ser_") or len(public) != 20:
        raise ValueError("this is no id of a series")
    return int(public[4:], 16)


def hints(labels: Iterable[tuple[str, str]]) -> dict[str, str]:
    """What the labels say of the asset, the surest first."""
    told = dict(labels)
    return {name: told[name] for name in HINTS if name in told}
