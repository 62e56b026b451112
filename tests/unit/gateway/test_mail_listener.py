"""The listener for mail: known addresses alone, nothing acknowledged that is not stored, and an end to everything."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest

from chassis import context as ctx
from chassis.errors import Unavailable
from services.gateway.domain.mailbox import State
from services.gateway.mail import listener as module
from services.gateway.mail.listener import MailListener
from tests.support.certificates import Authority
from tests.support.eventually import eventually
from tests.unit.gateway.mail_room import MailRoom, boss
from tests.unit.gateway.test_mail_in import letter


@asynccontextmanager
async def listening(room: MailRoom, *, local: bool = False, tls: ssl.SSLContext | None = None) -> AsyncIterator[MailListener]:
    listener = MailListener("127.0.0.1:0", room.postbox, name="example.org", local=local, tls=tls)
    await listener.start()
    yield listener
    await listener.stop()


@asynccontextmanager
async def delivering(listener: MailListener, **more: Any) -> AsyncIterator[aiosmtplib.SMTP]:
    more = {"start_tls": False} | more
    async with aiosmtplib.SMTP(
        hostname="127.0.0.1", port=listener.port, local_hostname="x.example", timeout=30, **more
    ) as server:
        yield server


async def test_what_is_acknowledged_is_stored_and_who_sent_it_is_said_by_the_listener_alone() -> None:
    room = MailRoom()
    with ctx.use(boss()):
        desk = await room.mailbox()
    mail = letter(Return_Path="<eve@evil.example>")
    async with listening(room) as listener, delivering(listener) as server:
        _, said = await server.sendmail("ann@demo.example", ["Desk+printers@EXAMPLE.org"], mail)
        await server.sendmail("ann@demo.example", ["desk@example.org"], mail)
    with ctx.use(boss()):
        (row,) = await room.mails(desk)
        source = await room.postbox.source(desk.id, row["_id"])
    assert said == "2.6.0 Stored"
    assert source == b"Return-Path: <ann@demo.example>\r\n" + mail.replace(b"\n", b"\r\n")


async def test_mail_for_anybody_else_is_refused_and_so_is_mail_for_a_mailbox_that_takes_none() -> None:
    room = MailRoom()
    with ctx.use(boss("other")):
        await room.mailbox("theirs@other.example")
    with ctx.use(boss()):
        await room.mailbox()
        await room.mailbox("shut@example.org", state=State.DISABLED)
    async with listening(room) as listener, delivering(listener) as server:
        for address, code in [
            ("nobody@example.org", 550),
            ("ann@demo.example", 550),
            ("shut@example.org", 550),
            ("@relay:desk@example.org", 553),
            ("theirs@other.example", 250),
        ]:
            try:
                errors, _ = await server.sendmail("eve@evil.example", [address], letter())
                assert (code, errors) == (250, {})
            except aiosmtplib.SMTPRecipientsRefused as refused:
                assert refused.recipients[0].code == code


async def test_while_nothing_can_be_stored_senders_are_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    room = MailRoom()
    with ctx.use(boss()):
        desk = await room.mailbox()

    async def silent(_writes: object) -> None:
        raise Unavailable("the database is silent")

    async def broken(_writes: object) -> None:
        raise RuntimeError("a defect")

    async with listening(room) as listener:
        for failure in (silent, broken):
            with monkeypatch.context() as patch:
                patch.setattr(room.backend, "write", failure)
                async with delivering(listener) as server:
                    with pytest.raises(aiosmtplib.SMTPDataError) as refused:
                        await server.sendmail("ann@demo.example", ["desk@example.org"], letter())
                assert refused.value.code == 451
        with ctx.use(boss()):
            assert await room.mails(desk) == []
        async with delivering(listener) as server:
            await server.sendmail("ann@demo.example", ["desk@example.org"], letter())
        with ctx.use(boss()):
            assert len(await room.mails(desk)) == 1


async def test_a_message_that_is_too_large_is_refused_before_it_is_sent_and_while_it_is() -> None:
    room = MailRoom()
    with ctx.use(boss()):
        desk = await room.mailbox()
    large = letter("x" * 70 + "\n") + (b"x" * 70 + b"\n") * 5_000
    async with listening(room) as listener:
        async with delivering(listener) as server:
            with pytest.raises(aiosmtplib.SMTPSenderRefused) as early:
                await server.sendmail("ann@demo.example", ["desk@example.org"], large)
        async with delivering(listener) as server:
            await server.ehlo()
            await server.mail("ann@demo.example")
            await server.rcpt("desk@example.org")
            with pytest.raises(aiosmtplib.SMTPDataError) as late:
                await server.data(large)
    with ctx.use(boss()):
        assert await room.mails(desk) == []
    assert (early.value.code, late.value.code) == (552, 552)


async def test_by_lmtp_each_recipient_has_an_answer_of_its_own() -> None:
    room = MailRoom()
    with ctx.use(boss()):
        first, second = await room.mailbox(), await room.mailbox("help@example.org")
    async with listening(room, local=True) as listener:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)

        async def said(line: bytes, answers: int = 1) -> list[bytes]:
            writer.write(line + b"\r\n")
            return [(await asyncio.wait_for(reader.readline(), 30))[:3] for _ in range(answers)]

        await reader.readline()
        writer.write(b"LHLO x.example\r\n")
        while (await reader.readline())[3:4] == b"-":
            pass
        await said(b"MAIL FROM:<ann@demo.example>")
        await said(b"RCPT TO:<desk@example.org>")
        await said(b"RCPT TO:<help@example.org>")
        await said(b"DATA")
        body = letter().replace(b"\n", b"\r\n")
        assert await said(body + b"\r\n.", 2) == [b"250", b"250"]
        writer.close()
    with ctx.use(boss()):
        assert len(await room.mails(first)) == len(await room.mails(second)) == 1


async def test_mail_comes_encrypted_where_there_is_a_certificate(tmp_path: Path) -> None:
    folder = Authority().issue(tmp_path / "mail", "spiffe://mail")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    room = MailRoom()
    with ctx.use(boss()):
        desk = await room.mailbox()
    trusted = ssl.create_default_context(cafile=folder / "ca.crt")
    async with listening(room, tls=tls) as listener, delivering(listener, start_tls=True, tls_context=trusted) as server:
        await server.sendmail("ann@demo.example", ["desk@example.org"], letter())
        assert listener._taking.connections == 1
    with ctx.use(boss()):
        assert len(await room.mails(desk)) == 1
    await eventually(lambda: listener._taking.connections == 0)


async def test_more_than_so_many_connections_are_turned_away_until_some_have_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CONNECTIONS", 2)
    room = MailRoom()
    async with listening(room) as listener:
        async with delivering(listener), delivering(listener):
            with pytest.raises(aiosmtplib.SMTPConnectError):
                async with delivering(listener):
                    pass
        async with delivering(listener) as server:
            assert (await server.noop()).code == 250
