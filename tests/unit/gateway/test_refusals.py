"""Who is refused is told of in the log, by an id alone, and a flood of refusals floods no log."""

import asyncio
import json
import logging
from typing import Any

import httpx
import pytest

from chassis import logs
from chassis.http.listener import Listener
from chassis.settings import Settings
from services.gateway.rest import limits
from services.gateway.rest.limits import Limits
from services.gateway.rest.refusals import LINES_A_SECOND, Refusals

SECRET = "swordfish"


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def asked(path: str = "/api/v1/incidents") -> dict[str, Any]:
    headers = [
        (b"x-request-id", b"mine"),
        (b"authorization", f"Bearer {SECRET}".encode()),
        (b"traceparent", f"00-{TRACE}-00f067aa0ba902b7-01".encode()),
    ]
    return {"type": "http", "method": "GET", "path": path, "headers": headers, "query_string": SECRET.encode()}


@pytest.mark.parametrize(("status", "told"), [(401, 1), (403, 1), (429, 1), (200, 0), (404, 0), (500, 0)])
def test_a_refusal_for_who_asks_is_a_line_without_what_was_said(
    caplog: pytest.LogCaptureFixture, status: int, told: int
) -> None:
    with caplog.at_level(logging.INFO):
        Refusals().note(asked("/api/v1/a\nb\x1b[31m" + "x" * 999), status)
    assert len(caplog.records) == told
    for record in caplog.records:
        said = vars(record)
        assert (said["request"], said["status"], said["method"], said["trace_id"]) == ("mine", status, "GET", TRACE)
        assert said["path"].isprintable() and len(said["path"]) < 300
        assert SECRET not in str(said)


def test_an_address_of_mail_in_a_path_is_blanked_like_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("gateway", Settings(), lambda: "")
    Refusals().note(asked("/api/v1/a/someone@example.org"), 401)
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["path"] == "/api/v1/a/[mail]"


def test_a_flood_is_told_of_by_its_number(caplog: pytest.LogCaptureFixture) -> None:
    now = [1.0]
    refusals = Refusals(clock=lambda: now[0])
    with caplog.at_level(logging.INFO):
        for _ in range(LINES_A_SECOND + 7):
            refusals.note(asked(), 401)
        now[0] += 1
        refusals.note(asked(), 401)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == LINES_A_SECOND + 2
    assert vars(caplog.records[-2])["count"] == 7


async def test_the_answer_to_a_body_that_is_too_large_arrives_whatever_is_still_on_its_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "LINGER_SECONDS", 0.5)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(
            {"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"2"), (b"connection", b"close")]}
        )
        await send({"type": "http.response.body", "body": b"no"})

    async def nothing() -> None:
        return

    listener = Listener("127.0.0.1:0", Limits(app, secure=False), nothing)
    await listener.start()
    try:
        url = f"http://127.0.0.1:{listener.port}/"
        async with httpx.AsyncClient(trust_env=False) as client:
            for _ in range(10):
                answer = await client.post(url, content=b"x" * (4 << 20))
                assert (answer.status_code, answer.content) == (413, b"no")
        # Who sends for ever is not waited for.
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nx")
        assert b"413" in await asyncio.wait_for(reader.read(), 20)
        writer.close()
    finally:
        await listener.stop()
