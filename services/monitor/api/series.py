"""`itsm.monitor.v1.SeriesService`."""

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any

from itsm.monitor import v1 as pb

from chassis.codec import document_to_message
from chassis.errors import Invalid
from services.monitor.api.requests import paging
from services.monitor.domain.windows import Aggregate
from services.monitor.usecases.catalog import labels_from
from services.monitor.usecases.series import Question, SeriesReading


class SeriesApi(pb.SeriesServiceServicer):
    """Series and their values."""

    def __init__(self, reading: SeriesReading) -> None:
        self._reading = reading

    async def ListSeries(self, request: pb.ListSeriesRequest, context: Any) -> pb.ListSeriesResponse:
        rows, token = await self._reading.page(request.filter, request.order_by, request.match, paging(request))
        return pb.ListSeriesResponse(series=[_series(row) for row in rows], next_page_token=token)

    async def QuerySeries(self, request: pb.QuerySeriesRequest, context: Any) -> pb.QuerySeriesResponse:
        answer = await self._reading.query(_question(request))
        response = pb.QuerySeriesResponse(
            rows=[
                pb.QuerySeriesResponse.Row(
                    series=_series(row),
                    times=[at / 1000 for at, _ in points],
                    values=[value for _, value in points],
                )
                for row, points in answer.rows
            ],
            resolution=answer.resolution,
        )
        response.step.FromTimedelta(answer.step)
        return response


def _series(row: Mapping[str, Any]) -> pb.Series:
    series = document_to_message({name: value for name, value in row.items() if name != "pairs"}, pb.Series)
    series.labels.update(dict(labels_from(row["pairs"])))
    return series


def _question(request: pb.QuerySeriesRequest) -> Question:
    return Question(
        match=request.match,
        start=_part(request, "from", lambda moment: moment.ToDatetime(UTC)),
        end=_part(request, "to", lambda moment: moment.ToDatetime(UTC)),
        step=_part(request, "step", lambda duration: duration.ToTimedelta()),
        aggregate=Aggregate(pb.QuerySeriesRequest.Aggregate.Name(request.aggregate)) if request.aggregate else Aggregate.LAST,
    )


def _part(request: pb.QuerySeriesRequest, name: str, read: Callable[[Any], Any]) -> Any:
    """None when absent. `from` is a word of Python, so the field is only reached by its name."""
    if not request.HasField(name):
        return None
    try:
        return read(getattr(request, name))
    except (ValueError, OverflowError) as problem:
        raise Invalid({name: str(problem)}) from problem
