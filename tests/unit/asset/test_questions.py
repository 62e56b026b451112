"""Questions to the graph: answered over everything, shown as far as the caller may see, never behind what was committed."""

from collections.abc import Iterator
from typing import Any

import pytest

from chassis import context as ctx
from chassis.errors import Invalid, NotFound, Unavailable
from chassis.store import Insert
from chassis.testing import MemoryBackend, caller
from services.asset.domain.assessment import ImpactAssessment, assessment_id
from services.asset.domain.asset import Criticality
from services.asset.domain.drawing import Frame
from services.asset.domain.lifecycle import State
from services.asset.usecases.impact import IMPACT_ASSESSMENTS, ImpactQuestion
from services.asset.usecases.reading import Asked
from tests.unit.asset.landscape import Landscape, again

HIDES_NODES = {"name": {"$nin": ["node-1", "node-2"]}}


@pytest.fixture(autouse=True)
def somebody() -> Iterator[None]:
    with ctx.use(caller()):
        yield


@pytest.fixture
async def land() -> Landscape:
    land = Landscape()
    await land.shop()
    return land


async def test_the_answer_has_figures_services_and_the_proof_of_each_hit(land: Landscape) -> None:
    answer = await land.down("host")
    assert (answer.failed, answer.at_risk, answer.cut) == (4, 0, False)
    assert (answer.criticality, answer.service_ids) == (Criticality.CRITICAL, ["ast_shop"])
    last = answer.hits[-1]
    assert (last.item and last.item.name, last.group, last.hit.distance) == ("shop", "nodes", 2)
    # Either node proves it; which one the graph knows first depends on the ids of their relations.
    assert last.path in {("ast_host", f"ast_node-{number}", "ast_shop") for number in (1, 2)}
    assert [shown.root for shown in answer.hits] == [True, False, False, False]


async def test_one_of_two_takes_nothing_down_and_its_consumer_is_at_risk(land: Landscape) -> None:
    answer = await land.down("node-1")
    assert (answer.failed, answer.at_risk, answer.service_ids) == (1, 1, [])
    assert (answer.hits[1].hit.state, answer.hits[1].hit.margin) == ("AT_RISK", 0)
    assert await land.failed("node-1", failed=("ast_node-2",)) == ["node-1", "node-2", "shop"]


async def test_upwards_it_says_what_alone_can_take_an_asset_down(land: Landscape) -> None:
    assert await land.failed("shop", upwards=True) == ["shop", "db", "disk", "host"]


async def test_a_change_of_this_process_is_in_the_next_answer(land: Landscape) -> None:
    assert await land.failed("db") == ["db", "shop"]
    await land.asset("portal", "business_service")
    relation = await land.serve("shop", "portal")
    assert await land.failed("db") == ["db", "shop", "portal"]
    await land.change("portal", state=State.RETIRED)
    assert await land.failed("db") == ["db", "shop"]
    await land.change("portal", state=State.IN_USE)
    await again(land.relations.update, relation.id, {"group": "front"})
    assert (await land.down("db")).hits[-1].group == "front"
    await again(land.relations.remove, relation.id)
    assert await land.failed("db") == ["db", "shop"]


async def test_a_change_of_another_process_is_in_the_answer_after_the_next_look(land: Landscape) -> None:
    other = Landscape(land.backend)
    assert await other.failed("db") == ["db", "shop"]
    await land.asset("portal", "business_service")
    relation = await land.serve("shop", "portal")
    await other.graphs.look()
    assert await other.failed("db") == ["db", "shop", "portal"]
    await again(land.relations.remove, relation.id)
    await other.graphs.look()
    assert await other.failed("db") == ["db", "shop"]


async def test_an_asset_of_another_process_is_found_at_once(land: Landscape) -> None:
    other = Landscape(land.backend)
    assert await other.failed("db") == ["db", "shop"]
    await land.asset("fresh")
    assert await other.failed("fresh") == ["fresh"]


