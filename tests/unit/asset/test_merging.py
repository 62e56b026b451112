"""Two assets that a person says are one: nothing that was known of either is lost, and nothing is known twice."""

from datetime import timedelta
from typing import Any

import pytest

from chassis import context as ctx
from chassis.errors import ForbiddenMove, Invalid, NotFound, Stale
from chassis.store import CHANGES
from chassis.store.transaction import CLAIMS
from chassis.testing import caller
from services.asset import store as kept
from services.asset.domain.asset import Asset, Redundancy
from services.asset.domain.identity import Identifier, IdentifierKind
from services.asset.domain.lifecycle import State
from services.asset.domain.relation import RelationKind
from services.asset.usecases.agents import AGENTS
from services.asset.usecases.graphs import RELATIONS
from services.asset.usecases.merging import Merging
from services.asset.usecases.reading import Asked
from services.asset.usecases.relations import Relations
from tests.unit.asset.estate import KEY, MONDAY, said
from tests.unit.asset.test_agents import Fleet, machine
from tests.unit.incident.desk import Again

WHY = "the label on the case says so"
SERIAL, OTHER_SERIAL = {"SERIAL": ["7XK2Q1"]}, {"SERIAL": ["9ZZ9Z9"]}


class Office(Fleet):
    """Somebody who knows the machines."""

    def __init__(self) -> None:
        super().__init__()
        store = self.estate.store
        self.merging = Again(Merging(store, self.estate.classes, self.estate.placing))
        self.relations = Again(Relations(store, kept.listings(KEY, self.estate.clock)[RELATIONS]))

    async def merge(self, target: Any, source: Any, reason: str = WHY, **more: Any) -> Asset:
        merged: Asset = await self.merging.merge(id_of(target), id_of(source), reason=reason, **more)
        return merged

    async def asset(self, known: Any) -> Asset:
        return await self.estate.store.get(Asset, id_of(known))

    async def serve(self, provider: Any, consumer: Any, kind: RelationKind = RelationKind.USES) -> Any:
        ends = {"provider_id": id_of(provider), "consumer_id": id_of(consumer), "kind": kind}
        return await self.relations.create(ends)

    async def links(self) -> set[tuple[str, str]]:
        rows = await self.estate.backend.find(RELATIONS, {"tenant": "main", "remove_time": None})
        return {(row["provider_id"], row["consumer_id"]) for row in rows}

    async def held(self) -> dict[str, str]:
        rows = await self.estate.backend.find(CLAIMS, {"tenant": "main"})
        parts = [(row["_id"].split("|", 2), row["holder"]) for row in rows]
        return {key: holder for (_, kind, key), holder in parts if kind == "asset-identifier"}

    async def told(self, asset: Any) -> list[str]:
        rows = await self.estate.backend.find(CHANGES, {"tenant": "main", "key": id_of(asset)}, sort=[("_id", 1)])
        return [row["type"].rpartition(".")[2] for row in rows]


def id_of(known: Any) -> str:
    return known if isinstance(known, str) else str(known.id)


@pytest.fixture
def office() -> Any:
    with ctx.use(caller()):
        yield Office()


async def two(office: Office) -> tuple[Asset, Asset]:
    """One machine, once by a person and a table, once by another table."""
    target = await office.estate.create("web01", location="Berlin", identifiers=[])
    office.estate.clock.advance(minutes=1)
    source = await office.estate.report(
        said("import:old", MONDAY, SERIAL, "OLD-7", name="old-web", location="Cellar", rack="A3")
    )
    assert source is not None
    return target, source


