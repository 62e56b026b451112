"""Relations: between two assets of a tenant, a kind once, and gone when they are removed."""

from collections.abc import Iterator

import pytest

from chassis import context as ctx
from chassis.errors import AlreadyExists, Invalid, NotFound, Stale
from chassis.store import CHANGES
from chassis.testing import caller
from services.asset.domain.relation import RelationKind
from services.asset.usecases.reading import Asked
from tests.unit.asset.landscape import Landscape, again, id_of


@pytest.fixture(autouse=True)
def somebody() -> Iterator[None]:
    with ctx.use(caller()):
        yield


@pytest.fixture
async def land() -> Landscape:
    land = Landscape()
    for name in ("a", "b", "c"):
        await land.asset(name)
    return land


async def told(land: Landscape) -> list[str]:
    rows = await land.backend.find(CHANGES, {"kind": "relations"}, sort=[("_id", 1)])
    return [row["type"].rpartition(".")[2] for row in rows]


async def test_each_step_of_a_relation_is_told_once(land: Landscape) -> None:
    relation = await land.serve("a", "b")
    await again(land.relations.update, relation.id, {"group": "power"})
    await again(land.relations.update, relation.id, {"group": "power"})
    await again(land.relations.remove, relation.id)
    assert await told(land) == ["RelationAdded", "RelationUpdated", "RelationRemoved"]


async def test_an_asset_does_not_serve_itself(land: Landscape) -> None:
    with pytest.raises(Invalid) as refused:
        await land.serve("a", "a")
    assert refused.value.violations.keys() == {"consumer_id"}


async def test_a_kind_is_there_once_between_two_in_one_direction(land: Landscape) -> None:
    first = await land.serve("a", "b")
    with pytest.raises(AlreadyExists) as refused:
        await land.serve("a", "b", group="power")
    assert refused.value.facts["id"] == first.id
    await land.serve("b", "a")
    await land.serve("a", "b", RelationKind.HOSTS)


async def test_after_its_removal_it_may_be_made_again_and_is_in_no_answer(land: Landscape) -> None:
    relation = await land.serve("a", "b")
    await again(land.relations.remove, relation.id)
    for gone in (land.relations.get, land.relations.remove, lambda id_: land.relations.update(id_, {"group": "x"})):
        with pytest.raises(NotFound):
            await again(gone, relation.id)
    fresh = await land.serve("a", "b")
    rows, _ = await land.relations.page(Asked())
    assert [row["_id"] for row in rows] == [fresh.id]


async def test_what_the_tenant_does_not_have_cannot_be_related(land: Landscape) -> None:
    with pytest.raises(Invalid) as refused:
        await land.serve("a", "nothing")
    assert refused.value.violations.keys() == {"consumer_id"}
    with ctx.use(caller("stranger")):
        await land.asset("own")
        theirs = {"provider_id": id_of("own"), "consumer_id": "ast_a", "kind": RelationKind.USES, "group": ""}
        with pytest.raises(Invalid) as refused:
            await land.relations.create(theirs)
        assert refused.value.violations.keys() == {"consumer_id"}


async def test_only_the_group_changes_and_only_on_the_version_that_was_seen(land: Landscape) -> None:
    relation = await land.serve("a", "b")
    with pytest.raises(Invalid) as refused:
        await again(land.relations.update, relation.id, {"consumer_id": "ast_c", "group": "power"})
    assert refused.value.violations.keys() == {"consumer_id"}
    await again(land.relations.update, relation.id, {"group": "power"}, etag="1")
    with pytest.raises(Stale):
        await again(land.relations.remove, relation.id, etag="1")


@pytest.mark.parametrize("group", ["x" * 101, " power"])
async def test_a_group_has_a_name_that_people_can_read(land: Landscape, group: str) -> None:
    with pytest.raises(Invalid) as refused:
        await land.serve("a", "b", group=group)
    assert refused.value.violations.keys() == {"group"}


async def test_the_relations_of_one_asset_are_found_from_both_ends(land: Landscape) -> None:
    left, right = await land.serve("a", "b"), await land.serve("b", "c")
    await land.serve("a", "c")
    rows, _ = await land.relations.page(Asked('providerId = "ast_b" OR consumerId = "ast_b"'))
    assert {row["_id"] for row in rows} == {left.id, right.id}
