"""The tree against its definition in RFC 6962, word for word, against published vectors, and against any size."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.domain import merkle
from services.auth.domain.merkle import Growing, Span

VECTORS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""The entries, and the roots after each, of the reference implementation of RFC 6962 (certificate-transparency, merkletree)."""
SIZES = (0, 1, 2, 3, 7, 8, 9, 255, 256, 257)


def mth(entries: list[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1."""
    if not entries:
        return hashlib.sha256().digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return hashlib.sha256(b"\x01" + mth(entries[:k]) + mth(entries[k:])).digest()


class Log:
    """Entries with the tiles that they leave, as a store would keep them."""

    def __init__(self, count: int) -> None:
        self.entries = [f"entry {at}".encode() for at in range(count)]
        self.tree, self.tiles = Growing(), dict[tuple[int, int], bytes]()
        for entry in self.entries:
            for level, place, value in self.tree.add(merkle.leaf_hash(entry)):
                height, index, position = merkle.tile_of(level, place)
                tile = self.tiles.get((height, index), b"")
                assert len(tile) == position * merkle.HASH, "a tile is only ever added to"
                self.tiles[height, index] = tile + value

    def hash(self, span: Span) -> bytes:
        """The hash of a span, from tiles alone."""
        found = []
        for level, place in merkle.nodes(*span):
            height, index, _ = merkle.tile_of(level, place)
            found.append(merkle.in_tile(self.tiles[height, index], level, place))
        return merkle.fold(found)


def test_the_roots_are_those_of_the_published_vectors() -> None:
    tree, roots = Growing(), []
    for vector in VECTORS:
        tree.add(merkle.leaf_hash(bytes.fromhex(vector)))
        roots.append(tree.root.hex())
    assert roots == ROOTS
    assert Growing().root.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_the_proofs_are_those_of_the_published_vectors() -> None:
    assert merkle.inclusion(0, 8) == [(1, 2), (2, 4), (4, 8)]
    assert merkle.inclusion(5, 8) == [(4, 5), (6, 8), (0, 4)]
    assert merkle.inclusion(2, 3) == [(0, 2)]
    assert merkle.inclusion(1, 5) == [(0, 1), (2, 4), (4, 5)]
    assert merkle.inclusion(0, 1) == merkle.consistency(1, 1) == merkle.consistency(0, 5) == []
    assert merkle.consistency(1, 8) == [(1, 2), (2, 4), (4, 8)]
    assert merkle.consistency(6, 8) == [(4, 6), (6, 8), (0, 4)]
    assert merkle.consistency(2, 5) == [(2, 4), (4, 5)]


@pytest.mark.parametrize("size", SIZES)
def test_the_root_is_the_definition_and_every_node_is_in_its_tile(size: int) -> None:
    log = Log(size)
    assert log.tree.root == mth(log.entries) == log.hash((0, size))
    assert log.tree.peaks == [log.hash((place << level, place + 1 << level)) for level, place in merkle.nodes(0, size)]


@given(st.data())
def test_whatever_is_proven_of_an_entry_is_what_the_definition_says(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 600))
    index = data.draw(st.integers(0, size - 1))
    log = Log(size)
    proof = [log.hash(span) for span in merkle.inclusion(index, size)]
    assert proof == [mth(log.entries[first:end]) for first, end in merkle.inclusion(index, size)]
    leaf = merkle.leaf_hash(log.entries[index])
    assert merkle.included(leaf, index, size, proof) == log.tree.root
    assert merkle.included(merkle.leaf_hash(b"another"), index, size, proof) != log.tree.root
    assert merkle.included(leaf, index, size, [*proof, merkle.EMPTY]) is None
    if size > 1:
        other = (index + 1) % size
        assert merkle.included(leaf, other, size, proof) != log.tree.root


def grown(before: int, size: int, first: bytes, proof: list[bytes]) -> tuple[bytes, bytes]:
    """The two roots that a proof of consistency leads to (RFC 9162, 2.1.4.2)."""
    if before & before - 1 == 0:
        proof = [first, *proof]
    at, last = before - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = proof[0]
    for each in proof[1:]:
        assert last
        if at & 1 or at == last:
            old, new = merkle.node_hash(each, old), merkle.node_hash(each, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = merkle.node_hash(new, each)
        at, last = at >> 1, last >> 1
    assert last == 0
    return old, new


@given(st.integers(1, 600), st.integers(0, 300))
def test_a_log_is_proven_to_begin_with_every_earlier_one(before: int, more: int) -> None:
    size = before + more
    log = Log(size)
    spans = merkle.consistency(before, size)
    proof = [log.hash(span) for span in spans]
    assert proof == [mth(log.entries[first:end]) for first, end in spans]
    if more:
        root = mth(log.entries[:before])
        assert grown(before, size, root, proof) == (root, log.tree.root)


@given(st.integers(1, 300), st.data())
def test_a_log_goes_on_from_its_peaks(size: int, data: st.DataObject) -> None:
    whole = Log(size)
    cut = data.draw(st.integers(0, size))
    part = Growing(cut, list(Log(cut).tree.peaks))
    for entry in whole.entries[cut:]:
        part.add(merkle.leaf_hash(entry))
    assert (part.size, part.peaks) == (size, whole.tree.peaks)


def test_a_tile_that_was_cut_says_so() -> None:
    log = Log(3)
    with pytest.raises(LookupError, match="ends before node 0 of level 1"):
        merkle.in_tile(log.tiles[0, 0][: merkle.HASH], 1, 0)
