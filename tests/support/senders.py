"""Programs that send alerts to a running platform, as Alertmanager does: with a key, and again what got no answer."""

import asyncio
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx

from tests.support.gateway import Gateway
from tests.support.ingest import ALERTMANAGER, a_notification


class Key:
    """A key for a sender, made as its manager does."""

    def __init__(self, token_id: str, secret: str) -> None:
        self.token_id, self.secret = token_id, secret

    @classmethod
    async def made(cls, manager: Gateway) -> Self:
        token = {"name": f"sender {uuid4().hex[:8]}", "kind": "INTEGRATION", "roles": ["integration"]}
        end = datetime.now(UTC) + timedelta(days=30)
        made = await manager.post("tokens", {**token, "expireTime": end.isoformat()})
        return cls(made["token"]["id"], made["secret"])


class Sender:
    """One process of a cluster of senders."""

    def __init__(self, address: str, secret: str) -> None:
        headers = {"authorization": f"Bearer {secret}"}
        self.http = httpx.AsyncClient(base_url=address, headers=headers, timeout=40, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.http.aclose()

    async def notify(self, *alerts: dict[str, Any], path: str = ALERTMANAGER) -> httpx.Response:
        """One notification, sent once."""
        return await self.http.post(path, json=a_notification(*alerts))

    async def insist(self, *alerts: dict[str, Any]) -> int:
        """One notification, sent until it is acknowledged; says how often that took."""
        attempts = 0
        while True:
            attempts += 1
            try:
                answer = await self.notify(*alerts)
            except httpx.TransportError:
                await asyncio.sleep(0.2)
                continue
            if answer.status_code == httpx.codes.OK:
                return attempts
            if answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                raise AssertionError(f"a sender would give up: {answer.status_code} {answer.text[:500]}")
            await asyncio.sleep(0.2)
