"""Assets, agents and tables on the real mongod, through gRPC."""

import asyncio
from uuid import uuid4

import pytest
from itsm.asset import v1 as pb
from itsm.type import v1 as tp

from chassis.errors import AlreadyExists, Denied, Error, Invalid, NotFound, Stale
from tests.integration.asset.conftest import Caller, Running

EXACT = 2**53 + 1


def machine(serial: str, **hardware: str) -> pb.Inventory:
    return pb.Inventory(
        sections=["hardware", "system", "interfaces"],
        hardware=pb.Hardware(vendor="Dell Inc.", serial=serial, cpu_count=8, memory_bytes=EXACT, **hardware),
        system=pb.System(os="Debian GNU/Linux", hostname="web01"),
        interfaces=[pb.Interface(name="eth0", addresses=["10.0.0.7"])],
    )


def unique(prefix: str) -> str:
    return f"{prefix}{uuid4().hex[:10]}".upper()


async def enroll(estate: Caller, serial: str, install_id: str = "") -> pb.EnrollAgentResponse:
    request = pb.EnrollAgentRequest(install_id=install_id or uuid4().hex, platform="linux", inventory=machine(serial))
    answer: pb.EnrollAgentResponse = await estate("EnrollAgent", request)
    return answer


async def key_of(estate: Caller, agent_id: str) -> str:
    agent: pb.Agent = await estate("GetAgent", pb.GetAgentRequest(id=agent_id))
    return agent.token_id


async def test_an_answer_is_what_is_read_afterwards(estate: Caller) -> None:
    attributes = {"memoryBytes": tp.Value(integer=EXACT), "tags": tp.Value(list=tp.ValueList(values=[tp.Value(text="a")]))}
    made = await estate.asset("web01", attributes=attributes, identifiers=[pb.Identifier(kind="SERIAL", value=unique("s"))])
    read = await estate("GetAsset", pb.GetAssetRequest(id=made.id))
    assert read == made
    assert read.attributes["memoryBytes"].integer == EXACT
    assert getattr(read, "class") == "server"


async def test_lists_filter_by_class_and_state(estate: Caller) -> None:
    for number in range(3):
        await estate.asset(f"web{number}", "server" if number else "storage")
    request = pb.ListAssetsRequest(filter='class = "server" AND state = IN_USE', order_by="name", page_size=1)
    first = await estate("ListAssets", request)
    request.page_token = first.next_page_token
    second = await estate("ListAssets", request)
    assert [each.name for each in (*first.assets, *second.assets)] == ["web1", "web2"]
    assert (await estate("CountAssets", pb.CountAssetsRequest(filter='class = "storage"'))).value == 1


async def test_an_asset_moves_on_with_its_history(estate: Caller) -> None:
    made = await estate.asset("web01")
    moved = await estate("MoveAsset", pb.MoveAssetRequest(id=made.id, state="IN_REPAIR", reason="fan", etag=made.etag))
    assert moved.state == pb.Asset.IN_REPAIR
    with pytest.raises(Stale):
        await estate("MoveAsset", pb.MoveAssetRequest(id=made.id, state="IN_STOCK", reason="done", etag=made.etag))
    history = await estate("ListAssetHistory", pb.ListAssetHistoryRequest(id=made.id))
    assert [entry.type.rpartition(".")[2] for entry in history.entries] == ["AssetMoved", "AssetCreated"]
    assert {change.field for change in history.entries[0].changes} == {"state"}


async def test_of_many_who_make_the_same_machine_one_does(estate: Caller) -> None:
    serial = unique("s")
    identifiers = [pb.Identifier(kind="SERIAL", value=serial)]
    replicas = [estate, estate.as_(replica=1)]
    made = [replicas[n % 2].asset(f"web{n}", identifiers=identifiers) for n in range(12)]
    answers = await asyncio.gather(*made, return_exceptions=True)
    assert len([each for each in answers if isinstance(each, pb.Asset)]) == 1
    assert all(isinstance(each, pb.Asset | AlreadyExists | Error) for each in answers)
    held = await estate("ListAssets", pb.ListAssetsRequest(filter=f'identifiers.value = "{serial}"'))
    assert len(held.assets) == 1


async def test_agents_that_enroll_at_once_share_their_machine(estate: Caller) -> None:
    serial = unique("s")
    other = estate.as_(replica=1)
    answers = await asyncio.gather(*(enroll(caller, serial) for caller in (estate, other, estate, other)))
    assert len({answer.asset_id for answer in answers}) == 1
    assert len({answer.agent_id for answer in answers}) == 4
    asset = await estate("GetAsset", pb.GetAssetRequest(id=answers[0].asset_id))
    assert asset.agent_id == min(answer.agent_id for answer in answers)
    assert asset.attributes["memoryBytes"].integer == EXACT


