"""What may be done with incidents, in memory."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from itsm.incident import v1 as pb

from chassis import context as ctx
from chassis import protojson
from chassis.codec import personal_fields, to_message
from chassis.context import Actor, Context
from chassis.errors import AlreadyExists, ForbiddenMove, Invalid, Stale
from chassis.store import CHANGES
from chassis.testing import caller
from services.incident.domain.clock import ClockKind, ClockState
from services.incident.domain.incident import Incident
from services.incident.domain.link import Link, LinkKind
from services.incident.domain.priority import Impact, Priority, Urgency
from services.incident.domain.states import MOVES, HoldReason, Source, State
from tests.unit.incident.desk import Desk

VERBS = (*MOVES, "urgent", "calm")


@pytest.fixture
def desk() -> Any:
    with ctx.use(caller(subject="alice")):
        yield Desk()


async def use(desk: Desk, verb: str, key: str) -> Incident:
    """Any verb with input that its guards accept."""
    match verb:
        case "assign":
            return await desk.incidents.assign(key, f"team_{desk.clock.now.minute % 2}", f"person_{desk.clock.now.minute % 3}")
        case "start" | "resume" | "close":
            return await getattr(desk.incidents, verb)(key)
        case "hold":
            return await desk.incidents.hold(key, HoldReason.CALLER, "please tell")
        case "resolve":
            return await desk.incidents.resolve(key, "fixed", "restarted")
        case "reopen" | "cancel":
            return await getattr(desk.incidents, verb)(key, "because")
        case "merge":
            survivor = await desk.incidents.open({"title": "the same trouble"})
            await desk.joining.merge(key, survivor.id)
            return await desk.store.get(Incident, key)
        case "urgent":
            return await desk.incidents.update(key, {"urgency": Urgency.HIGH})
        case _:
            return await desk.incidents.update(key, {"urgency": Urgency.LOW})


def rows(desk: Desk, key: str) -> list[dict[str, Any]]:
    found = [row for row in desk.backend.collections[CHANGES].values() if row.get("key") == key]
    return sorted(found, key=lambda row: row["version"])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(VERBS), st.integers(0, 400)), max_size=14))
async def test_no_order_of_verbs_leaves_the_table_or_loses_an_event(steps: list[tuple[str, int]]) -> None:
    with ctx.use(caller()):
        desk = Desk()
        incident = await desk.incidents.open({"title": "no mail", "description": "private"})
        for verb, minutes in steps:
            desk.clock.advance(minutes=minutes)
            before = await desk.store.get(Incident, incident.id)
            move = MOVES.get(verb)
            try:
                incident = await use(desk, verb, incident.id)
            except ForbiddenMove:
                assert before.state not in move.sources if move else before.state.is_final
                assert await desk.store.get(Incident, incident.id) == before
                continue
            if move:
                assert before.state in move.sources
                assert incident.state in ({before.state} if before.state in move.keeps else {move.target})
            assert incident.version - before.version in (0, 1)
            assert incident == await desk.store.get(Incident, incident.id)
            check_clocks(incident)
        told = rows(desk, incident.id)
        assert [row["version"] for row in told] == list(range(1, incident.version + 1))
        public = to_message(incident, pb.Incident)
        for name in personal_fields(pb.Incident.DESCRIPTOR):
            public.ClearField(name)
        event = getattr(pb, told[-1]["type"].rpartition(".")[2])
        assert protojson.decode(told[-1]["data"].encode(), event).incident == public


def check_clocks(incident: Incident) -> None:
    current = [clock for clock in incident.clocks if clock.state is not ClockState.CANCELLED]
    assert len({clock.kind for clock in current}) == len(current)
    match incident.state:
        case State.RESOLVED | State.CLOSED:
            assert all(clock.state is ClockState.STOPPED for clock in current)
        case State.CANCELLED:
            assert not any(clock.is_open for clock in incident.clocks)
        case State.ON_HOLD:
            assert all(clock.state is ClockState.PAUSED for clock in current if clock.kind is ClockKind.RESOLVE)
        case _:
            assert all(clock.state is ClockState.RUNNING for clock in current if clock.kind is ClockKind.RESOLVE)
    if not incident.state.is_open:
        untold = [clock for clock in current if clock.breached and f"{clock.kind}/breached" not in incident.told]
        assert (incident.next_due_time is None) == (not untold)


async def test_an_incident_opens_with_what_the_caller_left_out(desk: Desk) -> None:
    incident = await desk.incidents.open({"title": "no mail"})
    assert (incident.impact, incident.urgency, incident.priority) == (Impact.MEDIUM, Urgency.MEDIUM, Priority.P3)
    assert (incident.number, incident.requester_id, incident.state) == ("INC0000001", "alice", State.NEW)
    assert [clock.kind for clock in incident.clocks] == list(ClockKind)


async def test_all_that_is_wrong_with_an_incident_is_told_at_once(desk: Desk) -> None:
    with pytest.raises(Invalid) as refused:
        await desk.incidents.open({"title": " ", "asset_ids": ["a"] * 101, "alert_ids": ["a", "a"], "category": "c" * 201})
    assert set(refused.value.violations) == {"title", "asset_ids", "alert_ids", "category"}
    incident = await desk.incidents.open({"title": "t" * 300, "asset_ids": [f"ast_{n}" for n in range(100)]})
    with pytest.raises(Invalid):
        await desk.incidents.update(incident.id, {"title": "t" * 301})


async def test_hands_are_counted_after_the_first_and_the_queue_of_ones_own_team_is_no_hand(desk: Desk) -> None:
    incident = await desk.incidents.open({"title": "no mail"})
    counts = []
    for team, person in (("a", ""), ("a", "bob"), ("a", "bob"), ("a", "eve"), ("b", ""), ("b", "eve")):
        incident = await desk.incidents.assign(incident.id, team, person)
        counts.append(incident.reassignment_count)
    assert counts == [0, 0, 0, 1, 2, 2]
    assert incident.version == 6  # the same owner again is no change


async def test_assigning_to_a_team_alone_acknowledges_nothing(desk: Desk) -> None:
    incident = await desk.incidents.open({"title": "no mail"})
    incident = await desk.incidents.assign(incident.id, "team_1", "")
    assert (incident.state, incident.acknowledge_time) == (State.ASSIGNED, None)
    desk.clock.advance(minutes=3)
    incident = await desk.incidents.start(incident.id)
    first = incident.acknowledge_time
    assert (first, incident.assignee_id, incident.reassignment_count) == (desk.clock.now, "alice", 0)
    desk.clock.advance(minutes=3)
    incident = await desk.incidents.assign(incident.id, "team_2", "bob")
    assert (incident.acknowledge_time, incident.state) == (first, State.IN_PROGRESS)


async def test_a_machine_that_assigns_acknowledges_nothing(desk: Desk) -> None:
    incident = await desk.incidents.open({"title": "no mail"})
    with ctx.use(Context(tenant="main", actor=Actor(id="itsm-monitor", kind="service"))):
        incident = await desk.incidents.assign(incident.id, "team_1", "bob")
    assert incident.acknowledge_time is None
    assert incident.clocks[0].state is ClockState.RUNNING


async def test_waiting_for_the_caller_needs_a_note_which_the_caller_may_read(desk: Desk) -> None:
    incident = await desk.incidents.open({"title": "no mail"})
    await desk.incidents.start(incident.id)
    with pytest.raises(Invalid) as refused:
        await desk.incidents.hold(incident.id, HoldReason.CALLER, " ")
    assert list(refused.value.violations) == ["note"]
    incident = await desk.incidents.hold(incident.id, HoldReason.VENDOR, "")
    assert incident.hold_reason is HoldReason.VENDOR
    assert "notes" not in desk.backend.collections


async def test_resolving_needs_a_code_and_words(desk: Desk) -> None:
    incident = await desk.incidents.open({"title": "no mail"})
    with pytest.raises(Invalid) as refused:
        await desk.incidents.resolve(incident.id, "", " ")
    assert set(refused.value.violations) == {"resolution_code", "resolution"}


async def test_a_resolved_incident_reopens_within_the_grace_period(desk: Desk) -> None:
    incident = await desk.incidents.open({"title": "no mail"})
    await desk.incidents.resolve(incident.id, "fixed", "restarted")
    desk.clock.advance(days=7)
    incident = await desk.incidents.reopen(incident.id, "again")
    assert (incident.state, incident.reopen_count, incident.resolution_code) == (State.IN_PROGRESS, 1, "")
    resolved = await desk.incidents.resolve(incident.id, "fixed", "for good")
    desk.clock.advance(days=7, seconds=1)
    with pytest.raises(ForbiddenMove, match="more than 7 days ago"):
        await desk.incidents.reopen(resolved.id, "again")


async def test_the_gap_before_a_reopening_does_not_count(desk: Desk) -> None:
    incident = await desk.incidents.open({"title": "no mail"})
    desk.clock.advance(hours=1)
    await desk.incidents.resolve(incident.id, "fixed", "restarted")
    desk.clock.advance(days=2)
    incident = await desk.incidents.reopen(incident.id, "again")
    resolve = next(clock for clock in incident.clocks if clock.kind is ClockKind.RESOLVE)
    assert (resolve.elapsed, resolve.due_time) == (timedelta(hours=1), desk.clock.now + timedelta(hours=23))


async def test_a_higher_priority_shortens_the_target_from_the_start_on(desk: Desk) -> None:
    incident = await desk.incidents.open({"title": "no mail"})
    opened = desk.clock.now
    desk.clock.advance(hours=1)
    incident = await desk.incidents.update(incident.id, {"impact": Impact.HIGH, "urgency": Urgency.HIGH})
    clocks = {clock.kind: clock for clock in incident.clocks if clock.is_open}
    assert incident.priority is Priority.P1
    assert clocks[ClockKind.RESOLVE].due_time == opened + timedelta(hours=4)
    assert clocks[ClockKind.RESPONSE].breached
    assert incident.next_due_time == opened + timedelta(hours=3)  # what the change itself made late is told to nobody


async def test_a_decision_on_an_older_version_is_refused(desk: Desk) -> None:
    incident = await desk.incidents.open({"title": "no mail"})
    await desk.incidents.start(incident.id, etag="1")
    with pytest.raises(Stale) as stale:
        await desk.incidents.resolve(incident.id, "fixed", "restarted", etag="1")
    assert stale.value.facts["etag"] == "2"


async def test_nothing_changed_is_no_new_version(desk: Desk) -> None:
    incident = await desk.incidents.open({"title": "no mail"})
    again = await desk.incidents.update(incident.id, {"title": "no mail"})
    assert again.version == 1


async def test_what_is_fixed_when_it_is_opened_is_not_changed_later(desk: Desk) -> None:
    incident = await desk.incidents.open({"title": "no mail", "dedup_key": "mail"})
    with pytest.raises(Invalid):
        await desk.incidents.update(incident.id, {"dedup_key": "other"})
    await desk.incidents.update(incident.id, {"dedup_key": "mail", "category": "mail"})


async def test_what_is_closed_stays_as_it_is(desk: Desk) -> None:
    incident = await desk.incidents.open({"title": "no mail"})
    await desk.incidents.cancel(incident.id, "false-alarm")
    with pytest.raises(ForbiddenMove):
        await desk.incidents.update(incident.id, {"title": "mail"})


async def test_one_incident_is_open_per_deduplication_key(desk: Desk) -> None:
    first = await desk.incidents.open({"title": "no mail", "dedup_key": "mail"})
    with pytest.raises(AlreadyExists) as taken:
        await desk.incidents.open({"title": "no mail", "dedup_key": "mail"})
    assert taken.value.facts["id"] == first.id
    await desk.incidents.resolve(first.id, "fixed", "restarted")
    second = await desk.incidents.open({"title": "no mail", "dedup_key": "mail"})
    with pytest.raises(AlreadyExists) as taken:
        await desk.incidents.reopen(first.id, "again")
    assert taken.value.facts["id"] == second.id
    await desk.incidents.cancel(second.id, "duplicate")
    await desk.incidents.reopen(first.id, "again")
    with pytest.raises(AlreadyExists):
        await desk.incidents.open({"title": "no mail", "dedup_key": "mail"})


async def test_a_note_leaves_the_incident_as_it_is(desk: Desk) -> None:
    incident = await desk.incidents.open({"title": "no mail"})
    note = await desk.incidents.note(incident.number.lower(), "looking", False)
    assert note.about == f"incidents/{incident.id}"
    assert await desk.store.get(Incident, incident.id) == incident
    row = rows(desk, note.id)[0]
    assert (row["about"], row["type"]) == (note.about, "itsm.incident.v1.NoteAdded")
    assert "looking" not in row["data"]


async def test_links_are_kept_once_and_make_no_circle(desk: Desk) -> None:
    first, second = [await desk.incidents.open({"title": "no mail"}) for _ in range(2)]
    child = Link(kind=LinkKind.PARENT, target=f"incidents/{second.number}")
    linked = await desk.incidents.link(first.id, child)
    assert linked.links == [Link(kind=LinkKind.PARENT, target=f"incidents/{second.id}")]
    assert (await desk.incidents.link(first.id, child)).version == linked.version
    with pytest.raises(ForbiddenMove):
        await desk.incidents.link(second.id, Link(kind=LinkKind.PARENT, target=f"incidents/{first.id}"))
    for target in (f"incidents/{first.id}", "incidents/inc_unknown", "nonsense", "incidents/"):
        with pytest.raises(Invalid):
            await desk.incidents.link(first.id, Link(kind=LinkKind.RELATED, target=target))
    await desk.incidents.link(first.id, Link(kind=LinkKind.CAUSED_BY, target="assets/ast_1"))
    assert (await desk.incidents.unlink(first.id, linked.links[0])).links[0].target == "assets/ast_1"


async def test_who_sees_only_their_own_incidents_reports_for_nobody_else(desk: Desk) -> None:
    with ctx.use(caller(subject="rita", scope={"requester_id": "rita"})):
        incident = await desk.incidents.open({"title": "no mail", "requester_id": "alice", "source": Source.MAIL})
        assert (incident.requester_id, incident.source) == ("rita", Source.MAIL)


@pytest.mark.parametrize(
    "field",
    [
        {"dedup_key": "mail"},
        {"dedup_key": "alert/db-down"},
        {"source": Source.ALERT},
        {"alert_ids": ["alr_1"]},
        {"blocked_by_children": True},
        {"ends_with_children": True},
    ],
)
async def test_who_sees_only_their_own_incidents_decides_nothing_about_alerts_and_others(desk: Desk, field: Any) -> None:
    with ctx.use(caller(subject="rita", scope={"requester_id": "rita"})):
        incident = await desk.incidents.open({"title": "no mail"})
        with pytest.raises(Invalid) as refused:
            await desk.incidents.open({"title": "my mouse", **field})
        assert set(refused.value.violations) == set(field)
        with pytest.raises(Invalid):
            await desk.incidents.update(incident.id, field)


async def test_the_keys_of_alerts_are_taken_by_nobody_who_opens_an_incident_himself(desk: Desk) -> None:
    with pytest.raises(Invalid, match="dedup_key"):
        await desk.incidents.open({"title": "no mail", "dedup_key": "alert/db-down"})
    assert (await desk.incidents.open({"title": "no mail", "dedup_key": "con_1:7"})).dedup_key == "con_1:7"
