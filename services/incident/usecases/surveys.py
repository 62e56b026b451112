"""Surveys: sent when an incident was closed, each once; answered by who is asked, or over."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chassis import context as ctx
from chassis.codec import from_document
from chassis.errors import Denied, NotFound
from chassis.listing import Listing
from chassis.store import Store
from services.incident.domain.states import Source
from services.incident.domain.survey import State, Survey, SurveyPolicy
from services.incident.usecases.acting import act
from services.incident.usecases.cupboard import Cupboard

POLICIES, SURVEYS, DUE_FIELD = "survey_policies", "surveys", "due_time"
ANSWER = "surveys.answer"
_NO_PEOPLE = ("itsm-", "aur_")
"""How the ids of service accounts and of rules begin."""


class SurveyPolicies(Cupboard[SurveyPolicy]):
    """The one policy of a tenant."""

    def __init__(self, store: Store, listing: Listing) -> None:
        super().__init__(store, SurveyPolicy, listing, "svp", claim=lambda _: "one")


class Surveys:
    """What is asked and said."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def closed(self, incident: Mapping[str, Any]) -> Survey | None:
        """Asks whoever reported an incident that was closed, where the policy asks about it; once, however often it is told."""
        rows = await self._store.find(POLICIES, {"delete_time": None}, limit=1)
        policy = from_document(rows[0], SurveyPolicy) if rows else None
        requester, key = str(incident["requester_id"]), str(incident["id"])
        if policy is None or not requester or not policy.asks_about(key) or _is_nobody(incident):
            return None
        async with self._store.transaction() as tx:
            survey_id = f"svy_{key.partition('_')[2]}"
            if await tx.holder(SURVEYS, key) is not None:
                return None
            survey = Survey.sent(
                self._store.clock(),
                policy,
                id=survey_id,
                about=f"incidents/{key}",
                number=str(incident["number"]),
                requester_id=requester,
                assignee_id=str(incident["assignee_id"]),
                team_id=str(incident["team_id"]),
            )
            tx.claim(SURVEYS, key, survey.id)
            tx.add(survey)
        return survey

    async def answer(self, id: str, score: int, comment: str) -> Survey:  # noqa: A002 - as its field
        """The answer. Raises `NotFound`, `Denied` for somebody else than who is asked, `ForbiddenMove`, `Invalid`."""
        now = act(self._store)
        async with self._store.transaction() as tx:
            survey = await tx.get(Survey, id)
            if survey.requester_id != now.by:
                raise Denied(ANSWER, "somebody else is asked")
            survey.answer(now, score, comment)
            tx.save(survey)
        return survey

    async def expire(self, tenant: str, id: str) -> None:  # noqa: A002 - as above
        """What the timer calls: it is over where nobody answered."""
        if tenant != ctx.current().tenant:
            raise NotFound("tenant", tenant)
        with ctx.use(replace(ctx.current(), scope={})):
            async with self._store.transaction() as tx:
                survey = await tx.get(Survey, id)
                if survey.state is State.SENT and survey.expire_time <= self._store.clock():
                    survey.expire()
                    tx.save(survey)


def _is_nobody(incident: Mapping[str, Any]) -> bool:
    """Whether no person reported it, but an alert, this or another service, or a rule."""
    return incident.get("source") == Source.ALERT.value or str(incident["requester_id"]).startswith(_NO_PEOPLE)
