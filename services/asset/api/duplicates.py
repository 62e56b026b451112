"""What identification leaves to people."""

from typing import Any

from itsm.asset import v1 as pb

from chassis.codec import document_to_message, to_message
from services.asset.api.shared import asked
from services.asset.domain.duplicate import Duplicate
from services.asset.usecases.duplicates import Duplicates
from services.asset.usecases.reading import Reading

DUPLICATES = "duplicates"


class DuplicateApi(pb.DuplicateServiceServicer):
    """`itsm.asset.v1.DuplicateService`."""

    def __init__(self, duplicates: Duplicates, reading: Reading) -> None:
        self._duplicates = duplicates
        self._reading = reading

    async def GetDuplicate(self, request: pb.GetDuplicateRequest, context: Any) -> pb.Duplicate:
        return document_to_message(await self._reading.get(Duplicate, request.id), pb.Duplicate)

    async def ListDuplicates(self, request: pb.ListDuplicatesRequest, context: Any) -> pb.ListDuplicatesResponse:
        rows, token = await self._reading.page(DUPLICATES, asked(request))
        duplicates = [document_to_message(row, pb.Duplicate) for row in rows]
        return pb.ListDuplicatesResponse(duplicates=duplicates, next_page_token=token)

    async def ResolveDuplicate(self, request: pb.ResolveDuplicateRequest, context: Any) -> pb.Duplicate:
        return to_message(await self._duplicates.resolve(request.id, request.resolution, etag=request.etag), pb.Duplicate)
