"""A person signs in through the real Keycloak page and takes an incident from its report to its end."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.aftermath import Aftermath
from tests.support.browser import Browser
from tests.support.gateway import Gateway
from tests.support.signin import SignInRefused


@pytest.fixture(scope="module")
async def olivia(stack: dict[str, Any]) -> AsyncIterator[Browser]:
    """An agent with a session."""
    async with Browser(stack["gateway"]) as browser:
        back = await browser.sign_in("agent", stack["users"]["agent"]["password"], back_to="/incidents?mine=1")
        assert (back.status_code, back.headers["location"]) == (303, "/incidents?mine=1")
        yield browser


async def open_incident(browser: Browser, **fields: Any) -> dict[str, Any]:
    response = await browser.write("POST", "incidents", {"title": f"mail is down {uuid4().hex}"} | fields)
    assert response.status_code == httpx.codes.CREATED, response.text
    opened: dict[str, Any] = response.json()
    return opened


async def test_a_sign_in_ends_in_a_cookie_that_pages_cannot_read(stack: dict[str, Any]) -> None:
    async with Browser(stack["gateway"]) as browser:
        await browser.sign_in("viewer", stack["users"]["viewer"]["password"])
        (line,) = [line for line in browser.set_cookies if line.startswith("__Host-itsm=")]
        attributes = {part.strip().lower() for part in line.split(";")[1:]}
        assert {"secure", "httponly", "path=/"} <= attributes
        assert any(part.startswith("samesite=") for part in attributes)
        assert not any(part.startswith("domain") for part in attributes)
        assert browser.cookies["__Host-itsm"].count(".") != 2, "a page must never hold a token"
        me = (await browser.request("GET", "/auth/me")).json()
        assert (me["tenant"], me["roles"]) == ("main", ["viewer"])


async def test_a_wrong_password_gets_no_session(stack: dict[str, Any]) -> None:
    async with Browser(stack["gateway"]) as browser:
        with pytest.raises(SignInRefused):
            await browser.sign_in("agent", "not the password")
        assert "__Host-itsm" not in browser.cookies


async def test_a_return_from_keycloak_that_nobody_asked_for_is_refused(stack: dict[str, Any]) -> None:
    async with Browser(stack["gateway"]) as browser:
        answer = await browser.request("GET", "/auth/callback", params={"code": "stolen", "state": "guessed"})
        assert answer.status_code == httpx.codes.BAD_REQUEST
        assert answer.headers["content-type"].startswith("application/problem+json")


async def test_an_incident_from_report_to_resolution(olivia: Browser, aftermath: Aftermath) -> None:
    category = f"story-{uuid4().hex[:8]}"
    async with olivia.events(topics="incidents") as events:
        opened = await open_incident(olivia, category=category, impact="HIGH", urgency="MEDIUM")
        assert (opened["state"], opened["priority"], opened["number"][:3]) == ("NEW", "P2", "INC")
        assert {clock["kind"] for clock in opened["clocks"]} >= {"RESPONSE", "RESOLVE"}
        _, event = await events.until(opened["id"])
        assert opened["title"] in str(event)
    path, etag = f"incidents/{opened['id']}", opened["etag"]
    steps: tuple[tuple[str, dict[str, str], str], ...] = (
        ("assign", {"teamId": "mail-team", "assigneeId": opened["requesterId"]}, "ASSIGNED"),
        ("start", {}, "IN_PROGRESS"),
        ("hold", {"reason": "CALLER", "note": "which mailbox is it?"}, "ON_HOLD"),
        ("resume", {}, "IN_PROGRESS"),
        ("resolve", {"resolutionCode": "fixed", "resolution": "the queue was full"}, "RESOLVED"),
    )
    for verb, body, state in steps:
        answer = await olivia.write("POST", f"{path}:{verb}", body, if_match=f'"{etag}"')
        assert (answer.status_code, answer.json()["state"]) == (200, state), answer.text
        etag = answer.json()["etag"]
        assert answer.headers["etag"] == f'"{etag}"'
    timeline = (await olivia.read(f"{path}/timeline"))["entries"]
    kinds = [entry["type"].rpartition(".")[2] for entry in timeline]
    assert sorted(kinds) == sorted(
        [
            "IncidentOpened",
            "IncidentAssigned",
            "IncidentStarted",
            "IncidentHeld",
            "NoteAdded",
            "IncidentResumed",
            "IncidentResolved",
        ]
    )
    assert {entry["actor"] for entry in timeline} == {opened["requesterId"]}
    assert [note["text"] for note in (await olivia.read(f"{path}/notes"))["notes"]] == ["which mailbox is it?"]
    clocks = (await olivia.read(path))["clocks"]
    assert [(clock["state"], clock["breached"]) for clock in clocks] == [("STOPPED", False)] * len(clocks)
    await aftermath.drained()
    figure = await olivia.read("kpis/mttr-resolve", filter=f'category = "{category}"')
    (row,) = figure["rows"]
    assert (figure["unit"], row["count"]) == ("s", 1)
    assert 0 <= row["value"] < 120


async def test_by_number_an_incident_is_the_same(olivia: Browser) -> None:
    opened = await open_incident(olivia)
    assert await olivia.read(f"incidents/{opened['number']}") == await olivia.read(f"incidents/{opened['id']}")


async def test_a_stale_version_is_refused_with_the_present_one_and_changes_nothing(olivia: Browser) -> None:
    opened = await open_incident(olivia)
    path = f"incidents/{opened['id']}"
    renamed = await olivia.write("PATCH", path, {"title": "first"}, if_match=f'"{opened["etag"]}"')
    assert renamed.status_code == 200, renamed.text
    stale = await olivia.write("PATCH", path, {"title": "second"}, if_match=f'"{opened["etag"]}"')
    assert stale.status_code == httpx.codes.PRECONDITION_FAILED
    assert_problem(stale, "STALE")
    assert (await olivia.read(path))["title"] == "first"


async def test_a_change_without_a_version_is_refused(olivia: Browser) -> None:
    opened = await open_incident(olivia)
    answer = await olivia.write("PATCH", f"incidents/{opened['id']}", {"title": "blind"})
    assert answer.status_code == httpx.codes.PRECONDITION_REQUIRED
    assert_problem(answer, "IF_MATCH_REQUIRED")


async def test_a_repeated_key_answers_with_what_was_done_and_does_it_once(olivia: Browser) -> None:
    key, body = f"key-{uuid4().hex}", {"title": f"once {uuid4().hex}", "category": f"once-{uuid4().hex[:8]}"}
    answers = [await olivia.write("POST", "incidents", body, idempotency_key=key) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201] * 3
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert answers[0].json() == answers[1].json() == answers[2].json()
    found = await olivia.read("incidents", filter=f'category = "{body["category"]}"')
    assert len(found["incidents"]) == 1
    other = await olivia.write("POST", "incidents", body | {"title": "something else"}, idempotency_key=key)
    assert other.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert_problem(other, "IDEMPOTENCY_MISMATCH")


async def test_a_repeated_token_is_the_same_one_and_its_secret_is_told_once(olivia: Browser) -> None:
    key, body = f"key-{uuid4().hex}", {"name": f"token {uuid4().hex}"}
    first, again = [await olivia.write("POST", "tokens", body, idempotency_key=key) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 201), again.text
    assert again.json()["token"] == first.json()["token"]
    assert (bool(first.json()["secret"]), again.json()["secret"]) == (True, "")


async def test_every_refusal_is_a_problem_document(olivia: Browser, stack: dict[str, Any]) -> None:
    refusals = {
        404: await olivia.request("GET", "/api/v1/incidents/inc_00000000000000000000000000"),
        405: await olivia.request("PUT", "/api/v1/incidents", json={}),
        422: await olivia.write("POST", "incidents", {"title": " "}),
        400: await olivia.request(
            "POST", "/api/v1/incidents", content=b"{", headers={"content-type": "application/json", "x-itsm-csrf": "1"}
        ),
        403: await olivia.request("POST", "/api/v1/incidents", json={"title": "forged by another site"}),
    }
    async with Gateway(stack["gateway"]) as nobody:
        refusals[401] = await nobody.send("GET", "incidents")
    for status, answer in refusals.items():
        assert answer.status_code == status, answer.text
        assert_problem(answer)
    assert refusals[422].json()["errors"][0]["pointer"]
    assert "www-authenticate" in refusals[401].headers


async def test_what_a_rule_forbids_says_which_state_it_is_in(olivia: Browser) -> None:
    opened = await open_incident(olivia)
    answer = await olivia.write("POST", f"incidents/{opened['id']}:close", if_match=f'"{opened["etag"]}"')
    assert answer.status_code == httpx.codes.CONFLICT
    assert_problem(answer, "FORBIDDEN_MOVE")
    assert "NEW" in answer.json()["detail"]


async def test_after_a_sign_out_the_cookie_is_worth_nothing(stack: dict[str, Any]) -> None:
    async with Browser(stack["gateway"]) as browser:
        await browser.sign_in("viewer", stack["users"]["viewer"]["password"])
        kept = dict(browser.cookies)
        assert (await browser.request("GET", "/api/v1/incidents")).status_code == 200
        left = await browser.request("POST", "/auth/logout", headers={"x-itsm-csrf": "1"})
        assert left.status_code == 200, left.text
        browser.cookies = kept
        assert (await browser.request("GET", "/api/v1/incidents")).status_code == 401


def assert_problem(answer: httpx.Response, reason: str = "") -> None:
    """RFC 9457, with what our programs rely on."""
    assert answer.headers["content-type"].startswith("application/problem+json")
    document = answer.json()
    assert document["type"].startswith("urn:itsm:problem:")
    assert document["status"] == answer.status_code
    assert document["title"]
    assert document["requestId"] == answer.headers["x-request-id"]
    assert len(document["traceId"]) == 32
    if reason:
        assert document["reason"] == reason
