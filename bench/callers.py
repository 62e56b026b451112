"""The two ways in, REST and gRPC, as one set of operations for the load generator.

HTTP is written by hand on an asyncio protocol: one keep-alive connection a worker, one request at a time, answers with a
`Content-Length`, which is what our gateway sends. A client library costs more than the request that it sends and would
take its share of the cores from the platform that is measured.

Fails with `Refused` for any answer but success, with `ConnectionError` when the other side hangs up.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

import grpc
import orjson
from itsm.asset import v1 as asset_pb
from itsm.incident import v1 as pb

from bench.data import FIELDS, LIST_FILTER

_END_OF_HEADERS = b"\r\n\r\n"


class Refused(Exception):
    """An answer that is no success; the text says which."""


class Caller(Protocol):
    """What a worker can do. Each returns the id of the incident that it was about, or the number of rows of a list."""

    async def create(self, number: int, key: str = "") -> str:
        """Opens an incident; with `key` so that a repetition would answer the same."""

    async def get(self, id: str) -> str:  # noqa: A002 - the field's name everywhere
        """Reads one."""

    async def update(self, id: str, value: str) -> str:  # noqa: A002 - as above
        """Changes one field."""

    async def verb(self, id: str, name: str) -> str:  # noqa: A002 - as above
        """`start`, `hold` or `resume`."""

    async def page(self) -> int:
        """A page of 50 under a filter."""

    async def impact(self, id: str) -> int:  # noqa: A002 - as above
        """How many assets one takes down."""

    async def close(self) -> None:
        """Hangs up."""


class _Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self) -> None:
        self._transport: Any = None
        self._waiting: asyncio.Future[tuple[int, bytes]] | None = None
        self._received = bytearray()
        self._needed = 0
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionError(f"the gateway hung up: {error}"))

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._needed:
            end = self._received.find(_END_OF_HEADERS)
            if end < 0:
                return
            self._head = bytes(self._received[:end])
            self._needed = end + len(_END_OF_HEADERS) + _content_length(self._head)
        if len(self._received) < self._needed or self._waiting is None:
            return
        body = bytes(self._received[len(self._head) + len(_END_OF_HEADERS) : self._needed])
        del self._received[: self._needed]
        self._needed = 0
        self._waiting.set_result((int(self._head[9:12]), body))

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiting

    def close(self) -> None:
        self._transport.close()


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


class Rest:
    """Through the gateway, with a personal access token."""

    def __init__(self, connection: _Connection, host: str, token: str) -> None:
        self._connection = connection
        self._common = f"Host: {host}\r\nAuthorization: Bearer {token}\r\n"
        self._list = f"/api/v1/incidents?pageSize=50&filter={quote(LIST_FILTER)}"

    @classmethod
    async def connect(cls, url: str, token: str) -> "Rest":
        """A connection of its own."""
        address = urlsplit(url)
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, address.hostname or "", address.port or 80)
        return cls(connection, address.netloc, token)

    async def _send(self, method: str, path: str, body: Any = None, more: str = "") -> bytes:
        content = b"" if body is None else orjson.dumps(body)
        kind = "" if body is None else f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
        head = f"{method} {path} HTTP/1.1\r\n{self._common}{kind}{more}\r\n"
        status, answer = await self._connection.ask(head.encode() + content)
        if not 200 <= status < 300:
            raise Refused(f"{method} {path} answered {status}: {answer[:300].decode(errors='replace')}")
        return answer

    async def create(self, number: int, key: str = "") -> str:
        body = {**FIELDS, "title": f"{FIELDS['title']} {number}"}
        answer = await self._send("POST", "/api/v1/incidents", body, f"Idempotency-Key: {key}\r\n" if key else "")
        return str(orjson.loads(answer)["id"])

    async def get(self, id: str) -> str:  # noqa: A002
        await self._send("GET", f"/api/v1/incidents/{id}")
        return id

    async def update(self, id: str, value: str) -> str:  # noqa: A002
        await self._send("PATCH", f"/api/v1/incidents/{id}", {"category": value}, "If-Match: *\r\n")
        return id

    async def verb(self, id: str, name: str) -> str:  # noqa: A002
        await self._send("POST", f"/api/v1/incidents/{id}:{name}", {"reason": "VENDOR"} if name == "hold" else {})
        return id

    async def page(self) -> int:
        return (await self._send("GET", self._list)).count(b'"number":')

    async def impact(self, id: str) -> int:  # noqa: A002
        return int(orjson.loads(await self._send("GET", f"/api/v1/assets/{id}:impact"))["failedCount"])

    async def close(self) -> None:
        self._connection.close()


class Grpc:
    """Straight to the incident service, with the short token that the gateway would send."""

    def __init__(self, channel: grpc.aio.Channel, token: str) -> None:
        self._channel = channel
        self._stub = pb.IncidentServiceStub(channel)
        self._graph = asset_pb.GraphServiceStub(channel)
        self._metadata: Sequence[tuple[str, str]] = (("authorization", f"Bearer {token}"),)

    @classmethod
    async def connect(cls, target: str, token: str) -> "Grpc":
        """A channel of its own, not the process-wide shared one, so that each worker has a connection as with REST."""
        channel = grpc.aio.insecure_channel(target, options=[("grpc.use_local_subchannel_pool", 1)])
        await channel.channel_ready()
        return cls(channel, token)

    async def _send(self, method: Any, request: Any, more: Sequence[tuple[str, str]] = ()) -> Any:
        try:
            return await method(request, metadata=(*self._metadata, *more), timeout=10)
        except grpc.aio.AioRpcError as failure:
            raise Refused(f"{failure.code().name}: {failure.details()}") from failure

    async def create(self, number: int, key: str = "") -> str:
        incident = pb.Incident(
            title=f"{FIELDS['title']} {number}",
            description=FIELDS["description"],
            impact=FIELDS["impact"],
            urgency=FIELDS["urgency"],
            service_id=FIELDS["serviceId"],
            asset_ids=FIELDS["assetIds"],
            category=FIELDS["category"],
        )
        more = (("idempotency-key", key),) if key else ()
        answer = await self._send(self._stub.OpenIncident, pb.OpenIncidentRequest(incident=incident), more)
        return str(answer.id)

    async def get(self, id: str) -> str:  # noqa: A002
        await self._send(self._stub.GetIncident, pb.GetIncidentRequest(id=id))
        return id

    async def update(self, id: str, value: str) -> str:  # noqa: A002
        request = pb.UpdateIncidentRequest(id=id, incident=pb.Incident(category=value), update_mask={"paths": ["category"]})
        await self._send(self._stub.UpdateIncident, request)
        return id

    async def verb(self, id: str, name: str) -> str:  # noqa: A002
        match name:
            case "start":
                await self._send(self._stub.StartIncident, pb.StartIncidentRequest(id=id))
            case "hold":
                await self._send(self._stub.HoldIncident, pb.HoldIncidentRequest(id=id, reason="VENDOR"))
            case _:
                await self._send(self._stub.ResumeIncident, pb.ResumeIncidentRequest(id=id))
        return id

    async def page(self) -> int:
        request = pb.ListIncidentsRequest(filter=LIST_FILTER, page_size=50)
        return len((await self._send(self._stub.ListIncidents, request)).incidents)

    async def impact(self, id: str) -> int:  # noqa: A002
        return int((await self._send(self._graph.GetImpact, asset_pb.GetImpactRequest(id=id))).failed_count)

    async def close(self) -> None:
        await self._channel.close()


async def connect(transport: str, target: str, token: str) -> Caller:
    """A worker's own connection; `transport` is `rest` or `grpc`."""
    return await Rest.connect(target, token) if transport == "rest" else await Grpc.connect(target, token)
