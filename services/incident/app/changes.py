"""Changes."""

from itsm.incident import v1 as pb

from services.incident.api.changes import ChangeApi
from services.incident.app.parts import Parts
from services.incident.usecases.changes import Changes

CHANGES = "itsm.incident.v1.ChangeService"
SERVICES = (CHANGES,)


def wire(parts: Parts) -> None:
    """Serves them."""
    parts.assembly.serve(CHANGES, pb.add_ChangeServiceServicer_to_server, ChangeApi(Changes(parts.store), parts.reading))
