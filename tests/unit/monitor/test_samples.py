"""Samples from the bytes of a remote write to the answer of a query, in memory."""

import random
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis import context as ctx
from chassis.errors import Invalid, Unavailable
from chassis.testing import caller
from services.monitor.domain.samples import SPAN, STALE
from services.monitor.domain.selector import parse
from services.monitor.domain.windows import Aggregate
from services.monitor.usecases import samples
from services.monitor.usecases.catalog import SERIES
from services.monitor.usecases.folding import BUCKETS, ROLLUPS
from services.monitor.usecases.reading import Paging
from services.monitor.usecases.samples import BLOCKS
from tests.unit.monitor.measuring import NOW, Kept, Rows, at

UP = {"__name__": "up", "job": "node"}
LOAD = {"__name__": "load", "job": "node", "instance": "db-1"}


async def test_what_was_answered_can_be_asked_for_at_once() -> None:
    kept = Kept()
    written = await kept.write([(UP, [(at(0), 1.0), (at(1), 0.0)])])
    assert (written.received, written.written, written.refused) == (2, 2, {})
    assert await kept.values("up") == {"__name__=up,job=node": [1.0, 0.0]}


async def test_a_fold_changes_no_answer_and_leaves_no_block() -> None:
    kept = Kept()
    await kept.write([(UP, [(at(0), 1.0)]), (LOAD, [(at(0), 0.5)])])
    await kept.write([(UP, [(at(15), 0.0)])])
    before = await kept.values('{job="node"}')
    await kept.fold()
    assert kept.backend.collections[BLOCKS] == {}
    assert await kept.values('{job="node"}') == before
    await kept.write([(UP, [(at(30), 1.0)])])
    assert await kept.values("up") == {"__name__=up,job=node": [1.0, 0.0, 1.0]}


