"""The landscape of assets, asked as this service itself: a plan that hides what its reader may not see would be none."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from itsm.asset import v1 as pb

from chassis import context as ctx
from chassis.errors import DeadlinePassed, Unavailable
from chassis.rpc import Channels, call
from chassis.service_account import ServiceAccount
from services.incident.domain.conflict import Landscape

_SECONDS = 5.0
"""For all that is asked about a change together: its caller waits, and has a deadline too."""
_PAGE = 200
_PAGES = 10
"""So many pages of hits are read; further away than that, two changes hardly meet."""
_ALONE = 20
"""So many assets of a change are looked at one by one."""
_TOGETHER = 30
"""So many assets are asked for in one filter, which has a longest length."""
_DOWN, _UP = pb.GetImpactRequest.DOWN, pb.GetImpactRequest.UP


class AssetLandscape:
    """See `services.incident.usecases.planning.Landscapes`."""

    def __init__(self, channels: Channels, target: str, account: ServiceAccount, *, seconds: float = _SECONDS) -> None:
        self._channels, self._target, self._account, self._seconds = channels, target, account, seconds

    async def look(self, asset_ids: Sequence[str], out_ids: Sequence[str]) -> Landscape:
        """See `Landscapes`. What falls by one of its assets alone falls as it is planned to: no redundancy is lost by that."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._look(asset_ids, out_ids)
        except TimeoutError:
            raise DeadlinePassed("the landscape of assets does not answer in time") from None

    async def _look(self, asset_ids: Sequence[str], out_ids: Sequence[str]) -> Landscape:
        known = await self._known(dict.fromkeys([*asset_ids, *out_ids]))
        asset_ids, out_ids = ([each for each in some if each in known] for some in (asset_ids, out_ids))
        if not asset_ids:
            return Landscape()
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

    async def _known(self, asset_ids: Iterable[str]) -> set[str]:
        """Those that are there: a change may name what the landscape does not know yet."""

        async def known(some: Sequence[str]) -> list[str]:
            among = ", ".join(orjson.dumps(each).decode() for each in some)
            request = pb.ListAssetsRequest(filter=f"id IN ({among})", page_size=len(some))
            return [each.id for each in (await self._ask(pb.AssetServiceStub, "ListAssets", request)).assets]

        asked = list(asset_ids)
        parts = (asked[start : start + _TOGETHER] for start in range(0, len(asked), _TOGETHER))
        found = await asyncio.gather(*map(known, parts))
        return {each for some in found for each in some}

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
            timeout=self._seconds,
            repeatable=True,
        )
