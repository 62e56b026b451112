"""Files of incidents."""

from itsm.incident import v1 as pb

from chassis.due import DueWorker
from services.incident.api.attachments import AttachmentApi
from services.incident.app.parts import Parts
from services.incident.usecases.attachments import Attachments
from services.incident.usecases.uploads import DUE_FIELD, UPLOADS, Uploads

ATTACHMENTS = "itsm.incident.v1.AttachmentService"
SERVICES = (ATTACHMENTS,)


def wire(parts: Parts) -> None:
    """Serves them, and sweeps what was begun and left."""
    settings, store, service = parts.settings, parts.store, parts.assembly.service
    uploads = Uploads(store, largest=settings.attachment_largest)
    attachments = Attachments(
        store, uploads, parts.listings["attachments"], most=settings.attachments_most, quota=settings.attachments_quota
    )
    parts.assembly.serve(ATTACHMENTS, pb.add_AttachmentServiceServicer_to_server, AttachmentApi(attachments))
    DueWorker(store, "incident", UPLOADS, DUE_FIELD, uploads.sweep, service.metrics).attach(service)
