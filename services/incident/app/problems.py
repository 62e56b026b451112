"""Problems and known errors."""

from itsm.incident import v1 as pb

from services.incident.api.problems import ProblemApi
from services.incident.app.parts import Parts
from services.incident.usecases.problems import Problems
from services.incident.usecases.recurring import Recurring

PROBLEMS = "itsm.incident.v1.ProblemService"
SERVICES = (PROBLEMS,)


def wire(parts: Parts) -> None:
    """Serves them."""
    problems, recurring = Problems(parts.store, parts.policies), Recurring(parts.store)
    api = ProblemApi(problems, recurring, parts.reading, parts.notes)
    parts.assembly.serve(PROBLEMS, pb.add_ProblemServiceServicer_to_server, api)
