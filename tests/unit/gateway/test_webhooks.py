"""Webhooks: who is told of what, how it is signed, tried again and given up, and what is never reached."""

import asyncio
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import WebhookVerificationError

from chassis import context as ctx
from chassis.context import Actor, Context
from chassis.errors import Invalid, NotFound, Unavailable
from chassis.failpoints import Failpoints
from chassis.outbound import Limits, Outbound, Policy
from chassis.races import again
from services.auth.domain.roles import ROLES
from services.gateway.deliveries.worker import OF_A_TARGET
from services.gateway.domain.delivery import SCHEDULE, next_attempt
from services.gateway.domain.webhook import BY_REQUEST, FAILING, GONE, State, Webhook, covers
from services.gateway.usecases.reading import Asked
from services.gateway.usecases.webhooks import MOST
from tests.support.eventually import eventually
from tests.support.receiver import receiving
from tests.unit.gateway.post import NOON, OPENED, Post, boss

HOURS = [0, 0.00139, 0.085, 0.585, 2.585, 7.585, 17.585, 31.585, 51.585, 75.585]


async def test_a_receiver_verifies_what_it_is_told_with_an_independent_library() -> None:
    post = Post()
    async with receiving(204) as receiver:
        with ctx.use(boss()):
            webhook, secret = await post.webhook(receiver.url)
            await post.tell(title="the printer burns")
            assert await post.deliver() == 1
            (row,) = await post.rows(webhook)
    (sent,) = receiver.seen
    assert sent.verified(secret)
    assert sent.id == "e1"
    assert sent.told.keys() == {"type", "timestamp", "data"}
    assert (sent.told["type"], sent.told["timestamp"]) == (OPENED, "2026-05-04T12:00:01Z")
    assert sent.told["data"]["incident"]["title"] == "the printer burns"
    assert (row["state"], row["attempt_count"], row["next_due_time"]) == ("DELIVERED", 1, None)
    assert (row["attempts"][0]["status"], row["attempts"][0]["error"]) == (204, "")
    assert post.outcomes() == {"delivered": 1, "retried": 0, "failed": 0}
    with pytest.raises(WebhookVerificationError):
        sent.verified("whsec_" + "A" * 43 + "=")


async def test_for_a_day_after_a_rotation_both_secrets_count_and_then_only_the_new_one() -> None:
    post = Post()
    async with receiving(204) as receiver:
        with ctx.use(boss()):
            webhook, first = await post.webhook(receiver.url)
            rotated, second = await post.webhooks.rotate(webhook.id)
            assert rotated.previous_key_expire_time == NOON + timedelta(hours=24)
            await post.tell("e1")
            await post.deliver()
            post.clock.advance(hours=24)
            await post.tell("e2")
            await post.deliver()
            _, third = await post.webhooks.rotate(webhook.id)
            await post.tell("e3")
            await post.deliver()
    both, alone, later = receiver.seen
    assert len({first, second, third}) == 3
    assert both.verified(first) and both.verified(second)
    assert alone.verified(second) and later.verified(third) and later.verified(second)
    for sent in (alone, later):
        with pytest.raises(WebhookVerificationError):
            sent.verified(first)


async def test_an_event_that_comes_again_is_one_delivery_and_each_webhook_has_its_own() -> None:
    post = Post()
    with ctx.use(boss()):
        one, _ = await post.webhook("http://127.0.0.1:1/")
        other, _ = await post.webhook("http://127.0.0.1:1/")
        for event in ("e1", "e1", "e2"):
            await post.tell(event)
        rows = [await post.rows(webhook) for webhook in (one, other)]
    assert [sorted(row["event_id"] for row in each) for each in rows] == [["e1", "e2"], ["e1", "e2"]]
    assert len({row["_id"] for each in rows for row in each}) == 4


