"""The services behind the gateway: one channel each, kept, and every RPC of it as a function.

Fails with what the service raised, with `Unavailable` when it cannot be reached or has no address, `DeadlinePassed` when
it is too slow.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import grpc
from google.protobuf.message import Message

from chassis.errors import Unavailable, from_rpc
from chassis.rpc import Channels, Method

Metadata = Sequence[tuple[str, str]]


class Call(Protocol):
    """How a request reaches the service that answers it."""

    async def __call__(self, service: str, method: Method, request: Message, *, metadata: Metadata, timeout: float) -> Message:
        """The answer of `method` of `service` (`itsm.incident.v1.IncidentService`) within `timeout` seconds."""


class Upstream:
    """`Call` over gRPC. `targets` says where each proto package (`itsm.incident.v1`) is served."""

    def __init__(self, channels: Channels, targets: Mapping[str, str]) -> None:
        self._channels, self._targets = channels, targets
        self._stubs: dict[str, Any] = {}

    async def __call__(self, service: str, method: Method, request: Message, *, metadata: Metadata, timeout: float) -> Message:
        """See `Call`."""
        stub = self._stubs.get(method.path) or self._stub(service, method)
        try:
            answer: Message = await stub(request, metadata=metadata, timeout=timeout)
        except grpc.aio.AioRpcError as failure:
            raise from_rpc(failure) from failure
        return answer

    def _stub(self, service: str, method: Method) -> Any:
        package = service.rpartition(".")[0]
        target = self._targets.get(package)
        if target is None:
            raise Unavailable(f"this installation runs no {package}")
        stub = self._channels.to(target).unary_unary(
            method.path,
            request_serializer=method.request.SerializeToString,
            response_deserializer=method.response.FromString,
        )
        return self._stubs.setdefault(method.path, stub)
