"""Incidents that are one trouble, that are two, and that stand below each other, in memory."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from itsm.monitor import v1 as monitor

from chassis import context as ctx
from chassis.errors import AlreadyExists, ForbiddenMove, Invalid, NotFound
from chassis.store import CHANGES
from chassis.testing import caller
from services.incident.domain.alarm import Alarm, Severity
from services.incident.domain.clock import ClockKind, ClockState
from services.incident.domain.incident import Incident
from services.incident.domain.link import Link, LinkKind
from services.incident.domain.note import Note
from services.incident.domain.states import HoldReason, State
from services.incident.usecases.families import FAMILY_WORK, STEP
from services.incident.usecases.reading import Asked
from tests.unit.incident.desk import MONDAY, Desk

assert monitor


@pytest.fixture
def desk() -> Any:
    with ctx.use(caller(subject="alice")):
        yield Desk()


async def opened(desk: Desk, title: str = "no mail", **fields: Any) -> Incident:
    return await desk.incidents.open({"title": title, **fields})


async def again(desk: Desk, incident: Incident) -> Incident:
    return await desk.store.get(Incident, incident.id)


async def below(desk: Desk, parent: Incident, count: int) -> list[Incident]:
    link = Link(kind=LinkKind.PARENT, target=f"incidents/{parent.id}")
    children = [await opened(desk, f"child {place}", requester_id=f"person {place}") for place in range(count)]
    return [await desk.incidents.link(child.id, link) for child in children]


async def said(desk: Desk, incident: Incident) -> list[tuple[str, bool, str]]:
    rows, _ = await desk.reading.notes(Incident, incident.id, Asked())
    return sorted((row["text"], row["public"], row["author_id"]) for row in rows)


def clock_of(incident: Incident, kind: ClockKind = ClockKind.RESOLVE) -> Any:
    return next(clock for clock in incident.clocks if clock.kind is kind and clock.state is not ClockState.CANCELLED)


async def test_the_survivor_keeps_the_earliest_start_of_each_clock_and_its_own_pauses(desk: Desk) -> None:
    first = await opened(desk)
    desk.clock.advance(hours=2)
    second = await opened(desk)
    await desk.incidents.assign(first.id, "team", "bob")
    await desk.incidents.hold(first.id, HoldReason.CALLER, "which mailbox?")
    due = clock_of(second).due_time
    desk.clock.advance(hours=1)
    survivor = await desk.joining.merge(first.id, second.number)
    clock = clock_of(survivor)
    assert (clock.start_time, clock.due_time) == (MONDAY, due - timedelta(hours=2))
    assert not any(entry.reasons for entry in clock.ledger), "the pauses of the other are not its own"
    ended = await again(desk, first)
    assert ended.state is State.CANCELLED
    assert not any(each.is_open for each in ended.clocks)
    assert clock_of(survivor, ClockKind.RESPONSE).start_time == MONDAY + timedelta(hours=2), "the other's was decided"


async def test_who_looks_for_what_was_merged_finds_what_answers_for_it_as_far_as_he_may(desk: Desk) -> None:
    hers = await opened(desk, requester_id="carol")
    other, third = await opened(desk, requester_id="dave"), await opened(desk)
    await desk.joining.merge(hers.id, other.id)
    await desk.joining.merge(other.id, third.id)
    assert (await desk.incidents.shown(hers.number))["_id"] == third.id
    assert (await desk.incidents.shown(hers.id, as_is=True))["merged_into_id"] == other.id
    assert (await again(desk, third)).merged_ids == [other.id, hers.id]
    await desk.incidents.note(hers.id, "we work on it", True)
    await desk.pass_on()
    with ctx.use(replace(caller(subject="carol"), scope={"requester_id": "carol"})):
        assert (await desk.incidents.shown(hers.id))["_id"] == hers.id
        with pytest.raises(NotFound):
            await desk.incidents.shown(third.id)
        assert await said(desk, hers) == [("we work on it", True, "alice")]
        await desk.incidents.note(hers.id, "still broken", False)
    await desk.pass_on()
    assert ("still broken", False, "carol") in await said(desk, other)


async def test_what_was_said_of_the_merged_one_is_read_with_the_other_and_by_nobody_new(desk: Desk) -> None:
    hers, other = await opened(desk, requester_id="carol"), await opened(desk, requester_id="dave")
    for place in range(STEP + 3):
        await desk.incidents.note(hers.id, f"public {place}", True)
    await desk.joining.merge(hers.id, other.id)
    await desk.pass_on()
    rows = await desk.store.find("notes", {"about": f"incidents/{other.id}"})
    assert len(rows) == STEP + 3
    assert not any(row["public"] for row in rows)


async def test_children_of_the_merged_one_go_with_it(desk: Desk) -> None:
    first, second = await opened(desk), await opened(desk)
    children = await below(desk, first, STEP + 1)
    await desk.incidents.link(second.id, Link(kind=LinkKind.PARENT, target=f"incidents/{first.id}"))
    await desk.joining.merge(first.id, second.id)
    await desk.pass_on()
    assert {tuple((await again(desk, child)).parent_ids) for child in children} == {(second.id,)}
    assert (await again(desk, second)).parent_ids == []
    assert await desk.joining.children(second.id, most=1_000) == (STEP + 1, STEP + 1, 0)


async def test_a_merger_taken_back_leaves_both_as_they_were_but_for_the_start_of_a_clock(desk: Desk) -> None:
    kept = await opened(desk, asset_ids=["a", "b"])
    desk.clock.advance(hours=1)
    other = await opened(desk, asset_ids=["b", "c"], dedup_key="k")
    await desk.incidents.assign(other.id, "team", "bob")
    held = await desk.incidents.hold(other.id, HoldReason.VENDOR, "")
    desk.clock.advance(hours=1)
    assert (await desk.joining.merge(other.id, kept.id)).asset_ids == ["a", "b", "c"]
    with pytest.raises(AlreadyExists, match=kept.id):
        await opened(desk, dedup_key="k")
    desk.clock.advance(hours=1)
    back = await desk.joining.unmerge(other.id, "it is another printer")
    assert (back.state, back.hold_reason, back.clocks, back.merged_into_id) == (
        State.ON_HOLD,
        HoldReason.VENDOR,
        held.clocks,
        "",
    )
    survivor = await again(desk, kept)
    assert (survivor.asset_ids, survivor.merged_ids, survivor.merged_keys) == (["a", "b"], [], [])
    with pytest.raises(AlreadyExists, match=other.id):
        await opened(desk, dedup_key="k")
    with pytest.raises(ForbiddenMove, match="not merged"):
        await desk.joining.unmerge(other.id, "again")


async def test_only_open_incidents_are_merged_and_none_into_itself(desk: Desk) -> None:
    one, other = await opened(desk), await opened(desk)
    with pytest.raises(Invalid, match="itself"):
        await desk.joining.merge(one.id, one.number)
    with pytest.raises(Invalid, match="no such"):
        await desk.joining.merge(one.id, "INC0999999")
    await desk.incidents.resolve(other.id, "fixed", "done")
    for pair in ((one, other), (other, one)):
        with pytest.raises(ForbiddenMove, match="not open"):
            await desk.joining.merge(pair[0].id, pair[1].id)
    major = await desk.majors.propose({"incident_id": one.id})
    third = await opened(desk)
    with pytest.raises(ForbiddenMove, match="major"):
        await desk.joining.merge(one.id, third.id)
    await desk.majors.decline(major.id, "small")
    assert (await desk.joining.merge(one.id, third.id)).id == third.id
    assert (await desk.joining.merge(one.id, third.id)).version == (await again(desk, third)).version


def alarm(key: str, alert: str) -> Alarm:
    return Alarm(
        id=alert,
        key=key,
        title=key,
        description="",
        severity=Severity.CRITICAL,
        asset_id="",
        team_id="",
        start_time=MONDAY,
    )


async def test_alerts_of_the_merged_one_are_those_of_the_other_until_the_last_clears(desk: Desk) -> None:
    await desk.alerts.raised(alarm("k1", "alt_1"))
    await desk.alerts.raised(alarm("k2", "alt_2"))
    first, second = [Incident.__name__ and await desk.store.get(Incident, f"INC000000{n}") for n in (1, 2)]
    await desk.joining.merge(first.id, second.id)
    await desk.alerts.raised(alarm("k1", "alt_3"))
    assert (await again(desk, second)).firing_alert_count == 3
    await desk.alerts.cleared("alt_1")
    await desk.alerts.cleared("alt_2")
    assert (await again(desk, second)).state.is_open
    await desk.alerts.cleared("alt_3")
    assert (await again(desk, second)).state is State.RESOLVED
    await desk.alerts.raised(alarm("k1", "alt_4"))
    assert (await again(desk, second)).reopen_count == 1, "within the grace period it is the same trouble"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["merge", "unmerge", "resolve", "reopen"]), st.integers(0, 4), st.integers(0, 4))))
async def test_no_order_of_mergers_makes_a_circle_or_loses_one(steps: list[tuple[str, int, int]]) -> None:
    with ctx.use(caller()):
        desk = Desk()
        ids = [(await desk.incidents.open({"title": "t", "dedup_key": f"k{n}"})).id for n in range(5)]
        for verb, one, other in steps:
            desk.clock.advance(minutes=1)
            try:
                match verb:
                    case "merge":
                        await desk.joining.merge(ids[one], ids[other])
                    case "unmerge":
                        await desk.joining.unmerge(ids[one], "no")
                    case "resolve":
                        await desk.incidents.resolve(ids[one], "fixed", "done")
                    case _:
                        await desk.incidents.reopen(ids[one], "no")
            except (ForbiddenMove, Invalid, AlreadyExists):
                continue
        found = {each: await desk.store.get(Incident, each) for each in ids}
        for each in found.values():
            assert bool(each.merged_into_id) == (each.before_merge is not None)
            assert not each.merged_into_id or each.state is State.CANCELLED
            last = await desk.incidents.shown(each.id)
            assert not last["merged_into_id"]
            if last["_id"] != each.id:
                assert each.id in found[last["_id"]].merged_ids
            if each.state.is_open:
                keys = [each.dedup_key, *each.merged_keys]
                async with desk.store.transaction() as tx:
                    assert await tx.holder("open-incident", each.dedup_key) == each.id
                assert sorted(keys) == sorted({each.dedup_key, *(found[m].dedup_key for m in each.merged_ids)})


async def test_a_part_goes_on_as_an_incident_of_its_own_with_the_notes_that_are_chosen(desk: Desk) -> None:
    whole = await opened(desk, description="both", asset_ids=["a"], requester_id="carol", category="mail")
    note = await desk.incidents.note(whole.id, "the phone too", True)
    await desk.incidents.note(whole.id, "only mail", True)
    desk.clock.advance(hours=3)
    part = await desk.joining.split(whole.id, {"title": "no phone", "asset_ids": ["p"]}, [note.id])
    assert (part.requester_id, part.category, part.asset_ids) == ("carol", "mail", ["p"])
    assert clock_of(part).start_time == MONDAY + timedelta(hours=3)
    assert part.links == [Link(kind=LinkKind.SPLIT_FROM, target=f"incidents/{whole.id}")]
    assert (await again(desk, whole)).links == [Link(kind=LinkKind.RELATED, target=f"incidents/{part.id}")]
    assert await said(desk, part) == [("the phone too", True, "alice")]
    stranger = await desk.joining.split(whole.id, {"title": "hers", "requester_id": "dave"}, [note.id])
    assert await said(desk, stranger) == [("the phone too", False, "alice")]
    with pytest.raises(Invalid, match="no such note"):
        await desk.joining.split(part.id, {"title": "x"}, [note.id])
    rows = [row for row in desk.backend.collections[CHANGES].values() if row["type"].endswith("NoteImported")]
    assert len(rows) == 2, "a copy tells nobody anew"


async def test_thousands_of_children_are_resolved_in_steps_each_once_whoever_dies_meanwhile(desk: Desk) -> None:
    parent = await opened(desk)
    children = await below(desk, parent, 2 * STEP + 5)
    grandchild = (await below(desk, children[0], 1))[0]
    done = await desk.incidents.resolve(children[1].id, "fixed", "before")
    await desk.incidents.resolve(parent.id, "fixed", "a new disk", resolve_children=True)
    (row,) = await desk.backend.find(FAMILY_WORK, {})
    await desk.stepper._once(ctx.current().tenant, row["_id"])  # and dies
    assert await desk.joining.children(parent.id, most=1_000) == (2 * STEP + 5, STEP + 4, 1)
    await desk.pass_on()
    found = [await again(desk, child) for child in [*children, grandchild]]
    assert {each.state for each in found} == {State.RESOLVED}
    assert {each.resolution for each in found} == {"a new disk", "before"}
    assert (await again(desk, done)).version == done.version
    told = [row for row in desk.backend.collections[CHANGES].values() if row["type"].endswith("IncidentResolved")]
    assert len(told) == len({row["subject"] for row in told}) == len(found) + 1
    assert {row.get("act") for row in told if row["actor"]["id"] == "itsm-incident"} == {"alice"}


async def test_a_parent_that_is_blocked_waits_for_its_children(desk: Desk) -> None:
    parent = await opened(desk, blocked_by_children=True)
    (child,) = await below(desk, parent, 1)
    with pytest.raises(ForbiddenMove, match="a child of it is open"):
        await desk.incidents.resolve(parent.id, "fixed", "done")
    await desk.incidents.resolve(child.id, "fixed", "done")
    await desk.incidents.resolve(parent.id, "fixed", "done")
    await desk.incidents.reopen(child.id, "no")
    with pytest.raises(ForbiddenMove, match="a child of it is open"):
        await desk.incidents.close(parent.id)


async def test_a_parent_ends_with_its_last_child_where_it_is_set_to(desk: Desk) -> None:
    parent, other = await opened(desk, ends_with_children=True), await opened(desk)
    first, second = await below(desk, parent, 2)
    await desk.incidents.resolve(first.id, "fixed", "done")
    await desk.pass_on()
    assert (await again(desk, parent)).state.is_open
    await desk.incidents.cancel(second.id, "a false alarm")
    await desk.pass_on()
    assert (await again(desk, parent)).resolution_code == "children-done"
    (child,) = await below(desk, other, 1)
    await desk.incidents.resolve(child.id, "fixed", "done")
    await desk.pass_on()
    assert (await again(desk, other)).state.is_open
    await desk.incidents.update(other.id, {"ends_with_children": True})
    await desk.pass_on()
    assert (await again(desk, other)).state is State.RESOLVED


async def test_public_words_reach_the_open_children_where_that_is_wished(desk: Desk) -> None:
    parent = await opened(desk)
    open_one, closed = await below(desk, parent, 2)
    await desk.incidents.resolve(closed.id, "fixed", "done")
    await desk.incidents.close(closed.id)
    await desk.incidents.note(parent.id, "here only", True)
    await desk.incidents.note(parent.id, "a secret", False, to_children=True)
    await desk.incidents.note(parent.id, "at noon", True, to_children=True)
    await desk.pass_on()
    assert await said(desk, open_one) == [("at noon", True, "alice")]
    assert await said(desk, closed) == []
    assert all(
        isinstance(note, Note)
        for note in [await desk.store.get(Note, row["_id"]) for row in await desk.store.find("notes", {})]
    )


async def test_no_incident_stands_above_itself_whichever_of_its_parents_leads_there(desk: Desk) -> None:
    first, second, third = [await opened(desk, title) for title in "abc"]
    for parent in (second, third):
        await desk.incidents.link(first.id, Link(kind=LinkKind.PARENT, target=f"incidents/{parent.id}"))
    with pytest.raises(ForbiddenMove, match="parent of itself"):
        await desk.incidents.link(third.id, Link(kind=LinkKind.PARENT, target=f"incidents/{first.id}"))


async def test_children_that_stand_above_what_theirs_was_merged_into_get_no_parent(desk: Desk) -> None:
    first, between, into = [await opened(desk, title) for title in "abc"]
    for child, parent in ((between, first), (into, between)):
        await desk.incidents.link(child.id, Link(kind=LinkKind.PARENT, target=f"incidents/{parent.id}"))
    await desk.joining.merge(first.id, into.id)
    await desk.pass_on()
    assert (await again(desk, between)).parent_ids == []
    assert (await again(desk, into)).parent_ids == [between.id]


async def test_a_merger_taken_back_moves_and_copies_nothing_more_and_again_nothing_twice(desk: Desk) -> None:
    first, second = await opened(desk), await opened(desk)
    (child,) = await below(desk, first, 1)
    await desk.incidents.note(first.id, "secret", False)
    await desk.joining.merge(first.id, second.id)
    await desk.joining.unmerge(first.id, "another printer")
    await desk.pass_on()
    assert (await again(desk, child)).parent_ids == [first.id]
    assert await said(desk, second) == []
    for _ in range(2):
        await desk.joining.merge(first.id, second.id)
        await desk.pass_on()
        await desk.joining.unmerge(first.id, "another printer")
    assert await said(desk, second) == [("secret", False, "alice")]


async def test_a_merger_taken_back_gives_children_back_but_for_those_that_were_given_another_parent_since(desk: Desk) -> None:
    first, second, third = [await opened(desk, title) for title in "abc"]
    children = await below(desk, first, STEP + 1)
    (own,) = await below(desk, second, 1)
    between = await opened(desk)
    for child, parent in ((between, first), (second, between)):
        await desk.incidents.link(child.id, Link(kind=LinkKind.PARENT, target=f"incidents/{parent.id}"))
    await desk.joining.merge(first.id, second.id)
    await desk.pass_on()
    for change, parent in ((desk.incidents.unlink, second), (desk.incidents.link, third)):
        await change(children[0].id, Link(kind=LinkKind.PARENT, target=f"incidents/{parent.id}"))
    await desk.joining.unmerge(first.id, "another printer")
    await desk.pass_on()
    assert {tuple((await again(desk, child)).parent_ids) for child in children[1:]} == {(first.id,)}
    assert (await again(desk, children[0])).parent_ids == [third.id]
    assert (await again(desk, own)).parent_ids == [second.id]
    assert (await again(desk, between)).parent_ids == [first.id]
    assert [each for each in children[1:] if (await again(desk, each)).moved_from] == []


async def test_who_watched_what_was_merged_watches_the_other(desk: Desk) -> None:
    first, second = await opened(desk), await opened(desk)
    await desk.incidents.watch(first.id, ["bob", "carol"])
    await desk.incidents.watch(second.id, ["carol"])
    await desk.joining.merge(first.id, second.id)
    assert (await again(desk, second)).watcher_ids == ["carol", "bob"]
