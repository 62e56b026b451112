"""Surveys and drafts."""

from itsm.incident import v1 as pb

from chassis.due import DueWorker
from services.incident.api.drafts import DraftApi
from services.incident.api.surveys import SurveyApi
from services.incident.app.parts import Parts
from services.incident.reactions import asking
from services.incident.usecases.drafts import Drafts
from services.incident.usecases.surveys import DUE_FIELD, SURVEYS, SurveyPolicies, Surveys

SERVICE, DRAFTS = "itsm.incident.v1.SurveyService", "itsm.incident.v1.DraftService"
SERVICES = (SERVICE, DRAFTS)


def wire(parts: Parts) -> None:
    """Serves them, hears of what is closed, and ends what nobody answers."""
    assembly, store, lists = parts.assembly, parts.store, parts.listings
    policies, surveys = SurveyPolicies(store, lists["surveyPolicies"]), Surveys(store)
    assembly.serve(SERVICE, pb.add_SurveyServiceServicer_to_server, SurveyApi(policies, surveys, parts.reading))
    assembly.serve(DRAFTS, pb.add_DraftServiceServicer_to_server, DraftApi(Drafts(store)))
    assembly.react(asking(surveys))
    DueWorker(store, "incident", SURVEYS, DUE_FIELD, surveys.expire, assembly.service.metrics, name="surveys").attach(
        assembly.service
    )
