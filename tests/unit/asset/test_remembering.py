"""Sources that come and go: what is remembered of them is bounded, and the asset stays recognized."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from chassis import context as ctx
from chassis.testing import caller
from services.asset.domain.identity import Identifier, IdentifierKind
from services.asset.domain.report import MOST_SAID, SaidIdentifiers, remembered
from services.asset.domain.sources import MANUAL, REMEMBERED, Statement, heard
from tests.unit.asset.estate import MONDAY, Estate, said

UUID = {"UUID": ["4c4c4544-0037-5810-8032-b7c04f513031"]}
SERIAL = {"SERIAL": ["7XK2Q1"]}


def minute(number: int) -> timedelta:
    return timedelta(minutes=number)


def spoke(source: str, kind: IdentifierKind, value: str, number: int) -> SaidIdentifiers:
    return SaidIdentifiers(source=source, kind=kind, values=[value], report_time=MONDAY + minute(number))


def test_a_persons_word_is_never_the_one_that_goes() -> None:
    statements: list[Statement] = []
    statements = heard(statements, Statement(source=MANUAL, value="db01", report_time=MONDAY))
    for number in range(3 * REMEMBERED):
        told = Statement(source=f"agent:agt_{number}", value="localhost", report_time=MONDAY + minute(number))
        statements = heard(statements, told)
    assert len(statements) == REMEMBERED
    assert {each.value for each in statements if each.source == MANUAL} == {"db01"}
    assert f"agent:agt_{3 * REMEMBERED - 1}" in {each.source for each in statements}


async def test_a_machine_whose_agents_come_and_go_stays_one_asset_of_bounded_size() -> None:
    with ctx.use(caller()):
        estate = Estate()
        await estate.report(said("import:cmdb", MONDAY, SERIAL, "WEB-1", location="Berlin"))
        for number in range(3 * REMEMBERED):
            agent = f"agt_{number:03}"
            await estate.report(said(f"agent:{agent}", MONDAY + minute(number), SERIAL | UUID | {"AGENT": [agent]}))
        (asset,) = await estate.assets()
        assert len(asset["said_identifiers"]) <= MOST_SAID
        agents = [each["value"] for each in asset["identifiers"] if each["kind"] == "AGENT"]
        assert agents == [f"agt_{number:03}" for number in range(2 * REMEMBERED, 3 * REMEMBERED)]
        # The table comes again after all of these agents, and finds it.
        await estate.report(said("import:cmdb", MONDAY + minute(999), SERIAL, "WEB-1", location="Hamburg"))
        (asset,) = await estate.assets()
        assert asset["location"] == "Hamburg"


def test_what_only_an_old_source_says_of_what_is_its_own_is_kept_and_its_names_are_not() -> None:
    kinds = IdentifierKind
    old = [spoke("import:old", kinds.SERIAL, "S1", 0), spoke("import:old", kinds.HOSTNAME, "h1", 0)]
    told = spoke("import:older", kinds.SERIAL, "S9", -1)
    newer = [spoke(f"agent:{number}", kinds.SERIAL, "S9", number) for number in range(1, REMEMBERED + 1)]
    kept = remembered([told, *old, *newer])
    assert old[0] in kept
    assert old[1] not in kept, "a name identifies nothing"
    assert told not in kept, "others say the same"


KINDS = (IdentifierKind.SERIAL, IdentifierKind.MAC, IdentifierKind.AGENT, IdentifierKind.HOSTNAME)
SPOKEN = st.builds(
    spoke,
    st.sampled_from([MANUAL, *(f"agent:{n}" for n in range(60))]),
    st.sampled_from(KINDS),
    st.sampled_from("abcdef"),
    st.integers(0, 1_000),
)


@given(st.lists(SPOKEN, max_size=250, unique_by=lambda each: (each.source, each.kind)))
def test_what_is_remembered_is_bounded_and_keeps_what_is_the_assets_own(said: list[SaidIdentifiers]) -> None:
    kept = remembered(said)
    assert len(kept) <= MOST_SAID
    assert sorted(remembered(kept), key=str) == sorted(kept, key=str), "again changes nothing"
    own = {IdentifierKind.SERIAL, IdentifierKind.MAC}
    keys = {Identifier(kind=each.kind, value=value).key for each in said if each.kind in own for value in each.values}
    assert keys == {Identifier(kind=each.kind, value=value).key for each in kept if each.kind in own for value in each.values}
    assert all(each in kept for each in said if each.source == MANUAL)
