"""JSON over HTTP with another system, by the one client for addresses that users give.

Fails: `Refused` for an answer that says no to what was asked, `Trouble` for everything else that is no success: nobody there,
too busy (with what it says about when to come back), not let in.
"""

import base64
import functools
import inspect
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import orjson

from chassis.outbound import Answer, Failure, Limits, Outbound
from services.gateway.domain.connection import Auth, Connection
from services.gateway.sync.ports import Refused, Trouble

LIMITS = Limits(total=15.0, body_bytes=4 * 1024 * 1024)
PAGE = 50
"""Tickets at once: with the longest descriptions that is still well below the limit of an answer."""
_LONGEST_WISH = timedelta(hours=1)
_EARLY = timedelta(seconds=30)  # a token is renewed so long before its end
_SAYS_NO = frozenset({400, 403, 404, 409, 410, 413, 422})

ODD = (LookupError, TypeError, ValueError, AttributeError, OverflowError)
"""What reading an answer comes to that is JSON, and not as it is documented."""
_OF_A_TICKET = frozenset({"read", "mark", "edit", "move", "remarks", "remark", "changed_at", "fits"})
_LONGEST_LIFE = 86_400  # seconds of a token, whatever they say
_Adapter = TypeVar("_Adapter", bound=type)

Tokens = dict[tuple[str, str, int], tuple[datetime, str]]
"""Access tokens of OAuth by tenant, connection and version of it, with their end."""


class Client:
    """Speaks to one system. `explain` reads what its refusals say; `tokens` outlive the client."""

    def __init__(
        self,
        outbound: Outbound,
        connection: Connection,
        secret: str,
        explain: Callable[[Any], str],
        *,
        tenant: str = "",
        tokens: Tokens | None = None,
    ) -> None:
        self._outbound, self._connection, self._secret, self._explain = outbound, connection, secret, explain
        self._root = connection.url.rstrip("/")
        self._tokens: Tokens = {} if tokens is None else tokens
        self._key = (tenant, connection.id, connection.version)

    async def call(
        self, method: str, path: str, body: Any = None, *, none: tuple[int, ...] = (), **query: str | int
    ) -> tuple[Any, Mapping[str, str]]:
        """The answer's JSON, None where there is none or the status is one of `none`; and its headers."""
        url = f"{self._root}{path}" + (f"?{urlencode(query, quote_via=quote)}" if query else "")
        headers = {"accept": "application/json", "user-agent": "itsm-sync", "authorization": await self._authorization()}
        content = b""
        if body is not None:
            content, headers["content-type"] = orjson.dumps(body), "application/json"
        answer = self._reached(await self._outbound.send(method, url, headers, content))
        if answer.status in none:
            return None, answer.headers
        if not 200 <= answer.status < 300:
            self._fail(answer)
        if not answer.body:
            return None, answer.headers
        if len(answer.body) >= LIMITS.body_bytes:
            raise Trouble(f"what {self._host} answers is too large")
        try:
            return orjson.loads(answer.body), answer.headers
        except orjson.JSONDecodeError:
            raise Trouble(f"what {self._host} answers is no JSON; is the address that of the system itself?") from None

    @property
    def _host(self) -> str:
        return self._root.partition("://")[2].partition("/")[0]

    def _reached(self, answer: Answer | Failure) -> Answer:
        if isinstance(answer, Failure):
            raise Trouble(f"{self._host} cannot be reached: {answer.why}", lasting=answer.refused)
        return answer

    def _fail(self, answer: Answer) -> None:
        status = answer.status
        try:
            said = self._explain(orjson.loads(answer.body)) if answer.body else ""
        except (orjson.JSONDecodeError, AttributeError, TypeError):  # a page for people, or of something in between
            said = ""
        if status == 401:
            self._tokens.pop(self._key, None)
            raise Trouble(f"{self._host} does not take the credentials", status=status, lasting=True)
        if status == 429 or status == 503:
            raise Trouble(f"{self._host} wants us to come later", status=status, after=_wish(answer.headers))
        if status in _SAYS_NO:
            said = "".join(letter for letter in " ".join(said.split()) if letter.isprintable())[:500]
            raise Refused(f"answered {status}: {said}" if said else f"answered {status}")
        if 300 <= status < 400:
            raise Trouble(f"{self._host} leads elsewhere, and redirects are not followed", status=status, lasting=True)
        raise Trouble(f"{self._host} answered {status}", status=status)

    async def _authorization(self) -> str:
        connection = self._connection
        match connection.auth:
            case Auth.BASIC:
                return f"Basic {base64.b64encode(f'{connection.username}:{self._secret}'.encode()).decode()}"
            case Auth.BEARER:
                return f"Bearer {self._secret}"
            case Auth.OAUTH:
                return f"Bearer {await self._token()}"

    async def _token(self) -> str:
        known = self._tokens.get(self._key)
        if known is not None and datetime.now(UTC) < known[0]:
            return known[1]
        form = {"grant_type": "client_credentials", "client_id": self._connection.username, "client_secret": self._secret}
        headers = {"accept": "application/json", "content-type": "application/x-www-form-urlencoded"}
        url = f"{self._root}/oauth_token.do"
        answer = self._reached(await self._outbound.send("POST", url, headers, urlencode(form).encode()))
        if answer.status in (400, 401, 403):
            raise Trouble(f"{self._host} gives this client no token", status=answer.status, lasting=True)
        if answer.status != 200:
            self._fail(answer)
        try:
            said = orjson.loads(answer.body)
            token, life = str(said["access_token"]), timedelta(seconds=min(int(said["expires_in"]), _LONGEST_LIFE))
        except ODD:
            raise Trouble(f"{self._host} answers no token that can be read") from None
        self._tokens[self._key] = (datetime.now(UTC) + life - _EARLY, token)
        return token


