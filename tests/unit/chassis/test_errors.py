"""What is told of an error over a real connection."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty

from chassis.errors import STATUS_KEY, Error, Invalid, NotFound, Unavailable, from_rpc, to_status
from chassis.rpc import connect

_METHOD = "/itsm.test.v1.TestService/Fail"


class Failing(grpc.GenericRpcHandler):  # type: ignore[misc]
    """A server whose every call fails with `error`."""

    error: Error
    port = 0

    def service(self, details: Any) -> Any:
        if details.method != _METHOD:
            return None
        return grpc.unary_unary_rpc_method_handler(self._fail, Empty.FromString, Empty.SerializeToString)

    async def _fail(self, _request: Empty, context: Any) -> None:
        status = to_status(self.error)
        details = ((STATUS_KEY, status.SerializeToString()),)
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, status.message, details)


@pytest.fixture
async def failing() -> AsyncIterator[Failing]:
    handler = Failing()
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((handler,))
    handler.port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield handler
    await server.stop(0)


async def _failure(port: int) -> Error:
    async with connect(f"127.0.0.1:{port}") as channel:
        method = channel.unary_unary(_METHOD, Empty.SerializeToString, Empty.FromString)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await method(Empty(), timeout=5)
        return from_rpc(caught.value)


async def test_an_error_with_hundreds_of_violations_arrives_as_what_it_is(failing: Failing) -> None:
    failing.error = Invalid({f"incidents[{number}].title": "is required, with a known value" for number in range(500)})
    error = await _failure(failing.port)
    assert isinstance(error, Invalid)
    assert error.violations["incidents[0].title"] == "is required, with a known value"
    assert 10 < len(error.violations) < 500
    assert "more" in error.violations[""]


@pytest.mark.parametrize("letter", ["x", "é", "\N{PILE OF POO}"])
async def test_an_error_that_repeats_a_huge_input_arrives_as_what_it_is(failing: Failing, letter: str) -> None:
    for error in (NotFound("incident", letter * 60_000), Invalid({letter * 9_000: letter * 9_000})):
        failing.error = error
        assert type(await _failure(failing.port)) is type(error)


async def test_small_errors_arrive_whole(failing: Failing) -> None:
    failing.error = NotFound("incident", "inc_7")
    error = await _failure(failing.port)
    assert (error.message, error.facts) == ("there is no incident inc_7", {"kind": "incident", "id": "inc_7"})


async def test_a_service_that_is_away_is_told_without_its_address() -> None:
    error = await _failure(1)
    assert isinstance(error, Unavailable)
    assert "127.0.0.1" not in error.message
