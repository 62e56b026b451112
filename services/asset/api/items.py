"""Assets."""

from typing import Any

from itsm.asset import v1 as pb

from chassis import protojson
from chassis.codec import document_to_message, given, to_message
from chassis.timeline import timeline_entry
from services.asset.api.shared import asked, named
from services.asset.domain.asset import Asset
from services.asset.domain.lifecycle import State
from services.asset.usecases.items import Items
from services.asset.usecases.merging import Merging
from services.asset.usecases.placing import ASSETS
from services.asset.usecases.reading import Reading


class AssetApi(pb.AssetServiceServicer):
    """`itsm.asset.v1.AssetService`."""

    def __init__(self, items: Items, merging: Merging, reading: Reading) -> None:
        self._items = items
        self._merging = merging
        self._reading = reading

    async def CreateAsset(self, request: pb.CreateAssetRequest, context: Any) -> pb.Asset:
        return to_message(await self._items.create(given(request.asset, Asset)), pb.Asset)

    async def GetAsset(self, request: pb.GetAssetRequest, context: Any) -> pb.Asset:
        return document_to_message(await self._reading.get(Asset, request.id), pb.Asset)

    async def ListAssets(self, request: pb.ListAssetsRequest, context: Any) -> pb.ListAssetsResponse:
        rows, token = await self._reading.page(ASSETS, asked(request))
        return pb.ListAssetsResponse(assets=[document_to_message(row, pb.Asset) for row in rows], next_page_token=token)

    async def CountAssets(self, request: pb.CountAssetsRequest, context: Any) -> pb.CountAssetsResponse:
        value, capped = await self._reading.count(ASSETS, request.filter)
        return pb.CountAssetsResponse(value=value, capped=capped)

    async def UpdateAsset(self, request: pb.UpdateAssetRequest, context: Any) -> pb.Asset:
        fields = named(request, request.asset, Asset)
        return to_message(await self._items.update(request.id, fields, etag=request.etag), pb.Asset)

    async def MoveAsset(self, request: pb.MoveAssetRequest, context: Any) -> pb.Asset:
        state = State(pb.Asset.State.Name(request.state))
        moved = await self._items.move(request.id, state, reason=request.reason, proof=request.proof, etag=request.etag)
        return to_message(moved, pb.Asset)

    async def MergeAsset(self, request: pb.MergeAssetRequest, context: Any) -> pb.Asset:
        merged = await self._merging.merge(request.id, request.source_asset_id, reason=request.reason, etag=request.etag)
        return to_message(merged, pb.Asset)

    async def ListAssetHistory(self, request: pb.ListAssetHistoryRequest, context: Any) -> pb.ListAssetHistoryResponse:
        rows, token = await self._reading.history(request.id, asked(request))
        return pb.ListAssetHistoryResponse(entries=[timeline_entry(row, "asset") for row in rows], next_page_token=token)

    async def GetInventory(self, request: pb.GetInventoryRequest, context: Any) -> pb.Inventory:
        sections = await self._reading.inventory(request.id)
        whole = sorted(name for name, section in sections.items() if section["whole"])
        inventory = protojson.decode({name: section["content"] for name, section in sections.items()}, pb.Inventory)
        inventory.sections.extend(whole)
        inventory.report_time.FromDatetime(max(section["report_time"] for section in sections.values()))
        return inventory
