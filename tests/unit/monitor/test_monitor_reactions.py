"""What events bring about: the mirror follows assets and relations, consequences are woken, targets are told."""

from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from itsm.asset import v1 as asset_pb
from itsm.monitor import v1 as pb
from itsm.type import v1 as shared

from chassis import context as ctx
from chassis.events import Subscriptions
from chassis.testing import caller
from services.monitor import reactions
from services.monitor.domain.notification import TargetEvent
from services.monitor.domain.signal import AssetHint, Severity
from services.monitor.domain.silence import Matcher
from services.monitor.usecases.alerts import Alerts
from services.monitor.usecases.catalog import SERIES
from services.monitor.usecases.reading import Paging
from tests.unit.monitor.calling import calling
from tests.unit.monitor.measuring import Kept
from tests.unit.monitor.measuring import at as measured_at
from tests.unit.monitor.pipelining import Plant, at, down, up
from tests.unit.monitor.test_notifications import BOSS, Office, envelope


async def heard(group: Subscriptions, event: Any, event_id: str = "e1") -> None:
    """Has an event handled as the consumer does."""
    await group.handlers[event.DESCRIPTOR.full_name].handler(event, envelope(event_id))


def asset(name: str, **more: Any) -> asset_pb.Asset:
    return asset_pb.Asset(id=name, name=name, state=asset_pb.Asset.IN_USE, criticality=asset_pb.Asset.LOW, **more)


def relation(group: str = "") -> asset_pb.Relation:
    return asset_pb.Relation(id="r", provider_id="mongo", consumer_id="auth", kind=asset_pb.Relation.USES, group=group)


async def test_the_mirror_follows_assets_and_relations() -> None:
    office = Office()
    group = reactions.mirror(office.mirror)
    with ctx.use(BOSS):
        await heard(group, asset_pb.AssetCreated(asset=asset("mongo")))
        await heard(group, asset_pb.AssetCreated(asset=asset("auth", team_id="t1")))
        await heard(group, asset_pb.RelationAdded(relation=relation()))
        assert (await office.mirror.topology()).needs("auth") == {"": ("mongo",)}
        await heard(group, asset_pb.RelationUpdated(relation=relation("db")))
        assert (await office.mirror.topology()).needs("auth") == {"db": ("mongo",)}
        moved = asset_pb.Asset(id="mongo", name="mongo", state=asset_pb.Asset.RETIRED)
        await heard(group, asset_pb.AssetMoved(asset=moved, changes=[shared.FieldChange(field="state")]))
        assert not (await office.mirror.topology()).depends("auth")
        renamed = asset(
            "auth", team_id="t2", identifiers=[asset_pb.Identifier(kind=asset_pb.Identifier.FQDN, value="A.Example")]
        )
        await heard(group, asset_pb.AssetUpdated(asset=renamed, changes=[shared.FieldChange(field="teamId")]))
        (known,) = await office.mirror.locate([AssetHint(names=("a.example",))])
        assert known is not None
        assert known.team_id == "t2"
        await heard(group, asset_pb.RelationRemoved(relation=relation()))
        assert await office.store.find("mirror_relations", {}) == []


