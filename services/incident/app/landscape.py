"""The landscape of assets, asked as this service itself: a plan that hides what its reader may not see would be none."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from itsm.asset import v1 as pb

from chassis import context as ctx
from chassis.errors import NotFound, Unavailable
from chassis.rpc import Channels, call
from chassis.service_account import ServiceAccount
from services.incident.domain.conflict import Landscape

_SECONDS = 5.0
_PAGE = 200
_PAGES = 10
"""So many pages of hits are read; further away than that, two changes hardly meet."""
_ALONE = 20
"""So many assets of a change are looked at one by one."""
_DOWN, _UP = pb.GetImpactRequest.DOWN, pb.GetImpactRequest.UP


class AssetLandscape:
    """See `services.incident.usecases.planning.Landscapes`."""

    def __init__(self, channels: Channels, target: str, account: ServiceAccount) -> None:
        self._channels, self._target, self._account = channels, target, account

    async def look(self, asset_ids: Sequence[str], out_ids: Sequence[str]) -> Landscape:
        """See `Landscapes`. What falls by one of its assets alone falls as it is planned to: no redundancy is lost by that."""
        asset_ids = await self._known(asset_ids)
        if not asset_ids:
            return Landscape()
        out_ids = await self._known(out_ids) if out_ids else []
        own, together = await asyncio.gather(self._down(asset_ids), self._down([*asset_ids, *out_ids]))
        alone = await asyncio.gather(*(self._down([each]) for each in asset_ids[:_ALONE]))
        above = await asyncio.gather(*(self._hits(each, _UP) for each in asset_ids[:_ALONE]))
        below = {hit.asset_id: hit for hit in own}
        falls = {hit.asset_id for hits in alone for hit in hits if hit.state == pb.ImpactHit.FAILED}
        met = [hit for hit in together if hit.asset_id in below and not hit.root]
        lost = {h.asset_id: h.name for h in met if h.state == pb.ImpactHit.FAILED and h.asset_id not in falls}
        spent = (hit for hit in met if hit.state == pb.ImpactHit.AT_RISK and hit.HasField("margin") and hit.margin <= 0)
        neighbors = {*asset_ids, *below, *(hit.asset_id for hits in above for hit in hits)}
        return Landscape(neighbors=neighbors, lost=lost, used_up={hit.asset_id: hit.name for hit in spent})

    async def _known(self, asset_ids: Iterable[str]) -> list[str]:
        """Those that are there: a change may name what the landscape does not know yet."""

        async def known(asset_id: str) -> str | None:
            try:
                await self._ask(pb.AssetServiceStub, "GetAsset", pb.GetAssetRequest(id=asset_id))
            except NotFound:
                return None
            return asset_id

        found = await asyncio.gather(*(known(each) for each in asset_ids))
        return [each for each in found if each is not None]

    async def _down(self, roots: Sequence[str]) -> list[Any]:
        return await self._hits(roots[0], _DOWN, roots[1 : 1 + 100])

    async def _hits(self, root: str, direction: Any, failed: Sequence[str] = ()) -> list[Any]:
        hits: list[Any] = []
        token = ""
        for _ in range(_PAGES):
            request = pb.GetImpactRequest(id=root, direction=direction, failed=failed, page_size=_PAGE, page_token=token)
            answer = await self._ask(pb.GraphServiceStub, "GetImpact", request)
            hits += [hit for hit in answer.hits if hit.asset_id]
            token = answer.next_page_token
            if not token:
                break
        return hits

    async def _ask(self, stub: Any, method: str, request: Any) -> Any:
        if not self._target:
            raise Unavailable("no asset service is named in the settings")
        return await call(
            getattr(stub(self._channels.to(self._target)), method),
            request,
            token=await self._account.token(),
            tenant=ctx.current().tenant,
            timeout=_SECONDS,
            repeatable=True,
        )
