"""Figures."""

from datetime import UTC, datetime
from typing import Any

from itsm.analytics import v1 as pb

from services.analytics.domain.definitions import GROUPS, Definition
from services.analytics.usecases.kpis import Figure, Kpis
from services.analytics.usecases.rebuild import Rebuild


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
            start=instant(request, "from"),
            end=instant(request, "to"),
        )
        return figure_message(figure)

    async def RebuildProjections(self, request: pb.RebuildProjectionsRequest, context: Any) -> pb.RebuildProjectionsResponse:
        progress = await self._rebuild.ask()
        return pb.RebuildProjectionsResponse(
            state="DONE" if progress.done else "RUNNING",
            request_time=progress.asked,
            incidents=progress.incidents,
            corrected=progress.corrected,
        )


def figure_message(figure: Figure) -> pb.Kpi:
    """A figure as the world sees it."""
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


def instant(request: Any, name: str) -> datetime | None:
    """An instant that a request names; None where it names none."""
    # `from` is a word of Python's own and can only be reached by name.
    return getattr(request, name).ToDatetime(tzinfo=UTC) if request.HasField(name) else None
