"""Reaching for what is not one's own: records out of sight, rights that one does not have, tenants that one is not of."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from tests.e2e.test_sign_in import Visitor
from tests.support.attempts import Attempt, attempted
from tests.support.callers import Callers
from tests.support.events import listening
from tests.support.gateway import Gateway
from tests.support.universal import Reader, watched

MISSING = "inc_01999999-9999-7999-8999-999999999999"
TAKEN = 30.0
"""Seconds until a right that was taken counts nowhere, on a slow and busy machine. A gateway keeps what it knows of a caller
for 45: only one that hears of the end is in time."""


def opened(**fields: Any) -> dict[str, Any]:
    return {"title": "An attack", "impact": "LOW", "urgency": "LOW", **fields}


@pytest.fixture
async def callers(stack: dict[str, Any]) -> AsyncIterator[Callers]:
    made = Callers(stack)
    yield made
    await made.close()


@pytest.fixture
async def requester(stack: dict[str, Any]) -> AsyncIterator[Gateway]:
    """Somebody who sees only what he reported."""
    async with Gateway(stack["gateway"], stack["users"]["requester"]["token"]) as gateway:
        yield gateway


def same_but_for_ids(answers: list[httpx.Response], *names: str) -> set[str]:
    """The problems without what they are about."""
    texts = set()
    for answer in answers:
        problem = {key: value for key, value in answer.json().items() if key not in ("requestId", "traceId")}
        text = f"{answer.status_code} {problem}"
        for name in names:
            text = text.replace(name, "{id}")
        texts.add(text)
    return texts


async def test_what_is_out_of_sight_is_like_what_is_not(
    stack: dict[str, Any], agent: Gateway, requester: Gateway, callers: Callers, unchanged: Reader
) -> None:
    run = uuid.uuid4().hex
    hidden = (await agent.post("incidents", opened(title=f"secret {run}", category=run)))["id"]
    async with Gateway(stack["gateway"], await callers.person("agent", f"t-{run[:8]}")) as foreign:
        theirs = (await foreign.post("incidents", opened(title=f"secret {run}", category=run)))["id"]
        own = (await foreign.post("incidents", opened(category=run)))["id"]
        async with watched(stack, agent, unchanged=unchanged, secrets=[f"secret {run}"]) as watch:
            for caller, out_of_sight in ((requester, hidden), (agent, theirs), (foreign, hidden)):
                for method, suffix, body, more in (
                    ("GET", "", None, {}),
                    ("GET", "/notes", None, {}),
                    ("GET", "/timeline", None, {}),
                    ("POST", "/notes", {"text": "x"}, {}),
                ):
                    answers = [
                        watch.saw(await caller.send(method, f"incidents/{each}{suffix}", body, **more))
                        for each in (out_of_sight, MISSING)
                    ]
                    assert {answer.status_code for answer in answers} == {404}, (method, suffix, answers[0].text)
                    assert len(same_but_for_ids(answers, out_of_sight, MISSING)) == 1, (method, suffix)
            for verb, body in (("start", {}), ("link", {"link": {"kind": "RELATED", "target": f"incidents/{own}"}})):
                answers = [watch.saw(await agent.send("POST", f"incidents/{each}:{verb}", body)) for each in (theirs, MISSING)]
                assert len(same_but_for_ids(answers, theirs, MISSING)) == 1, verb
                assert answers[0].status_code == 404
            # Nor is it found by what it says: not in a list, a count, a facet, a file or by many ids.
            for caller, own_count in ((requester, 0), (foreign, 2)):
                wanted = f'category = "{run}"'
                assert (await caller.get("incidents:count", filter=wanted))["value"] == own_count
                many = await caller.get("incidents:batchGet", ids=f"{hidden},{MISSING}")
                assert many == {"incidents": [], "missing": [hidden, MISSING]}
                file = await caller.http.get("/api/v1/incidents:export", params={"filter": wanted, "format": "jsonl"})
                assert file.text.count("\n") == own_count
            known = await foreign.http.get(f"/api/v1/incidents/{theirs}")
            stale = await agent.http.get(f"/api/v1/incidents/{theirs}", headers={"if-none-match": known.headers["etag"]})
            assert stale.status_code == 404, "a version that somebody else has seen is no way in"


async def test_a_reference_to_what_is_out_of_sight_is_like_one_to_nothing(
    stack: dict[str, Any], agent: Gateway, callers: Callers
) -> None:
    mine = await agent.post("incidents", opened(category="references"))
    path = f"incidents/{mine['id']}"
    async with Gateway(stack["gateway"], await callers.person("agent", "references-elsewhere")) as foreign:
        theirs = (await foreign.post("incidents", opened(title="not for you")))["id"]
    async with watched(stack, agent, secrets=["not for you"]) as watch:
        for kind in ("RELATED", "DUPLICATE_OF", "PARENT"):
            answers = [
                watch.saw(await agent.send("POST", f"{path}:link", {"link": {"kind": kind, "target": f"incidents/{each}"}}))
                for each in (theirs, MISSING)
            ]
            assert {answer.status_code for answer in answers} == {422}
            assert len(same_but_for_ids(answers, theirs, MISSING)) == 1
        await attempted(
            watch,
            agent.http,
            [
                Attempt("itself", (409, 422), f"{path}:link", body={"link": {"kind": "PARENT", "target": path}}),
                Attempt("no record", (422,), f"{path}:link", body={"link": {"kind": "PARENT", "target": "incidents"}}),
                Attempt("a way up", (422,), f"{path}:link", body={"link": {"kind": "PARENT", "target": "incidents/../x"}}),
            ],
        )
    assert (await agent.get(path))["links"] == []
    chain = [mine["id"]]
    for _ in range(3):
        above = await agent.post("incidents", opened(category="references"))
        parent = {"link": {"kind": "PARENT", "target": f"incidents/{above['id']}"}}
        await agent.post(f"incidents/{chain[-1]}:link", parent)
        chain.append(above["id"])
    circle = await agent.send("POST", f"incidents/{chain[-1]}:link", {"link": {"kind": "PARENT", "target": path}})
    assert circle.status_code == 409


async def test_nobody_gives_himself_what_only_the_platform_gives(
    stack: dict[str, Any], agent: Gateway, requester: Gateway
) -> None:
    me = await requester.get("users:whoami")
    tries = [
        *(
            Attempt(f"a body with {name}", (422,), body=opened(**{name: value}), slug="validation")
            for name, value in (
                ("tenant", "other"),
                ("isAdmin", True),
                ("roles", ["admin"]),
                ("version", 9),
                ("is_admin", True),
            )
        ),
        *(
            Attempt(f"one's own profile with {name}", (404, 405), f"users/{me['subject']}", "PATCH", {name: value})
            for name, value in (("password", "x"), ("emailVerified", True), ("groups", ["/admins"]), ("id", "admin"))
        ),
        Attempt("a role of one's own", (401, 403), f"users/{me['subject']}:grantRole", body={"role": "admin"}),
        Attempt("a token of more", (403,), "tokens", body={"name": "more", "roles": ["admin"]}),
    ]
    async with watched(stack, agent, audited=True) as watch:
        await attempted(watch, requester.http, tries)
    later = await requester.get("users:whoami")
    assert (later["roles"], later["permissions"]) == (me["roles"], me["permissions"])
    # What only the platform sets is passed over in what is made, too.
    made = await agent.post(
        "incidents", opened(id="inc_mine", number="INC1", state="CLOSED", createTime="2020-01-01T00:00:00Z")
    )
    assert (made["id"] != "inc_mine", made["number"] != "INC1", made["state"]) == (True, True, "NEW")
    assert not made["createTime"].startswith("2020")


async def test_who_may_not_do_it_once_may_not_do_it_by_the_dozen(stack: dict[str, Any], agent: Gateway) -> None:
    made = await agent.post("incidents", opened(category="by the dozen"))
    async with Gateway(stack["gateway"], stack["users"]["viewer"]["token"]) as viewer, watched(stack, agent) as watch:
        operations = [
            {"method": "POST", "body": opened()},
            {"method": "PATCH", "path": made["id"], "ifMatch": made["etag"], "body": {"title": "by a viewer"}},
            {"method": "POST", "path": f"{made['id']}:start"},
        ]
        headers = {"idempotency-key": uuid.uuid4().hex}
        answer = watch.saw(await viewer.http.post("/api/v1/incidents:batch", json={"operations": operations}, headers=headers))
        assert answer.status_code == 403 or {each["status"] for each in answer.json()["results"]} == {403}
        await attempted(
            watch,
            viewer.http,
            [
                Attempt("an import", (403,), "incidents:import", body={"source": "x", "incidents": []}),
                Attempt(
                    "a table", (403,), "imports", body={"text": "Name\nx\n", "class": "server", "mapping": {"Name": "name"}}
                ),
                Attempt("a trial", (403,), "incidents?dryRun=true", body=opened()),
                Attempt("a change", (403,), f"incidents/{made['id']}", "PATCH", {"title": "x"}, {"if-match": "*"}),
            ],
        )
    assert await agent.get(f"incidents/{made['id']}") == made


async def test_reading_does_nothing(stack: dict[str, Any], agent: Gateway) -> None:
    made = await agent.post("incidents", opened(category="reading"))
    path = f"incidents/{made['id']}"
    async with watched(stack, agent) as watch:
        for verb in ("start", "assign", "resolve", "close", "cancel", "acknowledge"):
            for method in ("GET", "HEAD"):
                answer = watch.saw(await agent.send(method, f"{path}:{verb}"))
                assert answer.status_code in (404, 405), (method, verb)
    assert await agent.get(path) == made


async def test_a_key_does_not_reach_beyond_its_maker_and_ends_with_its_revocation(
    stack: dict[str, Any], agent: Gateway, callers: Callers
) -> None:
    made = await agent.post("tokens", {"name": f"attack {uuid.uuid4().hex}"})
    secret, path = made["secret"], f"tokens/{made['token']['id']}"
    async with Gateway(stack["gateway"], await callers.person("admin", "keys-elsewhere")) as stranger:
        for method in ("GET", "DELETE"):
            answer = await stranger.send(method, path, version=made["token"]["etag"] if method == "DELETE" else "")
            assert answer.status_code == 404
    async with Gateway(stack["gateway"], secret) as holder, watched(stack, agent, secrets=[secret]) as watch:
        assert watch.saw(await holder.send("GET", "incidents?pageSize=1")).status_code == 200
        shown = watch.saw(await agent.send("GET", path))
        assert shown.status_code == 200
        async with Gateway(stack["gateway"]) as nobody:
            # Where a secret is not taken it is worth nothing, and no answer repeats it.
            for address in (f"incidents?access_token={secret}", f"incidents?token={secret}", f"incidents?apiKey={secret}"):
                assert (await nobody.send("GET", address)).status_code in (401, 422)
            for headers in ({"cookie": f"token={secret}"}, {"x-api-key": secret}, {"authorization": f"Basic {secret}"}):
                assert (await nobody.http.get("/api/v1/incidents", headers=headers)).status_code == 401
        async with listening(stack["gateway"], secret) as events:
            assert (await agent.send("DELETE", path, version=made["token"]["etag"])).status_code in (200, 204)
            async with asyncio.timeout(60):
                while (await holder.send("GET", "incidents?pageSize=1")).status_code != 401:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            said = [event async for event in _rest(events)]
            assert "reauth" in said, "who is not known any more is told so on the stream"
        assert secret not in watch.logs()


async def _rest(events: Any) -> AsyncIterator[str]:
    while (event := await events.next()) is not None:
        yield event[0]


@pytest.mark.timeout(180)
async def test_roles_are_given_by_who_may_and_what_is_taken_counts_no_more(
    stack: dict[str, Any], agent: Gateway, requester: Gateway, auditor: Gateway
) -> None:
    subject = (await requester.get("users:whoami"))["subject"]
    async with AsyncExitStack() as parts:
        admin = await parts.enter_async_context(Visitor(stack))
        await admin.come_in("admin", stepUp="true")
        own = (await admin.request("GET", "/auth/me")).json()["subject"]

        async def change(what: str, whom: str, role: str) -> httpx.Response:
            return await admin.request("POST", f"/api/v1/users/{whom}:{what}", json={"role": role}, headers=admin.ours())

        assert (await change("grantRole", subject, "operator")).status_code == 403
        assert (await change("grantRole", own, "auditor")).status_code == 403
        assert (await change("grantRole", subject, "emperor")).status_code in (404, 422)
        assert (await change("grantRole", "usr_nobody", "viewer")).status_code in (404, 422)
        assert (await change("revokeRole", own, "admin")).status_code in (403, 404, 409)

        hidden = (await agent.post("incidents", opened(category="roles")))["id"]
        streaming = listening(stack["gateway"], stack["users"]["requester"]["token"], topics="incidents")
        events = await parts.enter_async_context(streaming)
        for _ in range(5):
            asked = [requester.send("GET", f"incidents/{hidden}") for _ in range(5)]
            granted, *_ = await asyncio.gather(change("grantRole", subject, "viewer"), *asked)
            assert granted.status_code == 200, granted.text
            taken, *_ = await asyncio.gather(
                change("revokeRole", subject, "viewer"), *(requester.send("GET", f"incidents/{hidden}") for _ in range(5))
            )
            assert taken.status_code == 200, taken.text
        async with asyncio.timeout(TAKEN):
            while (await requester.send("GET", f"incidents/{hidden}")).status_code != 404:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        # The stream asks anew when a right ends: what happens from now on is not for him, what is his own is.
        unseen = await agent.post("incidents", opened(category="roles"))
        mine = await requester.post("incidents", opened(category="roles"))
        heard = await events.until(f"incidents/{mine['id']}")
        assert f"incidents/{unseen['id']}" not in heard
        granted = {"filter": f'actor = "{own}"', "pageSize": 200}
        async with asyncio.timeout(60):
            while True:
                entries = (await auditor.get("auditEntries", **granted))["auditEntries"]
                actions = [entry["action"].rpartition(".")[2] for entry in entries]
                if min(actions.count("RoleGranted"), actions.count("RoleRevoked")) >= 5:
                    break
                await asyncio.sleep(0.2)


async def test_tenants_share_no_answer_and_no_list_tells_of_another(
    stack: dict[str, Any], agent: Gateway, callers: Callers
) -> None:
    run = uuid.uuid4().hex
    canary = f"canary {run}"
    url = {"url": "https://receiver.example/"}
    async with Gateway(stack["gateway"], await callers.person("admin", f"c-{run[:8]}")) as planted:
        made = await planted.post("incidents", opened(title=canary, category=canary, description=canary, dedupKey=canary))
        await planted.post(f"incidents/{made['id']}/notes", {"text": canary, "public": True})
        for plural, body in {
            "assets": {"name": canary, "class": "server"},
            "webhooks": {**url, "description": canary, "eventTypes": ["itsm.*"]},
            "notificationTargets": {**url, "name": canary},
            "chatRooms": {**url, "name": canary, "kind": "SLACK"},
            "connections": {**url, "name": canary, "kind": "SERVICENOW", "username": canary, "secret": run, "enabled": False},
            "calendars": {"name": canary, "zone": "Europe/Berlin", "aroundTheClock": True},
            "directories": {"name": canary, "kind": "OPENLDAP", "url": "ldaps://ldap.example", "baseDn": f"dc={run}"},
            "templates": {"name": f"c-{run[:8]}", "channel": "MAIL", "locale": "en", "subject": canary, "body": canary},
        }.items():
            await planted.post(plural, body)
            assert run in (await planted.http.get(f"/api/v1/{plural}")).text, plural
        assert canary in (await planted.http.get("/api/v1/incidents")).text
    paths = (await agent.http.get("/api/v1/openapi.json")).json()["paths"]
    lists = {
        path: {each["name"]: each["example"] for each in methods["get"].get("parameters", ()) if each.get("required")}
        for path, methods in paths.items()
        if "get" in methods and path.startswith("/api/v1/") and "{" not in path and ".json" not in path
    }
    for elsewhere in ("/api/v1/docs", "/api/v1/stream"):  # the same for everybody, and shown in a story of its own
        del lists[elsewhere]
    del lists["/api/v1/timeEntries:sum"]  # of one record, which it must be told
    resolve = lists.pop("/api/v1/search:resolve") | {"number": made["number"]}  # a number may be there in this tenant, too
    for path in [path for path in lists if path.endswith(":batchGet")]:
        lists[path] = {"ids": made["id"]}
    found = {"filter": f'category = "{canary}"'}
    async with Gateway(stack["gateway"], stack["users"]["admin"]["token"]) as crawler, watched(stack, agent) as watch:
        asked = [*lists.items(), ("/api/v1/incidents", found), ("/api/v1/incidents:count", found)]
        answers = [watch.saw(await crawler.http.get(path, params=query)) for path, query in asked]
        refused = {answer.url.path: answer.text for answer in answers if answer.status_code != 200}
        # Which fields are counted is for each service to say.
        assert {path: text for path, text in refused.items() if not path.endswith(":facets") or "counted" not in text} == {}
        assert {answer.url.path for answer in answers if run in answer.text.replace(made["id"], "")} == set()
        for answer in answers:
            kept = answer.headers["cache-control"]
            assert "no-store" in kept or "private" in kept, answer.url.path
        assert watch.saw(await crawler.http.get(f"/api/v1/incidents/{made['id']}")).status_code == 404
        assert made["id"] not in watch.saw(await crawler.http.get("/api/v1/search:resolve", params=resolve)).text
        metrics = [await crawler.http.get(f"{each['management']}/metrics") for each in stack["services"].values()]
        assert not [each for each in metrics if run in each.text], "what people write is no label"


async def test_work_is_given_to_any_name_which_tells_nothing_and_lets_nobody_in(
    stack: dict[str, Any], agent: Gateway, callers: Callers
) -> None:
    run = uuid.uuid4().hex
    async with Gateway(stack["gateway"], await callers.person("admin", f"w-{run[:8]}")) as foreign:
        stranger = (await foreign.get("users:whoami"))["subject"]
        told = set()
        async with watched(stack, agent) as watch:
            for name in (stranger, "usr_nobody", f"usr_{run}"):
                made = await agent.post("incidents", opened(title=f"secret {run}", category=run))
                given = {"teamId": f"team-of-{name}", "assigneeId": name}
                answer = watch.saw(await agent.send("POST", f"incidents/{made['id']}:assign", given, version=made["etag"]))
                record = answer.json()
                told.add((answer.status_code, record["assigneeId"] == name, record["state"], *sorted(record)))
                theirs = [
                    watch.saw(await foreign.send("GET", f"incidents/{made['id']}{suffix}")) for suffix in ("", "/timeline")
                ]
                assert {each.status_code for each in theirs} == {404}
            assert {status for status, *_ in told} == {200} and len(told) == 1, "whoever it is, the answer is the same"
            assert (await foreign.get("incidents:count", filter=f'category = "{run}"'))["value"] == 0
            odd = ({"$ne": ""}, [stranger], "x" * 10_000, "usr\x00nobody", 7)
            tries = [
                Attempt(f"given to {str(each)[:20]!r}", (400, 422), f"incidents/{made['id']}:assign", body={"assigneeId": each})
                for each in odd
            ]
            await attempted(watch, agent.http, tries)
