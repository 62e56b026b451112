"""The inventory as the platform takes it: sections, their hashes, and the body of a report."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from agent.buffer import Section
from agent.platforms.base import Platform, Unsupported
from agent.times import text_of

_log = logging.getLogger(__name__)

SECTIONS = ("hardware", "system", "packages", "disks", "interfaces", "processes")
_LARGEST = {"packages": 20_000, "disks": 1_000, "interfaces": 1_000, "processes": 5_000}
# Fields that hold seconds since 1970.
_TIMES = ("boot_time",)


class Inventory:
    """Looks at a machine, section by section. Packages are read again only when their databases have changed."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._mark = ""
        self._packages: Any = None

    def look(self, now: float) -> list[Section]:
        """What can be told of this machine; a section that cannot is left out, and logged at its first time."""
        ways: dict[str, Callable[[], Any]] = {
            "hardware": self._platform.hardware,
            "system": self._platform.system,
            "packages": self._known_packages,
            "disks": self._platform.disks,
            "interfaces": self._platform.interfaces,
            "processes": self._platform.listeners,
        }
        found = []
        for name in SECTIONS:
            try:
                body = plain(ways[name]())
            except Unsupported as error:
                _log.info("section %s is not told: %s", name, error)
                continue
            except OSError as error:
                _log.warning("section %s cannot be read: %s", name, error)
                continue
            found.append(Section(name, now, hashed(body), _bounded(name, body)))
        return found

    def _known_packages(self) -> Any:
        mark = self._platform.packages_mark()
        if not mark or mark != self._mark or self._packages is None:
            self._packages = plain(self._platform.packages())
            self._mark = mark
        return self._packages


def report(sections: Sequence[Section], *, partial: bool = False) -> dict[str, Any]:
    """The `inventory` of a report. The sections of a partial one add to what is known, and nothing vanishes by them."""
    body: dict[str, Any] = {
        "sections": [] if partial else [one.name for one in sections],
        "reportTime": text_of(max(one.time for one in sections)),
    }
    return body | {one.name: one.body for one in sections}


def pieces(section: Section, size: int) -> list[Section]:
    """A list too large for one report, cut into several of about `size` bytes; anything else cannot be cut."""
    if not isinstance(section.body, list) or len(section.body) < 2:
        return [section]
    whole = len(json.dumps(section.body))
    count = min(len(section.body), whole // size + 1)
    step = -(-len(section.body) // count)
    cuts = range(0, len(section.body), step)
    return [Section(section.name, section.time, section.hash, section.body[at : at + step]) for at in cuts]


def plain(value: Any) -> Any:
    """Proto3 JSON of what a platform tells: lowerCamelCase, 64-bit integers as texts, what is empty left out."""
    if is_dataclass(value) and not isinstance(value, type):
        told = {}
        for one in fields(value):
            item = getattr(value, one.name)
            if item in ("", 0, (), False):
                continue
            if one.name in _TIMES:
                told[_camel(one.name)] = text_of(item)
            elif one.name.endswith("_bytes"):
                told[_camel(one.name)] = str(item)
            else:
                told[_camel(one.name)] = plain(item)
        return told
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def hashed(body: Any) -> str:
    """A short text that differs when the body does."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:32]


def identifying(sections: Iterable[Section]) -> list[Section]:
    """The sections that say which machine this is."""
    return [one for one in sections if one.name in ("hardware", "system", "interfaces")]


def _bounded(name: str, body: Any) -> Any:
    largest = _LARGEST.get(name)
    if largest is None or len(body) <= largest:
        return body
    _log.warning("section %s has %d entries, of which %d are told", name, len(body), largest)
    return body[:largest]


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)
