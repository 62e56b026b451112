"""What both systems have in common: who is let in, a pace that is kept, faults that are ordered, what was asked."""

import base64
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import orjson

from chassis.http.listener import Listener

USER, SECRET = "sync@example.com", "a token of theirs"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any


class No(Exception):
    """A refusal with its status and body."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(str(body))
        self.status, self.body, self.headers = status, body, dict(headers or {})


@dataclass
class Clock:
    """Their clock: the real one, `ahead` of ours; `of` replaces it."""

    of: Callable[[], datetime] = lambda: datetime.now(UTC)
    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        """Now, in whole milliseconds."""
        now = self.of() + self.ahead
        return now.replace(microsecond=now.microsecond // 1000 * 1000)


@dataclass
class System(ABC):
    """A system; `answer` of its kind does the work. `busy` requests are told to come later, in `later` seconds."""

    clock: Clock = field(default_factory=Clock)
    url: str = ""
    seen: list[Asked] = field(default_factory=list)
    busy: int = 0
    later: int = 1
    closed: bool = False

    @property
    def written(self) -> list[Asked]:
        """What was to change something."""
        return [asked for asked in self.seen if asked.method != "GET"]

    @abstractmethod
    def answer(self, asked: Asked) -> tuple[int, Any]:
        """The status and the JSON of an answer. Raises `No`."""

    @abstractmethod
    def nobody(self) -> Any:
        """What is said to somebody who is not let in."""

    def lets_in(self, authorization: str) -> bool:
        """Whether these are the credentials."""
        expected = base64.b64encode(f"{USER}:{SECRET}".encode()).decode()
        return not self.closed and authorization in (f"Basic {expected}", f"Bearer {SECRET}")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request over HTTP."""
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        query = dict(parse_qsl(scope["query_string"].decode(), strict_parsing=bool(scope["query_string"])))
        is_json = headers.get("content-type") == "application/json"
        asked = Asked(scope["method"], scope["path"], query, orjson.loads(body) if body and is_json else body.decode())
        self.seen.append(asked)
        more: Mapping[str, str] = {}
        try:
            if self.busy:
                self.busy -= 1
                raise No(429, {"message": "Rate limit exceeded"}, {"retry-after": str(self.later)})
            if not self.lets_in(headers.get("authorization", "")) and not self.open_to_all(asked):
                raise No(401, self.nobody())
            status, said = self.answer(asked)
        except No as no:
            status, said, more = no.status, no.body, no.headers
        told = b"" if said is None else orjson.dumps(said)
        start = [(name.encode(), value.encode()) for name, value in more.items()]
        await send(
            {"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json"), *start]}
        )
        await send({"type": "http.response.body", "body": told})

    def open_to_all(self, asked: Asked) -> bool:
        """Whether somebody unknown may ask for it."""
        return False


S = TypeVar("S", bound=System)


async def _nothing() -> None:
    """There is nothing to end before the end."""


@asynccontextmanager
async def serving(system: S) -> AsyncIterator[S]:
    """The system at an address of this machine, for the block."""
    listener = Listener("127.0.0.1:0", system, _nothing)
    await listener.start()
    system.url = f"http://127.0.0.1:{listener.port}"
    try:
        yield system
    finally:
        await listener.stop()
