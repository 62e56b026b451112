"""Agents: enrolled once however often they ask, heard only about themselves, silent when revoked."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from itsm.asset import v1 as pb

from chassis import context as ctx
from chassis.errors import ForbiddenMove, Invalid, NotFound, Unavailable
from chassis.testing import caller
from services.asset.domain.agent import About, Agent
from services.asset.domain.asset import Asset
from services.asset.usecases.agents import Agents, Enrolled
from services.asset.usecases.reading import Asked
from tests.support.keymaker import KeyMaker
from tests.unit.asset.estate import MONDAY, Estate

ABOUT = About(name="", version="1.0", platform="linux")
INSTALLATION = "an installation of its own"


class Fleet:
    """An estate with agents."""

    def __init__(self) -> None:
        self.estate = Estate()
        self.keys = KeyMaker()
        self.agents = Agents(self.estate.store, self.estate.classes, self.estate.placing, self.keys)

    async def enroll(self, install_id: str = INSTALLATION, **seen: Any) -> Enrolled:
        return await self.agents.enroll(install_id, ABOUT, machine(**seen))

    async def agent(self, id: str) -> Agent:  # noqa: A002 - as its field
        return await self.estate.store.get(Agent, id)

    async def report(self, enrolled: Enrolled, told: pb.Inventory, version: str = "") -> tuple[str, bool]:
        """As the agent itself, with its key."""
        key = (await self.agent(enrolled.agent_id)).token_id
        with ctx.use(caller(subject=key)):
            return await self.agents.report(enrolled.agent_id, version, told)


def machine(
    serial: str = "7XK2Q1", uuid: str = "4c4c4544-0037-5810-8032-b7c04f513031", virtualization: str = "", **more: object
) -> pb.Inventory:
    told = pb.Inventory(
        sections=["hardware", "system", "interfaces"],
        hardware=pb.Hardware(
            vendor="Dell Inc.",
            model="R640",
            serial=serial,
            uuid=uuid,
            cpu_count=8,
            memory_bytes=2**40,
            virtualization=virtualization,
        ),
        system=pb.System(os="Debian GNU/Linux", version="12", hostname="web01", fqdn="web01.example.org"),
        interfaces=[pb.Interface(name="eth0", mac="d8:9e:f3:1b:22:10", addresses=["10.0.0.7"])],
    )
    told.MergeFrom(pb.Inventory(**more))  # type: ignore[arg-type] # whatever a test adds
    return told


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


async def test_an_agent_gets_an_asset_and_a_key_of_its_own(fleet: Fleet) -> None:
    enrolled = await fleet.enroll()
    agent, asset = await fleet.agent(enrolled.agent_id), await fleet.estate.store.get(Asset, enrolled.asset_id)
    assert (agent.token_id, agent.asset_id, agent.name, enrolled.key) == ("crd_1", asset.id, "web01", "ita_main_1")
    assert (asset.name, asset.class_, asset.agent_id) == ("web01", "computer", agent.id)
    assert asset.attributes == {
        "vendor": "Dell",
        "model": "R640",
        "cpuCount": 8,
        "memoryBytes": 2**40,
        "os": "Debian GNU/Linux",
        "osVersion": "12",
    }
    assert {(each.kind.value, each.value) for each in asset.identifiers} >= {
        ("SERIAL", "7XK2Q1"), ("MAC", "d8:9e:f3:1b:22:10"), ("FQDN", "web01.example.org"), ("IP", "10.0.0.7"),
        ("AGENT", agent.id),
    }  # fmt: skip


async def test_an_agent_that_lost_the_answer_is_the_same_agent_with_a_new_key(fleet: Fleet) -> None:
    first, again = await fleet.enroll(), await fleet.enroll()
    assert (first.agent_id, first.asset_id) == (again.agent_id, again.asset_id)
    assert first.key != again.key
    assert fleet.keys.over == {"crd_1"}
    assert (await fleet.agent(first.agent_id)).token_id == "crd_2"


async def test_an_enrollment_that_got_no_key_is_repeated_without_a_second_asset(fleet: Fleet) -> None:
    fleet.keys.away = True
    with pytest.raises(Unavailable):
        await fleet.enroll()
    fleet.keys.away = False
    enrolled = await fleet.enroll()
    assert [each["_id"] for each in await fleet.estate.assets()] == [enrolled.asset_id]


async def test_two_agents_of_one_machine_share_its_asset(fleet: Fleet) -> None:
    first, second = await fleet.enroll(), await fleet.enroll("another installation there")
    assert first.asset_id == second.asset_id
    assert first.agent_id != second.agent_id
    assert (await fleet.estate.store.get(Asset, first.asset_id)).agent_id == min(first.agent_id, second.agent_id)


@pytest.mark.parametrize("install_id", ["", "short", "x" * 201])
async def test_an_installation_that_others_might_guess_is_refused(fleet: Fleet, install_id: str) -> None:
    with pytest.raises(Invalid, match="installId"):
        await fleet.enroll(install_id)


async def test_a_key_reports_for_its_own_agent_and_no_other(fleet: Fleet) -> None:
    first = await fleet.enroll()
    second = await fleet.enroll("another installation there", serial="9ZZ9Z9", uuid="aaaaaaaa-0000-4000-8000-000000000009")
    with ctx.use(caller(subject=(await fleet.agent(second.agent_id)).token_id)), pytest.raises(NotFound):
        await fleet.agents.report(first.agent_id, "", machine())
    with pytest.raises(NotFound):
        await fleet.agents.report(first.agent_id, "", machine())


async def test_a_revoked_agent_is_heard_no_more_and_does_not_come_back(fleet: Fleet) -> None:
    enrolled = await fleet.enroll()
    await fleet.agents.revoke(enrolled.agent_id, "stolen")
    assert fleet.keys.over == {"crd_1"}
    assert (await fleet.estate.store.get(Asset, enrolled.asset_id)).agent_id == ""
    with pytest.raises(ForbiddenMove):
        await fleet.enroll()
    with pytest.raises(ForbiddenMove):
        await fleet.agents.revoke(enrolled.agent_id, "again")


async def test_seeing_the_same_again_is_no_change_and_is_noted_once_a_minute(fleet: Fleet) -> None:
    enrolled = await fleet.enroll()
    before, told = len(await fleet.estate.rows()), (await fleet.estate.assets())[0]
    fleet.estate.clock.advance(seconds=59)
    await fleet.report(enrolled, machine())
    assert (await fleet.estate.assets())[0] == told
    fleet.estate.clock.advance(seconds=1)
    await fleet.report(enrolled, machine())
    seen = (await fleet.estate.assets())[0]
    assert (seen["last_seen_time"], seen["version"]) == (MONDAY + timedelta(minutes=1), told["version"])
    assert seen["provenance"]["os"]["report_time"] == MONDAY + timedelta(minutes=1)
    assert len(await fleet.estate.rows()) == before


async def test_what_changed_is_told_once(fleet: Fleet) -> None:
    enrolled = await fleet.enroll()
    fleet.estate.clock.advance(minutes=5)
    told = machine()
    told.system.kernel = "6.1"
    for _ in range(2):
        await fleet.report(enrolled, told)
    assert [row["type"].rpartition(".")[2] for row in await fleet.estate.rows()] == [
        "AssetCreated",
        "AgentEnrolled",
        "AssetUpdated",
    ]


async def test_whole_sections_replace_and_partial_ones_add(fleet: Fleet) -> None:
    enrolled = await fleet.enroll()

    async def report(minute: int, sections: list[str], *names: str) -> None:
        told = pb.Inventory(sections=sections, packages=[pb.Package(name=name, version="1") for name in names])
        told.report_time.FromDatetime(MONDAY + timedelta(minutes=minute))
        await fleet.report(enrolled, told)

    async def packages() -> list[str]:
        sections = await fleet.estate.reading.inventory(enrolled.asset_id)
        return [each["name"] for each in sections["packages"]["content"]]

    fleet.estate.clock.advance(minutes=9)
    await report(1, ["packages"], "a", "b")
    await report(2, [], "c")
    assert await packages() == ["a", "b", "c"]
    await report(3, [])
    assert await packages() == ["a", "b", "c"]
    await report(2, ["packages"], "late")
    assert await packages() == ["late"]
    await report(1, ["packages"], "later still")
    assert await packages() == ["late"]
    await report(4, ["packages"])
    assert await packages() == []


async def test_an_agent_is_asked_for_everything_until_every_section_is_known(fleet: Fleet) -> None:
    enrolled = await fleet.enroll()
    assert (await fleet.report(enrolled, machine()))[1] is True
    whole = pb.Inventory(sections=["packages", "disks", "processes"], disks=[pb.Disk(device="/dev/sda", size_bytes=2**42)])
    assert (await fleet.report(enrolled, whole))[1] is False
    assert (await fleet.estate.store.get(Asset, enrolled.asset_id)).attributes["diskBytes"] == 2**42


@pytest.mark.parametrize(
    ("told", "field"),
    [
        (pb.Inventory(sections=["printers"]), "inventory.sections"),
        (pb.Inventory(disks=[pb.Disk(device=str(n)) for n in range(1_001)]), "inventory.disks"),
    ],
)
async def test_a_report_that_holds_too_much_is_refused_by_its_section(fleet: Fleet, told: pb.Inventory, field: str) -> None:
    enrolled = await fleet.enroll()
    with pytest.raises(Invalid) as refused:
        await fleet.report(enrolled, told)
    assert list(refused.value.violations) == [field]


async def test_a_clock_that_goes_wrong_says_nothing_of_the_future(fleet: Fleet) -> None:
    enrolled = await fleet.enroll()
    told = machine()
    told.report_time.FromDatetime(MONDAY + timedelta(days=400))
    told.system.kernel = "6.1"
    await fleet.report(enrolled, told)
    assert (await fleet.estate.assets())[0]["last_seen_time"] == MONDAY


async def test_a_disk_that_was_cloned_with_its_agent_is_another_machine(fleet: Fleet) -> None:
    first = await fleet.enroll()
    other = machine(serial="9ZZ9Z9", uuid="aaaaaaaa-0000-4000-8000-000000000009")
    asset_id, _ = await fleet.report(first, other)
    assert asset_id != first.asset_id
    assert (await fleet.agent(first.agent_id)).asset_id == asset_id
    back, _ = await fleet.report(first, machine())
    assert back == first.asset_id
    assert len(await fleet.estate.assets()) == 2


async def test_a_container_is_not_the_host_whose_firmware_it_sees(fleet: Fleet) -> None:
    host = await fleet.enroll()
    inside = await fleet.enroll("an installation in a container", virtualization="docker")
    assert host.asset_id != inside.asset_id
    asset = await fleet.estate.store.get(Asset, inside.asset_id)
    assert asset.class_ == "container"
    assert not {each.kind.value for each in asset.identifiers} & {"SERIAL", "UUID"}


async def test_what_a_maker_left_empty_is_not_kept(fleet: Fleet) -> None:
    enrolled = await fleet.enroll(serial="To Be Filled By O.E.M.", uuid="03000200-0400-0500-0006-000700080009")
    asset = await fleet.estate.store.get(Asset, enrolled.asset_id)
    assert not {each.kind.value for each in asset.identifiers} & {"SERIAL", "UUID"}


async def test_agents_are_listed(fleet: Fleet) -> None:
    enrolled = await fleet.enroll()
    rows, _ = await fleet.estate.reading.page("agents", Asked(filter=f'assetId = "{enrolled.asset_id}"'))
    assert [row["_id"] for row in rows] == [enrolled.agent_id]


async def test_a_repeated_request_key_keeps_no_secret(fleet: Fleet) -> None:
    with ctx.use(replace(ctx.current(), request_id="key-1", request_hash="h")):
        await fleet.enroll()
    assert await fleet.estate.store.replay("main", "key-1") is None


async def test_a_partial_section_tells_which_machine_it_is_as_well(fleet: Fleet) -> None:
    whole, partial = await fleet.enroll(), machine()
    del partial.sections[:]
    enrolled = await fleet.agents.enroll("an installation that says no sections", ABOUT, partial)
    assert enrolled.asset_id == whole.asset_id
