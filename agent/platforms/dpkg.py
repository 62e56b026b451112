"""Packages of Debian and its like, from the status file."""

from collections.abc import Iterable, Iterator

from agent.platforms.base import Package

_WANTED = ("Package", "Version", "Architecture", "Status")


def packages(lines: Iterable[str]) -> Iterator[Package]:
    """Installed packages of a status file; those that were removed or are half installed are passed over."""
    fields: dict[str, str] = {}
    for line in lines:
        if line.strip():
            # Other lines, continuations among them, are most of the file.
            name, found, value = line.partition(":")
            if found and name in _WANTED:
                fields[name] = value.strip()
            continue
        yield from _installed(fields)
        fields = {}
    yield from _installed(fields)


def _installed(fields: dict[str, str]) -> Iterator[Package]:
    if fields.get("Status", "").endswith(" installed") and fields.get("Package") and fields.get("Version"):
        yield Package(fields["Package"], fields["Version"], fields.get("Architecture", ""), "dpkg")
