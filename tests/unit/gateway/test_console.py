"""The console as files: what a browser gets for each address, how long it keeps it, and what never becomes a page."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.gateway.console import Console
from services.gateway.rest.exchange import Receive, Scope, Send

SCRIPT = b"export const answer = 42;\n" * 60


async def rest(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 418, "headers": []})
    await send({"type": "http.response.body", "body": b"the platform"})


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """A built console."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>console</title>")
    (tmp_path / "portal.html").write_text("<!doctype html><title>portal</title>")
    (tmp_path / "oncall.html").write_text("<!doctype html><title>on call</title>")
    (tmp_path / "icon.svg").write_text("<svg/>")
    (tmp_path / "sw.js").write_text("self")
    (tmp_path / "manifest.webmanifest").write_text("{}")
    (tmp_path / "assets" / "index-abc.js").write_bytes(SCRIPT)
    (tmp_path / "assets" / "index-abc.js.gz").write_bytes(gzip.compress(SCRIPT))
    (tmp_path / "assets" / "index-abc.js.br").write_bytes(b"brotli of the script")
    return tmp_path


@pytest.fixture
def get(build: Path) -> Callable[..., Any]:
    """Asks the console in that folder."""
    app = Console(rest, build)

    async def ask(path: str, method: str = "GET", **headers: str) -> httpx.Response:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
            return await client.request(method, path, headers={"accept-encoding": "identity"} | given)

    return ask


@pytest.mark.parametrize("path", ["/", "/index.html", "/incidents", "/incidents/INC0000001", "/assets", "/apiary", "/a/b/c"])
async def test_whatever_names_no_file_is_the_page_that_finds_its_way_by_itself(get: Callable[..., Any], path: str) -> None:
    answer = await get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "console" in answer.text
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/portal", "portal"),
        ("/portal/", "portal"),
        ("/portal/requests/REQ0000001", "portal"),
        ("/oncall", "on call"),
        ("/oncall/pages/1", "on call"),
        ("/portals", "console"),
        ("/a/portal", "console"),
    ],
)
async def test_employees_and_who_is_on_call_have_pages_of_their_own(get: Callable[..., Any], path: str, title: str) -> None:
    answer = await get(path)
    assert (answer.status_code, answer.text) == (200, f"<!doctype html><title>{title}</title>")
    assert answer.headers["cache-control"] == "no-cache"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    opened = await get(path, sec_fetch_dest="document")
    assert opened.headers["location"].startswith("/auth/login?next=")


async def test_the_worker_may_ask_the_platform_and_the_manifest_says_what_it_is(get: Callable[..., Any]) -> None:
    worker, manifest = await get("/sw.js"), await get("/manifest.webmanifest")
    assert "connect-src 'self'" in worker.headers["content-security-policy"]
    assert worker.headers["cache-control"] == "no-cache"
    assert manifest.headers["content-type"] == "application/manifest+json"


@pytest.mark.parametrize("path", ["/portal.html", "/oncall.html", "/portal/photo.png"])
async def test_a_page_has_one_address(get: Callable[..., Any], path: str) -> None:
    assert (await get(path)).status_code == 404


@pytest.mark.parametrize(
    "path", ["/api/v1/incidents", "/api", "/auth/login", "/ingest/alertmanager", "/v1/metrics", "/v2/alerts", "/api:x"]
)
async def test_addresses_of_the_platform_stay_its_own(get: Callable[..., Any], path: str) -> None:
    assert (await get(path)).status_code == 418


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_only_reading_is_for_the_console(get: Callable[..., Any], method: str) -> None:
    assert (await get("/incidents", method)).status_code == 418


