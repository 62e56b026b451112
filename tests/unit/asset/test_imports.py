"""Tables of assets: looked at before anything changes, then taken over as often as one likes."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import ForbiddenMove, Invalid, Stale
from services.asset.domain.asset import Asset, Money
from services.asset.domain.catalog import BUILT_IN
from services.asset.domain.classes import Catalog
from services.asset.domain.importing import Import
from services.asset.domain.lifecycle import State
from services.asset.domain.table import Layout, rows
from services.asset.usecases.imports import Imports
from services.asset.usecases.reading import Asked
from tests.unit.asset.estate import KEY, MONDAY, Estate, kept, said

CATALOG = Catalog(BUILT_IN)
MAPPING = {
    "Name": "name",
    "Type": "class",
    "Serial": "identifiers.SERIAL",
    "RAM": "attributes.memoryBytes",
    "Site": "location",
    "Status": "state",
    "Price": "cost.amount",
    "Currency": "cost.currency",
}
LAYOUT = Layout(source="cmdb", mapping=MAPPING, class_="server")
TEXT = """Name,Type,Serial,RAM,Site,Status,Price,Currency
web01,,7XK2Q1,8589934592,"Berlin, Hall 2",in stock,1804.46,EUR
web02,storage,9ZZ9Z9,,Bonn,,,
Shop,business_service,,,,,,
"""


def bring(estate: Estate) -> Imports:
    return Imports(estate.store, estate.classes, estate.placing, kept.listings(KEY, estate.clock)["imports"])


def outcomes(found: Import) -> list[str]:
    return [row.outcome.value for row in found.rows]


async def test_a_preview_says_what_each_row_would_do_and_does_nothing(estate: Estate) -> None:
    await estate.report(said("agent:agt_1", MONDAY - timedelta(days=1), {"SERIAL": ["7XK2Q1"]}, memoryBytes=8))
    before = await estate.assets()
    found = await bring(estate).preview(TEXT, LAYOUT)
    assert outcomes(found) == ["UPDATE", "CREATE", "CREATE"]
    assert [row.line for row in found.rows] == [2, 3, 4]
    assert found.rows[0].asset_id == before[0]["_id"]
    assert await estate.assets() == before


async def test_applied_rows_are_assets_with_the_table_as_their_source(estate: Estate) -> None:
    imports = bring(estate)
    found = await imports.apply((await imports.preview(TEXT, LAYOUT)).id)
    assert (found.state, found.create_count, outcomes(found)) == ("APPLIED", 3, ["CREATE"] * 3)
    web, storage, shop = [await estate.store.get(Asset, row.asset_id) for row in found.rows]
    assert (web.state, web.location, web.cost) == (State.IN_STOCK, "Berlin, Hall 2", Money(amount="1804.46", currency="EUR"))
    assert web.attributes == {"memoryBytes": 8589934592}
    assert web.provenance["memoryBytes"].source == "import:cmdb"
    assert (storage.class_, shop.class_) == ("storage", "business_service")


async def test_the_same_table_again_changes_nothing(estate: Estate) -> None:
    imports = bring(estate)
    await imports.apply((await imports.preview(TEXT, LAYOUT)).id)
    count, before = len(await estate.rows()), await estate.assets()
    estate.clock.advance(seconds=10)
    again = await imports.preview(TEXT, LAYOUT)
    assert outcomes(again) == ["UNCHANGED"] * 3
    assert outcomes(await imports.apply(again.id)) == ["UNCHANGED"] * 3
    assert await estate.assets() == before
    assert [row["type"].rpartition(".")[2] for row in (await estate.rows())[count:]] == ["ImportPreviewed", "ImportApplied"]


async def test_an_import_is_applied_once_and_answered_as_it_is_afterwards(estate: Estate) -> None:
    imports = bring(estate)
    previewed = await imports.preview(TEXT, LAYOUT)
    with pytest.raises(Stale):
        await imports.apply(previewed.id, etag="7")
    applied = await imports.apply(previewed.id)
    assert await imports.apply(previewed.id) == applied
    assert estate.backend.collections["import_texts"] == {}  # type: ignore[attr-defined] # as memory keeps it


async def test_a_text_that_waited_too_long_is_brought_again(estate: Estate) -> None:
    imports = bring(estate)
    previewed = await imports.preview(TEXT, LAYOUT)
    estate.backend.collections["import_texts"].clear()  # type: ignore[attr-defined] # as the index that expires them does
    with pytest.raises(ForbiddenMove, match="again"):
        await imports.apply(previewed.id)


async def test_a_row_that_fits_several_is_a_conflict_that_changes_none(estate: Estate) -> None:
    serial = {"SERIAL": ["7XK2Q1"]}
    for number, uuid in enumerate(("4c4c4544-0037-5810-8032-b7c04f513031", "aaaaaaaa-0000-4000-8000-000000000009")):
        await estate.report(said(f"agent:agt_{number}", MONDAY, serial | {"UUID": [uuid]}, class_="server"))
    before = await estate.assets()
    imports = bring(estate)
    found = await imports.apply((await imports.preview("Name,Serial\nweb01,7XK2Q1\n", _short())).id)
    assert (outcomes(found), found.conflict_count) == (["CONFLICT"], 1)
    assert await estate.assets() == before


def _short(**more: Any) -> Layout:
    return Layout(source="cmdb", mapping={"Name": "name", "Serial": "identifiers.SERIAL"}, class_="server", **more)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("web01,,7XK2Q1,much,,,,", "attributes.memoryBytes: should be a whole number"),
        ("web01,spaceship,,,,,,", "class: there is no class spaceship"),
        (",,7XK2Q1,,,,,", "name: is empty"),
        ("web01,,,,,sold,,", "state: should be one of"),
        ("web01,,,,,,12.5.3,EUR", "cost: needs an amount"),
        ("web01,,,,,,12,", "cost: needs an amount"),
        ("web01,,,", "has 4 cells, the header 8"),
        (f"{'x' * 301},,,,,,,", "name: may have 300"),
    ],
)
def test_a_row_that_is_wrong_says_why(row: str, reason: str) -> None:
    header = TEXT.partition("\n")[0]
    (found,) = rows(f"{header}\n{row}\n", LAYOUT, CATALOG, MONDAY)
    assert found.report is None
    assert reason in found.wrong


async def test_a_wrong_row_leaves_the_others_alone(estate: Estate) -> None:
    imports = bring(estate)
    found = await imports.apply((await imports.preview("Name,Serial\n,1AB\nweb01,7XK2Q1\n", _short())).id)
    assert outcomes(found) == ["ERROR", "CREATE"]


def test_a_table_that_says_one_asset_twice_says_it_once() -> None:
    first, second = rows("Name,Serial\nweb01,7XK2Q1\nweb02, 7xk2q1\n", _short(), CATALOG, MONDAY)
    assert first.report is not None
    assert (second.line, second.report, second.wrong) == (3, None, "says the same asset as line 2")


def test_a_value_that_identifies_nothing_is_left_out_and_noted() -> None:
    (found,) = rows("Name,Serial\nweb01,To be filled by O.E.M.\n", _short(), CATALOG, MONDAY)
    assert found.report is not None
    assert found.report.identifiers == {}
    assert "SERIAL" in found.note


def test_lines_are_counted_as_in_the_text() -> None:
    text = '\N{ZERO WIDTH NO-BREAK SPACE}Name;Serial\r\n\r\n"web\r\n01";A1B\r\nweb02;C3D\r\n'
    found = rows(text, _short(delimiter=";"), CATALOG, MONDAY)
    assert [(row.line, row.name) for row in found] == [(3, "web\r\n01"), (5, "web02")]


@pytest.mark.parametrize(
    ("layout", "field"),
    [
        (Layout(source="CMDB", mapping={"Name": "name"}, class_="server"), "source"),
        (Layout(source="cmdb", mapping={"Name": "name"}, class_="spaceship"), "class"),
        (Layout(source="cmdb", mapping={"Name": "name"}), "class"),
        (Layout(source="cmdb", mapping={"Serial": "identifiers.SERIAL"}, class_="server"), "mapping"),
        (Layout(source="cmdb", mapping={"Name": "name", "Serial": "id"}, class_="server"), "mapping.Serial"),
        (Layout(source="cmdb", mapping={"Name": "name", "Serial": "identifiers.AGENT"}, class_="server"), "mapping.Serial"),
        (Layout(source="cmdb", mapping={"Name": "name", "Weight": "location"}, class_="server"), "mapping.Weight"),
        (Layout(source="cmdb", mapping={"Name": "name"}, class_="server", delimiter="x"), "delimiter"),
    ],
)
def test_a_layout_that_makes_no_sense_is_refused_by_field(layout: Layout, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        rows("Name,Serial\nweb01,A1B\n", layout, CATALOG, MONDAY)
    assert list(refused.value.violations) == [field]


@pytest.mark.parametrize(
    "text", ["Name,Serial\n" + "a,b\n" * 1_001, 'Name,Serial\n"a"b,c\n', "Name,Serial\n" + "x" * (1 << 20)]
)
def test_a_text_that_is_no_table_or_too_long_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        rows(text, _short(), CATALOG, MONDAY)
    assert list(refused.value.violations) == ["text"]


@given(st.text(max_size=200))
def test_any_text_is_a_table_or_is_refused(text: str) -> None:
    try:
        found: Sequence[object] = rows(text, _short(), CATALOG, MONDAY)
    except Invalid as refused:
        assert refused.violations
    else:
        assert all(found)


async def test_lists_leave_the_rows_out(estate: Estate) -> None:
    imports = bring(estate)
    made = await imports.preview(TEXT, LAYOUT)
    (listed,), _ = await imports.page(Asked())
    assert (listed["_id"], listed["create_count"]) == (made.id, 3)
    assert "rows" not in listed
