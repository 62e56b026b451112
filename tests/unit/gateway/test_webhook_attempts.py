"""Deliveries to webhooks: when they are tried again, given up, repeated, and that none delays another."""

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import context as ctx
from chassis.errors import NotFound
from chassis.failpoints import Failpoints
from chassis.outbound import Limits
from services.gateway.deliveries.worker import OF_A_TARGET, OF_A_TENANT, Outcome, Worker
from services.gateway.domain.delivery import KEPT, SCHEDULE, Channel, next_attempt
from services.gateway.domain.webhook import BY_REQUEST, FAILING, GONE, State, Webhook
from services.gateway.usecases.health import Health
from services.gateway.usecases.reading import Document
from tests.support.eventually import eventually
from tests.support.receiver import receiving
from tests.unit.gateway.post import NOON, OPENED, Post, boss

HOURS = [0, 0.00138, 0.0847, 0.5847, 2.5847, 7.5847, 17.5847, 31.5847, 51.5847, 75.5847]  # rounded down


async def test_ten_attempts_in_75_hours_then_it_is_given_up_and_each_has_the_same_id_and_its_own_time() -> None:
    post = Post()
    async with receiving(500, answer=b"out of order") as receiver:
        with ctx.use(boss()):
            webhook, secret = await post.webhook(receiver.url)
            await post.tell()
            due, hours = post.clock(), []
            for _ in range(12):
                (row,) = await post.rows(webhook)
                if row["next_due_time"] is None:
                    break
                post.clock.now = row["next_due_time"]
                assert await post.deliver() == 1
                hours.append((post.clock() - due) / timedelta(hours=1))
            (row,) = await post.rows(webhook)
    assert len(hours) == len(SCHEDULE) + 1 == 10
    assert all(planned <= found <= planned * 1.1 + 0.01 for planned, found in zip(HOURS, hours, strict=True))
    assert (row["state"], row["attempt_count"], row["next_due_time"]) == ("FAILED", 10, None)
    assert {(each["status"], each["response"]) for each in row["attempts"]} == {(500, "out of order")}
    assert {sent.id for sent in receiver.seen} == {"e1"}
    assert all(sent.verified(secret) for sent in receiver.seen)
    assert post.outcomes() == {"delivered": 0, "retried": 9, "failed": 1}


@given(st.integers(1, 9), st.floats(0, 1), st.none() | st.integers(0, 86_400))
def test_a_pause_is_as_planned_or_as_asked_whichever_is_longer(turn: int, jitter: float, asked: int | None) -> None:
    wish = None if asked is None else timedelta(seconds=asked)
    due = next_attempt(turn, NOON, wish, jitter)
    assert due is not None
    assert max(SCHEDULE[turn - 1], wish or timedelta(0)) <= due - NOON <= max(SCHEDULE[turn - 1] * 1.1, wish or timedelta(0))


@pytest.mark.parametrize(("status", "told"), [(429, "3600"), (503, "Mon, 04 May 2026 13:00:01 GMT")])
async def test_a_receiver_that_asks_for_a_pause_gets_it_for_all_that_waits_for_it(status: int, told: str) -> None:
    post = Post()
    async with receiving(status, 204, headers={"retry-after": told}) as receiver, receiving(204) as other:
        with ctx.use(boss()):
            webhook, _ = await post.webhook(receiver.url)
            await post.tell("e1")
            await post.deliver()
            (row,) = await post.rows(webhook)
            assert row["next_due_time"] == NOON + timedelta(seconds=3601)
            await post.tell("e2")
            await post.webhook(other.url)
            await post.tell("e3")
            assert await post.deliver() == 1
            assert [sent.id for sent in other.seen] == ["e3"]
            post.seconds += 3601
            post.clock.advance(seconds=3601)
            while await post.deliver():
                pass
    assert sorted(sent.id for sent in receiver.seen) == ["e1", "e1", "e2", "e3"]


