"""The platform as a program outside sees it: REST through the gateway, as one caller."""

from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self

import httpx

TIMEOUT = 15.0  # longer than the gateway gives a service


class Gateway:
    """One caller. `token` is a bearer token of any kind; `cookies` are those of a browser instead."""

    def __init__(self, url: str, token: str = "", cookies: dict[str, str] | None = None) -> None:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        if cookies:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        self.url = url
        self.http = httpx.AsyncClient(base_url=url, headers=headers, timeout=TIMEOUT, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.http.aclose()

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        nonce: str = "",
        key: str = "",
        version: int | str = "",
        **headers: str,
    ) -> httpx.Response:
        """One request to a path below `/api/v1`; `nonce` becomes X-Request-Id, `version` If-Match."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if nonce:
            given["x-request-id"] = nonce
        if key:
            given["idempotency-key"] = key
        if version:
            given["if-match"] = f'"{version}"'
        return await self.http.request(method, f"/api/v1/{path}", json=body, headers=given)

    async def get(self, path: str, **query: str | int) -> Any:
        """The JSON at a path. Raises `httpx.HTTPStatusError` with the problem document in its notes."""
        response = await self.http.get(f"/api/v1/{path}", params=query)
        return answered(response)

    async def post(self, path: str, body: Any = None, *, version: int | str = "", key: str = "") -> Any:
        """The JSON that a write answers with. Raises as `get`."""
        return answered(await self.send("POST", path, {} if body is None else body, version=version, key=key))

    async def pages(self, path: str, name: str, **query: str | int) -> AsyncIterator[dict[str, Any]]:
        """All records of a list."""
        token = ""
        while True:
            page = await self.get(path, pageSize=200, **query, **({"pageToken": token} if token else {}))
            for record in page[name]:
                yield record
            token = page["nextPageToken"]
            if not token:
                return


def answered(response: httpx.Response) -> Any:
    """The JSON of a success."""
    try:
        response.raise_for_status()
    except httpx.HTTPStatusError as error:
        error.add_note(response.text[:1000])
        raise
    return response.json() if response.content else None
