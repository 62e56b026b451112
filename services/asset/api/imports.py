"""Tables of assets."""

from typing import Any

from itsm.asset import v1 as pb

from chassis.codec import document_to_message, to_message
from services.asset.api.shared import asked
from services.asset.domain.importing import Import
from services.asset.domain.table import Layout
from services.asset.usecases.imports import Imports
from services.asset.usecases.reading import Reading


class ImportApi(pb.ImportServiceServicer):
    """`itsm.asset.v1.ImportService`."""

    def __init__(self, imports: Imports, reading: Reading) -> None:
        self._imports = imports
        self._reading = reading

    async def CreateImport(self, request: pb.CreateImportRequest, context: Any) -> pb.Import:
        layout = Layout(
            source=request.source,
            mapping=dict(request.mapping),
            class_=getattr(request, "class"),
            delimiter=request.delimiter,
        )
        return to_message(await self._imports.preview(request.text, layout), pb.Import)

    async def GetImport(self, request: pb.GetImportRequest, context: Any) -> pb.Import:
        return document_to_message(await self._reading.get(Import, request.id), pb.Import)

    async def ListImports(self, request: pb.ListImportsRequest, context: Any) -> pb.ListImportsResponse:
        rows, token = await self._imports.page(asked(request))
        return pb.ListImportsResponse(imports=[document_to_message(row, pb.Import) for row in rows], next_page_token=token)

    async def ApplyImport(self, request: pb.ApplyImportRequest, context: Any) -> pb.Import:
        return to_message(await self._imports.apply(request.id, etag=request.etag), pb.Import)
