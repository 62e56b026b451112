"""Relations and what follows from them, on a real database and in two processes."""

import asyncio
import itertools
import time
from collections.abc import Sequence
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from itsm.asset import v1 as pb

from chassis import context as ctx
from chassis.domain import SystemClock
from chassis.errors import AlreadyExists, Busy, Denied, Invalid, NotFound, Stale
from chassis.store import Store
from chassis.store.mongo import MongoBackend
from chassis.testing import caller
from services.asset import store as kept
from services.asset.usecases.graphs import Graphs
from services.asset.usecases.impact import Impact
from tests.integration.asset.conftest import HIDDEN, Caller, Running

WITHIN = 60.0  # seconds that a busy machine may take for what takes one


async def serve(estate: Caller, provider: Any, consumer: Any, kind: str = "USES", group: str = "") -> Any:
    relation = pb.Relation(provider_id=provider.id, consumer_id=consumer.id, kind=kind, group=group)
    return await estate("CreateRelation", pb.CreateRelationRequest(relation=relation))


async def down(estate: Caller, asset: Any, **question: Any) -> Any:
    return await estate("GetImpact", pb.GetImpactRequest(id=asset.id, **question))


def names(answer: Any, state: str = "FAILED") -> list[str]:
    return [hit.name for hit in answer.hits if hit.state == pb.ImpactHit.State.Value(state)]


async def chain(estate: Caller, *called: str) -> Sequence[Any]:
    assets = [await estate.asset(name) for name in called]
    for provider, consumer in itertools.pairwise(assets):
        await serve(estate, provider, consumer)
    return assets


async def test_a_relation_lives_by_its_versions(estate: Caller) -> None:
    db, app = [await estate.asset(name) for name in ("db", "app")]
    made = await serve(estate, db, app)
    assert (made.id[:4], made.etag, made.kind) == ("rel_", "1", pb.Relation.USES)
    request = pb.UpdateRelationRequest(id=made.id, relation=pb.Relation(group="nodes"), update_mask=FieldMask(paths=["group"]))
    changed = await estate("UpdateRelation", request)
    assert (changed.group, changed.etag) == ("nodes", "2")
    with pytest.raises(Stale):
        await estate("RemoveRelation", pb.RemoveRelationRequest(id=made.id, etag="1"))
    removed = await estate("RemoveRelation", pb.RemoveRelationRequest(id=made.id, etag="2"))
    assert removed.HasField("remove_time")
    with pytest.raises(NotFound):
        await estate("GetRelation", pb.GetRelationRequest(id=made.id))
    assert not (await estate("ListRelations", pb.ListRelationsRequest())).relations


async def test_relations_of_one_asset_are_listed_by_both_ends(estate: Caller) -> None:
    _, app, _ = await chain(estate, "db", "app", "web")
    filter_text = f'providerId = "{app.id}" OR consumerId = "{app.id}"'
    first = await estate("ListRelations", pb.ListRelationsRequest(filter=filter_text, page_size=1))
    rest = await estate(
        "ListRelations", pb.ListRelationsRequest(filter=filter_text, page_size=1, page_token=first.next_page_token)
    )
    assert len({relation.id for page in (first, rest) for relation in page.relations}) == 2
    assert not rest.next_page_token


async def test_what_makes_no_sense_is_refused_by_field(estate: Caller) -> None:
    db, app = [await estate.asset(name) for name in ("db", "app")]
    theirs = await estate.as_(tenant=f"{estate.tenant}-other").asset("theirs")
    for consumer in (db, theirs, pb.Asset(id="ast_nothing")):
        with pytest.raises(Invalid) as refused:
            await serve(estate, db, consumer)
        assert refused.value.violations.keys() == {"consumer_id"}
    first = await serve(estate, db, app)
    with pytest.raises(AlreadyExists) as taken:
        await serve(estate, db, app)
    assert taken.value.facts["id"] == first.id


