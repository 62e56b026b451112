"""Notifications: who is told of what, once; how it is signed, tried again and given up."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from itsm.monitor import v1 as pb

from chassis import context as ctx
from chassis.errors import Invalid
from chassis.events.wire import Envelope
from chassis.failpoints import Failpoints
from chassis.outbound import Limits, Outbound, Policy
from chassis.testing import caller
from services.monitor import store as kept
from services.monitor.domain.notification import ATTEMPTS, NotificationTarget, TargetEvent, next_attempt, signed
from services.monitor.domain.signal import Severity
from services.monitor.domain.silence import Matcher
from services.monitor.usecases.delivering import OF_A_TENANT, Delivering
from services.monitor.usecases.notifying import Notifying, Targets, row_id
from services.monitor.usecases.reading import Paging
from tests.unit.monitor.alerting import KEY
from tests.unit.monitor.pipelining import Plant, at

BOSS = caller(subject="boss")
HERE = Policy.of(networks="127.0.0.0/8", ports="1-65535", http=True)


@dataclass
class Receiver:
    """Answers what it is told to, in turn; the last for ever. Remembers what it was sent."""

    answers: list[int]
    port: int = 0
    seen: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    silent: bool = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        self.seen.append((headers, await reader.readexactly(int(headers["content-length"]))))
        if self.silent:
            await reader.read()
        status = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        writer.write(f"HTTP/1.1 {status} X\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()


@asynccontextmanager
async def receiving(*answers: int) -> AsyncIterator[Receiver]:
    receiver = Receiver(list(answers))
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    yield receiver
    server.close()


def envelope(event_id: str) -> Envelope:
    """What an event of the caller's tenant says of itself."""
    return Envelope(
        id=event_id, type="itsm.monitor.v1.AlertRouted", source="/itsm/x/monitor", subject="alerts/alr_1",
        tenant=ctx.current().tenant, key="k", version=1, epoch=1, time=at(0), actor="a", actor_kind="service",
        correlation_id="", causation_id="", trace="",
    )  # fmt: skip


class Office(Plant):
    """The pipeline with targets."""

    def __init__(self, limits: Limits | None = None) -> None:
        super().__init__()
        self.targets = Targets(self.store, HERE, KEY, *kept.notification_listings(KEY, self.clock))
        self.notifying = Notifying(self.store, self.mirror)
        self.outbound = Outbound(HERE, limits or Limits(total=30))
        self.delivering = Delivering(self.store, self.outbound, KEY)

    async def target(self, url: str = "http://127.0.0.1:1/", **more: Any) -> NotificationTarget:
        return await self.targets.create({"name": "hook", "url": url, **more})

    async def tell(self, what: TargetEvent = TargetEvent.ROUTED, event_id: str = "e1", **alert: Any) -> None:
        told = {"id": "alr_1", "severity": pb.Alert.ERROR, "kind": pb.Alert.AVAILABILITY, "title": "db is down", **alert}
        await self.notifying.tell(what, pb.AlertRouted(alert=pb.Alert(**told)), envelope(event_id))

    async def deliver(self) -> int:
        begun = await self.delivering.begin()
        await self.delivering.settle()
        return begun

    async def rows(self) -> list[Any]:
        return list((await self.targets.notifications("", "", Paging()))[0])


async def test_a_target_is_told_once_of_what_it_wants() -> None:
    office = Office()
    with ctx.use(BOSS):
        wanting = await office.target(matchers=[Matcher(label="env", value="prod")], severity=Severity.ERROR)
        await office.target(enabled=False)
        for _ in range(2):
            await office.tell(labels={"env": "prod"})
        await office.tell(event_id="e2", labels={"env": "test"})
        await office.tell(event_id="e3", labels={"env": "prod"}, severity=pb.Alert.WARNING)
        await office.tell(TargetEvent.ACKNOWLEDGED, event_id="e4", labels={"env": "prod"})
        rows = await office.rows()
        (step,) = await office.store.find("alert_decisions", {"alert_id": "alr_1"}, limit=1)
    assert [(row["_id"], row["target_id"], row["state"]) for row in rows] == [
        (row_id("main", "e1", wanting.id), wanting.id, "PENDING")
    ]
    assert step["steps"][0]["outcome"] == "NOTIFIED"