async def test_an_asset_that_was_asked_for_too_early_is_found_as_soon_as_it_is_there(land: Landscape) -> None:
    other = Landscape(land.backend)
    for ask in (other.impact.impact(ImpactQuestion("ast_fresh")), other.impact.graph("ast_fresh", Frame())):
        with pytest.raises(NotFound):
            await ask
    await land.asset("fresh")
    await land.serve("db", "fresh")
    assert await other.failed("fresh") == ["fresh"]
    assert await other.failed("db") == ["db", "fresh", "shop"]


async def test_an_asset_of_another_process_may_be_assumed_to_have_failed_at_once(land: Landscape) -> None:
    other = Landscape(land.backend)
    assert await other.failed("db") == ["db", "shop"]
    await land.asset("fresh")
    assert await other.failed("db", failed=("ast_fresh",)) == ["db", "fresh", "shop"]


async def test_an_asset_that_no_look_has_shown_yet_is_drawn_alone(land: Landscape) -> None:
    other = Landscape(land.backend)
    await other.failed("db")
    row = {"name": "lone", "class": "server", "state": "IN_USE", "criticality": None, "redundancy": []}
    await land.backend.write([Insert("assets", {"_id": "ast_lone", "tenant": "main", "version": 1, **row})])
    answer = await other.impact.graph("ast_lone", Frame())
    assert [answer.graph.items[spot.members[0]].name for spot in answer.drawing.spots] == ["lone"]
    assert await other.failed("lone") == ["lone"]


async def test_a_link_that_is_read_before_its_asset_is_completed(land: Landscape) -> None:
    other = Landscape(land.backend)
    await other.failed("db")
    ends = {"provider_id": "ast_db", "consumer_id": "ast_late", "kind": "USES", "group": ""}
    await land.backend.write([Insert("relations", {"_id": "rel_late", "tenant": "main", "version": 1, **ends})])
    other.store.committed([{"tenant": "main", "kind": "relations", "key": "rel_late", "version": 1}])
    assert await other.failed("db") == ["db", "", "shop"]
    await land.asset("late")
    await other.graphs.look()
    assert await other.failed("db") == ["db", "late", "shop"]


async def test_what_the_caller_may_not_see_passes_impact_on_without_a_name(land: Landscape) -> None:
    with ctx.use(caller(scope=HIDES_NODES)):
        answer = await land.down("host")
        assert (answer.failed, answer.service_ids) == (4, ["ast_shop"])
        assert [shown.item.name if shown.item else "?" for shown in answer.hits] == ["host", "?", "?", "shop"]
        assert answer.hits[-1].path == ("ast_host", "", "ast_shop")
        with pytest.raises(NotFound):
            await land.down("node-1")
        with pytest.raises(Invalid) as refused:
            await land.down("db", failed=("ast_node-1",))
        assert refused.value.violations.keys() == {"failed"}
        drawn = await land.impact.graph("ast_host", Frame())
        assert {drawn.graph.items[number].name for number in drawn.hidden} == {"node-1", "node-2"}
        with pytest.raises(NotFound):
            await land.impact.graph("ast_node-1", Frame())


async def test_a_tenant_has_a_graph_of_its_own(land: Landscape) -> None:
    assert await land.failed("db") == ["db", "shop"]
    with ctx.use(caller("stranger")):
        for question in (land.impact.impact(ImpactQuestion("ast_db")), land.impact.graph("ast_db", Frame())):
            with pytest.raises(NotFound):
                await question
        with pytest.raises(Invalid):
            await land.asset("own")
            await land.down("own", failed=("ast_db",))


async def test_a_depth_shows_less_and_says_where_more_is(land: Landscape) -> None:
    answer = await land.down("host", depth=1)
    assert (answer.failed, answer.cut) == (3, True)
    assert [(shown.item.name, shown.hit.cut) for shown in answer.hits if shown.item] == [
        ("host", False),
        ("node-1", True),
        ("node-2", True),
    ]


