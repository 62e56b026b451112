"""Webhooks by REST, through the gateway's own listener for RPCs: paths, versions, permissions, a secret that is told once."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from itsm.gateway import v1 as pb

from chassis.auth import Principal
from chassis.errors import Unauthenticated
from chassis.rpc import Channels, Edge
from chassis.service import Service
from services.gateway.api.webhooks import WebhookApi
from services.gateway.owned import WEBHOOK
from services.gateway.rest.routes import declared
from services.gateway.rest.transcode import Transcoder
from services.gateway.rest.upstream import Upstream
from tests.support.services import a_service
from tests.unit.gateway.post import OPENED, Guard, Post

WANTED = {"url": "http://127.0.0.1:1/hook", "eventTypes": [OPENED], "filter": "priority = P1"}


class Door(Guard):
    """Takes the token of a caller as his role and tenant: `admin@main`."""

    async def verify(self, token: str, tenant_hint: str = "") -> Principal:
        """See `chassis.guard.Guard`."""
        role, _, tenant = token.partition("@")
        if not tenant:
            raise Unauthenticated("this token says nothing")
        return Principal(subject="boss", kind="user", tenant=tenant, roles=frozenset({role}), expires_at=0, issuer="here")


@pytest.fixture
async def platform() -> AsyncIterator[tuple[Post, httpx.AsyncClient]]:
    """What keeps webhooks, and a client of the gateway in front of it."""
    post, channels = Post(), Channels()
    service: Service = a_service("gateway", listen="127.0.0.1:0", management_listen="127.0.0.1:0")
    edge: Any = Edge(Door(), [WEBHOOK], service.metrics, store=post.store)  # type: ignore[arg-type]
    service.intercept(edge)
    service.serve(pb.add_WebhookServiceServicer_to_server, WebhookApi(post.webhooks))
    await service.start()

    async def credentials(scope: Any, _route: Any) -> list[tuple[str, str]]:
        return [("authorization", dict(scope["headers"])[b"authorization"].decode())]

    app: Any = Transcoder(declared(), Upstream(channels, {}, own=lambda: service.address), credentials, timeout=10)
    headers = {"authorization": "Bearer admin@main"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway/api/v1", headers=headers) as http:
        yield post, http
    await channels.close()
    await service.stop()


async def test_a_webhook_is_made_changed_and_removed_by_its_version(platform: tuple[Post, httpx.AsyncClient]) -> None:
    _, http = platform
    made = await http.post("/webhooks", json=WANTED, headers={"idempotency-key": "k1"})
    repeated = await http.post("/webhooks", json=WANTED, headers={"idempotency-key": "k1"})
    webhook = made.json()["webhook"]
    path = f"/webhooks/{webhook['id']}"
    assert made.status_code == 201
    assert made.json()["secret"].startswith("whsec_")
    assert (webhook["state"], webhook["ownerId"]) == ("ENABLED", "boss")
    assert (repeated.json()["webhook"]["id"], repeated.json()["secret"]) == (webhook["id"], ""), "a secret is told once"
    shown = await http.get(path)
    assert made.json()["secret"] not in shown.text
    unversioned = await http.patch(path, json={"description": "for the pager"})
    stale = await http.patch(path, json={"description": "for the pager"}, headers={"if-match": '"7"'})
    changed = await http.patch(path, json={"description": "for the pager"}, headers={"if-match": shown.headers["etag"]})
    assert [each.status_code for each in (unversioned, stale, changed)] == [428, 412, 200]
    disabled = (await http.post(f"{path}:disable")).json()
    enabled = (await http.post(f"{path}:enable")).json()
    assert (disabled["state"], disabled["disabledReason"], enabled["state"]) == ("DISABLED", "somebody disabled it", "ENABLED")
    listed = await http.get("/webhooks", params={"filter": "state = ENABLED"})
    assert [each["id"] for each in listed.json()["webhooks"]] == [webhook["id"]]
    removed = await http.delete(path, headers={"if-match": f'"{enabled["etag"]}"'})
    assert (removed.status_code, (await http.get(path)).status_code) == (200, 404)


async def test_what_was_told_is_read_and_told_again(platform: tuple[Post, httpx.AsyncClient]) -> None:
    post, http = platform
    path = f"/webhooks/{(await http.post('/webhooks', json=WANTED)).json()['webhook']['id']}"
    tested = (await http.post(f"{path}:test")).json()
    await post.deliver()
    (told,) = (await http.get(f"{path}/deliveries")).json()["deliveries"]
    again = await http.post(f"{path}/deliveries/{tested['id']}:redeliver")
    assert (tested["state"], tested["channel"], tested["eventType"]) == ("PENDING", "WEBHOOK", "itsm.gateway.v1.WebhookTested")
    assert (told["id"], told["attemptCount"], told["attempts"][0]["status"]) == (tested["id"], 1, 0)
    assert told["attempts"][0]["error"].startswith("the exchange failed")
    assert told["attempts"][0]["latency"].endswith("s")
    assert (again.status_code, again.json()["state"]) == (200, "PENDING")
    assert (await http.get(f"{path}/deliveries/dlv_none")).status_code == 404


async def test_who_may_not_is_refused_and_a_stranger_finds_nothing(platform: tuple[Post, httpx.AsyncClient]) -> None:
    _, http = platform
    path = f"/webhooks/{(await http.post('/webhooks', json=WANTED)).json()['webhook']['id']}"
    for method, address in (("GET", path), ("GET", "/webhooks"), ("POST", f"{path}:rotate"), ("GET", f"{path}/deliveries")):
        for token, status in (("viewer@main", 403), ("agent@main", 403), ("nobody", 401)):
            answer = await http.request(method, address, headers={"authorization": f"Bearer {token}"})
            assert answer.status_code == status, (method, address, token)
        found = await http.request(method, address, headers={"authorization": "Bearer admin@elsewhere"})
        assert found.status_code == (200 if address == "/webhooks" else 404), (method, address)
    assert (await http.get("/webhooks", headers={"authorization": "Bearer admin@elsewhere"})).json()["webhooks"] == []


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"url": "http://10.0.0.1/"}, "/url"),
        ({"eventTypes": ["no.such.Event"]}, "/eventTypes"),
        ({"filter": "x = 1"}, "/filter"),
    ],
)
async def test_what_is_wrong_is_named(platform: tuple[Post, httpx.AsyncClient], change: dict[str, Any], pointer: str) -> None:
    _, http = platform
    answer = await http.post("/webhooks", json=WANTED | change)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