async def test_it_is_told_of_types_that_it_names_and_of_records_that_fit_its_filter() -> None:
    post = Post()
    with ctx.use(boss()):
        urgent, _ = await post.webhook("http://127.0.0.1:1/", ["itsm.incident.*"], filter='priority = P2 AND title:"disk"')
        assets, _ = await post.webhook("http://127.0.0.1:1/", ["itsm.asset.v1.*"])
        recent, _ = await post.webhook("http://127.0.0.1:1/", filter='createTime > "2026-05-04T12:00:00Z" AND assetIds = "a1"')
        await post.tell("e1", title="a full disk")
        await post.tell("e2", title="a printer")
        await post.tell("e3", title="a full disk", priority=1)
        await post.tell("e4", title="x", asset_ids=["a1", "a2"], create_time=NOON + timedelta(seconds=1))
        await post.tell("e5", title="x", asset_ids=["a1"], create_time=NOON - timedelta(seconds=1))
        found = {each.id: [row["event_id"] for row in await post.rows(each)] for each in (urgent, assets, recent)}
    assert found == {urgent.id: ["e1"], assets.id: [], recent.id: ["e4"]}


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_pattern_means_the_types_that_begin_so(beginning: str, rest: str) -> None:
    if "*" not in beginning:
        assert covers(f"{beginning}*", beginning + rest)
        assert covers(beginning, beginning + rest) == (rest == "")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"event_types": []}, "event_types"),
        ({"event_types": ["itsm.incident.v1.Nonsense"]}, "event_types"),
        ({"event_types": ["itsm.*.v1"]}, "event_types"),
        ({"event_types": [OPENED, OPENED]}, "event_types"),
        ({"filter": "nonsense = 3"}, "filter"),
        ({"filter": "priority = P1 OR"}, "filter"),
        ({"description": "x" * 1001}, "description"),
        ({"url": "http://127.0.0.1/#there"}, "url"),
    ],
)
async def test_what_could_never_be_told_is_refused_at_once(fields: dict[str, Any], field: str) -> None:
    post = Post()
    with ctx.use(boss()):
        with pytest.raises(Invalid) as refused:
            await post.webhooks.create({"url": "http://127.0.0.1/", "event_types": [OPENED], **fields})
        assert set(refused.value.violations) == {field}
        webhook, _ = await post.webhook("http://127.0.0.1/")
        with pytest.raises(Invalid):
            await again(lambda: post.webhooks.update(webhook.id, fields))


INSIDE = [
    "https://10.0.0.1/", "https://192.168.1.1/", "https://172.16.9.9/", "https://127.0.0.1/", "https://[::1]/",
    "https://169.254.169.254/latest/meta-data", "https://[fe80::1]/", "https://[fd00:ec2::254]/", "https://100.64.0.1/",
    "https://localhost/", "https://metadata.google.internal/", "https://itsm-auth.itsm.svc/", "https://0/", "https://2130706433/",
    "https://0x7f.1/", "https://[::ffff:127.0.0.1]/", "https://224.0.0.1/", "https://good.example@127.0.0.1/",
    "http://example.com/", "https://example.com:22/", "file:///etc/passwd", "gopher://example.com/", "https://ex ample.com/",
]  # fmt: skip


@pytest.mark.parametrize("url", INSIDE)
async def test_addresses_of_the_inside_are_refused_when_they_are_given(url: str) -> None:
    post = Post(policy=Policy())
    with ctx.use(boss()), pytest.raises(Invalid) as refused:
        await post.webhook(url)
    assert set(refused.value.violations) == {"url"}


@pytest.mark.parametrize("answers", [["10.0.0.7"], ["93.184.215.14", "127.0.0.1"], ["169.254.169.254"], ["::1"]])
async def test_a_public_name_that_leads_inside_is_refused_when_it_is_sent_to(answers: list[str]) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return answers

    post = Post(policy=Policy(), outbound=Outbound(Policy(), resolve=resolve))
    with ctx.use(boss()):
        webhook, _ = await post.webhook("https://rebinding.example/")
        await post.tell()
        await post.deliver()
        (row,) = await post.rows(webhook)
    assert (row["state"], row["attempt_count"], row["attempts"][0]["status"]) == ("FAILED", 1, 0)
    assert "is not public" in row["attempts"][0]["error"] or "never reached" in row["attempts"][0]["error"]


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


async def test_a_large_event_is_told_by_the_short_values_of_its_record() -> None:
    post = Post()
    async with receiving(204) as receiver:
        with ctx.use(boss()):
            await post.webhook(receiver.url)
            await post.tell(description="x" * 30_000)
            await post.deliver()
    (sent,) = receiver.seen
    assert len(sent.body) < 20_000
    assert sent.told["data"]["thin"] is True
    assert (sent.told["data"]["incident"]["id"], "description" in sent.told["data"]["incident"]) == ("inc_1", False)


async def test_it_is_told_only_of_what_its_owner_may_read_when_it_happens_and_when_it_is_sent() -> None:
    post = Post()
    async with receiving(204) as receiver:
        with ctx.use(boss()):
            webhook, _ = await post.webhook(receiver.url)
            post.people["main", "boss"] = ["requester"]
            await post.tell("own", requester_id="boss")
            await post.tell("others", requester_id="somebody")
            assert [row["event_id"] for row in await post.rows(webhook)] == ["own"]
            post.people["main", "boss"] = []
            post.seconds += 16
            await post.deliver()
            (row,) = await post.rows(webhook)
            await post.tell("later", requester_id="boss")
            assert len(await post.rows(webhook)) == 1
    assert receiver.seen == []
    assert (row["state"], row["attempts"][0]["error"]) == ("FAILED", "the webhook's owner may not read this any more")


