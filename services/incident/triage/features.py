"""What of a ticket's text counts when it is sorted: words, pairs of words, how it begins, parts of words.

A linear model weighs each feature by itself, so what matters only together has to be one feature: that `reset` and `badge`
both stand near the beginning. Every feature is a number of 32 bits that follows from what it stands for, so that a model
needs no list of words, and a text of a customer cannot be read back from it.
"""

import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

_WORD = re.compile(r"[^\W_]+(?:['\u2019.-][^\W_]+)*")

MOST_WORDS = 2_000
"""Of a text; what follows is not looked at. The longest ticket of a real log has half of it."""
LONGEST_WORD = 40
BEGINNING, NEAR, WIDE = 12, 14, 30
_SHORTEST_PART, _LONGEST_PART = 2, 6
_KNOWN_WORDS = 200_000

Features: TypeAlias = npt.NDArray[np.uint32]
_Hashes: TypeAlias = npt.NDArray[np.uint64]

# Odd constants, so that a multiplication loses nothing; which of two words comes first has to matter.
_FIRST, _SECOND, _LAST = (np.uint64(number) for number in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0xD6E8FEB86659FD93))
_HIGH = np.uint64(32)


def words(text: str) -> Sequence[str]:
    """The words of a text in lower case, in order."""
    return [match[0][:LONGEST_WORD] for _, match in zip(range(MOST_WORDS), _WORD.finditer(text.lower()), strict=False)]


@lru_cache(_KNOWN_WORDS)
def _hash(word: str) -> int:
    return int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "little")


@lru_cache(_KNOWN_WORDS)
def _parts_of(word: str) -> Features:
    framed = f" {word} "
    sizes = range(_SHORTEST_PART, min(_LONGEST_PART, len(framed)) + 1)
    parts = [zlib.crc32(framed[at : at + size].encode()) for size in sizes for at in range(len(framed) - size + 1)]
    return np.array(parts, np.uint32)


def _numbers(hashes: _Hashes) -> Features:
    return (hashes * _LAST >> _HIGH).astype(np.uint32)


def _joined(first: _Hashes, second: _Hashes, way: int) -> Features:
    return _numbers(first * _FIRST + second * _SECOND + np.uint64(way))


@dataclass(frozen=True, slots=True)
class _Said:
    """The words of a text, and a number for each."""

    words: Sequence[str]
    hashes: _Hashes


def _in_a_row(hashes: _Hashes) -> Features:
    """Words, and every two beside each other."""
    return np.concatenate([_numbers(hashes), _joined(hashes[:-1], hashes[1:], 1)])


def _together(hashes: _Hashes) -> Features:
    """Every two words, whichever comes first."""
    distinct = np.unique(hashes)
    first, second = np.triu_indices(len(distinct), 1)
    return _joined(distinct[first], distinct[second], 2)


def _apart(hashes: _Hashes) -> Features:
    """Two words with one or two others between them."""
    return np.concatenate([_joined(hashes[:-2], hashes[2:], 3), _joined(hashes[:-3], hashes[3:], 4)])


def _parts(words: Sequence[str]) -> Features:
    """Parts of words with their borders: endings, stems, and what is left of a word with a wrong letter."""
    return np.concatenate([_parts_of(word) for word in words]) if words else np.empty(0, np.uint32)


@dataclass(frozen=True, slots=True)
class Block:
    """Features of one kind: how they are found, how much they count together, in how many texts one has to be."""

    find: Callable[[_Said], Features]
    weight: float
    least: int


BLOCKS: Mapping[str, Block] = {
    "terms": Block(lambda said: _in_a_row(said.hashes), 1.0, 2),
    "beginning": Block(lambda said: _in_a_row(said.hashes[:BEGINNING]), 0.5, 2),
    "near": Block(lambda said: _together(said.hashes[:NEAR]), 0.7, 3),
    "wide": Block(lambda said: _together(said.hashes[:WIDE]), 0.5, 5),
    "apart": Block(lambda said: _apart(said.hashes), 0.5, 2),
    "parts": Block(lambda said: _parts(said.words), 1.0, 5),
}


def features(text: str) -> Mapping[str, tuple[Features, npt.NDArray[np.float32]]]:
    """The distinct features of a text by block, in ascending order, and how strongly each is said: 1 + ln of how often."""
    spoken = words(text)
    said = _Said(spoken, np.fromiter((_hash(word) for word in spoken), np.uint64, len(spoken)))
    found = {}
    for name, block in BLOCKS.items():
        distinct, counts = np.unique(block.find(said), return_counts=True)
        found[name] = distinct, (1 + np.log(counts)).astype(np.float32)
    return found
