"""Lists as files, over the live stack: all of it, as the caller sees it, or a refusal."""

import csv
import io
import json
import zipfile
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from tests.support.gateway import Gateway


@pytest.fixture
async def requester(stack: dict[str, Any]) -> AsyncIterator[Gateway]:
    """Somebody who sees only what he reported."""
    async with Gateway(stack["gateway"], stack["users"]["requester"]["token"]) as gateway:
        yield gateway


async def test_a_list_is_a_file_of_each_kind(agent: Gateway) -> None:
    category = f"export-{uuid4().hex[:8]}"
    made = [await agent.post("incidents", {"title": f"=no mail {at}", "category": category}) for at in range(3)]
    query: dict[str, Any] = {"filter": f'category = "{category}"', "orderBy": "createTime", "fields": "number,title,state"}
    table = await agent.http.get("/api/v1/incidents:export", params=query)
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["number"] for row in rows] == [each["number"] for each in made]
    assert rows[0] == {"number": made[0]["number"], "title": "'=no mail 0", "state": "NEW"}
    lines = await agent.http.get("/api/v1/incidents:export", params={**query, "format": "jsonl"})
    assert [json.loads(line)["title"] for line in lines.text.splitlines()] == [each["title"] for each in made]
    book = await agent.http.get("/api/v1/incidents:export", params={**query, "format": "xlsx"})
    with zipfile.ZipFile(io.BytesIO(book.content)) as opened:
        sheet = opened.read("xl/worksheets/sheet1.xml").decode()
    assert all(each["number"] in sheet for each in made)
    assert "<f>" not in sheet


async def test_an_export_shows_no_more_than_the_list(requester: Gateway, agent: Gateway) -> None:
    category = f"export-{uuid4().hex[:8]}"
    mine = await requester.post("incidents", {"title": "mine", "category": category})
    await agent.post("incidents", {"title": "another's", "category": category})
    query = {"filter": f'category = "{category}"', "fields": "id", "format": "jsonl"}
    answer = await requester.http.get("/api/v1/incidents:export", params=query)
    assert [json.loads(line)["id"] for line in answer.text.splitlines()] == [mine["id"]]


@pytest.mark.parametrize(
    ("path", "params", "status"),
    [
        ("incidents:export", {"filter": "nonsense = 1"}, 422),
        ("incidents:export", {"format": "pdf"}, 422),
        ("auditEntries:export", {}, 403),
        ("nonsense:export", {}, 404),
    ],
)
async def test_what_a_list_refuses_is_a_problem_document(
    requester: Gateway, path: str, params: dict[str, str], status: int
) -> None:
    answer = await requester.http.get(f"/api/v1/{path}", params=params)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


async def test_nobody_exports_without_a_sign_in(stack: dict[str, Any]) -> None:
    async with Gateway(stack["gateway"]) as nobody:
        assert (await nobody.http.get("/api/v1/incidents:export")).status_code == 401
