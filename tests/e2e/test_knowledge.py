"""Knowledge on the running platform: from a ticket to its readers, in versions and languages, for whom it is alone."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from tests.support.gateway import Gateway
from tests.support.platform import Breakable


@pytest.fixture
async def requester(stack: dict[str, Any]) -> AsyncIterator[Gateway]:
    """Somebody who only asks for things."""
    async with Gateway(stack["gateway"], stack["users"]["requester"]["token"]) as gateway:
        yield gateway


@pytest.fixture
async def manager(stack: dict[str, Any]) -> AsyncIterator[Gateway]:
    """Somebody who publishes."""
    async with Gateway(stack["gateway"], stack["users"]["incident-manager"]["token"]) as gateway:
        yield gateway


async def published(agent: Gateway, manager: Gateway, **fields: Any) -> dict[str, Any]:
    """An article that readers see."""
    body = {"title": "Reset a password", "body": "Press the button.", "visibility": "PUBLIC", **fields}
    article = await agent.post("articles", body)
    await agent.post(f"articles/{article['id']}:submit", {})
    shown: dict[str, Any] = await manager.post(f"articles/{article['id']}:publish", {"changeNote": "first"})
    return shown


async def test_what_helped_in_a_ticket_becomes_an_article_that_helps_others(
    agent: Gateway, manager: Gateway, requester: Gateway
) -> None:
    incident = await agent.post("incidents", {"title": "No mail", "description": "Since 8."})
    await agent.post(f"incidents/{incident['id']}:resolve", {"resolutionCode": "FIXED", "resolution": "Emptied the queue."})
    article = await agent.post("articles:fromIncident", {"incidentId": incident["number"]})
    assert article["number"].startswith("KB") and "Emptied the queue." in article["body"]
    path = f"articles/{article['id']}"
    await agent.send("PATCH", path, {"visibility": "PUBLIC", "summary": "Empty the queue."}, version=article["etag"])
    assert (await requester.send("GET", path)).status_code == 404
    await agent.post(f"{path}:submit", {})
    assert (await agent.send("POST", f"{path}:publish", {})).status_code == 403
    await manager.post(f"{path}:publish", {"changeNote": "first"})
    seen = await requester.get(path)
    assert (seen["summary"], seen["edition"], seen["state"]) == ("Empty the queue.", 1, "PUBLISHED")

    await agent.send("PATCH", path, {"body": "Ask the badger."}, version=seen["etag"])
    assert "badger" not in (await requester.send("GET", path)).text
    assert (await agent.get(path))["draft"]["body"] == "Ask the badger."
    await agent.post(f"{path}:submit", {})
    await manager.post(f"{path}:reject", {"reason": "Which badger?"})
    refused = await manager.send("POST", f"{path}:publish", {})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:itsm:problem:conflict")


async def test_readers_see_their_language_and_teams_what_is_theirs_alone_and_a_death_loses_none_of_it(
    breakable: Breakable, stack: dict[str, Any], agent: Gateway, manager: Gateway, requester: Gateway
) -> None:
    mark = uuid4().hex
    english = await published(agent, manager, title=f"Kiosk {mark}")
    german = await published(agent, manager, title=f"Kiosk {mark} auf Deutsch", language="de", originalId=english["number"])
    secret = await published(manager, manager, title=f"Layoffs {mark}", visibility="TEAMS", teamIds=["nobody-is-in-it"])
    again = await agent.send("POST", "articles", {"title": "x", "language": "de", "originalId": english["id"]})
    assert again.status_code == 409
    odd = await agent.send("POST", "articles", {"title": "x", "language": "klingon!", "visibility": "TEAMS"})
    assert odd.status_code == 422 and len(odd.json()["errors"]) == 2

    async def seen(who: Gateway) -> set[str]:
        return {row["id"] async for row in who.pages("articles", "articles", filter=f'title:"{mark}"')}

    for restarted in (False, True):
        if restarted:
            breakable.stack.process("incident").kill()
            await breakable.stack.restart("incident")
        assert (await requester.get(f"articles/{english['id']}", language="fr,de"))["id"] == german["id"]
        assert (await requester.get(f"articles/{german['id']}", language="en-US"))["id"] == english["id"]
        assert await seen(requester) == await seen(agent) == {english["id"], german["id"]}
        assert await seen(manager) == {english["id"], german["id"], secret["id"]}
        for who in (requester, agent):
            for path in ("", "/translations"):
                assert (await who.send("GET", f"articles/{secret['id']}{path}")).status_code == 404
