"""REST with the gateway: the caller's token, a key per write, bounded retries, problem documents as errors.

A request is sent again after 429 and 503, and when the connection breaks, because each write carries a key under which the
platform does it once. `Retry-After` is honored as long as it ends before the patience of the request does.

Fails: `Problem` for every answer but success, `CliError` when there is no answer.
"""

import email.utils
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from cli.errors import CliError, Problem

AGAIN = frozenset({429, 503})
TRIES = 6
PATIENCE = 30.0
"""Seconds that all waiting for one request may take."""
FIRST_WAIT = 0.25
LONGEST_WAIT = 4.0

Query = Mapping[str, str | int | list[str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `data` is the decoded JSON; None for an empty answer."""

    status: int
    data: Any
    trace_id: str


@dataclass(slots=True)
class Client:
    """A connection to one platform; safe to use from several threads. `token` is asked for at each request."""

    url: str
    token: Callable[[], str]
    told: Callable[[str], None] = lambda _: None
    patience: float = PATIENCE
    timeout: float = 35.0
    _http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self._http = httpx.Client(
            base_url=self.url, timeout=self.timeout, headers={"accept": "application/json", "user-agent": "itsm-cli"}
        )

    def close(self) -> None:
        """Ends the connections."""
        self._http.close()

    def get(self, path: str, **query: str | int | list[str]) -> Any:
        """The JSON at the path; parameters that are empty texts are left out."""
        return self.send("GET", path, query={name: value for name, value in query.items() if value != ""}).data

    def pages(self, path: str, name: str, *, limit: int | None, **query: str) -> Iterator[dict[str, Any]]:
        """The records of a list, page by page; all of them where `limit` is None. `name` is the list's member."""
        left, token = limit, ""
        while left is None or left > 0:
            size = 200 if left is None else min(left, 200)
            page = self.get(path, pageSize=size, pageToken=token, **query)
            yield from page.get(name, [])[:left]
            left = None if left is None else left - len(page.get(name, []))
            token = page.get("nextPageToken", "")
            if not token:
                return

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Any = None,
        content: bytes | None = None,
        etag: str = "",
        at: datetime | None = None,
        over: threading.Event | None = None,
    ) -> Answer:
        """One request. `body` is sent as JSON, `content` as the JSON that it is already; `etag` becomes If-Match.
        `at` is when it is to have happened, which only tenants for demonstration take.

        No other attempt is made once `over` is set, and waiting for one ends.
        """
        over = over or threading.Event()
        trace_id = uuid.uuid4().hex
        headers = {"traceparent": f"00-{trace_id}-{uuid.uuid4().hex[:16]}-01"}
        if method != "GET":
            headers["idempotency-key"] = str(uuid.uuid4())
        if etag:
            headers["if-match"] = f'"{etag.strip(chr(34))}"'
        if at is not None:
            headers["itsm-time"] = at.isoformat()
        if content is not None:
            headers["content-type"] = "application/json"
        deadline = time.monotonic() + self.patience
        attempt = 0
        while True:
            attempt += 1
            if token := self.token():
                headers["authorization"] = f"Bearer {token}"
            response = self._try(method, path, params=query, json=body, content=content, headers=headers)
            last = attempt >= (TRIES if isinstance(response, httpx.Response) else TRIES // 2)
            wait = _asked(response) or _pause(attempt)
            if last or over.is_set() or time.monotonic() + wait > deadline or not _again(response):
                return _answer(response, trace_id)
            if isinstance(response, httpx.Response):
                self.told(f"the platform is busy ({response.status_code}), trying again in {wait:.0f} s")
            if over.wait(wait):
                return _answer(response, trace_id)

    def upload(self, path: str, file: Path, *, query: Query, headers: Mapping[str, str]) -> Answer:
        """Sends a file as the body, never held whole, and again where the platform is busy, under one key.

        Raises `Problem` when it is refused, `CliError` when it cannot be read or sent.
        """
        trace_id, key = uuid.uuid4().hex, str(uuid.uuid4())
        given = {**headers, "idempotency-key": key, "traceparent": f"00-{trace_id}-{uuid.uuid4().hex[:16]}-01"}
        for attempt in range(1, TRIES // 2 + 1):
            given["authorization"] = f"Bearer {self.token()}"
            try:
                with file.open("rb") as content:
                    response = self._try("POST", path, params=query, content=content, headers=given)
            except OSError as error:
                raise CliError(f"{file}: {error.strerror}") from error
            if not _again(response):
                break
            time.sleep(min(_asked(response) or _pause(attempt), LONGEST_WAIT))
        return _answer(response, trace_id)

    @contextmanager
    def lines(self, path: str, *, query: Query, headers: Mapping[str, str], timeout: float) -> Iterator[Iterator[str]]:
        """The lines of an answer that goes on, for the block; `timeout` is for how many seconds it may be silent.

        Raises `Problem` when it is refused, `CliError` when the connection breaks, then or later.
        """
        given = {**headers, "authorization": f"Bearer {self.token()}"}
        try:
            with self._http.stream("GET", path, params=query, headers=given, timeout=timeout) as response:
                if not response.is_success:
                    response.read()
                    _answer(response, "")
                yield response.iter_lines()
        except httpx.TransportError as error:
            raise CliError(f"{self.url} does not answer: {error or type(error).__name__}") from error

    def fetch(self, path: str, file: Path) -> int:
        """Writes the answer into a file, never held whole; says how many bytes it has.

        Raises `Problem` when it is refused, `CliError` when it cannot be had or written whole.
        """
        headers, size = {"authorization": f"Bearer {self.token()}"}, 0
        try:
            with self._http.stream("GET", path, headers=headers) as response:
                if not response.is_success:
                    response.read()
                    _answer(response, "")
                with file.open("wb") as out:
                    for piece in response.iter_bytes():
                        size += out.write(piece)
        except httpx.TransportError as error:
            raise CliError(f"{self.url} does not answer: {error or type(error).__name__}") from error
        except OSError as error:
            raise CliError(f"{file}: {error.strerror}") from error
        return size

    def _try(self, method: str, path: str, **how: Any) -> httpx.Response | CliError:
        """The answer, or why there is none."""
        try:
            return self._http.request(method, path, **how)
        except httpx.InvalidURL as error:
            raise CliError(f"{self.url}{path} is no address: {error}") from error
        except httpx.TransportError as error:
            return CliError(f"{self.url} does not answer: {error or type(error).__name__}")


def segment(text: str) -> str:
    """A text as one step of a path: `a/b` does not become two."""
    return quote(text, safe="")


def _again(response: httpx.Response | CliError) -> bool:
    return isinstance(response, CliError) or response.status_code in AGAIN


def _answer(response: httpx.Response | CliError, trace_id: str) -> Answer:
    if isinstance(response, CliError):
        raise response
    try:
        data = response.json() if response.content else None
    except ValueError as error:
        if response.is_success:
            raise CliError(f"{response.url} answers with something that is no JSON; is this the platform?") from error
        data = None
    if response.is_success:
        return Answer(response.status_code, data, trace_id)
    if response.is_redirect:
        raise CliError(f"{response.url} sends elsewhere, to {response.headers.get('location', 'nowhere')}")
    document = data if isinstance(data, dict) else {}
    raise Problem(response.status_code, {"traceId": trace_id, **document})


def _asked(response: httpx.Response | CliError) -> float | None:
    """Seconds that `Retry-After` asks for, as a number or a date; None when it says neither."""
    text = "" if isinstance(response, CliError) else response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None


def _pause(attempt: int) -> float:
    """Doubled each time, with a spread so that many clients do not come back at once."""
    wait: float = min(LONGEST_WAIT, FIRST_WAIT * 2 ** (attempt - 1))
    return wait * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
