"""Code of other packages inside a process: found by entry points, loaded once at the start, and only when a setting names it.

A package offers a plugin as an entry point of its kind's group; what stands there is called without arguments and gives an
object of the kind's shape, which says in `api` for which version of that shape it was written. Nothing that is not named is
imported. A plugin runs with all rights of its process: naming it is trusting it.

Fails: never while loading. What cannot be loaded is left out, logged, and told by `report`; the others are there.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, Protocol, TypeVar

import orjson

from chassis.context import refuse_dry_run
from chassis.errors import Invalid
from chassis.management import Answer
from chassis.outbound import Delivery
from chassis.service import Service

_log = logging.getLogger(__name__)


class Plugin(Protocol):
    """What all kinds share. `api` is the version of the kind's shape that it was written for."""

    api: int


P = TypeVar("P", bound=Plugin)


@dataclass(frozen=True, slots=True)
class Kind(Generic[P]):
    """A kind of plugin: its group of entry points, the version of its shape, and that shape, a runtime-checkable protocol."""

    group: str
    version: int
    shape: type[P]

    @property
    def word(self) -> str:
        """How settings call it: the last word of its group."""
        return self.group.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of one plugin. `problem` is empty where it was loaded; `package` is where it comes from, with its version."""

    kind: str
    name: str
    package: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Loaded(Generic[P]):
    """The plugins of a kind by name, and what became of each that was named."""

    found: Mapping[str, P]
    entries: Sequence[Entry] = ()

    def get(self, name: str) -> P | None:
        """One by its name."""
        return self.found.get(name)


def allowed(setting: str) -> frozenset[tuple[str, str]]:
    """Kind and name of each plugin that a setting names: `checks:ldap,notifiers:pager`. Raises `ValueError` for other texts."""
    named = set()
    for part in (each.strip() for each in setting.split(",")):
        kind, colon, name = part.partition(":")
        if part and not (kind and colon and name):
            raise ValueError(f"plugins are named kind:name, unlike {part}")
        if part:
            named.add((kind, name))
    return frozenset(named)


def load(kind: Kind[P], setting: str, *, offered: Iterable[EntryPoint] | None = None) -> Loaded[P]:
    """The plugins of a kind that the setting names. `offered` stands for what is installed."""
    wanted = {name for each, name in allowed(setting) if each == kind.word}
    if not wanted:
        return Loaded({})
    by_name: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=kind.group) if offered is None else offered:
        by_name.setdefault(entry.name, []).append(entry)
    found: dict[str, P] = {}
    entries = []
    for name in sorted(wanted):
        points = by_name.get(name, [])
        plugin, problem = _made(kind, points)
        if plugin is not None:
            found[name] = plugin
            _log.info("Plugin loaded.", extra={"kind": kind.word, "plugin": name, "package": _package(points)})
        else:
            _log.error("Plugin not loaded.", extra={"kind": kind.word, "plugin": name, "problem": problem})
        entries.append(Entry(kind.word, name, _package(points), problem))
    return Loaded(found, entries)


def _made(kind: Kind[P], points: Sequence[EntryPoint]) -> tuple[P | None, str]:
    if not points:
        return None, "no installed package offers it"
    if len({point.value for point in points}) > 1:
        return None, f"several packages offer it: {', '.join(sorted(point.value for point in points))}"
    try:
        made: Any = points[0].load()()
        version = made.api
    except Exception as error:  # whatever another package does at its start, ours goes on
        return None, f"it cannot be made: {type(error).__name__}: {error}"
    if version != kind.version:
        return None, f"it was written for version {version} of {kind.word}, this is version {kind.version}"
    if not isinstance(made, kind.shape):
        return None, f"it has not the shape of {kind.shape.__name__}"
    return made, ""


def _package(points: Sequence[EntryPoint]) -> str:
    dist = points[0].dist if points else None
    return f"{dist.name} {dist.version}" if dist is not None else ""


PREFIX = "plugin:"
_PATIENCE = 30.0


def addressed(url: str) -> tuple[str, str] | None:
    """Name and target of an address that a plugin serves, `plugin:pager:team-7`; None for all others."""
    if not url.startswith(PREFIX):
        return None
    name, _, target = url.removeprefix(PREFIX).partition(":")
    return name, target


def refuse_unknown(url: str, plugins: Mapping[str, Any], *, field: str = "url") -> bool:
    """Whether a plugin serves the address. Raises `Invalid` for the field when it should and is not there."""
    place = addressed(url)
    if place is not None and place[0] not in plugins:
        known = ", ".join(sorted(plugins)) or "none"
        raise Invalid({field: f"there is no plugin {place[0]} in this installation, but {known}"})
    return place is not None


async def handed(work: Callable[[], Awaitable[object]]) -> Delivery:
    """How a plugin that hands something over ended: `OSError` and silence are worth another attempt, `ValueError` is not.

    Anything else that it raises is a defect of it, which is logged and tried again. Raises `Invalid` in a dry run.
    """
    refuse_dry_run()
    try:
        async with asyncio.timeout(_PATIENCE):
            await work()
    except TimeoutError:
        return Delivery(False, f"the plugin did not end within {_PATIENCE:g} s", retry=True)
    except OSError as error:
        return Delivery(False, f"the plugin could not hand it over: {error}", retry=True)
    except ValueError as error:
        return Delivery(False, f"the plugin refuses it: {error}")
    except Exception as error:  # whatever is wrong with it, others must go on
        _log.error("A plugin failed.", exc_info=error)
        return Delivery(False, f"the plugin failed: {type(error).__name__}", retry=True)
    return Delivery(True, "taken")


def tell(service: Service, loaded: Collection[Loaded[Any]]) -> None:
    """Lists them at `/plugins` of the management port."""
    rows = [
        {
            "kind": entry.kind,
            "name": entry.name,
            "package": entry.package,
            "state": "failed" if entry.problem else "loaded",
            "problem": entry.problem,
        }
        for each in loaded
        for entry in each.entries
    ]

    async def answer() -> Answer:
        return Answer(orjson.dumps({"plugins": rows}))

    service.route("/plugins", answer)
