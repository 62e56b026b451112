"""Hands mail to the server of the settings, one message a delivery, under an id that follows from the delivery's.

What the server refuses for good (5xx) is given up with its words; everything else is tried again. A server that cannot be
reached is asked again after a pause, so that mail that waits for it takes no turns from other deliveries.
"""

import asyncio
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import aiosmtplib

from chassis.context import refuse_dry_run
from chassis.errors import Invalid
from chassis.failpoints import OFF, Failpoints
from chassis.store.backend import Document
from services.gateway.deliveries.worker import Outcome
from services.gateway.domain.delivery import RESPONSE_BYTES
from services.gateway.mail.addresses import Address
from services.gateway.mail.composing import Identity, Letter, composed
from services.gateway.mail.settings import MailServer

AT_ONCE = 16
TOTAL_SECONDS = 30.0
SILENCE_SECONDS = 10.0
"""For how long a server that could not be reached is not asked again."""
_LAST_WORDS_SECONDS = 2.0
_PERMANENT = 500
_ADDRESS = re.compile(r"[^\s<>@]{1,64}@[^\s<>@]{1,255}")

OFF_BECAUSE = "no mail leaves: ITSM_SMTP_URL names no server"


@dataclass(frozen=True, slots=True)
class Conversation:
    """Who answers in a thread, and what was said in it before: ids of messages, the oldest first."""

    sender: Identity
    references: tuple[str, ...] = ()


class Conversations(Protocol):
    """Knows the threads of the current tenant."""

    async def about(self, thread: str) -> Conversation:
        """The thread of a record (`incidents/inc_…`), or of none. Raises `Unavailable`."""


class MailSender:
    """See `worker.Sender`. Without a server what comes is given up and says why."""

    def __init__(
        self,
        server: MailServer | None,
        conversations: Conversations,
        domain: str,
        *,
        failpoints: Failpoints = OFF,
        total: float = TOTAL_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._server, self._conversations, self._domain = server, conversations, domain
        self._failpoints, self._total, self._monotonic = failpoints, total, monotonic
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._silent_until = float("-inf")

    async def send(self, delivery: Document) -> Outcome:
        """See `Sender`."""
        if self._server is None:
            return Outcome(False, OFF_BECAUSE, retry=False)
        content = delivery["content"]
        try:
            to = Address.of(content["to"], name="to")
        except Invalid as wrong:
            return Outcome(False, f"its address {wrong.violations['to']}", retry=False)
        conversation = await self._conversations.about(content.get("thread", ""))
        letter = Letter(
            sender=conversation.sender,
            to=to,
            subject=content["subject"],
            text=content["text"],
            html=content.get("html", ""),
            message_id=message_id(delivery["_id"], self._domain),
            references=conversation.references,
            # Readers sort by it: the real clock, not the one that tests may shift.
            at=datetime.now(UTC),
        )
        body = composed(letter)
        refuse_dry_run()
        async with self._slots:
            if (left := self._silent_until - self._monotonic()) > 0:
                # Not before it is asked again: the turn that follows would be lost, too, and the one after it is far.
                return Outcome(False, "the mail server could not be reached a moment ago", after=timedelta(seconds=left))
            await self._failpoints.reached("M3")
            return await self._handed(self._server, letter, body)

    async def settled(self, delivery: Document, outcome: Outcome) -> None:
        """See `Sender`. Nothing follows from it."""

    async def _handed(self, server: MailServer, letter: Letter, body: bytes) -> Outcome:
        try:
            async with asyncio.timeout(self._total):
                return await self._spoken(server, letter, body)
        except aiosmtplib.SMTPRecipientsRefused as refused:
            return _refused(refused.recipients[0])
        except (aiosmtplib.SMTPAuthenticationError, aiosmtplib.SMTPHeloError, aiosmtplib.SMTPConnectResponseError) as error:
            return _refused(error, final=False)
        except aiosmtplib.SMTPResponseException as error:
            return _refused(error)
        except aiosmtplib.SMTPNotSupported:
            return Outcome(False, "the mail server does not offer what is asked of it: TLS or the user's way to sign in")
        except (aiosmtplib.SMTPException, OSError) as error:  # a TimeoutError is an OSError
            self._silent_until = self._monotonic() + SILENCE_SECONDS
            why = f"the mail server could not be spoken to: {type(error).__name__}"
            return Outcome(False, why, after=timedelta(seconds=SILENCE_SECONDS))

    async def _spoken(self, server: MailServer, letter: Letter, body: bytes) -> Outcome:
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username or None,
            password=server.password or None,
            local_hostname=self._domain,
            timeout=self._total,
            use_tls=server.tls is not None and not server.start_tls,
            start_tls=server.start_tls,
            tls_context=server.tls,
        )
        try:
            await client.connect()
            if letter.wide and client.is_ehlo_or_helo_needed:
                await client.ehlo()
            if letter.wide and not client.supports_extension("smtputf8"):
                return Outcome(False, "the mail server takes no address with such letters (SMTPUTF8)", retry=False)
            options = ["SMTPUTF8"] if letter.wide else []
            sender, to = str(letter.sender.address), str(letter.to)
            _, answer = await client.sendmail(sender, [to], body, mail_options=options)
            with suppress(aiosmtplib.SMTPException, OSError):  # it has taken the message: how it parts changes nothing
                await client.quit(timeout=_LAST_WORDS_SECONDS)
            return Outcome(True, status=250, response=said(answer))
        finally:
            client.close()


def message_id(delivery_id: str, domain: str) -> str:
    """What a message is called: the same however often it is sent."""
    return f"{delivery_id}@{domain}"


def _refused(error: Any, *, final: bool = True) -> Outcome:
    retry = not final or error.code < _PERMANENT
    return Outcome(False, f"the mail server answered {error.code}", error.code, said(error.message), retry=retry)


def said(text: str) -> str:
    """The server's words, without the addresses in them: who may read deliveries need not know them."""
    shown = "".join(letter if letter.isprintable() or letter in "\n\t" else " " for letter in text[: 2 * RESPONSE_BYTES])
    return _ADDRESS.sub("…", shown).encode()[:RESPONSE_BYTES].decode(errors="ignore")
