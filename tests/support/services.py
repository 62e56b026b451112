"""A service under test, and how its listeners are asked."""

import asyncio
import subprocess
import sys
from contextlib import suppress

import grpc
import httpx

from chassis.service import Service
from chassis.settings import Settings


def a_service(name: str = "sample", **settings: object) -> Service:
    return Service(name, Settings(**{"drain_seconds": 0, "stop_grace_seconds": 2, "otlp_endpoint": "", **settings}))


class Echo:
    """A servicer written by hand, so that this test needs no proto: it answers after `seconds`, and tells of its end."""

    def __init__(self, seconds: float = 0) -> None:
        self.seconds = seconds
        self.entered = asyncio.Event()
        self.cleaned_up = False

    async def call(self, request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        self.entered.set()
        try:
            await asyncio.sleep(self.seconds)
            return request
        finally:
            await asyncio.sleep(0.05)
            self.cleaned_up = True


def add_echo(servicer: Echo, server: grpc.aio.Server) -> None:
    handler = grpc.unary_unary_rpc_method_handler(servicer.call)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", {"Call": handler}),))


async def get(service: Service, path: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.get(f"http://{service.management_address}{path}", headers=headers)


async def raw(service: Service, request: bytes, *, half_close: bool = False) -> bytes:
    host, port = service.management_address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    with suppress(ConnectionError):
        writer.write(request)
        if half_close:
            writer.write_eof()
        await writer.drain()
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer


def python(source: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", source, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # noqa: S603 - ours
