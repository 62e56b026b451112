"""What may be done with problems, in memory."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from itsm.incident import v1 as pb

from chassis import context as ctx
from chassis import protojson
from chassis.codec import personal_fields, to_message
from chassis.errors import ForbiddenMove, Invalid, NotFound, Stale
from chassis.store import CHANGES
from chassis.testing import caller
from services.incident.domain.incident import Incident
from services.incident.domain.link import Link, LinkKind
from services.incident.domain.moves import moved
from services.incident.domain.note import Note
from services.incident.domain.problem import MOVES, ClosingCode, Problem, ProblemState
from services.incident.domain.recurrence import Reason
from services.incident.domain.states import State
from services.incident.usecases.problems import Problems
from services.incident.usecases.reading import Asked
from services.incident.usecases.recurring import Recurring
from tests.unit.incident.desk import Again, Desk

ALLOWED = {
    **{(state, "assign"): state for state in ("NEW", "ASSESS", "ANALYSIS", "FIXING")},
    ("NEW", "assess"): "ASSESS",
    ("ASSESS", "analyze"): "ANALYSIS",
    ("FIXING", "analyze"): "ANALYSIS",
    ("ANALYSIS", "fix"): "FIXING",
    ("FIXING", "resolve"): "RESOLVED",
    ("RESOLVED", "reopen"): "FIXING",
    ("RESOLVED", "close"): "CLOSED",
    ("ANALYSIS", "acceptRisk"): "CLOSED",
    ("FIXING", "acceptRisk"): "CLOSED",
    ("NEW", "markDuplicate"): "CLOSED",
    ("ASSESS", "markDuplicate"): "CLOSED",
    ("NEW", "cancel"): "CANCELLED",
    ("ASSESS", "cancel"): "CANCELLED",
}


class Room(Desk):
    """A desk with problems."""

    def __init__(self) -> None:
        super().__init__()
        self.problems: Any = Again(Problems(self.store, self.promises))
        self.recurring = Recurring(self.store)


@pytest.fixture
def room() -> Any:
    with ctx.use(caller(subject="alice")):
        yield Room()


@pytest.mark.parametrize("state", ProblemState)
@pytest.mark.parametrize("verb", MOVES)
def test_a_verb_leads_where_the_table_says_and_is_refused_elsewhere(state: ProblemState, verb: str) -> None:
    if (state, verb) in ALLOWED:
        assert moved(MOVES, state, verb) == ALLOWED[state, verb]
    else:
        with pytest.raises(ForbiddenMove):
            moved(MOVES, state, verb)


async def use(room: Room, verb: str, key: str, other: str) -> Problem:
    """Any verb with input that its guards accept."""
    problems = room.problems
    match verb:
        case "assign":
            return await problems.assign(key, "team_1", f"person_{room.clock.now.minute % 3}")
        case "assess" | "analyze" | "fix" | "close":
            return await getattr(problems, verb)(key)
        case "acceptRisk":
            return await problems.accept_risk(key, "too dear")
        case "markDuplicate":
            return await problems.mark_duplicate(key, other)
        case "diagnose":
            return await problems.diagnose(key, cause="a leak" if room.clock.now.minute % 2 else "a race", workaround=None)
        case "edit":
            return await problems.update(key, {"title": f"leaks {room.clock.now.minute % 2}"})
        case _:
            return await getattr(problems, verb)(key, "because")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from((*MOVES, "diagnose", "edit")), st.integers(0, 300)), max_size=16))
async def test_no_order_of_verbs_leaves_the_table_or_loses_an_event(steps: list[tuple[str, int]]) -> None:
    with ctx.use(caller()):
        room = Room()
        other = (await room.problems.open({"title": "the same"})).number
        problem = await room.problems.open({"title": "memory leaks", "description": "private"})
        for verb, minutes in steps:
            room.clock.advance(minutes=minutes)
            before = await room.store.get(Problem, problem.id)
            move = MOVES.get(verb)
            try:
                problem = await use(room, verb, problem.id, other)
            except ForbiddenMove:
                outside = before.state not in move.sources if move else before.state.is_final
                unready = (verb, bool(before.team_id)) == ("analyze", False) or (verb, bool(before.cause)) == ("fix", False)
                assert outside or unready
                assert await room.store.get(Problem, problem.id) == before
                continue
            if move:
                assert before.state in move.sources
                assert problem.state is move.leads(before.state)
            accepted = problem.closing_code is ClosingCode.RISK_ACCEPTED
            assert problem.known_error == (bool(problem.cause) and (problem.state.is_open or accepted))
            assert (problem.closing_code is None) == (problem.state is not ProblemState.CLOSED)
            assert (problem.close_time is None) != problem.state.is_final
            assert problem.version - before.version in (0, 1)
            assert problem == await room.store.get(Problem, problem.id)
        told = [row for row in room.backend.collections[CHANGES].values() if row.get("key") == problem.id]
        assert sorted(row["version"] for row in told) == list(range(1, problem.version + 1))
        public = to_message(problem, pb.Problem)
        for name in personal_fields(pb.Problem.DESCRIPTOR):
            public.ClearField(name)
        last = max(told, key=lambda row: row["version"])
        event = protojson.decode(last["data"].encode(), getattr(pb, last["type"].rpartition(".")[2]))
        assert event.problem == public


async def test_what_a_verb_demands_is_told_and_changes_nothing(room: Room) -> None:
    problem = await room.problems.open({"title": "memory leaks"})
    await room.problems.assess(problem.id)
    with pytest.raises(ForbiddenMove, match="no team owns it"):
        await room.problems.analyze(problem.id)
    await room.problems.assign(problem.id, "team_1", "")
    await room.problems.analyze(problem.id)
    with pytest.raises(ForbiddenMove, match="what the cause is"):
        await room.problems.fix(problem.id)
    with pytest.raises(Invalid) as refused:
        await room.problems.accept_risk(problem.id, " ")
    assert set(refused.value.violations) == {"reason"}
    with pytest.raises(Stale):
        await room.problems.diagnose(problem.id, cause="a leak", workaround=None, etag="1")
    with pytest.raises(Invalid):
        await room.problems.open({"title": "t" * 301})
    with pytest.raises(Invalid):
        await room.problems.diagnose(problem.id, cause="c" * 65_537, workaround=None)
    assert (await room.store.get(Problem, problem.id)).version == 4


async def test_a_known_error_is_what_is_known_and_not_a_state(room: Room) -> None:
    problem = await room.problems.open({"title": "memory leaks"})
    problem = await room.problems.diagnose(problem.id, cause=None, workaround="restart it at night")
    assert (problem.state, problem.known_error, problem.known_time) == (ProblemState.NEW, True, room.clock.now)
    known = problem.known_time
    room.clock.advance(minutes=5)
    problem = await room.problems.diagnose(problem.id, cause="a cache without a bound", workaround=None)
    assert (problem.workaround, problem.known_time) == ("restart it at night", known)
    problem = await room.problems.diagnose(problem.id, cause="", workaround="")
    assert (problem.known_error, problem.known_time) == (False, None)


async def test_a_duplicate_refers_to_the_other_and_never_to_a_duplicate(room: Room) -> None:
    first, second, third = [await room.problems.open({"title": title}) for title in ("one", "two", "three")]
    closed = await room.problems.mark_duplicate(second.id, first.number)
    assert closed.closing_code is ClosingCode.DUPLICATE
    assert closed.links == [Link(kind=LinkKind.DUPLICATE_OF, target=f"problems/{first.id}")]
    for wrong in (second.id, third.id, "prb_nowhere"):
        with pytest.raises(Invalid):
            await room.problems.mark_duplicate(third.id, wrong)


async def test_its_incidents_hear_the_workaround_once_and_outlive_the_problem(room: Room) -> None:
    problem = await room.problems.open({"title": "memory leaks"})
    opened = [await room.incidents.open({"title": f"slow {n}"}) for n in range(4)]
    assert await room.problems.attach(problem.number, [each.number for each in opened[:3]]) == 3
    assert await room.problems.attach(problem.id, [opened[0].id, opened[0].id]) == 0
    with pytest.raises(ForbiddenMove, match="how to live with it"):
        await room.problems.tell_workaround(problem.id, public=True)
    await room.incidents.resolve(opened[2].id, "fixed", "restarted")
    await room.problems.diagnose(problem.id, cause="a leak", workaround="restart it")
    assert await room.problems.tell_workaround(problem.id, public=True) == (2, False)
    assert await room.problems.tell_workaround(problem.id, public=False) == (0, False)
    await room.problems.diagnose(problem.id, cause=None, workaround="restart it twice")
    assert await room.problems.tell_workaround(problem.id, public=True) == (2, False)
    notes, _ = await room.reading.notes(Incident, opened[0].id, Asked())
    assert sorted(note["text"] for note in notes) == [f"{problem.number}: restart it", f"{problem.number}: restart it twice"]
    assert all(note["public"] for note in notes)
    assert await room.store.count("notes", {}, limit=100) == 4
    for verb in ("assign", "assess", "analyze", "fix", "resolve", "close"):
        await use(room, verb, problem.id, "")
    states = [(await room.store.get(Incident, each.id)).state for each in opened]
    assert states == [State.NEW, State.NEW, State.RESOLVED, State.NEW]
    with pytest.raises(ForbiddenMove):
        await room.problems.attach(problem.id, [opened[3].id])
    assert await room.store.get(Note, notes[0]["_id"])


async def test_all_incidents_refer_to_the_problem_or_none(room: Room) -> None:
    problem, incident = await room.problems.open({"title": "leaks"}), await room.incidents.open({"title": "slow"})
    with pytest.raises(NotFound):
        await room.problems.attach(problem.id, [incident.id, "inc_nowhere"])
    assert (await room.store.get(Incident, incident.id)).links == []
    for wrong in ([], [f"inc_{n}" for n in range(101)]):
        with pytest.raises(Invalid):
            await room.problems.attach(problem.id, wrong)


async def test_an_incident_is_offered_what_is_known_of_its_asset_its_category_and_its_words(room: Room) -> None:
    titles = {
        "asset": {"title": "Disk array loses paths", "asset_ids": ["ast_1"]},
        "words": {"title": "Outlook profile corrupt after roaming"},
        "category": {"title": "Printer jams", "category": "email"},
        "unknown": {"title": "Outlook profile corrupt", "asset_ids": ["ast_1"]},
        "gone": {"title": "Outlook profile corrupt", "asset_ids": ["ast_1"]},
    }
    made = {name: (await room.problems.open(fields)).id for name, fields in titles.items()}
    for name in ("asset", "words", "category", "gone"):
        await room.problems.diagnose(made[name], cause="known", workaround=None)
    await room.problems.mark_duplicate(made["gone"], made["unknown"])
    incident = await room.incidents.open(
        {"title": "Corrupt profile", "description": "OUTLOOK does not start", "asset_ids": ["ast_1"], "category": "email"}
    )
    found = await room.recurring.known_errors(incident.number)
    assert [row["_id"] for row, _ in found] == [made["asset"], made["words"]]
    assert found[0][1].reasons == ["the same asset: ast_1"]
    assert found[1][1].reasons == ["the same words: outlook, profile, corrupt"]
    assert await room.recurring.known_errors((await room.incidents.open({"title": "..."})).id) == []


async def test_incidents_that_come_again_are_offered_once_until_a_problem_accounts_for_them(room: Room) -> None:
    mail = [
        (await room.incidents.open({"title": f"Mail queue {n} full", "asset_ids": ["ast_1"], "category": "mail"})).id
        for n in range(3)
    ]
    for _ in range(4):
        again = await room.incidents.open({"title": "Disk", "dedup_key": "disk", "impact": "HIGH", "urgency": "HIGH"})
        await room.incidents.resolve(again.id, "fixed", "cleaned")
    for _ in range(3):
        room.clock.advance(minutes=1)
        none = await room.incidents.open({"title": "False alarm"})
        await room.incidents.cancel(none.id, "false-alarm")
    disk, mails = (await room.recurring.candidates(None, None))[0]
    assert (disk.reason, disk.value, disk.count, disk.heavy_count) == (Reason.SAME_KEY, "disk", 4, 4)
    assert (mails.reason, mails.value, mails.category, mails.count) == (Reason.SAME_ASSET, "ast_1", "mail", 3)
    assert set(mails.incident_ids) == set(mail)
    problem = await room.problems.open({"title": mails.title})
    await room.problems.attach(problem.id, mails.incident_ids)
    left, looked_at, capped = await room.recurring.candidates(30, 3)
    assert ([each.value for each in left], looked_at, capped) == (["disk"], 10, False)
    room.clock.now += timedelta(days=2)
    assert (await room.recurring.candidates(1, 3))[0] == []
    for days, least in ((0, 3), (91, 3), (30, 1)):
        with pytest.raises(Invalid):
            await room.recurring.candidates(days, least)
