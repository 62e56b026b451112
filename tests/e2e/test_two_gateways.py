"""Two gateways behind a balancer are one: whatever one of them began, the other goes on with."""

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import cycle
from typing import Any

import httpx
import pytest

from tests.e2e.test_sign_in import SESSION, Visitor
from tests.support.events import listening
from tests.support.eventually import eventually
from tests.support.gateway import Gateway
from tests.support.gateways import Replica, balancer, replica
from tests.support.receiver import receiving
from tests.support.universal import watched

PLAIN = {"connection": "close"}  # so that each request goes to the next gateway


def opened(title: str, **more: Any) -> dict[str, Any]:
    return {"title": title, "impact": "LOW", "urgency": "LOW", **more}


class Wanderer(Visitor):
    """A browser whose every request another gateway answers."""

    def __init__(self, stack: dict[str, Any], urls: list[str]) -> None:
        super().__init__(stack)
        self._clients = [httpx.AsyncClient(base_url=url, timeout=20, trust_env=False) for url in urls]
        self._turns = cycle(self._clients)

    async def request(self, method: str, address: str, **options: Any) -> httpx.Response:
        self._http = next(self._turns)
        return await super().request(method, address, **options)

    async def close(self) -> None:
        """Ends all connections."""
        for client in self._clients:
            await client.aclose()


@pytest.fixture(scope="module")
async def second(stack: dict[str, Any], backing: dict[str, Any]) -> AsyncIterator[Replica]:
    """The gateway beside that of the stack."""
    async with replica(backing) as one:
        yield one


@pytest.fixture
async def both(stack: dict[str, Any], second: Replica) -> AsyncIterator[Gateway]:
    """Somebody of the service desk before both of them."""
    token = stack["users"]["agent"]["token"]
    async with balancer([stack["gateway"], second.url]) as url, Gateway(url, token) as caller:
        caller.http.headers.update(PLAIN)
        yield caller


async def test_a_sign_in_goes_through_both_and_a_sign_out_at_one_counts_at_the_other(
    stack: dict[str, Any], second: Replica
) -> None:
    async with AsyncExitStack() as parts:
        urls = [stack["gateway"], second.url]
        browser = Wanderer(stack, urls)
        parts.push_async_callback(browser.close)
        await browser.come_in("agent")  # begins at one, comes back to the other
        for _ in range(2):
            assert await browser.signed_in()
            ours = await browser.request("POST", "/api/v1/incidents", json=opened("by a browser"), headers=browser.ours())
            assert ours.status_code == 201
            theirs = await browser.request("POST", "/api/v1/incidents", json=opened("by a browser"))
            assert (theirs.status_code, theirs.json()["reason"]) == (403, "CSRF")
            next(browser._turns)
        kept = dict(browser.cookies)
        assert (await browser.request("POST", "/auth/logout", headers=browser.ours())).status_code == 200
        assert SESSION not in browser.cookies
        browser.cookies = kept
        async with asyncio.timeout(60):  # the other hears of it as an event
            while [await browser.signed_in() for _ in urls] != [False, False]:  # noqa: ASYNC110 - as said above
                await asyncio.sleep(0.1)


async def test_keys_versions_pages_and_batches_are_those_of_one_platform(
    stack: dict[str, Any], agent: Gateway, both: Gateway
) -> None:
    run = uuid.uuid4().hex
    async with watched(stack, agent):
        operations = [{"method": "POST", "body": opened(f"of a batch {n}", category=run)} for n in range(40)]
        batches = await asyncio.gather(
            *(
                both.http.post("/api/v1/incidents:batch", json={"operations": operations}, headers={"idempotency-key": run})
                for _ in range(2)
            )
        )
        again = await both.http.post(
            "/api/v1/incidents:batch", json={"operations": operations}, headers={"idempotency-key": run}
        )
        assert {answer.status_code for answer in batches} <= {207, 200, 409, 503}
        assert {each["status"] for each in again.json()["results"]} == {201}
        assert (await both.get("incidents:count", filter=f'category = "{run}"'))["value"] == 40

        seen = [row["id"] async for row in both.pages("incidents", "incidents", filter=f'category = "{run}"', fields="id")]
        assert len(set(seen)) == len(seen) == 40
        walked, token = [], ""
        while True:
            more = {"pageToken": token} if token else {}
            page = await both.get("incidents", filter=f'category = "{run}"', pageSize=7, **more)
            walked += [row["id"] for row in page["incidents"]]
            if not (token := page["nextPageToken"]):
                break
        assert walked == seen

        path = f"incidents/{seen[0]}"
        shown = [await both.send("GET", path) for _ in range(2)]
        assert len({answer.headers["etag"] for answer in shown}) == 1
        etag = shown[0].headers["etag"]
        known = [await both.http.get(f"/api/v1/{path}", headers={"if-none-match": etag}) for _ in range(2)]
        assert {answer.status_code for answer in known} == {304}
        races = await asyncio.gather(*(both.send("PATCH", path, {"title": f"by {n}"}, if_match=etag) for n in range(8)))
        assert Counter(answer.status_code for answer in races) == {200: 1, 412: 7}
        for _ in range(2):  # what was written through one is read through the other
            winner = next(answer.json() for answer in races if answer.status_code == httpx.codes.OK)
            assert await both.get(path) == winner


