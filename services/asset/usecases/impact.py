"""Questions to the graph, answered over all of it and shown as far as the caller may see; what incidents take down."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from zlib import crc32

from chassis import context as ctx
from chassis.errors import Invalid, NotFound
from chassis.store import Store
from services.asset.domain.assessment import MOST_HITS, ImpactAssessment, assessment_id
from services.asset.domain.asset import Criticality
from services.asset.domain.drawing import Drawing, Frame, draw
from services.asset.domain.graph import Graph, Item
from services.asset.domain.impact import Downwards, Hit, Upwards, highest, services
from services.asset.usecases.graphs import ASSETS, Graphs

IMPACT_ASSESSMENTS = "impact_assessments"
MOST_FAILED = MOST_EXPANDED = 100
DEFAULT_SIZE, MAX_SIZE = 50, 200
_PATH_END = 32
_DIGITS = 10


@dataclass(frozen=True, slots=True)
class ImpactQuestion:
    """What is asked about an asset: `failed` are further assets assumed to have failed, `depth` bounds what is shown."""

    id: str
    upwards: bool = False
    depth: int | None = None
    failed: tuple[str, ...] = ()
    size: int | None = None
    token: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A hit as the caller may see it; `item` is absent where he may not. The path has empty places for what he may not see."""

    hit: Hit
    item: Item | None
    root: bool
    group: str
    path: tuple[str, ...]
    omitted: int


@dataclass(frozen=True, slots=True)
class ImpactAnswer:
    """A page of hits, and figures over all within the depth."""

    hits: Sequence[Shown]
    next_token: str
    failed: int
    at_risk: int
    criticality: Criticality | None
    service_ids: Sequence[str]
    cut: bool
    graph_version: str


@dataclass(frozen=True, slots=True)
class GraphAnswer:
    """A drawing, the items that its numbers mean, and the numbers that the caller may not see."""

    drawing: Drawing
    graph: Graph
    hidden: frozenset[int]


class Impact:
    """Raises `NotFound` for an asset that the caller may not see, `Invalid` for limits that are out of bounds."""

    def __init__(self, store: Store, graphs: Graphs) -> None:
        self._store, self._graphs = store, graphs

    async def impact(self, question: ImpactQuestion) -> ImpactAnswer:
        """What an asset takes down, or what can take it down."""
        _check_impact(question)
        graph, target = await self._found(question.id, question.failed)
        assumed = await self._assumed(graph, question.failed)
        answer: Downwards | Upwards
        if question.upwards:
            answer = Upwards(graph, target, assumed, question.depth)
        else:
            answer = Downwards(graph, [target, *assumed], question.depth)
        start, size = _start(question, graph), question.size or DEFAULT_SIZE
        found = list(islice(answer.hits(), start, start + size + 1))
        hits = [(hit, answer.path(hit.number)) for hit in found[:size]]
        down = answer.down if isinstance(answer, Downwards) else []
        served, shown = services(graph, down), answer.shown()
        hidden = await self._hidden(graph, {*served, *(number for _, path in hits for number in path)})
        return ImpactAnswer(
            hits=[_shown(graph, answer, hit, path, hidden) for hit, path in hits],
            next_token=_token(question, graph, start + size) if len(found) > size else "",
            failed=shown.failed,
            at_risk=shown.at_risk,
            criticality=highest(graph, down),
            service_ids=[graph.items[number].id for number in served if number not in hidden],
            cut=shown.cut,
            graph_version=graph.version,
        )

    async def graph(self, id: str, frame: Frame) -> GraphAnswer:  # noqa: A002 - the field's name everywhere
        """The neighborhood of an asset as a drawing."""
        _check_frame(frame)
        graph, root = await self._found(id)
        drawing = draw(graph, root, frame)
        hidden = await self._hidden(graph, {number for spot in drawing.spots for number in spot.members})
        return GraphAnswer(drawing, graph, hidden)

    async def prepare(self, incident_ids: Sequence[str]) -> None:
        """Reads ahead, in one question, what was found before of incidents that `assess` will be asked about."""
        async with self._store.transaction() as tx:
            await tx.load(ImpactAssessment, [assessment_id(each) for each in incident_ids])

    async def assess(self, incident_id: str, asset_ids: Sequence[str]) -> None:
        """Works out what an incident takes down, and keeps it; what was found before is revised. The same again changes
        nothing. An incident that was never assessed is left alone while it names no asset that is known."""
        async with self._store.transaction() as tx:
            try:
                known = await tx.get(ImpactAssessment, assessment_id(incident_id))
            except NotFound:
                known = None
            found, now = await self._assessed(asset_ids), self._store.clock()
            if known is None and len(found["unknown_asset_ids"]) == len(asset_ids):
                return
            if known is None:
                tx.add(ImpactAssessment.of(incident_id, now, **found))
            else:
                known.revise(now, **found)
                tx.save(known)

    async def _assessed(self, asset_ids: Sequence[str]) -> dict[str, Any]:
        graph = await self._graphs.knowing(asset_ids)
        numbers = {each: graph.number(each) for each in asset_ids}
        answer = Downwards(graph, [number for number in numbers.values() if number is not None])
        shown = answer.shown()
        return {
            "asset_ids": list(asset_ids),
            "unknown_asset_ids": [each for each, number in numbers.items() if number is None],
            "service_ids": [graph.items[number].id for number in services(graph, answer.down)],
            "criticality": highest(graph, answer.down),
            "hit_count": shown.failed,
            "at_risk_count": shown.at_risk,
            "hit_asset_ids": [graph.items[hit.number].id for hit in islice(answer.hits(), min(shown.failed, MOST_HITS))],
            "graph_version": graph.version,
        }

    async def _found(self, id: str, beside: Sequence[str] = ()) -> tuple[Graph, int]:  # noqa: A002 - as above
        """The number of an asset, in a graph that knows those `beside` it too, if there are such."""
        graph = await self._graphs.knowing([id, *beside])
        number = graph.number(id)
        if number is None or await self._hidden(graph, {number}):
            raise NotFound("asset", id)
        return graph, number

    async def _assumed(self, graph: Graph, ids: Sequence[str]) -> list[int]:
        numbers = {each: graph.number(each) for each in ids}
        hidden = await self._hidden(graph, {number for number in numbers.values() if number is not None})
        if unknown := [each for each, number in numbers.items() if number is None or number in hidden]:
            raise Invalid({"failed": f"there is no asset {unknown[0]}"})
        return [number for number in numbers.values() if number is not None]

    async def _hidden(self, graph: Graph, numbers: Collection[int]) -> frozenset[int]:
        """Which of these the caller may not see. They were counted all the same: impact is worked out over everything."""
        if not ctx.current().scope:
            return frozenset()
        ids = {graph.items[number].id: number for number in numbers}
        query = self._store.scoped({"_id": {"$in": list(ids)}})
        for row in await self._store.backend.find(ASSETS, query, projection={"_id": 1}):
            del ids[row["_id"]]
        return frozenset(ids.values())