async def test_series_and_what_is_heard_later_of_a_merged_asset_are_about_the_one_that_stays() -> None:
    office = Office()
    group = reactions.mirror(office.mirror)
    main, other = (Kept(backend=office.backend, assets=office.mirror, tenant=tenant) for tenant in ("main", "other"))

    async def merge(before: str, after: str) -> None:
        over = asset_pb.Asset(id=before, name=before, state=asset_pb.Asset.MERGED, merged_into_id=after)
        await heard(group, asset_pb.AssetMoved(asset=over, changes=[shared.FieldChange(field="state")]))

    async def assets(tenant: str) -> dict[str, str]:
        rows = await office.backend.find(SERIES, {"tenant": tenant})
        return {row["name"]: row["asset_id"] for row in rows}

    for kept in (main, other):
        with ctx.use(caller(kept.tenant)):
            for name in ("old", "new"):
                await office.asset(name)
            await kept.write([({"__name__": "load", "asset.id": "old"}, [(measured_at(0), 1.0)])])
    with ctx.use(BOSS):
        await merge("old", "new")
        assert (await assets("main"), await assets("other")) == ({"load": "new"}, {"load": "old"})
        await main.write([({"__name__": "late", "asset.id": "old"}, [(measured_at(0), 1.0)])])
        assert await assets("main") == {"load": "new", "late": "new"}
        await merge("new", "newest")
        (shown,) = await office.mirror.locate([AssetHint(asset_id="old")])
        assert shown is not None
        assert shown.asset_id == "new", "of the newest nothing was heard yet"
        await office.asset("newest")
        (shown,) = await office.mirror.locate([AssetHint(asset_id="old")])
        assert shown is not None
        assert shown.asset_id == "newest"
        assert await assets("main") == {"load": "newest", "late": "newest"}


async def test_what_is_open_or_planned_for_a_merged_asset_is_for_the_one_that_stays() -> None:
    office = Office()
    group = reactions.merges(Alerts(office.store), office.quiet)
    with ctx.use(BOSS):
        for name in ("old", "new"):
            await office.asset(name)
        await office.intake.take([down("old"), down("new")])
        await office.intake.take([up("old", 0, 30)])
        await office.intake.take([down("old", 60)])
        window = {"name": "w", "asset_ids": ["old", "new", "third"], "end_time": at(600), "comment": "new disks"}
        await office.quiet.create_window(window)
        over = asset_pb.Asset(id="old", state=asset_pb.Asset.MERGED, merged_into_id="new")
        for _ in range(2):
            await heard(group, asset_pb.AssetMoved(asset=over))
        rows = await office.store.find("alerts", {})
        assert sorted((row["state"], row["asset_id"]) for row in rows) == [
            ("FIRING", "new"),
            ("FIRING", "new"),
            ("RESOLVED", "old"),
        ]
        ((found,), _) = await office.quiet.windows("", "", Paging())
        assert found["asset_ids"] == ["new", "third"]
        assert found["version"] == 2


async def test_the_end_of_a_cause_wakes_what_followed_from_it_after_one_hold() -> None:
    office = Office()
    group = reactions.alerts(office.looking, office.notifying, calling(office.store)[2])
    with ctx.use(BOSS):
        for name in ("mongo", "auth"):
            await office.asset(name)
        await office.needs("auth", "mongo")
        await office.intake.take([down("mongo"), down("auth")])
        cause = (await office.alert("mongo"))["_id"]
        end = Timestamp()
        end.FromDatetime(at(20))
        over = pb.Alert(id=cause, kind=pb.Alert.AVAILABILITY, end_time=end)
        office.clock.now = at(20)
        await heard(group, pb.AlertResolved(alert=over))
        assert (await office.alert("auth"))["look_time"] == at(30)
        await heard(group, pb.AlertSuppressed(alert=pb.Alert(id=cause)))
        assert at(20) < (await office.alert("auth"))["look_time"] < at(21)


async def test_a_cause_that_ends_in_the_far_future_wakes_what_followed_from_it_after_one_hold_too() -> None:
    office = Office()
    group = reactions.alerts(office.looking, office.notifying, calling(office.store)[2])
    with ctx.use(BOSS):
        for name in ("mongo", "auth"):
            await office.asset(name)
        await office.needs("auth", "mongo")
        await office.intake.take([down("mongo"), down("auth")])
        over = pb.Alert(id=(await office.alert("mongo"))["_id"], kind=pb.Alert.AVAILABILITY)
        over.end_time.FromJsonString("9999-12-31T23:59:59.999Z")
        await heard(group, pb.AlertResolved(alert=over))
        assert (await office.alert("auth"))["look_time"] == at(10)


