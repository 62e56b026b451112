"""Webhooks: who is told of what, how it is signed, tried again and given up, and what is never reached."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import WebhookVerificationError

from chassis import context as ctx
from chassis.context import Actor, Context
from chassis.errors import Invalid, NotFound, Unavailable
from chassis.outbound import Outbound, Policy
from chassis.races import again
from services.auth.domain.roles import ROLES
from services.gateway import reactions
from services.gateway.domain.webhook import covers
from services.gateway.usecases.reading import Asked
from services.gateway.usecases.webhooks import MOST
from tests.support.receiver import receiving
from tests.unit.gateway.post import NOON, OPENED, Post, boss


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
    assert (row["state"], row["attempt_count"], row["attempts"][0]["status"]) == ("PENDING", 1, 0), "a resolver may be wrong"
    assert "is not public" in row["attempts"][0]["error"] or "never reached" in row["attempts"][0]["error"]


async def test_an_address_that_is_allowed_no_more_is_given_up_at_once() -> None:
    post = Post(outbound=Outbound(Policy()))
    with ctx.use(boss()):
        webhook, _ = await post.webhook("http://127.0.0.1:1/")
        await post.tell()
        await post.deliver()
        (row,) = await post.rows(webhook)
    assert (row["state"], row["attempt_count"], row["next_due_time"]) == ("FAILED", 1, None)


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


async def test_a_key_makes_no_webhook_that_would_be_told_of_nothing_and_takes_none_over() -> None:
    post = Post()
    key = Context(
        tenant="main", actor=Actor(id="crd_1", kind="service"), roles=frozenset({"admin"}), permissions=ROLES["admin"]
    )
    with ctx.use(boss()):
        webhook, _ = await post.webhook("http://127.0.0.1:1/")
    with ctx.use(key):
        with pytest.raises(Invalid):
            await post.webhook("http://127.0.0.1:1/")
        with pytest.raises(Invalid):
            await again(lambda: post.webhooks.update(webhook.id, {"url": "http://127.0.0.1:2/"}))
        changed = await again(lambda: post.webhooks.update(webhook.id, {"description": "a word changes no owner"}))
        await post.tell()
        assert len(await post.rows(webhook)) == 1
    assert changed.owner_id == "boss"


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


async def test_a_trial_tells_no_secret_and_sends_no_test() -> None:
    post = Post()
    with ctx.use(boss()):
        webhook, first = await post.webhook("http://127.0.0.1:1/")
    with ctx.use(boss(dry_run=True)):
        tried, secret = await post.webhooks.rotate(webhook.id)
        with pytest.raises(Invalid) as refused:
            await post.webhooks.test(webhook.id)
        with pytest.raises(NotFound):
            await post.webhooks.test("whk_none")
    assert (tried.key_version, secret, refused.value.reason) == (2, "", "DRY_RUN_IMPOSSIBLE")
    with ctx.use(boss()):
        assert (await post.webhooks.rotate(webhook.id))[1] not in ("", first)


def test_the_webhooks_of_a_tenant_are_told_of_few_events_in_a_transaction() -> None:
    assert reactions.webhooks(Post().telling).most * MOST <= 5_000


async def test_secrets_are_in_nothing_that_is_kept() -> None:
    post = Post()
    with ctx.use(boss()):
        webhook, first = await post.webhook("http://127.0.0.1:1/")
        _, second = await post.webhooks.rotate(webhook.id)
        await post.tell()
    kept = repr(post.backend.collections)
    assert first.removeprefix("whsec_") not in kept
    assert second.removeprefix("whsec_") not in kept
