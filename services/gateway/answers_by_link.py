"""`/answer/…`: the page behind a link in a mail (services/gateway/usecases/answering.py). GET shows, POST answers.

The question is read and answered with a token of a minute that stands for the person, holds two permissions and is made by the
auth service from the rights that the person has now, as for jobs. Whoever votes is the person, and the change says that this
service acted for him.

Fails: with a page in words; 404 for what is no link of ours or is none any more, 409 where nothing is asked any more, 503.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any
from urllib.parse import parse_qs

from itsm.auth import v1 as auth_pb
from itsm.incident import v1 as pb
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from chassis import context as ctx
from chassis.assembly import Assembly
from chassis.errors import (
    Busy,
    DeadlinePassed,
    Denied,
    Error,
    ForbiddenMove,
    Invalid,
    NotFound,
    Stale,
    Unauthenticated,
    Unavailable,
)
from chassis.rpc import call
from services.gateway import answer_page as page
from services.gateway.people import People
from services.gateway.rest.exchange import Exchange
from services.gateway.usecases.answering import PATH, Links, Proof, Question

MOST_BODY = 16 << 10
_SECONDS = 8.0
_PERMISSIONS: Mapping[Question, tuple[str, ...]] = {
    Question.VOTE: ("approvals.get", "approvals.vote"),
    Question.SURVEY: ("surveys.get", "surveys.answer"),
}
_HEADERS = {"content-security-policy": page.POLICY, "cache-control": "no-store", "x-robots-tag": "noindex"}

Ask = Callable[[Proof, str, Any], Awaitable[Any]]
"""Calls an RPC of the service that asks, as the person of a proof."""


class AnswersByLink:
    """The addresses. `name` says what people are called, `url` where the installation is."""

    def __init__(self, links: Links, ask: Ask, name: Callable[[str, str], Awaitable[str]], url: str) -> None:
        self._links, self._ask, self._name, self._url = links, ask, name, url.rstrip("/")

    @property
    def route(self) -> Route:
        """Where it answers."""
        return Route(f"{PATH}/{{proof}}", self.answer, methods=["GET", "POST"], include_in_schema=False)

    async def answer(self, request: Request) -> Response:
        """Shows the question; with POST, passes on what was answered."""
        locale = page.language(request.headers.get("accept-language", ""))
        url = self._url
        try:
            proof = self._links.opened(str(request.path_params["proof"]))
            url = f"{self._url}/{proof.question}/{proof.id}" if proof.question is Question.VOTE else self._url
            given = await _given(request) if request.method == "POST" else {}
            return await (self._vote if proof.question is Question.VOTE else self._survey)(locale, proof, given, url)
        except (Unavailable, Busy, DeadlinePassed):
            return _html(503, page.said(locale, "away", "later", url))
        except (ForbiddenMove, Stale):
            return _html(409, page.said(locale, "over", "sign-in", url))
        except (Invalid, NotFound, Denied):
            return _html(404, page.said(locale, "over", "sign-in", url))

    async def _vote(self, locale: str, proof: Proof, given: Mapping[str, str], url: str) -> Response:
        approval: pb.Approval = await self._ask(proof, "GetApproval", pb.GetApprovalRequest(id=proof.id))
        opened = [place for place, stage in enumerate(approval.stages) if stage.state == pb.Approval.Stage.OPEN]
        if proof.person not in approval.voter_ids or proof.stage not in opened:
            raise ForbiddenMove(pb.Approval.State.Name(approval.state), "vote")
        choice = {"APPROVE": pb.Approval.APPROVE, "REJECT": pb.Approval.REJECT}.get(given.get("choice", ""))
        comment, wrong = given.get("comment", ""), ""
        if choice is not None:
            # Of this version: what is open a moment later may be a stage that nobody asked this person about.
            request = pb.VoteApprovalRequest(
                id=proof.id, choice=choice, comment=comment, for_id=proof.person, etag=approval.etag
            )
            try:
                await self._ask(proof, "VoteApproval", request)
                return _html(200, page.said(locale, "thanks", "done", url))
            except Invalid as refused:
                wrong = _told(refused)
        asker = await self._name(proof.tenant, approval.requester_id)
        return _html(422 if wrong else 200, page.vote(locale, approval.title, asker, url, comment=comment, wrong=wrong))

    async def _survey(self, locale: str, proof: Proof, given: Mapping[str, str], url: str) -> Response:
        survey: pb.Survey = await self._ask(proof, "GetSurvey", pb.GetSurveyRequest(id=proof.id))
        if survey.state != pb.Survey.SENT:
            raise ForbiddenMove(pb.Survey.State.Name(survey.state), "answer")
        comment, wrong, score = given.get("comment", ""), "", given.get("score", "")
        url = f"{self._url}/{survey.about}"
        if len(score) == 1 and score.isdigit():
            request = pb.AnswerSurveyRequest(id=proof.id, score=int(score), comment=comment)
            try:
                await self._ask(proof, "AnswerSurvey", request)
                return _html(200, page.said(locale, "thanks", "done", url))
            except Invalid as refused:
                wrong = _told(refused)
        shown = page.survey(locale, survey.question, survey.number, url, comment=comment, wrong=wrong)
        return _html(422 if wrong else 200, shown)


def asking(assembly: Assembly, people: People, target: str) -> Ask:
    """`Ask` by the incident service at `target`, with a token that the auth service makes for the person."""

    async def ask(proof: Proof, method: str, request: Any) -> Any:
        token = await _token(assembly, await people.roles(proof.tenant, proof.person), proof)
        stub: Any = (pb.ApprovalServiceStub if proof.question is Question.VOTE else pb.SurveyServiceStub)(
            assembly.channels.to(target)
        )
        reads = method.startswith("Get")
        return await call(getattr(stub, method), request, token=token, tenant=proof.tenant, timeout=_SECONDS, repeatable=reads)

    return ask


def naming(people: People) -> Callable[[str, str], Awaitable[str]]:
    """What somebody of a tenant is called; empty where nobody knows, or nobody can say now."""

    async def name(tenant: str, person: str) -> str:
        with ctx.use(ctx.Context(tenant=tenant, actor=ctx.Actor(id="itsm-gateway", kind="service"))):
            try:
                found = await people.person(person)
            except Error:  # a page without that name asks the same
                return ""
        return found.name if found is not None else ""

    return name


async def _token(assembly: Assembly, roles: Collection[str], proof: Proof) -> str:
    stub = auth_pb.DelegationServiceStub(assembly.channels.to(assembly.settings.auth_target))
    request = auth_pb.DelegateRequest(subject=proof.person, roles=roles, permissions=_PERMISSIONS[proof.question])
    token = await assembly.account.token()
    try:
        answer = await call(stub.Delegate, request, token=token, tenant=proof.tenant, timeout=5, repeatable=True)
    except (Denied, Unauthenticated) as refused:  # of this service, not of the person
        raise Unavailable("the auth service gives this service no such token") from refused
    return str(answer.token)


async def _given(request: Request) -> Mapping[str, str]:
    """The form. Raises `Problem` 413 for more than a form of this page can hold."""
    body = await Exchange(request.scope, request.receive).body(MOST_BODY)
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=10)
    except ValueError as error:
        raise Invalid({"": "is no form of this page"}) from error
    return {name: values[-1].replace("\r\n", "\n") for name, values in fields.items()}


def _told(refused: Invalid) -> str:
    return "; ".join(refused.violations.values()) or refused.message


def _html(status: int, text: str) -> Response:
    return HTMLResponse(text, status, headers=_HEADERS)
