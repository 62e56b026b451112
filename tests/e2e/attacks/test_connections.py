"""Connections that no client library makes: heads of two meanings, heads and bodies that never end, clients that leave."""

import asyncio
import re
import time
import uuid
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
import pytest

from tests.support.attempts import Attempt, attempted, raw, spoken
from tests.support.callers import Callers
from tests.support.gateway import Gateway
from tests.support.gateways import gateway as another
from tests.support.universal import watched

HIDDEN_TITLE = "smuggled"
PLACES = ("/metrics", "/livez", "/readyz", "/healthz", "/debug/pprof/", "/debug/vars", "/actuator/env", "/server-status")


def hidden(token: str) -> bytes:
    """A whole request that must never be taken for one."""
    body = orjson.dumps({"title": HIDDEN_TITLE, "impact": "LOW", "urgency": "LOW"})
    length = f"Content-Length: {len(body)}"
    return raw("POST", "/api/v1/incidents", [length, "Content-Type: application/json"], body, token=token)


async def open_files(stack: dict[str, Any], http: httpx.AsyncClient) -> float:
    """How many files and sockets the gateway has open."""
    text = (await http.get(f"{stack['services']['gateway']['management']}/metrics")).text
    found = re.search(r"^process_open_fds (\S+)$", text, re.MULTILINE)
    assert found is not None
    return float(found[1])


async def under_way(stack: dict[str, Any], http: httpx.AsyncClient) -> float:
    """How many requests the gateway is answering."""
    text = (await http.get(f"{stack['services']['gateway']['management']}/metrics")).text
    found = re.search(r"^itsm_http_server_in_flight (\S+)$", text, re.MULTILINE)
    assert found is not None, "the gateway does not tell"
    return float(found[1])


async def test_a_head_of_two_meanings_smuggles_nothing(stack: dict[str, Any], agent: Gateway) -> None:
    token = stack["users"]["agent"]["token"]
    heads = {
        "a length and chunks": ["Content-Length: 5", "Transfer-Encoding: chunked"],
        "two lengths": ["Content-Length: 5", "Content-Length: 6"],
        "two lengths in one": ["Content-Length: 5, 6"],
        "chunks that are not the last coding": ["Transfer-Encoding: chunked, identity"],
        "an odd coding": ["Transfer-Encoding: xchunked"],
        "a space before the colon": ["Content-Length : 5"],
        "a length below nothing": ["Content-Length: -1"],
        "a length with a sign": ["Content-Length: +5"],
        "a folded line": ["X-A: b", " c"],
        "a bare line feed": ["X-A: b\nContent-Length: 5\n"],
        "a bare carriage return": ["X-A: b\rContent-Length: 5"],
        "a name with NUL": ["X-\0A: b"],
        "a value with NUL": ["X-A: \0"],
    }
    async with watched(stack, agent, secrets=[token]) as watch:
        for what, lines in heads.items():
            request = raw("POST", "/api/v1/incidents", ["Content-Type: application/json", *lines], b"0\r\n\r\n" + hidden(token))
            answers, closed = await spoken(stack["gateway"], request)
            watch.all(answers)
            assert len(answers) <= 1, f"{what}: {len(answers)} answers"
            assert all(answer.status_code in (400, 401, 408, 411, 413) for answer in answers), (what, answers)
            assert closed, f"{what}: the connection stays open"
        short = ["Content-Type: application/json", "Content-Length: 3"]
        for what, request in {
            "CONNECT": raw("CONNECT", "here:443"),
            "a method in small letters": raw("get", "/api/v1/incidents", token=token),
            "a proof of nothing but a space": raw("GET", "/api/v1/incidents", ["Authorization: Bearer "]),
            "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64,
            "HTTP of another time": b"GET /api/v1/incidents HTTP/9.9\r\nHost: here\r\n\r\n",
            "a length that is too short": raw("POST", "/api/v1/incidents", short, b'{"title": "x"}', token=token),
        }.items():
            answers, _ = await spoken(stack["gateway"], request)
            watch.all(answers)
            assert all(400 <= answer.status_code < 500 for answer in answers), (what, answers)
        assert (await agent.get("incidents:count", filter=f'title = "{HIDDEN_TITLE}"'))["value"] == 0
        assert HIDDEN_TITLE not in watch.logs()


