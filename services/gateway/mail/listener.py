"""Takes mail by SMTP or LMTP for addresses of mailboxes, for no others: no relay. What is acknowledged is stored durably.

Fails never for good: while the database is silent senders are told to come again (4xx), which servers do for days.
"""

import asyncio
import logging
import ssl
from typing import Any
from weakref import WeakKeyDictionary

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from chassis import context as ctx
from chassis.errors import DeadlinePassed, Invalid, Unavailable
from services.gateway.mail.addresses import Address
from services.gateway.mail.clerk import own_context
from services.gateway.usecases.postbox import Postbox

_log = logging.getLogger(__name__)

MOST_CONNECTIONS, MOST_RECIPIENTS = 100, 50
_IDLE_SECONDS = 60.0
_LATER = "451 4.3.0 Nothing can be stored now, try again later"


class Taking:
    """What the library asks while somebody delivers."""

    def __init__(self, postbox: Postbox, *, each: bool) -> None:
        self._postbox, self._each = postbox, each
        self._meant: WeakKeyDictionary[Envelope, list[tuple[str, str]]] = WeakKeyDictionary()
        self.connections = 0

    async def handle_RCPT(  # noqa: N802 - the library's name
        self,
        server: SMTP,  # noqa: ARG002 - as the library calls it
        session: Session,  # noqa: ARG002 - as above
        envelope: Envelope,
        address: str,
        rcpt_options: list[str],  # noqa: ARG002 - as above
    ) -> str:
        """One recipient: a mailbox that takes mail, or nobody."""
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        try:
            found = await self._postbox.addressed(Address.of(address))
        except Invalid:
            return "553 5.1.3 This is no address"
        except (Unavailable, DeadlinePassed):
            return _LATER
        if found is None:
            return "550 5.1.1 There is no such mailbox here"
        self._meant.setdefault(envelope, []).append(found)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802, ARG002 - as above
        """The message, for all of them."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        if not content.strip():
            return "554 5.6.0 There is no message"
        # Who delivers for good says whom it came from (RFC 5321, 4.4), and the sender's own word for it counts no more.
        sender = "".join(letter for letter in envelope.mail_from or "" if letter.isprintable() and letter not in "<>")
        raw = b"Return-Path: <" + sender.encode() + b">\r\n" + content
        meant = self._meant.get(envelope, [])
        try:
            for tenant, mailbox_id in dict.fromkeys(meant):
                with ctx.use(own_context(tenant)):
                    await self._postbox.keep(mailbox_id, raw)
        except (Unavailable, DeadlinePassed):
            return self._answer(_LATER, meant)
        return self._answer("250 2.6.0 Stored", meant)

    async def handle_exception(self, error: Exception) -> str:
        """Whatever is wrong here is not the sender's fault: nothing is refused for good because of it."""
        _log.error("Mail could not be taken.", exc_info=error)
        return _LATER

    def _answer(self, text: str, meant: list[tuple[str, str]]) -> str:
        """LMTP wants one answer for each recipient."""
        return "\r\n".join([text] * len(meant)) if self._each else text


class _Counted(SMTP):
    """A conversation that counts, and is not begun when there are too many."""

    _turned_away = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        taking: Taking = self.event_handler
        if taking.connections >= MOST_CONNECTIONS and self.transport is None and isinstance(transport, asyncio.WriteTransport):
            self._turned_away = True
            transport.write(b"421 4.7.0 Too many connections, try again later\r\n")
            transport.close()
            return
        if self.transport is None:  # it is made again behind STARTTLS
            taking.connections += 1
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._turned_away:
            return
        self.event_handler.connections -= 1
        super().connection_lost(error)


class _CountedLocal(_Counted, LMTP):
    """The same by LMTP."""


class MailListener:
    """Listens at host:port; `local` for LMTP. With `tls` it offers STARTTLS."""

    def __init__(self, listen: str, postbox: Postbox, *, name: str, local: bool, tls: ssl.SSLContext | None) -> None:
        self._listen, self._local, self._name, self._tls = listen, local, name, tls
        self._taking, self._largest = Taking(postbox, each=local), postbox.largest
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """Where it listens, once it does."""
        sockets: Any = self._server.sockets if self._server else ()
        return int(sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Begins to listen. Raises `OSError` where it cannot."""
        host, _, port = self._listen.rpartition(":")
        self._server = await asyncio.get_running_loop().create_server(self._conversation, host.strip("[]") or None, int(port))

    async def stop(self) -> None:
        """Takes no more connections; what is stored is stored."""
        if self._server is not None:
            self._server.close()

    def _conversation(self) -> SMTP:
        kind = _CountedLocal if self._local else _Counted
        return kind(
            self._taking,
            data_size_limit=self._largest,
            enable_SMTPUTF8=True,
            hostname=self._name,
            ident="ITSM",
            tls_context=self._tls,
            timeout=_IDLE_SECONDS,
            command_call_limit={"*": 50, "RCPT": MOST_RECIPIENTS + 1},
        )