async def test_a_cause_that_is_kept_with_an_end_in_the_far_future_counts_from_when_we_heard_of_it() -> None:
    plant = Plant()
    with ctx.use(BOSS):
        for name in ("mongo", "auth", "asset"):
            await plant.asset(name)
        await plant.needs("auth", "mongo")
        await plant.needs("asset", "mongo")
        await plant.take(down("mongo"), down("auth"))
        await plant.pass_to(20)
        await plant.take(up("mongo", 0, 1e9))
        # As it may have been kept before ends had a bound.
        query = plant.store.scoped({"_id": (await plant.alert("mongo"))["_id"]})
        far = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
        await plant.backend.update_many("alerts", query, {"$set": {"end_time": far}})
        await plant.take(down("asset", 21))
        assert (await plant.stands())["asset"] == "DEPENDENCY"
        await plant.pass_to(60)
        assert await plant.stands() == {"mongo": "RESOLVED", "auth": "ROUTED", "asset": "ROUTED"}


@pytest.mark.parametrize(
    ("event", "routed", "told"),
    [
        (pb.AlertFired, True, TargetEvent.ROUTED),
        (pb.AlertFired, False, None),
        (pb.AlertRouted, True, TargetEvent.ROUTED),
        (pb.AlertAcknowledged, True, TargetEvent.ACKNOWLEDGED),
        (pb.AlertAcknowledged, False, None),
        (pb.AlertResolved, True, TargetEvent.RESOLVED),
        (pb.AlertResolved, False, None),
    ],
)
async def test_targets_are_told_of_what_people_were_told_of(event: Any, routed: bool, told: TargetEvent | None) -> None:
    office = Office()
    group = reactions.alerts(office.looking, office.notifying, calling(office.store)[2])
    with ctx.use(BOSS):
        await office.target(events=list(TargetEvent))
        alert = pb.Alert(id="alr_1", severity=pb.Alert.ERROR, kind=pb.Alert.EVENT, end_time=Timestamp(seconds=1))
        if routed:
            alert.route_time.FromDatetime(at(0))
        await heard(group, event(alert=alert))
        assert [row["event"] for row in await office.rows()] == ([told.value] if told else [])


async def test_who_wants_only_what_is_worse_is_told_once_when_an_alert_becomes_so() -> None:
    office = Office()
    group = reactions.alerts(office.looking, office.notifying, calling(office.store)[2])
    routed, waiting = (pb.Alert(id=id, kind=pb.Alert.EVENT) for id in ("alr_1", "alr_2"))  # noqa: A001 - the field's name
    routed.route_time.FromDatetime(at(0))
    kept = pb.Alert(id="alr_3", kind=pb.Alert.EVENT, suppression=pb.Alert.Suppression(reason=pb.Alert.Suppression.SILENCE))
    kept.route_time.FromDatetime(at(0))

    async def update(alert: pb.Alert, before: str, after: str, event_id: str, field: str = "severity") -> None:
        alert.severity = getattr(pb.Alert, after)
        event = pb.AlertUpdated(alert=alert)
        change = event.changes.add(field=field)
        change.old.string_value, change.new.string_value = before, after
        await heard(group, event, event_id)

    with ctx.use(BOSS):
        await office.target()
        strict = await office.target(severity=Severity.CRITICAL)
        matching = await office.target(matchers=[Matcher(label="alert_severity", value="CRITICAL")])
        for alert in (waiting, kept):
            await update(alert, "ERROR", "CRITICAL", f"e-{alert.id}")
        await update(routed, "WARNING", "ERROR", "e1")
        await update(routed, "CRITICAL", "ERROR", "e2")
        await update(routed, "before", "CRITICAL", "e3", "title")
        assert await office.rows() == []
        for number in range(2):
            await update(routed, "ERROR", "CRITICAL", f"f{number}")
        assert sorted((row["alert_id"], row["target_id"], row["event"]) for row in await office.rows()) == sorted(
            ("alr_1", target.id, "ROUTED") for target in (strict, matching)
        )
