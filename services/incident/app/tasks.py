"""Tasks of records, and those that the platform does itself."""

from itsm.incident import v1 as pb

from chassis.due import DueWorker
from services.incident.api.tasks import TaskApi
from services.incident.app.parts import Parts
from services.incident.app.stock import AssetStock
from services.incident.usecases.hooks import TASKS, TRY_FIELD, Hooks

TASK = "itsm.incident.v1.TaskService"
SERVICES = (TASK,)


def wire(parts: Parts) -> None:
    """Serves them, and does what is the platform's to do."""
    assembly, service = parts.assembly, parts.assembly.service
    assembly.serve(TASK, pb.add_TaskServiceServicer_to_server, TaskApi(parts.tasks, parts.reading, parts.notes))
    stock = AssetStock(assembly.channels, parts.settings.asset_target, assembly.account)
    DueWorker(parts.store, "incident", TASKS, TRY_FIELD, Hooks(parts.store, parts.tasks, stock).run, service.metrics).attach(
        service
    )