async def test_all_that_was_known_moves_and_the_other_one_points_to_it(office: Office) -> None:
    target, source = await two(office)
    merged = await office.merge(target, source)
    assert (merged.name, merged.location, merged.attributes) == ("web01", "Berlin", {"rack": "A3"})
    assert [each.value for each in merged.identifiers] == ["7XK2Q1"]
    assert [each.value for each in merged.provenance["location"].others] == ["Cellar"]
    over = await office.asset(source)
    assert (over.state, over.merged_into_id, over.identifiers, over.keys) == (State.MERGED, target.id, [], [])
    assert (await office.told(target))[-1] == "AssetUpdated"
    assert (await office.told(source))[-1] == "AssetMoved"
    assert set((await office.held()).values()) == {target.id}
    assert "SERIAL|7XK2Q1" in await office.held()


async def test_what_its_sources_say_later_is_about_the_one_that_stays(office: Office) -> None:
    target, source = await two(office)
    await office.merge(target, source)
    by_key = await office.estate.report(said("import:old", MONDAY + timedelta(days=1), {}, "OLD-7", rack="B9"))
    by_serial = await office.estate.report(said("agent:agt_9", MONDAY, SERIAL, os="Debian"))
    assert by_key is not None
    assert by_serial is not None
    assert by_key.id == by_serial.id == target.id
    assert by_serial.attributes["os"] == "Debian"


async def test_agents_and_the_newer_inventory_move_and_an_agent_goes_on_reporting(office: Office) -> None:
    target = await office.estate.create("web01")
    enrolled = await office.enroll()
    office.estate.clock.advance(minutes=5)
    await office.merge(target, enrolled.asset_id)
    assert (await office.agent(enrolled.agent_id)).asset_id == target.id
    assert (await office.told(enrolled.agent_id))[-1] == "AgentRebound"
    assert (await office.asset(target)).agent_id == enrolled.agent_id
    inventory = await office.estate.reading.inventory(target.id)
    assert inventory["hardware"]["content"]["model"] == "R640"
    with pytest.raises(NotFound):
        await office.estate.reading.inventory(enrolled.asset_id)
    assert await office.report(enrolled, machine()) == (target.id, True)


async def test_an_agent_that_enrolled_beside_the_merge_reports_to_the_asset_that_stays(office: Office) -> None:
    target = await office.estate.create("web01")
    enrolled = await office.enroll()
    office.estate.clock.advance(minutes=5)
    await office.merge(target, enrolled.asset_id)
    # As when the merge came between the two steps of enrolling: it saw no agent, and the agent no merge.
    office.estate.backend.collections[AGENTS][enrolled.agent_id]["asset_id"] = enrolled.asset_id
    office.estate.store.recent.clear()
    office.estate.clock.advance(minutes=5)
    assert await office.report(enrolled, machine()) == (target.id, True)
    over = await office.asset(enrolled.asset_id)
    assert (over.state, over.identifiers, over.said_identifiers, over.keys) == (State.MERGED, [], [], [])
    with pytest.raises(NotFound):
        await office.estate.reading.inventory(enrolled.asset_id)
    assert (await office.agent(enrolled.agent_id)).asset_id == target.id


async def test_a_merged_asset_is_not_related_again_and_the_refusal_names_the_one_that_stays(office: Office) -> None:
    target, source = await two(office)
    shop = await office.estate.create("shop")
    await office.merge(target, source)
    for ends in ((source, shop), (shop, source)):
        with pytest.raises(Invalid, match=f"was merged into {target.id}"):
            await office.serve(*ends)
    await office.serve(target, shop)
    assert await office.links() == {(target.id, shop.id)}


async def test_relations_move_once_and_none_is_left_between_an_asset_and_itself(office: Office) -> None:
    target, source = await two(office)
    shop, db = await office.estate.create("shop"), await office.estate.create("db")
    for provider, consumer in ((target, shop), (source, shop), (db, source), (source, target)):
        await office.serve(provider, consumer)
    await office.merge(target, source)
    assert await office.links() == {(target.id, shop.id), (db.id, target.id)}
    # What was there may be made again, and what is there may not.
    relations = list(await office.estate.backend.find(RELATIONS, {"remove_time": None}))
    await office.relations.remove(relations[0]["_id"])
    await office.serve(relations[0]["provider_id"], relations[0]["consumer_id"])
    assert len(await office.links()) == 2


