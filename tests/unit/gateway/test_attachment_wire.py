"""Files over real sockets: HTTP to the gateway, gRPC with its edge and the table of roles to the service, memory behind it."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from itsm.incident import v1 as pb

from chassis import context as ctx
from chassis.auth import Principal
from chassis.context import Actor, Context
from chassis.http.listener import Listener
from chassis.rpc import Channels, Edge
from services.gateway.mail.desk import Service as MailDesk
from services.gateway.rest.attachments import Attachments
from services.gateway.rest.limits import Limits
from services.gateway.rest.routes import declared
from services.gateway.rest.transcode import Transcoder
from services.gateway.rest.upstream import Upstream
from services.incident.api.attachments import AttachmentApi
from services.incident.usecases.reading import Asked
from tests.support.eventually import eventually
from tests.support.services import a_service
from tests.unit.gateway.post import Guard
from tests.unit.incident.files_room import AMY, ANN, LARGEST, PNG, FilesRoom

SERVICE = "itsm.incident.v1.AttachmentService"


class Door(Guard):
    """Takes the token of a caller as who he is and his role: `ann@requester`."""

    async def verify(self, token: str, tenant_hint: str = "") -> Principal:
        """See `chassis.guard.Guard`."""
        who, _, role = token.partition("@")
        kind = "service" if role.startswith("service:") else "user"
        return Principal(subject=who, kind=kind, tenant="main", roles=frozenset({role}), expires_at=0, issuer="here")


@dataclass
class Wire:
    """Both processes, and what is behind them."""

    room: FilesRoom
    http: httpx.AsyncClient
    port: int
    desk: Any

    async def post(self, incident: str, content: Any = PNG, who: str = "ann@requester", **headers: str) -> httpx.Response:
        """A file; `_` in the name of a header stands for `-`."""
        said = {"authorization": f"Bearer {who}", **{name.replace("_", "-"): value for name, value in headers.items()}}
        return await self.http.post(f"/incidents/{incident}/attachments", content=content, headers=said)

    async def ask(self, method: str, path: str, who: str, **headers: str) -> httpx.Response:
        """Anything else."""
        said = {"authorization": f"Bearer {who}", **{name.replace("_", "-"): value for name, value in headers.items()}}
        return await self.http.request(method, path, headers=said)

    async def names(self, incident: str, who: str = "amy@agent") -> list[str]:
        """The files of an incident."""
        answer = await self.ask("GET", f"/incidents/{incident}/attachments", who)
        return [each["fileName"] for each in answer.json()["attachments"]]


class _Assembly:
    """As much of `chassis.assembly.Assembly` as mail asks for."""

    def __init__(self, channels: Channels) -> None:
        self.channels, self.account = channels, self

    async def token(self) -> str:
        """The gateway's own."""
        return "itsm-gateway@service:gateway"


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    room, channels = FilesRoom(), Channels()
    service = a_service("incident", listen="127.0.0.1:0", management_listen="127.0.0.1:0")
    edge: Any = Edge(Door(), [SERVICE], service.metrics, store=room.store)  # type: ignore[arg-type]
    service.intercept(edge)
    service.serve(pb.add_AttachmentServiceServicer_to_server, AttachmentApi(room.attachments))
    await service.start()

    async def credentials(scope: Any, _route: Any) -> list[tuple[str, str]]:
        return [("authorization", dict(scope["headers"])[b"authorization"].decode())]

    upstream = Upstream(channels, {"itsm.incident.v1": service.address})
    rest = Transcoder(declared(), upstream, credentials, timeout=10)
    files: Any = Attachments(rest, upstream, credentials, rest._entrance)
    listener = Listener("127.0.0.1:0", Limits(files, secure=False), nothing)
    await listener.start()
    address = f"http://127.0.0.1:{listener.port}/api/v1"
    assembly: Any = _Assembly(channels)
    async with httpx.AsyncClient(base_url=address, timeout=60, trust_env=False) as http:
        yield Wire(room, http, listener.port, MailDesk(assembly, service.address))
    await listener.stop()
    await channels.close()
    await service.stop()


