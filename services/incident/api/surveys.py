"""Surveys, and the policy of whom is asked."""

from typing import Any

from itsm.incident import v1 as pb

from chassis.codec import document_to_message, to_message
from services.incident.api.cupboard import Calls
from services.incident.api.shared import asked
from services.incident.domain.survey import Survey, SurveyPolicy
from services.incident.usecases.reading import Reading
from services.incident.usecases.surveys import SurveyPolicies, Surveys


class SurveyApi(pb.SurveyServiceServicer):
    """`itsm.incident.v1.SurveyService`."""

    def __init__(self, policies: SurveyPolicies, surveys: Surveys, reading: Reading) -> None:
        self._policies = Calls(policies, SurveyPolicy, pb.SurveyPolicy, "survey_policy")
        self._surveys, self._reading = surveys, reading

    async def CreateSurveyPolicy(self, request: pb.CreateSurveyPolicyRequest, context: Any) -> pb.SurveyPolicy:
        return await self._policies.create(request)

    async def GetSurveyPolicy(self, request: pb.GetSurveyPolicyRequest, context: Any) -> pb.SurveyPolicy:
        return await self._policies.get(request)

    async def ListSurveyPolicies(self, request: pb.ListSurveyPoliciesRequest, context: Any) -> pb.ListSurveyPoliciesResponse:
        found, token = await self._policies.page(request)
        return pb.ListSurveyPoliciesResponse(survey_policies=found, next_page_token=token)

    async def UpdateSurveyPolicy(self, request: pb.UpdateSurveyPolicyRequest, context: Any) -> pb.SurveyPolicy:
        return await self._policies.update(request)

    async def DeleteSurveyPolicy(self, request: pb.DeleteSurveyPolicyRequest, context: Any) -> pb.SurveyPolicy:
        return await self._policies.delete(request)

    async def GetSurvey(self, request: pb.GetSurveyRequest, context: Any) -> pb.Survey:
        return document_to_message(await self._reading.get(Survey, request.id), pb.Survey)

    async def ListSurveys(self, request: pb.ListSurveysRequest, context: Any) -> pb.ListSurveysResponse:
        rows, token = await self._reading.page(Survey, asked(request))
        found = [document_to_message(row, pb.Survey) for row in rows]
        return pb.ListSurveysResponse(surveys=found, next_page_token=token)

    async def AnswerSurvey(self, request: pb.AnswerSurveyRequest, context: Any) -> pb.Survey:
        return to_message(await self._surveys.answer(request.id, request.score, request.comment), pb.Survey)
