"""The tree over an append-only log (RFC 6962, 2.1): hashes, proofs, and the tiles that nodes are kept in. No input or output.

A node is named by its level (0: leaves) and its place there; it is *complete* when all 2^level leaves beneath it exist, and a
complete node never changes. Whatever is asked of a log of some size is a fold of complete nodes. A tile holds up to 256
neighbours of each eighth level, in order, so that a log of any size is reached through a few documents.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

HASH = 32
TILE_LEVELS = 8
TILE = 1 << TILE_LEVELS
EMPTY = hashlib.sha256(b"").digest()
"""The root of a log without entries."""

Span = tuple[int, int]
Node = tuple[int, int]


def leaf_hash(content: bytes) -> bytes:
    """The hash of an entry."""
    return hashlib.sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def fold(hashes: Sequence[bytes]) -> bytes:
    """The root of neighbouring complete subtrees, as `nodes` names them."""
    if not hashes:
        return EMPTY
    *rest, root = hashes
    for each in reversed(rest):
        root = node_hash(each, root)
    return root


def nodes(first: int, end: int) -> list[Node]:
    """The complete nodes that cover the entries of a span; `first` is a multiple of its length's next power of two, or 0."""
    found = []
    while first < end:
        level = (end - first).bit_length() - 1
        found.append((level, first >> level))
        first += 1 << level
    return found


def inclusion(index: int, size: int) -> list[Span]:
    """The spans whose hashes prove, in this order, that an entry is in a log of a size (RFC 6962, 2.1.1)."""
    return _path(index, 0, size)


def _path(index: int, first: int, end: int) -> list[Span]:
    if end - first <= 1:
        return []
    middle = first + _split(end - first)
    if index < middle:
        return [*_path(index, first, middle), (middle, end)]
    return [*_path(index, middle, end), (first, middle)]


def consistency(before: int, size: int) -> list[Span]:
    """The spans whose hashes prove that a log of a size begins with one of an earlier size (RFC 6962, 2.1.2)."""
    return _grown(before, 0, size, whole=True) if 0 < before < size else []


def _grown(before: int, first: int, end: int, *, whole: bool) -> list[Span]:
    if before == end:
        return [] if whole else [(first, end)]
    middle = first + _split(end - first)
    if before <= middle:
        return [*_grown(before, first, middle, whole=whole), (middle, end)]
    return [*_grown(before, middle, end, whole=False), (first, middle)]


def _split(length: int) -> int:
    """The largest power of two below it."""
    return 1 << (length - 1).bit_length() - 1


@dataclass(slots=True)
class Growing:
    """A log of a size that entries are added to. `peaks` are the hashes of `nodes(0, size)`: all that its root depends on."""

    size: int = 0
    peaks: list[bytes] = field(default_factory=list)

    def add(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Adds the hash of an entry; gives those nodes that became complete and are kept in tiles: level, place and hash."""
        level, place, value = 0, self.size, leaf
        kept = [(level, place, value)]
        while place & 1:
            value = node_hash(self.peaks.pop(), value)
            level, place = level + 1, place >> 1
            if level % TILE_LEVELS == 0:
                kept.append((level, place, value))
        self.peaks.append(value)
        self.size += 1
        return kept

    @property
    def root(self) -> bytes:
        """The root as it is now."""
        return fold(self.peaks)


def tile_of(level: int, place: int) -> tuple[int, int, int]:
    """Where a kept node lies, or the first of those beneath a node: the level and place of the tile, the position in it."""
    height, up = divmod(level, TILE_LEVELS)
    position = place << up
    return height, position // TILE, position % TILE


def in_tile(tile: bytes, level: int, place: int) -> bytes:
    """The hash of a complete node, from its tile. Raises `LookupError` where the tile does not hold it all."""
    _, _, position = tile_of(level, place)
    count = 1 << level % TILE_LEVELS
    row = [tile[at * HASH : (at + 1) * HASH] for at in range(position, position + count)]
    if any(len(each) != HASH for each in row):
        raise LookupError(f"the tile ends before node {place} of level {level}")
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]


def included(leaf: bytes, index: int, size: int, proof: Iterable[bytes]) -> bytes | None:
    """The root that a proof of inclusion leads to (RFC 9162, 2.1.3.2); None where it has not the length that it needs."""
    at, last, root = index, size - 1, leaf
    if not 0 <= index < size:
        return None
    for each in proof:
        if last == 0:
            return None
        if at & 1 or at == last:
            root = node_hash(each, root)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            root = node_hash(root, each)
        at, last = at >> 1, last >> 1
    return root if last == 0 else None
