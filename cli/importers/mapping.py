"""What the words of another system mean here: its states, priorities, people, teams, classes, and how it writes times.

Each system has a table of its own; a file of the user's adds to it and wins over it. What no table knows is counted, so that
a dry run can tell what is left to say.

Fails: `CliError` for a file that makes no sense, with where.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cli.errors import CliError
from cli.files import documents
from cli.importers.values import Times

STATES = ("NEW", "ASSIGNED", "IN_PROGRESS", "ON_HOLD", "RESOLVED", "CLOSED", "CANCELLED")
REASONS = ("CALLER", "VENDOR", "CHANGE", "PROBLEM", "SCHEDULED")
LEVELS = ("HIGH", "MEDIUM", "LOW")
PRIORITIES = {
    "P1": ("HIGH", "HIGH"),
    "P2": ("HIGH", "MEDIUM"),
    "P3": ("MEDIUM", "MEDIUM"),
    "P4": ("MEDIUM", "LOW"),
    "P5": ("LOW", "LOW"),
}
"""The impact and urgency that make a priority here, where a system knows nothing but a priority."""
SKIP = "skip"
TABLES = {
    "states": f"their state: one of {', '.join(STATES)}; ON_HOLD with what it waits for, as in ON_HOLD VENDOR",
    "priorities": "their priority: P1 to P5",
    "impacts": "their impact: HIGH, MEDIUM, LOW",
    "urgencies": "their urgency: HIGH, MEDIUM, LOW",
    "types": "their type of ticket: take, or skip",
    "classes": "their class of asset: a class here, or skip",
    "relations": "their kind of relation: a kind here when the second serves the first, with `reversed` when the first serves",
    "users": "somebody there, by id, login, address or name: the id of a user here, or skip to leave out who it was",
    "teams": "a group there: the id of a team here, or skip to leave it out",
    "services": "a service there: the id of an asset here, or skip",
    "columns": "a column of a table: what the system calls the field in English",
}  # fmt: skip
RELATIONS = ("RUNS_ON", "USES", "HOSTS", "CONNECTED_TO", "MEMBER_OF", "PART_OF", "INFORMS")
_LISTED = {**dict.fromkeys(("impacts", "urgencies"), LEVELS), "priorities": tuple(PRIORITIES), "types": ("take", SKIP)}


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a system's own words mean, by table, the zone of its times, and how it writes them beside ISO 8601."""

    tables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    zone: str = "UTC"
    dates: tuple[str, ...] = ()


@dataclass(slots=True)
class Meanings:
    """The tables in force. `unknown` counts by table what was looked up in vain."""

    times: Times
    tables: dict[str, dict[str, str]]
    unknown: dict[str, Counter[str]] = field(default_factory=dict)
    learned: dict[str, str] = field(default_factory=dict)

    def find(self, table: str, word: str) -> str | None:
        """What a word means; None when it is unknown, which is counted. Case and blanks at the ends do not matter."""
        if not word:
            return ""
        found = self.tables[table].get(_plain(word))
        if found is None:
            self.unknown.setdefault(table, Counter())[word] += 1
        return found

    def said(self, table: str, *words: str) -> str | None:
        """What the first known of these words means; nothing is counted."""
        return next((found for word in words if word and (found := self.tables[table].get(_plain(word))) is not None), None)

    def state(self, word: str) -> tuple[str, str] | None:
        """State and hold reason; None when unknown. What an export itself tells of a state counts where no table knows it."""
        known = self.tables["states"].get(_plain(word)) or self.learned.get(_plain(word))
        if known is None:
            self.unknown.setdefault("states", Counter())[word] += 1
            return None
        state, _, reason = known.partition(" ")
        return state, reason

    def learn(self, word: str, state: str) -> None:
        """An export tells what kind of state a state is."""
        self.learned.setdefault(_plain(word), state)

    def column(self, name: str) -> str:
        """What the system calls a column in English."""
        return self.tables["columns"].get(_plain(name), name)


def load(defaults: Defaults, file: Path | None, *, zone: str = "") -> Meanings:
    """The tables of a system with those of a file. `zone` wins over both."""
    given = next(documents(file), {}) if file else {}
    if foreign := given.keys() - TABLES.keys() - {"zone", "dates"}:
        raise CliError(
            f"{file} has {', '.join(sorted(map(str, foreign)))}, which means nothing", hint=f"tables: {', '.join(TABLES)}"
        )
    tables: dict[str, dict[str, str]] = {}
    for name in TABLES:
        told = given.get(name) or {}
        if not isinstance(told, dict):
            raise CliError(f"{file}: {name} should be a table of words and what they mean")
        said = {str(word): _checked(name, str(word), meaning, file) for word, meaning in told.items() if meaning is not None}
        tables[name] = {_plain(word): meaning for word, meaning in {**defaults.tables.get(name, {}), **said}.items()}
    dates = given.get("dates") or []
    if not isinstance(dates, list) or not all(isinstance(each, str) for each in dates):
        raise CliError(f"{file}: dates should be a list of forms such as '%d.%m.%Y %H:%M'")
    return Meanings(Times(zone_of(zone or str(given.get("zone") or defaults.zone)), (*dates, *defaults.dates)), tables)


def zone_of(name: str) -> Any:
    """The zone. Raises `CliError` for one that nobody knows."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise CliError(f"there is no zone {name!r}", hint="as in: Europe/Berlin") from error


def _checked(table: str, word: str, meaning: Any, file: Path | None) -> str:
    said = str(meaning).strip()
    if table == "states":
        state, _, reason = said.partition(" ")
        right = state in STATES and (reason in REASONS if state == "ON_HOLD" and reason else not reason)
    elif table == "relations":
        right = said == SKIP or said.removesuffix(" reversed") in RELATIONS
    else:
        right = bool(said) and said in _LISTED.get(table, (said,))
    if not right:
        raise CliError(f"{file}: {table}: {word!r} cannot mean {said!r}", hint=TABLES[table])
    return said


def template(title: str, defaults: Defaults, unknown: Mapping[str, Counter[str]]) -> Iterator[str]:
    """The lines of a file to fill in: what is known already, and below it what was found and means nothing yet."""
    yield f"# What the words of {title} mean here. A table that is left out is as it stands below; a line wins over it."
    yield "# The zone of times that say none, and how times are written beside ISO 8601 (as strptime has it)."
    yield f"zone: {defaults.zone}"
    yield f"dates: [{', '.join(map(_quoted, defaults.dates))}]"
    for name, meaning in TABLES.items():
        known = defaults.tables.get(name, {})
        new = unknown.get(name, Counter())
        yield ""
        yield f"# {meaning}"
        yield f"{name}:" if known or new else f"{name}: {{}}"
        for word, means in known.items():
            yield f"  {_quoted(word)}: {means}"
        for word, times in new.most_common():
            yield f"  {_quoted(word)}:  # to be said; found {times} times"


def _quoted(word: str) -> str:
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _plain(word: str) -> str:
    return " ".join(word.casefold().split())