def _shown(graph: Graph, answer: Downwards | Upwards, hit: Hit, path: Sequence[int], hidden: Collection[int]) -> Shown:
    names = ["" if number in hidden else graph.items[number].id for number in path]
    omitted = max(0, len(names) - 2 * _PATH_END)
    return Shown(
        hit=hit,
        item=None if hit.number in hidden else graph.items[hit.number],
        root=hit.number in answer.roots,
        group=graph.group[hit.need] if hit.need is not None and hit.number not in hidden else "",
        path=tuple(names if not omitted else [*names[:_PATH_END], *names[-_PATH_END:]]),
        omitted=omitted,
    )


def _check_impact(question: ImpactQuestion) -> None:
    wrong = {}
    if question.depth is not None and question.depth < 0:
        wrong["depth"] = "is 0 or more"
    if len(question.failed) > MOST_FAILED:
        wrong["failed"] = f"may name {MOST_FAILED} assets"
    if question.size is not None and not 1 <= question.size <= MAX_SIZE:
        wrong["page_size"] = f"should lie between 1 and {MAX_SIZE}"
    if wrong:
        raise Invalid(wrong)


def _check_frame(frame: Frame) -> None:
    bounds = {"depth": (frame.depth, 1, 3), "max_nodes": (frame.most, 1, 300), "fold": (frame.fold, 2, 300)}
    wrong = {
        name: f"should lie between {least} and {most}"
        for name, (value, least, most) in bounds.items()
        if not least <= value <= most
    }
    if len(frame.expand) > MOST_EXPANDED:
        wrong["expand"] = f"may name {MOST_EXPANDED} nodes"
    if wrong:
        raise Invalid(wrong)


def _token(question: ImpactQuestion, graph: Graph, start: int) -> str:
    """Says where the next page begins, in which answer: of another question, or of a graph that has changed, it is none."""
    asked = f"{question.id}|{question.upwards}|{question.depth}|{sorted(question.failed)}"
    return f"{start}.{graph.version}.{crc32(asked.encode()):08x}"


def _start(question: ImpactQuestion, graph: Graph) -> int:
    if not question.token:
        return 0
    start = question.token.partition(".")[0]
    if not (start.isascii() and start.isdigit() and len(start) < _DIGITS):
        raise Invalid({"page_token": "is none of ours"}, reason="MALFORMED")
    if _token(question, graph, int(start)) != question.token:
        raise Invalid({"page_token": "belongs to another question, or the graph has changed meanwhile: ask from the beginning"})
    return int(start)
