"""Lists as files: whole or not at all, harmless to spreadsheets, as the caller sees them."""

import asyncio
import csv
import io
import zipfile
from collections.abc import AsyncIterator
from typing import Any
from xml.etree import ElementTree

import httpx
import orjson
import pytest

from services.gateway.rest import exports
from services.gateway.rest.exports import Exports
from services.gateway.rest.routes import declared

PATH = "/api/v1/incidents:export"
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


class Rest:
    """The API behind it: pages of incidents, and answers that come before them."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.upcoming: list[tuple[int, dict[str, str]]] = []
        self.queries: list[dict[str, str]] = []
        self.headers: list[dict[bytes, bytes]] = []
        self.member = "incidents"

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:
        query = dict(httpx.QueryParams(scope["query_string"].decode()))
        self.queries.append(query)
        self.headers.append(dict(scope["headers"]))
        status, headers = self.upcoming.pop(0) if self.upcoming else (200, {})
        at, size = int(query.get("pageToken", "0")), int(query.get("pageSize", "50"))
        more = str(at + size) if at + size < len(self.records) else ""
        page = {self.member: self.records[at : at + size], "nextPageToken": more}
        body = orjson.dumps(page if status == 200 else {"type": "urn:itsm:problem:x"})
        given = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": given})
        await send({"type": "http.response.body", "body": body})


@pytest.fixture
def rest() -> Rest:
    return Rest()


@pytest.fixture
async def client(rest: Rest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    monkeypatch.setattr(exports, "_LONGEST_WAIT", 0.01)
    transport = httpx.ASGITransport(Exports(rest, declared()))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as made:
        yield made


async def test_a_list_of_many_pages_is_one_file(client: httpx.AsyncClient, rest: Rest) -> None:
    rest.records = [{"number": f"INC{at:07}", "title": f"no mail, {at}"} for at in range(450)]
    params = {"filter": "state = NEW", "orderBy": "number", "fields": "number,title"}
    answer = await client.get(PATH, params=params, headers={"authorization": "Bearer mine", "accept": "text/csv"})
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert (rows[0], len(rows), rows[450]) == (["number", "title"], 451, ["INC0000449", "no mail, 449"])
    assert answer.headers["content-disposition"].startswith('attachment; filename="incidents-')
    assert [query.get("pageToken") for query in rest.queries] == [None, "200", "400"]
    assert all(query["filter"] == "state = NEW" and query["orderBy"] == "number" for query in rest.queries)
    assert all(given[b"authorization"] == b"Bearer mine" and b"accept" not in given for given in rest.headers)


async def test_a_list_that_is_one_page_is_asked_for_no_size_of_it(client: httpx.AsyncClient, rest: Rest) -> None:
    rest.records, rest.member = [{"name": "server"}, {"name": "router"}], "assetClasses"
    answer = await client.get("/api/v1/assetClasses:export", params={"fields": "name"})
    assert (answer.text.split(), rest.queries) == (["name", "server", "router"], [{}])


async def test_no_cell_runs_in_a_spreadsheet(client: httpx.AsyncClient, rest: Rest) -> None:
    evil = '=HYPERLINK("http://x")'
    rest.records = [{"title": evil, "reopenCount": -1, "assetIds": ["+1", "b"], "clocks": [{"kind": "RESOLVE"}]}]
    params = {"fields": "title,reopenCount,assetIds,clocks"}
    (_, row) = csv.reader(io.StringIO((await client.get(PATH, params=params)).text))
    assert row == ["'" + evil, "-1", "'+1; b", '[{"kind":"RESOLVE"}]']
    lines = (await client.get(PATH, params={**params, "format": "jsonl"})).content.splitlines()
    assert [orjson.loads(line) for line in lines] == rest.records, "the exact form is exact"
    sheet = workbook((await client.get(PATH, params={**params, "format": "xlsx"})).content)
    assert sheet.find(f".//{SHEET}f") is None, "there is no formula in it"
    assert evil in [each.text for each in sheet.iter(f"{SHEET}t")]


async def test_a_workbook_has_dates_as_dates(client: httpx.AsyncClient, rest: Rest) -> None:
    rest.records = [{"createTime": "2026-11-23T12:00:00Z", "reopenCount": 2}]
    answer = await client.get(PATH, params={"format": "xlsx", "fields": "createTime,reopenCount"})
    values = [each.text for each in workbook(answer.content).iter(f"{SHEET}v")]
    assert values == ["46349.5", "2"]


def workbook(content: bytes) -> ElementTree.Element:
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        return ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))  # noqa: S314 - our own writing


async def test_too_many_rows_for_a_workbook_are_refused_before_anything_is_sent(
    client: httpx.AsyncClient, rest: Rest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "WORKBOOK_ROWS", 300)
    rest.records = [{"title": "a"}] * 301
    answer = await client.get(PATH, params={"format": "xlsx"})
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:itsm:problem:too-large")
    assert (await client.get(PATH, params={"format": "csv"})).status_code == 200


async def test_what_the_list_refuses_the_export_refuses(client: httpx.AsyncClient, rest: Rest) -> None:
    rest.upcoming = [(403, {"content-type": "application/problem+json"})]
    answer = await client.get(PATH)
    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")
    assert answer.json() == {"type": "urn:itsm:problem:x"}


@pytest.mark.parametrize(
    ("params", "pointer"),
    [({"format": "pdf"}, "/format"), ({"fields": "title,nonsense"}, "/fields"), ({"pageSize": "1"}, "/pageSize")],
)
async def test_what_makes_no_sense_is_told(client: httpx.AsyncClient, params: dict[str, str], pointer: str) -> None:
    answer = await client.get(PATH, params=params)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert (await client.post(PATH)).status_code == 405


async def test_a_busy_service_is_asked_again_in_the_midst_of_it(client: httpx.AsyncClient, rest: Rest) -> None:
    rest.records = [{"title": "a"}] * 201
    rest.upcoming = [(200, {}), (503, {"retry-after": "1"}), (429, {})]
    answer = await client.get(PATH, params={"format": "jsonl"})
    assert len(answer.content.splitlines()) == 201


async def test_a_file_that_cannot_be_finished_is_not_taken_for_a_whole_one(client: httpx.AsyncClient, rest: Rest) -> None:
    rest.records = [{"title": "a"}] * 201
    rest.upcoming = [(200, {}), (401, {})]
    with pytest.raises(ConnectionAbortedError):
        await client.get(PATH)


async def test_a_workbook_that_cannot_be_finished_is_refused_as_the_list_refuses(client: httpx.AsyncClient, rest: Rest) -> None:
    rest.records = [{"title": "a"}] * 201
    rest.upcoming = [(200, {}), (401, {"content-type": "application/problem+json"})]
    answer = await client.get(PATH, params={"format": "xlsx"})
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")


async def test_only_some_run_at_once_and_one_of_a_caller(rest: Rest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "OF_A_CALLER", 1)
    held = asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await held.wait()
        await rest(scope, receive, send)

    transport = httpx.ASGITransport(Exports(slow, declared()))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:

        def asked(who: int) -> asyncio.Task[httpx.Response]:
            return asyncio.create_task(client.get(PATH, headers={"authorization": f"Bearer {who}"}))

        running = [asked(who) for who in range(exports.AT_ONCE)]
        await asyncio.sleep(0)
        again, another = await asked(0), await asked(99)
        assert [(each.status_code, each.headers["retry-after"]) for each in (again, another)] == [(503, "5")] * 2
        held.set()
        assert {(await each).status_code for each in running} == {200}
        assert (await asked(0)).status_code == 200


async def test_a_client_that_takes_nothing_holds_no_place(rest: Rest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "STALLED_SECONDS", 0.01)
    application = Exports(rest, declared())

    async def stalled(message: Any) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    scope = {"type": "http", "method": "GET", "path": PATH, "raw_path": PATH.encode(), "query_string": b"", "headers": []}
    with pytest.raises(TimeoutError):
        await application(scope, asyncio.Event().wait, stalled)  # type: ignore[arg-type]
    assert application._running.total() == 0


async def test_everything_else_is_the_apis(client: httpx.AsyncClient, rest: Rest) -> None:
    assert (await client.get("/api/v1/incidents")).json()["incidents"] == []
    assert len(rest.queries) == 1