async def test_what_people_said_of_both_holds_of_identifiers_and_of_the_one_that_stays_of_the_rest(office: Office) -> None:
    identifiers = [
        [Identifier(kind=IdentifierKind.SERIAL, value=value)] for value in (*SERIAL["SERIAL"], *OTHER_SERIAL["SERIAL"])
    ]
    target = await office.estate.create("web01", identifiers=identifiers[0], owner_id="usr_1")
    source = await office.estate.create(
        "web-one", identifiers=identifiers[1], owner_id="usr_2", redundancy=[Redundancy(group="nodes", minimum_count=1)]
    )
    merged = await office.merge(target, source)
    assert {each.value for each in merged.identifiers} == {"7XK2Q1", "9ZZ9Z9"}
    assert (merged.owner_id, [each.group for each in merged.redundancy]) == ("usr_1", ["nodes"])
    assert set((await office.held()).values()) == {target.id}


async def test_what_waited_for_a_person_about_the_two_is_settled(office: Office) -> None:
    await office.estate.report(said("import:a", MONDAY, SERIAL | {"MAC": ["d8:9e:f3:1b:22:10"]}, "A"))
    await office.estate.report(said("import:b", MONDAY, OTHER_SERIAL | {"MAC": ["d8:9e:f3:1b:22:10"]}, "B"))
    first, second = await office.estate.assets()
    [waiting] = await office.estate.backend.find("duplicates", {"tenant": "main"})
    assert (waiting["state"], sorted(waiting["asset_ids"])) == ("OPEN", sorted([first["_id"], second["_id"]]))
    await office.merge(first["_id"], second["_id"])
    [settled] = await office.estate.backend.find("duplicates", {"tenant": "main"})
    assert (settled["state"], WHY in settled["resolution"]) == ("RESOLVED", True)
    assert await office.estate.report(said("import:b", MONDAY + timedelta(hours=1), OTHER_SERIAL, "B")) is not None
    assert (await office.asset(second["_id"])).state is State.MERGED


async def test_again_changes_nothing_and_what_is_over_stays_over(office: Office) -> None:
    target, source = await two(office)
    third = await office.estate.create("third")
    version = (await office.merge(target, source)).version
    assert (await office.merge(target, source)).version == version
    for pair in ((source, third), (third, source)):
        with pytest.raises(ForbiddenMove):
            await office.merge(*pair)
    with pytest.raises(ForbiddenMove):
        await office.estate.items.update(source.id, {"name": "x"})
    for state in (State.IN_USE, State.RETIRED):
        with pytest.raises(ForbiddenMove):
            await office.estate.items.move(source.id, state, reason="no", proof="")
    with pytest.raises(ForbiddenMove):
        await office.estate.items.move(target.id, State.MERGED, reason="no", proof="")
    with pytest.raises(Invalid):
        await office.estate.create("born merged", state=State.MERGED)


async def test_what_makes_no_sense_is_refused_and_changes_nothing(office: Office) -> None:
    target, source = await two(office)
    service = await office.estate.create("shop", "business_service")
    for given in ((target, target), (target, "ast_nothing"), (target, service)):
        with pytest.raises(Invalid) as refused:
            await office.merge(*given)
        assert set(refused.value.violations) == {"source_asset_id"}
    with pytest.raises(Invalid):
        await office.merge(target, source, reason=" ")
    with pytest.raises(Stale):
        await office.merge(target, source, etag="99")
    with pytest.raises(NotFound):
        await office.merge("ast_nothing", source)
    assert (await office.asset(source)).state is State.IN_USE
    assert (await office.asset(target)).identifiers == []


async def test_a_merged_asset_is_found_by_the_one_that_it_points_to(office: Office) -> None:
    target, source = await two(office)
    await office.merge(target, source)
    rows, _ = await office.estate.reading.page("assets", Asked(f'mergedIntoId = "{target.id}"'))
    assert [row["_id"] for row in rows] == [source.id]
