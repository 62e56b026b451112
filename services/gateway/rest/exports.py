"""Any list as a file: `GET /api/v1/incidents:export?format=csv`, page by page as the caller sees it, never held whole.

Each page is asked for by a request of its own, with the caller's own proof, so that what a list checks, an export checks.
A file that could not be finished is never taken for a whole one: the connection is cut. In CSV a cell that a spreadsheet
would run as a formula is led by an apostrophe; a workbook has texts as texts and instants as dates, in UTC.

Fails before the first byte with the problem document of the list; 413 for a workbook of more rows than one may have; 503 when
as many exports as may run are running.
"""

import asyncio
import csv
import hashlib
import io
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from tempfile import TemporaryFile
from typing import IO, Any, Protocol
from urllib.parse import urlencode

import orjson
import xlsxwriter

from chassis.http.problems import Problem
from services.gateway.rest.answers import Answer, refusal
from services.gateway.rest.exchange import Exchange, Receive, Scope, Send
from services.gateway.rest.limits import App
from services.gateway.rest.lists import Listed, exportable
from services.gateway.rest.routes import Routes

EXPORT = ":export"
AT_ONCE, OF_A_CALLER = 4, 1
STALLED_SECONDS = 30.0
"""A client that takes nothing for so long is gone, or holds a place that others wait for."""
WORKBOOK_ROWS = 100_000
_PAGE = 200
_TRIES, _LONGEST_WAIT = 8, 5.0
_PIECE = 256 << 10
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_OWN = ("format", "fields")
_AGAIN = frozenset({429, 503})
_HIDDEN = frozenset({b"accept", b"accept-encoding", b"if-none-match", b"range"})


class File(Protocol):
    """How records become a file. Each call gives what can be sent already."""

    media: str
    extension: str

    async def begin(self) -> bytes:
        """What comes before the records."""

    async def add(self, records: Sequence[Mapping[str, Any]]) -> bytes:
        """Some records."""

    def end(self) -> AsyncIterator[bytes]:
        """What comes after them."""

    def close(self) -> None:
        """Gives back what it holds, finished or not."""


class Exports:
    """An ASGI application around that of the API: it answers for lists as files, and leaves the rest to the other."""

    def __init__(self, rest: App, routes: Routes) -> None:
        self._rest = rest
        self._lists = {route.template + EXPORT: Listed.of(route) for route in routes.all if exportable(route)}
        self._running: Counter[bytes] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        exchange = Exchange(scope, receive)
        found = self._lists.get(exchange.path)
        if found is None:
            await self._rest(scope, receive, send)
            return
        try:
            caller = hashlib.sha256(_proof(exchange)).digest()
            if self._running[caller] >= OF_A_CALLER or self._running.total() >= AT_ONCE:
                text = f"{self._running[caller]} of your exports and {self._running.total()} in all are running"
                raise Problem(503, "overloaded", text, headers={"retry-after": "5"})
            file, query = _asked(exchange, found)
            self._running[caller] += 1
            try:
                await self._export(exchange, found, file, query, receive, send)
            finally:
                self._running[caller] -= 1
                self._running += Counter()  # whose count is none is forgotten
                file.close()
        except Problem as problem:
            await refusal(problem, exchange).send(send)

    async def _export(
        self, exchange: Exchange, found: Listed, file: File, query: dict[str, str], receive: Receive, send: Send
    ) -> None:
        pages = self._pages(exchange.scope, found, query)
        first = await anext(pages)
        if isinstance(first, Answer):
            await first.send(send)  # the list's own refusal
            return
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            # A workbook is sent when it is whole: until then its refusals are answers like any other.
            early = not isinstance(file, _Workbook)
            content = await file.begin() + await file.add(first)
            if early:
                await _start(send, found, file, exchange)
                await _piece(send, content)
            async for page in pages:
                if gone.done():
                    return
                if isinstance(page, Answer) and early:
                    raise ConnectionAbortedError(f"an export of {found.path} ended with {page.status}")
                if isinstance(page, Answer):
                    await page.send(send)
                    return
                content = await file.add(page)
                if early:
                    await _piece(send, content)
            if not early:
                await _start(send, found, file, exchange)
            async for piece in file.end():
                await _piece(send, piece)
            await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()

    async def _pages(self, scope: Scope, found: Listed, query: dict[str, str]) -> AsyncIterator[list[Any] | Answer]:
        """The pages of a list; an `Answer` where it refuses, and nothing after it."""
        token = ""
        while True:
            answer = await self._page(scope, found, {**query, **({"pageToken": token} if token else {})})
            if answer.status != 200:
                yield answer
                return
            page = orjson.loads(answer.body)
            yield page[found.member]
            token = page["nextPageToken"]
            if not token:
                return

    async def _page(self, scope: Scope, found: Listed, query: dict[str, str]) -> Answer:
        """One page. A busy service is asked again, as it says itself when."""
        size = {"pageSize": str(_PAGE)} if found.paged else {}
        asked = {
            **scope,
            "path": found.path,
            "raw_path": found.path.encode(),
            "query_string": urlencode({**query, **size}).encode(),
            "headers": [header for header in scope["headers"] if header[0] not in _HIDDEN],
        }
        for attempt in range(_TRIES):
            answer = Answer(0)

            async def keep(message: Any, answer: Answer = answer) -> None:
                if message["type"] == "http.response.start":
                    answer.status = message["status"]
                    answer.headers = [each for each in message["headers"] if each[0] != b"content-length"]
                else:
                    answer.body += message.get("body", b"")

            await self._rest(asked, _nothing, keep)
            # The first page is refused at once: its caller knows best whether to come again.
            if answer.status not in _AGAIN or "pageToken" not in query or attempt == _TRIES - 1:
                break
            wait = dict(answer.headers).get(b"retry-after", b"1")
            await asyncio.sleep(min(_LONGEST_WAIT, float(wait) if wait.isdigit() else 1.0))
        return answer


