"""Assets in stock, by the asset service, reached as this service itself: what falls due has no caller."""

from collections.abc import Sequence
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from itsm.asset import v1 as pb
from itsm.type.v1 import value_pb2

from chassis import context as ctx
from chassis.errors import NotFound, Unavailable
from chassis.rpc import Channels, call
from chassis.service_account import ServiceAccount
from services.incident.usecases.hooks import StockItem

MARK = "reservedBy"
"""The attribute of an asset that names the task that it is set aside for."""
_SECONDS = 10.0


class AssetStock:
    """See `services.incident.usecases.hooks.Stock`."""

    def __init__(self, channels: Channels, target: str, account: ServiceAccount) -> None:
        self._channels, self._target, self._account = channels, target, account

    async def get(self, id: str) -> StockItem | None:  # noqa: A002 - as its field
        """See `Stock`."""
        try:
            return _item(await self._call("GetAsset", pb.GetAssetRequest(id=id)))
        except NotFound:
            return None

    async def free(self, asset_class: str) -> Sequence[StockItem]:
        """See `Stock`."""
        quoted = asset_class.replace("\\", "\\\\").replace('"', '\\"')
        request = pb.ListAssetsRequest(
            filter=f'class = "{quoted}" AND state = IN_STOCK AND ownerId = ""', order_by="createTime", page_size=10
        )
        answer = await self._call("ListAssets", request)
        return [_item(asset) for asset in answer.assets]

    async def reserve(self, item: StockItem, owner_id: str, mark: str, key: str) -> StockItem:
        """See `Stock`. Whom it belongs to is said by hand at the asset service: it outranks what agents report."""
        asset = pb.Asset(owner_id=owner_id, attributes={MARK: value_pb2.Value(text=mark)})
        mask = FieldMask(paths=["owner_id", "attributes"])
        request = pb.UpdateAssetRequest(id=item.id, asset=asset, update_mask=mask, etag=item.etag)
        return _item(await self._call("UpdateAsset", request, key))

    async def hand_over(self, item: StockItem, reason: str, key: str) -> StockItem:
        """See `Stock`."""
        request = pb.MoveAssetRequest(id=item.id, state=pb.Asset.IN_USE, reason=reason, etag=item.etag)
        return _item(await self._call("MoveAsset", request, key))

    async def release(self, item: StockItem, key: str) -> StockItem:
        """See `Stock`."""
        asset = pb.Asset(attributes={MARK: value_pb2.Value(text="")})
        mask = FieldMask(paths=["owner_id", "attributes"])
        request = pb.UpdateAssetRequest(id=item.id, asset=asset, update_mask=mask, etag=item.etag)
        return _item(await self._call("UpdateAsset", request, key))

    async def _call(self, method: str, request: Any, key: str = "") -> Any:
        if not self._target:
            raise Unavailable("no asset service is named in the settings")
        stub = pb.AssetServiceStub(self._channels.to(self._target))
        return await call(
            getattr(stub, method),
            request,
            token=await self._account.token(),
            tenant=ctx.current().tenant,
            timeout=_SECONDS,
            repeatable=True,
            more={"idempotency-key": key} if key else None,
        )


def _item(asset: Any) -> StockItem:
    mark = asset.attributes[MARK].text if MARK in asset.attributes else ""
    in_stock = asset.state == pb.Asset.IN_STOCK
    return StockItem(asset.id, asset.name, in_stock, asset.owner_id, mark, asset.etag)
