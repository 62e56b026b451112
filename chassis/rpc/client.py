"""How one service calls another: channels that spread over replicas, deadlines, the caller's token, errors of the tree.

Fails with whatever the callee raised, `Unavailable` when it cannot be reached, `DeadlinePassed` when it is too slow.
"""

import json
from collections.abc import Sequence
from typing import Any

import grpc
from google.protobuf.message import Message

from chassis import context as ctx
from chassis import telemetry
from chassis.errors import from_rpc

DEADLINE = 10.0  # seconds, where the caller names none

CHANNEL_OPTIONS: Sequence[tuple[str, Any]] = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),  # by default a service that was away for minutes stays lost for two more
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.dns_min_time_between_resolutions_ms", 10_000),
    ("grpc.max_receive_message_length", 16 << 20),
    ("grpc.enable_retries", 0),
    (
        "grpc.service_config",
        json.dumps({"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": ""}}),
    ),
)


def connect(target: str, credentials: grpc.ChannelCredentials | None = None) -> grpc.aio.Channel:
    """A channel to a service; made once a process and kept."""
    if credentials is not None:
        return grpc.aio.secure_channel(target, credentials, options=CHANNEL_OPTIONS)
    return grpc.aio.insecure_channel(target, options=CHANNEL_OPTIONS)


class Channels:
    """The channels of one process, each made at its first use: a channel belongs to the loop that runs then."""

    def __init__(self) -> None:
        self._channels: dict[str, grpc.aio.Channel] = {}

    def to(self, target: str) -> grpc.aio.Channel:
        """The channel to a service, kept until `close`."""
        channel = self._channels.get(target)
        if channel is None:
            channel = self._channels[target] = connect(target)
        return channel

    async def close(self) -> None:
        """Ends them all."""
        for channel in self._channels.values():
            await channel.close()


async def call(method: Any, request: Message, *, token: str = "", tenant: str = "", timeout: float = DEADLINE) -> Any:
    """Calls a stub's method as the current caller, or with the token and tenant of a service account."""
    context = ctx.current_or_none()
    metadata: dict[str, str] = {}
    if bearer := token or (context.token if context else ""):
        metadata["authorization"] = f"Bearer {bearer}"
    if tenant:
        metadata["x-itsm-tenant"] = tenant
    if context and context.correlation_id:
        metadata["x-request-id"] = context.correlation_id
    telemetry.inject(metadata)
    try:
        return await method(request, metadata=tuple(metadata.items()), timeout=timeout)
    except grpc.aio.AioRpcError as failure:
        raise from_rpc(failure) from failure