@pytest.mark.parametrize(
    "told", ["Mon, 01 Jan 99999999999999999999 00:00:00 GMT", "Mon, 04 May 2026 13:00:01 +9999999999", "soon"]
)
async def test_a_pause_that_nobody_can_read_is_none_and_the_turn_counts(told: str) -> None:
    post = Post()
    async with receiving(503, headers={"retry-after": told}) as receiver:
        with ctx.use(boss()):
            webhook, _ = await post.webhook(receiver.url)
            await post.tell()
            await post.deliver()
            (row,) = await post.rows(webhook)
    assert (row["state"], row["attempt_count"], row["attempts"][0]["error"]) == ("PENDING", 1, "answered 503")
    assert row["next_due_time"] > post.clock()


async def test_a_defect_while_something_is_sent_is_a_turn_like_any_other() -> None:
    class Broken:
        async def send(self, delivery: Document) -> Outcome:
            raise OverflowError("a number that nobody thought of")

        async def settled(self, delivery: Document, outcome: Outcome) -> None:
            assert not outcome.delivered

    post = Post()
    worker = Worker(post.store, {Channel.WEBHOOK: Broken()}, post.metrics, monotonic=lambda: post.seconds)
    with ctx.use(boss()):
        webhook, _ = await post.webhook("http://127.0.0.1:1/")
        await post.tell()
        for _ in SCHEDULE:
            assert await worker.begin() == 1
            await worker.settle()
            assert await worker.begin() == 0, "at once again"
            (row,) = await post.rows(webhook)
            post.clock.now = row["next_due_time"]
        await worker.begin()
        await worker.settle()
        (row,) = await post.rows(webhook)
    assert (row["state"], row["attempt_count"]) == ("FAILED", len(SCHEDULE) + 1)


@pytest.mark.parametrize(("status", "state"), [(302, "PENDING"), (400, "PENDING"), (404, "PENDING"), (200, "DELIVERED")])
async def test_only_2xx_is_taken_and_redirects_are_not_followed(status: int, state: str) -> None:
    post = Post()
    async with receiving(204) as elsewhere, receiving(status, headers={"location": elsewhere.url}) as receiver:
        with ctx.use(boss()):
            webhook, _ = await post.webhook(receiver.url)
            await post.tell()
            await post.deliver()
            (row,) = await post.rows(webhook)
    assert row["state"] == state
    assert elsewhere.seen == []


async def test_an_address_that_is_gone_disables_the_webhook() -> None:
    post = Post()
    async with receiving(410) as receiver:
        with ctx.use(boss()):
            webhook, _ = await post.webhook(receiver.url)
            await post.tell()
            await post.deliver()
            (row,) = await post.rows(webhook)
            found = await post.store.get(Webhook, webhook.id)
    assert (row["state"], found.state, found.disabled_reason) == ("FAILED", State.DISABLED, GONE)
    assert [row["type"] for row in post.backend.collections["changes"].values() if row.get("type")][-1].endswith(
        "WebhookDisabled"
    )


async def test_five_days_of_failures_disable_it_and_one_success_in_between_does_not() -> None:
    post = Post()
    async with receiving(500) as receiver:
        with ctx.use(boss()):
            webhook, _ = await post.webhook(receiver.url)
            for day in range(8):
                if day == 2:
                    receiver.answers = [204]
                await post.tell(f"e{day}")
                await post.deliver()
                if day == 2:
                    receiver.answers = [500]
                before = (await post.store.get(Webhook, webhook.id)).state
                for _ in range(4):
                    post.clock.advance(hours=6)
                    await post.deliver()
            found = await post.store.get(Webhook, webhook.id)
    assert before is State.ENABLED, "four days after the success that was too early"
    assert (found.state, found.disabled_reason) == (State.DISABLED, FAILING)


async def test_a_success_counts_whoever_saw_the_failures_before_it() -> None:
    post = Post()
    first, second = Health(post.store), Health(post.store)
    with ctx.use(boss()):
        await first.worked("whk_1")
        for _ in range(9):
            assert not await second.failed("whk_1")
        await first.worked("whk_1")
        post.clock.advance(days=30)
        assert not await first.failed("whk_1"), "one bad answer after a month"


