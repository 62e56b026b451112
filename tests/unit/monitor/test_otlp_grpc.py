"""OTLP over gRPC, on a server of our own: the codes that senders act upon."""

from collections.abc import AsyncIterator
from datetime import timedelta

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from grpc_status import rpc_status
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from services.monitor.ingest.otlp_grpc import OtlpServer
from tests.unit.monitor.otlp import gauge, point, request
from tests.unit.monitor.test_sample_door import Site

GOOD = "Bearer iti_good"


class Sender:
    """One that calls the server of a site."""

    def __init__(self, site: Site, stub: MetricsServiceStub) -> None:
        self.site, self.stub = site, stub

    async def export(self, sent: ExportMetricsServiceRequest, authorization: str = GOOD) -> object:
        return await self.stub.Export(sent, metadata=(("authorization", authorization),), timeout=30)


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    site = Site()
    server = OtlpServer("127.0.0.1:0", site.door)
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield Sender(site, MetricsServiceStub(channel))  # type: ignore[no-untyped-call]
    await server.stop()
    await site.client.aclose()


async def test_a_full_success_says_nothing_of_a_partial_one(sender: Sender) -> None:
    answer = await sender.export(request(gauge("load", point(0.5)), host__name="h"))
    assert not answer.HasField("partial_success")  # type: ignore[attr-defined]
    assert await sender.site.kept.values("load") == {"__name__=load,host.name=h": [0.5]}


async def test_what_is_refused_for_good_is_a_partial_success(sender: Sender) -> None:
    answer = await sender.export(request(gauge("load", point(0.5), point(1, 9999)), host__name="h"))
    assert answer.partial_success.rejected_data_points == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("", grpc.StatusCode.UNAUTHENTICATED),
        ("Bearer nothing", grpc.StatusCode.UNAUTHENTICATED),
        ("Bearer iti_reader", grpc.StatusCode.PERMISSION_DENIED),
    ],
)
async def test_a_key_decides(sender: Sender, authorization: str, code: grpc.StatusCode) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await sender.export(request(gauge("load", point(0.5)), host__name="h"), authorization)
    assert refused.value.code() is code


async def test_what_cannot_be_kept_now_says_when_to_come_again(sender: Sender) -> None:
    sender.site.down = True
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await sender.export(request(gauge("load", point(0.5)), host__name="h"))
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    status = rpc_status.from_call(refused.value)
    retry = RetryInfo()
    assert any(detail.Unpack(retry) for detail in status.details if detail.Is(RetryInfo.DESCRIPTOR))
    assert retry.retry_delay.ToTimedelta() >= timedelta(seconds=1)


async def test_a_defect_of_ours_is_sent_again(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(sender.site.kept.backend, "write", broken)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await sender.export(request(gauge("load", point(0.5)), host__name="h"))
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "a defect" not in str(refused.value.details())


async def test_a_request_that_is_too_large_is_never_sent_again(sender: Sender) -> None:
    large = request(gauge("x" * (9 << 20), point(0.5)), host__name="h")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await sender.export(large)
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert rpc_status.from_call(refused.value) is None


async def test_a_request_of_too_many_parts_is_never_sent_again(sender: Sender) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await sender.export(request(*[Metric()] * 20_000, host__name="h"))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "20000" in str(refused.value.details())
