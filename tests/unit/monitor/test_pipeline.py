"""The pipeline: one routed alert for one cause, whatever the order; what is kept, why, and when it is let go."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from itsm.asset import v1 as asset_pb

from chassis import context as ctx
from chassis.testing import caller
from services.monitor.domain.signal import AlertKind, AssetHint, Severity
from services.monitor.domain.silence import Matcher
from tests.unit.monitor.pipelining import HOLD, Plant, at, down, up

BOSS = caller(permissions=frozenset({"maintenanceWindows.create"}))


@pytest.fixture
def plant() -> Iterator[Plant]:
    with ctx.use(BOSS):
        yield Plant()


async def tree(plant: Plant) -> None:
    """`mongo` is needed by three services, each by a gateway; nothing else needs each other."""
    for name in ("mongo", "auth", "asset", "incident", "gateway"):
        await plant.asset(name)
    for name in ("auth", "asset", "incident"):
        await plant.needs(name, "mongo")
        await plant.needs("gateway", name)


async def events(plant: Plant, asset: str) -> list[str]:
    """What was told of the newest alert of an asset."""
    rows = await plant.store.find("changes", {"key": (await plant.alert(asset))["_id"]}, sort=[("_id", 1)])
    return [row["type"].rpartition(".")[2] for row in rows]


async def test_an_alert_of_an_asset_that_needs_nothing_goes_to_people_at_once(plant: Plant) -> None:
    await tree(plant)
    await plant.take(down("mongo"))
    assert await plant.stands() == {"mongo": "ROUTED"}
    assert await events(plant, "mongo") == ["AlertFired"]


async def test_one_that_was_over_after_its_wait_counts_as_let_through_where_it_is_told_later(plant: Plant) -> None:
    await tree(plant)
    told = caller(permissions=BOSS.permissions, time=at(0))
    for fingerprint, end, route_time in (("auth", 60, at(10)), ("asset", 9, None)):
        with ctx.use(told):
            plant.clock.now = at(0)
            await plant.take(down(fingerprint))
            plant.clock.now = at(end)  # no worker looked: what is due rests while a history is told
            await plant.take(up(fingerprint, 0, end))
        assert (await plant.alert(fingerprint))["route_time"] == route_time
    assert await events(plant, "auth") == ["AlertFired", "AlertRouted", "AlertResolved"]


async def test_one_that_needs_others_waits_and_then_goes_to_people(plant: Plant) -> None:
    await tree(plant)
    await plant.take(down("auth"))
    assert (await plant.alert("auth"))["hold_until"] == at(10)
    await plant.pass_to(9.9)
    assert await plant.stands() == {"auth": "HELD"}
    await plant.pass_to(10)
    assert await plant.stands() == {"auth": "ROUTED"}
    assert await events(plant, "auth") == ["AlertFired", "AlertRouted"]
    alert = await plant.alert("auth")
    assert alert["hold_until"] is None
    steps = [(step["stage"], step["outcome"]) for step in await plant.reading.explain(alert["_id"])]
    assert steps == [("deduplicate", "OPENED"), ("dependency", "HELD"), ("route", "ROUTED")]


async def test_consequences_before_and_after_their_cause_are_kept_with_its_name(plant: Plant) -> None:
    await tree(plant)
    await plant.take(down("gateway", 0), down("incident", 1))
    plant.clock.now = at(5)
    await plant.take(down("mongo", 5))
    await plant.take(down("auth", 6))
    await plant.pass_to(60)
    assert await plant.stands() == dict.fromkeys(("gateway", "incident", "auth"), "DEPENDENCY") | {"mongo": "ROUTED"}
    for name in ("gateway", "incident", "auth"):
        assert await plant.cause(name) == "mongo"
    (step,) = [s for s in await plant.reading.explain((await plant.alert("auth"))["_id"]) if s["stage"] == "dependency"]
    assert (step["outcome"], step["reason"]) == ("SUPPRESSED", "its asset needs mongo, which does not work")


async def test_when_the_cause_is_over_what_still_fires_goes_to_people_after_a_while(plant: Plant) -> None:
    await tree(plant)
    await plant.take(down("mongo"), down("auth"), down("asset"))
    await plant.pass_to(30)
    await plant.take(up("mongo", 0, 30))
    await plant.pass_to(35)
    await plant.take(up("asset", 0, 34))
    await plant.pass_to(39)
    assert await plant.stands() == {"mongo": "RESOLVED", "auth": "DEPENDENCY", "asset": "RESOLVED"}
    await plant.pass_to(41)
    assert await plant.stands() == {"mongo": "RESOLVED", "auth": "ROUTED", "asset": "RESOLVED"}
    assert await events(plant, "auth") == ["AlertFired", "AlertUnsuppressed", "AlertRouted"]
    assert await events(plant, "asset") == ["AlertFired", "AlertResolved"]


async def test_a_consequence_that_comes_after_the_end_of_its_cause_waits_no_longer_than_others(plant: Plant) -> None:
    await tree(plant)
    await plant.take(down("mongo"))
    await plant.pass_to(20)
    await plant.take(up("mongo", 0, 20))
    await plant.pass_to(25)
    await plant.take(down("auth", 24))
    assert (await plant.stands())["auth"] == "DEPENDENCY"
    await plant.pass_to(34)
    assert (await plant.stands())["auth"] == "HELD"
    await plant.pass_to(35)
    assert (await plant.stands())["auth"] == "ROUTED"


async def test_a_lost_word_of_the_end_of_a_cause_is_made_up_for(plant: Plant) -> None:
    await tree(plant)
    await plant.take(down("mongo"), down("auth"))
    await plant.intake.take([up("mongo", 0, 30)])  # and nobody hears of it
    await plant.pass_to(599)
    assert (await plant.stands())["auth"] == "DEPENDENCY"
    await plant.pass_to(601)
    assert (await plant.stands())["auth"] == "ROUTED"


async def test_a_cause_that_becomes_a_consequence_hands_on_what_follows_from_it(plant: Plant) -> None:
    for name in ("net", "host", "app"):
        await plant.asset(name)
    await plant.needs("host", "net")
    await plant.needs("app", "host")
    await plant.take(down("host", 0), down("app", 0))
    assert await plant.cause("app") == "host"
    plant.clock.now = at(3)
    await plant.take(down("net", 3))
    await plant.pass_to(12)
    assert await plant.stands() == {"net": "ROUTED", "host": "DEPENDENCY", "app": "DEPENDENCY"}
    assert await plant.cause("app") == "net"


async def test_a_cause_that_ended_before_the_consequence_began_explains_nothing(plant: Plant) -> None:
    await tree(plant)
    plant.clock.now = at(2_000)
    await plant.take(down("mongo", 0), up("mongo", 0, 600), down("auth", 1_800))
    await plant.pass_to(2_011)
    assert (await plant.stands())["auth"] == "ROUTED"


async def test_a_spare_provider_keeps_nothing_from_people(plant: Plant) -> None:
    await plant.asset("web", redundancy=[asset_pb.Redundancy(group="nodes", minimum_count=1)])
    await plant.asset("n1")
    await plant.asset("n2")
    await plant.needs("web", "n1", "n2", group="nodes")
    await plant.take(down("n1"), down("web"))
    await plant.pass_to(20)
    assert await plant.stands() == {"n1": "ROUTED", "web": "ROUTED"}


async def test_what_is_no_failure_of_its_asset_is_no_cause(plant: Plant) -> None:
    await tree(plant)
    await plant.take(down("mongo", severity=Severity.WARNING), down("auth"))
    await plant.take(down("mongo", kind=AlertKind.THRESHOLD, fingerprint="disk"))
    await plant.pass_to(20)
    assert (await plant.stands())["auth"] == "ROUTED"


async def test_a_relation_that_only_informs_explains_nothing(plant: Plant) -> None:
    await plant.asset("a")
    await plant.asset("b")
    await plant.needs("b", "a", kind=asset_pb.Relation.INFORMS)
    await plant.take(down("a"), down("b"))
    assert await plant.stands() == {"a": "ROUTED", "b": "ROUTED"}


async def test_a_removed_relation_and_a_retired_provider_explain_nothing(plant: Plant) -> None:
    await tree(plant)
    await plant.mirror.drop_relation("rel_mongo_auth_")
    await plant.take(down("mongo"), down("auth"))
    assert (await plant.stands())["auth"] == "ROUTED"
    await plant.asset("mongo", state=asset_pb.Asset.RETIRED)
    await plant.take(down("incident"))
    assert (await plant.stands())["incident"] == "ROUTED"


async def silence(plant: Plant, seconds: float, *matchers: Matcher) -> Any:
    told = list(matchers or (Matcher(label="asset_id", value="mongo"),))
    return await plant.quiet.create_silence({"matchers": told, "end_time": at(seconds), "comment": "known"})


async def test_a_silence_keeps_an_alert_until_its_end(plant: Plant) -> None:
    await plant.asset("mongo")
    made = await silence(plant, 60)
    await plant.take(down("mongo"))
    assert (await plant.alert("mongo"))["suppression"]["reference"] == f"silences/{made.id}"
    await plant.pass_to(59)
    assert await plant.stands() == {"mongo": "SILENCE"}
    await plant.pass_to(60)
    assert await plant.stands() == {"mongo": "ROUTED"}


async def test_what_resolves_under_a_silence_is_never_told_of(plant: Plant) -> None:
    await plant.asset("mongo")
    await silence(plant, 60)
    await plant.take(down("mongo"))
    await plant.pass_to(30)
    await plant.take(up("mongo", 0, 30))
    await plant.pass_to(100)
    assert await events(plant, "mongo") == ["AlertFired", "AlertResolved"]
    assert (await plant.alert("mongo"))["route_time"] is None


async def test_expiring_or_narrowing_a_silence_lets_go_at_once(plant: Plant) -> None:
    for name in ("mongo", "auth"):
        await plant.asset(name)
    first = await silence(plant, 600)
    second = await silence(plant, 600, Matcher(label="alert_title", value="auth is down"))
    await plant.take(down("mongo"), down("auth"))
    assert await plant.stands() == {"mongo": "SILENCE", "auth": "SILENCE"}
    await plant.quiet.expire_silence(first.id)
    await plant.quiet.update_silence(second.id, {"matchers": [Matcher(label="asset_id", value="other")]})
    await plant.look()
    assert await plant.stands() == {"mongo": "ROUTED", "auth": "ROUTED"}


async def test_a_silenced_cause_still_keeps_its_consequences(plant: Plant) -> None:
    await tree(plant)
    await silence(plant, 60)
    await plant.take(down("mongo"), down("auth"))
    await plant.pass_to(50)
    assert await plant.stands() == {"mongo": "SILENCE", "auth": "DEPENDENCY"}


async def test_an_alert_that_waits_is_kept_by_a_silence_made_meanwhile(plant: Plant) -> None:
    await tree(plant)
    await plant.take(down("auth"))
    await silence(plant, 60, Matcher(label="asset_name", value="auth"))
    await plant.pass_to(20)
    assert await plant.stands() == {"auth": "SILENCE"}


async def window(plant: Plant, *assets: str, seconds: float = 60, wide: bool = True) -> Any:
    told = {"name": "disks", "asset_ids": list(assets), "end_time": at(seconds), "comment": "new disks"}
    return await plant.quiet.create_window({**told, "include_dependents": wide})


async def test_maintenance_keeps_alerts_of_the_asset_and_of_what_fails_with_it(plant: Plant) -> None:
    await tree(plant)
    await plant.asset("other")
    made = await window(plant, "mongo")
    await plant.take(down("mongo"), down("gateway"), down("other"))
    assert await plant.stands() == {"mongo": "MAINTENANCE", "gateway": "MAINTENANCE", "other": "ROUTED"}
    assert (await plant.alert("gateway"))["suppression"]["reference"] == f"maintenanceWindows/{made.id}"
    await plant.pass_to(75)
    assert await plant.stands() == {"mongo": "ROUTED", "gateway": "DEPENDENCY", "other": "ROUTED"}


async def test_a_narrow_window_leaves_what_depends_to_its_cause(plant: Plant) -> None:
    await tree(plant)
    await window(plant, "mongo", wide=False)
    await plant.take(down("gateway"))
    await plant.pass_to(11)
    assert await plant.stands() == {"gateway": "ROUTED"}


async def test_what_comes_and_goes_is_kept_until_it_is_steady(plant: Plant) -> None:
    await plant.asset("mongo")
    for index in range(8):
        await plant.pass_to(index * 60)
        signal = down("mongo", index * 60) if index % 2 == 0 else up("mongo", (index - 1) * 60, index * 60)
        await plant.take(signal)
    await plant.pass_to(480)
    await plant.take(down("mongo", 480))
    alert = await plant.alert("mongo")
    assert (alert["flapping"], alert["suppression"]["reason"]) == (True, "FLAPPING")
    await plant.pass_to(480 + 20 * 60)
    alert = await plant.alert("mongo")
    assert (alert["flapping"], alert["suppression"]) == (False, None)
    assert alert["route_time"] is not None


async def test_an_asset_is_found_by_the_names_that_senders_use(plant: Plant) -> None:
    identifiers = [
        asset_pb.Identifier(kind=asset_pb.Identifier.FQDN, value="db1.example"),
        asset_pb.Identifier(kind=asset_pb.Identifier.IP, value="10.0.0.7"),
        asset_pb.Identifier(kind=asset_pb.Identifier.IP, value="127.0.0.1"),
        asset_pb.Identifier(kind=asset_pb.Identifier.HOSTNAME, value="DB1"),
    ]
    await plant.asset("ast_1", identifiers=identifiers, team_id="team_db")
    await plant.asset("ast_2", identifiers=identifiers[2:3])
    known_as = ["db1.example:9100", "DB1.example.", "10.0.0.7", "http://db1.example:8080/x", "db1", "db1.other"]
    spoken = [*known_as, "127.0.0.1:9100", "", "x"]
    found = await plant.mirror.locate([AssetHint(names=(name,)) for name in spoken])
    assert [known.asset_id if known else "" for known in found] == ["ast_1"] * 6 + [""] * 3
    await plant.take(down("", asset_hint=AssetHint(names=("nobody", "db1.example:9100")), fingerprint="f"))
    alert = await plant.alert("ast_1")
    assert (alert["team_id"], alert["state"]) == ("team_db", "FIRING")
    hints = [{"host.name": "db1"}, {"host.name": "nobody"}, {"asset.id": "ast_2", "host.name": "db1"}]
    assert await plant.mirror.of(hints) == ["ast_1", "", "ast_2"]


async def test_names_that_many_assets_share_hide_no_other_and_are_not_read_to_their_end(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = [asset_pb.Identifier(kind=asset_pb.Identifier.HOSTNAME, value=name) for name in ("aaa", "mmm")]
    for number in range(60):
        own = asset_pb.Identifier(kind=asset_pb.Identifier.HOSTNAME, value=f"own{number}")
        await plant.asset(f"ast_{number:02}", identifiers=[*shared, own])
    read, find = [], plant.backend.find

    async def counting(*args: Any, **more: Any) -> Any:
        found = await find(*args, **more)
        read.append(len(found))
        return found

    monkeypatch.setattr(plant.backend, "find", counting)
    spoken = ["aaa", "mmm", "own7", "own59", "nobody"]
    found = await plant.mirror.locate([AssetHint(names=(name,)) for name in spoken])
    assert [known.asset_id if known else "" for known in found] == ["", "", "ast_07", "ast_59", ""]
    assert sum(read) < 20


async def test_a_name_that_several_assets_bear_means_none_of_them(plant: Plant) -> None:
    for name in ("ast_1", "ast_2"):
        await plant.asset(name, identifiers=[asset_pb.Identifier(kind=asset_pb.Identifier.IP, value="10.0.0.7")])
    assert await plant.mirror.locate([AssetHint(names=("10.0.0.7",), fallback_id="ast_2")]) == [
        (await plant.mirror.known(["ast_2"]))["ast_2"]
    ]
    await plant.asset("ast_1", identifiers=[], state=asset_pb.Asset.RETIRED)
    (found,) = await plant.mirror.locate([AssetHint(names=("10.0.0.7",))])
    assert found is not None
    assert found.asset_id == "ast_2"


ARRIVALS = st.dictionaries(st.sampled_from(["auth", "asset", "incident", "gateway"]), st.integers(0, 9_999), min_size=1)


@settings(max_examples=60, deadline=None)
@given(
    ARRIVALS,
    st.integers(0, 9_999),
    st.dictionaries(st.sampled_from(["mongo", "auth", "asset", "incident", "gateway"]), st.integers(-9_000, 9_000)),
    st.integers(0, 2),
)
def test_one_cause_is_one_routed_alert_in_whatever_order_and_with_whatever_times_its_consequences_come(
    arrivals: dict[str, int], cause: int, starts: dict[str, int], repeats: int
) -> None:
    """All arrive within one hold of each other, each with a time of its own; the cause anywhere between."""

    async def story() -> None:
        plant = Plant()
        await tree(plant)
        comes = sorted([*((when, name) for name, when in arrivals.items()), (cause, "mongo")])
        for when, name in comes:
            await plant.pass_to(when / 1000)
            for _ in range(repeats + 1):
                await plant.take(down(name, starts.get(name, when) / 1000))
        await plant.pass_to(30)
        assert await plant.stands() == dict.fromkeys(arrivals, "DEPENDENCY") | {"mongo": "ROUTED"}
        for name in arrivals:
            assert await plant.cause(name) == "mongo"
            assert "AlertRouted" not in await events(plant, name)
        await plant.take(up("mongo", starts.get("mongo", cause) / 1000, 40), *(up(name, 0, 41) for name in arrivals))
        await plant.pass_to(100)
        for name in arrivals:
            assert (await plant.alert(name))["route_time"] is None

    with ctx.use(BOSS):
        asyncio.run(story())


@settings(max_examples=40, deadline=None)
@given(st.permutations(["a", "b", "c"]), st.lists(st.integers(0, 9), min_size=3, max_size=3))
def test_assets_that_need_each_other_make_one_routed_alert(order: list[str], starts: list[int]) -> None:
    async def story() -> None:
        plant = Plant()
        for name, needed in (("a", "b"), ("b", "c"), ("c", "a")):
            await plant.asset(name)
            await plant.needs(name, needed)
        for index, name in enumerate(order):
            await plant.pass_to(index)
            await plant.take(down(name, starts[index]))
        await plant.pass_to(30)
        assert sorted((await plant.stands()).values()) == ["DEPENDENCY", "DEPENDENCY", "ROUTED"]

    with ctx.use(BOSS):
        asyncio.run(story())


async def test_without_a_hold_nothing_waits(plant: Plant) -> None:
    eager = Plant(hold=timedelta(0))
    await tree(eager)
    await eager.take(down("auth"))
    assert await eager.stands() == {"auth": "ROUTED"}
    await eager.take(down("mongo"), down("asset"))
    assert await eager.stands() == {"auth": "ROUTED", "mongo": "ROUTED", "asset": "DEPENDENCY"}
    assert timedelta(0) < HOLD
