"""Surveys: who is asked, who answers, and when it is over. Drafts."""

from typing import Any

import pytest

from chassis import context as ctx
from chassis.errors import Denied, ForbiddenMove, Invalid, NotFound
from chassis.store import CHANGES
from chassis.testing import caller
from services.incident import store as kept
from services.incident.domain.survey import State, Survey, SurveyPolicy
from services.incident.usecases.acting import act
from services.incident.usecases.drafts import MOST_DRAFTS, Drafts
from services.incident.usecases.surveys import SurveyPolicies, Surveys
from tests.unit.incident.desk import KEY, Again, Desk

POLICY = {"name": "all", "question": "How was it?", "sampling_percent": 100, "expire_days": 7}


class Asking(Desk):
    """A desk that asks."""

    def __init__(self) -> None:
        super().__init__()
        self.policy = SurveyPolicies(self.store, kept.listings(KEY, self.clock)["surveyPolicies"])
        self.surveys = Surveys(self.store)
        self.drafts = Drafts(self.store)

    async def closed(self, number: int = 1) -> dict[str, Any]:
        told = {"id": f"inc_{number}", "number": f"INC{number}", "requester_id": "ann", "assignee_id": "bob", "team_id": "t1"}
        await self.surveys.closed(told)
        return told


@pytest.fixture
def desk() -> Any:
    with ctx.use(caller(subject="alice")):
        yield Asking()


async def test_who_reported_it_is_asked_once_and_answers_once(desk: Asking) -> None:
    await desk.policy.create(POLICY)
    told = await desk.closed()
    assert await desk.surveys.closed(told) is None
    (row,) = await desk.store.find("surveys", {})
    with pytest.raises(Denied):
        await Again(desk.surveys).answer(row["_id"], 5, "")
    with ctx.use(caller(subject="ann", scope={"requester_id": "ann"})):
        for score in (0, 6):
            with pytest.raises(Invalid, match="score"):
                await Again(desk.surveys).answer(row["_id"], score, "")
        answered = await Again(desk.surveys).answer(row["_id"], 4, "quick")
        assert (answered.state, answered.score, answered.about) == (State.ANSWERED, 4, "incidents/inc_1")
        with pytest.raises(ForbiddenMove):
            await Again(desk.surveys).answer(row["_id"], 1, "")
    with ctx.use(caller(subject="cid", scope={"requester_id": "cid"})), pytest.raises(NotFound):
        await Again(desk.surveys).answer(row["_id"], 1, "")
    data = [row["data"] for row in desk.backend.collections[CHANGES].values() if row.get("type", "").endswith("SurveyAnswered")]
    assert len(data) == 1
    assert "quick" not in str(data[0])


async def test_a_survey_is_over_after_its_days(desk: Asking) -> None:
    await desk.policy.create(POLICY)
    await desk.closed()
    (row,) = await desk.store.find("surveys", {})
    await Again(desk.surveys).expire("main", row["_id"])
    assert (await desk.store.get(Survey, row["_id"])).state is State.SENT
    desk.clock.advance(days=7)
    with ctx.use(caller(subject="ann")), pytest.raises(ForbiddenMove):
        await Again(desk.surveys).answer(row["_id"], 5, "")
    for _ in range(2):
        await Again(desk.surveys).expire("main", row["_id"])
    assert (await desk.store.get(Survey, row["_id"])).state is State.EXPIRED


async def test_about_so_many_are_asked_about_as_the_policy_says_and_nobody_without_one(desk: Asking) -> None:
    assert await desk.surveys.closed({"id": "inc_1", "requester_id": "ann"}) is None
    policy = await desk.policy.create({**POLICY, "sampling_percent": 30})
    with pytest.raises(Invalid, match="already"):
        await desk.policy.create(POLICY)
    asked = sum(policy.asks_about(f"inc_{number}") for number in range(2_000))
    assert 500 < asked < 700
    never = SurveyPolicy.made(act(desk.store), id="svp_1", **{**POLICY, "sampling_percent": 0})
    assert not any(never.asks_about(f"inc_{number}") for number in range(100))


@pytest.mark.parametrize("fields", [{"question": ""}, {"sampling_percent": 101}, {"expire_days": 0}])
async def test_a_policy_that_asks_nothing_sensible_is_refused(desk: Asking, fields: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        await desk.policy.create({**POLICY, **fields})
    assert set(refused.value.violations) == set(fields)


async def test_a_draft_is_its_writers_alone_and_nothing_is_told_of_it(desk: Asking) -> None:
    await desk.drafts.keep("incidents/inc_1", "I th", False)
    desk.clock.advance(seconds=1)
    await desk.drafts.keep("incidents/inc_1", "I think", True)
    await desk.drafts.keep("new/incident", "no mail", False)
    assert [(each.about, each.text) for each in await desk.drafts.all("incidents/inc_1")] == [("incidents/inc_1", "I think")]
    with ctx.use(caller(subject="bob")):
        assert await desk.drafts.all() == []
        await desk.drafts.drop("incidents/inc_1")
    assert len(await desk.drafts.all()) == 2
    await desk.drafts.drop("incidents/inc_1")
    assert [each.about for each in await desk.drafts.all()] == ["new/incident"]
    assert desk.backend.collections.get(CHANGES, {}) == {}
    with pytest.raises(Invalid):
        await desk.drafts.keep("", "x", False)
    for number in range(MOST_DRAFTS - 1):
        await desk.drafts.keep(f"new/{number}", "x", False)
    with pytest.raises(Invalid, match="drop some"):
        await desk.drafts.keep("new/one-more", "x", False)


@pytest.mark.parametrize("said", [{"source": "ALERT"}, {"requester_id": "itsm-incident"}, {"requester_id": "aur_01hv"}])
async def test_nobody_is_asked_about_what_no_person_reported(desk: Asking, said: dict[str, str]) -> None:
    await desk.policy.create(POLICY)
    told = {"number": "INC7", "requester_id": "ann", "assignee_id": "bob", "team_id": "t1", "source": "PORTAL"}
    assert await desk.surveys.closed({**told, **said, "id": "inc_7"}) is None
    assert await desk.surveys.closed({**told, "id": "inc_8"}) is not None
