"""`itsm.gateway.v1.LookupService`."""

from typing import Any, Protocol

from itsm.gateway import v1 as pb

from chassis.errors import Invalid
from services.gateway.usecases.lookups import DEFAULT, MOST, asked_kinds, words_of


class Finding(Protocol):
    """Asks those who know; see `services.gateway.finding`."""

    async def bootstrap(self) -> pb.Bootstrap:
        """What a console needs to begin."""

    async def suggest(self, kinds: Any, words: Any, most: int) -> Any:
        """The best of each kind, and the kinds whose service does not answer."""

    async def resolve(self, number: str) -> tuple[str, str, str]:
        """Kind, id and number of a record."""


class LookupApi(pb.LookupServiceServicer):
    """What is asked first, and while somebody types."""

    def __init__(self, finding: Finding) -> None:
        self._finding = finding

    async def GetBootstrap(self, request: pb.GetBootstrapRequest, context: Any) -> pb.Bootstrap:
        return await self._finding.bootstrap()

    async def Suggest(self, request: pb.SuggestRequest, context: Any) -> pb.SuggestResponse:
        most = request.page_size if request.HasField("page_size") else DEFAULT
        if not 1 <= most <= MOST:
            raise Invalid({"pageSize": f"expected 1 to {MOST}, not {most}"})
        found, missing = await self._finding.suggest(asked_kinds(request.types), words_of(request.query), most)
        shown = [pb.Suggestion(kind=each.kind, id=each.id, name=each.name, detail=each.detail) for each in found]
        return pb.SuggestResponse(suggestions=shown, missing=missing)

    async def ResolveNumber(self, request: pb.ResolveNumberRequest, context: Any) -> pb.ResolveNumberResponse:
        kind, id_, number = await self._finding.resolve(request.number)
        return pb.ResolveNumberResponse(kind=kind, id=id_, number=number)
