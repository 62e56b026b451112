"""Whatever is said of assets in whatever order, each identifier is held by one of those that say it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis import context as ctx
from chassis.errors import AlreadyExists, Busy
from chassis.testing import caller
from services.asset.domain.asset import Asset
from services.asset.domain.identity import CLAIMED, Identifier, IdentifierKind
from services.asset.domain.report import Report
from services.asset.usecases.placing import CLAIM, Placing
from tests.unit.asset.estate import MONDAY, Estate, said

_SERIALS, _UUIDS = ["7XK2Q1", "9ZZ9Z9"], ["4c4c4544-0037-5810-8032-b7c04f513031", "aaaaaaaa-0000-4000-8000-000000000009"]
_MACS, _TAGS = ["d8:9e:f3:1b:22:10", "d8:9e:f3:1b:22:11"], ["A-0042"]
_identifiers = st.fixed_dictionaries(
    {},
    optional={
        kind: st.lists(st.sampled_from(values), max_size=len(values), unique=True)
        for kind, values in (("SERIAL", _SERIALS), ("UUID", _UUIDS), ("MAC", _MACS), ("ASSET_TAG", _TAGS))
    },
)
_reports = st.tuples(st.sampled_from(["agent:agt_1", "agent:agt_2", "import:cmdb"]), _identifiers)
_edits = st.tuples(st.integers(0, 3), _identifiers)


async def again(step: Callable[[], Awaitable[object]]) -> None:
    """As an edge does; that something is another's is an answer too."""
    for _ in range(3):
        try:
            await step()
        except Busy:
            continue
        except AlreadyExists:
            pass
        return


async def run(steps: list[tuple[str | int, dict[str, list[str]]]]) -> None:
    estate = Estate()
    for minute, (who, identifiers) in enumerate(steps):
        estate.clock.advance(minutes=1)
        if isinstance(who, str):
            report = said(who, MONDAY + timedelta(minutes=minute), identifiers)
            await again(lambda report=report: estate.report(report))  # type: ignore[misc] # mypy cannot infer the default
            continue
        assets = await estate.assets()
        own = [Identifier(kind=IdentifierKind(kind), value=value) for kind, values in identifiers.items() for value in values]
        if who < len(assets):
            name = assets[who]["_id"]
            await again(lambda name=name, own=own: estate.items.update(name, {"identifiers": own}))  # type: ignore[misc] # as above
        else:
            await again(lambda own=own: estate.create(identifiers=own))  # type: ignore[misc] # as above
    await check(estate)


async def check(estate: Estate) -> None:
    keys = {asset["_id"]: set(asset["keys"]) for asset in await estate.assets()}
    claims = await estate.backend.find("claims", {"tenant": "main"})
    held = {
        row["_id"].removeprefix(f"main|{CLAIM}|"): row["holder"] for row in claims if row["_id"].startswith(f"main|{CLAIM}|")
    }
    for key, holder in held.items():
        assert key in keys[holder] or key.startswith("ASSET_TAG"), f"{holder} holds {key} and does not say it"
    said_by_all = {key for own in keys.values() for key in own if key.partition("|")[0] in CLAIMED}
    assert said_by_all <= held.keys(), "said by somebody, held by nobody"


async def test_what_its_holder_says_no_more_is_held_by_whoever_else_says_it(estate: Estate) -> None:
    mac = Identifier(kind=IdentifierKind.MAC, value=_MACS[0])
    serial = Identifier(kind=IdentifierKind.SERIAL, value=_SERIALS[1])
    first = await estate.create(identifiers=[serial, mac])
    await estate.report(said("agent:agt_1", MONDAY, {"SERIAL": [_SERIALS[0]], "MAC": [_MACS[0]]}))
    await estate.items.update(first.id, {"identifiers": [serial]})
    await check(estate)


@settings(max_examples=120, deadline=None)
@given(st.lists(_reports | _edits, max_size=9))
def test_each_identifier_is_held_by_one_that_says_it(steps: list[tuple[str | int, dict[str, list[str]]]]) -> None:
    with ctx.use(caller()):
        asyncio.run(run(steps))


class Overtaken(Placing):
    """Looks, and before it writes, another process has told of the same machine."""

    def __init__(self, estate: Estate, first: Report) -> None:
        super().__init__(estate.store)
        self._estate, self._first = estate, first
        self.made: list[str] = []

    async def _candidates(self, report: Report) -> list[Asset]:
        found = await super()._candidates(report)
        if not self.made:
            other = await self._estate.report(self._first)
            assert other is not None
            self.made.append(other.id)
        return found


async def test_who_is_overtaken_between_looking_and_writing_looks_again() -> None:
    estate = Estate()
    first, second = (said(f"agent:agt_{n}", identifiers={"SERIAL": ["7XK2Q1"]}) for n in (1, 2))
    with ctx.use(caller()):
        catalog = await estate.classes.catalog()
        placing = Overtaken(estate, first)
        with pytest.raises(Busy):
            await placing.place(second, catalog)
        _, asset = await placing.place(second, catalog)
        assert asset is not None
        assert [asset.id] == placing.made == [each["_id"] for each in await estate.assets()]


async def test_a_tag_that_nobody_wears_any_more_keeps_no_new_asset_out() -> None:
    estate = Estate()
    tagged = said("agent:agt_1", identifiers={"ASSET_TAG": ["A-0042"]})
    with ctx.use(caller()):
        former = await estate.create(identifiers=[Identifier(kind=IdentifierKind.ASSET_TAG, value="A-0042")])
        await estate.items.update(former.id, {"identifiers": []})
        asset = await estate.report(tagged)
        assert asset is not None
        assert asset.id != former.id
