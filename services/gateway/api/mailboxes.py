"""`itsm.gateway.v1.MailboxService`."""

from typing import Any

from itsm.gateway import v1 as pb

from chassis.codec import document_to_message, given, to_message
from services.gateway.api.requests import asked, named_fields
from services.gateway.domain.mailbox import Mailbox
from services.gateway.usecases.mailboxes import Mailboxes
from services.gateway.usecases.postbox import Postbox


class MailboxApi(pb.MailboxServiceServicer):
    """Mailboxes, and what came to them."""

    def __init__(self, mailboxes: Mailboxes, postbox: Postbox) -> None:
        self._mailboxes, self._postbox = mailboxes, postbox

    async def CreateMailbox(self, request: pb.CreateMailboxRequest, context: Any) -> pb.Mailbox:
        return to_message(await self._mailboxes.create(given(request.mailbox, Mailbox)), pb.Mailbox)

    async def GetMailbox(self, request: pb.GetMailboxRequest, context: Any) -> pb.Mailbox:
        return document_to_message(await self._mailboxes.get(request.id), pb.Mailbox)

    async def ListMailboxes(self, request: pb.ListMailboxesRequest, context: Any) -> pb.ListMailboxesResponse:
        rows, token = await self._mailboxes.page(asked(request))
        return pb.ListMailboxesResponse(mailboxes=[document_to_message(row, pb.Mailbox) for row in rows], next_page_token=token)

    async def UpdateMailbox(self, request: pb.UpdateMailboxRequest, context: Any) -> pb.Mailbox:
        fields = named_fields(request, request.mailbox, Mailbox)
        return to_message(await self._mailboxes.update(request.id, fields, etag=request.etag), pb.Mailbox)

    async def DeleteMailbox(self, request: pb.DeleteMailboxRequest, context: Any) -> pb.Mailbox:
        return to_message(await self._mailboxes.delete(request.id, etag=request.etag), pb.Mailbox)

    async def ReceiveMail(self, request: pb.ReceiveMailRequest, context: Any) -> pb.Mail:
        return document_to_message(await self._postbox.receive(request.id, request.raw), pb.Mail)

    async def ListMailboxMails(self, request: pb.ListMailboxMailsRequest, context: Any) -> pb.ListMailboxMailsResponse:
        rows, token = await self._postbox.page(request.mailbox_id, asked(request))
        return pb.ListMailboxMailsResponse(mails=[document_to_message(row, pb.Mail) for row in rows], next_page_token=token)

    async def GetMailboxMail(self, request: pb.GetMailboxMailRequest, context: Any) -> pb.Mail:
        return document_to_message(await self._postbox.get(request.mailbox_id, request.id), pb.Mail)

    async def GetMailboxMailSource(
        self, request: pb.GetMailboxMailSourceRequest, context: Any
    ) -> pb.GetMailboxMailSourceResponse:
        return pb.GetMailboxMailSourceResponse(raw=await self._postbox.source(request.mailbox_id, request.id))
