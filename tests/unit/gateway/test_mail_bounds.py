"""What the listener holds at once: bytes of all conversations, conversations of one host, messages of a mailbox in an hour."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiosmtplib
import pytest

from chassis import context as ctx
from services.gateway.mail import listener as module
from services.gateway.mail.listener import MailListener
from services.gateway.usecases import postbox
from tests.support.eventually import eventually
from tests.unit.gateway.mail_room import MailRoom, boss
from tests.unit.gateway.test_mail_in import letter
from tests.unit.gateway.test_mail_listener import delivering, listening


class Talk:
    """A conversation by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer

    async def say(self, line: bytes, answers: int = 1) -> list[bytes]:
        """Says something; what is answered, by its code alone."""
        self.writer.write(line + b"\r\n")
        found: list[bytes] = []
        while len(found) < answers:
            heard = await asyncio.wait_for(self._reader.readline(), 30)
            assert heard, "the conversation has ended"
            if heard[3:4] != b"-":
                found.append(heard[:3])
        return found

    async def begin(self, *recipients: str, hello: bytes = b"EHLO") -> None:
        """As far as the message."""
        await self._reader.readline()
        for line in (hello + b" x.example", b"MAIL FROM:<ann@demo.example>"):
            assert await self.say(line) == [b"250"]
        for each in recipients:
            assert await self.say(f"RCPT TO:<{each}>".encode()) == [b"250"]
        assert await self.say(b"DATA") == [b"354"]


@asynccontextmanager
async def talking(listener: MailListener) -> AsyncIterator[Talk]:
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    yield Talk(reader, writer)
    writer.close()


async def test_bytes_of_all_conversations_have_a_bound_and_are_free_again_however_one_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 1500)
    room = MailRoom()
    with ctx.use(boss()):
        desk = await room.mailbox()
    async with listening(room) as listener:
        taking = listener._taking

        async def refused() -> int:
            with pytest.raises(aiosmtplib.SMTPDataError) as error:
                async with delivering(listener) as server:
                    await server.sendmail("ann@demo.example", ["desk@example.org"], letter("x" * 60 + "\n" * 500))
            return error.value.code

        async with talking(listener) as first:
            await first.begin("desk@example.org")
            first.writer.write((b"x" * 98 + b"\r\n") * 12)
            await eventually(lambda: taking.held == 1200)
            assert await refused() == 452
            await eventually(lambda: taking.held == 1200)
            assert await first.say(b".") == [b"250"]
            assert taking.held == 0
        async with talking(listener) as second:
            await second.begin("desk@example.org")
            second.writer.write((b"x" * 98 + b"\r\n") * 12)
            await eventually(lambda: taking.held == 1200)
            # What it is refused for frees what it held before its end has come.
            second.writer.write((b"x" * 98 + b"\r\n") * 4)
            await eventually(lambda: taking.held == 0)
            assert await second.say(b".") == [b"452"]
        async with talking(listener) as third:
            await third.begin("desk@example.org")
            third.writer.write(b"Subject: cut off\r\n")
            await eventually(lambda: taking.held > 0)
        await eventually(lambda: taking.held == 0)
    with ctx.use(boss()):
        assert len(await room.mails(desk)) == 1


async def test_what_is_read_is_the_message_byte_by_byte_with_dots_undone_and_a_line_without_end_refused() -> None:
    room = MailRoom()
    with ctx.use(boss()):
        desk = await room.mailbox()
    async with listening(room) as listener, talking(listener) as talk:
        await talk.begin("desk@example.org")
        assert await talk.say(b"Message-ID: <m1@x>\r\n\r\n..dots\r\n...\r\n \x00\xff\r\n.") == [b"250"]
        for line, code in [(b"y" * 998, b"250"), (b"z" * 5_000 + b"\r\n.z" + b"z" * 3_000, b"500"), (b" \r\n\t", b"554")]:
            assert await talk.say(b"MAIL FROM:<>") == [b"250"]
            assert await talk.say(b"RCPT TO:<desk@example.org>") == [b"250"]
            assert await talk.say(b"DATA") == [b"354"]
            assert await talk.say(line + b"\r\n.") == [code]
    with ctx.use(boss()):
        first = next(row for row in await room.mails(desk) if row["message_id"] == "m1@x")
        source = await room.postbox.source(desk.id, first["_id"])
        assert len(await room.mails(desk)) == 2
    assert source == b"Return-Path: <ann@demo.example>\r\nMessage-ID: <m1@x>\r\n\r\n.dots\r\n..\r\n \x00\xff\r\n"


async def test_by_lmtp_a_refusal_is_said_for_each_recipient_too() -> None:
    room = MailRoom()
    with ctx.use(boss()):
        await room.mailbox()
        await room.mailbox("help@example.org")
    async with listening(room, local=True) as listener, talking(listener) as talk:
        await talk.begin("desk@example.org", "help@example.org", hello=b"LHLO")
        lines = (b"x" * 998 + b"\r\n") * (room.postbox.largest // 1000 + 1)
        assert await talk.say(lines + b".", 2) == [b"552", b"552"]
        assert await talk.say(b"NOOP") == [b"250"]


async def test_one_host_has_so_many_conversations_and_leaves_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_OF_PEER", 1)
    room = MailRoom()
    async with listening(room) as listener:
        async with delivering(listener):
            with pytest.raises(aiosmtplib.SMTPConnectError):
                async with delivering(listener):
                    pass
            async with delivering(listener, source_address=("127.0.0.2", 0)) as other:
                assert (await other.noop()).code == 250
        await eventually(lambda: listener._taking.connections == 0)
        async with delivering(listener) as server:
            assert (await server.noop()).code == 250


async def test_a_mailbox_that_had_enough_within_the_hour_says_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postbox, "MOST_OF_MAILBOX", 1)
    room = MailRoom()
    with ctx.use(boss()):
        desk = await room.mailbox()
        await room.mailbox("help@example.org")
    async with listening(room) as listener, delivering(listener) as server:
        await server.sendmail("ann@demo.example", ["desk@example.org"], letter())
        with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as refused:
            await server.sendmail("ann@demo.example", ["desk@example.org"], letter(Message_ID="<m2@x>"))
        await server.sendmail("ann@demo.example", ["help@example.org"], letter())
    with ctx.use(boss()):
        assert len(await room.mails(desk)) == 1
    assert refused.value.recipients[0].code == 451
