"""Templates of standard changes."""

from typing import Any

from itsm.incident import v1 as pb

from chassis.codec import document_to_message, given, to_message
from services.incident.api.shared import asked, named
from services.incident.domain.change_template import ChangeTemplate
from services.incident.usecases.change_templates import ChangeTemplates
from services.incident.usecases.reading import Reading


class ChangeTemplateApi(pb.ChangeTemplateServiceServicer):
    """`itsm.incident.v1.ChangeTemplateService`."""

    def __init__(self, templates: ChangeTemplates, reading: Reading) -> None:
        self._templates = templates
        self._reading = reading

    async def CreateChangeTemplate(self, request: pb.CreateChangeTemplateRequest, context: Any) -> pb.ChangeTemplate:
        fields = given(request.change_template, ChangeTemplate)
        return to_message(await self._templates.create(fields), pb.ChangeTemplate)

    async def GetChangeTemplate(self, request: pb.GetChangeTemplateRequest, context: Any) -> pb.ChangeTemplate:
        return document_to_message(await self._reading.get(ChangeTemplate, request.id), pb.ChangeTemplate)

    async def ListChangeTemplates(self, request: pb.ListChangeTemplatesRequest, context: Any) -> pb.ListChangeTemplatesResponse:
        rows, token = await self._reading.page(ChangeTemplate, asked(request))
        templates = [document_to_message(row, pb.ChangeTemplate) for row in rows]
        return pb.ListChangeTemplatesResponse(change_templates=templates, next_page_token=token)

    async def UpdateChangeTemplate(self, request: pb.UpdateChangeTemplateRequest, context: Any) -> pb.ChangeTemplate:
        fields = named(request, request.change_template, ChangeTemplate)
        return to_message(await self._templates.update(request.id, fields, etag=request.etag), pb.ChangeTemplate)

    async def SubmitChangeTemplate(self, request: pb.SubmitChangeTemplateRequest, context: Any) -> pb.ChangeTemplate:
        return to_message(await self._templates.submit(request.id, etag=request.etag), pb.ChangeTemplate)

    async def ReinstateChangeTemplate(self, request: pb.ReinstateChangeTemplateRequest, context: Any) -> pb.ChangeTemplate:
        return to_message(await self._templates.reinstate(request.id, request.review, etag=request.etag), pb.ChangeTemplate)

    async def RetireChangeTemplate(self, request: pb.RetireChangeTemplateRequest, context: Any) -> pb.ChangeTemplate:
        return to_message(await self._templates.retire(request.id, etag=request.etag), pb.ChangeTemplate)
