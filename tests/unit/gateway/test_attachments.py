"""Files over HTTP, before the incident service in memory: in as the body itself, out in a sandbox, piece by piece."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import httpx
import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from chassis import context as ctx
from chassis.errors import Denied, Unauthenticated, Unavailable
from services.gateway.rest import attachments as files
from services.gateway.rest.attachments import OF_A_CALLER, PIECE, Attachments, disposition, file_name
from services.gateway.rest.entrance import Entrance
from services.gateway.rest.shedding import Shedding
from services.incident.api.attachments import AttachmentApi
from services.incident.usecases.reading import Asked
from tests.unit.incident.files_room import AMY, ANN, BOB, LARGEST, PNG, FilesRoom

PEOPLE = {"Bearer ann": ANN, "Bearer bob": BOB, "Bearer amy": AMY}
SENT = {"content-type": "image/png", "content-disposition": 'attachment; filename="a.png"'}


class House:
    """A gateway before a service. `asked` are the RPCs in their order; `fault` comes instead of one of them."""

    def __init__(self, **limits: int) -> None:
        self.room = FilesRoom(**limits)
        self.api = AttachmentApi(self.room.attachments)
        self.asked, self.fault = list[str](), dict[str, Exception]()
        self.shedding, self.largest = Shedding(0), 0
        self.app: Any = Attachments(self.rest, self.call, self.credentials, Entrance(shedding=self.shedding))  # type: ignore[arg-type]

    async def rest(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 418, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def call(
        self, service: str, method: Any, request: Any, *, metadata: Sequence[tuple[str, str]], timeout: float
    ) -> Message:
        """See `services.gateway.rest.upstream.Call`; who is behind a token is known here."""
        said, name = dict(metadata), method.path.rpartition("/")[2]
        self.asked.append(name)
        self.largest = max(self.largest, request.ByteSize())
        if name in self.fault:
            raise self.fault[name]
        key = said.get("idempotency-key", "")
        digest = hashlib.sha256(request.SerializeToString(deterministic=True)).hexdigest()
        who = replace(PEOPLE[said["authorization"]], request_id=key and f"{name}|{key}", request_hash=digest if key else "")
        with ctx.use(who):
            answer: Message = await getattr(self.api, name)(request, None)
        return answer

    async def credentials(self, scope: Any, route: Any) -> Sequence[tuple[str, str]]:
        """Whoever shows a token."""
        shown = dict(scope["headers"]).get(b"authorization", b"").decode()
        if shown not in PEOPLE:
            raise Unauthenticated("sign in")
        return [("authorization", shown)]

    async def send(self, method: str, path: str, who: str = "ann", **how: Any) -> httpx.Response:
        """One request."""
        headers = {"authorization": f"Bearer {who}"} | how.pop("headers", {})
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://gateway") as client:
            return await client.request(method, f"/api/v1/{path}", headers=headers, **how)

    async def post(self, incident: str, content: Any = PNG, query: str = "", **headers: str) -> httpx.Response:
        """A file for an incident of Ann's; `_` in the name of a header stands for `-`."""
        said = {**SENT, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return await self.send("POST", f"incidents/{incident}/attachments{query}", content=content, headers=said)

    async def get(self, incident: str, made: Any, who: str = "ann", **headers: str) -> httpx.Response:
        """What a file holds."""
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.send("GET", f"incidents/{incident}/attachments/{made['id']}/content", who, headers=said)


async def test_a_file_goes_in_as_the_body_and_comes_out_as_it_was_to_be_kept_and_never_shown() -> None:
    house, content = House(), PNG + bytes(range(256)) * 9000
    incident = await house.room.reported()
    answer = await house.post(incident, content)
    made = answer.json()
    assert (answer.status_code, answer.headers["etag"]) == (201, '"1"')
    assert answer.headers["location"] == f"/api/v1/incidents/{incident}/attachments/{made['id']}"
    assert (made["fileName"], made["mediaType"], made["size"]) == ("a.png", "image/png", len(content))
    assert made["scan"] == "NOT_SCANNED"
    got = await house.get(incident, made)
    assert (got.status_code, got.content) == (200, content)
    assert got.headers["content-disposition"] == "attachment; filename=\"a.png\"; filename*=UTF-8''a.png"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert (
        "sandbox" in got.headers["content-security-policy"] and "default-src 'none'" in got.headers["content-security-policy"]
    )
    assert (got.headers["content-type"], got.headers["content-length"]) == ("image/png", str(len(content)))
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    assert got.headers["content-digest"] == f"sha-256=:{digest}:"
    assert house.largest < PIECE + 200


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<!doctype html><script>alert(1)</script>", "text/html"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "image/svg+xml"),
        (b'<?xml version="1.0"?><?xml-stylesheet href="x.xsl"?><a/>', "text/xml"),
        (b"\x00\x01", ""),
    ],
)
async def test_what_a_browser_would_run_is_given_as_bytes(content: bytes, said: str) -> None:
    house = House()
    incident = await house.room.reported()
    made = (await house.post(incident, content, content_type=said, content_disposition="")).json()
    got = await house.get(incident, made)
    assert (got.content, got.headers["content-type"]) == (content, "application/octet-stream")
    assert got.headers["content-disposition"].startswith("attachment;")


