"""What the landscape of assets is asked, how often, and for how long."""

import asyncio
from typing import Any

import pytest
from itsm.asset import v1 as pb

from chassis import context as ctx
from chassis.errors import DeadlinePassed, Denied, Error, NotFound, Unavailable
from chassis.testing import caller
from services.incident.app.landscape import AssetLandscape
from services.incident.domain.change_states import ChangeKind
from services.incident.domain.conflict import ConflictKind, Landscape
from tests.unit.incident.test_planning import Room


class Asked(AssetLandscape):
    """One whose service knows `db` and `web`, and answers when a test lets it."""

    def __init__(self, wait: float = 0.0) -> None:
        super().__init__(None, "assets", None, seconds=0.05 if wait else 60.0)  # type: ignore[arg-type]
        self.wait, self.methods = wait, list[str]()

    async def _ask(self, stub: Any, method: str, request: Any) -> Any:
        self.methods.append(method)
        await asyncio.sleep(self.wait)
        if method == "ListAssets":
            return pb.ListAssetsResponse(assets=[pb.Asset(id=each) for each in ("db", "web") if f'"{each}"' in request.filter])
        return pb.GetImpactResponse(hits=[pb.ImpactHit(asset_id=f"on {request.id}")])


async def test_assets_are_looked_up_together_and_those_that_are_not_there_are_left_out() -> None:
    land = Asked()
    found = await land.look(["db", "new"], ["web", *(f"gone {at}" for at in range(20))])
    assert set(found.neighbors) == {"db", "on db"}
    assert land.methods.count("ListAssets") == 1
    assert await Asked().look(["new"], ["web"]) == Landscape()


async def test_a_look_has_one_budget_of_time() -> None:
    with pytest.raises(DeadlinePassed):
        await Asked(wait=30).look(["db"], ["web"])


@pytest.mark.parametrize("refused", [Unavailable("x"), DeadlinePassed("x"), Denied("assets.list"), NotFound("asset", "x")])
async def test_whatever_keeps_the_landscape_from_answering_is_not_known(refused: Error) -> None:
    with ctx.use(caller(subject="alice")):
        room = Room()
        change = await room.change(asset_ids=["db"])

        async def look(*_: Any) -> Landscape:
            raise refused

        room.land.look = look  # type: ignore[method-assign]
        assert await room.kinds(change) == [(ConflictKind.NOT_KNOWN, True)]


async def test_an_emergency_waits_for_no_landscape() -> None:
    with ctx.use(caller(subject="alice")):
        room = Room()
        urgent = await room.change(asset_ids=["db"], kind=ChangeKind.EMERGENCY)

        async def look(*_: Any) -> Landscape:
            raise AssertionError("nobody asks")

        room.land.look = look  # type: ignore[method-assign]
        assert list(await room.planning.against(urgent, "start")) == []
