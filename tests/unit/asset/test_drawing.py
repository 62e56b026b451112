"""The neighborhood of an item as a drawing: nothing twice, nothing lost without a word."""

from hypothesis import given
from hypothesis import strategies as st

from services.asset.domain.drawing import Frame, draw
from services.asset.domain.graph import Graph, Item, Link
from tests.unit.asset.impact_oracle import World
from tests.unit.asset.test_impact import KINDS, NAMES, built, worlds

frames = st.builds(
    Frame,
    depth=st.integers(1, 3),
    kinds=st.frozensets(st.sampled_from(KINDS), max_size=2),
    most=st.integers(1, 12),
    fold=st.integers(2, 5),
    expand=st.frozensets(st.sampled_from(NAMES), max_size=2),
)


def fan(many: int, class_name: str = "pod") -> Graph:
    graph = Graph()
    graph.put_all(
        [Item("root", "root", "server", "IN_USE"), *(Item(f"p{n:03}", f"p{n:03}", class_name, "IN_USE") for n in range(many))],
        (Link(f"r{n:03}", "root", f"p{n:03}", "HOSTS") for n in range(many)),
    )
    return graph


@given(worlds, frames)
def test_every_neighbor_is_in_one_place_or_counted_as_hidden(world: World, frame: Frame) -> None:
    graph = built(world)
    drawing = draw(graph, 0, frame)
    placed = [number for spot in drawing.spots for number in spot.members]
    assert placed[0] == 0
    assert len(placed) == len(set(placed))
    assert len(drawing.spots) <= frame.most
    assert len({(spot.x, spot.y) for spot in drawing.spots}) == len(drawing.spots)
    for spot in drawing.spots:
        if len(spot.members) > 1:
            assert len(spot.members) > frame.fold
            continue
        name = graph.items[spot.members[0]].id
        rows = [row for row in world.links if name in row[:2] and (not frame.kinds or row[2] in frame.kinds)]
        others = {row[0] if row[1] == name else row[1] for row in rows}
        assert spot.hidden == len(others - {graph.items[number].id for number in placed})
    if not drawing.cut:
        near = [spot for spot in drawing.spots if abs(spot.layer) < frame.depth and len(spot.members) == 1]
        assert drawing.spots[0].hidden == 0
        assert near


@given(worlds, frames)
def test_a_line_is_there_for_each_relation_between_two_nodes_and_once_for_a_group(world: World, frame: Frame) -> None:
    graph = built(world)
    drawing = draw(graph, 0, frame)
    single = {graph.items[spot.members[0]].id for spot in drawing.spots if len(spot.members) == 1}
    between = {"|".join(row) for row in world.links if {*row[:2]} <= single and (not frame.kinds or row[2] in frame.kinds)}
    drawn = [line.link for line in drawing.lines if line.link]
    assert sorted(drawn) == sorted(between)
    grouped = [line for line in drawing.lines if not line.link]
    assert len(grouped) == len(set(grouped))
    assert all(max(len(drawing.spots[end].members) for end in (line.provider, line.consumer)) > 1 for line in grouped)


def test_many_alike_become_a_group_and_are_shown_when_asked_for() -> None:
    graph = fan(87)
    drawing = draw(graph, 0, Frame())
    assert [len(spot.members) for spot in drawing.spots] == [1, 87]
    assert [(line.provider, line.consumer, line.kind) for line in drawing.lines] == [(0, 1, "HOSTS")]
    whole = draw(graph, 0, Frame(expand=frozenset({"root"})))
    assert len(whole.spots) == 88
    assert not whole.cut


def test_what_does_not_fit_is_counted_where_it_is_missing() -> None:
    drawing = draw(fan(10), 0, Frame(most=4))
    assert (len(drawing.spots), drawing.cut, drawing.spots[0].hidden) == (4, True, 7)


def test_columns_stand_left_and_right_of_the_asset() -> None:
    graph = Graph()
    names = ["web", "app", "db", "disk"]
    graph.put_all(
        (Item(name, name, "server", "IN_USE") for name in names),
        [Link("1", "disk", "db", "USES"), Link("2", "db", "app", "USES"), Link("3", "app", "web", "USES")],
    )
    drawing = draw(graph, 1, Frame(depth=3))
    assert {graph.items[spot.members[0]].id: spot.layer for spot in drawing.spots} == {"app": 0, "web": 1, "db": -1, "disk": -2}
    assert {spot.layer: spot.x for spot in drawing.spots} == {0: 0, 1: 260, -1: -260, -2: -520}
