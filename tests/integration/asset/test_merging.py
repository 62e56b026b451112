"""Merging on a real database: one transaction over all that belongs to an asset, whoever else is at work."""

import asyncio
from uuid import uuid4

import pytest
from itsm.asset import v1 as pb

from chassis.errors import Denied, Error, ForbiddenMove, Invalid, NotFound
from tests.integration.asset.conftest import Caller
from tests.integration.asset.test_assets import enroll, key_of, machine, unique
from tests.integration.asset.test_graph import down, names, serve

WHY = "the label on the case says so"


def merging(target: str, source: str, reason: str = WHY) -> pb.MergeAssetRequest:
    return pb.MergeAssetRequest(id=target, source_asset_id=source, reason=reason)


async def test_what_belonged_to_one_belongs_to_the_other_in_every_process(estate: Caller) -> None:
    serial, other = unique("s"), estate.as_(replica=1)
    enrolled = await enroll(estate, serial)
    books = await estate.asset("web01 (shop)", location="Berlin")
    shop, db = await estate.asset("shop"), await estate.asset("db")
    seen = await estate("GetAsset", pb.GetAssetRequest(id=enrolled.asset_id))
    for provider, consumer in ((seen, shop), (books, shop), (db, seen)):
        await serve(estate, provider, consumer)
    await down(other, db)  # the graph of the other process is there before
    merged = await other("MergeAsset", merging(books.id, seen.id))
    assert (merged.name, merged.agent_id) == ("web01 (shop)", enrolled.agent_id)
    assert serial in {each.value for each in merged.identifiers}
    over = await estate("GetAsset", pb.GetAssetRequest(id=seen.id))
    assert (over.state, over.merged_into_id, list(over.identifiers)) == (pb.Asset.MERGED, books.id, [])
    for _ in range(600):
        if names(await down(estate, db)) == ["db", "web01 (shop)", "shop"]:
            break
        await asyncio.sleep(0.1)
    else:
        pytest.fail("the other process never heard of it")
    assert (await estate("GetInventory", pb.GetInventoryRequest(id=books.id))).hardware.serial == serial
    agent = estate.as_(subject=await key_of(estate, enrolled.agent_id))
    report = pb.ReportInventoryRequest(id=enrolled.agent_id, version="1", inventory=machine(serial))
    assert (await agent("ReportInventory", report)).asset_id == books.id
    # A second agent on the machine is on the one that stayed, too.
    assert (await enroll(estate, serial)).asset_id == books.id
    history = await estate("ListAssetHistory", pb.ListAssetHistoryRequest(id=seen.id))
    assert history.entries[0].type.endswith("AssetMoved")


async def test_of_merges_both_ways_at_once_one_holds(estate: Caller) -> None:
    for _ in range(3):
        first, second = [
            await estate.asset(name, identifiers=[pb.Identifier(kind="SERIAL", value=unique("s"))]) for name in "ab"
        ]
        ways = [(first.id, second.id, 0), (second.id, first.id, 1)]
        answers = await asyncio.gather(
            *(estate.as_(replica=number)("MergeAsset", merging(target, source)) for target, source, number in ways),
            return_exceptions=True,
        )
        [stays] = [each for each in answers if isinstance(each, pb.Asset)]
        [refused] = [each for each in answers if isinstance(each, Error)]
        assert isinstance(refused, ForbiddenMove)
        assert len(stays.identifiers) == 2


async def test_who_may_not_merge_and_what_nobody_may(estate: Caller) -> None:
    first, second = await estate.asset("a"), await estate.asset("b")
    theirs = await estate.as_(tenant=f"{estate.tenant}-other").asset("theirs")
    with pytest.raises(Denied):
        await estate.as_("viewer")("MergeAsset", merging(first.id, second.id))
    with pytest.raises(NotFound):
        await estate("MergeAsset", merging(theirs.id, second.id))
    for source in (theirs.id, first.id, f"ast_{uuid4().hex}"):
        with pytest.raises(Invalid):
            await estate("MergeAsset", merging(first.id, source))
    assert (await estate("GetAsset", pb.GetAssetRequest(id=second.id))).state == pb.Asset.IN_USE
