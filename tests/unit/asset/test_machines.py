"""Installed systems: two agents on a machine that tells nothing of itself are on one asset, copies of an image are on two."""

import asyncio
from typing import Any

import pytest
from itsm.asset import v1 as pb

from chassis import context as ctx
from chassis.errors import Busy
from chassis.testing import caller
from services.asset.domain.identity import IdentifierKind, clean
from tests.unit.asset.test_agents import ABOUT, Fleet

SYSTEM = "9d4f5c0e-7a51-4a63-8b7d-6c1f2e3d4b5a"


def bare(
    hostname: str = "web01", mac: str = "", address: str = "", machine_id: str = SYSTEM, virtual: str = "kvm"
) -> pb.Inventory:
    """What an agent without rights, or on a machine without firmware tables, can tell."""
    told = pb.Inventory(
        sections=["hardware", "system", "interfaces"],
        hardware=pb.Hardware(cpu_count=2, virtualization=virtual),
        system=pb.System(os="Debian GNU/Linux", hostname=hostname, machine_id=SYSTEM),
    )
    if mac or address:
        told.interfaces.append(pb.Interface(name="eth0", mac=mac, addresses=[address] if address else []))
    return told


class Yard(Fleet):
    """Agents on machines of that kind."""

    async def agent_on(self, number: int, told: pb.Inventory) -> str:
        enrolled = await self.agents.enroll(f"an installation of its own {number}", ABOUT, told)
        return enrolled.asset_id

    async def asked(self) -> int:
        return len(await self.estate.backend.find("duplicates", {"tenant": "main"}))


@pytest.fixture
def yard() -> Any:
    with ctx.use(caller()):
        yield Yard()


MACS = "52:54:00:aa:00:01", "52:54:00:aa:00:02"
ADDRESSES = "10.0.0.1", "10.0.0.2"


@pytest.mark.parametrize(
    ("mac", "address"),
    [("", ""), (MACS[0], ""), ("", ADDRESSES[0]), ("02:42:ac:11:00:02", ADDRESSES[0])],
    ids=["nothing", "adapter", "address", "made-up adapter"],
)
async def test_two_agents_on_a_machine_that_tells_little_are_on_one_asset(yard: Yard, mac: str, address: str) -> None:
    first, second = [await yard.agent_on(number, bare(mac=mac, address=address)) for number in (1, 2)]
    assert first == second
    (asset,) = await yard.estate.assets()
    assert {each["value"] for each in asset["identifiers"] if each["kind"] == "MACHINE"} == {SYSTEM}


@pytest.mark.parametrize(
    "copy",
    [
        bare(mac=MACS[1], address=ADDRESSES[1]),
        bare(mac=MACS[1], address=ADDRESSES[0]),
        bare(address=ADDRESSES[1]),
        bare("web02"),
        bare("web02", mac=MACS[1]),
    ],
    ids=["adapter and address", "adapter", "address", "name", "name and adapter"],
)
async def test_a_copy_of_an_image_is_another_asset_and_nobody_is_asked(yard: Yard, copy: pb.Inventory) -> None:
    original = await yard.agent_on(1, bare(mac=MACS[0], address=ADDRESSES[0]))
    other = await yard.agent_on(2, copy)
    assert original != other
    assert await yard.asked() == 0
    # Who reports again stays what it was.
    assert await yard.agent_on(1, bare(mac=MACS[0], address=ADDRESSES[0])) == original
    assert await yard.agent_on(2, copy) == other


async def test_copies_that_report_at_once_and_two_agents_that_do_come_to_the_same(yard: Yard) -> None:
    told = [bare(mac=MACS[0]), bare(mac=MACS[0]), bare(mac=MACS[1]), bare("db01"), bare("db01")]

    async def enroll(number: int) -> str:
        for _ in range(20):
            try:
                return await yard.agent_on(number, told[number])
            except Busy:
                await asyncio.sleep(0)
        raise AssertionError("always another was first")

    one, same, copy, db, same_db = await asyncio.gather(*(enroll(number) for number in range(len(told))))
    assert (one, db) == (same, same_db)
    assert len({one, copy, db}) == 3


async def test_a_machine_is_the_same_whatever_its_name_became(yard: Yard) -> None:
    before = await yard.agent_on(1, bare("web01"))
    yard.estate.clock.advance(minutes=1)
    assert await yard.agent_on(1, bare("shop01")) == before
    assert await yard.agent_on(2, bare("shop01")) == before


async def test_many_copies_of_an_image_do_not_hide_the_one_that_is_known_by_more(yard: Yard) -> None:
    for number in range(60):
        await yard.agent_on(number, bare(mac=f"52:54:00:bb:00:{number:02x}"))
    asset = await yard.agent_on(100, bare(mac="52:54:00:cc:00:01"))
    assert await yard.agent_on(101, bare(mac="52:54:00:cc:00:01")) == asset
    assert len(await yard.estate.assets()) == 61


async def test_containers_share_the_system_of_nobody(yard: Yard) -> None:
    host = await yard.agent_on(1, bare())
    assert await yard.agent_on(2, bare(virtual="docker")) != host
    assert await yard.agent_on(3, bare(virtual="docker")) != host
    assert len(await yard.estate.assets()) == 3


async def test_another_firmware_is_another_machine_whatever_it_runs(yard: Yard) -> None:
    first, second = bare(), bare()
    first.hardware.uuid, second.hardware.uuid = "4c4c4544-0037-5810-8032-b7c04f513031", "4c4c4544-0037-5810-8032-b7c04f513099"
    assert await yard.agent_on(1, first) != await yard.agent_on(2, second)


@pytest.mark.parametrize("text", ["", "uninitialized", "0" * 32, "00000000-0000-4000-0000-000000000000", "9d4f", "x" * 32])
def test_what_is_no_system_identifies_none(text: str) -> None:
    assert clean(IdentifierKind.MACHINE, text) is None
