"""The door for senders, without a network: its answers are what Alertmanager and Prometheus act upon."""

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from chassis import context as ctx
from chassis.errors import Error, Unauthenticated, Unavailable
from chassis.testing import MemoryBackend, caller
from services.monitor.domain.integration import IntegrationKind
from services.monitor.ingest.app import Door
from services.monitor.ingest.keys import KEPT_SECONDS, Keys
from services.monitor.usecases.gathering import Gatherer
from services.monitor.usecases.integrations import Integrations
from tests.support.eventually import eventually
from tests.support.ingest import ALERTMANAGER, KnownKeys, a_notification, an_alert
from tests.unit.monitor.alerting import Room

KEY = {"authorization": "Bearer iti_good"}


class Site:
    """The door with all that is behind it."""

    def __init__(self, backend: MemoryBackend | None = None) -> None:
        self.room = Room(backend)
        self.issuer = KnownKeys()
        self.now = 0.0
        self.integrations = Integrations(self.room.store)
        keys = Keys(self.issuer.exchange, self.issuer, self.integrations, lambda: self.now)
        self.gatherer = Gatherer(self.room.intake, most_waiting=3_000)
        self.door = Door(keys, self.gatherer, self.room.clock, self.room.store.failpoints.reached)
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(self.door.app), base_url="http://door")

    async def send(self, body: Any, path: str = ALERTMANAGER, **headers: str) -> httpx.Response:
        return await self.client.post(path, json=body, headers={**KEY, **headers})

    async def alerts(self, tenant: str = "main") -> list[Any]:
        with ctx.use(caller(tenant=tenant)):
            return await self.room.alerts()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    yield site
    await site.client.aclose()


async def test_a_notification_is_answered_when_it_is_kept(site: Site) -> None:
    answer = await site.send(a_notification(an_alert(), commonLabels={"deep": {"er": [1]}}))
    assert (answer.status_code, answer.json()) == (200, {"accepted": 1})
    (alert,) = await site.alerts()
    assert (alert["state"], alert["fingerprint"]) == ("FIRING", "00a1b2c3d4e5f607")


async def test_the_key_may_be_the_password_of_any_user(site: Site) -> None:
    basic = base64.b64encode(b"alertmanager:iti_good").decode()
    answer = await site.send(a_notification(an_alert()), authorization=f"Basic {basic}")
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer iti_wrong", "Basic !!", "Digest x", "Bearer \x7f", f"Bearer {'x' * 9000}"]
)
async def test_a_key_that_is_none_is_401_with_a_problem_document(site: Site, authorization: str) -> None:
    answer = await site.send(a_notification(an_alert()), authorization=authorization)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["type"] == "urn:itsm:problem:unauthenticated"
    assert await site.alerts() == []


async def test_a_key_that_may_not_send_alerts_is_403(site: Site) -> None:
    answer = await site.send(a_notification(an_alert()), authorization="Bearer iti_reader")
    assert (answer.status_code, answer.json()["permission"]) == (403, "alerts.ingest")


async def test_a_custom_payload_is_politely_422(site: Site) -> None:
    answer = await site.send({"text": "something is wrong"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/alerts")


async def test_broken_alerts_are_named_after_the_good_ones_are_kept(site: Site) -> None:
    answer = await site.send(a_notification(an_alert(), an_alert(labels={})))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/alerts/1/labels")
    assert len(await site.alerts()) == 1


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", {"content-type": "application/json"}, 400),
        (b"[" * 100_000, {"content-type": "application/json"}, 400),
        (b'{"alerts": "\xff"}', {"content-type": "application/json"}, 400),
        (b"{}", {"content-type": "text/plain"}, 415),
        (b"{}", {}, 415),
        (b"{}", {"content-type": "application/json", "content-encoding": "gzip"}, 415),
        (b" " * (11 << 20), {"content-type": "application/json"}, 413),
    ],
)
async def test_what_cannot_be_read_says_why(site: Site, content: bytes, headers: dict[str, str], status: int) -> None:
    answer = await site.client.post(ALERTMANAGER, content=content, headers={**KEY, **headers})
    assert answer.status_code == status
    assert answer.json()["status"] == status


async def test_a_body_beyond_the_limit_that_hides_its_length_is_413(site: Site) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(12):
            yield b" " * (1 << 20)

    answer = await site.client.post(ALERTMANAGER, content=pieces(), headers={**KEY, "content-type": "application/json"})
    assert answer.status_code == 413


async def test_other_methods_and_addresses_are_problems_too(site: Site) -> None:
    wrong = await site.client.get(ALERTMANAGER, headers=KEY)
    unknown = await site.client.post("/ingest/nothing", headers=KEY)
    assert (wrong.status_code, wrong.json()["type"]) == (405, "urn:itsm:problem:method")
    assert (unknown.status_code, unknown.json()["type"]) == (404, "urn:itsm:problem:not-found")


