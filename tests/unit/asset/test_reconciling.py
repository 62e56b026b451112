"""Several sources report one machine: one asset, the same whatever the order. Strangers stay strangers."""

import asyncio
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis import context as ctx
from chassis.errors import Busy
from chassis.testing import caller
from services.asset.domain.asset import Asset
from services.asset.domain.report import Report
from tests.unit.asset.estate import MONDAY, Estate, said

SERIAL, UUID = {"SERIAL": ["7XK2Q1"]}, {"UUID": ["4c4c4544-0037-5810-8032-b7c04f513031"]}
OTHER_UUID = {"UUID": ["aaaaaaaa-0000-4000-8000-000000000009"]}
MAC = {"MAC": ["d8:9e:f3:1b:22:10"]}


def at(minutes: int) -> Any:
    return MONDAY + timedelta(minutes=minutes)


def one_machine() -> list[Report]:
    """An import and two agents, the first of which reports twice."""
    first, second = SERIAL | UUID | MAC | {"AGENT": ["agt_1"]}, SERIAL | UUID | {"AGENT": ["agt_2"], "IP": ["10.0.0.7"]}
    book = {"name": "web01 (shop)", "class": "server", "location": "Berlin", "memoryBytes": 7, "rack": "A3"}
    seen = {"name": "web01", "os": "Debian", "memoryBytes": 8}
    return [
        said("import:cmdb", at(3), SERIAL, "WEB-1", **book),
        said("agent:agt_1", at(1), first, **seen, kernel="6.1"),
        said("agent:agt_1", at(9), first, **seen, kernel="6.2"),
        said("agent:agt_2", at(5), second, os="Debian GNU/Linux", memoryBytes=8),
    ]


def outcome(asset: dict[str, Any]) -> dict[str, Any]:
    """All of an asset that does not say when or as what it was made."""
    made = {"_id", "version", "create_time", "update_time"}
    return {name: value for name, value in asset.items() if name not in made}


async def after(reports: list[Report]) -> list[dict[str, Any]]:
    estate = Estate()
    with ctx.use(caller()):
        for report in reports:
            await estate.report(report)
        return [outcome(asset) for asset in await estate.assets()]


@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_one_machine_is_one_asset_whoever_comes_first(order: tuple[int, ...]) -> None:
    reports = one_machine()
    (asset,) = await after([reports[place] for place in order])
    assert (asset,) == tuple(await after(reports))
    assert (asset["name"], asset["class"], asset["location"]) == ("web01 (shop)", "server", "Berlin")
    assert asset["attributes"] == {"os": "Debian", "memoryBytes": 8, "kernel": "6.2", "rack": "A3"}
    assert asset["agent_id"] == "agt_1"
    assert asset["last_seen_time"] == at(9)
    memory = asset["provenance"]["memoryBytes"]
    assert (memory["source"], memory["report_time"]) == ("agent:agt_1", at(9))
    assert [(each["source"], each["value"]) for each in memory["others"]] == [("agent:agt_2", 8), ("import:cmdb", 7)]


_SOURCES = ("import:cmdb", "import:books", "agent:agt_1", "agent:agt_2", "discovery")
_reports = st.builds(
    lambda source, minute, identifiers, values: said(source, at(minute * 700), SERIAL | identifiers, **values),
    st.sampled_from(_SOURCES),
    st.integers(0, 400),
    st.sampled_from([{}, UUID, MAC, UUID | MAC, {"IP": ["10.0.0.7"]}, {"IP": ["10.0.0.8"], "HOSTNAME": ["web01"]}]),
    st.fixed_dictionaries(
        {},
        optional={
            "os": st.sampled_from(["Debian", "Ubuntu", None]),
            "memoryBytes": st.sampled_from([7, 8, 2**60]),
            "name": st.sampled_from(["web01", "shop"]),
            "location": st.sampled_from(["Berlin", "Bonn"]),
            "class_": st.sampled_from(["computer", "server", "virtual_machine"]),
        },
    ),
)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.lists(_reports, min_size=1, max_size=6))
def test_any_reports_in_any_order_and_repeated_come_to_the_same(data: st.DataObject, reports: list[Report]) -> None:
    shuffled = data.draw(st.permutations([*reports, *reports[:2]]))
    assert asyncio.run(after(reports)) == asyncio.run(after(shuffled))


async def test_two_reports_at_once_make_one_asset(estate: Estate) -> None:
    catalog = await estate.classes.catalog()

    async def place(report: Report) -> Asset | None:
        for _ in range(5):
            try:
                return (await estate.placing.place(report, catalog))[1]
            except Busy:
                await asyncio.sleep(0)
        raise AssertionError("never placed")

    found = await asyncio.gather(*(place(report) for report in one_machine()))
    assert len({asset.id for asset in found if asset is not None}) == len(await estate.assets()) == 1


async def test_a_cloned_serial_does_not_merge_strangers(estate: Estate) -> None:
    first = await estate.report(said("agent:agt_1", at(1), SERIAL | UUID | {"AGENT": ["agt_1"]}))
    second = await estate.report(said("agent:agt_2", at(2), SERIAL | OTHER_UUID | {"AGENT": ["agt_2"]}, name="web02"))
    assert first is not None
    assert second is not None
    assert first.id != second.id
    for minute in (3, 5):
        again = await estate.report(said("agent:agt_2", at(minute), SERIAL | OTHER_UUID | {"AGENT": ["agt_2"]}, name="web02"))
        assert again is not None
        assert again.id == second.id
    (task,) = await estate.backend.find("duplicates", {"tenant": "main"})
    assert (task["reason"], task["asset_ids"]) == ("CONTRADICTION", sorted([first.id, second.id]))
    assert task["identifiers"] == [{"kind": "SERIAL", "value": "7XK2Q1"}]