async def test_a_receiver_proves_what_it_got_with_the_key_of_its_target() -> None:
    office = Office()
    async with receiving(204) as receiver:
        with ctx.use(BOSS):
            target = await office.target(receiver.url)
            await office.tell()
            assert await office.deliver() == 1
            (row,) = await office.rows()
            key, version = await office.targets.key(target.id)
    headers, body = receiver.seen[0]
    secret = base64.b64decode(key.removeprefix("whsec_"))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    proof = base64.b64encode(hmac.new(secret, content, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{proof}"
    assert headers["webhook-id"] == row["_id"]
    assert abs(datetime.now(UTC).timestamp() - int(headers["webhook-timestamp"])) < 300
    told = json.loads(body)
    assert (told["type"], told["subject"]) == ("itsm.monitor.v1.AlertRouted", "alerts/alr_1")
    assert (told["data"]["alert"]["title"], told["data"]["alert"]["severity"]) == ("db is down", "ERROR")
    assert (row["state"], row["attempts"], row["status"], row["next_due_time"]) == ("DELIVERED", 1, 204, None)
    assert version == 1


async def test_another_key_after_a_rotation_and_for_every_target_and_tenant() -> None:
    office = Office()
    with ctx.use(BOSS):
        target, other = await office.target(), await office.target()
        before = await office.targets.key(target.id)
        await office.targets.rotate(target.id)
        keys = {before, await office.targets.key(target.id), await office.targets.key(other.id)}
    assert len(keys) == 3


def test_a_signature_covers_id_time_and_body() -> None:
    base = signed(b"k", "id", at(0), b"body")["webhook-signature"]
    others = [signed(b"k", "id2", at(0), b"body"), signed(b"k", "id", at(1), b"body"), signed(b"k", "id", at(0), b"bodyx")]
    assert base not in [each["webhook-signature"] for each in others]


async def test_a_failed_delivery_is_tried_again_with_the_same_id_when_its_receiver_asks_and_given_up_in_the_end() -> None:
    office = Office()
    async with receiving(503, 500) as receiver:
        with ctx.use(BOSS):
            await office.target(receiver.url)
            await office.tell()
            await office.deliver()
            (row,) = await office.rows()
            assert (row["state"], row["status"], row["attempts"]) == ("PENDING", 503, 1)
            assert row["next_due_time"] >= at(7)
            assert await office.deliver() == 0
            for _ in range(ATTEMPTS - 1):
                office.clock.advance(hours=2)
                assert await office.deliver() == 1
            (row,) = await office.rows()
            office.clock.advance(hours=20)
            assert await office.deliver() == 0
    assert (row["state"], row["attempts"], row["next_due_time"]) == ("DEAD", ATTEMPTS, None)
    assert len({headers["webhook-id"] for headers, _ in receiver.seen}) == 1
    assert len(receiver.seen) == ATTEMPTS


@pytest.mark.parametrize(("place", "told"), [("S11", 1), ("S12", 2)])
async def test_a_failure_around_a_delivery_tells_once_more_at_most_and_never_not_at_all(
    tmp_path: Path, place: str, told: int
) -> None:
    office = Office()
    orders = tmp_path / "failpoints.json"
    orders.write_text(json.dumps({place: {"action": "error"}}))
    office.store.failpoints = Failpoints("monitor", orders)
    async with receiving(204) as receiver:
        with ctx.use(BOSS):
            await office.target(receiver.url)
            await office.tell()
            await office.deliver()
            (row,) = await office.rows()
            assert (row["state"], row["attempts"]) == ("PENDING", 0)
            await office.deliver()
            (row,) = await office.rows()
    assert (row["state"], row["attempts"]) == ("DELIVERED", 1)
    assert [headers["webhook-id"] for headers, _ in receiver.seen] == [row["_id"]] * told


@pytest.mark.parametrize("status", [301, 400, 404, 410])
async def test_what_a_receiver_refuses_for_good_is_not_tried_again(status: int) -> None:
    office = Office()
    async with receiving(status) as receiver:
        with ctx.use(BOSS):
            await office.target(receiver.url)
            await office.tell()
            await office.deliver()
            (row,) = await office.rows()
    assert (row["state"], row["status"], row["attempts"]) == ("DEAD", status, 1)


async def test_a_target_that_was_disabled_is_told_no_more() -> None:
    office = Office()
    with ctx.use(BOSS):
        target = await office.target()
        await office.tell()
        await office.targets.update(target.id, {"enabled": False})
        await office.deliver()
        (row,) = await office.rows()
    assert (row["state"], row["outcome"]) == ("DEAD", "its target is disabled")


async def test_a_silent_receiver_of_one_tenant_delays_no_other() -> None:
    office = Office()
    async with receiving(204) as slow, receiving(204) as quick:
        slow.silent = True
        with ctx.use(BOSS):
            await office.target(slow.url)
            for index in range(40):
                await office.tell(event_id=f"e{index}")
        with ctx.use(caller(tenant="other")):
            await office.target(quick.url)
            await office.tell(event_id="e")
        assert await office.delivering.begin() == OF_A_TENANT + 1
        for _ in range(600):
            if quick.seen:
                break
            await asyncio.sleep(0.05)
        assert len(quick.seen) == 1
        assert len(slow.seen) <= OF_A_TENANT
        for _, task in office.delivering._running.values():
            task.cancel()


@pytest.mark.parametrize(
    "url",
    ["http://10.0.0.1/", "http://169.254.169.254/latest", "ftp://a.example/", "https://u:p@a.example/", "x", "https://[::1]/"],
)
async def test_an_address_that_is_never_reached_is_refused_when_it_is_given(url: str) -> None:
    office = Office()
    with ctx.use(BOSS):
        with pytest.raises(Invalid) as refused:
            await office.target(url)
        assert list(refused.value.violations) == ["url"]
        target = await office.target()
        office.store.recent.clear()  # else the edge would have to ask again
        with pytest.raises(Invalid):
            await office.targets.update(target.id, {"url": url})
        assert (await office.targets.target(target.id))["url"] == target.url


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [({"name": " "}, "name"), ({"events": []}, "events"), ({"matchers": [Matcher(label="", value="x")]}, "matchers[0].label")],
)
async def test_a_target_that_is_none_is_refused_by_field(fields: dict[str, Any], wrong: str) -> None:
    office = Office()
    with ctx.use(BOSS), pytest.raises(Invalid) as refused:
        await office.target(**fields)
    assert list(refused.value.violations) == [wrong]


def test_attempts_come_ever_later_and_end() -> None:
    delays = [next_attempt(number, at(0), None, 0) for number in range(1, ATTEMPTS + 1)]
    assert delays[:2] == [at(5), at(10)]
    assert delays[-1] is None
    assert all(each is not None for each in delays[:-1])
    assert next_attempt(1, at(0), timedelta(minutes=9), 1) == at(540)
