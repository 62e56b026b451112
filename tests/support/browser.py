"""A person's browser, as far as signing in needs one: cookies, redirects, the pages of the real Keycloak. No JavaScript.

Cookies are kept by hand, because ours and Keycloak's are `Secure` and the stack speaks plain HTTP on the loopback.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookies import SimpleCookie
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from tests.support.signin import walk

CSRF = {"x-itsm-csrf": "1"}


class Browser:
    """One person at one gateway. `cookies` are those that the gateway has set, by name."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.cookies: dict[str, str] = {}
        self.set_cookies: list[str] = []
        self._http = httpx.AsyncClient(base_url=url, timeout=20, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def request(self, method: str, address: str, **options: Any) -> httpx.Response:
        """A request with the cookies of the gateway; keeps those that the answer sets."""
        headers = options.pop("headers", {})
        if self.cookies:
            headers = headers | self._cookie()
        response = await self._http.request(method, address, headers=headers, **options)
        for line in response.headers.get_list("set-cookie"):
            self.set_cookies.append(line)
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
                if morsel["max-age"] == "0":
                    del self.cookies[name]
        return response

    def _cookie(self) -> dict[str, str]:
        return {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}

    async def write(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """A write below `/api/v1`, as our own pages send it."""
        given = CSRF | {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.request(method, f"/api/v1/{path}", json={} if body is None else body, headers=given)

    async def read(self, path: str, **query: str | int) -> Any:
        """The JSON below `/api/v1`. Raises `httpx.HTTPStatusError`."""
        response = await self.request("GET", f"/api/v1/{path}", params=query)
        response.raise_for_status()
        return response.json()

    async def sign_in(self, username: str, password: str, *, back_to: str = "/") -> httpx.Response:
        """From the gateway to Keycloak's page and back; returns where the gateway sends the person in the end."""
        started = await self.request("GET", "/auth/login", params={"next": back_to})
        assert started.status_code == httpx.codes.FOUND, started.text
        async with httpx.AsyncClient(timeout=20, trust_env=False) as keycloak:
            fields = {"username": username, "password": password}
            location = urlsplit(await walk(keycloak, started.headers["location"], fields))
        return await self.request("GET", f"{location.path}?{location.query}")

    @asynccontextmanager
    async def events(self, **query: str) -> AsyncIterator["Events"]:
        """The live stream."""
        headers = {
            "accept": "text/event-stream",
            "cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
        }
        async with self._http.stream("GET", "/api/v1/stream", params=query, headers=headers) as response:
            assert response.status_code == httpx.codes.OK, (await response.aread()).decode()
            yield Events(response)


class Events:
    """What a stream brings, as pairs of event name and data."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def until(self, wanted: str, within: float = 15) -> tuple[str, Any]:
        """The first event whose data holds this text. Raises `TimeoutError`."""
        async with asyncio.timeout(within):
            name, data = "message", ""
            async for line in self._lines:
                field, _, value = line.partition(":")
                if field == "event":
                    name = value.strip()
                elif field == "data":
                    data += value.removeprefix(" ")
                elif not line:
                    if wanted in data:
                        return name, json.loads(data)
                    name, data = "message", ""
        raise TimeoutError("the stream ended")
