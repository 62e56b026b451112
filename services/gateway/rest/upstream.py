"""The services behind the gateway: one channel each, kept, and every RPC of it as a function.

A service that restarts is waited for a moment, so that nobody outside notices: a read is asked again when the connection
breaks, a write is sent once, when there is a connection.

Fails with what the service raised, with `Unavailable` when it cannot be reached or has no address, `DeadlinePassed` when
it is too slow.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import grpc
from google.protobuf.message import Message

from chassis.errors import NotFound, Unavailable, from_rpc
from chassis.rpc import Channels, Method, connected, repeated

OWN_PACKAGE = "itsm.gateway.v1"
_EVERYWHERE = "itsm.operations.v1"  # served by every service; the request names which one is meant

Metadata = Sequence[tuple[str, str]]


class Call(Protocol):
    """How a request reaches the service that answers it."""

    async def __call__(
        self,
        service: str,
        method: Method,
        request: Message,
        *,
        metadata: Metadata,
        timeout: float,
        trailing: dict[str, Any] | None = None,
    ) -> Message:
        """The answer of `method` of `service` (`itsm.incident.v1.IncidentService`) within `timeout` seconds.

        `trailing` is filled with what the service says of its answer, where somebody asks for it.
        """


class Upstream:
    """`Call` over gRPC. `targets` says where each proto package (`itsm.incident.v1`) is served, `own` where this process
    serves what gateways own, which is known when it listens."""

    def __init__(self, channels: Channels, targets: Mapping[str, str], own: Callable[[], str] | None = None) -> None:
        self._channels, self._targets, self._own = channels, targets, own
        self._stubs: dict[tuple[str, str], Any] = {}

    async def __call__(
        self,
        service: str,
        method: Method,
        request: Message,
        *,
        metadata: Metadata,
        timeout: float,
        trailing: dict[str, Any] | None = None,
    ) -> Message:
        """See `Call`."""
        package = service.rpartition(".")[0]
        if package == _EVERYWHERE:
            owner: Any = request
            package = f"itsm.{owner.service}.v1"
        stub = self._stubs.get((package, method.path)) or self._stub(package, method)

        async def attempt(left: float) -> Message:
            call = stub(request, metadata=metadata, timeout=left)
            answer: Message = await call
            if trailing is not None:
                trailing.update(await call.trailing_metadata() or ())
            return answer

        try:
            if method.safe:
                found: Message = await repeated(attempt, timeout)
                return found
            began = time.monotonic()
            await connected(self._channels.to(self._target(package) or ""), timeout)
            return await attempt(began + timeout - time.monotonic())
        except grpc.aio.AioRpcError as failure:
            raise from_rpc(failure) from failure

    def _stub(self, package: str, method: Method) -> Any:
        target = self._target(package)
        if target is None and method.path.startswith(f"/{_EVERYWHERE}."):
            raise NotFound("service", package.split(".")[1])
        if target is None:
            raise Unavailable(f"this installation runs no {package}")
        stub = self._channels.to(target).unary_unary(
            method.path,
            request_serializer=method.request.SerializeToString,
            response_deserializer=method.response.FromString,
        )
        return self._stubs.setdefault((package, method.path), stub)

    def _target(self, package: str) -> str | None:
        if package == OWN_PACKAGE and package not in self._targets and self._own is not None:
            return self._own()
        return self._targets.get(package)