async def test_text_of_any_kind_is_plain_text() -> None:
    house = House()
    incident = await house.room.reported()
    made = (await house.post(incident, b"a,b\n=1+1,2\n", content_type="text/csv")).json()
    assert (await house.get(incident, made)).headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ('attachment; filename="a b.txt"', "a b.txt"),
        ("attachment; filename=plain.txt", "plain.txt"),
        ("attachment; filename=\"x.txt\"; filename*=UTF-8''%C3%9Cber%20uns.txt", "Über uns.txt"),
        ("filename*=utf-8'en'%e2%82%ac.txt", "€.txt"),
        (r'attachment; filename="a\"b.txt"', 'a"b.txt'),
        ("attachment", ""),
        ("", ""),
    ],
)
def test_a_name_is_read_from_the_header(said: str, name: str) -> None:
    assert file_name(said) == name


@given(st.text(max_size=60))
def test_no_name_splits_or_breaks_the_header(name: str) -> None:
    header = disposition(name.encode(errors="replace").decode())
    assert header.isascii() and header.isprintable()
    assert header.count('"') == 2
    assert file_name(header) == name.encode(errors="replace").decode()


async def test_hostile_names_come_back_as_names() -> None:
    house = House()
    incident = await house.room.reported()
    for said, shown in (
        ("attachment; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd", "passwd"),
        ("attachment; filename*=UTF-8''a%0D%0ASet-Cookie%3A%20x%3D1", "aSet-Cookie: x=1"),
        ("attachment; filename*=UTF-8''%E2%80%AEfdp.a%00", "fdp.a"),
    ):
        made = (await house.post(incident, content_disposition=said)).json()
        assert made["fileName"] == shown
        got = await house.get(incident, made)
        assert "set-cookie" not in got.headers
    assert (await house.post(incident, content_disposition="attachment; filename*=UTF-8''%ff")).status_code == 400


async def test_what_is_refused_is_a_problem_document_and_leaves_nothing() -> None:
    house = House()
    incident = await house.room.reported()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(PIECE)

    for answer, status, reason in (
        (await house.post(incident, b""), 422, "INVALID"),
        (await house.post(incident, b"<html>"), 422, "INVALID"),
        (await house.post(incident, content_disposition="attachment; filename=a.exe"), 422, "INVALID"),
        (await house.post(incident, bytes(LARGEST + 1), content_type=""), 413, "TOO_LARGE"),
        (await house.post(incident, endless(), content_type=""), 413, "TOO_LARGE"),
        (await house.post(incident, content_length="9" * 30), 413, "TOO_LARGE"),
        (await house.post(incident, content_digest=f"sha-256=:{base64.b64encode(bytes(32)).decode()}:"), 422, "INVALID"),
        (await house.post(incident, content_encoding="gzip"), 415, "MEDIA_TYPE"),
        (await house.post(incident, query="?internal=maybe"), 422, "INVALID"),
        (await house.post(incident, query="?name=x"), 422, "INVALID"),
        (await house.post("inc_nowhere"), 404, "NOT_FOUND"),
        (await house.send("POST", f"incidents/{incident}/attachments", "bob", content=PNG), 404, "NOT_FOUND"),
        (await house.send("POST", f"incidents/{incident}/attachments", "nobody", content=PNG), 401, "UNAUTHENTICATED"),
    ):
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
        assert answer.json().get("reason") == reason
    with ctx.use(ANN):
        assert (await house.room.attachments.page(incident, Asked()))[0] == []


async def test_a_full_tenant_is_told_by_its_own_reason() -> None:
    house = House(quota=len(PNG))
    incident = await house.room.reported()
    assert (await house.post(incident)).status_code == 201
    full = await house.post(incident)
    assert (full.status_code, full.json()["reason"]) == (413, "QUOTA")


async def test_what_the_service_says_is_passed_on_and_away_is_a_dependency() -> None:
    house = House()
    incident = await house.room.reported()
    house.fault["BeginAttachment"] = Denied("attachments.create")
    assert (await house.post(incident)).status_code == 403
    del house.fault["BeginAttachment"]
    house.fault["AddAttachmentPiece"] = Unavailable("there is no room")
    away = await house.post(incident)
    assert (away.status_code, away.json()["type"]) == (503, "urn:itsm:problem:dependency")


