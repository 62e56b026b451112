"""What is written but not said yet."""

from typing import Any

from itsm.incident import v1 as pb

from chassis.codec import part
from services.incident.usecases.drafts import Drafts


class DraftApi(pb.DraftServiceServicer):
    """`itsm.incident.v1.DraftService`."""

    def __init__(self, drafts: Drafts) -> None:
        self._drafts = drafts

    async def KeepDraft(self, request: pb.KeepDraftRequest, context: Any) -> pb.Draft:
        said = request.draft
        return part(await self._drafts.keep(said.about, said.text, said.public), pb.Draft)

    async def ListDrafts(self, request: pb.ListDraftsRequest, context: Any) -> pb.ListDraftsResponse:
        return pb.ListDraftsResponse(drafts=[part(each, pb.Draft) for each in await self._drafts.all(request.about)])

    async def DropDraft(self, request: pb.DropDraftRequest, context: Any) -> pb.DropDraftResponse:
        await self._drafts.drop(request.about)
        return pb.DropDraftResponse()
