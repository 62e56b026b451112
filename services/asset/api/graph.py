"""Relations between assets, and what follows from them."""

from typing import Any

from itsm.asset import v1 as pb

from chassis.codec import document_to_message, given, to_message
from services.asset.api.shared import asked, named
from services.asset.domain.assessment import ImpactAssessment
from services.asset.domain.drawing import Frame, Line, Spot
from services.asset.domain.graph import Item
from services.asset.domain.relation import Relation, RelationKind
from services.asset.usecases.impact import IMPACT_ASSESSMENTS, GraphAnswer, Impact, ImpactQuestion, Shown
from services.asset.usecases.reading import Reading
from services.asset.usecases.relations import Relations


class GraphApi(pb.GraphServiceServicer):
    """`itsm.asset.v1.GraphService`."""

    def __init__(self, relations: Relations, impact: Impact, reading: Reading) -> None:
        self._relations = relations
        self._impact = impact
        self._reading = reading

    async def CreateRelation(self, request: pb.CreateRelationRequest, context: Any) -> pb.Relation:
        return to_message(await self._relations.create(given(request.relation, Relation)), pb.Relation)

    async def GetRelation(self, request: pb.GetRelationRequest, context: Any) -> pb.Relation:
        return to_message(await self._relations.get(request.id), pb.Relation)

    async def ListRelations(self, request: pb.ListRelationsRequest, context: Any) -> pb.ListRelationsResponse:
        rows, token = await self._relations.page(asked(request))
        return pb.ListRelationsResponse(
            relations=[document_to_message(row, pb.Relation) for row in rows], next_page_token=token
        )

    async def UpdateRelation(self, request: pb.UpdateRelationRequest, context: Any) -> pb.Relation:
        fields = named(request, request.relation, Relation)
        return to_message(await self._relations.update(request.id, fields, etag=request.etag), pb.Relation)

    async def RemoveRelation(self, request: pb.RemoveRelationRequest, context: Any) -> pb.Relation:
        return to_message(await self._relations.remove(request.id, etag=request.etag), pb.Relation)

    async def GetImpact(self, request: pb.GetImpactRequest, context: Any) -> pb.GetImpactResponse:
        answer = await self._impact.impact(
            ImpactQuestion(
                id=request.id,
                upwards=request.direction == pb.GetImpactRequest.UP,
                depth=request.depth if request.HasField("depth") else None,
                failed=tuple(request.failed),
                size=request.page_size if request.HasField("page_size") else None,
                token=request.page_token,
            )
        )
        return pb.GetImpactResponse(
            hits=[_hit(shown) for shown in answer.hits],
            next_page_token=answer.next_token,
            failed_count=answer.failed,
            at_risk_count=answer.at_risk,
            criticality=answer.criticality.value if answer.criticality is not None else None,
            service_ids=answer.service_ids,
            cut=answer.cut,
            graph_version=answer.graph_version,
        )

    async def GetGraph(self, request: pb.GetGraphRequest, context: Any) -> pb.GetGraphResponse:
        usual = Frame()
        frame = Frame(
            depth=request.depth if request.HasField("depth") else usual.depth,
            kinds=frozenset(pb.Relation.Kind.Name(kind) for kind in request.kinds),
            most=request.max_nodes if request.HasField("max_nodes") else usual.most,
            fold=request.fold if request.HasField("fold") else usual.fold,
            expand=frozenset(request.expand),
        )
        return _drawn(await self._impact.graph(request.id, frame))

    async def GetImpactAssessment(self, request: pb.GetImpactAssessmentRequest, context: Any) -> pb.ImpactAssessment:
        return document_to_message(await self._reading.get(ImpactAssessment, request.id), pb.ImpactAssessment)

    async def ListImpactAssessments(
        self, request: pb.ListImpactAssessmentsRequest, context: Any
    ) -> pb.ListImpactAssessmentsResponse:
        rows, token = await self._reading.page(IMPACT_ASSESSMENTS, asked(request))
        found = [document_to_message(row, pb.ImpactAssessment) for row in rows]
        return pb.ListImpactAssessmentsResponse(impact_assessments=found, next_page_token=token)


def _hit(shown: Shown) -> pb.ImpactHit:
    hit, item = shown.hit, shown.item
    seen: dict[str, Any] = {"restricted": True}
    if item is not None:
        seen = _seen(item, state="asset_state") | {"asset_id": item.id}
    return pb.ImpactHit(
        **seen,
        state=hit.state,
        root=shown.root,
        distance=hit.distance,
        group=shown.group,
        margin=hit.margin,
        path=shown.path,
        path_omitted=shown.omitted,
        cut=hit.cut,
    )


def _seen(item: Item, *, state: str) -> dict[str, Any]:
    return {"name": item.name, "class": item.class_name, state: item.state or None, "criticality": item.criticality or None}


def _drawn(answer: GraphAnswer) -> pb.GetGraphResponse:
    graph, drawing = answer.graph, answer.drawing
    names = [_name(answer, place, spot) for place, spot in enumerate(drawing.spots)]
    nodes, groups = [], []
    for name, spot in zip(names, drawing.spots, strict=True):
        item, hidden = graph.items[spot.members[0]], not answer.hidden.isdisjoint(spot.members)
        if len(spot.members) > 1:
            parent = names[spot.parent] if spot.parent is not None else ""
            class_name = "" if hidden else item.class_name
            whole: dict[str, Any] = {
                "class": class_name,
                "count": len(spot.members),
                "layer": spot.layer,
                "x": spot.x,
                "y": spot.y,
            }
            groups.append(pb.GraphGroup(id=name, parent_id=parent, **whole))
        else:
            seen: dict[str, Any] = {"restricted": True} if hidden else _seen(item, state="state")
            nodes.append(pb.GraphNode(id=name, layer=spot.layer, x=spot.x, y=spot.y, hidden_count=spot.hidden, **seen))
    edges = [_edge(answer, names, line) for line in drawing.lines]
    return pb.GetGraphResponse(nodes=nodes, groups=groups, edges=edges, cut=drawing.cut, graph_version=graph.version)


def _name(answer: GraphAnswer, place: int, spot: Spot) -> str:
    if len(spot.members) > 1:
        return f"group-{place}"
    return f"restricted-{place}" if spot.members[0] in answer.hidden else answer.graph.items[spot.members[0]].id


def _edge(answer: GraphAnswer, names: list[str], line: Line) -> pb.GraphEdge:
    ends = (answer.drawing.spots[line.provider], answer.drawing.spots[line.consumer])
    shown = line.link and all(answer.hidden.isdisjoint(spot.members) for spot in ends)
    return pb.GraphEdge(
        relation_id=line.link if shown else "",
        provider_id=names[line.provider],
        consumer_id=names[line.consumer],
        kind=RelationKind(line.kind).value,
        group=answer.graph.links[line.link].group if shown else "",
    )
