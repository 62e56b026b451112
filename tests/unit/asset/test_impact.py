"""Impact equals brute force on random graphs with groups and cycles, and proves each hit."""

import itertools
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.asset.domain.graph import Graph, Item, Link, Need
from services.asset.domain.impact import AT_RISK, FAILED, Downwards, Upwards
from tests.unit.asset.impact_oracle import World, judge, upstream

NAMES = [f"ast_{letter}" for letter in "abcdefgh"]
GROUPS = ["", "power", "nodes"]
KINDS = ["RUNS_ON", "USES", "INFORMS"]
STATES = ["IN_USE"] * 5 + ["IN_REPAIR", "LOST", "PLANNED", "RETIRED"]

pairs = st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).filter(lambda pair: pair[0] != pair[1])
links = st.sets(
    st.builds(lambda pair, kind, group: (*pair, kind, group), pairs, st.sampled_from(KINDS), st.sampled_from(GROUPS)),
    max_size=24,
)
least = st.one_of(st.tuples(st.integers(1, 4), st.just(0)), st.tuples(st.just(0), st.sampled_from([1, 33, 50, 51, 100])))
worlds = st.builds(
    World,
    states=st.fixed_dictionaries({name: st.sampled_from(STATES) for name in NAMES}),
    needs=st.dictionaries(st.tuples(st.sampled_from(NAMES), st.sampled_from(GROUPS)), least, max_size=10),
    links=links,
)
roots = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)


def item(world: World, name: str) -> Item:
    needs = [Need(group, *said) for (whose, group), said in sorted(world.needs.items()) if whose == name]
    return Item(name, state=world.states[name], needs=tuple(needs))


def link(row: tuple[str, str, str, str]) -> Link:
    return Link("|".join(row), *row)


def built(world: World) -> Graph:
    graph = Graph()
    graph.put_all((item(world, name) for name in NAMES), map(link, sorted(world.links)))
    return graph


def numbers(graph: Graph, names: Iterable[str]) -> list[int]:
    return [found for name in names if (found := graph.number(name)) is not None]


def named(graph: Graph, found: Iterable[int]) -> list[str]:
    return [graph.items[number].id for number in found]


@given(worlds, roots)
def test_who_fails_and_who_is_at_risk_is_what_brute_force_says(world: World, failed: list[str]) -> None:
    graph, verdict = built(world), judge(world, failed)
    found = Downwards(graph, numbers(graph, failed)).found
    assert {graph.items[n].id: far for n, far in found.distance.items()} == verdict.failed
    assert {graph.items[n].id: risk.margin for n, risk in found.at_risk.items()} == verdict.at_risk


@given(worlds, roots)
def test_each_hit_has_a_chain_of_failed_providers_that_is_as_long_as_its_distance(world: World, failed: list[str]) -> None:
    graph, verdict = built(world), judge(world, failed)
    answer = Downwards(graph, numbers(graph, failed))
    for hit in answer.hits():
        path = named(graph, answer.path(hit.number))
        assert path[0] in failed
        assert path[-1] == graph.items[hit.number].id
        assert len(path) == hit.distance + 1
        assert set(path[:-1]) <= verdict.failed.keys()
        for provider, consumer in itertools.pairwise(path):
            assert any(row[:2] == (provider, consumer) and row[2] != "INFORMS" for row in world.links)


@given(worlds, roots, st.integers(0, 4))
def test_a_depth_hides_what_is_beyond_it_and_says_so(world: World, failed: list[str], depth: int) -> None:
    graph = built(world)
    whole, part = (Downwards(graph, numbers(graph, failed), each) for each in (None, depth))
    expected = [(hit.number, hit.state) for hit in whole.hits() if hit.distance <= depth]
    assert [(hit.number, hit.state) for hit in part.hits()] == expected
    verdict, shown = judge(world, failed), {graph.items[number].id for number, _ in expected}
    lost = set(verdict.failed)
    passing = {
        provider
        for provider, consumer, kind, group in world.links
        if kind != "INFORMS" and provider in lost & shown and world.there(provider) and consumer not in shown
        if consumer in verdict.at_risk or (consumer in lost and world.breaks(consumer, group, lost))
    }
    assert set(named(graph, (hit.number for hit in part.hits() if hit.cut))) == passing
    assert part.shown().cut == any(hit.distance > depth for hit in whole.hits())
    assert (part.shown().failed, part.shown().at_risk) == (
        sum(state == FAILED for _, state in expected),
        sum(state == AT_RISK for _, state in expected),
    )


