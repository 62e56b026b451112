"""Bad requests by the dozen: each is said as data, sent as it is, and held to the answer that it deserves."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson

from tests.support.universal import Watch

JSON = {"content-type": "application/json"}
_QUIET = 0.3
_SAFE = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "cache-control": "no-store"}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request and the statuses that it may be answered with. `body` that is no bytes is sent as JSON.

    `slug` is the type of problem, where only one is right; `says` must be in the answer.
    """

    what: str
    statuses: tuple[int, ...]
    path: str = "incidents"
    method: str = "POST"
    body: Any = None
    headers: dict[str, str] | list[tuple[str, str]] = field(default_factory=dict)
    slug: str = ""
    says: str = ""

    def request(self, http: httpx.AsyncClient) -> httpx.Request:
        """As it goes out: a path that begins with a slash is the whole of it."""
        path = self.path if self.path.startswith("/") else f"/api/v1/{self.path}"
        given = self.headers if isinstance(self.headers, list) else list(self.headers.items())
        named = {name.lower() for name, _ in given}
        content = self.body if isinstance(self.body, bytes) else b"" if self.body is None else orjson.dumps(self.body)
        more = [(name, value) for name, value in JSON.items() if self.body is not None and name not in named]
        return http.build_request(self.method, path, content=content, headers=[*given, *more])

    def wrong(self, answer: httpx.Response) -> str:
        """What the answer should not have been; empty when it is right."""
        if answer.status_code not in self.statuses:
            return f"{self.what}: answered {answer.status_code}, not {self.statuses}: {answer.text[:200]}"
        problem = answer.json() if "problem+json" in answer.headers.get("content-type", "") else {}
        if self.slug and problem.get("type") != f"urn:itsm:problem:{self.slug}":
            return f"{self.what}: is no {self.slug}: {answer.text[:200]}"
        if self.says not in answer.text:
            return f"{self.what}: does not say {self.says!r}: {answer.text[:200]}"
        unsafe = [name for name, value in _SAFE.items() if answer.status_code >= 400 and answer.headers.get(name) != value]
        return f"{self.what}: answered without {unsafe}" if unsafe else ""


async def attempted(watch: Watch, http: httpx.AsyncClient, attempts: Iterable[Attempt], *, at_once: int = 4) -> None:
    """Makes all attempts, a few at once; every answer that is wrong is named in one `AssertionError`."""
    room = asyncio.Semaphore(at_once)

    async def one(attempt: Attempt) -> str:
        async with room:
            return attempt.wrong(watch.saw(await http.send(attempt.request(http))))

    found = await asyncio.gather(*(one(attempt) for attempt in attempts))
    wrong = [text for text in found if text]
    assert not wrong, "\n".join(wrong)


async def spoken(
    url: str, *pieces: bytes, pause: float = 0, within: float = 30, quiet: float = _QUIET
) -> tuple[list[httpx.Response], bool]:
    """What comes back for bytes that no client library sends: the answers, and whether the other side hung up.

    After a whole answer so many seconds of silence are enough to see that no second one follows.
    """
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    received, closed = b"", False
    try:
        with suppress(ConnectionError):  # a refusal may come while there is still something to say
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                if pause:
                    await asyncio.sleep(pause)
        async with asyncio.timeout(within):
            while True:
                try:
                    more = await asyncio.wait_for(reader.read(65_536), quiet if _answers(received)[0] else None)
                except TimeoutError:
                    if not _answers(received)[0]:
                        raise
                    break
                except ConnectionError:
                    more = b""
                if not more:
                    closed = True
                    break
                received += more
    finally:
        writer.close()
    return _answers(received)[0], closed


def _answers(received: bytes) -> tuple[list[httpx.Response], bytes]:
    """All whole answers with a `Content-Length`, and what is left."""
    found: list[httpx.Response] = []
    while b"\r\n\r\n" in received:
        head, _, rest = received.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        length = int(next((value for name, value in headers if name.lower() == "content-length"), "0"))
        if len(rest) < length:
            break
        request = httpx.Request("GET", "http://raw/")
        kept = [(name, value) for name, value in headers if name.lower() != "content-encoding"]
        found.append(httpx.Response(int(status.split()[1]), headers=kept, content=rest[:length], request=request))
        received = rest[length:]
    return found, received


def raw(method: str, path: str, headers: Sequence[str] = (), body: bytes = b"", *, token: str = "") -> bytes:
    """A request written by hand; nothing is added but Host and the token."""
    proof = [f"Authorization: Bearer {token}"] if token else []
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: here", *proof, *headers, "", ""]).encode("latin-1") + body