async def test_a_body_that_is_too_large_is_refused_before_it_is_there(stack: dict[str, Any], agent: Gateway) -> None:
    token = stack["users"]["agent"]["token"]
    kind = "Content-Type: application/json"
    async with watched(stack, agent):
        told = raw("POST", "/api/v1/incidents", [kind, f"Content-Length: {10 << 30}"], b'{"title": "', token=token)
        ((refused,), _) = await spoken(stack["gateway"], told)
        assert (refused.status_code, refused.json()["type"]) == (413, "urn:itsm:problem:too-large")
        chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
        begun = raw("POST", "/api/v1/incidents", [kind, "Transfer-Encoding: chunked"], token=token)
        ((refused,), closed) = await spoken(stack["gateway"], begun, *[chunk] * 64, quiet=20)
        assert (refused.status_code, refused.headers["connection"], closed) == (413, "close", True)


@pytest.mark.timeout(180)
async def test_heads_that_never_end_are_cut_off_while_others_are_served(
    stack: dict[str, Any], agent: Gateway, soak: bool
) -> None:
    place = urlsplit(stack["gateway"])
    count = 2_000 if soak else 200

    async def slow() -> float:
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        began = time.monotonic()
        with suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(60):
                for letter in b"GET /api/v1/incidents HTTP/1.1\r\nX-A: " + b"a" * 100:
                    writer.write(bytes([letter]))
                    await writer.drain()
                    if await asyncio.wait_for(_ended(reader), 1):
                        break
        writer.close()
        return time.monotonic() - began

    # The watch asks harmless questions all the while and fails when one of them waits.
    async with watched(stack, agent):
        lasted = await asyncio.gather(*(slow() for _ in range(count)))
    assert max(lasted) < 55, "a head may take ten seconds; somebody was waited for much longer"


async def _ended(reader: asyncio.StreamReader) -> bool:
    try:
        async with asyncio.timeout(0.9):
            return await reader.read(1) == b""
    except TimeoutError:
        return False


async def test_clients_that_leave_in_the_middle_leave_nothing_behind(stack: dict[str, Any], agent: Gateway) -> None:
    token, run, place = stack["users"]["agent"]["token"], uuid.uuid4().hex, urlsplit(stack["gateway"])

    async def leave(number: int) -> None:
        body = orjson.dumps({"title": f"left {number}", "impact": "LOW", "urgency": "LOW", "category": run})
        kind = ["Content-Type: application/json", f"Content-Length: {len(body)}", f"Idempotency-Key: {run}-{number}"]
        request = raw("POST", "/api/v1/incidents", kind, body, token=token)
        _, writer = await asyncio.open_connection(place.hostname, place.port)
        # Half of them are gone before their body is, half before the answer.
        writer.write(request if number % 2 else request[:-5])
        await writer.drain()
        writer.close()

    async with watched(stack, agent):
        before = await open_files(stack, agent.http)
        for begin in range(0, 500, 50):
            await asyncio.gather(*(leave(number) for number in range(begin, begin + 50)))
        async with asyncio.timeout(60):
            while await under_way(stack, agent.http) > 1 or await open_files(stack, agent.http) > before + 20:  # noqa: ASYNC110 - told by another process
                await asyncio.sleep(0.2)
    rows = [row async for row in agent.pages("incidents", "incidents", filter=f'category = "{run}"', fields="title")]
    titles = [row["title"] for row in rows]
    assert len(titles) == len(set(titles)), "something was done twice"
    assert all(int(title.split()[1]) % 2 for title in titles), "half a body was taken for a whole one"


async def test_nothing_of_the_inside_is_told_at_the_door(stack: dict[str, Any], agent: Gateway) -> None:
    for path in PLACES:
        answer = await agent.http.get(path)
        told = answer.text
        assert "process_open_fds" not in told and "itsm_http" not in told and '"checks"' not in told, path
        assert answer.status_code == 404 or "text/html" in answer.headers["content-type"], path
    for path in ("/docs", "/redoc", "/openapi.json", "/api/v1/docs", "/api", "/auth", "/auth/nothing"):
        answer = await agent.http.post(path, json={})
        assert answer.status_code in (404, 405), path