async def test_pages_of_one_answer_follow_each_other_until_the_graph_changes(land: Landscape) -> None:
    first = await land.down("host", size=3)
    rest = await land.down("host", size=3, token=first.next_token)
    assert ([shown.hit.distance for shown in (*first.hits, *rest.hits)], rest.next_token) == ([0, 1, 1, 2], "")
    for wrong in ("x", "3", "9" * 40, f"4{first.next_token[1:]}.0"):
        with pytest.raises(Invalid) as refused:
            await land.down("host", token=wrong)
        assert refused.value.violations.keys() == {"page_token"}
    with pytest.raises(Invalid):
        await land.down("db", token=first.next_token)
    await land.change("node-1", state=State.IN_REPAIR)
    with pytest.raises(Invalid) as refused:
        await land.down("host", token=first.next_token)
    assert refused.value.violations.keys() == {"page_token"}


async def test_a_long_chain_is_proved_by_its_ends(land: Landscape) -> None:
    for number in range(100):
        await land.asset(f"n{number:02}")
    for number in range(99):
        await land.serve(f"n{number:02}", f"n{number + 1:02}")
    answer = await land.down("n00", size=200)
    last = answer.hits[-1]
    assert (len(last.path), last.omitted, last.path[0], last.path[-1]) == (64, 36, "ast_n00", "ast_n99")


