"""The catalog."""

from typing import Any

from itsm.incident import v1 as pb

from chassis.codec import document_to_message, given, part, to_message
from services.incident.api.shared import asked, named
from services.incident.domain.catalog import CatalogItem
from services.incident.usecases.catalog import Catalog


class CatalogItemApi(pb.CatalogItemServiceServicer):
    """`itsm.incident.v1.CatalogItemService`."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def CreateCatalogItem(self, request: pb.CreateCatalogItemRequest, context: Any) -> pb.CatalogItem:
        return to_message(await self._catalog.create(given(request.catalog_item, CatalogItem)), pb.CatalogItem)

    async def GetCatalogItem(self, request: pb.GetCatalogItemRequest, context: Any) -> pb.CatalogItem:
        return document_to_message(await self._catalog.get(request.id), pb.CatalogItem)

    async def ListCatalogItems(self, request: pb.ListCatalogItemsRequest, context: Any) -> pb.ListCatalogItemsResponse:
        rows, token = await self._catalog.page(asked(request))
        items = [document_to_message(row, pb.CatalogItem) for row in rows]
        return pb.ListCatalogItemsResponse(catalog_items=items, next_page_token=token)

    async def CountCatalogItems(self, request: pb.CountCatalogItemsRequest, context: Any) -> pb.CountCatalogItemsResponse:
        value, capped = await self._catalog.count(request.filter)
        return pb.CountCatalogItemsResponse(value=value, capped=capped)

    async def ListPopularCatalogItems(
        self, request: pb.ListPopularCatalogItemsRequest, context: Any
    ) -> pb.ListPopularCatalogItemsResponse:
        rows = await self._catalog.popular()
        return pb.ListPopularCatalogItemsResponse(catalog_items=[document_to_message(row, pb.CatalogItem) for row in rows])

    async def UpdateCatalogItem(self, request: pb.UpdateCatalogItemRequest, context: Any) -> pb.CatalogItem:
        fields = named(request, request.catalog_item, CatalogItem)
        return to_message(await self._catalog.update(request.id, fields, etag=request.etag), pb.CatalogItem)

    async def PublishCatalogItem(self, request: pb.PublishCatalogItemRequest, context: Any) -> pb.CatalogItem:
        return to_message(await self._catalog.publish(request.id, etag=request.etag), pb.CatalogItem)

    async def RetireCatalogItem(self, request: pb.RetireCatalogItemRequest, context: Any) -> pb.CatalogItem:
        return to_message(await self._catalog.retire(request.id, etag=request.etag), pb.CatalogItem)

    async def EvaluateCatalogItem(self, request: pb.EvaluateCatalogItemRequest, context: Any) -> pb.EvaluateCatalogItemResponse:
        answers = given(request, Answered).get("answers", {})
        found = await self._catalog.evaluate(request.id, answers)
        return pb.EvaluateCatalogItemResponse(
            fields=[part(each, pb.FormField) for each in found.fields],
            violations=[part(each, pb.FormViolation) for each in found.violations],
            steps=found.steps,
            price=part(found.price, _MONEY) if found.price is not None else None,
            orderable=found.orderable,
        )


class Answered:
    """What of the request becomes plain values."""

    id: str
    answers: dict[str, Any]


_MONEY = pb.CatalogItem().price.__class__
