"""How one service calls another: channels that spread over replicas, deadlines, the caller's token, errors of the tree.

A service that restarts is waited for, `PATIENCE` at most and never beyond the deadline: what may be asked twice is asked
again when the connection breaks, everything else is held back until there is a connection, and then sent once.

Fails with whatever the callee raised, `Unavailable` when it cannot be reached, `DeadlinePassed` when it is too slow.
"""

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import Message

from chassis import context as ctx
from chassis import telemetry
from chassis.errors import STATUS_KEY, from_rpc
from chassis.tls import Certificate, RenewedChannel

DEADLINE = 10.0  # seconds, where the caller names none
PATIENCE = 2.0  # seconds for which a service that cannot be reached is waited for: longer than a channel is in back-off
_PAUSE = 0.05
_LONGEST_PAUSE = 0.8

CHANNEL_OPTIONS: Sequence[tuple[str, Any]] = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),  # by default a service that was away for minutes stays lost for two more
    ("grpc.min_reconnect_backoff_ms", 5_000),  # how long one attempt may take: an address that is gone does not refuse
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.dns_min_time_between_resolutions_ms", 1_000),  # what is started anew elsewhere has another address
    ("grpc.max_receive_message_length", 16 << 20),
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
    """The channels of one process, each made at its first use: a channel belongs to the loop that runs then.

    `certificates` is the folder of chassis/tls.py; without one, calls travel in plain text.
    """

    def __init__(self, certificates: Path | None = None) -> None:
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._certificate = Certificate(certificates) if certificates is not None else None

    def to(self, target: str) -> grpc.aio.Channel:
        """The channel to a service, kept until `close`."""
        channel = self._channels.get(target)
        if channel is None:
            certificate = self._certificate
            made = connect(target) if certificate is None else RenewedChannel(target, certificate, CHANNEL_OPTIONS)
            channel = self._channels[target] = made
        return channel

    async def open(self, targets: Iterable[str], within: float) -> None:
        """Connects before the first call has to: returns when all are connected, at the latest after `within` seconds."""
        end = time.monotonic() + within
        channels = [self.to(target) for target in targets]
        while any(channel.get_state(try_to_connect=True) is not grpc.ChannelConnectivity.READY for channel in channels):
            if time.monotonic() > end:
                return
            await asyncio.sleep(_PAUSE)

    async def close(self) -> None:
        """Ends them all."""
        for channel in self._channels.values():
            await channel.close()


def unreached(failure: grpc.aio.AioRpcError) -> bool:
    """Whether no service has spoken: the connection was refused or broke, and nobody knows what of the call has arrived."""
    if failure.code() is not grpc.StatusCode.UNAVAILABLE:
        return False
    return all(key != STATUS_KEY for key, _ in failure.trailing_metadata() or ())


async def connected(channel: grpc.aio.Channel, within: float) -> None:
    """Returns when the channel has a connection, and after `within` seconds (at most `PATIENCE`) whether it has or not."""
    end = time.monotonic() + min(within, PATIENCE)
    # Looked at, not listened to: a listener that is canceled stays with the channel until its state changes.
    while channel.get_state(try_to_connect=True) is not grpc.ChannelConnectivity.READY:
        if time.monotonic() > end:
            return
        await asyncio.sleep(_PAUSE)


async def repeated(attempt: Callable[[float], Awaitable[Any]], timeout: float) -> Any:
    """The answer of `attempt`, which is given the seconds that are left, and is made again while nobody is reached.

    Patience begins with the first failure: a connection may also break under a call that was long on its way. Pauses grow and
    are drawn by lot, so that all who miss one service are no crowd in step; the last attempt is made when patience ends. Only
    for what may arrive twice. Raises the `AioRpcError` of the last attempt.
    """
    deadline = time.monotonic() + timeout
    end, pause = 0.0, _PAUSE
    while True:
        try:
            return await attempt(deadline - time.monotonic())
        except grpc.aio.AioRpcError as failure:
            now = time.monotonic()
            end = end or min(now + PATIENCE, deadline)
            if not unreached(failure) or now + _PAUSE > end:
                raise
        pause = min(2 * pause, _LONGEST_PAUSE)
        await asyncio.sleep(min(random.uniform(0, pause), end - _PAUSE - now))  # noqa: S311 - no secret


async def call(
    method: Any,
    request: Message,
    *,
    token: str = "",
    tenant: str = "",
    timeout: float = DEADLINE,
    repeatable: bool = False,
    more: Mapping[str, str] | None = None,
) -> Any:
    """Calls a stub's method as the current caller, or with the token and tenant of a service account.

    `repeatable` says that it does no harm when the call arrives twice: it is then made again when the connection breaks.
    `more` is further metadata, such as `idempotency-key`.
    """
    context = ctx.current_or_none()
    metadata: dict[str, str] = {}
    if bearer := token or (context.token if context else ""):
        metadata["authorization"] = f"Bearer {bearer}"
    if tenant:
        metadata["x-itsm-tenant"] = tenant
    if context and context.correlation_id:
        metadata["x-request-id"] = context.correlation_id
    if context and context.dry_run:
        metadata["dry-run"] = "true"
    metadata |= more or {}
    telemetry.inject(metadata)
    pairs = tuple(metadata.items())
    try:
        if repeatable:
            return await repeated(lambda left: method(request, metadata=pairs, timeout=left), timeout)
        return await method(request, metadata=pairs, timeout=timeout)
    except grpc.aio.AioRpcError as failure:
        raise from_rpc(failure) from failure
