"""What was done, by whom."""

from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format, struct_pb2
from itsm.auth import v1 as pb
from itsm.type import v1 as shared

from chassis.codec import document_to_message
from services.auth.api.requests import asked
from services.auth.usecases.reading import AUDIT, Document, Reading


class AuditApi(pb.AuditServiceServicer):
    """`itsm.auth.v1.AuditService`."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    async def GetAuditEntry(self, request: pb.GetAuditEntryRequest, context: Any) -> pb.AuditEntry:
        return _audit_entry(await self._reading.get(AUDIT, request.id, "auditEntry"))

    async def ListAuditEntries(self, request: pb.ListAuditEntriesRequest, context: Any) -> pb.ListAuditEntriesResponse:
        rows, token = await self._reading.page(AUDIT, asked(request))
        return pb.ListAuditEntriesResponse(audit_entries=[_audit_entry(row) for row in rows], next_page_token=token)


def _audit_entry(row: Document) -> pb.AuditEntry:
    plain = {name: value for name, value in row.items() if name not in ("_id", "changes")}
    message = document_to_message(plain | {"id": row["entry"]}, pb.AuditEntry)
    message.changes.extend(_change(change) for change in row["changes"])
    return message


def _change(change: Mapping[str, Any]) -> shared.FieldChange:
    old, new = (json_format.ParseDict(change[side], struct_pb2.Value()) for side in ("old", "new"))
    return shared.FieldChange(field=change["field"], old=old, new=new)