async def test_the_same_key_answers_with_what_was_made() -> None:
    house = House()
    incident = await house.room.reported()
    first = await house.post(incident, idempotency_key="k1")
    again = await house.post(incident, idempotency_key="k1")
    assert again.json() == first.json() and again.headers["idempotency-replayed"] == "true"
    other = await house.post(incident, PNG + b"longer", idempotency_key="k1")
    assert (other.status_code, other.json()["reason"]) == (422, "IDEMPOTENCY_MISMATCH")


async def test_an_internal_file_is_not_there_for_its_reporter() -> None:
    house = House()
    incident = await house.room.reported()
    path = f"incidents/{incident}/attachments"
    made = (await house.send("POST", f"{path}?internal=true", "amy", content=PNG, headers=SENT)).json()
    assert made["internal"] is True
    assert (await house.get(incident, made, "amy")).status_code == 200
    hidden, none = await house.get(incident, made), await house.get(incident, {"id": made["id"][:-1]})
    assert hidden.status_code == none.status_code == 404
    assert hidden.json()["type"] == none.json()["type"]


async def test_what_is_known_already_is_not_sent_again_and_ranges_are_passed_over() -> None:
    house = House()
    incident = await house.room.reported()
    made = (await house.post(incident)).json()
    known = await house.get(incident, made, if_none_match=f'"{made["sha256"]}"')
    assert (known.status_code, known.content) == (304, b"")
    ranges = ",".join(f"{at}-{at}" for at in range(5000))
    whole = await house.get(incident, made, range=f"bytes={ranges}")
    assert (whole.status_code, whole.content, whole.headers["accept-ranges"]) == (200, PNG, "none")
    head = await house.send("HEAD", f"incidents/{incident}/attachments/{made['id']}/content")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(PNG)))
    assert (await house.send("DELETE", f"incidents/{incident}/attachments/{made['id']}/content")).headers[
        "allow"
    ] == "GET, HEAD"


async def test_a_client_that_goes_away_leaves_nothing_to_see() -> None:
    house = House()
    incident = await house.room.reported()
    messages = iter(
        [{"type": "http.request", "body": bytes(PIECE), "more_body": True}, {"type": "http.disconnect"}],
    )

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        raise AssertionError("nobody is there")

    headers = [(b"authorization", b"Bearer ann"), (b"content-length", str(2 * PIECE).encode())]
    path = f"/api/v1/incidents/{incident}/attachments"
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": headers}
    await house.app(scope, receive, send)
    assert house.asked == ["BeginAttachment", "AddAttachmentPiece"]
    with ctx.use(ANN):
        assert (await house.room.attachments.page(incident, Asked()))[0] == []
    house.room.clock.advance(hours=2)
    await house.room.sweeper.round()
    assert house.room.pieces() == 0


async def test_a_file_that_stops_coming_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "STALLED_SECONDS", 0.01)
    house = House()
    incident = await house.room.reported()

    async def stops() -> AsyncIterator[bytes]:
        yield PNG
        await asyncio.Event().wait()

    answer = await house.post(incident, stops())
    assert (answer.status_code, answer.headers["connection"]) == (408, "close")


async def test_as_many_files_as_may_come_at_once_and_no_more() -> None:
    house = House()
    incident = await house.room.reported()
    caller = hashlib.sha256(b"Bearer ann").digest()
    house.app._running[caller] = OF_A_CALLER
    assert (await house.post(incident)).status_code == 503
    assert (await house.send("POST", f"incidents/{incident}/attachments", "amy", content=PNG, headers=SENT)).status_code == 201


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "incidents/inc_1/attachments"),
        ("DELETE", "incidents/inc_1/attachments/att_1"),
        ("POST", "incidents/inc_1/notes"),
        ("POST", "incidents"),
        ("GET", "incidents/a/b/attachments/att_1/content"),
    ],
)
async def test_everything_else_goes_on(method: str, path: str) -> None:
    assert (await House().send(method, path)).status_code == 418


async def test_what_breaks_off_is_never_taken_for_a_whole_file() -> None:
    house = House()
    incident = await house.room.reported()
    made = (await house.post(incident, PNG + bytes(PIECE))).json()
    with ctx.use(ANN):
        before = house.app._call

        async def breaks(service: str, method: Any, request: Any, **how: Any) -> Message:
            if getattr(request, "piece", 0) == 1:
                raise Unavailable("away")
            answer: Message = await before(service, method, request, **how)
            return answer

        house.app._call = breaks
        with pytest.raises(Unavailable, match="away"):
            await house.get(incident, made)
