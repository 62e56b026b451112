"""What surrounds each call, over a real connection."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from itsm.auth import v1 as pb

from chassis import context as ctx
from chassis.auth import Policy, Principal
from chassis.rpc import DRY_RUN_KEY, Edge, connect
from chassis.telemetry import Metrics
from tests.support.eventually import eventually

SERVICE = "itsm.auth.v1.PolicyService"


class Anybody:
    """A guard that knows everybody and lets them do everything that needs no permission."""

    async def verify(self, token: str, tenant_hint: str = "") -> Principal:
        return Principal(
            subject=token, kind="user", tenant=tenant_hint or "main", roles=frozenset(), expires_at=2**40, issuer="test"
        )

    def policy(self) -> Policy:
        return Policy(1, {})


class Hanging(pb.PolicyServiceServicer):
    """Answers when nobody waits any more."""

    async def GetPolicy(self, request: pb.GetPolicyRequest, context: Any) -> pb.Policy:
        await asyncio.sleep(60)
        return pb.Policy()


class Served:
    """An edge and a channel to what is behind it."""

    channel: grpc.aio.Channel

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.edge = Edge(Anybody(), [SERVICE], self.metrics)

    def counted(self, code: str) -> float:
        samples = (sample for metric in self.metrics.grpc_server_duration.collect() for sample in metric.samples)
        return sum(sample.value for sample in samples if sample.name.endswith("_count") and sample.labels["grpc_code"] == code)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    made = Served()
    server = grpc.aio.server(interceptors=[made.edge])
    pb.add_PolicyServiceServicer_to_server(Hanging(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with connect(f"127.0.0.1:{port}") as made.channel:
        yield made
    await server.stop(0)


async def test_a_call_whose_client_has_left_is_counted_as_that(served: Served) -> None:
    call = pb.PolicyServiceStub(served.channel).GetPolicy(pb.GetPolicyRequest(), timeout=5)
    await asyncio.sleep(0.2)
    call.cancel()
    await eventually(lambda: served.counted("CANCELLED") == 1)
    assert served.counted("OK") == 0


async def test_a_call_that_takes_too_long_is_told_so(served: Served) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await pb.PolicyServiceStub(served.channel).GetPolicy(pb.GetPolicyRequest(), timeout=0.2)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_calls_of_methods_that_do_not_exist_leave_nothing_behind(served: Served) -> None:
    for number in range(20):
        method = served.channel.unary_unary(f"/{SERVICE}/Nonsense{number}")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await method(b"", timeout=5)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert not [name for name in served.edge._wrapped if "Nonsense" in name]


class Telling(pb.PolicyServiceServicer):
    """Tells what it knows of its caller."""

    async def GetPolicy(self, request: pb.GetPolicyRequest, context: Any) -> pb.Policy:
        return pb.Policy(version=2 if ctx.current().dry_run else 1)


@pytest.mark.parametrize(("said", "told"), [("true", 2), ("false", 1), ("", 1)])
async def test_a_dry_run_is_known_to_the_use_case_and_told_to_the_caller(said: str, told: int) -> None:
    server = grpc.aio.server(interceptors=[Edge(Anybody(), [SERVICE], Metrics())])
    pb.add_PolicyServiceServicer_to_server(Telling(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with connect(f"127.0.0.1:{port}") as channel:
        metadata = (("authorization", "Bearer somebody"), (DRY_RUN_KEY, said))
        call = pb.PolicyServiceStub(channel).GetPolicy(pb.GetPolicyRequest(), timeout=5, metadata=metadata)
        assert (await call).version == told
        assert dict(await call.trailing_metadata()).get(DRY_RUN_KEY) == ("true" if told == 2 else None)
    await server.stop(0)
