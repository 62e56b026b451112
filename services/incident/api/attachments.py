"""Files of incidents."""

from typing import Any

from itsm.incident import v1 as pb

from chassis.codec import document_to_message, to_message
from services.incident.api.shared import asked
from services.incident.usecases.attachments import Attachments


class AttachmentApi(pb.AttachmentServiceServicer):
    """`itsm.incident.v1.AttachmentService`."""

    def __init__(self, attachments: Attachments) -> None:
        self._attachments = attachments

    async def ListAttachments(self, request: pb.ListAttachmentsRequest, context: Any) -> pb.ListAttachmentsResponse:
        rows, token = await self._attachments.page(request.id, asked(request))
        found = [document_to_message(row, pb.Attachment) for row in rows]
        return pb.ListAttachmentsResponse(attachments=found, next_page_token=token)

    async def GetAttachment(self, request: pb.GetAttachmentRequest, context: Any) -> pb.Attachment:
        return to_message(await self._attachments.get(request.id, request.attachment_id), pb.Attachment)

    async def DeleteAttachment(self, request: pb.DeleteAttachmentRequest, context: Any) -> pb.Attachment:
        removed = await self._attachments.remove(request.id, request.attachment_id, etag=request.etag)
        return to_message(removed, pb.Attachment)

    async def BeginAttachment(self, request: pb.BeginAttachmentRequest, context: Any) -> pb.BeginAttachmentResponse:
        begun = await self._attachments.begin(
            request.id,
            file_name=request.file_name,
            media_type=request.media_type,
            size=request.size,
            internal=request.internal,
        )
        before = document_to_message(begun.before, pb.Attachment) if begun.before is not None else None
        most = self._attachments.uploads.largest
        return pb.BeginAttachmentResponse(upload_id=begun.upload_id, most=most, attachment=before)

    async def AddAttachmentPiece(self, request: pb.AddAttachmentPieceRequest, context: Any) -> pb.AddAttachmentPieceResponse:
        size = await self._attachments.add(request.upload_id, request.piece, request.content)
        return pb.AddAttachmentPieceResponse(size=size)

    async def FinishAttachment(self, request: pb.FinishAttachmentRequest, context: Any) -> pb.Attachment:
        return to_message(await self._attachments.finish(request.upload_id, request.sha256), pb.Attachment)

    async def ReadAttachment(self, request: pb.ReadAttachmentRequest, context: Any) -> pb.ReadAttachmentResponse:
        attachment, content = await self._attachments.piece(request.id, request.attachment_id, request.piece)
        return pb.ReadAttachmentResponse(content=content, attachment=to_message(attachment, pb.Attachment))
