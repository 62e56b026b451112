"""Which alerts are consequences of which, against a plain reading of the rule."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from services.monitor.domain.dependency import Fault, Minimum, Relation, Topology, causes

T0 = datetime(2026, 5, 4, 12, tzinfo=UTC)


def fault(asset: str, seconds: float = 0, *, told: bool = False) -> Fault:
    return Fault(asset, f"alerts/{asset}", T0 + timedelta(seconds=seconds), told)


def chain(*assets: str) -> list[Relation]:
    return [Relation(provider, consumer) for provider, consumer in pairwise(assets)]


def references(topology: Topology, faults: list[Fault], *asked: str) -> dict[str, str]:
    return {asset: cause.asset_id for asset, cause in causes(topology, faults, asked).items()}


def test_the_first_cause_is_named_at_any_depth() -> None:
    topology = Topology(chain("mongo", "incident", "gateway", "console"))
    faults = [fault("mongo", 5), fault("incident", 1), fault("console", 0)]
    assert references(topology, faults, "mongo", "incident", "gateway", "console") == {
        "incident": "mongo",
        "gateway": "mongo",
        "console": "mongo",
    }


def test_a_spare_provider_keeps_its_consumer_the_cause_of_its_own_alert() -> None:
    relations = [Relation(name, "web", "power") for name in ("a", "b", "c")]
    topology = Topology(relations, {("web", "power"): Minimum(count=1)})
    assert references(topology, [fault("a"), fault("b"), fault("web")], "web") == {}
    assert references(topology, [fault("a", 2), fault("b", 1), fault("c", 3), fault("web")], "web") == {"web": "b"}


def test_groups_count_each_for_itself() -> None:
    relations = [Relation("p1", "web", "power"), Relation("p2", "web", "power"), Relation("sw", "web", "network")]
    topology = Topology(relations, {("web", "power"): Minimum(percent=50)})
    assert references(topology, [fault("p1"), fault("web")], "web") == {}
    assert references(topology, [fault("sw"), fault("web")], "web") == {"web": "sw"}


def test_a_share_is_rounded_up_and_never_beyond_what_there_is() -> None:
    assert [Minimum(percent=50).of(count) for count in (1, 2, 3, 4)] == [1, 1, 2, 2]
    assert Minimum(count=5).of(3) == 3
    assert Minimum().of(3) == 3


def test_one_cause_below_two_members_is_one_failure() -> None:
    relations = [*chain("host", "m1"), *chain("host", "m2"), Relation("m1", "web", "n"), Relation("m2", "web", "n")]
    topology = Topology(relations, {("web", "n"): Minimum(count=1)})
    assert references(topology, [fault("host"), fault("web")], "web") == {"web": "host"}


def test_retired_providers_do_not_count() -> None:
    relations = [Relation("old", "web", "n"), Relation("new", "web", "n")]
    topology = Topology(relations, {("web", "n"): Minimum(count=1)}, uncounted={"old"})
    assert references(topology, [fault("new")], "web") == {"web": "new"}
    assert references(topology, [fault("old")], "web") == {}


def test_a_provider_in_repair_is_no_spare_and_no_cause() -> None:
    relations = [Relation(name, "web", "n") for name in ("a", "b")]
    topology = Topology(relations, {("web", "n"): Minimum(count=1)}, away={"a"})
    assert references(topology, [fault("b")], "web") == {"web": "b"}
    assert references(topology, [], "web") == {}


def test_a_circle_has_one_cause_the_earliest_or_what_people_were_told_of() -> None:
    topology = Topology(chain("a", "b", "c", "a"))
    assert references(topology, [fault("a", 2), fault("b", 1), fault("c", 3)], "a", "b", "c") == {"a": "b", "c": "b"}
    assert references(topology, [fault("a", 2, told=True), fault("b", 1)], "a", "b") == {"b": "a"}
    assert references(topology, [fault("a")], "a") == {}


def test_a_cause_outside_of_a_circle_explains_all_of_it() -> None:
    topology = Topology([*chain("a", "b", "a"), *chain("net", "a")])
    assert references(topology, [fault("net", 9), fault("a", 1), fault("b", 2)], "a", "b", "net") == {"a": "net", "b": "net"}


def test_a_long_chain_takes_no_recursion() -> None:
    names = [f"n{index:05}" for index in range(5_000)]
    topology = Topology(chain(*names))
    assert references(topology, [fault(names[0]), fault(names[-1])], names[-1]) == {names[-1]: names[0]}


NAMES = st.sampled_from("abcdefg")


@st.composite
def graphs(draw: st.DrawFn, *, circles: bool) -> Topology:
    edges = draw(st.lists(st.tuples(NAMES, NAMES, st.sampled_from(["", "x", "y"])), max_size=14))
    if not circles:
        edges = [(min(p, c), max(p, c), group) for p, c, group in edges]
    minimums = draw(st.dictionaries(st.tuples(NAMES, st.sampled_from(["", "x", "y"])), st.integers(1, 3), max_size=6))
    relations = [Relation(p, c, group) for p, c, group in edges if p != c]
    return Topology(
        relations,
        {key: Minimum(count=count) for key, count in minimums.items()},
        draw(st.sets(NAMES, max_size=1)),
        draw(st.sets(NAMES, max_size=1)),
    )


def fallen(topology: Topology, roots: set[str]) -> set[str]:
    """What fails when these fail, by asking everybody again until nothing changes."""
    failed = set(roots)
    while True:
        more = {asset for asset in "abcdefg" if asset not in failed and topology.failing(asset, failed)}
        if not more:
            return failed
        failed |= more


FAULTS = st.dictionaries(NAMES, st.integers(0, 5), max_size=7).map(
    lambda found: [fault(asset, seconds) for asset, seconds in found.items()]
)


@settings(max_examples=300, deadline=None)
@given(graphs(circles=False), FAULTS)
def test_without_circles_an_alert_is_a_consequence_exactly_when_others_take_its_asset_down(
    topology: Topology, faults: list[Fault]
) -> None:
    faulty = {each.asset_id for each in faults}
    found = causes(topology, faults, "abcdefg")
    for asset in "abcdefg":
        others = (faulty - {asset}) & topology.above([asset])
        assert (asset in found) == (asset in fallen(topology, others) - others), asset


@settings(max_examples=300, deadline=None)
@given(graphs(circles=True), FAULTS, st.randoms(use_true_random=False))
def test_whatever_the_graph_the_causes_explain_all_consequences_and_depend_on_no_order(
    topology: Topology, faults: list[Fault], random: object
) -> None:
    found = causes(topology, faults, "abcdefg")
    roots = {each.asset_id for each in faults} - found.keys()
    assert bool(roots) == bool(faults)
    assert found.keys() <= fallen(topology, roots)
    assert {cause.asset_id for cause in found.values()} <= roots
    shuffled = list(faults)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert causes(topology, shuffled, "gfedcba") == found


@settings(max_examples=200, deadline=None)
@given(graphs(circles=True), FAULTS)
def test_asking_for_one_asset_answers_as_asking_for_all(topology: Topology, faults: list[Fault]) -> None:
    every = causes(topology, faults, "abcdefg")
    for asset in "abcdefg":
        assert causes(topology, faults, asset).get(asset) == every.get(asset)
