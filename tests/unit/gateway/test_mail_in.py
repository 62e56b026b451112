"""Mail as it comes in: what is read of it, that nothing costs more than its size explains, and whether anybody wrote it."""

import time
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway.mail.careful import HEADER_BYTES, MOST_PARTS, Unreadable, decoded
from services.gateway.mail.reading import Incoming, read, topic
from services.gateway.mail.words import answer, from_html


def letter(text: str = "It burns.", html: str = "", **headers: str) -> bytes:
    """A message as a mail program writes it; `_` in the name of a header stands for `-`."""
    mail = EmailMessage()
    said = {"From": "Ann <ann@demo.example>", "To": "desk@example.org", "Subject": "Printer", "Message_ID": "<m1@demo.example>"}
    for name, value in (said | headers).items():
        mail[name.replace("_", "-")] = value
    mail.set_content(text)
    if html:
        mail.add_alternative(html, subtype="html")
    return mail.as_bytes()


def test_who_wrote_what_in_answer_to_what() -> None:
    mail = EmailMessage()
    mail["From"] = "Jörg Müller <joerg@bücher.example>"
    mail["Subject"] = "Re: Drucker, brennt"
    mail["Message-ID"] = "<m2@demo.example>"
    mail["In-Reply-To"] = "<dlv_1@example.org>"
    mail["References"] = "<incidents.inc_1@example.org> <dlv_1@example.org>"
    mail.set_content("Grüße\r\n\r\n-- \r\nJörg")
    mail.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="../../Bericht\u202e.pdf")
    found = read(mail.as_bytes())
    assert (str(found.sender), found.name) == ("joerg@xn--bcher-kva.example", "Jörg Müller")
    assert (found.subject, found.text, found.answer) == ("Re: Drucker, brennt", "Grüße\n\n-- \nJörg", "Grüße")
    assert found.references == ("dlv_1@example.org", "incidents.inc_1@example.org")
    assert found.files == ("Bericht .pdf",)
    assert (found.automatic, found.bounce) == ("", None)
    assert topic(found.subject) == "Drucker, brennt"


def test_html_alone_becomes_text_without_scripts_and_with_its_quotation_marked() -> None:
    mail = EmailMessage()
    mail["From"] = "ann@demo.example"
    mail.set_content(
        "<html><head><style>p{}</style></head><body><p>It <b>burns</b> &lt;now&gt;.</p><script>alert(1)</script>"
        "<p onclick=x>On Monday Desk wrote:</p><blockquote><p>Does it?</p></blockquote></body></html>",
        subtype="html",
    )
    found = read(mail.as_bytes())
    assert found.text == "It burns <now>.\n\nOn Monday Desk wrote:\n\n> Does it?\n>"
    assert found.answer == "It burns <now>."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Yes.\n\nOn Mon, 4 May 2026 at 12:00, Desk <desk@example.org> wrote:\n> Does it?\n> Still?\n", "Yes."),
        ("Ja.\n\nAm 04.05.26 um 12:00 schrieb Desk:\n> Brennt er?\n-- \nAnn", "Ja."),
        ("Yes.\n\nOn Mon, 4 May 2026 at 12:00, A Very Long Name Of A Service Desk\n<desk@example.org> wrote:\n\n> Hm?", "Yes."),
        ("Yes.\n\n-----Original Message-----\nFrom: Desk\nSent: Monday\n\nDoes it?", "Yes."),
        ("Yes.\n\nFrom: Desk <desk@example.org>\nSent: Monday\nTo: Ann\n\nDoes it?", "Yes."),
        ("Yes.\n________________________________\nVon: Desk", "Yes."),
        ("> Does it?\nYes.\n> Still?\nNo.", "> Does it?\nYes.\n> Still?\nNo."),
        ("On Monday Desk wrote:\n> Does it?\nYes.\n> Still?\nNo.", "On Monday Desk wrote:\n> Does it?\nYes.\n> Still?\nNo."),
        ("Yes.\n> Does it?\n> Still?", "Yes."),
        ("> only a quotation", "> only a quotation"),
        ("-- \nAnn", "-- \nAnn"),
        ("From: the start I knew", "From: the start I knew"),
        ("", ""),
    ],
)
def test_an_answer_is_what_it_says_itself(text: str, said: str) -> None:
    assert answer(text) == said


@pytest.mark.parametrize(
    ("headers", "automatic"),
    [
        ({"Auto_Submitted": "auto-replied"}, True),
        ({"Auto_Submitted": "auto-generated (vacation)"}, True),
        ({"Auto_Submitted": "no"}, False),
        ({"Precedence": "bulk"}, True),
        ({"Precedence": "auto_reply"}, True),
        ({"Precedence": "list", "List_Id": "<desk.example.org>"}, False),
        ({"X_Autoreply": "yes"}, True),
        ({"X_Loop": "desk@example.org"}, True),
        ({"Return_Path": "<>"}, True),
        ({"From": "MAILER-DAEMON@demo.example"}, True),
        ({"X_ITSM_State": "CLOSED", "X_OTRS_Priority": "1 very high"}, False),
    ],
)
def test_what_a_machine_sent_is_known_by_its_headers(headers: dict[str, str], automatic: bool) -> None:
    assert bool(read(letter(**headers)).automatic) is automatic


