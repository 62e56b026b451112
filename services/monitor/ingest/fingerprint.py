"""The identity of a set of labels as Prometheus and Alertmanager compute it, so that one alert has one whichever door it takes.

FNV-1a over the sorted names and values, each followed by the byte 255 (prometheus/common, model/fnv.go and signature.go).
"""

from collections.abc import Mapping

_OFFSET, _PRIME, _MASK = 14695981039346656037, 1099511628211, (1 << 64) - 1


def fingerprint(labels: Mapping[str, str]) -> str:
    """16 hexadecimal digits."""
    text = b"".join(
        b"%b\xff%b\xff" % (name.encode("utf-8", "replace"), labels[name].encode("utf-8", "replace")) for name in sorted(labels)
    )
    value = _OFFSET
    for byte in text:
        value = (value ^ byte) * _PRIME & _MASK
    return f"{value:016x}"