async def test_a_position_of_one_is_a_position_of_the_other(stack: dict[str, Any], second: Replica, both: Gateway) -> None:
    token, urls = stack["users"]["viewer"]["token"], cycle([stack["gateway"], second.url])
    made, heard, last = list[str](), list[str](), ""
    for turn in range(4):
        async with listening(next(urls), token, topics="incidents", last=last, begun=not last) as events:
            for number in range(3):
                made.append(f"incidents/{(await both.post('incidents', opened(f'turn {turn} {number}')))['id']}")
            missing = [subject for subject in made if subject not in heard]
            heard += [subject for subject in await events.until(*missing) if subject in made]
            last = events.last
        made.append(f"incidents/{(await both.post('incidents', opened('between two')))['id']}")
    assert Counter(heard) == Counter(made[:-1]), "something was heard twice or not at all"


async def test_each_event_is_one_delivery_whoever_sends_it(stack: dict[str, Any], keeper: Gateway, both: Gateway) -> None:
    category = f"two-{uuid.uuid4().hex[:8]}"
    async with receiving(204) as receiver:
        wanted = {"url": receiver.url, "eventTypes": ["itsm.incident.v1.IncidentOpened"], "filter": f'category = "{category}"'}
        path = f"webhooks/{(await keeper.post('webhooks', wanted))['webhook']['id']}"
        try:
            made = {(await both.post("incidents", opened("told once", category=category)))["id"] for _ in range(20)}
            await eventually(lambda: len({sent.id for sent in receiver.seen}) >= len(made), within=120)
            async with asyncio.timeout(60):
                while True:
                    log = [row async for row in keeper.pages(f"{path}/deliveries", "deliveries")]
                    if {row["state"] for row in log} == {"DELIVERED"}:
                        break
                    await asyncio.sleep(0.2)
        finally:
            await keeper.send("DELETE", path, version=(await keeper.get(path))["etag"])
    assert len(log) == len(made)
    assert Counter(sent.told["data"]["incident"]["id"] for sent in receiver.seen) == Counter(made)


async def test_a_death_of_one_is_seen_by_nobody_who_asks_again(stack: dict[str, Any], backing: dict[str, Any]) -> None:
    token, run = stack["users"]["agent"]["token"], uuid.uuid4().hex
    async with replica(backing) as dying, balancer([stack["gateway"], dying.url]) as url, Gateway(url, token) as caller:

        async def open_one(number: int) -> None:
            for _ in range(20):
                try:
                    body, key = opened(f"number {number}", category=run), f"{run}-{number}"
                    answer = await caller.send("POST", "incidents", body, key=key, **PLAIN)
                except httpx.TransportError:
                    continue
                if answer.status_code == httpx.codes.CREATED:
                    return
            raise AssertionError("nobody answered")

        tasks = [asyncio.create_task(open_one(number)) for number in range(60)]
        await asyncio.sleep(0.05)
        await dying.kill()
        await asyncio.gather(*tasks)
    async with Gateway(stack["gateway"], token) as agent:
        assert (await agent.get("incidents:count", filter=f'category = "{run}"'))["value"] == 60


async def test_who_is_at_a_record_is_told_through_either_of_them_to_those_who_are_there_and_see_all_such_records(
    stack: dict[str, Any], second: Replica
) -> None:
    users = {name: (await me(stack, name), stack["users"][name]["token"]) for name in ("agent", "viewer", "requester")}
    async with (
        Gateway(stack["gateway"], users["agent"][1]) as agent,
        Gateway(second.url, users["viewer"][1]) as viewer,
        Gateway(second.url, users["requester"][1]) as requester,
    ):
        incident = await requester.post("incidents", opened("who looks at it"))
        place, number = f"presence/incidents/{incident['id']}", f"presence/incidents/{incident['number']}"

        async def at(somebody: Gateway, mode: str, path: str = place) -> Any:
            answer = await somebody.send("PUT", path, {"mode": mode})
            assert answer.status_code == httpx.codes.OK, answer.text
            return [each["userId"] for each in answer.json()["people"]]

        async with listening(stack["gateway"], users["agent"][1]) as events:

            async def told(**wanted: str) -> None:
                async with asyncio.timeout(60):
                    while True:
                        name, event = await events.next() or ("", {})
                        if name == "presence" and event["subject"] == f"incidents/{incident['id']}":
                            people = {each["userId"]: each["mode"] for each in event["data"]["people"]}
                            if people == {users[each][0]: mode for each, mode in wanted.items()}:
                                return

            assert await at(agent, "VIEWING") == [users["agent"][0]]
            await told(agent="VIEWING")
            assert await at(viewer, "WRITING", number) == [users["agent"][0], users["viewer"][0]]
            await told(agent="VIEWING", viewer="WRITING")
            assert await at(requester, "VIEWING") == [users["requester"][0]], "who sees only some is told of himself"
            await told(agent="VIEWING", viewer="WRITING", requester="VIEWING")
            await at(viewer, "GONE")
            await told(agent="VIEWING", requester="VIEWING")
            shown = (await viewer.get(place))["people"]
            assert {each["userId"] for each in shown} == {users["agent"][0], users["requester"][0]}
        other = await agent.post("incidents", opened("of somebody else"))
        for path in (f"presence/incidents/{other['id']}", "presence/incidents/inc_none", "presence/secrets/1"):
            assert (await requester.send("PUT", path, {"mode": "VIEWING"})).status_code == httpx.codes.NOT_FOUND
        assert (await agent.send("PUT", place, {})).status_code == httpx.codes.UNPROCESSABLE_ENTITY


async def me(stack: dict[str, Any], name: str) -> str:
    """The id of somebody who signs in under this name."""
    async with Gateway(stack["gateway"], stack["users"][name]["token"]) as somebody:
        return str((await somebody.get("users:whoami"))["subject"])