@given(worlds, st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), max_size=2, unique=True))
def test_what_can_take_an_asset_down_is_what_trying_each_one_out_says(world: World, target: str, assumed: list[str]) -> None:
    graph = built(world)
    (number,) = numbers(graph, [target])
    answer = Upwards(graph, number, numbers(graph, assumed))
    found = {graph.items[hit.number].id: hit.state for hit in answer.hits()}
    assert found == {
        name: FAILED if target in judge(world, [name, *assumed]).failed else AT_RISK for name in upstream(world, target)
    }
    for hit in answer.hits():
        assert hit.margin is None or (hit.state == AT_RISK and hit.margin >= 0)
        path = named(graph, answer.path(hit.number))
        assert (path[0], path[-1]) == (graph.items[hit.number].id, target)
        assert all(any(row[:2] == step for row in world.links) for step in itertools.pairwise(path))
        if hit.state == FAILED and target not in judge(world, assumed).failed and assumed == []:
            assert set(path) <= judge(world, [path[0]]).failed.keys()


edits = st.lists(
    st.one_of(
        st.tuples(st.just("state"), st.sampled_from(NAMES), st.sampled_from(STATES)),
        st.tuples(st.just("need"), st.tuples(st.sampled_from(NAMES), st.sampled_from(GROUPS)), least),
        st.tuples(st.just("link"), pairs, st.tuples(st.sampled_from(KINDS), st.sampled_from(GROUPS))),
        st.tuples(st.just("unlink"), st.integers(0, 30), st.none()),
    ),
    max_size=40,
)


@given(worlds, edits, roots)
def test_a_graph_that_followed_every_change_equals_one_that_was_made_afterwards(
    world: World, changes: list[tuple[Any, Any, Any]], failed: list[str]
) -> None:
    graph = Graph()
    for row in sorted(world.links):  # links may come before the items that they name
        graph.put_link(link(row))
    assert graph.missing == {name for row in world.links for name in row[:2]}
    for name in NAMES:
        graph.put_item(item(world, name))
    assert not graph.missing
    for what, where, value in changes:
        match what:
            case "state":
                world.states[where] = value
                graph.put_item(item(world, where))
            case "need":
                world.needs[where] = value
                graph.put_item(item(world, where[0]))
            case "link":
                world.links.add((*where, *value))
                graph.put_link(link((*where, *value)))
            case _:
                for row in sorted(world.links)[where : where + 1]:
                    world.links.discard(row)
                    graph.drop_link("|".join(row))
    fresh = built(world)
    assert graph.version == fresh.version
    for one in (graph, fresh):
        found = Downwards(one, numbers(one, failed)).found
        assert {one.items[n].id: far for n, far in found.distance.items()} == judge(world, failed).failed


def test_two_members_on_one_host_are_one_fault() -> None:
    world = World(
        dict.fromkeys(["host", "vm-1", "vm-2", "farm"], "IN_USE"),
        {("farm", "nodes"): (1, 0)},
        {("host", "vm-1", "RUNS_ON", ""), ("host", "vm-2", "RUNS_ON", "")}
        | {("vm-1", "farm", "MEMBER_OF", "nodes"), ("vm-2", "farm", "MEMBER_OF", "nodes")},
    )
    graph = Graph()
    graph.put_all((item(world, name) for name in world.states), map(link, sorted(world.links)))
    one, host = numbers(graph, ["vm-1", "host"])
    assert named(graph, Downwards(graph, [one]).found.at_risk) == ["farm"]
    assert "farm" in named(graph, Downwards(graph, [host]).down)