def bounced(delivery: str, action: str = "failed", status: str = "5.1.1") -> bytes:
    """What a server says of a message that did not arrive (RFC 3464)."""
    return (
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@mail.example\r\nTo: desk@example.org\r\nSubject: Undelivered\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n'
        f"Message-ID: <{delivery}-{action}-report@mail.example>\r\n\r\n"
        "--b\r\n\r\nI could not deliver it.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; mail.example\r\n\r\nFinal-Recipient: rfc822; ann@demo.example\r\n"
        f"Action: {action}\r\nStatus: {status}\r\nDiagnostic-Code: smtp; 550 5.1.1 <ann@demo.example> unknown\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <{delivery}@example.org>\r\n\r\n--b--\r\n"
    ).encode()


def test_a_bounce_names_the_delivery_and_whether_it_is_for_good() -> None:
    delivery = f"dlv_{'a' * 32}"
    found = read(bounced(delivery)).bounce
    assert found is not None
    assert (found.deliveries, found.final, found.status) == ((delivery,), True, "5.1.1")
    late = read(bounced(delivery, "delayed", "4.4.1")).bounce
    assert late is not None
    assert not late.final


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"   \r\n",
        b"Subject: nobody wrote this\r\n\r\nx",
        b"From: a@b.example, \r\n c@d.example\r\n" + b"X: y\r\n" * (HEADER_BYTES // 6 + 1) + b"\r\nx",
        b"From: undisclosed-recipients:;\r\n\r\nx",
        letter().replace(b"\n\n", b"\n\n" + b"--b\nContent-Type: text/plain\n\nx\n" * 10_000),
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (each, each) for each in range(100)),
        b"Content-Type: message/rfc822\n\n" * 100,
    ],
)
def test_what_is_no_message_or_too_much_of_one_is_refused_with_a_reason(raw: bytes) -> None:
    with pytest.raises(Unreadable) as refused:
        read(raw)
    assert str(refused.value)


HEAD = b"From: ann@demo.example\r\n"


@pytest.mark.parametrize(
    "raw",
    [
        HEAD + b"Subject: " + b"=?utf-8?q?a?= " * 300 + b"\r\n\r\nx",
        HEAD + b"Subject: " + b"(" * 4000 + b"\r\n\r\nx",
        HEAD + b"Content-Type: text/plain; " + b'a*0*="x";' * 500 + b"\r\n\r\nx",
        HEAD + b'Content-Type: text/plain; charset="\xff\xfe"\r\n\r\nx',
        HEAD + b"Content-Type: text/plain; charset=utf-32\r\n\r\n" + bytes(range(256)) * 100,
        HEAD + b"Content-Type: text/plain; charset=punycode\r\n\r\n" + b"a-" * 100_000,
        HEAD + b"Content-Type: text/plain; charset=zlib\r\n\r\nx",
        HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + b"Q=U=J\r\n" * 50_000,
        HEAD + b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 x\r\n" + b"M" * 50_000,
        HEAD + b"Content-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\neJ8+IgAA",
        HEAD + b"Content-Type: text/html\r\n\r\n" + b"<div>" * 100_000 + b"x",
        HEAD + b"Content-Type: text/html\r\n\r\n" + b"<!--" * 50_000,
        HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        + (b"--b\r\nContent-Type: text/plain; " + b"a=b;" * 240 + b"\r\n\r\nx\r\n") * (MOST_PARTS - 10),
        HEAD + b"Content-Type: multipart/mixed\r\n\r\nno boundary",
        HEAD + b"References: " + b"<a@b> " * 600 + b"\r\n\r\nx",
        HEAD + b"\r\n" + b"On x wrote:\r\n> a\r\n b\r\n" * 5_000,
    ],
)  # fmt: skip
def test_what_is_odd_is_read_as_far_as_it_goes_within_its_time(raw: bytes) -> None:
    began = time.process_time()
    found = read(raw)
    assert str(found.sender) == "ann@demo.example"
    assert all(letter.isprintable() or letter in "\n\t" for letter in found.text)
    assert time.process_time() - began < 20  # the worst takes a tenth of that: it grew by the square before


@settings(deadline=None)
@given(st.binary(max_size=400) | st.builds(lambda *parts: b"\r\n".join(parts), *[st.binary(max_size=60)] * 6))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    _checked(raw)


FIELD = st.text(max_size=40)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["From", "Subject", "Message-ID", "References", "Content-Type", "Content-Transfer-Encoding", "Precedence"]
            ),
            FIELD
            | st.sampled_from(
                ["a@b", "<x@y>", "multipart/mixed; boundary=b", "multipart/report; report-type=delivery-status; boundary=b",
                 "message/rfc822", "message/delivery-status", "text/html; charset=x", "base64", "=?x?q?=0a?="]
            ),
        ),
        max_size=8,
    ),
    st.lists(FIELD | st.sampled_from(["--b", "--b--", "", "Content-Type: message/delivery-status", "<p>", "> x"]), max_size=12),
)  # fmt: skip
def test_any_headers_and_parts_are_read_or_refused(headers: list[tuple[str, str]], lines: list[str]) -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    _checked((head + "\r\n" + "\r\n".join(lines)).encode("utf-8", "surrogatepass"))


@settings(deadline=None)
@given(st.text())
def test_any_text_has_an_answer_and_any_html_a_text(text: str) -> None:
    assert len(answer(text)) <= len(text)
    assert "<script" not in from_html(f"<script>{text}</script>{text.replace('&', '')}")


@given(st.binary(max_size=60), FIELD)
def test_any_bytes_in_any_charset_are_characters(content: bytes, charset: str) -> None:
    assert all(each.isprintable() or each in "\n\t" for each in decoded(content, charset))


def _checked(raw: bytes) -> Incoming | None:
    try:
        found = read(raw)
    except Unreadable:
        return None
    told: list[Any] = [found.subject, found.name, found.message_id, *found.references, *found.files]
    assert all(each.isprintable() for each in told)
    return found