def understood(adapter: _Adapter) -> _Adapter:
    """Has an answer that is not as documented be a failure like any other: of one ticket `Refused`, of all `Trouble`.

    What becomes of a ticket that was asked to be made is unknown then, so that is `Trouble`, too.
    """
    for name, method in list(vars(adapter).items()):
        if name.startswith("_"):
            continue
        if inspect.isasyncgenfunction(method):
            setattr(adapter, name, _careful_generator(method))
        elif inspect.iscoroutinefunction(method):
            setattr(adapter, name, _careful(method, Refused if name in _OF_A_TICKET else Trouble))
    return adapter


def unlike(odd: Exception) -> str:
    """That something is not as documented, in words for people."""
    return f"what it answers is not as documented: {type(odd).__name__}: {odd}"[:200]


def _careful(method: Callable[..., Any], failure: type[Exception]) -> Callable[..., Any]:
    @functools.wraps(method)
    async def careful(*args: Any, **more: Any) -> Any:
        try:
            return await method(*args, **more)
        except ODD as odd:
            raise failure(unlike(odd)) from odd

    return careful


def _careful_generator(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    async def careful(*args: Any, **more: Any) -> Any:
        try:
            async for each in method(*args, **more):
                yield each
        except ODD as odd:
            raise Trouble(unlike(odd)) from odd

    return careful


def _wish(headers: Mapping[str, str]) -> timedelta | None:
    """What `Retry-After` asks for, in seconds or as an instant; an hour at most."""
    told = headers.get("retry-after", "").strip()
    if told.isascii() and told.isdigit() and len(told) < 9:
        return min(timedelta(seconds=int(told)), _LONGEST_WISH)
    try:
        instant = parsedate_to_datetime(told)
    except (ValueError, OverflowError):  # absent, or numbers that no date can hold
        return None
    instant = instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
    return min(max(instant - datetime.now(UTC), timedelta(0)), _LONGEST_WISH)