rows = st.lists(
    st.tuples(
        st.sampled_from([UP, LOAD, {"__name__": "up", "job": "other"}]),
        st.lists(st.tuples(st.integers(-7200, 0), st.floats(-10, 10)), min_size=1, max_size=4),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=50)
@given(rows, st.randoms(use_true_random=False))
async def test_any_order_and_repetition_of_requests_gives_the_same_series(given_rows: Rows, chance: random.Random) -> None:
    one, other = Kept(), Kept()
    moved = [(labels, [(at(seconds), value) for seconds, value in samples]) for labels, samples in given_rows]
    await one.write(moved)
    again = [*moved, *chance.sample(moved, k=len(moved) // 2)]
    chance.shuffle(again)
    for row in again:
        await other.write([row])
        if chance.random() < 0.3:
            await other.fold()
    asked = {"seconds": -7200, "until": 1}
    for aggregate in (Aggregate.LAST, Aggregate.COUNT):
        assert await one.values('{job=~".+"}', **asked, aggregate=aggregate) == await other.values(
            '{job=~".+"}', **asked, aggregate=aggregate
        )


async def test_a_round_that_was_killed_half_way_is_done_again_without_a_trace() -> None:
    kept = Kept()
    await kept.write([(UP, [(at(0), 1.0)])])
    blocks = dict(kept.backend.collections[BLOCKS])
    await kept.fold()
    kept.backend.collections[BLOCKS] = blocks
    await kept.fold()
    assert await kept.values("up", aggregate=Aggregate.COUNT) == {"__name__=up,job=node": [1.0]}


async def test_the_good_samples_of_a_partly_bad_request_are_kept() -> None:
    kept = Kept()
    written = await kept.write(
        [
            (UP, [(at(0), 1.0), (at(3600), 2.0), (at(-90_000), 3.0)]),
            ({"__name__": "x", "empty": ""}, [(at(0), 1.0)]),
            ({"job": "nameless"}, [(at(0), 1.0), (at(1), 1.0)]),
        ]
    )
    assert (written.received, written.written) == (6, 1)
    assert written.refused == {
        "of the future": 1,
        "older than a day": 1,
        "with a label without a name or a value": 1,
        "with no metric name": 2,
    }
    assert await kept.values("up") == {"__name__=up,job=node": [1.0]}


async def test_labels_have_to_be_sorted() -> None:
    written = await Kept().write([({"job": "node", "__name__": "up"}, [(at(0), 1.0)])], order=False)
    assert written.refused == {"with labels that are not sorted": 1}


async def test_an_ended_series_has_no_last_value() -> None:
    kept = Kept()
    await kept.write([(UP, [(at(0), 1.0), (at(10), STALE)])])
    assert await kept.values("up", step=60) == {}
    assert await kept.values("up", step=60, aggregate=Aggregate.MAX) == {"__name__=up,job=node": [1.0]}


async def test_series_above_the_limit_are_refused_and_known_ones_go_on() -> None:
    kept = Kept(most=2)
    await kept.write([({"__name__": "a", "n": str(n)}, [(at(0), 1.0)]) for n in range(2)])
    written = await kept.write([({"__name__": "a", "n": str(n)}, [(at(1), 2.0)]) for n in range(4)])
    assert (written.written, sum(written.refused.values())) == (2, 2)
    assert "the tenant has 2 active ones" in next(iter(written.refused))
    assert await kept.values("a", aggregate=Aggregate.LAST) == {"__name__=a,n=0": [1.0, 2.0], "__name__=a,n=1": [1.0, 2.0]}
    again = await kept.write([({"__name__": "a", "n": str(n)}, [(at(2), 3.0)]) for n in range(4)])
    assert (again.written, again.refused) == (2, written.refused)
    kept.clock.advance(days=2)  # the two are not active any more
    kept.seconds += 120
    later = await kept.write([({"__name__": "a", "n": str(n)}, [(at(2 * 86_400), 3.0)]) for n in range(2, 4)])
    assert (later.written, later.refused) == (2, {})


async def test_too_many_new_series_are_put_off_and_come_through_later() -> None:
    kept = Kept(per_minute=10)

    def some(first: int) -> Rows:
        return [({"__name__": "a", "n": str(first + n)}, [(at(0), 1.0)]) for n in range(20)]

    await kept.write(some(0))
    with pytest.raises(Unavailable) as refused:
        await kept.write(some(20))
    assert refused.value.retry_after > timedelta(seconds=60)
    await kept.write(some(0))  # what is known already is not put off
    kept.seconds += refused.value.retry_after.total_seconds()
    assert (await kept.write(some(20))).written == 20


async def test_a_series_whose_id_is_taken_by_another_is_refused_rather_than_mixed_up() -> None:
    kept = Kept()
    await kept.write([(UP, [(at(0), 1.0)])])
    (row,) = kept.backend.collections[SERIES].values()
    row["pairs"] = ["__name__=another"]
    restarted = Kept(backend=kept.backend)
    written = await restarted.write([(UP, [(at(1), 1.0)]), (LOAD, [(at(1), 1.0)])])
    assert (written.written, written.refused) == (1, {"of a series whose id is taken": 1})


async def test_tenants_are_apart() -> None:
    kept = Kept()
    await kept.write([(UP, [(at(0), 1.0)])])
    kept.tenant = "other"
    assert await kept.values("up") == {}
    await kept.write([(UP, [(at(1), 7.0)])])
    await kept.fold()
    assert await kept.values("up") == {"__name__=up,job=node": [7.0]}
    kept.tenant = "main"
    assert await kept.values("up") == {"__name__=up,job=node": [1.0]}


async def test_what_waits_of_one_tenant_refuses_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "_MOST_WAITING", 1)
    kept = Kept()
    for second in range(2):
        await kept.write([(UP, [(at(second), 1.0)])])
    kept.seconds += 6
    with pytest.raises(Unavailable, match="too many samples"):
        await kept.write([(UP, [(at(2), 1.0)])])
    kept.tenant = "other"
    assert (await kept.write([(UP, [(at(2), 1.0)])])).written == 1
    kept.tenant = "main"
    await kept.fold()
    kept.seconds += 6
    assert (await kept.write([(UP, [(at(2), 1.0)])])).written == 1


async def test_a_complete_bucket_is_rolled_up_and_packed_and_tells_the_same() -> None:
    kept = Kept()
    counter = [(at(place * 15), place * 30.0) for place in range(-960, 0)]
    for start in range(0, len(counter), 40):
        await kept.write([(UP, counter[start : start + 40])])
        await kept.fold()
    asked = {"seconds": -14_400, "until": 0, "step": 600}
    before = {each: await kept.values("up", **asked, aggregate=each) for each in Aggregate}
    kept.clock.advance(hours=3)
    await kept.folding.roll()
    assert all("roll_time" not in bucket for bucket in kept.backend.collections[BUCKETS].values())
    assert {len(bucket["chunks"]) for bucket in kept.backend.collections[BUCKETS].values()} == {1}
    assert {row["resolution"] for row in kept.backend.collections[ROLLUPS].values()} == {"5m", "1h"}
    assert {each: await kept.values("up", **asked, aggregate=each) for each in Aggregate} == before
    assert before[Aggregate.RATE] == {"__name__=up,job=node": [pytest.approx(2.0)] * 24}
    kept.backend.collections[BUCKETS].clear()  # as after a week
    assert {each: await kept.values("up", **asked, aggregate=each) for each in Aggregate} == before


async def test_a_late_sample_has_its_bucket_rolled_up_again() -> None:
    kept = Kept()
    old = -3 * SPAN / 1000
    await kept.write([(UP, [(at(old), 1.0)])])
    await kept.fold()
    kept.clock.advance(minutes=20)
    assert not await kept.folding.roll()
    asked = {"seconds": old - 600, "until": old + 600, "step": 300, "aggregate": Aggregate.MAX}
    assert await kept.values("up", **asked) == {"__name__=up,job=node": [1.0]}
    await kept.write([(UP, [(at(old + 1), 5.0)])])
    await kept.fold()
    assert await kept.values("up", **asked) == {"__name__=up,job=node": [5.0]}
    kept.clock.advance(minutes=20)
    await kept.folding.roll()
    kept.backend.collections[BUCKETS].clear()
    assert await kept.values("up", **asked) == {"__name__=up,job=node": [5.0]}


async def test_a_bucket_that_grew_while_it_was_rolled_up_is_left_for_the_next_round() -> None:
    kept = Kept()
    await kept.write([(UP, [(at(-SPAN / 1000), 1.0)])])
    await kept.fold()
    kept.clock.advance(hours=3)
    (bucket,) = kept.backend.collections[BUCKETS].values()
    find = kept.backend.find

    async def found_before_it_grew(*args: object, **more: object) -> object:
        found = await find(*args, **more)
        bucket["pushes"] += 1
        return found

    kept.backend.find = found_before_it_grew  # type: ignore[method-assign]
    await kept.folding.roll()
    assert "roll_time" in bucket


async def test_a_bucket_that_cannot_be_read_does_not_hold_up_others() -> None:
    kept = Kept()
    await kept.write([(UP, [(at(-SPAN / 1000), 1.0)]), (LOAD, [(at(-SPAN / 1000), 1.0)])])
    await kept.fold()
    kept.clock.advance(hours=3)
    damaged, good = kept.backend.collections[BUCKETS].values()
    damaged["chunks"] = [b"\x09 of a newer release"]
    await kept.folding.roll()
    assert "roll_time" not in good
    assert damaged["roll_time"] == kept.clock.now + timedelta(hours=1)
    assert damaged["chunks"] == [b"\x09 of a newer release"]


async def test_samples_that_the_database_refuses_hold_up_no_others(caplog: pytest.LogCaptureFixture) -> None:
    kept = Kept()
    await kept.write([(UP, [(at(0), 1.0)]), (LOAD, [(at(0), 2.0)])])
    (up,) = (row["_id"] for row in kept.backend.collections[SERIES].values() if row["name"] == "up")
    write = kept.backend.write

    async def refusing(writes: Sequence[Any]) -> None:
        if any(up in str(each.query.get("_id")) and each.collection == BUCKETS for each in writes):
            raise RuntimeError("the document is too large")
        await write(writes)

    kept.backend.write = refusing
    await kept.fold()
    assert kept.backend.collections[BLOCKS] == {}
    assert await kept.values("load") == {"__name__=load,instance=db-1,job=node": [2.0]}
    assert [record.message for record in caplog.records] == ["Samples cannot be kept."]


class Inventory:
    """Assets by the name of their host."""

    def __init__(self) -> None:
        self.hosts: dict[str, str] = {}

    async def of(self, hints: Sequence[Mapping[str, str]]) -> list[str]:
        return [self.hosts.get(hint.get("instance", ""), "") for hint in hints]


async def test_a_series_finds_its_asset_at_once_or_when_that_becomes_known() -> None:
    inventory = Inventory()
    kept = Kept(assets=inventory)

    async def known() -> dict[str, str]:
        await kept.folding.match()
        return {row["pairs"][1]: row["asset_id"] for row in kept.backend.collections[SERIES].values()}

    inventory.hosts["a"] = "ast_a"
    await kept.write([({"__name__": "up", "instance": name}, [(at(0), 1.0)]) for name in ("a", "b", "c")])
    assert await known() == {"instance=a": "ast_a", "instance=b": "", "instance=c": ""}
    inventory.hosts["c"] = "ast_c"
    assert await known() == {"instance=a": "ast_a", "instance=b": "", "instance=c": "ast_c"}


async def test_all_series_without_an_asset_have_their_turn() -> None:
    inventory = Inventory()
    kept = Kept(assets=inventory, most=20_000, per_minute=20_000)
    await kept.write([({"__name__": "up", "instance": str(name)}, [(at(0), 1.0)]) for name in range(1_200)])
    inventory.hosts = {str(name): f"ast_{name}" for name in range(1_200)}
    await kept.folding.match()
    assert all(row["asset_id"] for row in kept.backend.collections[SERIES].values())


@pytest.mark.parametrize(
    ("match", "names"),
    [
        ("up", {"a", "b"}),
        ('up{job="a"}', {"a"}),
        ('{__name__="up",job!="a"}', {"b"}),
        ('{job=~"a|c"}', {"a", "c"}),
        ('{job=~".+", extra=""}', {"a", "b"}),
        ('{job=~".+", extra!=""}', {"c"}),
        ('{job!~"a|b", __name__=~"up|down"}', {"c"}),
        ('{job=~".+", extra=~"|yes"}', {"a", "b", "c"}),
        ('{"down"}', {"c"}),
        ('{job="nobody"}', set()),
    ],
)
async def test_selectors_are_those_of_prometheus(match: str, names: set[str]) -> None:
    kept = Kept()
    await kept.write(
        [
            ({"__name__": "up", "job": "a"}, [(at(0), 1.0)]),
            ({"__name__": "up", "job": "b"}, [(at(0), 1.0)]),
            ({"__name__": "down", "job": "c", "extra": "yes"}, [(at(0), 1.0)]),
        ]
    )
    found = await kept.values(match)
    assert {part.partition("job=")[2] for part in found} == names
    with ctx.use(caller()):
        windows = await kept.reading.window(parse(match), NOW, NOW + timedelta(seconds=1), limit=10)
        page, _ = await kept.reading.page("", "", match, Paging())
    assert {each.labels["job"] for each in windows.found} == names
    assert len(page) == len(names)


async def test_a_window_tells_where_it_ends_when_there_are_more_series() -> None:
    kept = Kept()
    await kept.write([({"__name__": "up", "n": str(n)}, [(at(0), 1.0)]) for n in range(3)])
    ids = sorted(kept.backend.collections[SERIES])
    with ctx.use(caller()):
        for limit, last in ((2, ids[1]), (3, ""), (4, "")):
            windows = await kept.reading.window(parse("up"), NOW, NOW + timedelta(seconds=1), limit=limit)
            assert ([each.series_id for each in windows.found], windows.last) == (ids[:limit], last)


@pytest.mark.parametrize(
    "match", ["", "{}", '{job!="x"}', "up{", 'up{job="a" b="c"}', "up{job}", '{a=~"(x+x+)+y"}', "up up", '{a="\\q"}']
)
def test_a_selector_that_means_nothing_or_too_much_is_refused(match: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(match)
    assert "match" in refused.value.violations


@pytest.mark.parametrize(
    ("field", "asked"),
    [
        ("from", {"seconds": 10, "until": 10}),
        ("step", {"step": 0.5}),
        ("step", {"seconds": -100 * 365 * 86400, "step": 1}),
        ("step", {"seconds": -9000, "until": 2000, "step": 1}),
    ],
)
async def test_a_question_that_costs_too_much_is_refused(field: str, asked: dict[str, float]) -> None:
    kept = Kept()
    await kept.write([({"__name__": "up", "n": str(n)}, [(at(0), 1.0)]) for n in range(20)])
    with pytest.raises(Invalid) as refused:
        await kept.values("up", **asked)
    assert field in refused.value.violations
