"""Reads a Prometheus remote write 1.0: snappy in block form, then `prometheus.WriteRequest`.

Labels stay bytes until a series is seen for the first time. Fails with `Malformed`, which can never be sent again with
success, and `TooLarge`; what is wrong with single series or samples is counted in the incoming instead.
"""

from collections.abc import Iterable
from marshal import dumps
from typing import Any

import cramjam
from google.protobuf.message import DecodeError
from itsm.monitor import v1 as pb

from services.monitor.domain.series import NAME, Labels, SeriesKind, Unfit, checked
from services.monitor.usecases.incoming import Incoming, Known, key_of

MOST_BYTES = 16 << 20
"""After decompression. Prometheus sends 2,000 samples at once by default, about 400 KiB."""
MOST_SERIES = 20_000
MOST_POINTS = 50_000
"""What one request may hold: a few bytes say what takes microseconds to keep."""


class Malformed(ValueError):
    """What was sent cannot be read; the text says why."""


class TooLarge(ValueError):
    """What was sent is beyond the limit; the text says which."""


def decompressed(body: bytes, most: int = MOST_BYTES) -> bytes:
    """The content of a snappy block. Raises `Malformed`, `TooLarge`."""
    try:
        if cramjam.snappy.decompress_raw_len(body) > most:
            raise TooLarge(f"the body holds more than {most} bytes")
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError as problem:
        raise Malformed("the body is no snappy block") from problem


def decode(raw: bytes, tenant: bytes, known: Known) -> Incoming:
    """The samples of a request; `tenant` is what `incoming.person` made. Raises `Malformed`, `TooLarge`."""
    request = pb.RemoteWrite()
    try:
        request.ParseFromString(raw)
    except DecodeError as problem:
        raise Malformed("the body is no prometheus.WriteRequest") from problem
    if len(request.timeseries) > MOST_SERIES:
        raise TooLarge(f"the body holds more than {MOST_SERIES} series")
    incoming = Incoming()
    numbers, times, values, number_of = incoming.numbers, incoming.times, incoming.values, known.get
    points = 0
    for series in request.timeseries:
        own = len(series.samples) + len(series.histograms)
        if not own:
            continue
        points += own
        if points > MOST_POINTS:
            raise TooLarge(f"the body holds more than {MOST_POINTS} samples")
        # The old form of marshal, with lengths and without references, so that two lists of labels never read alike.
        encoded = tuple(series.labels)
        key = key_of(dumps(encoded, 2), tenant)
        samples = series.samples
        if samples:
            count = len(samples)
            number = number_of(key, 0)
            if not number and not _begin(incoming, key, encoded, count):
                continue
            if count == 1:
                sample = samples[0]
                numbers.append(number)
                times.append(sample.timestamp)
                values.append(sample.value)
            else:
                numbers.extend([number] * count)
                times.extend([sample.timestamp for sample in samples])
                values.extend([sample.value for sample in samples])
        if series.histograms:
            _histograms(incoming, known, key, encoded, series.histograms)
    incoming.received += len(times)
    return incoming


def _begin(incoming: Incoming, key: bytes, encoded: tuple[bytes, ...], count: int) -> bool:
    """Notes where the samples of a series lie that is not known yet; False when its labels are unfit."""
    owner = incoming.begin(key, lambda: _labels(encoded), SeriesKind.UNKNOWN)
    if isinstance(owner, str):
        incoming.refuse(owner, count)
        return False
    owner.spans.append((len(incoming.times), len(incoming.times) + count))
    return True


def _labels(encoded: Iterable[bytes]) -> Labels:
    try:
        labels = [pb.RemoteLabel.FromString(each) for each in encoded]
    except DecodeError as problem:
        raise Unfit("labels that cannot be read") from problem
    return checked(tuple((label.name, label.value) for label in labels))


def _histograms(incoming: Incoming, known: Known, key: bytes, encoded: tuple[bytes, ...], histograms: Any) -> None:
    """Of native histograms, which have no column of their own here, what they count and sum up."""
    for suffix in ("_count", "_sum"):

        def labels(suffix: str = suffix) -> Labels:
            return checked(tuple((name, value + suffix if name == NAME else value) for name, value in _labels(encoded)))

        own = key + suffix.encode()
        number = known.get(own, 0)
        owner = number or incoming.begin(own, labels, SeriesKind.COUNTER)
        if isinstance(owner, str):
            incoming.refuse(owner, len(histograms))
            return
        for histogram in histograms:
            count = histogram.count_float if histogram.HasField("count_float") else float(histogram.count_int)
            incoming.add(owner, histogram.timestamp, count if suffix == "_count" else histogram.sum)
