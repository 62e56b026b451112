"""Mail as it goes out: what a server gets, when it is tried again, and that nothing handed in becomes a header."""

import logging
import re
import ssl
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis import context as ctx
from services.gateway.deliveries.mail import OFF_BECAUSE, SILENCE_SECONDS, Conversation, MailSender, message_id
from services.gateway.deliveries.worker import Worker
from services.gateway.domain.delivery import Channel
from services.gateway.mail.addresses import Address
from services.gateway.mail.composing import HTML_LENGTH, SUBJECT_LENGTH, TEXT_LENGTH, Identity, Letter, composed
from services.gateway.mail.settings import MailServer, MailSettings
from services.gateway.usecases.reading import Asked, Document
from tests.support.certificates import Authority
from tests.support.smtp import MailHost, taking_mail
from tests.unit.gateway.post import NOON, Post, boss

DESK = Identity(Address.of("desk@example.org"), "Service Desk")
HEADERS = {
    "from", "to", "subject", "date", "message-id", "in-reply-to", "references", "auto-submitted", "x-auto-response-suppress",
    "content-type", "content-transfer-encoding", "mime-version",
}  # fmt: skip


def read(raw: bytes) -> EmailMessage:
    found = message_from_bytes(raw, policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def letter(**more: Any) -> Letter:
    said: dict[str, Any] = {
        "sender": DESK,
        "to": Address.of("ann@demo.example"),
        "subject": "INC0001042: Printer on fire",
        "text": "It burns.\n",
        "html": "<p>It <b>burns</b>.</p>",
        "message_id": "dlv_1@example.org",
        "references": ("incidents.inc_1@example.org",),
        "at": NOON,
    }
    return Letter(**(said | more))


class OneSender:
    """`Conversations` of an installation without mailboxes."""

    async def about(self, thread: str) -> Conversation:
        return Conversation(DESK, (f"{thread.replace('/', '.')}@example.org",) if thread else ())


class MailPost(Post):
    """The log and the worker with mail as their way out."""

    def __init__(self, server: MailServer | None, *, total: float = 20) -> None:
        super().__init__()
        self.sender = MailSender(server, OneSender(), "example.org", total=total, monotonic=lambda: self.seconds)
        self.worker = Worker(self.store, {Channel.MAIL: self.sender}, self.metrics, monotonic=lambda: self.seconds)

    async def write(self, event: str = "e1", **content: Any) -> str:
        """A mail is due; says its delivery."""
        said = {"to": "ann@demo.example", "subject": "Hello", "text": "It burns.", "html": "<p>It burns.</p>", "locale": "en"}
        async with self.store.transaction() as tx:
            return self.log.add(
                tx,
                Channel.MAIL,
                "usr_ann",
                event_id=event,
                event_type="itsm.incident.v1.NoteAdded",
                subject="incidents/inc_1",
                content=said | {"thread": "incidents/inc_1"} | content,
            )

    async def row(self) -> Document:
        """The only delivery."""
        (row,) = (await self.log.page(Channel.MAIL, "usr_ann", Asked()))[0]
        return row


def plain(host: MailHost) -> MailServer:
    return MailServer("127.0.0.1", host.port, start_tls=False, tls=None)


async def test_a_server_gets_text_and_html_under_a_stable_id_in_the_records_thread() -> None:
    async with taking_mail() as host:
        post = MailPost(plain(host))
        with ctx.use(boss()):
            key = await post.write(text="Grüße\r\nvon uns")
            assert await post.deliver() == 1
            row = await post.row()
    (sent,) = host.seen
    mail = sent.message
    assert (row["state"], row["attempts"][0]["status"], row["attempts"][0]["response"]) == ("DELIVERED", 250, "taken as q1")
    assert (sent.sender, sent.recipients) == ("desk@example.org", ("ann@demo.example",))
    assert mail["Message-ID"] == f"<{message_id(key, 'example.org')}>"
    assert mail["In-Reply-To"] == mail["References"] == "<incidents.inc_1@example.org>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert str(mail["From"]) == "Service Desk <desk@example.org>"
    assert mail.get_content_type() == "multipart/alternative"
    assert sent.text() == "Grüße\nvon uns\n"
    assert sent.text("html") == "<p>It burns.</p>\n"
    assert sent.raw.isascii()


async def test_what_is_refused_for_a_while_comes_again_under_the_same_id_and_what_is_refused_for_good_does_not() -> None:
    async with taking_mail(contents=["451 4.3.0 later", "250 now"]) as host:
        post = MailPost(plain(host))
        with ctx.use(boss()):
            await post.write()
            await post.deliver()
            first = await post.row()
            assert (first["state"], first["attempts"][0]["status"]) == ("PENDING", 451)
            post.clock.now = first["next_due_time"]
            await post.deliver()
            assert (await post.row())["state"] == "DELIVERED"
    assert len(host.seen) == 1


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ({"recipients": ["550 5.1.1 <ann@demo.example> is nobody here, ask root@mail.example"]}, 550),
        ({"contents": ["554 5.7.1 this looks like spam"]}, 554),
    ],
)
async def test_a_refusal_for_good_ends_it_with_the_servers_words_and_no_address(
    host: dict[str, Any], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with taking_mail(**host) as server:
        post = MailPost(plain(server))
        with ctx.use(boss()), caplog.at_level(logging.DEBUG):
            await post.write()
            await post.deliver()
            row = await post.row()
    (attempt,) = row["attempts"]
    assert (row["state"], row["next_due_time"], attempt["status"]) == ("FAILED", None, status)
    assert attempt["response"].startswith("5.")
    assert "@" not in attempt["response"] + attempt["error"]
    assert "A delivery was given up." in caplog.text
    assert not any("ann@" in str(vars(record)) for record in caplog.records if record.name.startswith(("services", "chassis")))


async def test_without_a_server_it_is_given_up_and_says_so() -> None:
    post = MailPost(None)
    with ctx.use(boss()):
        await post.write()
        await post.deliver()
        row = await post.row()
    assert (row["state"], row["attempts"][0]["error"]) == ("FAILED", OFF_BECAUSE)


async def test_a_server_that_is_away_is_left_alone_for_a_while_and_nothing_is_lost() -> None:
    async with taking_mail() as host:
        server = plain(host)
    post = MailPost(server)
    with ctx.use(boss()):
        for event in ("e1", "e2"):
            await post.write(event)
            await post.deliver()
        rows = (await post.log.page(Channel.MAIL, "usr_ann", Asked()))[0]
        assert [row["state"] for row in rows] == ["PENDING", "PENDING"]
        # Their next turn is after the pause: one within it would be lost, and the one after that is five minutes later.
        assert all(row["next_due_time"] >= NOON + timedelta(seconds=SILENCE_SECONDS) for row in rows)
        assert "the mail server could not be reached a moment ago" in {row["attempts"][0]["error"] for row in rows}
        async with taking_mail(port=server.port) as back:
            post.seconds += 11
            post.clock.advance(minutes=10)
            await post.deliver()
            while len(back.seen) < 2 and await post.deliver():
                post.clock.advance(minutes=10)
    assert len({sent.message["Message-ID"] for sent in back.seen}) == 2


async def test_with_starttls_the_certificate_is_verified_and_a_server_without_it_gets_nothing(tmp_path: Path) -> None:
    authority = Authority()
    folder = authority.issue(tmp_path / "mail", "spiffe://mail")
    offered = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    offered.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    known, stranger = ssl.create_default_context(cafile=folder / "ca.crt"), ssl.create_default_context()
    async with taking_mail(tls=offered, logins={"itsm": "secret"}) as host, taking_mail() as bare:
        states = []
        for port, trusted, password, total in [
            (host.port, known, "secret", 20),
            (host.port, stranger, "secret", 20),
            (host.port, known, "wrong", 4),  # this server answers it with silence
            (bare.port, known, "secret", 20),
        ]:
            post = MailPost(MailServer("127.0.0.1", port, True, trusted, "itsm", password), total=total)
            with ctx.use(boss()):
                await post.write()
                await post.deliver()
                states.append((await post.row())["state"])
    assert states == ["DELIVERED", "PENDING", "PENDING", "PENDING"]
    assert host.encrypted == [True]
    assert bare.seen == []


async def test_an_address_beyond_ascii_needs_a_server_that_takes_it() -> None:
    async with taking_mail() as wide, taking_mail(wide=False) as narrow:
        for host, address, state in [
            (wide, "jörg@bücher.example", "DELIVERED"),
            (narrow, "jörg@bücher.example", "FAILED"),
            (narrow, "joerg@bücher.example", "DELIVERED"),
        ]:
            post = MailPost(plain(host))
            with ctx.use(boss()):
                await post.write(to=address)
                await post.deliver()
                row = await post.row()
                assert row["state"] == state, row["attempts"]
    assert wide.seen[0].recipients == ("jörg@xn--bcher-kva.example",)
    assert narrow.seen[0].raw.isascii()


@pytest.mark.parametrize("address", ["a@b.example, c@d.example", "ann@demo.example\r\nRCPT TO:<eve@evil.example>", "", "ann"])
async def test_what_is_not_one_address_is_sent_nothing(address: str) -> None:
    async with taking_mail() as host:
        post = MailPost(plain(host))
        with ctx.use(boss()):
            await post.write(to=address)
            await post.deliver()
            assert (await post.row())["state"] == "FAILED"
    assert host.connections == 0


HOSTILE = st.text() | st.sampled_from(
    [
        "x\r\nBcc: eve@evil.example",
        "x\nX: y",
        "x%0d%0aBcc: e@e",
        "\u2028Bcc: a\u2029",
        "\x85X: y",
        "\ud800",
        "=?utf-8?q?=0d=0aBcc:x?=",
    ]
)


@settings(deadline=None)
@given(subject=HOSTILE, name=HOSTILE, text=HOSTILE, html=HOSTILE)
def test_whatever_is_handed_in_there_are_no_headers_but_ours_and_one_of_each(
    subject: str, name: str, text: str, html: str
) -> None:
    raw = composed(
        letter(
            sender=Identity(DESK.address, name),
            subject=subject,
            text=text,
            html=html,
        )
    )
    head = raw.partition(b"\r\n\r\n")[0].decode()
    names = [line.partition(":")[0].lower() for line in re.split(r"\r\n(?![ \t])", head)]
    assert set(names) <= HEADERS
    assert len(set(names)) == len(names)
    found = read(raw)
    assert [str(each.addr_spec) for each in found["From"].addresses] == ["desk@example.org"]
    assert [str(each.addr_spec) for each in found["To"].addresses] == ["ann@demo.example"]
    assert raw.isascii()


def test_what_is_long_is_cut_and_html_that_is_too_long_left_out() -> None:
    raw = composed(letter(subject="ä" * 5000, text="x" * (2 * TEXT_LENGTH), html="<p>" * HTML_LENGTH))
    found = read(raw)
    assert found.get_content_type() == "text/plain"
    assert len(str(found["Subject"])) == SUBJECT_LENGTH
    assert len(found.get_content().strip()) == TEXT_LENGTH
    assert max(map(len, raw.split(b"\r\n"))) <= 998


@pytest.mark.parametrize(
    "wrong",
    [
        {"smtp_url": "mail.example"},
        {"smtp_url": "smtp://user:secret@mail.example"},
        {"smtp_url": "smtp+plain://mail.example", "smtp_username": "itsm"},
        {"smtp_url": "smtp://mail.example", "mail_from": ""},
        {"mail_from": "ITSM <itsm@example.org>"},
    ],
)
def test_settings_that_make_no_sense_are_refused_at_the_start(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="ITSM_"):
        MailSettings(**({"mail_from": "itsm@example.org"} | wrong))


def test_a_server_is_spoken_to_with_tls_unless_its_address_says_otherwise() -> None:
    def server(url: str) -> tuple[str, int, bool, bool]:
        found = MailSettings(smtp_url=url, mail_from="itsm@example.org").mail_server()
        assert found is not None
        return found.host, found.port, found.start_tls, found.tls is not None

    assert server("smtp://mail.example") == ("mail.example", 587, True, True)
    assert server("smtps://mail.example:1465") == ("mail.example", 1465, False, True)
    assert server("smtp+plain://[::1]:25") == ("::1", 25, False, False)
    assert MailSettings().mail_server() is None
