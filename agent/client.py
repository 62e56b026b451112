"""What the agent says to the platform, and what the answers mean for whoever has something to deliver.

A delivery ends in one of four ways: it is done; it is to be tried again later (`Later`); it is refused for good
(`Refused`), so that trying again is of no use; or the key is no longer valid (`KeyRejected`).
Redirects are not followed and proxies of the environment not used: the key goes where the settings say.
"""

import gzip
import json
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from agent.times import asked_wait

_TIMEOUT = httpx.Timeout(20, connect=10)
_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
# OTLP/HTTP: everything else, 500 too, must not be sent again.
_METRICS_LATER = frozenset({429, 502, 503, 504})
_FORBIDDEN_WAIT = 300.0
_PAGE = 200
_MANY_PAGES = 50
_CONNECTIONS = httpx.Limits(max_connections=4, max_keepalive_connections=2, keepalive_expiry=60)


class Later(Exception):
    """Not now; `wait` is how many seconds the platform asks for, `None` when it does not say."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class Refused(Exception):
    """Wrong in itself: it will never be taken. `too_large` says that smaller pieces may be."""

    def __init__(self, message: str, *, too_large: bool = False) -> None:
        super().__init__(message)
        self.too_large = too_large


class KeyRejected(Exception):
    """The key is unknown, has ended or was revoked."""


@dataclass(frozen=True, slots=True)
class Enrollment:
    """What enrolling gives. There is no asset yet where the platform cannot tell which one this machine is."""

    agent_id: str
    asset_id: str
    key: str


class Client:
    """Connections to the platform and to where metrics go."""

    def __init__(self, server: str, ingest: str, *, version: str, ca_file: Path | None = None) -> None:
        self._server = server
        self._ingest = ingest
        self._http = httpx.AsyncClient(
            verify=_trust((server, ingest), ca_file),
            timeout=_TIMEOUT,
            limits=_CONNECTIONS,
            trust_env=False,
            follow_redirects=False,
            headers={"user-agent": f"itsm-agent/{version}", "accept": "application/json"},
        )

    async def close(self) -> None:
        """Ends the connections."""
        await self._http.aclose()

    async def enroll(self, enrollment_key: str, body: Mapping[str, Any]) -> Enrollment:
        """Becomes known. The same `installId` again is the same agent, with a new key."""
        told = await self._json("POST", "/api/v1/agents:enroll", enrollment_key, body=body)
        try:
            return Enrollment(str(told["agentId"]), str(told.get("assetId", "")), str(told["key"]))
        except (KeyError, TypeError) as error:
            raise Later("the platform's answer to the enrollment is of another form") from error

    async def report(self, key: str, agent_id: str, body: Mapping[str, Any]) -> tuple[str, bool]:
        """Tells the inventory; gives back the asset that it is about, and whether the platform wants all of it."""
        told = await self._json("POST", f"/api/v1/agents/{quote(agent_id, safe='')}:report", key, body=body)
        return str(told.get("assetId", "")), bool(told.get("full"))

    async def checks(self, key: str) -> list[dict[str, Any]]:
        """The enabled checks of this agent, all pages of them."""
        found: list[dict[str, Any]] = []
        token = ""
        for _ in range(_MANY_PAGES):
            query = {"filter": "enabled = true", "pageSize": str(_PAGE), "pageToken": token}
            page = await self._json("GET", "/api/v1/checks", key, query={name: text for name, text in query.items() if text})
            found += page.get("checks", [])
            token = page.get("nextPageToken", "")
            if not token:
                return found
        raise Later(f"more than {_PAGE * _MANY_PAGES} checks")

    async def report_checks(self, key: str, results: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Tells results, the oldest first; gives back those that were refused, each with `index` and `reason`."""
        told = await self._json("POST", "/api/v1/checks:report", key, body={"results": list(results)})
        refused = told.get("refused", [])
        return refused if isinstance(refused, list) else []

    async def send_metrics(self, key: str, body: bytes) -> None:
        """Sends an `ExportMetricsServiceRequest` as OTLP/HTTP asks for it."""
        headers = {"content-type": "application/x-protobuf", "content-encoding": "gzip", "accept": "application/x-protobuf"}
        packed, url = gzip.compress(body, 5, mtime=0), f"{self._ingest}/v1/metrics"
        await self._send("POST", url, key, later=_METRICS_LATER, content=packed, headers=headers)

    async def _json(
        self, method: str, path: str, key: str, *, body: Any = None, query: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        content = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        headers = {} if content is None else {"content-type": "application/json"}
        response = await self._send(method, self._server + path, key, content=content, headers=headers, params=query)
        try:
            told = response.json() if response.content else {}
        except ValueError as error:
            raise Later(f"{self._server} answers with something that is no JSON; is this the platform?") from error
        if not isinstance(told, dict):
            raise Later(f"{self._server} answers with something of another form")
        return told

    async def _send(self, method: str, url: str, key: str, *, later: frozenset[int] = _LATER, **how: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {key}", **how.pop("headers")}
        try:
            response = await self._http.request(method, url, headers=headers, **how)
        except httpx.TransportError as error:
            raise Later(f"{url} does not answer: {str(error) or type(error).__name__}") from error
        _require_success(response, later)
        return response


def _require_success(response: httpx.Response, later: frozenset[int]) -> None:
    status = response.status_code
    if response.is_success:
        return
    said = f"{response.request.method} {response.request.url.path}: {status} {_detail(response)}".rstrip()
    if status == httpx.codes.UNAUTHORIZED:
        raise KeyRejected(said)
    wait = asked_wait(response.headers.get("retry-after", ""), time.time())
    if status == httpx.codes.FORBIDDEN:
        # Someone may give the permission back; until then there is no use in asking often.
        raise Later(said, wait or _FORBIDDEN_WAIT)
    if status in later or response.is_redirect:
        raise Later(said, wait)
    raise Refused(said, too_large=status == httpx.codes.REQUEST_ENTITY_TOO_LARGE)


def _detail(response: httpx.Response) -> str:
    """What a problem document says, for the log."""
    try:
        told = response.json()
    except ValueError:
        return ""
    return str(told.get("detail") or told.get("title") or "")[:300] if isinstance(told, dict) else ""


def _trust(addresses: Sequence[str], ca_file: Path | None) -> ssl.SSLContext:
    """The system's certificates or those named; none, which costs nothing, where no address is encrypted."""
    if any(address.startswith("https:") for address in addresses):
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
