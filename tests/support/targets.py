"""Things for checks to look at, on this machine: servers that answer as told, and certificates of any age."""

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LOCALHOST = "127.0.0.1"


@asynccontextmanager
async def listening(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], object], *, port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """A server on a port, which is free again afterwards."""
    server = await asyncio.start_server(serve, LOCALHOST, port, ssl=tls)  # type: ignore[arg-type]
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@asynccontextmanager
async def answering(
    status: int = 200,
    body: bytes = b"all is well",
    *,
    location: str = "",
    delay: float = 0.0,
    port: int = 0,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    """An HTTP server that gives everybody the same answer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(delay)
            more = f"Location: {location}\r\n" if location else ""
            told = f"HTTP/1.1 {status} So\r\nContent-Length: {len(body)}\r\n{more}Connection: close\r\n\r\n"
            writer.write(told.encode() + (b"" if head.startswith(b"HEAD") else body))
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # whoever looked has left
        finally:
            writer.close()

    async with listening(serve, port=port, tls=tls) as bound:
        yield bound


@asynccontextmanager
async def name_server(answers: dict[str, list[str]]) -> AsyncIterator[int]:
    """A DNS server that knows addresses of some names, and that there are no others."""

    class Server(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: object) -> None:
            labels, at = [], 12
            while length := data[at]:
                labels.append(data[at + 1 : at + 1 + length].decode())
                at += length + 1
            question = data[12 : at + 5]
            found = answers.get(".".join(labels).lower())
            flags = 0x8180 if found is not None else 0x8183
            records = b"".join(
                b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + ip_address(each).packed for each in found or []
            )
            head = data[:2] + struct.pack("!HHHHH", flags, 1, len(found or []), 0, 0)
            self.transport.sendto(head + question + records, addr)  # type: ignore[attr-defined]

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Server, local_addr=(LOCALHOST, 0))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


class Authority:
    """Signs certificates for this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
        self._root = self._signed(self._name, self._key.public_key(), timedelta(days=3650), authority=True)

    @property
    def trusted(self) -> ssl.SSLContext:
        """Trusts what it signed, and nobody else."""
        return ssl.create_default_context(cadata=self._root.public_bytes(serialization.Encoding.PEM).decode())

    def server(self, days: float, name: str = "localhost") -> ssl.SSLContext:
        """For a server whose certificate is good for so many days."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._signed(subject, key.public_key(), timedelta(days=days), name=name)
        file = self._folder / f"{name}-{days}.pem"
        file.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _signed(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        life: timedelta,
        *,
        name: str = "",
        authority: bool = False,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=400))
            .not_valid_after(now + life)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )
        if name:
            names = x509.SubjectAlternativeName([x509.DNSName(name)])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256())
