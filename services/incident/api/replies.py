"""Templates of incidents, and replies."""

from typing import Any

from itsm.incident import v1 as pb

from chassis.codec import to_message
from services.incident.api.cupboard import Calls, SharedCalls
from services.incident.domain.reply import CannedReply, TicketTemplate
from services.incident.usecases.replies import CannedReplies, TicketTemplates


class ReplyApi(pb.ReplyServiceServicer):
    """`itsm.incident.v1.ReplyService`."""

    def __init__(self, templates: TicketTemplates, replies: CannedReplies) -> None:
        self._uses, self._texts = templates, replies
        self._templates = Calls(templates, TicketTemplate, pb.TicketTemplate, "ticket_template")
        self._replies = SharedCalls(replies, CannedReply, pb.CannedReply, "canned_reply")

    async def CreateTicketTemplate(self, request: pb.CreateTicketTemplateRequest, context: Any) -> pb.TicketTemplate:
        return await self._templates.create(request)

    async def GetTicketTemplate(self, request: pb.GetTicketTemplateRequest, context: Any) -> pb.TicketTemplate:
        return await self._templates.get(request)

    async def ListTicketTemplates(self, request: pb.ListTicketTemplatesRequest, context: Any) -> pb.ListTicketTemplatesResponse:
        found, token = await self._templates.page(request)
        return pb.ListTicketTemplatesResponse(ticket_templates=found, next_page_token=token)

    async def UpdateTicketTemplate(self, request: pb.UpdateTicketTemplateRequest, context: Any) -> pb.TicketTemplate:
        return await self._templates.update(request)

    async def DeleteTicketTemplate(self, request: pb.DeleteTicketTemplateRequest, context: Any) -> pb.TicketTemplate:
        return await self._templates.delete(request)

    async def UseTicketTemplate(self, request: pb.UseTicketTemplateRequest, context: Any) -> pb.Incident:
        opened = await self._uses.use(
            request.id, title=request.title, description=request.description, requester_id=request.requester_id
        )
        return to_message(opened, pb.Incident)

    async def CreateCannedReply(self, request: pb.CreateCannedReplyRequest, context: Any) -> pb.CannedReply:
        return await self._replies.create(request)

    async def GetCannedReply(self, request: pb.GetCannedReplyRequest, context: Any) -> pb.CannedReply:
        return await self._replies.get(request)

    async def ListCannedReplies(self, request: pb.ListCannedRepliesRequest, context: Any) -> pb.ListCannedRepliesResponse:
        found, token = await self._replies.page(request)
        return pb.ListCannedRepliesResponse(canned_replies=found, next_page_token=token)

    async def UpdateCannedReply(self, request: pb.UpdateCannedReplyRequest, context: Any) -> pb.CannedReply:
        return await self._replies.update(request)

    async def DeleteCannedReply(self, request: pb.DeleteCannedReplyRequest, context: Any) -> pb.CannedReply:
        return await self._replies.delete(request)

    async def ShareCannedReply(self, request: pb.ShareCannedReplyRequest, context: Any) -> pb.CannedReply:
        return await self._replies.share(request)

    async def PublishCannedReply(self, request: pb.PublishCannedReplyRequest, context: Any) -> pb.CannedReply:
        return await self._replies.publish(request)

    async def RenderCannedReply(self, request: pb.RenderCannedReplyRequest, context: Any) -> pb.RenderCannedReplyResponse:
        return pb.RenderCannedReplyResponse(text=await self._texts.render(request.id, request.incident_id))
