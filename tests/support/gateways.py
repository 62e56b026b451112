"""More gateways beside that of the stack, as replicas or with settings of their own, and a plain TCP balancer before them."""

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx

from stack.front import balancing
from stack.ports import HIGHEST, LOWEST, is_free

_STARTS = 120.0


def free_port() -> int:
    """A port that nobody listens on, below those that the system gives away itself."""
    while True:
        port = random.randint(LOWEST, HIGHEST)  # noqa: S311 - no secret, only a place
        if is_free(port):
            return port


@dataclass(frozen=True, slots=True)
class Replica:
    """One more process of the gateway."""

    url: str
    process: asyncio.subprocess.Process

    async def kill(self) -> None:
        """Ends it without a word."""
        self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def gateway(backing: dict[str, Any], **settings: str) -> AsyncIterator[str]:
    """The address of one more gateway on the same services; events are left to that of the stack."""
    async with replica(backing, **{"ITSM_KAFKA_BOOTSTRAP": "", **settings}) as one:
        yield one.url


@asynccontextmanager
async def replica(backing: dict[str, Any], *, port: int = 0, **settings: str) -> AsyncIterator[Replica]:
    """One more gateway that does all that the first one does."""
    port = port or free_port()
    own = {
        "ITSM_LISTEN": f"127.0.0.1:{port}",
        "ITSM_MANAGEMENT_LISTEN": "127.0.0.1:0",
        "ITSM_GRPC_LISTEN": "127.0.0.1:0",
        "ITSM_MAIL_LISTEN": "",
        "ITSM_RATE_REPLICAS": "1",
        **settings,
    }
    environment = {**os.environ, **backing["service_environment"]["gateway"], **own}
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "services.gateway", env=environment)
    try:
        url = f"http://127.0.0.1:{port}"
        async with asyncio.timeout(_STARTS), httpx.AsyncClient(trust_env=False) as http:
            while not await _answers(http, url):
                assert process.returncode is None, "the gateway ended at once"
                await asyncio.sleep(0.1)
        yield Replica(url, process)
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _answers(http: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await http.get(f"{url}/api/v1/openapi.json")).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


@asynccontextmanager
async def balancer(urls: Sequence[str]) -> AsyncIterator[str]:
    """A balancer that knows nothing of HTTP: each connection goes to the next address."""
    targets = [f"{httpx.URL(url).host}:{httpx.URL(url).port}" for url in urls]
    async with balancing("127.0.0.1:0", targets) as port:
        yield f"http://127.0.0.1:{port}"