async def test_while_the_auth_service_is_away_senders_are_asked_to_come_again(site: Site) -> None:
    site.issuer.down = True
    answer = await site.send(a_notification(an_alert()))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    site.issuer.down = False
    assert (await site.send(a_notification(an_alert()))).status_code == 200


async def test_a_key_is_exchanged_once_for_a_while_and_its_end_is_noticed_within_a_minute(site: Site) -> None:
    await asyncio.gather(*(site.send(a_notification(an_alert())) for _ in range(20)))
    assert site.issuer.asked == 1
    del site.issuer.keys["iti_good"]
    site.now += KEPT_SECONDS + 1
    assert KEPT_SECONDS < 60
    assert (await site.send(a_notification(an_alert()))).status_code == 401


async def test_a_disabled_integration_is_refused_within_a_minute(site: Site) -> None:
    with ctx.use(caller()):
        made = await site.integrations.create(
            {"name": "ours", "kind": IntegrationKind.ALERTMANAGER, "key_id": "crd_iti_good", "team_id": "team_1"}
        )
        assert (await site.send(a_notification(an_alert()))).status_code == 200
        await site.integrations.disable(made.id)
    site.now += KEPT_SECONDS + 1
    assert (await site.send(a_notification(an_alert()))).status_code == 403
    (alert,) = await site.alerts()
    assert (alert["integration_id"], alert["team_id"]) == (made.id, "team_1")


async def test_tenants_are_those_of_the_keys(site: Site) -> None:
    await site.send(a_notification(an_alert()), authorization="Bearer iti_other")
    assert (len(await site.alerts()), len(await site.alerts("other"))) == (0, 1)


class Failing(MemoryBackend):
    """A database that answers a write only when told, with an error where one is set."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()
        self.error: Error | None = None
        self.writes = 0

    async def write(self, writes: Any) -> None:
        self.writes += 1
        await self.go.wait()
        if self.error is not None:
            raise self.error
        await super().write(writes)


def numbered(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [an_alert(fingerprint=f"{number:016x}") for number in range(start, start + count)]


async def test_what_comes_while_a_batch_is_written_is_the_next_batch() -> None:
    backend = Failing()
    site = Site(backend)
    senders = [asyncio.create_task(site.send(a_notification(*numbered(1))))]
    await eventually(lambda: backend.writes, within=30)
    senders += [asyncio.create_task(site.send(a_notification(*numbered(5, start)))) for start in range(1, 101, 5)]
    await eventually(lambda: site.gatherer._waiting == 101, within=30)
    backend.go.set()
    assert {(await sender).status_code for sender in senders} == {200}
    assert (backend.writes, len(await site.alerts())) == (2, 101)
    await site.client.aclose()


async def test_a_full_queue_is_503_and_nothing_is_lost_of_what_was_taken() -> None:
    backend = Failing()
    site = Site(backend)
    first = asyncio.create_task(site.send(a_notification(*numbered(2_500))))
    await eventually(lambda: backend.writes, within=30)
    refused = await site.send(a_notification(*numbered(600, 5_000)))
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:itsm:problem:overloaded")
    assert int(refused.headers["retry-after"]) >= 1
    backend.go.set()
    assert (await first).status_code == 200
    assert len(await site.alerts()) == 2_500
    await site.client.aclose()


async def test_what_waits_is_bounded_also_when_senders_leave_and_is_not_written_for_them() -> None:
    backend = Failing()
    site = Site(backend)
    first = asyncio.create_task(site.send(a_notification(*numbered(1))))
    await eventually(lambda: backend.writes, within=30)
    leaving = asyncio.create_task(site.send(a_notification(*numbered(2_900, 1_000))))
    await eventually(lambda: site.gatherer._waiting == 2_901, within=30)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    assert (await site.send(a_notification(*numbered(200, 5_000)))).status_code == 503
    backend.go.set()
    assert (await first).status_code == 200
    await eventually(lambda: site.gatherer._waiting == 0, within=30)
    assert (await site.send(a_notification(*numbered(200, 5_000)))).status_code == 200
    assert len(await site.alerts()) == 201
    await site.client.aclose()


async def test_each_refusal_of_a_key_is_an_error_of_its_own(site: Site) -> None:
    seen = []
    for _ in range(3):
        with pytest.raises(Unauthenticated) as caught:
            await site.door.keys.sender("Bearer iti_wrong", "alerts.ingest")
        seen.append(caught.value)
    assert site.issuer.asked == 1
    assert len({id(error) for error in seen}) == 3
    assert {(error.message, error.reason) for error in seen} == {("this key is not known", "UNAUTHENTICATED")}


async def test_nothing_is_acknowledged_while_the_database_is_away() -> None:
    backend = Failing()
    backend.error = Unavailable("the database does not answer", timedelta(seconds=2))
    backend.go.set()
    site = Site(backend)
    answer = await site.send(a_notification(an_alert()))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    backend.error = None
    assert (await site.send(a_notification(an_alert()))).status_code == 200
    assert len(await site.alerts()) == 1
    await site.client.aclose()
