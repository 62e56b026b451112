"""`itsm.gateway.v1.TemplateService`."""

from typing import Any

from itsm.gateway import v1 as pb

from chassis.codec import document_to_message, given, to_message
from services.gateway.api.requests import asked, named_fields
from services.gateway.domain.template import Template
from services.gateway.usecases.previews import Previews
from services.gateway.usecases.templates import Templates


class TemplateApi(pb.TemplateServiceServicer):
    """Templates, and what somebody would read."""

    def __init__(self, templates: Templates, previews: Previews) -> None:
        self._templates, self._previews = templates, previews

    async def CreateTemplate(self, request: pb.CreateTemplateRequest, context: Any) -> pb.Template:
        return to_message(await self._templates.create(given(request.template, Template)), pb.Template)

    async def GetTemplate(self, request: pb.GetTemplateRequest, context: Any) -> pb.Template:
        return document_to_message(await self._templates.get(request.id), pb.Template)

    async def ListTemplates(self, request: pb.ListTemplatesRequest, context: Any) -> pb.ListTemplatesResponse:
        rows, token = await self._templates.page(asked(request))
        found = [document_to_message(row, pb.Template) for row in rows]
        return pb.ListTemplatesResponse(templates=found, next_page_token=token)

    async def ListShippedTemplates(
        self, request: pb.ListShippedTemplatesRequest, context: Any
    ) -> pb.ListShippedTemplatesResponse:
        found = [
            pb.Template(
                name=name,
                channel=channel.value,
                locale=locale,
                subject=words.subject,
                body=words.body,
                html=words.html,
            )
            for name, channel, locale, words in self._templates.shipped()
        ]
        return pb.ListShippedTemplatesResponse(templates=found)

    async def UpdateTemplate(self, request: pb.UpdateTemplateRequest, context: Any) -> pb.Template:
        fields = named_fields(request, request.template, Template)
        return to_message(await self._templates.update(request.id, fields, etag=request.etag), pb.Template)

    async def DeleteTemplate(self, request: pb.DeleteTemplateRequest, context: Any) -> pb.Template:
        return to_message(await self._templates.delete(request.id, etag=request.etag), pb.Template)

    async def PreviewTemplate(self, request: pb.PreviewTemplateRequest, context: Any) -> pb.PreviewTemplateResponse:
        fields = given(request.template, Template)
        letter = await self._previews.preview(fields, request.subject, request.event_type)
        return pb.PreviewTemplateResponse(subject=letter.subject, text=letter.text, html=letter.html)
