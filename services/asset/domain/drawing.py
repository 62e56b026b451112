"""The neighborhood of an item as a drawing: what it depends on to the left, what depends on it to the right, in columns.

Neighbors that are many and alike become one group. What does not fit is left out and counted at the node behind which it lies.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from services.asset.domain.graph import Graph

COLUMN, ROW = 260, 72
"""Pixels between columns and between rows."""

LEFT, RIGHT = -1, 1


@dataclass(frozen=True, slots=True)
class Frame:
    """What is drawn: how far, over which kinds of relations (all when empty), how much, and what becomes a group."""

    depth: int = 2
    kinds: frozenset[str] = frozenset()
    most: int = 300
    fold: int = 12
    expand: frozenset[str] = frozenset()


@dataclass(slots=True)
class Spot:
    """A node, or a group of more than one item, with its place. `parent` is the spot that it was reached from."""

    members: list[int]
    layer: int
    parent: int | None = None
    x: int = 0
    y: int = 0
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """From a providing spot to a consuming one; `link` is absent for the line to a group."""

    provider: int
    consumer: int
    kind: str
    link: str = ""


@dataclass(slots=True)
class Drawing:
    """Spots refer to each other, and lines to spots, by their place in `spots`; the item that was asked about is the first."""

    spots: list[Spot] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    cut: bool = False


def draw(graph: Graph, root: int, frame: Frame) -> Drawing:
    """The drawing around an item. Ring by ring on both sides, so that a limit leaves out what is farthest."""
    sketch = _Sketch(graph, frame)
    sketch.place([root], 0, None)
    edges = {LEFT: [0], RIGHT: [0]}
    for ring in range(1, frame.depth + 1):
        for side in (LEFT, RIGHT):
            edges[side] = [new for spot in edges[side] for new in sketch.grow(spot, side, side * ring)]
    sketch.connect()
    _arrange(graph, sketch.drawing)
    return sketch.drawing


class _Sketch:
    """A drawing in the making."""

    def __init__(self, graph: Graph, frame: Frame) -> None:
        self._graph, self._frame = graph, frame
        self.drawing = Drawing()
        self._spot_of: dict[int, int] = {}

    def place(self, members: list[int], layer: int, parent: int | None) -> int | None:
        """A new spot; None when there is no room for it."""
        if len(self.drawing.spots) >= self._frame.most:
            self.drawing.cut = True
            return None
        number = len(self.drawing.spots)
        self.drawing.spots.append(Spot(members, layer, parent))
        self._spot_of.update(dict.fromkeys(members, number))
        return number

    def grow(self, spot: int, side: int, layer: int) -> list[int]:
        """Places the neighbors of a node on one side; says which of them may grow in turn."""
        (item,) = self.drawing.spots[spot].members
        items = self._graph.items
        by_class: dict[str, list[int]] = {}
        for neighbor in self._neighbors(item, side):
            if neighbor not in self._spot_of:
                by_class.setdefault(items[neighbor].class_name, []).append(neighbor)
        whole = items[item].id in self._frame.expand
        grown = []
        for _, alike in sorted(by_class.items()):
            alike.sort(key=lambda each: (items[each].name, items[each].id))
            if len(alike) > self._frame.fold and not whole:
                self.place(alike, layer, spot)
                continue
            placed = [self.place([neighbor], layer, spot) for neighbor in alike]
            grown += [each for each in placed if each is not None]
        return grown

    def connect(self) -> None:
        """Draws the lines between what is there, and counts what is not."""
        seen: set[tuple[int, int, str]] = set()
        graph, spots = self._graph, self.drawing.spots
        for number, spot in enumerate(spots):
            if len(spot.members) > 1:
                continue
            (item,) = spot.members
            beyond = set()
            for id_ in graph.touching[item]:
                link = graph.links[id_]
                if self._frame.kinds and link.kind not in self._frame.kinds:
                    continue
                provider, consumer = graph.ends(link)
                other = provider if consumer == item else consumer
                there = self._spot_of.get(other)
                if there is None:
                    beyond.add(other)
                elif len(spots[there].members) > 1:
                    line = (there, number, link.kind) if consumer == item else (number, there, link.kind)
                    if line not in seen:
                        seen.add(line)
                        self.drawing.lines.append(Line(*line))
                elif consumer == item:  # once, of its two ends
                    self.drawing.lines.append(Line(there, number, link.kind, link.id))
            spot.hidden = len(beyond)

    def _neighbors(self, item: int, side: int) -> Iterator[int]:
        graph, kinds = self._graph, self._frame.kinds
        found = {}
        for id_ in graph.touching[item]:
            link = graph.links[id_]
            provider, consumer = graph.ends(link)
            neighbor = consumer if side == RIGHT else provider
            if neighbor != item and (not kinds or link.kind in kinds):
                found[neighbor] = True
        return iter(found)


def _arrange(graph: Graph, drawing: Drawing) -> None:
    """Columns by layer; within one, spots stand in the order of those that they were reached from, then by class and name."""
    columns: dict[int, list[int]] = {}
    for number, spot in enumerate(drawing.spots):
        columns.setdefault(spot.layer, []).append(number)
    for layer in sorted(columns, key=abs):
        column = columns[layer]

        def key(number: int) -> tuple[int, str, str, str]:
            spot = drawing.spots[number]
            item = graph.items[spot.members[0]]
            above = drawing.spots[spot.parent].y if spot.parent is not None else 0
            return above, item.class_name, item.name, item.id

        column.sort(key=key)
        for place, number in enumerate(column):
            spot = drawing.spots[number]
            spot.x, spot.y = layer * COLUMN, (2 * place - len(column) + 1) * ROW // 2