async def test_an_agent_reports_with_its_own_key_alone(estate: Caller, asset_service: Running) -> None:
    enrolled = await enroll(estate, unique("s"))
    report = pb.ReportInventoryRequest(
        id=enrolled.agent_id,
        inventory=pb.Inventory(sections=["packages"], packages=[pb.Package(name="openssl", version="3.0")]),
    )
    with pytest.raises(NotFound):
        await estate("ReportInventory", report)
    own = estate.as_(subject=await key_of(estate, enrolled.agent_id))
    answer = await own("ReportInventory", report)
    assert (answer.asset_id, answer.full) == (enrolled.asset_id, True)
    inventory = await estate("GetInventory", pb.GetInventoryRequest(id=enrolled.asset_id))
    assert [package.name for package in inventory.packages] == ["openssl"]
    assert set(inventory.sections) == {"hardware", "system", "interfaces", "packages"}
    assert inventory.hardware.memory_bytes == EXACT
    await estate("RevokeAgent", pb.RevokeAgentRequest(id=enrolled.agent_id, reason="stolen"))
    with pytest.raises(Denied):
        await own("ReportInventory", report)


async def test_a_repeated_report_writes_no_change(estate: Caller, asset_service: Running) -> None:
    serial = unique("s")
    enrolled = await enroll(estate, serial)
    own = estate.as_(subject=await key_of(estate, enrolled.agent_id))
    before = await estate("GetAsset", pb.GetAssetRequest(id=enrolled.asset_id))
    for _ in range(3):
        await own("ReportInventory", pb.ReportInventoryRequest(id=enrolled.agent_id, inventory=machine(serial)))
    after = await estate("GetAsset", pb.GetAssetRequest(id=enrolled.asset_id))
    assert after.etag == before.etag


async def test_a_table_is_previewed_applied_and_unchanged_the_second_time(estate: Caller) -> None:
    serial = unique("s")
    request = pb.CreateImportRequest(
        text=f"Name,Serial,RAM\nweb01,{serial},8\nShop,,\n,x,\n",
        source="cmdb",
        mapping={"Name": "name", "Serial": "identifiers.SERIAL", "RAM": "attributes.memoryBytes"},
        **{"class": "server"},
    )
    previewed = await estate("CreateImport", request)
    assert (previewed.create_count, previewed.error_count) == (2, 1)
    assert not (await estate("ListAssets", pb.ListAssetsRequest())).assets
    applied = await estate("ApplyImport", pb.ApplyImportRequest(id=previewed.id), key=f"key-{uuid4().hex}")
    assert (applied.state, applied.create_count) == (pb.Import.APPLIED, 2)
    again = await estate("CreateImport", request)
    assert (again.create_count, again.unchanged_count) == (0, 2)
    listed = await estate("ListImports", pb.ListImportsRequest())
    assert [(each.id, len(each.rows)) for each in listed.imports] == [(again.id, 0), (previewed.id, 0)]


async def test_what_no_rule_decides_waits_for_a_person(estate: Caller) -> None:
    serial = unique("s")
    for _ in range(2):
        request = pb.EnrollAgentRequest(install_id=uuid4().hex, inventory=machine(serial, uuid=str(uuid4())))
        await estate("EnrollAgent", request)
    (found,) = (await estate("ListDuplicates", pb.ListDuplicatesRequest(filter="state = OPEN"))).duplicates
    assert (found.reason, len(found.asset_ids)) == (pb.Duplicate.CONTRADICTION, 2)
    solved = await estate("ResolveDuplicate", pb.ResolveDuplicateRequest(id=found.id, resolution="two of one batch"))
    assert solved.state == pb.Duplicate.RESOLVED


async def test_a_tenant_has_classes_of_its_own(estate: Caller) -> None:
    made = pb.AssetClass(name="mainframe", title="Mainframe", parent="computer")
    made.attributes.add(name="mips", type="INTEGER")
    await estate("CreateAssetClass", pb.CreateAssetClassRequest(asset_class=made))
    asset = await estate.asset("big", "mainframe", attributes={"mips": tp.Value(text="9000")})
    assert asset.attributes["mips"].integer == 9000
    with pytest.raises(Invalid):
        await estate.as_(tenant="elsewhere").asset("big", "mainframe")
    classes = (await estate("ListAssetClasses", pb.ListAssetClassesRequest())).asset_classes
    assert {"mainframe", "server", "business_service"} <= {each.name for each in classes}


async def test_viewers_read_and_change_nothing(estate: Caller) -> None:
    made = await estate.asset("web01")
    viewer = estate.as_("viewer")
    assert (await viewer("GetAsset", pb.GetAssetRequest(id=made.id))).id == made.id
    with pytest.raises(Denied):
        await viewer("MoveAsset", pb.MoveAssetRequest(id=made.id, state="LOST", reason="gone"))
    with pytest.raises(NotFound):
        await estate.as_(tenant="elsewhere")("GetAsset", pb.GetAssetRequest(id=made.id))
