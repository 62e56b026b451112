"""The token of this process itself, for work that no person asked for: timers, consumers, start-up.

Fails: `Unavailable` when Keycloak does not answer and no earlier token is left, or when it refuses the account.
"""

import asyncio
import logging
import time
from collections.abc import Callable

import httpx

from chassis.errors import Unavailable

_USED_PART = 0.8
_MARGIN = 5.0
_PATIENCE = 5.0
_RETRY_AFTER = 2.0

_log = logging.getLogger(__name__)


class ServiceAccount:
    """Takes tokens by client credentials; each is used for 80 % of its life, and longer while Keycloak is away."""

    def __init__(
        self,
        token_url: str,
        client_id: str,
        client_secret: str,
        http: httpx.AsyncClient,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = token_url
        self._credentials = (client_id, client_secret)
        self._http = http
        self._monotonic = monotonic
        self._token = ""
        self._renew_at = self._end_at = float("-inf")
        self._failures = 0
        self._lock = asyncio.Lock()

    async def token(self) -> str:
        """A token that is valid now. Concurrent callers share one request, and its failure. Raises `Unavailable`."""
        now = self._monotonic()
        if now < self._renew_at or (now < self._end_at and self._lock.locked()):
            return self._token
        failures = self._failures
        async with self._lock:
            if self._monotonic() >= self._renew_at:
                if failures != self._failures:
                    # Asked and refused while this one waited: a silent Keycloak would else keep each for its own patience.
                    raise Unavailable("the service account got no token", reason="SERVICE_ACCOUNT")
                await self._renew()
        return self._token

    async def _renew(self) -> None:
        try:
            answer = await self._http.post(
                self._url, auth=self._credentials, data={"grant_type": "client_credentials"}, timeout=_PATIENCE
            )
            answer.raise_for_status()
            body = answer.json()
            token, life = str(body["access_token"]), float(body["expires_in"])
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as problem:
            now = self._monotonic()
            _log.warning("Service account got no token.", extra={"client": self._credentials[0], "problem": _told(problem)})
            if now >= self._end_at:
                self._failures += 1
                raise Unavailable("the service account got no token", reason="SERVICE_ACCOUNT") from problem
            self._renew_at = now + _RETRY_AFTER
            return
        now = self._monotonic()
        self._token = token
        self._renew_at = now + life * _USED_PART
        self._end_at = now + life - _MARGIN


def _told(problem: Exception) -> str:
    """The status alone where there is one: an answer's text may repeat what was sent."""
    return f"status {problem.response.status_code}" if isinstance(problem, httpx.HTTPStatusError) else type(problem).__name__
