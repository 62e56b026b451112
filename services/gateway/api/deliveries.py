"""`itsm.gateway.v1.DeliveryService`."""

from typing import Any

from itsm.gateway import v1 as pb

from chassis.codec import document_to_message, to_message
from services.gateway.api.requests import asked
from services.gateway.usecases.log import Log


class DeliveryApi(pb.DeliveryServiceServicer):
    """The log of all ways out."""

    def __init__(self, log: Log) -> None:
        self._log = log

    async def GetDelivery(self, request: pb.GetDeliveryRequest, context: Any) -> pb.Delivery:
        return document_to_message(await self._log.one(request.id), pb.Delivery)

    async def ListDeliveries(self, request: pb.ListDeliveriesRequest, context: Any) -> pb.ListDeliveriesResponse:
        rows, token = await self._log.all(asked(request))
        return pb.ListDeliveriesResponse(
            deliveries=[document_to_message(row, pb.Delivery) for row in rows], next_page_token=token
        )

    async def ListMyDeliveries(self, request: pb.ListMyDeliveriesRequest, context: Any) -> pb.ListMyDeliveriesResponse:
        rows = await self._log.mine(request.subject)
        return pb.ListMyDeliveriesResponse(deliveries=[document_to_message(row, pb.Delivery) for row in rows])

    async def RedeliverDelivery(self, request: pb.RedeliverDeliveryRequest, context: Any) -> pb.Delivery:
        return to_message(await self._log.repeat(request.id), pb.Delivery)
