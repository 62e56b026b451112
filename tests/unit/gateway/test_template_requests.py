"""Requests for templates: a record may be sent back as it was read."""

from functools import partial
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from itsm.gateway import v1 as pb

from chassis import context as ctx
from chassis.errors import Invalid
from chassis.races import again
from services.gateway.api.templates import TemplateApi
from tests.unit.gateway.notices import Office, person

SENT = {"name": "incident-opened", "channel": pb.Delivery.MAIL, "locale": "en", "subject": "Opened", "body": "It is."}


async def test_a_template_may_be_sent_back_as_it_was_read_and_keeps_what_it_is_known_by() -> None:
    office = Office()
    previews: Any = None
    api = TemplateApi(office.templates, previews)
    with ctx.use(person("boss", "admin")):
        made = await api.CreateTemplate(pb.CreateTemplateRequest(template=pb.Template(**SENT)), None)
        read = await api.GetTemplate(pb.GetTemplateRequest(id=made.id), None)
        read.body = "It is, since noon."
        mask = FieldMask(paths=["name", "channel", "locale", "subject", "body"])
        request = pb.UpdateTemplateRequest(id=made.id, template=read, update_mask=mask)
        assert (await api.UpdateTemplate(request, None)).body == "It is, since noon."
        for field, value in {"name": "incident-closed", "channel": pb.Delivery.CHAT, "locale": "de"}.items():
            other = pb.Template(**{field: value})
            for masked in ({"update_mask": FieldMask(paths=[field])}, {}):
                asked = pb.UpdateTemplateRequest(id=made.id, template=other, **masked)
                with pytest.raises(Invalid) as refused:
                    await again(partial(api.UpdateTemplate, asked, None))
                assert refused.value.violations == {field: "cannot be changed"}
        kept = await api.GetTemplate(pb.GetTemplateRequest(id=made.id), None)
    assert (kept.name, kept.channel, kept.locale) == (SENT["name"], SENT["channel"], SENT["locale"])
