"""A mail server on this machine: takes what it is told to take, and keeps what it was sent."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass(frozen=True, slots=True)
class Taken:
    """One message as it came."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        """The message, read by the standard library."""
        found = message_from_bytes(self.raw, policy=policy.default)
        assert isinstance(found, EmailMessage)
        return found

    def text(self, kind: str = "plain") -> str:
        """Its text, or its HTML."""
        body = self.message.get_body((kind,))
        assert isinstance(body, EmailMessage)
        return str(body.get_content()).replace("\r\n", "\n")


@dataclass
class MailHost:
    """`recipients` and `contents` are answers to RCPT and DATA, given in turn, the last for ever."""

    recipients: list[str] = field(default_factory=lambda: ["250 OK"])
    contents: list[str] = field(default_factory=lambda: ["250 taken as q1"])
    logins: dict[str, str] = field(default_factory=dict)
    port: int = 0
    seen: list[Taken] = field(default_factory=list)
    connections: int = 0
    encrypted: list[bool] = field(default_factory=list)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, rcpt_options: list[str]
    ) -> str:
        """One recipient."""
        answer = _next(self.recipients)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """One message."""
        answer = _next(self.contents)
        if answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            self.seen.append(Taken(envelope.mail_from or "", tuple(envelope.rcpt_tos), envelope.content))
            self.encrypted.append(session.ssl is not None)
        return answer

    def login(self, server: Any, session: Any, envelope: Any, mechanism: str, data: LoginPassword) -> AuthResult:
        """Somebody signs in."""
        right = self.logins.get(data.login.decode()) == data.password.decode()
        return AuthResult(success=right)

    def to(self, address: str) -> list[Taken]:
        """What was sent to an address, the oldest first."""
        return [each for each in self.seen if address in each.recipients]


@asynccontextmanager
async def taking_mail(
    *, port: int = 0, tls: ssl.SSLContext | None = None, wide: bool = True, **more: Any
) -> AsyncIterator[MailHost]:
    """A server that listens while the block runs; with `tls` it offers STARTTLS, and signing in behind it."""
    host = MailHost(**more)

    def protocol() -> SMTP:
        host.connections += 1
        return SMTP(host, tls_context=tls, enable_SMTPUTF8=wide, authenticator=host.login, hostname="mail.example")

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", port)
    host.port = server.sockets[0].getsockname()[1]
    try:
        yield host
    finally:
        server.close()


def _next(answers: list[str]) -> str:
    return answers.pop(0) if len(answers) > 1 else answers[0]