async def test_what_the_document_lists_is_all_there_is(stack: dict[str, Any], agent: Gateway) -> None:
    paths = (await agent.http.get("/api/v1/openapi.json")).json()["paths"]
    listed = {(method.upper(), path): one["security"] for path, methods in paths.items() for method, one in methods.items()}
    async with Gateway(stack["gateway"]) as nobody, watched(stack, agent) as watch:
        # Whoever is nobody learns of each address that it is there, and is let in at none but those for everybody.
        open_ = set()
        for (method, path), security in sorted(listed.items()):
            answer = watch.saw(await nobody.http.request(method, re.sub(r"\{\w+\}", "x", path), json={}))
            assert answer.status_code not in (404, 405) or path.startswith("/api/v1/schemas"), (method, path, answer.text)
            if answer.status_code < 400 and security:
                open_.add(path)
        assert not open_, open_
        made_up = [
            Attempt("a collection that is not", (404,), "nothings", "GET", slug="not-found"),
            Attempt("a verb that is not", (404,), "incidents/inc_1:explode", slug="not-found"),
            Attempt("a verb of a collection that is not", (404,), "incidents:explode", slug="not-found"),
            Attempt("a method that is not", (405,), "incidents", "DELETE", slug="method"),
            Attempt("something behind a record", (404,), "incidents/inc_1/secrets", "GET", slug="not-found"),
            Attempt("a slash too many", (404,), "incidents/", "GET", slug="not-found"),
            Attempt("two slashes", (404,), "/api/v1//incidents", "GET", slug="not-found"),
            Attempt("an RPC by its name", (404,), "/itsm.incident.v1.IncidentService/GetIncident"),
        ]
        await attempted(watch, agent.http, made_up)


async def test_no_other_origin_is_let_in_whatever_it_calls_itself(agent: Gateway) -> None:
    ours = httpx.URL(agent.url)
    origins = [
        "null", "https://evil.example", f"{agent.url}.evil.example", f"https://{ours.host}", f"http://{ours.host}:1",
        f"http://evil.example@{ours.host}:{ours.port}", "file://", f"{agent.url}/", agent.url.upper(),
    ]  # fmt: skip
    for origin in origins:
        for method in ("GET", "OPTIONS"):
            asked = {
                "origin": origin,
                "access-control-request-method": "GET",
                "access-control-request-headers": "authorization",
            }
            answer = await agent.http.request(method, "/api/v1/incidents?pageSize=1", headers=asked)
            assert not [name for name in answer.headers if name.startswith("access-control-")], (method, origin)


async def test_what_a_client_says_of_itself_is_no_fact(stack: dict[str, Any]) -> None:
    spoofed = {
        "host": "evil.example", "x-forwarded-host": "evil.example", "x-forwarded-proto": "https",
        "forwarded": "host=evil.example",
        "x-original-url": "/api/v1/users", "x-rewrite-url": "/api/v1/users",
    }  # fmt: skip
    async with Gateway(stack["gateway"], stack["users"]["requester"]["token"]) as requester:
        begun = await requester.http.get("/auth/login", headers=spoofed)
        question = httpx.URL(begun.headers["location"])
        assert str(question).startswith(stack["keycloak"])
        assert question.params["redirect_uri"] == f"{stack['gateway']}/auth/callback"
        page = await requester.http.get("/api/v1/incidents?pageSize=1", headers=spoofed)
        assert "evil.example" not in page.text + str(page.headers)
        # Names that an inside would believe in give nobody a right, a name or a tenant.
        claims = {
            "x-remote-user": "admin", "x-user-id": "admin", "x-tenant": "other", "x-roles": "admin", "x-itsm-roles": "admin",
            "x-itsm-internal": "e30.e30.", "grpc-metadata-authorization": "Bearer x", "x-forwarded-user": "admin",
        }  # fmt: skip
        me = (await requester.http.get("/api/v1/users:whoami", headers=claims)).json()
        assert (me["tenant"], me["roles"]) == ("main", ["requester"])
        assert (await requester.http.get("/api/v1/tokens", headers=claims | {"x-itsm-tenant": "other"})).status_code == 403


async def test_a_noisy_tenant_is_held_back_and_its_neighbor_is_not(stack: dict[str, Any], backing: dict[str, Any]) -> None:
    callers = Callers(stack)
    try:
        limits = {"ITSM_RATE_TENANT": "60", "ITSM_RATE_PRINCIPAL": "0", "ITSM_RATE_SIGN_IN": "3"}
        noisy = [await callers.person("viewer", "noisy", f"noisy-{number}") for number in range(4)]
        quiet = await callers.person("viewer", "quiet")
        async with another(backing, **limits) as url, httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as http:

            async def ask(token: str) -> httpx.Response:
                return await http.get("/api/v1/incidents/INC0000000", headers={"authorization": f"Bearer {token}"})

            flood = asyncio.gather(*(ask(noisy[number % 4]) for number in range(200)))
            calm = [await ask(quiet) for _ in range(10)]
            statuses = [answer.status_code for answer in await flood]
            doors = [await http.get("/auth/login", headers={"x-forwarded-for": f"198.51.100.{n}"}) for n in range(8)]
    finally:
        await callers.close()
    assert statuses.count(429) > 50
    assert {answer.status_code for answer in calm} == {404}
    assert {answer.status_code for answer in doors} == {302, 429}, "a made-up address has a bucket of its own"
