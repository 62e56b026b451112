"""TLS between services: certificates from a folder, taken up anew when its files change, and who may call at all.

The folder is that of a Kubernetes Secret: `tls.crt`, `tls.key`, and `ca.crt` of the authority that both sides believe. A server
looks at the files at each new connection. A client's channel keeps the certificate, and the authority, that it was made with
(grpc/grpc#15735), so a channel is replaced by another; the old one ends when its calls have.

Fails: `OSError` at the start when a file is missing; later a folder that cannot be read leaves the last certificate in use.
A caller whose certificate has none of the expected names gets `PERMISSION_DENIED`, one without a certificate no connection.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import grpc

LOOK_SECONDS = 5.0
_HEALTH = "/grpc.health.v1.Health/"
_GRACE_SECONDS = 60.0  # longer than any call may take

_log = logging.getLogger(__name__)


class Certificate:
    """What lies in the folder, as last read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._looked = time.monotonic()
        self._files = self._read()

    @property
    def files(self) -> tuple[bytes, bytes, bytes]:
        """All of it, to be compared."""
        return self._files

    @property
    def chain(self) -> bytes:
        """Our certificate and what leads from it to the authority."""
        return self._files[0]

    @property
    def key(self) -> bytes:
        """Its private key."""
        return self._files[1]

    @property
    def authority(self) -> bytes:
        """Whom both sides believe."""
        return self._files[2]

    def renewed(self, every: float = 0.0) -> bool:
        """Reads the files again, unless they were looked at less than `every` seconds ago; whether they have changed."""
        now = time.monotonic()
        if now - self._looked < every:
            return False
        self._looked = now
        try:
            found = self._read()
        except OSError:
            _log.exception("The certificate cannot be read; the last one stays in use.")
            return False
        if found == self._files:
            return False
        self._files = found
        return True

    def _read(self) -> tuple[bytes, bytes, bytes]:
        chain, key, authority = (self._folder.joinpath(name).read_bytes() for name in ("tls.crt", "tls.key", "ca.crt"))
        return chain, key, authority


def server_credentials(folder: Path, *, require_clients: bool) -> grpc.ServerCredentials:
    """Of a server that takes up a renewed certificate at the next connection."""
    certificate = Certificate(folder)

    def configuration() -> grpc.ServerCertificateConfiguration:
        return grpc.ssl_server_certificate_configuration(
            [(certificate.key, certificate.chain)], root_certificates=certificate.authority
        )

    def renewed() -> grpc.ServerCertificateConfiguration | None:
        return configuration() if certificate.renewed() else None

    return grpc.dynamic_ssl_server_credentials(configuration(), renewed, require_client_authentication=require_clients)


class Callers(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Lets in whose certificate has one of `names`: a URI, a DNS name or the common name."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = {name.encode() for name in names}
        self._wrapped: dict[str, Any] = {}

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], details: Any) -> Any:
        """Wraps a handler once and keeps it."""
        wrapped = self._wrapped.get(details.method)
        if wrapped is None:
            handler = await continuation(details)
            if handler is None:
                return None  # anybody may ask for names that do not exist: none of them is kept
            # A channel asks for health before it carries a call: refused there, the caller would never hear why.
            guarded = handler if details.method.startswith(_HEALTH) else self._guarded(handler)
            wrapped = self._wrapped[details.method] = guarded
        return wrapped

    def _guarded(self, handler: Any) -> Any:
        inner = handler.unary_unary
        if inner is None:
            raise TypeError("no RPC of ours is a stream")

        async def answer(request: Any, context: Any) -> Any:
            await self._admit(context)
            return await inner(request, context)

        return grpc.unary_unary_rpc_method_handler(answer, handler.request_deserializer, handler.response_serializer)

    async def _admit(self, context: Any) -> None:
        shown = context.auth_context()
        names = {*shown.get("x509_subject_alternative_name", ()), *shown.get("x509_common_name", ())}
        if names.isdisjoint(self._names):
            _log.warning("Caller refused.", extra={"names": sorted(name.decode(errors="replace") for name in names)})
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "this certificate may not call here")


class RenewedChannel:
    """A channel whose certificate is renewed: what generated stubs and our callers use of one."""

    def __init__(self, target: str, certificate: Certificate, options: Sequence[tuple[str, Any]]) -> None:
        self._target, self._certificate, self._options = target, certificate, options
        self._channel = self._connect()
        self._made_with = certificate.files
        self._closing: set[asyncio.Task[None]] = set()

    def unary_unary(self, *arguments: Any, **options: Any) -> Callable[..., Any]:
        """As of a channel; each call goes out through the channel of its time."""
        made: tuple[grpc.aio.Channel | None, Any] = (None, None)

        def call(*call_arguments: Any, **call_options: Any) -> Any:
            nonlocal made
            channel = self._current()
            if made[0] is not channel:
                made = (channel, channel.unary_unary(*arguments, **options))
            return made[1](*call_arguments, **call_options)

        return call

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """As of a channel."""
        return self._current().get_state(try_to_connect)

    async def channel_ready(self) -> None:
        """As of a channel."""
        await self._current().channel_ready()

    async def close(self, grace: float | None = None) -> None:
        """Ends it, and those that it has replaced."""
        for closing in self._closing:
            closing.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)
        await self._channel.close(grace)

    def _current(self) -> grpc.aio.Channel:
        self._certificate.renewed(LOOK_SECONDS)
        if self._certificate.files != self._made_with:  # several channels share the certificate: each sees to itself
            old, self._channel, self._made_with = self._channel, self._connect(), self._certificate.files
            closing = asyncio.ensure_future(old.close(_GRACE_SECONDS))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
        return self._channel

    def _connect(self) -> grpc.aio.Channel:
        certificate = self._certificate
        credentials = grpc.ssl_channel_credentials(certificate.authority, certificate.key, certificate.chain)
        return grpc.aio.secure_channel(self._target, credentials, options=self._options)