async def test_what_fits_several_is_left_to_a_person_and_changes_none(estate: Estate) -> None:
    await estate.report(said("agent:agt_1", at(1), SERIAL | UUID))
    await estate.report(said("agent:agt_2", at(2), SERIAL | OTHER_UUID, name="web02"))
    before = await estate.assets()
    for minute in (3, 4):
        assert await estate.report(said("import:cmdb", at(minute), SERIAL, location="Berlin")) is None
    assert await estate.assets() == before
    tasks = await estate.backend.find("duplicates", {"tenant": "main", "reason": "AMBIGUOUS"})
    assert [len(task["asset_ids"]) for task in tasks] == [2]
    resolved = await estate.duplicates.resolve(tasks[0]["_id"], "two machines of one batch")
    assert resolved.state == "RESOLVED"
    assert await estate.report(said("import:cmdb", at(5), SERIAL)) is None
    assert len(await estate.backend.find("duplicates", {"tenant": "main", "state": "OPEN"})) == 1


async def test_a_shared_adapter_does_not_merge_laptops(estate: Estate) -> None:
    await estate.report(said("agent:agt_1", at(1), SERIAL | MAC))
    await estate.report(said("agent:agt_2", at(2), {"SERIAL": ["9ZZ9Z9"]} | MAC, name="web02"))
    assert len(await estate.assets()) == 2


async def test_a_machine_without_serial_is_known_by_its_adapter(estate: Estate) -> None:
    await estate.report(said("discovery", at(1), MAC))
    await estate.report(said("import:cmdb", at(2), MAC | SERIAL))
    assert len(await estate.assets()) == 1


async def test_a_name_alone_identifies_nothing(estate: Estate) -> None:
    names = {"HOSTNAME": ["web01"], "FQDN": ["web01.example.org"], "IP": ["10.0.0.7"]}
    await estate.report(said("discovery", at(1), names))
    await estate.report(said("import:cmdb", at(2), names))
    assert len(await estate.assets()) == 2


async def test_a_sources_own_key_comes_first(estate: Estate) -> None:
    made = await estate.report(said("import:cmdb", at(1), {}, "WEB-1"))
    again = await estate.report(said("import:cmdb", at(2), SERIAL, "WEB-1", location="Berlin"))
    assert made is not None
    assert again is not None
    assert (again.id, again.location) == (made.id, "Berlin")


async def test_a_class_that_it_cannot_be_is_left_to_a_person(estate: Estate) -> None:
    tag = {"ASSET_TAG": ["A-0042"]}
    await estate.report(said("import:cmdb", at(1), tag, class_="database"))
    assert await estate.report(said("import:books", at(2), tag, class_="server")) is None
    (task,) = await estate.backend.find("duplicates", {"tenant": "main"})
    assert task["reason"] == "CLASS"


async def test_silence_does_not_outrank_those_who_speak(estate: Estate) -> None:
    await estate.report(said("agent:agt_1", at(0), SERIAL, os="Debian"))
    await estate.report(said("import:cmdb", at(60), SERIAL, os="Windows"))
    assert (await estate.assets())[0]["attributes"]["os"] == "Debian"
    await estate.report(said("import:cmdb", MONDAY + timedelta(days=8), SERIAL, os="Windows"))
    assert (await estate.assets())[0]["attributes"]["os"] == "Windows"
    await estate.report(said("agent:agt_1", MONDAY + timedelta(days=9), SERIAL, os="Debian"))
    assert (await estate.assets())[0]["attributes"]["os"] == "Debian"


async def test_an_agent_that_keeps_saying_the_same_is_not_silent(estate: Estate) -> None:
    for day in range(0, 30, 3):
        await estate.report(said("agent:agt_1", MONDAY + timedelta(days=day), SERIAL, os="Debian"))
    await estate.report(said("import:cmdb", MONDAY + timedelta(days=30), SERIAL, os="Windows"))
    assert (await estate.assets())[0]["attributes"]["os"] == "Debian"


async def test_nothing_said_never_replaces_something_said(estate: Estate) -> None:
    await estate.report(said("agent:agt_1", at(1), SERIAL, os="Debian"))
    await estate.report(said("agent:agt_1", at(9), SERIAL, os=None))
    assert (await estate.assets())[0]["attributes"] == {"os": "Debian"}


async def test_a_report_that_comes_late_does_not_undo_a_later_one(estate: Estate) -> None:
    await estate.report(said("agent:agt_1", at(9), SERIAL, os="Debian 13"))
    await estate.report(said("agent:agt_1", at(1), SERIAL, os="Debian 12"))
    assert (await estate.assets())[0]["attributes"] == {"os": "Debian 13"}


async def test_machines_of_one_name_are_no_pair_for_a_person(estate: Estate) -> None:
    names = {"HOSTNAME": ["web01"], "FQDN": ["web01.example.org"], "IP": ["10.0.0.7"]}
    for number, serial in enumerate(("7XK2Q1", "9ZZ9Z9")):
        await estate.report(said(f"agent:agt_{number}", at(number), {"SERIAL": [serial]} | names))
    assert len(await estate.assets()) == 2
    assert await estate.backend.find("duplicates", {"tenant": "main"}) == []