def file_of(form: str, chosen: Mapping[str, bool]) -> File:
    """An empty file of a kind, `csv`, with these columns."""
    return _FILES[form](chosen)


def _asked(exchange: Exchange, found: Listed) -> tuple[File, dict[str, str]]:
    """The file that is wanted, and the query of the list. Raises `Problem`."""
    if exchange.method != "GET":
        raise Problem(405, "method", "this address takes GET", headers={"allow": "GET"})
    query = {name: texts[-1] for name, texts in exchange.parameters().items()}
    said = [name for name in ("pageSize", "pageToken") if name in query]
    wrong = [(f"/{name}", "is said by the export itself") for name in said]
    form, named = (query.pop(name, "") for name in _OWN)
    columns = [name for name in named.split(",") if name] or list(found.fields)
    if unknown := [name for name in columns if name not in found.fields]:
        wrong.append(("/fields", f"{unknown[0]} is no field of this; there are {', '.join(found.fields)}"))
    kind = _FILES.get(form or "csv")
    if kind is None:
        wrong.append(("/format", f"should be one of {', '.join(_FILES)}"))
    if wrong or kind is None:
        raise Problem(422, "validation", f"{wrong[0][0]}: {wrong[0][1]}", reason="INVALID", errors=wrong)
    return kind({name: found.fields[name] for name in columns}), query


class _Table:
    """Comma-separated values as in RFC 4180, with a header line."""

    media = "text/csv; charset=utf-8; header=present"
    extension = "csv"

    def __init__(self, columns: Mapping[str, bool]) -> None:
        self._columns = columns

    async def begin(self) -> bytes:
        """See `File`."""
        return self._lines([list(self._columns)])

    async def add(self, records: Sequence[Mapping[str, Any]]) -> bytes:
        """See `File`."""
        return self._lines([_harmless(record.get(name)) for name in self._columns] for record in records)

    async def end(self) -> AsyncIterator[bytes]:
        """See `File`."""
        return
        yield b""  # a generator of nothing

    def close(self) -> None:
        """See `File`."""

    @staticmethod
    def _lines(rows: Iterable[list[Any]]) -> bytes:
        text = io.StringIO()
        csv.writer(text).writerows(rows)
        return text.getvalue().encode()


class _Lines:
    """A JSON object a line, with the values exactly as the API gives them."""

    media = "application/x-ndjson"
    extension = "jsonl"

    def __init__(self, columns: Mapping[str, bool]) -> None:
        self._columns = columns

    async def begin(self) -> bytes:
        """See `File`."""
        return b""

    async def add(self, records: Sequence[Mapping[str, Any]]) -> bytes:
        """See `File`."""
        kept = ({name: record[name] for name in self._columns if name in record} for record in records)
        return b"".join(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE) for record in kept)

    async def end(self) -> AsyncIterator[bytes]:
        """See `File`."""
        return
        yield b""  # a generator of nothing

    def close(self) -> None:
        """See `File`."""