async def test_a_disabled_webhook_is_told_of_nothing_but_a_test_and_of_the_past_never() -> None:
    post = Post()
    async with receiving(204) as receiver:
        with ctx.use(boss()):
            webhook, secret = await post.webhook(receiver.url)
            await post.tell("waits")
            await post.webhooks.disable(webhook.id)
            disabled = await post.webhooks.get(webhook.id)
            await post.deliver()
            await post.tell("unheard")
            early = post.envelope("early")
            tested = await post.webhooks.test(webhook.id)
            await post.deliver()
            post.clock.advance(seconds=1)
            await post.webhooks.enable(webhook.id)
            await post.telling.tell({"incident": {"id": "inc_1"}}, early)
            rows = {row["event_id"]: row["state"] for row in await post.rows(webhook)}
    assert disabled["disabled_reason"] == BY_REQUEST
    assert rows == {"waits": "FAILED", tested["event_id"]: "DELIVERED"}
    (sent,) = receiver.seen
    assert sent.verified(secret)
    assert sent.told["type"] == "itsm.gateway.v1.WebhookTested"


async def test_what_was_given_up_is_delivered_again_under_its_id() -> None:
    post = Post()
    async with receiving(410, 204) as receiver:
        with ctx.use(boss()):
            webhook, _ = await post.webhook(receiver.url)
            await post.tell()
            await post.deliver()
            (row,) = await post.rows(webhook)
            await post.webhooks.enable(webhook.id)
            again = await post.webhooks.redeliver(webhook.id, row["_id"])
            await post.deliver()
            (after,) = await post.rows(webhook)
            with pytest.raises(NotFound):
                await post.webhooks.redeliver(webhook.id, "dlv_unknown")
            other, _ = await post.webhook(receiver.url)
            with pytest.raises(NotFound):
                await post.webhooks.redeliver(other.id, row["_id"])
    assert (again["state"], after["state"]) == ("PENDING", "DELIVERED")
    assert [each["status"] for each in after["attempts"]] == [410, 204]
    assert [sent.id for sent in receiver.seen] == ["e1", "e1"]


async def test_what_is_made_again_while_an_attempt_is_under_way_is_tried_again_and_kept_long_enough() -> None:
    post = Post()
    async with receiving(410, 204, silent=True) as receiver:
        with ctx.use(boss()):
            webhook, _ = await post.webhook(receiver.url)
            await post.tell()
            post.clock.advance(days=29)
            await post.worker.begin()
            await eventually(lambda: receiver.seen)
            (row,) = await post.rows(webhook)
            await post.webhooks.redeliver(webhook.id, row["_id"])
            receiver.speaking.set()
            await post.worker.settle()
            (swallowed,) = await post.rows(webhook)
            await post.webhooks.enable(webhook.id)
            await post.deliver()
            (row,) = await post.rows(webhook)
    assert swallowed["state"] == "PENDING"
    assert (row["state"], [each["status"] for each in row["attempts"]]) == ("DELIVERED", [204])
    assert row["expire_time"] - post.clock() == KEPT


async def test_a_slow_receiver_has_few_turns_and_delays_no_other() -> None:
    post = Post()
    async with receiving(204, silent=True) as slow, receiving(204) as quick:
        with ctx.use(boss()):
            await post.webhook(slow.url)
            for number in range(50):
                await post.tell(f"s{number}")
            await post.worker.begin()
            await eventually(lambda: len(slow.seen) == OF_A_TARGET)
            await post.webhook(quick.url)
            await post.tell("q")
            await post.worker.begin()
            await eventually(lambda: quick.seen)
            assert (len(slow.seen), slow.most) == (OF_A_TARGET, OF_A_TARGET)
            slow.speaking.set()
            await post.worker.settle()
            while await post.deliver():
                pass
    assert len(slow.seen) == 51
    assert slow.most <= OF_A_TARGET


