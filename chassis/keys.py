"""The public keys of an issuer, fetched once and kept fresh: last good keys outlive a failing issuer by a day.

Only asymmetric signing keys are taken; a key that could verify a symmetric signature never enters the set.

Fails: `Unavailable` when no keys were ever fetched, or the last ones are older than a day; `Unauthenticated` for a key id
that the issuer does not publish. A bad answer (HTML, too large, empty, slow, a redirect) keeps the last good keys and
is logged.
"""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from joserfc import jwk
from joserfc.errors import JoseError
from prometheus_client import Counter

from chassis.errors import Unauthenticated, Unavailable

ALGORITHMS = frozenset({"RS256", "PS256", "ES256", "EdDSA", "Ed25519"})
"""What a signature may be made with. `Ed25519` is what RFC 9864 calls `EdDSA` over that curve."""

REFRESH_AFTER = 45.0
USABLE_FOR = 24 * 3600.0
UNKNOWN_EVERY = 30.0
_RETRY_AFTER = 1.0
_LOOK_EVERY = 5.0
_PATIENCE = 3.0
_MAX_BYTES = 256 * 1024
_MIN_RSA_BITS = 2048

_log = logging.getLogger(__name__)


class _BadAnswer(Exception):
    """What came is not a set of keys."""


class Keys:
    """The signing keys of one issuer, by key id.

    `url` is its JWKS address. Keys are refreshed in the background once they are 45 s old and stay usable for 24 h after the
    last good answer. An unknown key id leads to one fetch at most every 30 s, shared by all who wait for it. `load` replaces
    the download, for the issuer itself; `document` is the last good answer; `refreshes` counts by its label `outcome`:
    `done`, `failed`.
    """

    def __init__(
        self,
        url: str,
        http: httpx.AsyncClient,
        *,
        load: Callable[[], Awaitable[Any]] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        refreshes: Counter | None = None,
    ) -> None:
        self.url = url
        self._http = http
        self._load = load or self._download
        self._monotonic = monotonic
        self._refreshes = refreshes
        self._keys: dict[str, jwk.Key] = {}
        self.document: Any = None
        self._good_at = float("-inf")
        self._tried_at = float("-inf")
        self._unknown_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    async def get(self, kid: str) -> jwk.Key:
        """The key with this id. Raises `Unauthenticated` when the issuer has none such, `Unavailable` without usable keys."""
        now = self._monotonic()
        if now - self._good_at >= USABLE_FOR:
            await self._must_refresh(now)
        elif now - self._good_at >= REFRESH_AFTER and now - self._tried_at >= _RETRY_AFTER:
            self._refresh()
        key = self._keys.get(kid)
        if key is None:
            key = await self._unknown(kid, now)
        return key

    @property
    def age(self) -> float:
        """Seconds since the last good answer; endless before the first."""
        return self._monotonic() - self._good_at

    def remember(self, document: Any, age: float) -> None:
        """Begins with an answer that this process, or the one before, was given `age` seconds ago."""
        if self._keys or not 0 <= age < USABLE_FOR:
            return
        try:
            self._keys = usable_keys(document)
        except _BadAnswer as problem:
            _log.warning("Remembered keys are of no use.", extra={"url": self.url, "problem": str(problem)})
            return
        self._good_at = self._monotonic() - age

    async def fetch(self) -> None:
        """Asks for the keys once; what goes wrong is logged, and asked again when a token is there."""
        await asyncio.shield(self._refresh())

    async def keep(self) -> None:
        """Has the keys at hand before anybody needs them, until canceled: what is valid then works while its issuer is away."""
        while True:
            if self._monotonic() - self._good_at >= REFRESH_AFTER:
                await asyncio.shield(self._refresh())
            await asyncio.sleep(_LOOK_EVERY)

    async def aclose(self) -> None:
        """Ends a running fetch."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    async def _must_refresh(self, now: float) -> None:
        if self._fetching is not None or now - self._tried_at >= _RETRY_AFTER:
            await asyncio.shield(self._refresh())
        if self._monotonic() - self._good_at >= USABLE_FOR:
            raise Unavailable("the keys that verify tokens cannot be fetched", reason="KEYS_UNAVAILABLE")

    async def _unknown(self, kid: str, now: float) -> jwk.Key:
        if self._fetching is None and now - self._unknown_at >= UNKNOWN_EVERY:
            self._unknown_at = now
            self._refresh()
        if self._fetching is not None:
            await asyncio.shield(self._fetching)
        key = self._keys.get(kid)
        if key is None:
            raise Unauthenticated("the token is signed with a key that its issuer does not publish", reason="TOKEN_KEY_UNKNOWN")
        return key

    def _refresh(self) -> asyncio.Task[None]:
        if self._fetching is None:
            self._tried_at = self._monotonic()
            self._fetching = asyncio.create_task(self._fetch())
            self._fetching.add_done_callback(self._fetched)
        return self._fetching

    def _fetched(self, _task: asyncio.Task[None]) -> None:
        self._fetching = None

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                document = await self._load()
                keys = usable_keys(document)
        except (httpx.HTTPError, TimeoutError, Unavailable, _BadAnswer) as problem:
            _log.warning("Keys were not refreshed.", extra={"url": self.url, "problem": str(problem) or type(problem).__name__})
            self._count("failed")
            return
        self._keys, self.document = keys, document
        self._good_at = self._monotonic()
        self._count("done")

    def _count(self, outcome: str) -> None:
        if self._refreshes is not None:
            self._refreshes.labels(outcome).inc()

    async def _download(self) -> Any:
        async with self._http.stream("GET", self.url, follow_redirects=False) as answer:
            if answer.status_code != httpx.codes.OK:
                raise _BadAnswer(f"status {answer.status_code}")
            body = b""
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > _MAX_BYTES:
                    raise _BadAnswer(f"more than {_MAX_BYTES} bytes")
        try:
            return json.loads(body)
        except ValueError as problem:
            raise _BadAnswer("not JSON") from problem


def usable_keys(document: Any) -> dict[str, jwk.Key]:
    """The signing keys in a JWKS document; what is for another use, symmetric or too short is left out.

    Raises when nothing usable is in it, so that an empty answer never replaces good keys.
    """
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise _BadAnswer("no list of keys")
    keys = {entry["kid"]: key for entry in entries if isinstance(entry, dict) and (key := _usable(entry)) is not None}
    if not keys:
        raise _BadAnswer("no usable key")
    return keys


def _usable(entry: dict[str, Any]) -> jwk.Key | None:
    kid, kind = entry.get("kid"), entry.get("kty")
    if not isinstance(kid, str) or not kid or kind not in ("RSA", "EC", "OKP"):
        return None
    if entry.get("use") != "sig" or entry.get("alg", "RS256") not in ALGORITHMS:
        return None
    public = {name: value for name, value in entry.items() if name not in ("x5c", "x5t", "x5t#S256", "key_ops")}
    try:
        key = jwk.import_key(public)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    if isinstance(key, jwk.RSAKey) and key.public_key.key_size < _MIN_RSA_BITS:
        return None
    return None if isinstance(key, jwk.OctKey) else key