class _Workbook:
    """A workbook of one sheet. It lies in a file of its own until it is whole: its format has its index at the end."""

    media = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    extension = "xlsx"

    def __init__(self, columns: Mapping[str, bool]) -> None:
        self._columns = columns
        self._rows = 0
        self._file: IO[bytes] = TemporaryFile()  # noqa: SIM115 - `close` is called by whoever made this
        settled = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
        self._book = xlsxwriter.Workbook(self._file, settled)
        self._sheet = self._book.add_worksheet()
        self._bold = self._book.add_format({"bold": True})
        self._date = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})

    async def begin(self) -> bytes:
        """See `File`."""
        self._sheet.freeze_panes(1, 0)
        self._sheet.set_column(0, len(self._columns) - 1, 18)
        for at, name in enumerate(self._columns):
            self._sheet.write_string(0, at, name, self._bold)
        return b""

    async def add(self, records: Sequence[Mapping[str, Any]]) -> bytes:
        """See `File`. Raises `Problem` 413."""
        if self._rows + len(records) > WORKBOOK_ROWS:
            text = f"a workbook may have {WORKBOOK_ROWS} rows: narrow the filter, or take csv or jsonl"
            raise Problem(413, "too-large", text)
        await asyncio.to_thread(self._write, records)
        return b""

    async def end(self) -> AsyncIterator[bytes]:
        """See `File`."""
        await asyncio.to_thread(self._book.close)
        self._file.seek(0)
        while piece := await asyncio.to_thread(self._file.read, _PIECE):
            yield piece

    def close(self) -> None:
        """See `File`."""
        self._file.close()

    def _write(self, records: Sequence[Mapping[str, Any]]) -> None:
        for record in records:
            self._rows += 1
            for at, (name, instant) in enumerate(self._columns.items()):
                self._cell(at, record.get(name), instant=instant)

    def _cell(self, at: int, value: Any, *, instant: bool) -> None:
        if value is None or value == "":
            return
        if instant:
            moment = datetime.fromisoformat(value).astimezone(UTC).replace(tzinfo=None)
            self._sheet.write_datetime(self._rows, at, moment, self._date)
        elif isinstance(value, bool):
            self._sheet.write_boolean(self._rows, at, value)
        elif isinstance(value, int | float):
            self._sheet.write_number(self._rows, at, value)
        else:
            self._sheet.write_string(self._rows, at, _plain(value)[:32_767])


_FILES: Mapping[str, Callable[[Mapping[str, bool]], File]] = {"csv": _Table, "jsonl": _Lines, "xlsx": _Workbook}

FORMATS: Mapping[str, str] = {"csv": _Table.media.partition(";")[0], "jsonl": _Lines.media, "xlsx": _Workbook.media}
"""What kinds of file there are, and their media types."""


def _plain(value: Any) -> str:
    """A value as one text: lists of texts with semicolons, what is nested as JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return "; ".join(value)
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _harmless(value: Any) -> str:
    text = _plain(value)
    return "'" + text if isinstance(value, str | list) and text.startswith(_FORMULA) else text


async def _start(send: Send, found: Listed, file: File, exchange: Exchange) -> None:
    name = f"{found.path.rpartition('/')[2]}-{datetime.now(UTC):%Y-%m-%d}.{file.extension}"
    headers = [
        (b"content-type", file.media.encode()),
        (b"content-disposition", f'attachment; filename="{name}"'.encode()),
        (b"x-request-id", exchange.request_id.encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


async def _piece(send: Send, content: bytes) -> None:
    """Raises `TimeoutError` for a client that takes nothing, which cuts the connection."""
    if content:
        async with asyncio.timeout(STALLED_SECONDS):
            await send({"type": "http.response.body", "body": content, "more_body": True})


def _proof(exchange: Exchange) -> bytes:
    """What the caller shows of who he is."""
    return exchange.headers.get(b"authorization", b"") + exchange.headers.get(b"cookie", b"")


async def _nothing() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
