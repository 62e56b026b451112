"""The servicers: unpack the request, call the use case, pack the answer."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from itsm.analytics import v1 as pb

from services.analytics.domain.definitions import GROUPS, Definition
from services.analytics.usecases.kpis import Kpis
from services.analytics.usecases.rebuild import Rebuild
from services.analytics.usecases.search import Found, Search


class KpiApi(pb.KpiServiceServicer):
    """`itsm.analytics.v1.KpiService`."""

    def __init__(self, kpis: Kpis, rebuild: Rebuild) -> None:
        self._kpis = kpis
        self._rebuild = rebuild

    async def ListKpis(self, request: pb.ListKpisRequest, context: Any) -> pb.ListKpisResponse:
        return pb.ListKpisResponse(kpis=[_definition(each) for each in self._kpis.definitions()])

    async def GetKpi(self, request: pb.GetKpiRequest, context: Any) -> pb.Kpi:
        figure = await self._kpis.get(
            request.name,
            filter_text=request.filter,
            group_by=request.group_by,
            start=_instant(request, "from"),
            end=_instant(request, "to"),
        )
        rows = [
            pb.Kpi.Row(group=row.group, series=row.series, value=row.value, median=row.median, p90=row.p90, count=row.count)
            for row in figure.rows
        ]
        definition = figure.definition
        return pb.Kpi(
            name=definition.name,
            definition_version=definition.version,
            unit=definition.unit,
            rows=rows,
            as_of_time=figure.at,
        )

    async def RebuildProjections(self, request: pb.RebuildProjectionsRequest, context: Any) -> pb.RebuildProjectionsResponse:
        progress = await self._rebuild.ask()
        return pb.RebuildProjectionsResponse(
            state="DONE" if progress.done else "RUNNING",
            request_time=progress.asked,
            incidents=progress.incidents,
            corrected=progress.corrected,
        )


class SearchApi(pb.SearchServiceServicer):
    """`itsm.analytics.v1.SearchService`. `building` tells whether the index lacks something."""

    def __init__(self, search: Search, building: Callable[[], bool]) -> None:
        self._search, self._building = search, building

    async def Search(self, request: pb.SearchRequest, context: Any) -> pb.SearchResponse:
        size = request.page_size if request.HasField("page_size") else None
        found = await self._search.find(request.query, kinds=request.kinds, size=size, language=request.language)
        return pb.SearchResponse(hits=[_hit(each) for each in found], building=self._building())


def _hit(found: Found) -> pb.SearchHit:
    text = found.text
    hit = pb.SearchHit(
        kind=text.kind,
        id=text.subject.partition("/")[2],
        about=text.about,
        number=text.number,
        title=text.title,
        excerpt=found.excerpt,
        title_matches=[pb.SearchMatch(start=start, length=length) for start, length in found.title_matches],
        excerpt_matches=[pb.SearchMatch(start=start, length=length) for start, length in found.excerpt_matches],
        state=text.state,
    )
    if text.update_time is not None:
        hit.update_time.FromDatetime(text.update_time)
    return hit


def _definition(definition: Definition) -> pb.KpiDefinition:
    return pb.KpiDefinition(
        name=definition.name,
        definition_version=definition.version,
        unit=definition.unit,
        description=definition.description,
        definition=definition.definition,
        group_by=[group.value for group in GROUPS[definition.about]],
        series=definition.series,
    )


def _instant(request: pb.GetKpiRequest, name: str) -> datetime | None:
    # `from` is a word of Python's own and can only be reached by name.
    return getattr(request, name).ToDatetime(tzinfo=UTC) if request.HasField(name) else None
