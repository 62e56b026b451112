"""Tasks in memory: what waits for what, whoever does it in whatever order."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis import context as ctx
from chassis.context import Actor, Context
from chassis.errors import ForbiddenMove, Invalid, NotFound
from chassis.store import CHANGES
from chassis.testing import caller
from services.incident.domain.plan import PlannedTask, check_plan, in_order, next_of, wanted
from services.incident.domain.task import TASK_MOVES, Task, TaskKind, TaskState
from services.incident.usecases.reading import Asked
from services.incident.usecases.tasks import HANDS_OUT
from tests.unit.incident.counter import Counter, Interleaving

ABOUT = "things/thing_1"
VERBS = ("start", "complete", "skip", "fail", "retry", "cancel", "optional")


@pytest.fixture
def counter() -> Any:
    with ctx.use(caller(subject="alice", permissions=frozenset({HANDS_OUT}))):
        yield Counter()


async def use(counter: Counter, verb: str, key: str) -> Task:
    match verb:
        case "skip" | "fail" | "cancel":
            return await getattr(counter.tasks, verb)(key, "because")
        case "optional":
            return await counter.tasks.update(key, {"mandatory": False})
        case _:
            return await getattr(counter.tasks, verb)(key)


def check(tasks: list[Task]) -> None:
    """What holds of the tasks of a record at every instant."""
    by_id = {task.id: task for task in tasks}
    assert not next_of(tasks), "something waits for nothing any more and was forgotten"
    for task in tasks:
        begun = task.state in (TaskState.READY, TaskState.IN_PROGRESS, TaskState.DONE, TaskState.FAILED)
        if begun:
            assert all(by_id[each].state.is_settled for each in task.depends_on), "begun before what it waits for"
        assert (task.end_time is not None) == task.state.is_over


@settings(max_examples=60, deadline=None)
@given(
    graph=st.lists(st.sets(st.integers(0, 30), max_size=4), min_size=1, max_size=9),
    steps=st.lists(st.tuples(st.sampled_from(VERBS), st.integers(0, 30)), max_size=30),
)
async def test_over_any_graph_and_any_walk_a_task_is_begun_only_after_all_that_it_waits_for(
    graph: list[set[int]], steps: list[tuple[str, int]]
) -> None:
    with ctx.use(caller()):
        counter = Counter()
        made: list[Task] = []
        for index, before in enumerate(graph):
            depends = sorted({made[each % index].id for each in before} if index else set())
            made.append(await counter.tasks.create({"title": f"step {index}", "about": ABOUT, "depends_on": depends}))
        for verb, which in steps:
            key = made[which % len(made)].id
            before_it = await counter.store.get(Task, key)
            try:
                after = await use(counter, verb, key)
            except ForbiddenMove:
                assert await counter.store.get(Task, key) == before_it
            else:
                if verb in TASK_MOVES:
                    assert before_it.state in TASK_MOVES[verb].sources
                    assert after.state in (TASK_MOVES[verb].target, TaskState.READY)
            check(await counter.tasks_of(ABOUT))
        rows = [row for row in counter.backend.collections[CHANGES].values() if row.get("kind") == "tasks"]
        assert len(rows) == sum(task.version for task in await counter.tasks_of(ABOUT))


async def test_of_two_that_end_at_the_same_time_one_sees_the_other() -> None:
    with ctx.use(caller()):
        counter = Counter(Interleaving())
        first, second = [await counter.tasks.create({"title": each, "about": ABOUT}) for each in ("one", "two")]
        waiting = await counter.tasks.create({"title": "last", "about": ABOUT, "depends_on": [first.id, second.number]})
        assert waiting.state is TaskState.PENDING
        assert waiting.depends_on == [first.id, second.id]
        await asyncio.gather(counter.tasks.complete(first.id), counter.tasks.complete(second.id))
        assert (await counter.store.get(Task, waiting.id)).state is TaskState.READY


async def test_what_is_added_while_what_it_waits_for_ends_is_not_forgotten() -> None:
    with ctx.use(caller()):
        counter = Counter(Interleaving())
        first = await counter.tasks.create({"title": "one", "about": ABOUT})
        done, added = await asyncio.gather(
            counter.tasks.complete(first.id), counter.tasks.create({"title": "two", "about": ABOUT, "depends_on": [first.id]})
        )
        assert done.state is TaskState.DONE
        assert (await counter.store.get(Task, added.id)).state is TaskState.READY


async def test_a_mandatory_task_is_neither_left_out_nor_withdrawn(counter: Counter) -> None:
    task = await counter.tasks.create({"title": "wipe the disk", "about": ABOUT})
    for verb in ("skip", "cancel"):
        with pytest.raises(ForbiddenMove, match="mandatory"):
            await use(counter, verb, task.id)
    await counter.tasks.update(task.id, {"mandatory": False})
    assert (await counter.tasks.skip(task.id, "there is none")).state is TaskState.SKIPPED


async def test_what_others_wait_for_is_not_withdrawn(counter: Counter) -> None:
    first = await counter.tasks.create({"title": "one", "about": ABOUT, "mandatory": False})
    second = await counter.tasks.create({"title": "two", "about": ABOUT, "depends_on": [first.id]})
    with pytest.raises(ForbiddenMove, match=second.number):
        await counter.tasks.cancel(first.id, "why not")


async def test_a_failed_task_is_tried_again_and_what_waits_for_it_waits_on(counter: Counter) -> None:
    first = await counter.tasks.create({"title": "one", "about": ABOUT})
    second = await counter.tasks.create({"title": "two", "about": ABOUT, "depends_on": [first.id]})
    failed = await counter.tasks.fail(first.id, "the supplier is closed")
    assert (failed.state, failed.reason) == (TaskState.FAILED, "the supplier is closed")
    assert (await counter.store.get(Task, second.id)).state is TaskState.PENDING
    again = await counter.tasks.retry(first.id)
    assert (again.state, again.reason) == (TaskState.READY, "")
    await counter.tasks.complete(first.id, "came after all")
    assert (await counter.store.get(Task, second.id)).state is TaskState.READY


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"title": "x", "about": "incidents/inc_none"}, "about"),
        ({"title": "x", "about": "nonsense"}, "link.target"),
        ({"title": " ", "about": ABOUT}, "title"),
        ({"title": "x", "about": ABOUT, "depends_on": ["tsk_other"]}, "depends_on"),
        ({"title": "x", "about": ABOUT, "kind": TaskKind.ASSIGN_ASSET}, "receiver_id"),
    ],
)
async def test_what_is_no_task_is_refused(counter: Counter, fields: dict[str, Any], named: str) -> None:
    with pytest.raises(Invalid) as refusal:
        await counter.tasks.create(fields)
    assert named in refusal.value.violations


async def test_tasks_stand_on_the_timeline_of_their_record_but_not_for_who_reported_it(counter: Counter) -> None:
    incident = await counter.incidents.open({"title": "no mail"})
    task = await counter.tasks.create({"title": "look at the server", "about": f"incidents/{incident.number}"})
    assert task.about == f"incidents/{incident.id}"
    rows, _ = await counter.reading.timeline(type(incident), incident.id, Asked())
    assert [row["type"].rpartition(".")[2] for row in rows] == ["TaskCreated", "IncidentOpened"]
    with ctx.use(Context(tenant="main", actor=Actor(id="alice"), scope={"requester_id": "alice"})):
        shown, _ = await counter.reading.timeline(type(incident), incident.id, Asked())
        assert [row["type"].rpartition(".")[2] for row in shown] == ["IncidentOpened"]
        with pytest.raises(NotFound):
            await counter.reading.get(Task, task.id)


async def test_nothing_is_added_to_what_is_over(counter: Counter) -> None:
    incident = await counter.incidents.open({"title": "no mail"})
    await counter.incidents.cancel(incident.id, "false-alarm")
    with pytest.raises(ForbiddenMove, match="is over"):
        await counter.tasks.create({"title": "x", "about": f"incidents/{incident.id}"})


async def test_a_repeated_call_is_answered_with_the_task_though_others_were_saved_after_it(counter: Counter) -> None:
    first = await counter.tasks.create({"title": "one", "about": ABOUT})
    await counter.tasks.create({"title": "two", "about": ABOUT, "depends_on": [first.id]})
    with ctx.use(Context(tenant="main", actor=Actor(id="alice"), request_id="once", request_hash="h")):
        await counter.tasks.complete(first.id)
    replay = await counter.store.replay("main", "once")
    assert replay is not None
    assert (replay.answer_type, first.number.encode() in replay.answer) == ("itsm.incident.v1.Task", True)


@given(graph=st.lists(st.sets(st.integers(0, 9), max_size=3), min_size=1, max_size=9), off=st.sets(st.integers(0, 9)))
def test_a_plan_keeps_its_order_when_tasks_are_left_out(graph: list[set[int]], off: set[int]) -> None:
    keys = [f"k{index}" for index in range(len(graph))]
    never = {"not": {}}
    plan = [
        PlannedTask(
            key=keys[index],
            title="x",
            depends_on=sorted({keys[each % index] for each in before}) if index else [],
            condition=never if index in off else {},
        )
        for index, before in enumerate(graph)
    ]
    check_plan(plan)
    above: dict[str, set[str]] = {}
    for task in plan:
        above[task.key] = set(task.depends_on).union(*(above[each] for each in task.depends_on))
    kept = wanted(plan, {})
    names = [task.key for task in kept]
    assert names == [key for key in names if int(key[1:]) not in off]
    assert sorted(names) == sorted(key for index, key in enumerate(keys) if index not in off)
    after: dict[str, set[str]] = {}
    for task in kept:
        assert set(task.depends_on) <= after.keys(), "in order"
        after[task.key] = set(task.depends_on).union(*(after[each] for each in task.depends_on))
        assert after[task.key] == above[task.key] & set(names), "waits for what it waited for, and for nothing else"


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12))
def test_a_plan_with_a_loop_is_refused_and_one_without_is_not(edges: list[tuple[int, int]]) -> None:
    depends = {index: sorted({f"k{to}" for start, to in edges if start == index}) for index in range(6)}
    plan = [PlannedTask(key=f"k{index}", title="x", depends_on=depends[index]) for index in range(6)]

    def reaches(key: str, seen: frozenset[str]) -> bool:
        return key in seen or any(reaches(each, seen | {key}) for each in depends[int(key[1:])])

    looping = any(reaches(task.key, frozenset()) for task in plan)
    if looping:
        with pytest.raises(Invalid, match="wait for each other"):
            check_plan(plan)
    else:
        check_plan(plan)
        assert len(in_order(plan)) == len(plan)
