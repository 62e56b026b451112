"""Bytes of a remote write, as an encoder that shares nothing with ours makes them, and what may stand around them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitor.domain.samples import STALE, bits
from services.monitor.domain.series import SeriesKind
from services.monitor.ingest import remote_write
from services.monitor.ingest.remote_write import Malformed, TooLarge
from services.monitor.usecases.catalog import Remembered
from services.monitor.usecases.incoming import Incoming, person
from tests.unit.monitor.measuring import Rows, part, sample, snappy, varint, write_request

names = st.text(st.characters(exclude_characters="=", exclude_categories=["Cs"]), min_size=1, max_size=8)
labels = st.dictionaries(names, st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8), max_size=5)
points = st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.floats()), max_size=5)


def decoded(raw: bytes, known: Remembered | None = None) -> Incoming:
    return remote_write.decode(raw, person("main"), known or Remembered())


def samples_of(incoming: Incoming) -> dict[tuple[tuple[str, str], ...], list[tuple[int, int]]]:
    found = {}
    for unseen in incoming.unseen.values():
        places = [place for span in unseen.spans for place in range(*span)]
        found[unseen.labels] = [(incoming.times[place], bits(incoming.values[place])) for place in places]
    return found


@given(st.lists(st.tuples(labels, points), max_size=5, unique_by=lambda row: tuple(sorted(row[0].items()))))
def test_every_sample_comes_out_with_its_labels(rows: Rows) -> None:
    named: Rows = [({**told, "__name__": "m"}, samples) for told, samples in rows]
    wanted: dict[tuple[tuple[str, str], ...], list[tuple[int, int]]] = {}
    for told, samples in named:
        if samples:
            wanted.setdefault(tuple(sorted(told.items())), []).extend((time, bits(value)) for time, value in samples)
    assert samples_of(decoded(remote_write.decompressed(snappy(write_request(named))))) == wanted


def test_a_known_series_is_found_by_the_bytes_of_its_labels() -> None:
    known = Remembered()
    body = write_request([({"__name__": "up", "job": "a"}, [(1, 1.0)]), ({"__name__": "up", "job": "b"}, [(1, 2.0), (2, 3.0)])])
    for number, key in enumerate(decoded(body).unseen, 7):
        known.put(key, number)
    again = decoded(body, known)
    assert (list(again.numbers), list(again.times), list(again.values)) == ([7, 8, 8], [1, 1, 2], [1.0, 2.0, 3.0])
    assert not again.unseen


def test_the_same_bytes_are_another_series_in_another_tenant() -> None:
    body = write_request([({"__name__": "up"}, [(1, 1.0)])])
    one, other = (remote_write.decode(body, person(tenant), Remembered()) for tenant in ("main", "other"))
    assert one.unseen.keys().isdisjoint(other.unseen)


def test_the_bits_of_a_value_stay() -> None:
    (found,) = samples_of(decoded(write_request([({"__name__": "m"}, [(1, STALE), (2, -0.0), (3, math.inf)])]))).values()
    assert found == [(1, 0x7FF0_0000_0000_0002), (2, bits(-0.0)), (3, bits(math.inf))]


def test_metadata_exemplars_and_what_may_come_are_passed_over() -> None:
    label = part(1, part(1, b"__name__") + part(2, b"m"))
    exemplar = part(3, part(1, part(1, b"trace") + part(2, b"1")) + b"\x11" + bytes(8))
    body = part(1, label + part(2, sample(1.0, 5)) + exemplar) + part(3, part(2, b"m")) + part(99, b"new")
    assert samples_of(decoded(body)) == {(("__name__", "m"),): [(5, bits(1.0))]}


def test_of_a_native_histogram_count_and_sum_are_kept() -> None:
    label = part(1, part(1, b"__name__") + part(2, b"wait"))
    whole = b"\x08" + varint(7) + b"\x19" + bytes.fromhex("0000000000000440") + varint(15 << 3) + varint(5)
    fractions = b"\x11" + bytes.fromhex("000000000000e03f") + b"\x19" + bytes(8) + varint(15 << 3) + varint(6)
    incoming = decoded(part(1, label + part(4, whole) + part(4, fractions)))
    assert samples_of(incoming) == {
        (("__name__", "wait_count"),): [(5, bits(7.0)), (6, bits(0.5))],
        (("__name__", "wait_sum"),): [(5, bits(2.5)), (6, bits(0.0))],
    }
    assert {unseen.kind for unseen in incoming.unseen.values()} == {SeriesKind.COUNTER}


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (((b"__name__", b"m"), (b"a", b"1"), (b"a", b"2")), "with a label twice"),
        (((b"b", b"1"), (b"__name__", b"m")), "with labels that are not sorted"),
        (((b"__name__", b"m"), (b"", b"1")), "with a label without a name or a value"),
        (((b"__name__", b""),), "with a label without a name or a value"),
        (((b"a", b"1"),), "with no metric name"),
        (((b"__name__", b"m"), (b"a=b", b"1")), "with a label whose name holds an equals sign"),
        (((b"__name__", b"m"), (b"a", b"x" * 3000)), "with a label that is too long"),
        (((b"__name__", b"m"), (b"a", b"\xff")), "with labels that cannot be read"),
        ((), "with no metric name"),
        (tuple((b"__name__" if n == 0 else b"l%03d" % n, b"1") for n in range(70)), "with more than 64 labels"),
    ],
)
def test_labels_that_no_series_may_have(told: tuple[tuple[bytes, bytes], ...], reason: str) -> None:
    series = b"".join(part(1, part(1, name) + part(2, value)) for name, value in told)
    good = part(1, part(1, part(1, b"__name__") + part(2, b"good")) + part(2, sample(1.0, 1)))
    incoming = decoded(part(1, series + part(2, sample(1.0, 1)) + part(2, sample(2.0, 2))) + good)
    assert incoming.refused == {reason: 2}
    assert (incoming.received, list(incoming.values)) == (3, [1.0])


def test_what_costs_more_than_it_weighs_has_a_limit() -> None:
    with pytest.raises(TooLarge, match="series"):
        decoded(part(1, b"") * (remote_write.MOST_SERIES + 1))
    label = part(1, part(1, b"__name__") + part(2, b"m"))
    with pytest.raises(TooLarge, match="samples"):
        decoded(part(1, label + part(2, b"") * remote_write.MOST_POINTS) + part(1, label + part(4, b"")))


def test_a_series_without_samples_is_passed_over() -> None:
    incoming = decoded(part(1, b"") * remote_write.MOST_SERIES)
    assert (incoming.received, incoming.unseen, incoming.unfit, incoming.refused) == (0, {}, {}, {})


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(raw: bytes) -> None:
    for body in (raw, snappy(raw)):
        try:
            decoded(remote_write.decompressed(body))
        except (Malformed, TooLarge):
            continue


def test_what_is_too_large_is_not_even_unpacked() -> None:
    with pytest.raises(TooLarge):
        remote_write.decompressed(snappy(bytes(1001)), most=1000)
    with pytest.raises(TooLarge):
        remote_write.decompressed(varint(1 << 31) + b"\0")
