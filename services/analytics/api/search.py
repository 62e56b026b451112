"""The search."""

from collections.abc import Callable
from typing import Any

from itsm.analytics import v1 as pb

from services.analytics.usecases.search import Found, Search


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