@pytest.mark.parametrize(("state", "down"), [("IN_USE", False), ("IN_REPAIR", True), ("RETIRED", True)])
def test_a_provider_that_is_away_takes_from_what_can_be_spared_and_a_retired_one_does_not_count(state: str, down: bool) -> None:
    graph = Graph()
    graph.put_all(
        [Item("a", state="IN_USE"), Item("b", state=state), Item("farm", state="IN_USE", needs=(Need("n", count=1),))],
        [Link("1", "a", "farm", "MEMBER_OF", "n"), Link("2", "b", "farm", "MEMBER_OF", "n")],
    )
    a, b, farm = numbers(graph, ["a", "b", "farm"])
    assert (farm in Downwards(graph, [a]).down) is down
    assert list(Downwards(graph, []).down) == [], "that something is away is no fault"
    assert b not in Downwards(graph, [a]).down


def test_what_only_informs_passes_nothing_on() -> None:
    graph = Graph()
    graph.put_all([Item("a", state="IN_USE"), Item("b", state="IN_USE")], [Link("1", "a", "b", "INFORMS")])
    a, _ = numbers(graph, ["a", "b"])
    assert Downwards(graph, [a]).down == [a]


@pytest.mark.parametrize("shape", ["tree", "chain"])
def test_a_thousand_items_are_all_hit_in_order_of_distance(shape: str) -> None:
    graph = Graph()
    above = [(place - 1) // 10 if shape == "tree" else place - 1 for place in range(1, 1000)]
    graph.put_all(
        (Item(f"ast_{place:04}", state="IN_USE") for place in range(1000)),
        (Link(f"rel_{n}", f"ast_{up:04}", f"ast_{n + 1:04}", "USES") for n, up in enumerate(above)),
    )
    answer = Downwards(graph, [0])
    hits = list(answer.hits())
    assert [hit.number for hit in hits] == list(range(1000))
    assert max(len(answer.path(hit.number)) for hit in hits) == (4 if shape == "tree" else 1000)


def test_an_item_is_as_far_as_the_nearest_of_the_providers_that_it_lost() -> None:
    world = World(
        dict.fromkeys(["near", "far", "farm"], "IN_USE"),
        {("farm", "nodes"): (1, 0)},
        {("near", "far", "USES", ""), ("near", "farm", "MEMBER_OF", "nodes"), ("far", "farm", "MEMBER_OF", "nodes")},
    )
    graph = Graph()
    graph.put_all((item(world, name) for name in world.states), map(link, sorted(world.links)))
    answer = Downwards(graph, numbers(graph, ["near"]))
    assert [(graph.items[hit.number].id, hit.distance) for hit in answer.hits()] == [("near", 0), ("far", 1), ("farm", 1)]
    assert named(graph, answer.path(numbers(graph, ["farm"])[0])) == ["near", "farm"]


def test_a_host_of_all_members_can_take_a_farm_down_though_no_member_can() -> None:
    world = World(
        dict.fromkeys(["host", "vm-1", "vm-2", "farm"], "IN_USE"),
        {("farm", "nodes"): (0, 50)},
        {("host", "vm-1", "RUNS_ON", ""), ("host", "vm-2", "RUNS_ON", "")}
        | {("vm-1", "farm", "MEMBER_OF", "nodes"), ("vm-2", "farm", "MEMBER_OF", "nodes")},
    )
    graph = Graph()
    graph.put_all((item(world, name) for name in world.states), map(link, sorted(world.links)))
    answer = Upwards(graph, numbers(graph, ["farm"])[0])
    found = {graph.items[hit.number].id: (hit.state, hit.margin) for hit in answer.hits()}
    assert found == {"farm": (FAILED, None), "host": (FAILED, None), "vm-1": (AT_RISK, 0), "vm-2": (AT_RISK, 0)}
