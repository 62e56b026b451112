"""Classes of assets."""

from typing import Any

from itsm.asset import v1 as pb

from chassis.codec import given, to_message
from services.asset.api.shared import named
from services.asset.domain.classes import AssetClass
from services.asset.usecases.classes import Classes


class AssetClassApi(pb.AssetClassServiceServicer):
    """`itsm.asset.v1.AssetClassService`."""

    def __init__(self, classes: Classes) -> None:
        self._classes = classes

    async def CreateAssetClass(self, request: pb.CreateAssetClassRequest, context: Any) -> pb.AssetClass:
        return to_message(await self._classes.create(given(request.asset_class, AssetClass)), pb.AssetClass)

    async def GetAssetClass(self, request: pb.GetAssetClassRequest, context: Any) -> pb.AssetClass:
        return to_message(await self._classes.get(request.id), pb.AssetClass)

    async def ListAssetClasses(self, request: pb.ListAssetClassesRequest, context: Any) -> pb.ListAssetClassesResponse:
        classes = [to_message(each, pb.AssetClass) for each in await self._classes.every()]
        return pb.ListAssetClassesResponse(asset_classes=classes)

    async def UpdateAssetClass(self, request: pb.UpdateAssetClassRequest, context: Any) -> pb.AssetClass:
        fields = named(request, request.asset_class, AssetClass)
        return to_message(await self._classes.update(request.id, fields, etag=request.etag), pb.AssetClass)
