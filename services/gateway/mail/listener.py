"""Takes mail by SMTP or LMTP for addresses of mailboxes, for no others: no relay. What is acknowledged is stored durably.

Fails never for good: while the database is silent, or there is more than memory is for, senders are told to come again (4xx),
which servers do for days.
"""

import asyncio
import logging
import ssl
from collections import Counter
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

MOST_CONNECTIONS, MOST_OF_PEER, MOST_RECIPIENTS = 100, 20, 50
"""Conversations at once, in all and with one host: as many as mail servers have with one by default."""
MOST_BYTES = 48 * 1024 * 1024
"""Bytes of messages in memory, of all conversations together."""
_IDLE_SECONDS = 60.0
_LATER = "451 4.3.0 Nothing can be stored now, try again later"
_CROWDED = "451 4.7.1 Too many messages came for this mailbox within an hour, try again later"
_FULL = "452 4.3.1 Too much mail comes at once, try again later"
_LARGE, _LONG, _EMPTY = "552 5.3.4 Too much mail data", "500 5.5.2 A line is too long", "554 5.6.0 There is no message"


class Taking:
    """What the library asks while somebody delivers."""

    def __init__(self, postbox: Postbox, *, each: bool) -> None:
        self._postbox, self._each = postbox, each
        self._meant: WeakKeyDictionary[Envelope, list[tuple[str, str]]] = WeakKeyDictionary()
        self._peers: Counter[str] = Counter()
        self.held = 0
        """Bytes of messages in memory."""

    @property
    def connections(self) -> int:
        """Conversations at present."""
        return self._peers.total()

    def begin(self, peer: str) -> bool:
        """Whether another conversation with a host may begin, which is counted then."""
        if self.connections >= MOST_CONNECTIONS or self._peers[peer] >= MOST_OF_PEER:
            return False
        self._peers[peer] += 1
        return True

    def end(self, peer: str) -> None:
        """A conversation is over."""
        self._peers[peer] -= 1
        if not self._peers[peer]:
            del self._peers[peer]

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
            return await self._recipient(envelope, address)
        except Invalid:
            return "553 5.1.3 This is no address"
        except (Unavailable, DeadlinePassed):
            return _LATER

    async def _recipient(self, envelope: Envelope, address: str) -> str:
        found = await self._postbox.addressed(Address.of(address))
        if found is None:
            return "550 5.1.1 There is no such mailbox here"
        tenant, mailbox_id = found
        with ctx.use(own_context(tenant)):
            if await self._postbox.crowded(mailbox_id):
                return _CROWDED
        self._meant.setdefault(envelope, []).append(found)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802, ARG002 - as above
        """The message, for all of them."""
        raw = envelope.content
        if not isinstance(raw, bytes):
            return self.answer(_EMPTY, envelope)
        try:
            for tenant, mailbox_id in dict.fromkeys(self._meant.get(envelope, ())):
                with ctx.use(own_context(tenant)):
                    await self._postbox.keep(mailbox_id, raw)
        except (Unavailable, DeadlinePassed):
            return self.answer(_LATER, envelope)
        return self.answer("250 2.6.0 Stored", envelope)

    async def handle_exception(self, error: Exception) -> str:
        """Whatever is wrong here is not the sender's fault: nothing is refused for good because of it."""
        _log.error("Mail could not be taken.", exc_info=error)
        return _LATER

    def answer(self, text: str, envelope: Envelope) -> str:
        """What is said of a message; LMTP wants one answer for each recipient."""
        return "\r\n".join([text] * len(envelope.rcpt_tos)) if self._each else text


class _Counted(SMTP):
    """A conversation that counts, and is not begun when there are too many."""

    _turned_away = False
    _peer = ""
    _held = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self.transport is None and isinstance(transport, asyncio.WriteTransport):  # it is made again behind STARTTLS
            self._peer = str((transport.get_extra_info("peername") or [""])[0])
            if not self.event_handler.begin(self._peer):
                self._turned_away = True
                transport.write(b"421 4.7.0 Too many connections, try again later\r\n")
                transport.close()
                return
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._turned_away:
            return
        self.event_handler.end(self._peer)
        super().connection_lost(error)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - the library's name
        """As the library does it, but what is in memory is there once, and counted over all conversations."""
        envelope, taking = self.envelope, self.event_handler
        if await self.check_helo_needed() or await self.check_auth_needed("DATA"):
            return
        if arg or envelope is None or not envelope.rcpt_tos:
            await self.push("501 Syntax: DATA" if arg else "503 Error: need RCPT command")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        content = bytearray(_path(envelope))
        before = len(content)
        try:
            answer = taking.answer(await self._read(content, before), envelope)
            if len(content) > before:
                envelope.content = bytes(content)
                content.clear()
                answer = await taking.handle_DATA(self, self.session, envelope)
        finally:
            taking.held -= self._held
            self._held, envelope.content = 0, None
        self._set_post_data_state()  # type: ignore[no-untyped-call] # of the library
        await self.push(answer)

    async def _read(self, content: bytearray, before: int) -> str:
        """Adds the message's lines to what stands there already. Nothing is added where it cannot be taken; says why."""
        taking, limit = self.event_handler, self.data_size_limit or 0
        refusal, inside, said = "", False, False
        while True:
            try:
                line = await self._reader.readuntil(b"\r\n")
            except asyncio.LimitOverrunError as error:
                line = await self._reader.read(error.consumed)
                refusal = refusal or _LONG
            if line == b".\r\n" and not inside:
                break
            if not inside and line.startswith(b"."):  # RFC 5321, 4.5.2
                line = line[1:]
            inside = not line.endswith(b"\r\n")
            said = said or not line.isspace()
            if not refusal and len(content) - before + len(line) > limit:
                refusal = _LARGE
            elif not refusal and taking.held + len(line) > MOST_BYTES:
                refusal = _FULL
            if refusal:
                # The sender goes on to its end (RFC 5321, 4.2.5); what others need the memory for is free at once.
                taking.held -= self._held
                self._held = 0
                del content[before:]
            else:
                taking.held += len(line)
                self._held += len(line)
                content += line
        if not refusal and not said:
            del content[before:]
        return refusal or _EMPTY


def _path(envelope: Envelope) -> bytes:
    """Who delivers for good says whom it came from (RFC 5321, 4.4), and the sender's own word for it counts no more."""
    sender = "".join(letter for letter in envelope.mail_from or "" if letter.isprintable() and letter not in "<>")
    return b"Return-Path: <" + sender.encode() + b">\r\n"


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
