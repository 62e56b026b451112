"""Models that sort incidents, and what they suggest."""

from typing import Any

from itsm.incident import v1 as pb

from chassis.codec import document_to_message, to_message
from services.incident.api.shared import asked
from services.incident.domain.triage_model import TriageModel
from services.incident.usecases.reading import Reading
from services.incident.usecases.triage import Similar, Suggested, Triage, purpose_of


class TriageApi(pb.TriageServiceServicer):
    """`itsm.incident.v1.TriageService`."""

    def __init__(self, triage: Triage, reading: Reading) -> None:
        self._triage = triage
        self._reading = reading

    async def CreateTriageModel(self, request: pb.CreateTriageModelRequest, context: Any) -> pb.TriageModel:
        wanted = request.triage_model
        purpose = purpose_of(pb.TriageModel.Purpose.Name(wanted.purpose))
        return to_message(await self._triage.create(purpose, held_back=wanted.held_back), pb.TriageModel)

    async def GetTriageModel(self, request: pb.GetTriageModelRequest, context: Any) -> pb.TriageModel:
        return document_to_message(await self._reading.get(TriageModel, request.id), pb.TriageModel)

    async def ListTriageModels(self, request: pb.ListTriageModelsRequest, context: Any) -> pb.ListTriageModelsResponse:
        rows, token = await self._reading.page(TriageModel, asked(request))
        models = [document_to_message(row, pb.TriageModel) for row in rows]
        return pb.ListTriageModelsResponse(triage_models=models, next_page_token=token)

    async def ActivateTriageModel(self, request: pb.ActivateTriageModelRequest, context: Any) -> pb.TriageModel:
        return to_message(await self._triage.activate(request.id, etag=request.etag), pb.TriageModel)

    async def RetireTriageModel(self, request: pb.RetireTriageModelRequest, context: Any) -> pb.TriageModel:
        return to_message(await self._triage.retire(request.id, etag=request.etag), pb.TriageModel)

    async def SuggestIncident(self, request: pb.SuggestIncidentRequest, context: Any) -> pb.SuggestIncidentResponse:
        found = await self._triage.suggest(request.id)
        return pb.SuggestIncidentResponse(
            suggestions=[_suggestion(each) for each in found.labels],
            similar_incidents=[_similar(each) for each in found.similar],
        )


def _suggestion(said: Suggested) -> pb.TriageSuggestion:
    labels = [pb.SuggestedLabel(label=each.label, confidence=round(each.confidence, 4)) for each in said.labels]
    return pb.TriageSuggestion(purpose=said.purpose.value, model_id=said.model_id, labels=labels)


def _similar(found: Similar) -> pb.SimilarIncident:
    incident = document_to_message(found.document, pb.Incident)
    return pb.SimilarIncident(
        id=incident.id,
        number=incident.number,
        title=incident.title,
        state=incident.state,
        resolution=incident.resolution,
        likeness=round(found.likeness, 4),
    )