@pytest.mark.parametrize(
    "path", ["/assets/index-old.js", "/favicon.ico", "/incidents/x.json", "/../console.py", "/assets/..%2f..%2fx.py"]
)
async def test_a_file_that_is_not_there_is_no_page(get: Callable[..., Any], path: str) -> None:
    answer = await get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_files_with_a_hash_in_their_name_are_kept_for_a_year(get: Callable[..., Any]) -> None:
    lasting = await get("/assets/index-abc.js")
    assert lasting.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert lasting.headers["content-type"] == "text/javascript; charset=utf-8"
    assert lasting.content == SCRIPT
    assert (await get("/icon.svg")).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("br, gzip", "br"),
        ("gzip", "gzip"),
        ("gzip, br;q=0", "gzip"),
        ("identity", None),
        ("br;q=0.000", None),
        ("br;q=x", None),
    ],
)
async def test_what_was_compressed_at_the_build_is_sent_as_it_is(
    get: Callable[..., Any], accepted: str, encoding: str | None
) -> None:
    answer = await get("/assets/index-abc.js", "HEAD", accept_encoding=accepted)
    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["vary"] == "Accept-Encoding"


async def test_a_browser_that_has_it_gets_it_once(get: Callable[..., Any]) -> None:
    first = await get("/")
    again = await get("/", if_none_match=first.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["content-security-policy"] == first.headers["content-security-policy"]
    packed = await get("/assets/index-abc.js", "HEAD", accept_encoding="gzip")
    assert packed.headers["etag"] != (await get("/assets/index-abc.js")).headers["etag"], "other bytes, another tag"


async def test_a_page_may_load_and_call_nothing_but_us(get: Callable[..., Any]) -> None:
    policy = dict(part.strip().split(" ", 1) for part in (await get("/")).headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"


async def test_a_person_without_a_session_is_led_to_the_sign_in_and_back(get: Callable[..., Any]) -> None:
    opened = await get("/incidents?view=mine", sec_fetch_dest="document")
    assert (opened.status_code, opened.headers["location"]) == (302, "/auth/login?next=%2Fincidents%3Fview%3Dmine")
    assert (await get("/incidents", sec_fetch_dest="document", cookie="__Host-itsm=x")).status_code == 200


async def test_a_new_build_is_served_at_once_and_the_parts_of_the_old_one_stay(get: Callable[..., Any], build: Path) -> None:
    await get("/")
    (build / "assets" / "index-abc.js").unlink()
    (build / "assets" / "index-def.js").write_text("next")
    page = build / "index.html"
    page.write_text("<!doctype html><title>console, next</title>")
    os.utime(page, ns=(1, page.stat().st_mtime_ns + 1))
    assert "next" in (await get("/")).text
    assert (await get("/assets/index-def.js")).text == "next"
    assert (await get("/assets/index-abc.js")).content == SCRIPT, "an open page still loads what it knows"


async def test_without_a_build_there_is_a_page_that_says_how_to_make_one(tmp_path: Path) -> None:
    app = Console(rest, tmp_path / "nowhere")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
        answer = await client.get("/incidents")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert "make web" in answer.text
    assert "/api/v1/openapi.json" in answer.text


async def test_the_page_of_the_api_is_part_of_the_build_and_may_run_nothing_but_its_files(
    get: Callable[..., Any], build: Path
) -> None:
    (build / "docs.html").write_text("<!doctype html><title>the API</title>")
    os.utime(build / "index.html", ns=(1, 2))
    answer = await get("/api/v1/docs")
    assert (answer.status_code, answer.text) == (200, "<!doctype html><title>the API</title>")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    assert (await get("/api/v1/docs", if_none_match=answer.headers["etag"])).status_code == 304
    assert (await get("/api/v1/docs", "POST")).status_code == 418
    assert (await get("/docs.html")).status_code == 404, "it has one address"


async def test_without_a_build_the_page_of_the_api_leads_to_the_document(tmp_path: Path) -> None:
    app = Console(rest, tmp_path / "nowhere")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
        answer = await client.get("/api/v1/docs")
    assert answer.status_code == 200
    assert '<a href="/api/v1/openapi.json">' in answer.text
