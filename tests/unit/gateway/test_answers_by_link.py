"""Links in mails: looking does nothing, answering does one thing, and nothing else opens them."""

import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsm.incident import v1 as pb
from starlette.applications import Starlette

from chassis.errors import ForbiddenMove, Invalid, Unavailable
from chassis.sealing import Sealing
from chassis.testing import FakeClock
from services.gateway.answer_page import WORDS, language
from services.gateway.answers_by_link import AnswersByLink
from services.gateway.usecases.answering import Allowed, Links, Proof, Question
from tests.unit.gateway.post import NOON

URL = "https://itsm.example"
KEY = b"k" * 32
TITLE = "CHG1 <script>alert(1)</script>"
UNTIL = int((NOON + timedelta(days=1)).timestamp())
VOTE = Proof(Question.VOTE, "main", "apr_1", "ann", 0, UNTIL)
SURVEY = Proof(Question.SURVEY, "main", "svy_1", "ann", 0, UNTIL)


def links(allowed: Allowed = Allowed.ALL, key: bytes = KEY) -> Links:
    return Links(Sealing(key, "tests"), FakeClock(NOON), URL, allowed)


class Desk:
    """The service that asks: what it was told by whom."""

    def __init__(self) -> None:
        stage = pb.Approval.Stage(state=pb.Approval.Stage.OPEN)
        self.approval = pb.Approval(id="apr_1", title=TITLE, requester_id="bob", voter_ids=["ann"], stages=[stage])
        self.survey = pb.Survey(id="svy_1", question="Well?", number="INC7", about="incidents/inc_7", state=pb.Survey.SENT)
        self.said: list[tuple[str, str, Any]] = []
        self.refuses: Exception | None = None

    async def ask(self, proof: Proof, method: str, request: Any) -> Any:
        if method == "GetApproval":
            return self.approval
        if method == "GetSurvey":
            return self.survey
        if self.refuses is not None:
            raise self.refuses
        self.said.append((proof.person, method, request))
        return None

    async def name(self, _tenant: str, person: str) -> str:
        return f"{person.title()} & Co"


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
async def browser(desk: Desk) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=[AnswersByLink(links(), desk.ask, desk.name, URL).route])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL) as client:
        yield client


async def test_who_looks_is_shown_what_is_asked_and_votes_for_nothing(desk: Desk, browser: httpx.AsyncClient) -> None:
    for method in ("GET", "HEAD"):
        shown = await browser.request(method, links().link(VOTE), params={"choice": "APPROVE"})
        assert shown.status_code == 200
    page = (await browser.get(links().link(VOTE), headers={"accept-language": "de-CH, en;q=0.5"})).text
    assert WORDS["de"]["approve"] in page
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    assert "Bob &amp; Co" in page
    assert "no-store" in shown.headers["cache-control"]
    assert "script-src" not in shown.headers["content-security-policy"]
    assert desk.said == []


async def test_a_click_votes_as_the_person_with_what_was_written(desk: Desk, browser: httpx.AsyncClient) -> None:
    said = await browser.post(links().link(VOTE), data={"choice": "REJECT", "comment": "Not\r\nnow"})
    assert (said.status_code, WORDS["en"]["thanks"] in said.text) == (200, True)
    ((person, method, request),) = desk.said
    assert (person, method) == ("ann", "VoteApproval")
    assert (request.id, request.choice, request.comment, request.for_id) == ("apr_1", pb.Approval.REJECT, "Not\nnow", "ann")
    for nothing in ({}, {"choice": "MAYBE"}, {"score": "5"}):
        assert (await browser.post(links().link(VOTE), data=nothing)).status_code == 200
    assert len(desk.said) == 1


async def test_what_was_wrong_is_said_and_what_was_written_stays(desk: Desk, browser: httpx.AsyncClient) -> None:
    desk.refuses = Invalid({"comment": "a reason is needed <b>"})
    said = await browser.post(links().link(VOTE), data={"choice": "REJECT", "comment": "x"})
    assert said.status_code == 422
    assert "a reason is needed &lt;b&gt;" in said.text
    assert ">x</textarea>" in said.text
    desk.refuses = ForbiddenMove("APPROVED", "vote")
    assert (await browser.post(links().link(VOTE), data={"choice": "REJECT"})).status_code == 409
    desk.refuses = Unavailable("away")
    assert (await browser.post(links().link(VOTE), data={"choice": "REJECT"})).status_code == 503


async def test_a_link_is_for_the_stage_and_the_person_that_were_asked(desk: Desk, browser: httpx.AsyncClient) -> None:
    desk.approval.stages.insert(0, pb.Approval.Stage(state=pb.Approval.Stage.APPROVED))
    assert (await browser.post(links().link(VOTE), data={"choice": "APPROVE"})).status_code == 409
    del desk.approval.stages[0], desk.approval.voter_ids[:]
    assert (await browser.post(links().link(VOTE), data={"choice": "APPROVE"})).status_code == 409
    assert desk.said == []


async def test_how_it_was_is_said_once_with_a_number(desk: Desk, browser: httpx.AsyncClient) -> None:
    shown = await browser.get(links().link(SURVEY))
    assert "Well?" in shown.text
    assert f"{URL}/incidents/inc_7" in shown.text
    assert (await browser.post(links().link(SURVEY), data={"score": "4", "comment": "quick"})).status_code == 200
    ((_, method, request),) = desk.said
    assert (method, request.id, request.score, request.comment) == ("AnswerSurvey", "svy_1", 4, "quick")
    desk.survey.state = pb.Survey.ANSWERED
    assert (await browser.post(links().link(SURVEY), data={"score": "1"})).status_code == 409
    assert len(desk.said) == 1


def test_a_link_ends_opens_nothing_under_another_key_and_only_what_the_installation_allows() -> None:
    made = links().link(VOTE).rpartition("/")[2]
    assert links().opened(made) == VOTE
    late = Links(Sealing(KEY, "tests"), FakeClock(NOON + timedelta(days=1)), URL, Allowed.ALL)
    for reader, reason in ((late, "LINK_OVER"), (links(key=b"o" * 32), "LINK_UNKNOWN"), (links(Allowed.SURVEYS), "LINK_OFF")):
        with pytest.raises(Invalid) as refused:
            reader.opened(made)
        assert refused.value.reason == reason
    assert links(Allowed.SURVEYS).opened(links().link(SURVEY).rpartition("/")[2]) == SURVEY
    with pytest.raises(Invalid):
        links(Allowed.NONE).opened(links().link(SURVEY).rpartition("/")[2])


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255), st.text(max_size=300))
def test_a_link_with_any_bit_changed_and_any_other_text_opens_nothing(place: int, change: int, text: str) -> None:
    made = links().link(VOTE).rpartition("/")[2]
    raw = bytearray(base64.urlsafe_b64decode(made + "=" * (-len(made) % 4)))
    raw[place % len(raw)] ^= change
    for forged in (base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("="), text):
        with pytest.raises(Invalid):
            links().opened(forged)


@given(st.text(max_size=100))
def test_any_wish_of_a_browser_is_a_language_that_there_is(accepted: str) -> None:
    assert language(accepted) in WORDS