@pytest.mark.parametrize(
    ("limits", "field"),
    [({"depth": -1}, "depth"), ({"size": 0}, "page_size"), ({"size": 201}, "page_size"), ({"failed": ("x",) * 101}, "failed")],
)
async def test_limits_of_a_question_are_kept(land: Landscape, limits: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        await land.down("db", **limits)
    assert refused.value.violations.keys() == {field}


@pytest.mark.parametrize(
    ("frame", "field"),
    [(Frame(depth=4), "depth"), (Frame(depth=0), "depth"), (Frame(most=301), "max_nodes"), (Frame(fold=1), "fold")],
)
async def test_limits_of_a_drawing_are_kept(land: Landscape, frame: Frame, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        await land.impact.graph("ast_db", frame)
    assert refused.value.violations.keys() == {field}


async def test_a_drawing_of_some_kinds_shows_these_relations_alone(land: Landscape) -> None:
    drawn = await land.impact.graph("ast_shop", Frame(kinds=frozenset({"USES"})))
    assert {drawn.graph.items[spot.members[0]].name for spot in drawn.drawing.spots} == {"shop", "db", "disk"}


class Silent(MemoryBackend):
    """A database that may fall silent."""

    silent = False

    async def find(self, *arguments: Any, **named: Any) -> list[Any]:
        """See `Backend`."""
        if self.silent:
            raise Unavailable("the database does not answer")
        return await super().find(*arguments, **named)


async def test_a_graph_that_is_behind_is_not_used_while_the_database_is_silent() -> None:
    backend = Silent()
    land = Landscape(backend)
    await land.shop()
    assert await land.failed("db") == ["db", "shop"]
    await land.change("db", criticality=Criticality.LOW)
    backend.silent = True
    with pytest.raises(Unavailable):
        await land.down("db")
    backend.silent = False
    hits = (await land.down("db")).hits
    assert hits[0].item is not None
    assert hits[0].item.criticality == "LOW"


async def test_what_is_in_memory_is_bounded_and_comes_back_when_it_is_asked_for() -> None:
    land = Landscape(most=20)
    for name in ("one", "two", "three"):
        with ctx.use(caller(name)):
            await land.shop()
    for _ in range(2):
        for name in ("one", "two", "three"):
            with ctx.use(caller(name)):
                assert await land.failed("db") == ["db", "shop"]
                assert land.graphs.size <= 20


async def test_a_class_below_business_services_is_one(land: Landscape) -> None:
    row = {"tenant": "main", "name": "shop_front", "parent": "business_service"}
    await land.backend.write([Insert("asset_classes", {"_id": "acl_1", **row})])
    land.store.committed([{"tenant": "main", "kind": "assetClasses", "key": "acl_1", "version": 1}])
    await land.asset("front", "shop_front", criticality=Criticality.LOW)
    await land.serve("shop", "front")
    assert (await land.down("db")).service_ids == ["ast_shop", "ast_front"]


async def assessed(land: Landscape, incident: str = "inc_1") -> ImpactAssessment:
    return await land.store.get(ImpactAssessment, assessment_id(incident))


async def test_an_incident_gets_one_assessment_that_says_what_it_takes_down(land: Landscape) -> None:
    await land.impact.assess("inc_1", ["ast_db", "ast_gone"])
    found = await assessed(land)
    assert (found.asset_ids, found.unknown_asset_ids) == (["ast_db", "ast_gone"], ["ast_gone"])
    assert (found.service_ids, found.criticality, found.hit_count) == (["ast_shop"], Criticality.CRITICAL, 2)
    assert (found.hit_asset_ids, found.at_risk_count) == (["ast_db", "ast_shop"], 0)
    assert len(found.graph_version) == 16


async def test_the_same_again_tells_nothing_and_other_assets_are_told(land: Landscape) -> None:
    for asset_ids, version in ((["ast_db"], 1), (["ast_db"], 1), (["ast_node-1"], 2), ([], 3)):
        await again(land.impact.assess, "inc_1", asset_ids)
        assert (await assessed(land)).version == version
    last = await assessed(land)
    assert (last.hit_count, last.criticality, last.service_ids, last.hit_asset_ids) == (0, None, [], [])


async def test_an_incident_without_known_assets_is_left_alone_until_it_names_one(land: Landscape) -> None:
    for asset_ids in ([], ["ast_gone"]):
        await land.impact.assess("inc_2", asset_ids)
        with pytest.raises(NotFound):
            await assessed(land, "inc_2")
    await land.impact.assess("inc_2", ["ast_gone", "ast_disk"])
    assert (await assessed(land, "inc_2")).hit_count == 3
    rows, _ = await land.reading.page(IMPACT_ASSESSMENTS, Asked('incidentId = "inc_2"'))
    assert [row["unknown_asset_ids"] for row in rows] == [["ast_gone"]]


class Counted(MemoryBackend):
    """A database that counts how often change rows are looked through."""

    looks = 0

    async def find(self, collection: str, *arguments: Any, **named: Any) -> list[Any]:
        """See `Backend`."""
        self.looks += collection == "changes"
        return await super().find(collection, *arguments, **named)


async def test_what_nobody_knows_has_no_incident_look_through_the_changes() -> None:
    backend = Counted()
    land = Landscape(backend)
    await land.shop()
    for number in range(5):
        await land.impact.assess(f"inc_{number}", ["ast_gone", "ast_db"])
    assert backend.looks == 0
    other = Landscape(backend)
    await other.asset("gone")
    await land.impact.assess("inc_6", ["ast_gone", "ast_lost"])
    assert backend.looks == 1
    assert (await assessed(land, "inc_6")).unknown_asset_ids == ["ast_lost"]


@pytest.mark.parametrize(("made_before", "seconds"), [(4, 1), (60, 31)])
async def test_a_row_that_was_long_underway_is_found_by_a_later_look(land: Landscape, made_before: int, seconds: int) -> None:
    now = 1_800_000_000.0
    other = Landscape(land.backend, clock=lambda: now)
    assert await other.failed("db") == ["db", "shop"]
    await other.graphs.look()
    row_id = f"{int((now - made_before) * 1000):012x}"
    ends = {"provider_id": "ast_shop", "consumer_id": "ast_disk", "kind": "USES", "group": ""}
    change = {"tenant": "main", "kind": "relations", "key": "rel_slow", "version": 1}
    await land.backend.write(
        [
            Insert("relations", {"_id": "rel_slow", "tenant": "main", "version": 1, **ends}),
            Insert("changes", {"_id": f"{row_id[:8]}-{row_id[8:]}-7000-8000-000000000000", **change}),
        ]
    )
    assert await other.failed("db") == ["db", "shop"]
    now += seconds
    await other.graphs.look()
    assert await other.failed("db") == ["db", "shop", "disk"]
