"""Macros."""

from typing import Any

from google.protobuf import struct_pb2
from itsm.incident import v1 as pb
from itsm.type import v1 as shared

from chassis.codec import to_message
from services.incident.api.cupboard import SharedCalls
from services.incident.domain.macro import Macro
from services.incident.usecases.macros import Macros


class MacroApi(pb.MacroServiceServicer):
    """`itsm.incident.v1.MacroService`."""

    def __init__(self, macros: Macros) -> None:
        self._macros = macros
        self._calls = SharedCalls(macros, Macro, pb.Macro, "macro")

    async def CreateMacro(self, request: pb.CreateMacroRequest, context: Any) -> pb.Macro:
        return await self._calls.create(request)

    async def GetMacro(self, request: pb.GetMacroRequest, context: Any) -> pb.Macro:
        return await self._calls.get(request)

    async def ListMacros(self, request: pb.ListMacrosRequest, context: Any) -> pb.ListMacrosResponse:
        found, token = await self._calls.page(request)
        return pb.ListMacrosResponse(macros=found, next_page_token=token)

    async def UpdateMacro(self, request: pb.UpdateMacroRequest, context: Any) -> pb.Macro:
        return await self._calls.update(request)

    async def DeleteMacro(self, request: pb.DeleteMacroRequest, context: Any) -> pb.Macro:
        return await self._calls.delete(request)

    async def ShareMacro(self, request: pb.ShareMacroRequest, context: Any) -> pb.Macro:
        return await self._calls.share(request)

    async def PublishMacro(self, request: pb.PublishMacroRequest, context: Any) -> pb.Macro:
        return await self._calls.publish(request)

    async def PreviewMacro(self, request: pb.PreviewMacroRequest, context: Any) -> pb.PreviewMacroResponse:
        seen = await self._macros.preview(request.id, request.incident_id)
        incident = to_message(seen.incident, pb.Incident)
        fields = pb.Incident.DESCRIPTOR.fields_by_name
        changes = [
            shared.FieldChange(field=fields[name].json_name, old=_value(old), new=_value(new))
            for name, (old, new) in seen.changes.items()
        ]
        return pb.PreviewMacroResponse(incident=incident, changes=changes, notes=seen.notes)

    async def ApplyMacro(self, request: pb.ApplyMacroRequest, context: Any) -> pb.MacroRun:
        run = await self._macros.apply(request.id, request.incident_id, etag=request.incident_etag)
        return to_message(run, pb.MacroRun)

    async def UndoMacroRun(self, request: pb.UndoMacroRunRequest, context: Any) -> pb.MacroRun:
        return to_message(await self._macros.undo(request.id), pb.MacroRun)


def _value(value: Any) -> struct_pb2.Value:
    """A field's value as changes tell it."""
    if isinstance(value, list):
        return struct_pb2.Value(list_value=struct_pb2.ListValue(values=[_value(each) for each in value]))
    if value is None:
        return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    return struct_pb2.Value(string_value=str(value))
