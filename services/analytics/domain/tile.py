"""Tiles: what one may say, and how they lie beside each other. Everything that is wrong is told at once, by field."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import combinations

from services.analytics.domain.definitions import DEFINITIONS, GROUPS, GroupBy, Unit, group_named

COLUMNS, ROWS, TALLEST = 12, 500, 12
MOST_TILES, MOST_SERIES, MOST_DAYS = 24, 20, 400
LONGEST_TITLE, LONGEST_FILTER, LONGEST_TEXT = 200, 4_096, 4_096
_ID = re.compile(r"[A-Za-z0-9-]{1,40}")


class TileKind(StrEnum):
    """How a figure is drawn."""

    NUMBER = "NUMBER"
    LINE = "LINE"
    BAR = "BAR"
    DONUT = "DONUT"
    HEAT_MAP = "HEAT_MAP"
    TABLE = "TABLE"
    TEXT = "TEXT"


class Measure(StrEnum):
    """What is shown of each row of a figure."""

    VALUE = "VALUE"
    MEDIAN = "MEDIAN"
    P90 = "P90"
    COUNT = "COUNT"


@dataclass(slots=True, kw_only=True)
class Tile:
    """One part of a dashboard."""

    id: str
    kind: TileKind
    title: str = ""
    kpi: str = ""
    group_by: str = ""
    filter: str = ""
    series: list[str] = field(default_factory=list)
    measure: Measure = Measure.VALUE
    days: int = 0
    all_time: bool = False
    text: str = ""
    x: int = 0
    y: int = 0
    w: int = 1
    h: int = 1


def bounds(tiles: Sequence[Tile]) -> dict[str, str]:
    """What no draft may hold either: too much of anything."""
    if len(tiles) > MOST_TILES:
        return {"tiles": f"may be {MOST_TILES}, not {len(tiles)}"}
    return {f"tiles[{at}].{name}": text for at, tile in enumerate(tiles) for name, text in _bounds(tile)}


def faults(tiles: Sequence[Tile]) -> dict[str, str]:
    """What is wrong with tiles that are to be shown. Whether a filter can be asked is judged where it is asked."""
    wrong = bounds(tiles)
    if "tiles" in wrong:
        return wrong
    for at, tile in enumerate(tiles):
        wrong |= {f"tiles[{at}].{name}": text for name, text in _meaning(tile)}
    seen: set[str] = set()
    for at, tile in enumerate(tiles):
        if tile.id in seen:
            wrong[f"tiles[{at}].id"] = f"{tile.id!r} is there twice"
        seen.add(tile.id)
    for (_, one), (at, other) in combinations(enumerate(tiles), 2):
        if one.x < other.x + other.w and other.x < one.x + one.w and one.y < other.y + other.h and other.y < one.y + one.h:
            wrong[f"tiles[{at}]"] = f"lies over {one.id!r}"
    return wrong


def fault(tile: Tile) -> str:
    """Why a tile cannot be shown, in words; empty where it can."""
    return "; ".join(f"{name}: {text}" for name, text in [*_bounds(tile), *_meaning(tile)])


def _bounds(tile: Tile) -> Iterator[tuple[str, str]]:
    if not _ID.fullmatch(tile.id):
        yield "id", "needs 1 to 40 letters, digits or hyphens"
    for name, most in (("title", LONGEST_TITLE), ("filter", LONGEST_FILTER), ("text", LONGEST_TEXT), ("kpi", 100)):
        if len(getattr(tile, name)) > most:
            yield name, f"may have {most} characters"
    if len(tile.group_by) > 100:
        yield "group_by", "may have 100 characters"
    if len(tile.series) > MOST_SERIES or any(len(each) > 100 for each in tile.series):
        yield "series", f"may name {MOST_SERIES}"
    if not 0 <= tile.days <= MOST_DAYS:
        yield "days", f"may be 0 to {MOST_DAYS}"
    if not (tile.x >= 0 and tile.w >= 1 and tile.x + tile.w <= COLUMNS):
        yield "x", f"there are {COLUMNS} columns, and a tile has one or more"
    if not (tile.y >= 0 and 1 <= tile.h <= TALLEST and tile.y + tile.h <= ROWS):
        yield "y", f"a tile has 1 to {TALLEST} rows, of which there are {ROWS}"


def _meaning(tile: Tile) -> Iterator[tuple[str, str]]:
    if tile.kind is TileKind.TEXT:
        if not tile.text.strip():
            yield "text", "must not be empty"
        if tile.kpi:
            yield "kpi", "a text shows no figure"
        return
    definition = DEFINITIONS.get(tile.kpi)
    if definition is None:
        yield "kpi", "there is no such figure" if tile.kpi else "names no figure"
        return
    yield from _grouping(tile, GROUPS[definition.about])
    if strange := [each for each in tile.series if each and each not in definition.series]:
        yield "series", f"{strange[0][:100]!r} is no part of {tile.kpi}"
    if tile.measure in (Measure.MEDIAN, Measure.P90) and definition.unit is not Unit.SECONDS:
        yield "measure", f"{tile.kpi} is no duration"


def _grouping(tile: Tile, groups: Sequence[GroupBy]) -> Iterator[tuple[str, str]]:
    group = group_named(tile.group_by)
    if tile.group_by and group not in groups:
        yield "group_by", f"expected one of {', '.join(groups)}"
    elif tile.kind is TileKind.LINE and group is not GroupBy.DAY:
        yield "group_by", "a line is by day" if GroupBy.DAY in groups else "this figure is of no single day: choose bars"
    elif tile.kind is TileKind.NUMBER and tile.group_by:
        yield "group_by", "one number is of no group"
    elif tile.kind is TileKind.HEAT_MAP and group is None:
        yield "group_by", "a heat map is by something"
