"""The pipeline on a real mongod: causes, silences and second looks; who may do what over gRPC; what each question costs."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from itsm.asset import v1 as asset_pb
from itsm.monitor import v1 as pb
from pymongo import AsyncMongoClient
from pymongo.uri_parser import parse_uri

from chassis import context as ctx
from chassis.domain import SystemClock
from chassis.errors import Denied, Invalid, NotFound, Unauthenticated
from chassis.proof import LEVEL
from chassis.rpc import call
from chassis.store import Store
from chassis.store.mongo import MongoBackend
from chassis.testing import caller
from services.monitor import store as kept
from services.monitor.domain.silence import Matcher
from services.monitor.domain.stages import PIPELINE
from services.monitor.usecases.intake import Intake
from services.monitor.usecases.mirror import Mirror
from services.monitor.usecases.situations import LiveSituations
from tests.integration.monitor.checking import Monitor, monitoring, until
from tests.support.issuers import short
from tests.unit.monitor.pipelining import Plant, at, down, up

BOSS = caller(subject="boss", permissions=frozenset({"maintenanceWindows.create"}))
HOLD = 1.5


@pytest.fixture
async def plant(mongo: MongoBackend) -> AsyncIterator[Plant]:
    with ctx.use(BOSS):
        plant = Plant(mongo)
        await mongo.ensure_indexes(plant.store.indexes)
        yield plant


async def tree(plant: Plant) -> None:
    for name in ("mongo", "auth", "asset", "gateway"):
        await plant.asset(name)
    for name in ("auth", "asset"):
        await plant.needs(name, "mongo")
        await plant.needs("gateway", name)


async def test_consequences_are_kept_with_their_cause_and_let_go_after_it(plant: Plant) -> None:
    await tree(plant)
    await plant.take(down("gateway"), down("auth"))
    plant.clock.now = at(6)
    await plant.take(down("mongo", 5), down("asset", 2))
    await plant.pass_to(30)
    assert await plant.stands() == {
        "gateway": "DEPENDENCY",
        "auth": "DEPENDENCY",
        "asset": "DEPENDENCY",
        "mongo": "ROUTED",
    }
    assert await plant.cause("gateway") == "mongo"
    await plant.take(up("mongo", 5, 30), up("auth", 0, 30), up("gateway", 0, 30))
    await plant.pass_to(45)
    assert await plant.stands() == dict.fromkeys(("gateway", "auth", "mongo"), "RESOLVED") | {"asset": "ROUTED"}


async def test_silences_windows_and_flapping_hold_and_end(plant: Plant) -> None:
    await tree(plant)
    silence = await plant.quiet.create_silence(
        {"matchers": [Matcher(label="asset_name", value="mongo")], "end_time": at(600), "comment": "known"}
    )
    await plant.quiet.create_window({"name": "w", "asset_ids": ["auth"], "end_time": at(60), "comment": "new disks"})
    await plant.take(down("mongo"), down("gateway"))
    assert await plant.stands() == {"mongo": "SILENCE", "gateway": "MAINTENANCE"}
    await plant.pass_to(61)
    assert await plant.stands() == {"mongo": "SILENCE", "gateway": "DEPENDENCY"}
    await plant.quiet.expire_silence(silence.id)
    await plant.look()
    assert (await plant.stands())["mongo"] == "ROUTED"
    for index in range(9):
        await plant.pass_to(1_000 + index * 60)
        start = 1_000 + index * 60
        await plant.take(down("asset", start) if index % 2 == 0 else up("asset", start - 60, start))
    assert (await plant.alert("asset"))["suppression"]["reason"] == "DEPENDENCY"
    await plant.take(up("mongo", 0, 1_500))
    await plant.pass_to(1_520)
    assert (await plant.alert("asset"))["suppression"]["reason"] == "FLAPPING"


async def test_relations_and_names_that_change_are_heeded_at_once(plant: Plant) -> None:
    await tree(plant)
    other = Mirror(plant.store)
    assert (await other.topology()).depends("auth")
    await plant.mirror.drop_relation("rel_mongo_auth_")
    assert not (await other.topology()).depends("auth")
    await plant.asset("auth", identifiers=[asset_pb.Identifier(kind=asset_pb.Identifier.FQDN, value="auth.example")])
    assert await other.of([{"host.name": "auth.example"}]) == ["auth"]
    await plant.mirror.put_asset(
        asset_pb.Asset(id="auth", state=asset_pb.Asset.IN_USE, criticality=asset_pb.Asset.LOW), ["name"]
    )
    assert await other.of([{"host.name": "auth.example"}]) == [""]
    with ctx.use(caller(tenant="other")):
        assert not (await other.topology()).depends("asset")
        assert await other.known(["auth"]) == {}


def stages(plan: dict[str, Any]) -> set[str]:
    inner = [plan[name] for name in ("inputStage", "queryPlan") if name in plan] + plan.get("inputStages", [])
    return {plan.get("stage", "")}.union(*(stages(each) for each in inner))


@pytest.mark.parametrize(
    ("collection", "query"),
    [
        ("alerts", {"asset_id": {"$in": ["a", "b"]}, "end_time": {"$not": {"$lte": at(0)}}, "kind": "AVAILABILITY"}),
        ("alerts", {"suppression.reference": "silences/sil_1", "state": "SUPPRESSED"}),
        ("silences", {"end_time": {"$gt": at(0)}, "start_time": {"$lte": at(0)}}),
        ("maintenance_windows", {"end_time": {"$gt": at(0)}, "start_time": {"$lte": at(0)}}),
        ("mirror_assets", {"names": {"$in": ["a"]}, "counted": True}),
        ("notifications", {"alert_id": "alr_1"}),
    ],
)
async def test_each_question_of_the_pipeline_has_an_index(
    plant: Plant, mongo_uri: str, collection: str, query: dict[str, Any]
) -> None:
    client: Any = AsyncMongoClient(mongo_uri)
    find = {"find": collection, "filter": {"tenant": "main", **query}}
    explained = await client[parse_uri(mongo_uri)["database"]].command("explain", find, verbosity="queryPlanner")
    await client.close()
    found = stages(explained["queryPlanner"]["winningPlan"])
    assert "IXSCAN" in found
    assert "COLLSCAN" not in found


class Desk:
    """Somebody of a tenant, with what they may do about silences, windows and targets."""

    def __init__(self, monitor: Monitor, role: str, *, tenant: str, subject: str, acr: str | None = None) -> None:
        self._stubs = (
            pb.SilenceServiceStub(monitor.channel),
            pb.NotificationServiceStub(monitor.channel),
            pb.AlertServiceStub(monitor.channel),
        )
        self._token = monitor.issuer.sign(short(sub=subject, tenant=tenant, roles=[role], acr=acr), typ="at+jwt")

    async def __call__(self, method: str, request: Any) -> Any:
        rpc = next(getattr(stub, method) for stub in self._stubs if hasattr(stub, method))
        return await call(rpc, request, token=self._token)


@pytest.fixture(scope="module")
async def monitor(backing: dict[str, Any]) -> AsyncIterator[Monitor]:
    async with monitoring(backing, hold_seconds=HOLD, outbound_networks="127.0.0.0/8") as monitor:
        yield monitor


@pytest.fixture
def tenant() -> str:
    return f"t-{uuid4().hex[:12]}"


def later(hours: float) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(datetime.now(UTC) + timedelta(hours=hours))
    return stamp


def a_silence(hours: float = 1, **fields: Any) -> pb.CreateSilenceRequest:
    matchers = [pb.Matcher(label="asset_id", value="mongo")]
    given = {"matchers": matchers, "end_time": later(hours), "comment": "known"} | fields
    return pb.CreateSilenceRequest(silence=pb.Silence(**given))


async def test_roles_silence_as_far_as_they_may(monitor: Monitor, tenant: str) -> None:
    agent = Desk(monitor, "agent", tenant=tenant, subject="ann")
    boss = Desk(monitor, "incident-manager", tenant=tenant, subject="ben")
    viewer = Desk(monitor, "viewer", tenant=tenant, subject="vic")
    made = await agent("CreateSilence", a_silence())
    assert (made.creator_id, made.etag, made.matchers[0].operator) == ("ann", "1", pb.Matcher.EQUAL)
    with pytest.raises(Invalid):
        await agent("CreateSilence", a_silence(hours=30))
    assert (await boss("CreateSilence", a_silence(hours=30))).id
    with pytest.raises(Denied):
        await viewer("CreateSilence", a_silence())
    window = pb.MaintenanceWindow(name="w", asset_ids=["ast_1"], end_time=later(1), comment="c", include_dependents=False)
    with pytest.raises(Denied):
        await agent("CreateMaintenanceWindow", pb.CreateMaintenanceWindowRequest(maintenance_window=window))
    planned = await boss("CreateMaintenanceWindow", pb.CreateMaintenanceWindowRequest(maintenance_window=window))
    assert planned.HasField("include_dependents")
    assert not planned.include_dependents
    change = pb.MaintenanceWindow(name="wide", include_dependents=True)
    changed = await boss("UpdateMaintenanceWindow", pb.UpdateMaintenanceWindowRequest(id=planned.id, maintenance_window=change))
    assert (changed.name, changed.include_dependents) == ("wide", True)
    ended = await boss("ExpireMaintenanceWindow", pb.ExpireMaintenanceWindowRequest(id=planned.id))
    assert ended.end_time.ToDatetime() <= later(0).ToDatetime()
    assert (await viewer("GetMaintenanceWindow", pb.GetMaintenanceWindowRequest(id=planned.id))).etag == ended.etag
    listed = await viewer("ListSilences", pb.ListSilencesRequest(filter='creatorId = "ann"'))
    assert [silence.id for silence in listed.silences] == [made.id]
    assert len((await viewer("ListMaintenanceWindows", pb.ListMaintenanceWindowsRequest())).maintenance_windows) == 1
    stranger = Desk(monitor, "incident-manager", tenant=f"{tenant}-2", subject="ben")
    with pytest.raises(NotFound):
        await stranger("ExpireSilence", pb.ExpireSilenceRequest(id=made.id))


async def test_targets_are_set_by_monitor_managers_and_never_inside(monitor: Monitor, tenant: str) -> None:
    boss = Desk(monitor, "monitor-manager", tenant=tenant, subject="ben", acr=LEVEL)
    unproved = Desk(monitor, "monitor-manager", tenant=tenant, subject="ben")
    agent = Desk(monitor, "agent", tenant=tenant, subject="ann")
    target = pb.NotificationTarget(name="hook", url="https://hook.example/in")
    made = await boss("CreateNotificationTarget", pb.CreateNotificationTargetRequest(notification_target=target))
    assert list(made.events) == [pb.NotificationTarget.ROUTED, pb.NotificationTarget.RESOLVED]
    with pytest.raises(Unauthenticated):
        await unproved("GetNotificationKey", pb.GetNotificationKeyRequest(id=made.id))
    key = await boss("GetNotificationKey", pb.GetNotificationKeyRequest(id=made.id))
    rotated = await boss("RotateNotificationTarget", pb.RotateNotificationTargetRequest(id=made.id))
    assert rotated.key_version == 2
    assert (await boss("GetNotificationKey", pb.GetNotificationKeyRequest(id=made.id))).key != key.key
    for method, request in (
        ("CreateNotificationTarget", pb.CreateNotificationTargetRequest(notification_target=target)),
        ("GetNotificationKey", pb.GetNotificationKeyRequest(id=made.id)),
    ):
        with pytest.raises(Denied):
            await agent(method, request)
    assert (await agent("GetNotificationTarget", pb.GetNotificationTargetRequest(id=made.id))).name == "hook"
    for url in ("http://hook.example/", "https://10.0.0.1/", "https://127.0.0.1:6379/", "https://u@hook.example/"):
        refused = pb.NotificationTarget(name="hook", url=url)
        with pytest.raises(Invalid):
            await boss("CreateNotificationTarget", pb.CreateNotificationTargetRequest(notification_target=refused))
    off = pb.UpdateNotificationTargetRequest(id=made.id, notification_target=pb.NotificationTarget(enabled=False))
    assert not (await boss("UpdateNotificationTarget", off)).enabled
    listed = await agent("ListNotificationTargets", pb.ListNotificationTargetsRequest(filter="enabled = false"))
    assert [each.id for each in listed.notification_targets] == [made.id]
    assert not (await agent("ListNotifications", pb.ListNotificationsRequest(filter='state = "DEAD"'))).notifications


async def test_the_running_service_lets_go_of_what_waited_and_of_what_was_silenced(monitor: Monitor, tenant: str) -> None:
    desk = Desk(monitor, "monitor-manager", tenant=tenant, subject="ben")
    backend = MongoBackend(monitor.database)
    store = Store(backend, SystemClock(), kept.KINDS, kept.INDEXES)
    situations = LiveSituations(store, Mirror(store), hold=timedelta(seconds=HOLD), interval=timedelta(minutes=1))
    intake = Intake(store, situations, stages=PIPELINE, follow=(situations.after,))
    seconds = (datetime.now(UTC) - at(0)).total_seconds()
    silence = await desk("CreateSilence", a_silence())

    async def alert(asset: str) -> pb.Alert:
        (found,) = (await desk("ListAlerts", pb.ListAlertsRequest(filter=f'assetId = "{asset}"'))).alerts
        return found

    async def routed(asset: str) -> pb.Alert | None:
        found = await alert(asset)
        return found if found.HasField("route_time") else None

    with ctx.use(caller(tenant=tenant)):
        mirror = Mirror(store)
        for name in ("mongo", "auth"):
            await mirror.put_asset(
                asset_pb.Asset(id=name, name=name, state=asset_pb.Asset.IN_USE, criticality=asset_pb.Asset.LOW)
            )
        await mirror.put_relation(
            asset_pb.Relation(id="r", provider_id="mongo", consumer_id="auth", kind=asset_pb.Relation.USES)
        )
        await intake.take([down("auth", seconds)])
        assert (await alert("auth")).HasField("hold_until")
        await until(lambda: routed("auth"))
        await intake.take([down("mongo", seconds)])
        assert (await alert("mongo")).suppression.reference == f"silences/{silence.id}"
    await desk("ExpireSilence", pb.ExpireSilenceRequest(id=silence.id))
    await until(lambda: routed("mongo"))
    decisions = (await desk("ExplainAlert", pb.ExplainAlertRequest(id=(await alert("mongo")).id))).decisions
    assert [each.outcome for each in decisions] == ["OPENED", "SUPPRESSED", "UNSUPPRESSED", "ROUTED"]
    await backend.close()