async def test_of_two_that_relate_the_same_at_once_one_wins(estate: Caller) -> None:
    db, app = [await estate.asset(name) for name in ("db", "app")]
    made = await asyncio.gather(*(serve(estate.as_(replica=n % 2), db, app) for n in range(6)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in made) == ["AlreadyExists"] * 5 + ["Relation"]


async def test_who_may_only_look_changes_nothing(estate: Caller) -> None:
    db, app = await chain(estate, "db", "app")
    viewer = estate.as_("viewer")
    assert names(await down(viewer, db)) == ["db", "app"]
    with pytest.raises(Denied):
        await serve(viewer, app, db)


async def test_a_change_is_in_the_next_answer_of_its_process_and_soon_in_that_of_others(estate: Caller) -> None:
    other = estate.as_(replica=1)
    db, app = await chain(estate, "db", "app")
    assert names(await down(other, db)) == ["db", "app"]
    web = await estate.asset("web")
    relation = await serve(estate, app, web)
    assert names(await down(estate, db)) == ["db", "app", "web"]
    assert names(await down(other, web)) == ["web"], "an asset is found by whichever process is asked"
    await until(other, db, ["db", "app", "web"])
    await estate("MoveAsset", pb.MoveAssetRequest(id=app.id, state="RETIRED", reason="replaced"))
    assert names(await down(estate, db)) == ["db"]
    await until(other, db, ["db"])
    await estate("MoveAsset", pb.MoveAssetRequest(id=app.id, state="IN_STOCK", reason="not yet"))
    await estate("MoveAsset", pb.MoveAssetRequest(id=app.id, state="IN_USE", reason="not yet"))
    await estate("RemoveRelation", pb.RemoveRelationRequest(id=relation.id))
    await until(other, db, ["db", "app"])
    assert (await down(estate, db)).graph_version == (await down(other, db)).graph_version


async def until(estate: Caller, asset: Any, expected: list[str]) -> None:
    """Asks until the answer is the expected one."""
    end = time.monotonic() + WITHIN
    while (found := names(await down(estate, asset))) != expected:
        assert time.monotonic() < end, found
        await asyncio.sleep(0.2)


async def test_a_group_needs_as_many_as_its_consumer_says(estate: Caller) -> None:
    one, two = [await estate.asset(name) for name in ("one", "two")]
    shop = await estate.asset(
        "shop",
        "business_service",
        criticality="CRITICAL",
        redundancy=[pb.Redundancy(group="nodes", minimum_percent=50)],
    )
    for node in (one, two):
        await serve(estate, node, shop, "MEMBER_OF", "nodes")
    answer = await down(estate, one)
    assert (names(answer), names(answer, "AT_RISK"), answer.hits[1].margin) == (["one"], ["shop"], 0)
    answer = await down(estate, one, failed=[two.id])
    assert (answer.failed_count, list(answer.service_ids)) == (3, [shop.id])
    assert answer.criticality == pb.Asset.CRITICAL
    upwards = await down(estate, shop, direction="UP")
    assert (names(upwards), names(upwards, "AT_RISK")) == (["shop"], ["one", "two"])


async def test_what_a_caller_may_not_see_is_restricted_and_passes_on(estate: Caller) -> None:
    keeper = estate.as_("keeper")
    db, secret, web = [await estate.asset("db"), await estate.asset("secret", team_id=HIDDEN), await estate.asset("web")]
    await serve(estate, db, secret)
    relation = await serve(estate, secret, web)
    answer = await down(keeper, db)
    assert [(hit.name, hit.restricted, list(hit.path)) for hit in answer.hits] == [
        ("db", False, [db.id]),
        ("", True, [db.id, ""]),
        ("web", False, [db.id, "", web.id]),
    ]
    drawn = await keeper("GetGraph", pb.GetGraphRequest(id=db.id))
    shown = drawn.SerializeToString()
    assert [node.restricted for node in drawn.nodes] == [False, True, False]
    assert not [word for word in (secret.id, "secret", relation.id) if word.encode() in shown + answer.SerializeToString()]
    for request in (down(keeper, secret), keeper("GetGraph", pb.GetGraphRequest(id=secret.id))):
        with pytest.raises(NotFound):
            await request
    with pytest.raises(Invalid):
        await down(keeper, db, failed=[secret.id])


async def test_a_drawing_has_columns_groups_and_lines(estate: Caller) -> None:
    disk, db = await chain(estate, "disk", "db")
    pods = [await estate.asset(f"pod-{number:02}", "container") for number in range(15)]
    for pod in pods:
        await serve(estate, db, pod)
    drawn = await estate("GetGraph", pb.GetGraphRequest(id=db.id))
    assert {node.name: node.layer for node in drawn.nodes} == {"db": 0, "disk": -1}
    (group,) = drawn.groups
    assert (group.parent_id, getattr(group, "class"), group.count, group.layer) == (db.id, "container", 15, 1)
    assert {(edge.provider_id, edge.consumer_id) for edge in drawn.edges} == {(disk.id, db.id), (db.id, group.id)}
    whole = await estate("GetGraph", pb.GetGraphRequest(id=db.id, expand=[db.id], max_nodes=10, kinds=["USES"]))
    assert (len(whole.nodes), whole.cut, whole.nodes[0].hidden_count) == (10, True, 7)


async def test_another_tenant_has_another_graph(estate: Caller) -> None:
    db, _ = await chain(estate, "db", "app")
    stranger = estate.as_(tenant=f"{estate.tenant}-other")
    for request in (down(stranger, db), stranger("GetGraph", pb.GetGraphRequest(id=db.id))):
        with pytest.raises(NotFound):
            await request


async def test_an_assessment_that_two_processes_make_at_once_is_one(
    asset_service: Running, estate: Caller, backing: dict[str, Any]
) -> None:
    db, _ = await chain(estate, "db", "app")
    uri = backing["mongo"]["root_uri"].replace("/?", f"/{asset_service.database.name}?")
    backend = MongoBackend(uri)
    store = Store(backend, SystemClock(), kept.KINDS, kept.INDEXES)
    impact = Impact(store, Graphs(store))
    with ctx.use(caller(estate.tenant)):
        await asyncio.gather(*(impact.assess("inc_1", [db.id]) for _ in range(4)), return_exceptions=True)
        with pytest.raises(Busy):  # what was remembered is looked up; the consumer then takes the batch again
            await impact.assess("inc_1", [db.id])
        await impact.assess("inc_1", [db.id])
    await backend.close()
    listed = await estate("ListImpactAssessments", pb.ListImpactAssessmentsRequest(filter='incidentId = "inc_1"'))
    (found,) = listed.impact_assessments
    assert (found.etag, found.hit_count, list(found.asset_ids)) == ("1", 2, [db.id])
    assert (await estate("GetImpactAssessment", pb.GetImpactAssessmentRequest(id=found.id))) == found