async def nothing() -> None:
    """Nobody waits for anything."""


async def test_a_file_goes_there_and_back_and_away_by_the_rights_of_each_role(wire: Wire) -> None:
    incident, content = await wire.room.reported(ANN), bytes([1]) * LARGEST
    made = await wire.post(incident, content, idempotency_key="k", content_disposition='attachment; filename="x.bin"')
    assert made.status_code == 201, made.text
    again = await wire.post(incident, content, idempotency_key="k", content_disposition='attachment; filename="x.bin"')
    assert (again.json(), again.headers["idempotency-replayed"]) == (made.json(), "true")
    path = made.headers["location"].removeprefix("/api/v1")
    for who in ("ann@requester", "amy@agent", "vic@viewer"):
        got = await wire.ask("GET", f"{path}/content", who)
        assert got.content == content
        assert "sandbox" in got.headers["content-security-policy"]
        assert hashlib.sha256(got.content).hexdigest() == (await wire.ask("GET", path, who)).json()["sha256"]
    for who in ("bob@requester", "ann@requester", "vic@viewer"):
        assert (await wire.ask("DELETE", path, who, if_match='"1"')).status_code == 403
    assert (await wire.ask("DELETE", path, "amy@agent")).status_code == 428
    assert (await wire.ask("GET", f"{path}/content", "bob@requester")).status_code == 404
    assert (await wire.post(incident, who="vic@viewer")).status_code == 403
    assert (await wire.ask("DELETE", path, "amy@agent", if_match='"9"')).status_code == 412
    assert (await wire.ask("DELETE", path, "amy@agent", if_match='"1"')).status_code == 200
    assert (await wire.ask("GET", f"{path}/content", "amy@agent")).status_code == 404
    assert await wire.names(incident) == []


async def test_what_is_too_much_is_told_while_it_still_comes_announced_or_not(wire: Wire) -> None:
    incident = await wire.room.reported(ANN)

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(2 * LARGEST >> 16):
            yield bytes(1 << 16)

    for content in (bytes(LARGEST + 1), endless()):
        refused = await wire.post(incident, content)
        assert (refused.status_code, refused.json()["reason"]) == (413, "TOO_LARGE")
    wrong = await wire.post(incident, b"MZ" + bytes(LARGEST - 2))
    assert (wrong.status_code, wrong.json()["reason"]) == (422, "INVALID")
    assert await wire.names(incident) == []


async def test_a_connection_that_breaks_half_way_leaves_nothing_to_see(wire: Wire) -> None:
    incident = await wire.room.reported(ANN)
    _, writer = await asyncio.open_connection("127.0.0.1", wire.port)
    head = (
        f"POST /api/v1/incidents/{incident}/attachments HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ann@requester\r\n"
        f"content-length: {LARGEST}\r\n\r\n"
    )
    writer.write(head.encode() + bytes(LARGEST // 2))
    await writer.drain()
    await eventually(wire.room.pieces, within=60)
    writer.close()
    assert await wire.names(incident) == []
    wire.room.clock.advance(hours=2)
    async with asyncio.timeout(60):
        while wire.room.pieces():
            await wire.room.sweeper.round()
            await asyncio.sleep(0.01)


async def test_mail_attaches_as_a_person_and_as_the_gateway_once_a_key(wire: Wire) -> None:
    incident = await wire.room.reported(ANN)
    with ctx.use(Context(tenant="main", actor=Actor(id="itsm-gateway", kind="service"))):
        for _ in range(2):
            await wire.desk.attach(incident, "a.png", PNG, "ann@requester", "mail_1|0")
            await wire.desk.attach(incident, "b.bin", bytes(LARGEST), "", "mail_1|1")
    assert sorted(await wire.names(incident)) == ["a.png", "b.bin"]
    with ctx.use(AMY):
        rows = (await wire.room.attachments.page(incident, Asked()))[0]
    assert {row["file_name"]: row["uploader_id"] for row in rows} == {"a.png": "ann", "b.bin": "itsm-gateway"}
