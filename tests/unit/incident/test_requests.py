"""Requests and their catalog in memory."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis import context as ctx
from chassis.context import Actor, Context
from chassis.errors import Denied, ForbiddenMove, Invalid, NotFound
from chassis.store import CHANGES
from services.incident.domain.catalog import Audience, CatalogItem, Money
from services.incident.domain.clock import ClockKind, ClockState
from services.incident.domain.plan import PlannedTask
from services.incident.domain.request import REQUEST_MOVES, Request, RequestState
from services.incident.domain.states import HoldReason
from services.incident.domain.task import TaskState
from services.incident.usecases.catalog import MAKES
from services.incident.usecases.reading import Asked
from tests.unit.incident.counter import POLICY, Counter

PLAN = [
    PlannedTask(key="account", title="Make the account"),
    PlannedTask(key="laptop", title="Set up the laptop"),
    PlannedTask(
        key="phone", title="Order a phone", condition={"properties": {"phone": {"const": True}}, "required": ["phone"]}
    ),
    PlannedTask(key="tour", title="Show the house", mandatory=False, depends_on=["account"]),
    PlannedTask(key="desk", title="Put all on the desk", depends_on=["account", "laptop", "phone"]),
]
FORM = {
    "type": "object",
    "properties": {"model": {"enum": ["air", "pro"]}, "phone": {"type": "boolean"}, "why": {"type": "string"}},
    "required": ["model"],
    "if": {"properties": {"model": {"const": "pro"}}, "required": ["model"]},
    "then": {"required": ["why"]},
}
JOINER = {"form": FORM, "plan": PLAN, "approval_policy_id": POLICY, "price": Money(amount="1804.46", currency="EUR")}


def somebody(who: str = "alice", **more: Any) -> Context:
    return Context(tenant="main", actor=Actor(id=who), permissions=frozenset({MAKES}), **more)


def requester(who: str, *roles: str) -> Context:
    return Context(tenant="main", actor=Actor(id=who), roles=frozenset(roles), scope={"requester_id": who})


@pytest.fixture
def counter() -> Any:
    with ctx.use(somebody()):
        yield Counter()


def clock(request: Request, kind: ClockKind) -> Any:
    return next((each for each in request.clocks if each.kind is kind), None)


async def do(counter: Counter, key: str, titles: list[str]) -> None:
    for title in titles:
        (task,) = [each for each in await counter.tasks_of(f"requests/{key}") if each.title == title]
        await counter.tasks.complete(task.id)


async def test_a_joiner_is_ordered_approved_and_done_task_by_task(counter: Counter) -> None:
    item = await counter.offer(**JOINER)
    with ctx.use(requester("joe")):
        request = await counter.requests.create({"catalog_item_id": item.id, "answers": {"model": "air"}, "receiver_id": "eve"})
    assert (request.state, request.requester_id, request.receiver_id) == (RequestState.WAITING_FOR_APPROVAL, "joe", "eve")
    assert counter.manager.asked == [request.id]
    assert await counter.tasks_of(f"requests/{request.id}") == []
    with ctx.use(Context(tenant="main", actor=Actor(id="boss"), scope={"_id": "none of hers"})):
        await counter.decide(request.id, approved=True)
    tasks = await counter.tasks_of(f"requests/{request.id}")
    assert [(task.title, task.state) for task in tasks] == [
        ("Make the account", TaskState.READY),
        ("Set up the laptop", TaskState.READY),
        ("Show the house", TaskState.PENDING),
        ("Put all on the desk", TaskState.PENDING),
    ]
    assert {(task.requester_id, task.receiver_id) for task in tasks} == {("joe", "eve")}
    await do(counter, request.id, ["Make the account"])
    assert (await counter.store.get(Request, request.id)).state is RequestState.IN_PROGRESS
    with pytest.raises(ForbiddenMove, match="Set up the laptop"):
        await counter.requests.resolve(request.id, "fulfilled", "all there")
    with pytest.raises(ForbiddenMove):
        await do(counter, request.id, ["Put all on the desk"])
    await do(counter, request.id, ["Set up the laptop", "Put all on the desk"])
    resolved = await counter.store.get(Request, request.id)
    assert (resolved.state, resolved.resolution_code) == (RequestState.RESOLVED, "fulfilled")
    closed = await counter.requests.close(request.id)
    assert closed.state is RequestState.CLOSED
    left = [task.state for task in await counter.tasks_of(f"requests/{request.id}") if not task.mandatory]
    assert left == [TaskState.CANCELLED]


async def test_no_clock_runs_while_others_decide(counter: Counter) -> None:
    item = await counter.offer(**JOINER)
    request = await counter.requests.create({"catalog_item_id": item.id, "answers": {"model": "air"}})
    counter.clock.advance(days=9)
    assert request.clocks == []
    await counter.decide(request.id, approved=False, reason="ask again in May")
    rejected = await counter.store.get(Request, request.id)
    assert (rejected.state, rejected.rejection_reason, rejected.clocks) == (RequestState.REJECTED, "ask again in May", [])
    revised = await counter.requests.revise(request.id, {"model": "pro", "why": "I build films"}, "")
    assert (revised.state, revised.rejection_reason) == (RequestState.NEW, "")
    await counter.requests.submit(request.id)
    counter.clock.advance(days=9)
    await counter.decide(request.id, approved=True)
    approved = await counter.store.get(Request, request.id)
    response = clock(approved, ClockKind.RESPONSE)
    assert (response.start_time, response.state) == (counter.clock(), ClockState.RUNNING)
    assert response.elapsed == timedelta(0)
    counter.clock.advance(minutes=30)
    begun = await counter.requests.start(request.id)
    assert clock(begun, ClockKind.RESPONSE).elapsed == timedelta(minutes=30)
    assert not clock(begun, ClockKind.RESPONSE).breached


async def test_what_is_changed_while_others_decide_is_decided_anew(counter: Counter) -> None:
    item = await counter.offer(**JOINER)
    request = await counter.requests.create({"catalog_item_id": item.id, "answers": {"model": "air"}})
    await counter.requests.revise(request.id, {"model": "air", "phone": True}, "with a phone")
    assert counter.manager.voided == [f"{request.number}: the request was changed"]
    await counter.decide(request.id, approved=True)  # of what was asked before
    assert (await counter.store.get(Request, request.id)).state is RequestState.NEW
    await counter.requests.submit(request.id)
    assert counter.manager.asked == [request.id, request.id]
    await counter.decide(request.id, approved=True)
    titles = {task.title for task in await counter.tasks_of(f"requests/{request.id}")}
    assert "Order a phone" in titles


async def test_a_request_is_made_of_the_item_as_it_was(counter: Counter) -> None:
    item = await counter.offer(**JOINER)
    request = await counter.requests.create({"catalog_item_id": item.id, "answers": {"model": "air"}})
    changed = await counter.catalog.update(item.id, {"plan": [], "form": {}, "price": Money(amount="1", currency="EUR")})
    assert changed.revision == 2
    await counter.decide(request.id, approved=True)
    kept = await counter.store.get(Request, request.id)
    assert (kept.catalog_item_revision, kept.price) == (1, Money(amount="1804.46", currency="EUR"))
    assert len(await counter.tasks_of(f"requests/{request.id}")) == 4


async def test_what_nobody_has_to_approve_begins_at_once(counter: Counter) -> None:
    request = await counter.requests.create({"title": "a key for the cellar"})
    assert (request.state, [each.state for each in request.clocks]) == (RequestState.APPROVED, [ClockState.RUNNING] * 3)
    with pytest.raises(ForbiddenMove):
        await counter.requests.submit(request.id)


@pytest.mark.parametrize(
    ("answers", "pointer"),
    [({}, "answers.model"), ({"model": "pro"}, "answers.why"), ({"model": "air", "else": 1}, "answers")],
)
async def test_answers_that_do_not_fit_make_no_request(counter: Counter, answers: dict[str, Any], pointer: str) -> None:
    item = await counter.offer(**JOINER)
    with pytest.raises(Invalid) as refusal:
        await counter.requests.create({"catalog_item_id": item.id, "answers": answers})
    assert pointer in refusal.value.violations
    found = await counter.catalog.evaluate(item.id, answers)
    assert found.violations, "who shows the form is told the same"


async def test_a_form_is_read_with_the_answers_so_far(counter: Counter) -> None:
    item = await counter.offer(**JOINER)
    found = await counter.catalog.evaluate(item.id, {"model": "pro", "phone": True})
    assert {each.name: each.required for each in found.fields} == {"model": True, "phone": False, "why": True}
    assert found.steps == [task.title for task in PLAN]
    assert (found.orderable, [each.pointer for each in found.violations]) == (True, ["/why"])


async def test_who_may_not_see_an_item_finds_nothing_and_who_may_not_order_it_is_told(counter: Counter) -> None:
    await counter.offer(title="For all")
    await counter.offer(title="For the house", seen_by=Audience(team_ids=["house"]))
    await counter.offer(title="For agents", seen_by=Audience(roles=["agent"], user_ids=["eve"]))
    shown = await counter.offer(title="For bosses", ordered_by=Audience(roles=["boss"]))
    draft = await counter.catalog.create({"title": "Not yet"})

    async def seen() -> list[str]:
        rows, _ = await counter.catalog.page(Asked())
        assert (await counter.catalog.count(""))[0] == len(rows)
        return [row["title"] for row in rows]

    assert len(await seen()) == 5
    with ctx.use(requester("joe", "requester")):
        assert await seen() == ["For all", "For bosses"]
        counter.teams.ids = frozenset({"house"})
        assert await seen() == ["For all", "For bosses", "For the house"]
        with pytest.raises(NotFound):
            await counter.catalog.get(draft.id)
        with pytest.raises(NotFound):
            await counter.requests.create({"catalog_item_id": draft.id})
        with pytest.raises(Denied):
            await counter.requests.create({"catalog_item_id": shown.id})
    with ctx.use(requester("eve", "boss")):
        assert await seen() == ["For agents", "For all", "For bosses", "For the house"]
        assert (await counter.requests.create({"catalog_item_id": shown.id})).requester_id == "eve"
    await counter.catalog.retire(shown.id)
    with pytest.raises(ForbiddenMove, match="not offered"):
        await counter.requests.create({"catalog_item_id": shown.id})


async def test_what_is_ordered_most_comes_first_for_whoever_may_see_it(counter: Counter) -> None:
    chair, lamp, secret, old = [
        await counter.offer(title=title, seen_by=Audience(user_ids=["ann"]) if title == "a safe" else Audience())
        for title in ("a chair", "a lamp", "a safe", "a fax")
    ]
    for item, often in ((chair, 1), (lamp, 2), (secret, 3), (old, 4)):
        for _ in range(often):
            with ctx.use(requester("ann")):
                await counter.requests.create({"catalog_item_id": item.id})
    await counter.requests.create({"title": "what nobody offers"})
    await counter.catalog.retire(old.id)

    async def popular(who: str) -> list[str]:
        with ctx.use(requester(who)):
            return [row["title"] for row in await counter.own_catalog.popular()]

    assert await popular("ann") == ["a safe", "a lamp", "a chair"]
    assert await popular("joe") == ["a lamp", "a chair"], "orders of others count, and what is for others stays theirs"
    counter.clock.advance(days=91)
    assert await popular("ann") == []


async def test_who_only_asks_asks_for_nobody_else_and_sees_only_what_he_asked_for(counter: Counter) -> None:
    other = await counter.requests.create({"title": "a chair", "requester_id": "ann"})
    with ctx.use(requester("joe")):
        own = await counter.requests.create({"title": "a desk", "requester_id": "ann"})
        assert own.requester_id == "joe"
        rows, _ = await counter.reading.page(Request, Asked())
        assert [row["number"] for row in rows] == [own.number]
        for call in (counter.progress.of(other.id), counter.requests.withdraw(other.id, "no")):
            with pytest.raises(NotFound):
                await call


async def test_what_was_said_in_answer_takes_work_up_again(counter: Counter) -> None:
    request = await counter.requests.create({"title": "a desk", "requester_id": "joe"})
    with pytest.raises(Invalid, match="tell the requester"):
        await counter.requests.hold(request.id, HoldReason.CALLER, "")
    held = await counter.requests.hold(request.id, HoldReason.CALLER, "which room?")
    assert clock(held, ClockKind.RESOLVE).state is ClockState.PAUSED
    assert (await counter.progress.of(request.id)).summary == "Work on it waits for your answer."
    with ctx.use(requester("joe")):
        await counter.requests.note(request.id, "the blue one", public=False)
    assert (await counter.store.get(Request, request.id)).state is RequestState.IN_PROGRESS


async def test_progress_is_told_in_plain_words(counter: Counter) -> None:
    item = await counter.offer(**JOINER)
    request = await counter.requests.create({"catalog_item_id": item.id, "answers": {"model": "air"}})

    async def told() -> tuple[str, list[str]]:
        found = await counter.progress.of(request.number)
        return found.summary, [f"{step.title}: {step.status}" for step in found.steps]

    assert await told() == ("It waits for approval. One of two has agreed.", ["Approval: One of two has agreed."])
    await counter.decide(request.id, approved=True)
    assert (await told())[0] == "It is approved; work on it begins soon."
    await do(counter, request.id, ["Make the account"])
    summary, steps = await told()
    assert summary == "Work on it goes on: 1 of 4 steps are done; next: Set up the laptop, Show the house."
    assert steps == [
        "Approval: given",
        "Make the account: done",
        "Set up the laptop: next",
        "Show the house: next",
        "Put all on the desk: after Set up the laptop",
    ]
    await do(counter, request.id, ["Set up the laptop", "Put all on the desk"])
    assert (await told())[0].startswith("It is done: Make the account")


async def test_a_request_that_is_withdrawn_takes_its_tasks_with_it(counter: Counter) -> None:
    item = await counter.offer(plan=PLAN)
    with ctx.use(requester("joe")):
        request = await counter.requests.create({"catalog_item_id": item.id})
        await counter.requests.withdraw(request.id, "I found one")
    assert {task.state for task in await counter.tasks_of(f"requests/{request.id}")} == {TaskState.CANCELLED}
    gone = await counter.store.get(Request, request.id)
    assert {each.state for each in gone.clocks} == {ClockState.CANCELLED}


async def test_a_missed_promise_is_told_once_at_its_instant(counter: Counter) -> None:
    request = await counter.requests.create({"title": "a desk"})
    due = clock(request, ClockKind.RESPONSE).due_time
    counter.clock.advance(hours=3)
    steps = await counter.request_escalations.escalate("main", request.id)
    assert [(step.clock.kind, step.at) for step in steps][-1] == (ClockKind.RESPONSE, due)
    assert await counter.request_escalations.escalate("main", request.id) == []
    rows = [row for row in counter.backend.collections[CHANGES].values() if row["type"].endswith("RequestEscalated")]
    assert len(rows) == len(steps) == 2


async def test_an_item_is_checked_when_it_is_made(counter: Counter) -> None:
    for fields, named in (
        ({"title": ""}, "title"),
        ({"title": "x", "price": Money(amount="ten", currency="EUR")}, "price"),
        ({"title": "x", "form": {"$ref": "https://example.com/form"}}, "form.$ref"),
        ({"title": "x", "plan": [PlannedTask(key="a", title="a", depends_on=["b"])]}, "plan[0].dependsOn"),
        ({"title": "x", "approval_policy_id": "ap_none"}, "approval_policy_id"),
    ):
        with pytest.raises(Invalid) as refusal:
            await counter.catalog.create(fields)
        assert named in refusal.value.violations
    assert counter.backend.collections.get("catalog_items", {}) == {}


STEPS = (*REQUEST_MOVES, "task", "wait")


async def use(counter: Counter, verb: str, key: str) -> None:
    match verb:
        case "approve" | "reject":
            await counter.decide(key, approved=verb == "approve", reason="so")
        case "accept" | "submit" | "start" | "resume" | "close":
            await getattr(counter.requests, "submit" if verb == "accept" else verb)(key)
        case "revise":
            await counter.requests.revise(key, None, "in other words")
        case "assign":
            await counter.requests.assign(key, "team_1", "bob")
        case "hold":
            await counter.requests.hold(key, HoldReason.VENDOR, "")
        case "resolve":
            await counter.requests.resolve(key, "fulfilled", "done")
        case "task":
            ready = [task for task in await counter.tasks_of(f"requests/{key}") if task.state is TaskState.READY]
            for task in ready[:1]:
                await counter.tasks.complete(task.id)
        case "wait":
            counter.clock.advance(hours=5)
        case _:
            await getattr(counter.requests, verb)(key, "because")


@settings(max_examples=60, deadline=None)
@given(approved=st.booleans(), steps=st.lists(st.sampled_from(STEPS), max_size=16))
async def test_no_order_of_verbs_leaves_the_table_or_loses_an_event(approved: bool, steps: list[str]) -> None:
    with ctx.use(somebody()):
        counter = Counter()
        item = await counter.offer(plan=PLAN, approval_policy_id=POLICY if approved else "")
        key = (await counter.requests.create({"catalog_item_id": item.id})).id
        for verb in steps:
            before = await counter.store.get(Request, key)
            try:
                await use(counter, verb, key)
            except ForbiddenMove:
                assert await counter.store.get(Request, key) == before
                continue
            after = await counter.store.get(Request, key)
            check(before, after, verb)
            if after.state.is_final:
                assert all(task.state.is_over for task in await counter.tasks_of(f"requests/{key}"))
        told = [row for row in counter.backend.collections[CHANGES].values() if row["key"] == key]
        assert len(told) == (await counter.store.get(Request, key)).version


def check(before: Request, after: Request, verb: str) -> None:
    """A step of a walk: only along the table, and what a request holds in its state."""
    reachable = {before.state}
    for _ in range(2):  # a task may both begin and end it
        reachable |= {move.target for move in REQUEST_MOVES.values() if move.sources & reachable}
    assert after.state in reachable
    if verb in REQUEST_MOVES and verb not in ("approve", "reject", "submit", "accept"):
        assert before.state in REQUEST_MOVES[verb].sources
    running = [each for each in after.clocks if each.is_open]
    if after.state in (RequestState.NEW, RequestState.WAITING_FOR_APPROVAL, RequestState.REJECTED):
        assert after.clocks == []
    if after.state in (RequestState.RESOLVED, RequestState.CLOSED, RequestState.CANCELLED):
        assert not running
    assert (after.hold_reason is not None) == (after.state is RequestState.ON_HOLD)


def test_the_table_is_that_of_the_trade() -> None:
    leads = {(source.value, move.target.value) for move in REQUEST_MOVES.values() for source in move.sources - move.keeps}
    assert {
        ("NEW", "WAITING_FOR_APPROVAL"),
        ("WAITING_FOR_APPROVAL", "APPROVED"),
        ("WAITING_FOR_APPROVAL", "REJECTED"),
        ("REJECTED", "NEW"),
    } <= leads
    assert all(source == "WAITING_FOR_APPROVAL" for source, target in leads if target == "REJECTED")
    assert not [pair for pair in leads if pair[0] in ("CLOSED", "CANCELLED")]


async def test_an_item_and_a_request_are_found_as_they_are_stored(counter: Counter) -> None:
    item = await counter.offer(**JOINER)
    assert await counter.store.get(CatalogItem, item.id) == item
    request = await counter.requests.create({"catalog_item_id": item.id, "answers": {"model": "air"}})
    assert await counter.store.get(Request, request.number) == request
    assert isinstance((await counter.store.get(Request, request.id)).planned[0], PlannedTask)
