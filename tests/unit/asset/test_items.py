"""Assets as people make, change and move them."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from chassis import context as ctx
from chassis import protojson
from chassis.context import Context
from chassis.errors import AlreadyExists, ForbiddenMove, Invalid, NotFound, Stale
from chassis.testing import caller
from chassis.timeline import timeline_entry
from services.asset.domain.asset import Asset, Money, Redundancy
from services.asset.domain.identity import Identifier, IdentifierKind
from services.asset.domain.lifecycle import TARGETS, State, check_move
from services.asset.usecases.reading import Asked
from tests.unit.asset.estate import MONDAY, Estate, said, shown

SERIAL = Identifier(kind=IdentifierKind.SERIAL, value=" 7xk2  q1 ")


async def test_an_asset_is_kept_as_it_was_said_with_who_said_it(estate: Estate) -> None:
    made = await estate.create(attributes={"memoryBytes": 2**53 + 1, "cpu": "Xeon"}, identifiers=[SERIAL], location="Berlin")
    stored = await estate.store.get(Asset, made.id)
    assert (stored.class_, stored.state, stored.attributes) == (
        "server",
        State.IN_USE,
        {"memoryBytes": 2**53 + 1, "cpu": "Xeon"},
    )
    assert stored.identifiers == [Identifier(kind=IdentifierKind.SERIAL, value="7XK2 Q1")]
    told = protojson.to_dict(shown(stored))
    assert told["class"] == "server"
    assert told["attributes"]["memoryBytes"] == str(2**53 + 1)
    assert told["provenance"]["location"] == {"source": "manual", "reportTime": "2126-06-03T09:00:00Z", "others": []}


async def test_one_event_tells_of_each_change_and_says_what_changed(estate: Estate) -> None:
    made = await estate.create()
    await estate.items.update(made.id, {"attributes": {"memoryBytes": 8}, "location": "Berlin"})
    created, updated = await estate.rows()
    assert (created["type"], updated["type"]) == ("itsm.asset.v1.AssetCreated", "itsm.asset.v1.AssetUpdated")
    event = orjson.loads(updated["data"])
    assert event["source"] == "manual"
    changes = {change["field"]: (change["old"], change["new"]) for change in event["changes"]}
    assert changes["attributes"] == ({}, {"memoryBytes": 8})
    assert event["asset"]["class"] == "server"


async def test_what_is_said_again_changes_nothing(estate: Estate) -> None:
    made = await estate.create(attributes={"cpu": "Xeon"}, identifiers=[SERIAL])
    again = await estate.items.update(made.id, {"attributes": {"cpu": "Xeon"}, "identifiers": [SERIAL], "name": "web01"})
    assert again.etag == made.etag
    assert len(await estate.rows()) == 1


async def test_attributes_that_a_change_does_not_name_stay_and_null_takes_one_away(estate: Estate) -> None:
    made = await estate.create(attributes={"cpu": "Xeon", "os": "Debian"})
    changed = await estate.items.update(made.id, {"attributes": {"cpu": None, "kernel": "6.1"}})
    assert changed.attributes == {"os": "Debian", "kernel": "6.1"}
    assert "cpu" not in changed.provenance


@pytest.mark.parametrize(
    ("attributes", "field"),
    [
        ({"memoryBytes": "much"}, "attributes.memoryBytes"),
        ({"memoryBytes": 1.5}, "attributes.memoryBytes"),
        ({"memoryBytes": True}, "attributes.memoryBytes"),
        ({"memoryBytes": str(2**63)}, "attributes.memoryBytes"),
        ({"cpu": 5}, "attributes.cpu"),
        ({"tags": "a"}, "attributes.tags"),
        ({"tags": [["a"]]}, "attributes.tags"),
        ({"Image": "x"}, "attributes.Image"),
        ({"name": "x"}, "attributes.name"),
        ({"a.b": "x"}, "attributes.a.b"),
        ({"color": [["red"]]}, "attributes.color"),
        ({"color": "x" * 5_000}, "attributes.color"),
        ({f"a{n}": n for n in range(201)}, "attributes"),
        ({"cpu": "x" * 5_000}, "attributes.cpu"),
    ],
)
async def test_an_attribute_of_another_type_or_class_is_refused_by_its_name(
    estate: Estate, attributes: dict[str, object], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        await estate.create(attributes=attributes)
    assert set(refused.value.violations) == {field}


@pytest.mark.parametrize("number", [0, -1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63)])
async def test_whole_numbers_come_as_numbers_and_as_text(estate: Estate, number: int) -> None:
    for value in (number, str(number)):
        made = await estate.create(attributes={"memoryBytes": value})
        assert made.attributes == {"memoryBytes": number}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": " "}, "name"),
        ({"location": "x" * 501}, "location"),
        ({"class_": "spaceship"}, "class"),
        ({"cost": Money(amount="1,5", currency="EUR")}, "cost"),
        ({"redundancy": [Redundancy(group="web")]}, "redundancy[0]"),
        ({"redundancy": [Redundancy(group="web", minimum_count=1, minimum_percent=50)]}, "redundancy[0]"),
        ({"identifiers": [Identifier(kind=IdentifierKind.SERIAL, value="To be filled by O.E.M.")]}, "identifiers[0].value"),
        ({"identifiers": [Identifier(kind=IdentifierKind.AGENT, value="agt_1")]}, "identifiers[0].value"),
    ],
)
async def test_what_is_wrong_is_told_by_field(estate: Estate, fields: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        await estate.items.create({"name": "web01", "class_": "server"} | fields)
    assert list(refused.value.violations) == [field]


async def test_an_identifier_is_one_assets_own(estate: Estate) -> None:
    first, second = await estate.create(identifiers=[SERIAL]), await estate.create("web02")
    with pytest.raises(AlreadyExists) as taken:
        await estate.create("web03", identifiers=[SERIAL])
    assert taken.value.facts["id"] == first.id
    with pytest.raises(AlreadyExists):
        await estate.items.update(second.id, {"identifiers": [SERIAL]})
    await estate.items.update(first.id, {"identifiers": []})
    await estate.items.update(second.id, {"identifiers": [SERIAL]})


async def test_a_tag_is_never_used_again(estate: Estate) -> None:
    tag = Identifier(kind=IdentifierKind.ASSET_TAG, value="A-0042")
    first = await estate.create(identifiers=[tag])
    await estate.items.update(first.id, {"identifiers": []})
    with pytest.raises(AlreadyExists):
        await estate.create("web02", identifiers=[tag])


async def test_a_change_decided_on_an_older_version_is_refused(estate: Estate) -> None:
    made = await estate.create()
    await estate.items.update(made.id, {"location": "Berlin"}, etag=made.etag)
    with pytest.raises(Stale):
        await estate.items.update(made.id, {"location": "Bonn"}, etag="1")


async def test_an_asset_lives_from_order_to_disposal(estate: Estate) -> None:
    made = await estate.create(state=State.PLANNED, owner_id="u-1")
    for target in (State.ORDERED, State.RECEIVED, State.IN_STOCK, State.IN_USE):
        made = await estate.items.move(made.id, target, reason="as usual", proof="")
    with pytest.raises(ForbiddenMove, match="ownerId"):
        await estate.items.move(made.id, State.RETIRED, reason="old", proof="")
    await estate.items.update(made.id, {"owner_id": ""})
    await estate.items.move(made.id, State.RETIRED, reason="old", proof="")
    with pytest.raises(Invalid, match="proof"):
        await estate.items.move(made.id, State.DISPOSED, reason="sold", proof=" ")
    gone = await estate.items.move(made.id, State.DISPOSED, reason="sold", proof="certificate 12")
    with pytest.raises(ForbiddenMove):
        await estate.items.update(gone.id, {"location": "Bonn"})
    with pytest.raises(ForbiddenMove):
        await estate.items.move(gone.id, State.IN_STOCK, reason="found", proof="")


async def test_a_state_is_moved_and_never_typed(estate: Estate) -> None:
    made = await estate.create()
    with pytest.raises(Invalid, match=":move"):
        await estate.items.update(made.id, {"state": State.LOST})
    assert (await estate.items.update(made.id, {"state": State.IN_USE})).etag == made.etag


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("target", State)
def test_a_move_that_the_table_does_not_know_is_refused(state: State, target: State) -> None:
    if target in TARGETS[state]:
        check_move(state, target, owner_id="", proof="certificate")
        return
    with pytest.raises(ForbiddenMove):
        check_move(state, target, owner_id="", proof="certificate")


async def test_lists_counts_and_histories(estate: Estate) -> None:
    for number in range(3):
        estate.clock.advance(seconds=1)
        await estate.create(f"web0{number}", "server" if number else "storage")
    rows, token = await estate.reading.page("assets", Asked(order_by="name", size=2))
    assert [row["name"] for row in rows] == ["web00", "web01"]
    rows, _ = await estate.reading.page("assets", Asked(order_by="name", size=2, token=token))
    assert [row["name"] for row in rows] == ["web02"]
    assert await estate.reading.count("assets", 'class = "server"') == (2, False)
    entries, _ = await estate.reading.history(rows[0]["_id"], Asked())
    assert [entry["type"] for entry in entries] == ["itsm.asset.v1.AssetCreated"]
    with pytest.raises(NotFound):
        await estate.reading.inventory(rows[0]["_id"])


async def test_who_sees_his_own_alone_sees_its_history_from_when_it_became_his(estate: Estate) -> None:
    made = await estate.create(location="Bonn", owner_id="rob")
    for fields in ({"location": "Ulm"}, {"owner_id": "rita", "location": "Kiel"}, {"owner_id": "rob"}):
        estate.clock.advance(seconds=1)
        await estate.items.update(made.id, fields)
    for number in range(3):
        estate.clock.advance(seconds=1)
        await estate.items.update(made.id, {"owner_id": "rita"} if not number else {"location": f"room {number}"})

    async def seen(who: Context, size: int) -> list[Any]:
        entries, token = list[Any](), ""
        with ctx.use(who):
            while True:
                page, token = await estate.reading.history(made.id, Asked(size=size, token=token))
                entries += [timeline_entry(row, "asset") for row in page]
                if not token:
                    return entries

    rita = caller(subject="rita", scope={"owner_id": "rita"})
    for size in (1, 2, 50):
        entries = await seen(rita, size)
        told = [[change.field for change in entry.changes if change.field != "provenance"] for entry in entries]
        assert told == [["location"], ["location"], ["ownerId"]]
        assert "rob" not in str(entries) and "Bonn" not in str(entries)
    assert len(await seen(caller(subject="max"), 2)) == 7
    rob = caller(subject="rob", scope={"owner_id": "rob"})
    with pytest.raises(NotFound):
        await seen(rob, 50)


async def test_a_class_of_ones_own_has_all_of_its_parents(estate: Estate) -> None:
    made = await estate.classes.create(
        {"name": "mainframe", "title": "Mainframe", "parent": "computer", "attributes": [], "identification": []}
    )
    asset = await estate.create("big", "mainframe", attributes={"cpuCount": 64})
    assert (asset.class_, made.parent) == ("mainframe", "computer")
    with pytest.raises(AlreadyExists):
        await estate.classes.create({"name": "server", "title": "Mine", "parent": "computer"})
    with pytest.raises(ForbiddenMove):
        await estate.classes.update("server", {"title": "Mine"})


async def test_a_persons_word_outranks_machines_until_it_is_old(estate: Estate) -> None:
    made = await estate.create(attributes={"os": "Debian"}, identifiers=[SERIAL])
    serial = {"SERIAL": ["7XK2 Q1"]}
    await estate.report(said("agent:agt_1", MONDAY + timedelta(days=89), serial, os="Ubuntu"))
    asset = await estate.store.get(Asset, made.id)
    assert asset.attributes["os"] == "Debian"
    assert [(each.source, each.value) for each in asset.provenance["os"].others] == [("agent:agt_1", "Ubuntu")]
    await estate.report(said("agent:agt_1", MONDAY + timedelta(days=91), serial, os="Ubuntu"))
    assert (await estate.store.get(Asset, made.id)).attributes["os"] == "Ubuntu"


async def test_a_persons_class_holds_against_a_finer_one(estate: Estate) -> None:
    made = await estate.create(class_="computer", identifiers=[SERIAL])
    await estate.report(said("agent:agt_1", MONDAY, {"SERIAL": ["7XK2 Q1"]}, class_="virtual_machine"))
    assert (await estate.store.get(Asset, made.id)).class_ == "computer"


async def test_a_cost_is_said_and_taken_back(estate: Estate) -> None:
    made = await estate.create(cost=Money(amount="1804.46", currency="EUR"))
    assert (made.cost, made.provenance["cost"].source) == (Money(amount="1804.46", currency="EUR"), "manual")
    cleared = await estate.items.update(made.id, {"cost": None})
    assert (cleared.cost, "cost" in cleared.provenance) == (None, False)


async def test_of_agents_that_come_and_go_the_latest_are_remembered(estate: Estate) -> None:
    for number in range(25):
        await estate.report(
            said(f"agent:agt_{number}", MONDAY + timedelta(minutes=number), {"SERIAL": ["7XK2 Q1"]}, os="Debian")
        )
    (asset,) = await estate.assets()
    assert asset["provenance"]["os"]["source"] == "agent:agt_24"
    assert len(asset["provenance"]["os"]["others"]) == 19


async def test_what_no_class_foresees_is_kept_as_it_is_said(estate: Estate) -> None:
    attributes = {"color": "red", "weight": 2**53 + 1, "load": 0.5, "leased": True, "ports": ["a", 2]}
    made = await estate.create(attributes=attributes)
    stored = await estate.store.get(Asset, made.id)
    assert stored.attributes == attributes
    assert [type(value) for value in stored.attributes.values()] == [str, int, float, bool, list]


@pytest.mark.parametrize("written", ["virtual_machine", "Virtual machine", "VIRTUAL_MACHINE", "virtual-machine"])
async def test_a_class_is_found_however_it_is_written(estate: Estate, written: str) -> None:
    assert (await estate.create(class_=written)).class_ == "virtual_machine"
