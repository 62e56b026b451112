"""Webhooks on the running platform: a receiver of this machine hears of incidents, and of nothing that it should not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import grpc
import pytest
from itsm.gateway import v1 as pb

from tests.support.callers import Callers
from tests.support.eventually import eventually
from tests.support.gateway import Gateway
from tests.support.platform import Breakable
from tests.support.receiver import Receiver, Sent, receiving
from tests.support.rpcs import rpcs
from tests.support.universal import watched

OPENED = "itsm.incident.v1.IncidentOpened"
SOON = 120.0  # also where a lease or a group must first move from a process that died


@asynccontextmanager
async def hooked(admin: Gateway, receiver: Receiver, category: str) -> AsyncIterator[tuple[dict[str, Any], str]]:
    """A webhook for incidents of one category, and its secret."""
    wanted = {"url": receiver.url, "eventTypes": ["itsm.incident.v1.Incident*"], "filter": f'category = "{category}"'}
    made = await admin.post("webhooks", wanted)
    try:
        yield made["webhook"], made["secret"]
    finally:
        await admin.send("DELETE", f"webhooks/{made['webhook']['id']}", version=await version(admin, made["webhook"]["id"]))


async def version(admin: Gateway, webhook_id: str) -> str:
    """The version of a webhook as it is now."""
    return str((await admin.get(f"webhooks/{webhook_id}"))["etag"])


async def opened(agent: Gateway, category: str) -> dict[str, Any]:
    """A new incident."""
    found: dict[str, Any] = await agent.post("incidents", {"title": "the line is dead", "category": category})
    return found


def openings(receiver: Receiver) -> list[Sent]:
    """What was told of new incidents."""
    return [sent for sent in receiver.seen if sent.told["type"] == OPENED]


async def settled(admin: Gateway, webhook: dict[str, Any], state: str) -> list[dict[str, Any]]:
    """The log of a webhook when all of it has come to this state."""
    async with asyncio.timeout(SOON):
        while True:
            found = (await admin.get(f"webhooks/{webhook['id']}/deliveries"))["deliveries"]
            if found and all(delivery["state"] == state for delivery in found):
                return list(found)
            await asyncio.sleep(0.2)


async def test_a_receiver_is_told_of_what_it_wants_and_verifies_it(keeper: Gateway, agent: Gateway) -> None:
    category = f"hook-{uuid4().hex[:8]}"
    async with receiving(500, 200, answer=b"taken") as receiver, hooked(keeper, receiver, category) as (webhook, secret):
        await opened(agent, f"{category}-of-others")
        incident = await opened(agent, category)
        await eventually(lambda: len(openings(receiver)) >= 2, within=SOON)
        (delivery, *_) = await settled(keeper, webhook, "DELIVERED")
        rotated = await keeper.post(f"webhooks/{webhook['id']}:rotate")
        tested = await keeper.post(f"webhooks/{webhook['id']}:test")
        again = await keeper.post(f"webhooks/{webhook['id']}/deliveries/{delivery['id']}:redeliver")
        await settled(keeper, webhook, "DELIVERED")
        first, second = openings(receiver)[:2]
        last = receiver.seen[-1]
        logged = await keeper.get(f"webhooks/{webhook['id']}/deliveries/{delivery['id']}")
        shown = await keeper.http.get(f"/api/v1/webhooks/{webhook['id']}")
    assert first.id == second.id == delivery["eventId"]
    assert first.verified(secret) and second.verified(secret)
    assert last.verified(secret) and last.verified(rotated["secret"])
    assert (first.told["type"], first.told["data"]["incident"]["id"]) == (OPENED, incident["id"])
    assert {sent.told["data"]["incident"]["category"] for sent in openings(receiver)} == {category}
    assert [attempt["status"] for attempt in logged["attempts"]] == [500, 200, 200]
    assert logged["attempts"][1]["response"] == "taken"
    assert (tested["state"], again["state"]) == ("PENDING", "PENDING")
    assert secret not in shown.text and rotated["secret"] not in shown.text


@pytest.mark.parametrize(
    "url",
    [
        "https://10.0.0.1/", "https://169.254.169.254/latest/meta-data", "https://[fe80::1]/", "https://itsm-auth.itsm.svc/",
        "http://192.168.0.1/", "https://[fd00:ec2::254]/", "ftp://example.com/", "https://good.example@10.0.0.1/", "https://0/",
    ],
)  # fmt: skip
async def test_an_address_of_the_inside_is_refused(stack: dict[str, Any], keeper: Gateway, url: str) -> None:
    async def webhooks() -> Any:
        return (await keeper.get("webhooks", orderBy="createTime desc"))["webhooks"]

    async with watched(stack, keeper, unchanged=webhooks) as watch:
        answer = watch.saw(await keeper.send("POST", "webhooks", {"url": url, "eventTypes": [OPENED]}))
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/url")


async def test_only_administrators_and_nobody_of_another_tenant_reach_a_webhook(
    stack: dict[str, Any], keeper: Gateway, agent: Gateway
) -> None:
    callers = Callers(stack)
    called = {rpc.method.path.rpartition("/")[2]: rpc for rpc in rpcs() if rpc.service == "itsm.gateway.v1.WebhookService"}
    try:
        async with receiving(204) as receiver, hooked(keeper, receiver, "nothing") as (webhook, _):
            for path in ("webhooks", f"webhooks/{webhook['id']}", f"webhooks/{webhook['id']}/deliveries"):
                assert (await agent.send("GET", path)).status_code == 403
            assert (await agent.send("POST", f"webhooks/{webhook['id']}:rotate", {})).status_code == 403
            stranger = await callers.person("admin", "elsewhere")
            for name, request in {
                "GetWebhook": pb.GetWebhookRequest(id=webhook["id"]),
                "RotateWebhook": pb.RotateWebhookRequest(id=webhook["id"]),
                "ListWebhookDeliveries": pb.ListWebhookDeliveriesRequest(webhook_id=webhook["id"]),
            }.items():
                answer = await callers.call(called[name], request, stranger)
                assert answer.code is grpc.StatusCode.NOT_FOUND, name
            listed = await callers.call(called["ListWebhooks"], pb.ListWebhooksRequest(), stranger)
            assert listed.reply == pb.ListWebhooksResponse()
    finally:
        await callers.close()


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("place", "copies"), [("S11", 1), ("S12", 2)])
async def test_a_death_beside_a_delivery_loses_nothing_and_a_double_has_the_same_id(
    breakable: Breakable, keeper: Gateway, agent: Gateway, place: str, copies: int
) -> None:
    category = f"hook-{uuid4().hex[:8]}"
    async with receiving(204) as receiver, hooked(keeper, receiver, category) as (webhook, secret):
        breakable.order({f"gateway/{place}": {"action": "kill"}})
        await opened(agent, category)
        await eventually(lambda: not breakable.alive("gateway"), within=SOON)
        await breakable.heal()
        await eventually(lambda: len(openings(receiver)) >= copies, within=SOON)
        (delivery,) = [each for each in await settled(keeper, webhook, "DELIVERED") if each["eventType"] == OPENED]
        assert {sent.id for sent in openings(receiver)} == {delivery["eventId"]}
        assert len(openings(receiver)) == copies
        assert all(sent.verified(secret) for sent in receiver.seen)