async def test_targets_of_one_tenant_that_hang_leave_turns_to_a_target_of_another_that_failed_once() -> None:
    class Hanging:
        def __init__(self) -> None:
            self.begun, self.over = Counter[str](), asyncio.Event()

        async def send(self, delivery: Document) -> Outcome:
            if delivery["event_id"] == "fails":
                return Outcome(False, "answered 500")
            self.begun[delivery["tenant"]] += 1
            await self.over.wait()
            return Outcome(True)

        async def settled(self, delivery: Document, outcome: Outcome) -> None:
            pass

    post, hanging = Post(), Hanging()
    worker = Worker(post.store, {Channel.WEBHOOK: hanging}, post.metrics, monotonic=lambda: post.seconds)
    for event in ("fails", "hangs"):
        for tenant, count in (("main", 40), ("other", 1)):
            with ctx.use(boss(tenant)):
                for _ in range(count if event == "fails" else 0):
                    await post.webhook("http://127.0.0.1:1/")
                await post.tell(event)
        await worker.begin()
        if event == "fails":
            await worker.settle()
    await eventually(lambda: hanging.begun["other"])
    assert hanging.begun == {"main": OF_A_TENANT // 2, "other": 1}
    hanging.over.set()
    await worker.settle()


async def test_a_receiver_that_never_answers_is_left_after_the_time_it_has() -> None:
    post = Post(Limits(total=0.2))
    async with receiving(204, silent=True) as receiver:
        with ctx.use(boss()):
            webhook, _ = await post.webhook(receiver.url)
            await post.tell()
            await post.deliver()
            (row,) = await post.rows(webhook)
    assert (row["state"], row["attempts"][0]["error"]) == ("PENDING", "no whole answer within 0.2 s")


@pytest.mark.parametrize(("place", "copies"), [("S11", 1), ("S12", 2)])
async def test_what_breaks_off_beside_a_delivery_is_done_again_under_the_same_id(
    tmp_path: Any, place: str, copies: int
) -> None:
    post = Post()
    file = tmp_path / "failpoints.json"
    post.store.failpoints = Failpoints("gateway", file)
    file.write_bytes(orjson.dumps({place: {"action": "error"}}))
    async with receiving(204) as receiver:
        with ctx.use(boss()):
            webhook, _ = await post.webhook(receiver.url)
            await post.tell()
            for _ in range(2):
                await post.deliver()
            (row,) = await post.rows(webhook)
    assert [sent.id for sent in receiver.seen] == ["e1"] * copies
    assert (row["state"], row["attempt_count"]) == ("DELIVERED", 1)


async def test_the_receiver_that_the_page_shows_takes_what_is_genuine_once(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[3] / "docs/how-to/receive-webhooks.md").read_text(encoding="utf-8")
    shown = page.partition("```python\n")[2].partition("```")[0]
    namespace: dict[str, Any] = {"__name__": "shown"}
    exec(shown, namespace)  # noqa: S102 - what the page of ours says
    namespace["SECRET"] = "whsec_" + "A" * 43 + "="
    server = namespace["HTTPServer"](("127.0.0.1", 0), namespace["Hook"])
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    post = Post()
    try:
        with ctx.use(boss()):
            webhook, secret = await post.webhook(f"http://127.0.0.1:{server.server_port}/")
            await post.tell("forged")
            await post.deliver()
            namespace["SECRET"] = secret
            await post.tell("e1")
            post.seconds += 3600
            await post.deliver()
            (good, _) = await post.rows(webhook)
            await post.webhooks.redeliver(webhook.id, good["_id"])
            await post.deliver()
            found = {row["event_id"]: [each["status"] for each in row["attempts"]] for row in await post.rows(webhook)}
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()
    assert found == {"forged": [401], "e1": [204, 204]}
    assert capsys.readouterr().out.count(OPENED) == 1
