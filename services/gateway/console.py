"""The web console as files: read at start, served with what a browser needs to keep them, or a page that says it is not built.

A GET whose path is no address of the platform and whose last segment has no dot is a page of the console, whatever it names:
the console finds its way by itself. There are three such pages, each with the addresses below its own: the portal of employees,
the phone of who is on call, and the console for all others. A file that does not exist is a 404, never a page. Files under
`/assets/` bear a hash of their content in their name and are kept by browsers for a year; files of the build before stay until
this process ends, so that an open tab still finds its parts. The page of the API is part of the build, and a link to the
document without it.
"""

import hashlib
import mimetypes
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from chassis.http.problems import Problem
from services.gateway.openapi.edges import DOCS
from services.gateway.rest.answers import Answer, refusal
from services.gateway.rest.exchange import Exchange, Receive, Scope, Send
from services.gateway.rest.limits import App
from services.gateway.signin.credentials import session_secret

BUILT = Path(__file__).resolve().parents[2] / "web" / "dist"
"""Where `make web` puts the console."""

_INDEX = "/index.html"
_DOCS = "/docs.html"
_BELOW = {"portal": "/portal.html", "oncall": "/oncall.html"}
_PAGES = frozenset((_INDEX, _DOCS, *_BELOW.values()))
_ASSETS = "/assets/"
_WORKER = "/sw.js"
"""The service worker: what it may ask for is said where it comes from, not on the pages that it works for."""
_OURS = frozenset(("api", "auth", "ingest", "v1", "v2"))
_TWINS = (("br", ".br"), ("gzip", ".gz"))
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_PAGE = (("cache-control", "no-cache"), ("content-security-policy", _POLICY))
_ABSENT = b"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Console not built</title></head>
<body><h1>The console is not built</h1>
<p>The platform runs. Build the console with <code>make web</code> and load this page again.</p>
<p>The interface for programs is described in <a href="/api/v1/openapi.json">/api/v1/openapi.json</a>.</p>
</body></html>
"""
_NO_DOCS = b"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>ITSM: the API</title></head>
<body><h1>The API</h1>
<p>It is described in <a href="/api/v1/openapi.json">/api/v1/openapi.json</a>; with the built console this page shows that.</p>
</body></html>
"""
mimetypes.add_type("text/javascript", ".js")  # what the machine's own table says differs
mimetypes.add_type("font/woff2", ".woff2")
mimetypes.add_type("application/manifest+json", ".webmanifest")


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    media: str
    etag: str
    twins: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> "_File":
        content = path.read_bytes()
        media = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        if media.startswith("text/"):
            media += "; charset=utf-8"
        twins = {name: twin.read_bytes() for name, suffix in _TWINS if (twin := path.with_name(path.name + suffix)).exists()}
        return cls(content, media, hashlib.sha256(content).hexdigest()[:20], twins)


class Console:
    """The ASGI application of everything that is not the platform's: `rest` answers the rest. `folder` is the build."""

    def __init__(self, rest: App, folder: Path = BUILT) -> None:
        self._rest = rest
        self._folder = folder
        self._files: dict[str, _File] = {}
        self._read_at = 0
        self._refresh()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        path: str = scope["path"]
        ours = path != DOCS and path[1:].partition("/")[0].partition(":")[0] in _OURS
        if ours or scope["method"] not in ("GET", "HEAD"):
            await self._rest(scope, receive, send)
            return
        exchange = Exchange(scope, receive)
        try:
            answer = self._answer(exchange, path)
        except Problem as problem:
            answer = refusal(problem, exchange)
        await answer.send(send, bodiless=exchange.method == "HEAD")

    def _answer(self, exchange: Exchange, path: str) -> Answer:
        if path == DOCS:
            self._refresh()
            described = self._files.get(_DOCS)
            return _plain(_NO_DOCS) if described is None else _given(exchange, described, _PAGE)
        if path in _PAGES or path not in self._files:
            if "." in path.rpartition("/")[2] and path != _INDEX:
                raise Problem(404, "not-found", "there is no such file")
            self._refresh()
            page = self._files.get(_BELOW.get(path[1:].partition("/")[0], _INDEX))
            if page is None:
                return _plain(_ABSENT)
            if exchange.header("sec-fetch-dest") == "document" and not session_secret(exchange.headers):
                return _to_sign_in(exchange)
            return _given(exchange, page, _PAGE)
        if path == _WORKER:
            return _given(exchange, self._files[path], _PAGE)
        lasting = path.startswith(_ASSETS)
        return _given(
            exchange,
            self._files[path],
            [("cache-control", "public, max-age=31536000, immutable" if lasting else "no-cache")],
        )

    def _refresh(self) -> None:
        """Reads a build that is newer than what is known."""
        try:
            changed = (self._folder / _INDEX[1:]).stat().st_mtime_ns
        except FileNotFoundError:
            for page in _PAGES:
                self._files.pop(page, None)
            self._read_at = 0
            return
        if changed == self._read_at:
            return
        for path in sorted(self._folder.rglob("*")):
            if path.is_file() and path.suffix not in (suffix for _, suffix in _TWINS):
                self._files["/" + path.relative_to(self._folder).as_posix()] = _File.read(path)
        self._read_at = changed


def _to_sign_in(exchange: Exchange) -> Answer:
    """A person who opens the console without a session is spared loading it twice."""
    here = exchange.instance + (f"?{exchange.query}" if exchange.query else "")
    answer = Answer(302)
    answer.add("location", f"/auth/login?{urlencode({'next': here})}")
    return answer


def _plain(page: bytes) -> Answer:
    answer = Answer(200, page)
    answer.add("content-type", "text/html; charset=utf-8")
    answer.add("cache-control", "no-store")
    return answer


def _given(exchange: Exchange, file: _File, headers: Iterable[tuple[str, str]]) -> Answer:
    encoding = next((name for name, _ in _TWINS if name in file.twins and exchange.takes(name)), "")
    # A tag stands for these very bytes, so each encoding has its own (RFC 9110 8.8.3.3).
    etag = f"{file.etag}-{encoding}" if encoding else file.etag
    known = exchange.knows(etag)
    answer = Answer(304 if known else 200, b"" if known else file.twins.get(encoding, file.content))
    answer.add("etag", f'"{etag}"')
    answer.add("vary", "Accept-Encoding")
    for name, value in headers:
        answer.add(name, value)
    if not known:
        answer.add("content-type", file.media)
        if encoding:
            answer.add("content-encoding", encoding)
    return answer
