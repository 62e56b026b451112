"""What the platform does itself as a task: from stock to somebody, once, whatever breaks in between."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis import context as ctx
from chassis.context import Actor, Context
from chassis.errors import Denied, Stale, Unavailable
from services.incident.domain.plan import PlannedTask
from services.incident.domain.task import PATIENCE, Task, TaskKind, TaskState
from services.incident.usecases.catalog import MAKES
from services.incident.usecases.hooks import StockItem
from services.incident.usecases.tasks import HANDS_OUT
from tests.unit.incident.counter import Counter

ABOUT = "things/thing_1"


@pytest.fixture
def counter() -> Any:
    actor = Actor(id="itsm-incident", kind="service")
    with ctx.use(Context(tenant="main", actor=actor, permissions=frozenset({HANDS_OUT, MAKES}))):
        yield Counter()


async def wanting(counter: Counter, kind: TaskKind = TaskKind.ASSIGN_ASSET, **more: Any) -> Task:
    fields = {"title": "a laptop", "about": ABOUT, "kind": kind, "asset_class": "computer", "receiver_id": "eve"}
    task: Task = await counter.tasks.create({**fields, **more})
    return task


async def test_what_is_in_stock_is_set_aside_and_handed_over(counter: Counter) -> None:
    counter.stock.add("ast_1", "computer")
    reserving = await wanting(counter, TaskKind.RESERVE_ASSET)
    assigning = await wanting(counter, depends_on=[reserving.id])
    counter.stock.add("ast_2", "computer")
    reserved = await counter.hook(reserving.id)
    assert (reserved.state, reserved.asset_id, reserved.result) == (TaskState.DONE, "ast_1", "AST_1 is set aside")
    handed = await counter.hook(assigning.id)
    assert (handed.state, handed.asset_id, handed.result) == (TaskState.DONE, "ast_1", "AST_1 was handed over")
    assert counter.stock.done == [("reserve", "ast_1", "eve"), ("hand-over", "ast_1", "eve")]
    assert not counter.stock.items["ast_1"].in_stock


async def test_who_may_not_hand_out_assets_has_the_platform_hand_out_none(counter: Counter) -> None:
    with ctx.use(Context(tenant="main", actor=Actor(id="an agent"))), pytest.raises(Denied):
        await wanting(counter)
    assert await counter.tasks_of(ABOUT) == []


async def test_where_nothing_is_in_stock_the_task_has_failed_and_can_be_tried_again(counter: Counter) -> None:
    task = await wanting(counter)
    failed = await counter.hook(task.id)
    assert (failed.state, failed.reason) == (TaskState.FAILED, "nothing of the class computer is in stock")
    assert (await counter.hook(task.id)).version == failed.version, "nothing more happens by itself"
    counter.stock.add("ast_1", "computer")
    await counter.tasks.retry(task.id)
    assert (await counter.hook(task.id)).state is TaskState.DONE


async def test_what_somebody_else_takes_at_the_same_time_is_not_given_twice(counter: Counter) -> None:
    counter.stock.add("ast_1", "computer")
    free = counter.stock.free

    async def outdated(asset_class: str) -> Any:
        found = await free(asset_class)
        counter.stock.items["ast_1"] = StockItem("ast_1", "AST_1", in_stock=True, owner_id="ann", mark="", etag="7")
        counter.stock.add("ast_2", "computer")
        return [*found, counter.stock.items["ast_2"]]

    counter.stock.free = outdated  # type: ignore[method-assign] # the room as another process sees it a moment before
    task = await wanting(counter)
    done = await counter.hook(task.id)
    assert (done.state, done.asset_id) == (TaskState.DONE, "ast_2")
    assert counter.stock.items["ast_1"].owner_id == "ann"


async def test_who_lost_every_race_for_what_is_in_stock_comes_again_and_is_not_told_that_it_is_empty(counter: Counter) -> None:
    free, reserve = counter.stock.free, counter.stock.reserve
    for number in range(20):
        counter.stock.add(f"ast_{number}", "computer")

    async def lost(item: StockItem, *_: Any) -> StockItem:
        raise Stale("2", given=item.etag)

    counter.stock.reserve = lost  # type: ignore[method-assign] # somebody else is always first
    task = await wanting(counter)
    waiting = await counter.hook(task.id)
    assert (waiting.state, waiting.attempts) == (TaskState.IN_PROGRESS, 1)
    counter.stock.reserve = reserve  # type: ignore[method-assign]
    counter.clock.advance(hours=1)
    assert (await counter.hook(task.id)).state is TaskState.DONE
    assert len(await free("computer")) == 19


async def test_of_many_that_look_for_one_at_the_same_time_everybody_gets_one(counter: Counter) -> None:
    for number in range(100):
        counter.stock.add(f"ast_{number:02}", "computer")
    free, meeting = counter.stock.free, asyncio.Barrier(8)

    async def together(asset_class: str) -> Any:
        found = await free(asset_class)
        if not counter.stock.done:
            await meeting.wait()
        return found

    counter.stock.free = together  # type: ignore[method-assign] # all see the same stock at first
    tasks = [await wanting(counter, about=f"things/thing_{number}") for number in range(8)]
    await asyncio.gather(*(counter.hook(task.id) for task in tasks))
    for _ in PATIENCE:
        counter.clock.advance(hours=1)
        done = [await counter.hook(task.id) for task in tasks]
    assert {task.state for task in done} == {TaskState.DONE}
    assert len({task.asset_id for task in done}) == 8


async def test_what_was_set_aside_and_is_gone_is_told(counter: Counter) -> None:
    counter.stock.add("ast_1", "computer")
    reserving = await wanting(counter, TaskKind.RESERVE_ASSET)
    assigning = await wanting(counter, depends_on=[reserving.id])
    await counter.hook(reserving.id)
    counter.stock.items["ast_1"] = StockItem("ast_1", "AST_1", in_stock=True, owner_id="ann", mark="TSK9", etag="9")
    failed = await counter.hook(assigning.id)
    assert (failed.state, failed.reason) == (TaskState.FAILED, f"what {reserving.number} set aside is not there any more")


async def test_a_stock_room_that_does_not_answer_is_asked_again_and_then_given_up(counter: Counter) -> None:
    counter.stock.add("ast_1", "computer")
    counter.stock.broken = 10**6
    task = await wanting(counter)
    for attempt, pause in enumerate(PATIENCE, start=1):
        waiting = await counter.hook(task.id)
        assert (waiting.state, waiting.attempts) == (TaskState.IN_PROGRESS, attempt)
        assert waiting.next_try_time == counter.clock() + pause
        assert (await counter.hook(task.id)).version == waiting.version, "not before its time"
        counter.clock.advance(seconds=pause.total_seconds())
    failed = await counter.hook(task.id)
    assert (failed.state, failed.reason) == (TaskState.FAILED, "the stock room does not answer")
    counter.stock.broken = 0
    again = await counter.tasks.retry(task.id)
    assert again.attempts == 0
    assert (await counter.hook(task.id)).state is TaskState.DONE


@settings(max_examples=50, deadline=None)
@given(
    deaths=st.lists(st.integers(0, 6), max_size=4),
    lost=st.integers(0, 2),
    kinds=st.lists(st.sampled_from([TaskKind.RESERVE_ASSET, TaskKind.ASSIGN_ASSET, TaskKind.ASSIGN_LICENSE]), min_size=1),
)
async def test_however_often_it_dies_each_task_gets_one_asset_and_no_asset_goes_twice(
    deaths: list[int], lost: int, kinds: list[TaskKind]
) -> None:
    """A death: the process stops at the so-manieth write, and all that was not written is forgotten."""
    with ctx.use(Context(tenant="main", actor=Actor(id="itsm-incident", kind="service"), permissions=frozenset({HANDS_OUT}))):
        counter = Counter()
        for number in range(len(kinds)):
            counter.stock.add(f"ast_{number}", "computer")
        tasks = [await wanting(counter, kind) for kind in kinds]
        counter.stock.lost_answers = lost
        for at in deaths:
            for task in tasks:
                await dying(counter, task.id, at)
        for _ in range(len(PATIENCE) + 1):
            counter.clock.advance(hours=1)
            for task in tasks:
                await counter.hook(task.id)
        ended = [await counter.store.get(Task, task.id) for task in tasks]
        assert {task.state for task in ended} == {TaskState.DONE}
        given_out = [task.asset_id for task in ended]
        assert len(set(given_out)) == len(given_out)
        assert len(counter.stock.done) == len(set(counter.stock.done)), "nothing was done twice"
        for task in ended:
            kept = counter.stock.items[task.asset_id]
            assert (kept.owner_id, kept.mark) == ("eve", task.number)
            assert kept.in_stock == (task.kind is TaskKind.RESERVE_ASSET)


class Death(BaseException):
    """The end of a process: nothing catches it."""


async def dying(counter: Counter, key: str, at: int) -> None:
    """A run of the timer in a process that dies before its `at`-th write."""
    write, left = counter.backend.write, at

    async def count(writes: Any) -> None:
        nonlocal left
        if left == 0:
            raise Death
        left -= 1
        await write(writes)

    counter.backend.write = count  # type: ignore[method-assign] # the process's way to its database is cut
    try:
        await counter.hook(key)
    except Death:
        counter.store.recent.clear()
    finally:
        counter.backend.write = write  # type: ignore[method-assign]


async def test_what_was_set_aside_for_a_request_that_is_withdrawn_goes_back_into_stock(counter: Counter) -> None:
    counter.stock.add("ast_1", "computer")
    plan = [
        PlannedTask(key="reserve", title="Set one aside", kind=TaskKind.RESERVE_ASSET, asset_class="computer"),
        PlannedTask(key="sign", title="Sign for it", depends_on=["reserve"]),
    ]
    item = await counter.offer(plan=plan)
    request = await counter.requests.create({"catalog_item_id": item.id})
    (reserving, _sign) = await counter.tasks_of(f"requests/{request.id}")
    assert (await counter.hook(reserving.id)).asset_id == "ast_1"
    await counter.requests.cancel(request.id, "not wanted")
    counter.stock.broken = 1
    with pytest.raises(Unavailable):  # the timer comes again
        await counter.hook(reserving.id)
    after = await counter.hook(reserving.id)
    assert (after.state, after.asset_id, after.next_try_time) == (TaskState.DONE, "", None)
    kept = counter.stock.items["ast_1"]
    assert (kept.owner_id, kept.mark, kept.in_stock) == ("", "", True)


async def test_what_was_set_aside_and_not_handed_over_goes_back_when_the_request_is_closed(counter: Counter) -> None:
    counter.stock.add("ast_1", "computer")
    request = await counter.requests.create({"title": "a laptop", "requester_id": "eve"})
    about = f"requests/{request.id}"
    reserving = await wanting(counter, TaskKind.RESERVE_ASSET, about=about)
    assigning = await wanting(counter, about=about, depends_on=[reserving.id], mandatory=False)
    await counter.hook(reserving.id)
    await counter.tasks.skip(assigning.id, "not wanted")
    await counter.requests.close(request.id)
    await counter.hook(reserving.id)
    assert (counter.stock.items["ast_1"].owner_id, counter.stock.items["ast_1"].mark) == ("", "")


@pytest.mark.parametrize("verb", ["skip", "cancel", "fail"])
async def test_what_a_task_set_aside_goes_back_when_it_comes_to_nothing(counter: Counter, verb: str) -> None:
    counter.stock.add("ast_1", "computer")
    task = await wanting(counter, mandatory=False)
    counter.stock.lost_answers = 1
    assert (await counter.hook(task.id)).state is TaskState.IN_PROGRESS
    assert counter.stock.items["ast_1"].owner_id == "eve"
    await getattr(counter.tasks, verb)(task.id, "not wanted")
    after = await counter.hook(task.id)
    assert (after.asset_id, after.next_try_time) == ("", None)
    assert (counter.stock.items["ast_1"].owner_id, counter.stock.items["ast_1"].mark) == ("", "")
    if verb == "fail":
        await counter.tasks.retry(task.id)
        assert (await counter.hook(task.id)).state is TaskState.DONE


async def test_what_failed_after_it_was_handed_over_is_not_handed_over_twice(counter: Counter) -> None:
    for number in (1, 2):
        counter.stock.add(f"ast_{number}", "computer")
    task = await wanting(counter)
    counter.stock.lost_answers = 2
    await counter.hook(task.id)
    counter.clock.advance(hours=1)
    await counter.hook(task.id)
    assert not counter.stock.items["ast_1"].in_stock
    await counter.tasks.fail(task.id, "too slow")
    await counter.hook(task.id)
    await counter.tasks.retry(task.id)
    done = await counter.hook(task.id)
    assert (done.state, done.asset_id) == (TaskState.DONE, "ast_1")
    assert counter.stock.items["ast_2"].in_stock


async def test_what_was_handed_over_stays_where_it_is(counter: Counter) -> None:
    counter.stock.add("ast_1", "computer")
    plan = [
        PlannedTask(key="give", title="Give one", kind=TaskKind.ASSIGN_ASSET, asset_class="computer"),
        PlannedTask(key="sign", title="Sign for it", depends_on=["give"]),
    ]
    item = await counter.offer(plan=plan)
    request = await counter.requests.create({"catalog_item_id": item.id})
    giving = (await counter.tasks_of(f"requests/{request.id}"))[0]
    await counter.hook(giving.id)
    await counter.requests.cancel(request.id, "not wanted")
    assert (await counter.hook(giving.id)).asset_id == "ast_1"
    assert counter.stock.items["ast_1"].owner_id == request.receiver_id
