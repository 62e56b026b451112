"""`itsm.gateway.v1.ConnectionService`."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.empty_pb2 import Empty
from itsm.gateway import v1 as pb

from chassis.codec import changes, document_to_message, given, to_message
from services.gateway.api.requests import asked
from services.gateway.domain.connection import Connection
from services.gateway.usecases.connections import Connections

_SECRET = "secret"  # noqa: S105 - the name of a field


class ConnectionApi(pb.ConnectionServiceServicer):
    """Connections, and what is in step by them. A secret goes in, and never comes out."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def CreateConnection(self, request: pb.CreateConnectionRequest, context: Any) -> pb.Connection:
        resource, secret = _parted(request.connection)
        return to_message(await self._connections.create(given(resource, Connection), secret), pb.Connection)

    async def GetConnection(self, request: pb.GetConnectionRequest, context: Any) -> pb.Connection:
        return document_to_message(await self._connections.get(request.id), pb.Connection)

    async def ListConnections(self, request: pb.ListConnectionsRequest, context: Any) -> pb.ListConnectionsResponse:
        rows, token = await self._connections.page(asked(request))
        connections = [document_to_message(row, pb.Connection) for row in rows]
        return pb.ListConnectionsResponse(connections=connections, next_page_token=token)

    async def UpdateConnection(self, request: pb.UpdateConnectionRequest, context: Any) -> pb.Connection:
        resource, secret = _parted(request.connection)
        if request.HasField("update_mask"):
            paths = request.update_mask.paths
            said, fields = (
                _SECRET in paths,
                changes(resource, (path for path in paths if path != _SECRET), Connection, fixed=True),
            )
        else:
            said, fields = request.connection.HasField(_SECRET), given(resource, Connection)
        after = await self._connections.update(request.id, fields, secret if said else None, etag=request.etag)
        return to_message(after, pb.Connection)

    async def DeleteConnection(self, request: pb.DeleteConnectionRequest, context: Any) -> pb.Connection:
        return to_message(await self._connections.delete(request.id, etag=request.etag), pb.Connection)

    async def TestConnection(self, request: pb.TestConnectionRequest, context: Any) -> pb.TestConnectionResponse:
        found = await self._connections.test(request.id)
        findings = [pb.TestConnectionResponse.Finding(ok=ok, text=text) for ok, text in found]
        return pb.TestConnectionResponse(ok=all(ok for ok, _ in found), findings=findings)

    async def SyncConnection(self, request: pb.SyncConnectionRequest, context: Any) -> pb.Connection:
        return document_to_message(await self._connections.sync(request.id), pb.Connection)

    async def RotateConnection(self, request: pb.RotateConnectionRequest, context: Any) -> pb.RotateConnectionResponse:
        connection, key = await self._connections.rotate(request.id, etag=request.etag)
        return pb.RotateConnectionResponse(connection=to_message(connection, pb.Connection), key=key)

    async def NotifyConnection(self, request: pb.NotifyConnectionRequest, context: Any) -> Empty:
        await self._connections.hint(request.id, request.key)
        return Empty()

    async def ListConnectionLinks(self, request: pb.ListConnectionLinksRequest, context: Any) -> pb.ListConnectionLinksResponse:
        rows, token = await self._connections.links(request.connection_id, asked(request))
        links = [document_to_message(_shown(row), pb.ConnectionLink) for row in rows]
        return pb.ListConnectionLinksResponse(links=links, next_page_token=token)

    async def ListConnectionDeliveries(
        self, request: pb.ListConnectionDeliveriesRequest, context: Any
    ) -> pb.ListConnectionDeliveriesResponse:
        rows, token = await self._connections.deliveries(request.connection_id, asked(request))
        deliveries = [document_to_message(row, pb.Delivery) for row in rows]
        return pb.ListConnectionDeliveriesResponse(deliveries=deliveries, next_page_token=token)


def _parted(connection: pb.Connection) -> tuple[pb.Connection, str]:
    """The record without its secret, and that."""
    bare = pb.Connection()
    bare.CopyFrom(connection)
    bare.ClearField(_SECRET)
    return bare, connection.secret


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """A stored pair as the message says it: what is kept by name is told as a list."""
    fields = [{"name": name, **known} for name, known in sorted((row.get("fields") or {}).items())]
    problems = [{"field": name, **known} for name, known in sorted((row.get("problems") or {}).items())]
    return {**row, "fields": fields, "problems": problems, "note_count": len(row.get("notes") or {})}
