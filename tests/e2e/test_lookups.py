"""What a console asks first, and while somebody types, through the gateway and every service behind it."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx

from tests.support.gateway import Gateway

_MOST_BYTES = 50_000


async def test_one_answer_is_enough_to_begin_with_and_is_sent_again_only_when_it_changed(
    stack: dict[str, Any], agent: Gateway
) -> None:
    category = uuid4().hex
    view = await agent.post("views", {"name": "Mine", "resource": "incidents", "filter": f'category = "{category}"'})
    try:
        answer = await agent.send("GET", "bootstrap")
        assert len(answer.content) < _MOST_BYTES
        said = answer.json()
        assert said["me"]["username"] == "agent"
        assert "incidents.get" in said["me"]["permissions"]
        assert said["missing"] == []
        assert next((each["id"], each["count"]) for each in said["views"]) == (view["id"], 0)
        again = await agent.http.get("/api/v1/bootstrap", headers={"if-none-match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        await agent.post("incidents", {"title": "counted", "category": category})
        later = await agent.http.get("/api/v1/bootstrap", headers={"if-none-match": answer.headers["etag"]})
        assert (later.status_code, later.json()["views"][0]["count"]) == (200, 1)
    finally:
        await agent.send("DELETE", f"views/{view['id']}", version=view["etag"])
    assert (await httpx.AsyncClient(trust_env=False).get(f"{stack['gateway']}/api/v1/bootstrap")).status_code == 401


async def test_names_and_numbers_find_who_and_what_is_meant_for_those_who_may_see_it(
    stack: dict[str, Any], agent: Gateway
) -> None:
    name = f"zq{uuid4().hex[:10]}"
    async with Gateway(stack["gateway"], stack["users"]["asset-manager"]["token"]) as keeper:
        asset = await keeper.post("assets", {"name": f"{name} laptop", "class": "computer"})
    async with asyncio.timeout(60):  # the search hears of it as an event
        while not (found := (await agent.get("search:suggest", query=name, types="assets"))["suggestions"]):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    assert [(each["id"], each["name"]) for each in found] == [(asset["id"], f"{name} laptop")]
    people = (await agent.get("search:suggest", query="agent", types="users"))["suggestions"]
    assert people[0]["detail"] == "agent"
    incident = await agent.post("incidents", {"title": "by its number"})
    written = incident["number"].lower().replace("inc", "INC-").replace("-0", "-")
    assert await agent.get("search:resolve", number=written) == {
        "kind": "incidents",
        "id": incident["id"],
        "number": incident["number"],
    }
    async with Gateway(stack["gateway"], stack["users"]["requester"]["token"]) as requester:
        refused = await requester.send("GET", f"search:resolve?number={incident['number']}")
        assert refused.status_code == 404
        assert (await requester.get("search:suggest", query="agent"))["suggestions"] == []


async def test_what_somebody_is_told_of_waits_for_him_in_one_place_until_he_has_read_it(
    stack: dict[str, Any], agent: Gateway
) -> None:
    async with Gateway(stack["gateway"], stack["users"]["requester"]["token"]) as requester:
        incident = await requester.post("incidents", {"title": "Where do I read of it?"})
        subject = f"incidents/{incident['id']}"
        await agent.post(f"{subject}/notes", {"text": "a secret word", "public": True})
        told: list[dict[str, Any]] = []
        async with asyncio.timeout(120):  # the notices hear of it as an event
            while not any(each["template"] == "incident-answered" for each in told):
                await asyncio.sleep(0.2)
                items = (await requester.get("inbox", unread="true"))["items"]
                told = [each for each in items if each["subject"] == subject]
        assert not [each for each in told if "secret" in each["text"] or "secret" in each["title"]]
        before = (await requester.get("bootstrap"))["unreadCount"]
        assert before >= len(told)
        theirs = {each["id"] for each in (await agent.get("inbox"))["items"]}
        assert not theirs & {each["id"] for each in told}
        assert (await agent.post("inbox:read", {"ids": [told[0]["id"]]}))["unreadCount"] >= 0
        left = await requester.post("inbox:read", {"ids": [each["id"] for each in told]})
        assert left["unreadCount"] <= before
        still = (await requester.get("inbox", unread="true"))["items"]
        assert not [each for each in still if each["subject"] == subject]