async def test_a_token_that_may_read_less_makes_a_webhook_that_is_told_less() -> None:
    post = Post()
    few = frozenset({"webhooks.create", "webhooks.get", "assets.get"})
    with ctx.use(Context(tenant="main", actor=Actor(id="boss"), roles=frozenset({"admin"}), permissions=few)):
        webhook, _ = await post.webhook("http://127.0.0.1:1/", ["*"])
        await post.tell()
        assert await post.rows(webhook) == []
    with ctx.use(boss()):
        await post.webhooks.update(webhook.id, {"description": "another word changes no right"})
        await post.tell("e2")
        assert await post.rows(webhook) == []
        await post.webhooks.update(webhook.id, {"event_types": [OPENED]})
        await post.tell("e3")
        assert [row["event_id"] for row in await post.rows(webhook)] == ["e3"]


async def test_who_changes_where_it_goes_answers_for_what_it_is_told() -> None:
    post = Post()
    helper = Context(tenant="main", actor=Actor(id="helper"), roles=frozenset({"admin"}), permissions=ROLES["admin"])
    with ctx.use(boss()):
        webhook, _ = await post.webhook("http://127.0.0.1:1/")
    with ctx.use(helper):
        changed = await post.webhooks.update(webhook.id, {"url": "http://127.0.0.1:2/"})
        await post.tell()
        assert await post.rows(webhook) == []
    assert changed.owner_id == "helper"


async def test_nobody_sees_or_is_told_what_belongs_to_another_tenant() -> None:
    post = Post()
    with ctx.use(boss()):
        webhook, secret = await post.webhook("http://127.0.0.1:1/", ["*"])
    with ctx.use(boss("other")):
        _, other_secret = await post.webhook("http://127.0.0.1:1/", ["*"])
        await post.tell()
        with pytest.raises(NotFound):
            await post.webhooks.get(webhook.id)
        with pytest.raises(NotFound):
            await post.webhooks.deliveries(webhook.id, Asked())
        assert len((await post.webhooks.page(Asked()))[0]) == 1
    with ctx.use(boss()):
        assert await post.rows(webhook) == []
    assert secret != other_secret


async def test_while_nobody_knows_who_may_read_an_event_waits_and_a_late_answer_counts_for_a_while() -> None:
    post = Post()
    with ctx.use(boss()):
        webhook, _ = await post.webhook("http://127.0.0.1:1/")
        post.away = True
        with pytest.raises(Unavailable):
            await post.tell("e1")
        post.away = False
        await post.tell("e1")
        post.away, post.seconds = True, 599.0
        await post.tell("e2")
        post.seconds = 601.0
        with pytest.raises(Unavailable):
            await post.tell("e3")
        assert sorted(row["event_id"] for row in await post.rows(webhook)) == ["e1", "e2"]


async def test_a_removed_webhook_is_gone_with_its_log() -> None:
    post = Post()
    async with receiving(204) as receiver:
        with ctx.use(boss()):
            webhook, _ = await post.webhook(receiver.url)
            await post.tell()
            await post.webhooks.delete(webhook.id)
            await post.deliver()
            for asked in (post.webhooks.get, post.webhooks.delete, post.webhooks.test, post.webhooks.rotate):
                with pytest.raises(NotFound):
                    await again(partial(asked, webhook.id))
            assert (await post.webhooks.page(Asked()))[0] == []
    assert receiver.seen == []


async def test_a_tenant_has_a_hundred_webhooks_at_most() -> None:
    post = Post()
    with ctx.use(boss()):
        for _ in range(MOST):
            await post.webhook("http://127.0.0.1:1/")
        with pytest.raises(Invalid):
            await post.webhook("http://127.0.0.1:1/")


async def test_secrets_are_in_nothing_that_is_kept() -> None:
    post = Post()
    with ctx.use(boss()):
        webhook, first = await post.webhook("http://127.0.0.1:1/")
        _, second = await post.webhooks.rotate(webhook.id)
        await post.tell()
    kept = repr(post.backend.collections)
    assert first.removeprefix("whsec_") not in kept
    assert second.removeprefix("whsec_") not in kept


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
