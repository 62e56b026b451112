"""The file of an export over HTTP: whole or refused, and never beside what is not a file."""

from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from google.protobuf.message import Message
from itsm.gateway import v1 as pb

from chassis.errors import Denied, NotFound, Unauthenticated, Unavailable
from services.gateway.jobs.results import Results
from services.gateway.rest.entrance import Entrance
from services.gateway.rest.shedding import Shedding
from tests.unit.gateway.work import ROUTES

NAME = "incidents-2026-05-04.csv"


class Files:
    """Answers for pieces; what `fault` holds comes instead of the piece of that number."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces, self.fault = [*pieces, b""], dict[int, Exception]()
        self.shedding, self.shown = Shedding(0), list[str]()

    async def call(
        self, service: str, method: Any, request: Any, *, metadata: Sequence[tuple[str, str]], timeout: float
    ) -> Message:
        """See `services.gateway.rest.upstream.Call`."""
        self.shown.append(dict(metadata)["authorization"])
        if request.piece in self.fault:
            raise self.fault[request.piece]
        about = pb.Job.Result(file_name=NAME, media_type="text/csv; charset=utf-8", size=sum(map(len, self.pieces)))
        return pb.ReadJobResultResponse(content=self.pieces[request.piece], result=about)

    async def credentials(self, scope: Any, route: Any) -> Sequence[tuple[str, str]]:
        """Whoever shows a token."""
        shown = dict(scope["headers"]).get(b"authorization", b"").decode()
        if not shown:
            raise Unauthenticated("sign in")
        return [("authorization", shown)]

    async def get(self, path: str = "jobs/job_1/result", method: str = "GET", known: bool = True) -> httpx.Response:
        """One request."""

        async def rest(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 418, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        app: Any = Results(rest, ROUTES, self.call, self.credentials, Entrance(shedding=self.shedding))  # type: ignore[arg-type]
        headers = {"authorization": "Bearer good"} if known else {}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway", headers=headers) as client:
            return await client.request(method, f"/api/v1/{path}")


async def test_the_pieces_come_as_one_file_with_its_name() -> None:
    files = Files(b"id\r\n", b"inc_1\r\n")
    answer = await files.get()
    assert (answer.status_code, answer.content) == (200, b"id\r\ninc_1\r\n")
    assert answer.headers["content-type"].startswith("text/csv")
    assert NAME in answer.headers["content-disposition"]
    assert answer.headers["content-length"] == "11"
    assert files.shown == ["Bearer good"] * 3


@pytest.mark.parametrize(("refusal", "status"), [(NotFound("job", "job_1"), 404), (Denied("jobs.get"), 403)])
async def test_what_the_service_refuses_is_a_problem_document(refusal: Exception, status: int) -> None:
    files = Files(b"x")
    files.fault[0] = refusal
    answer = await files.get()
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


async def test_nobody_other_verbs_and_too_much_to_do_are_refused() -> None:
    files = Files(b"x")
    assert (await files.get(known=False)).status_code == 401
    assert (await files.get(method="DELETE")).headers["allow"] == "GET"
    files.shedding = Shedding(1)
    files.shedding.in_flight = 1
    assert (await files.get()).status_code == 503


@pytest.mark.parametrize("path", ["jobs/job_1", "jobs/job_1/items", "jobs/a/b/result", "jobs/%2e%2e/result", "incidents"])
async def test_everything_else_goes_on(path: str) -> None:
    assert (await Files(b"x").get(path)).status_code == 418


async def test_a_file_that_breaks_off_is_never_taken_for_a_whole_one() -> None:
    files = Files(b"id\r\n", b"inc_1\r\n")
    files.fault[1] = Unavailable("away")
    with pytest.raises(Unavailable):
        await files.get()
