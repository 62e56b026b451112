"""Words that come in and go out: templates that reach for more, addresses that are several, mail that is none."""

import asyncio
import uuid
from email.message import EmailMessage
from typing import Any

import aiosmtplib
import pytest

from tests.e2e.test_mail import REQUESTER, SOON, became, mailed
from tests.support.attempts import Attempt, attempted
from tests.support.gateway import Gateway
from tests.support.universal import watched
from tests.unit.gateway.test_mail_in import letter
from tests.unit.gateway.test_templates import ATTACKS

BENT = (
    "ann", "ann@", "a@b.example, c@d.example", "a@b@c.example", '"ann smith"@demo.example', "ann(comment)@demo.example",
    "Ann <ann@demo.example>", "ann@demo.example\r\nBcc: eve@evil.example", "ann%0d%0a@\r\ndemo.example",
    "ann\u2028@demo.example",
    "ann@[127.0.0.1]", "undisclosed-recipients:;", f"ann@{'a.' * 130}example", ",".join(["ann@demo.example"] * 10_000),
)  # fmt: skip


@pytest.fixture
async def desk(keeper: Gateway) -> dict[str, Any]:
    """A mailbox of this test's own."""
    wanted = {"address": f"desk-{uuid.uuid4().hex[:8]}@demo.example", "name": "Service Desk", "category": "attack"}
    found: dict[str, Any] = await keeper.post("mailboxes", wanted)
    return found


async def test_no_template_reaches_out_of_itself_and_no_address_is_several(stack: dict[str, Any], keeper: Gateway) -> None:
    words = {"name": f"attack-{uuid.uuid4().hex[:8]}", "channel": "MAIL", "locale": "en", "subject": "x"}
    tries = [
        *(
            Attempt(
                f"the template {source[:40]!r}", (422,), "templates", body=words | {"body": f"Hello,\n{source}"}, says="line "
            )
            for source in ATTACKS
        ),
        *(Attempt(f"the address {text[:40]!r}", (422,), "mailboxes", body={"address": text, "name": "x"}) for text in BENT),
    ]

    async def kept() -> Any:
        return [(await keeper.get(plural))[plural] for plural in ("templates", "mailboxes")]

    async with watched(stack, keeper, unchanged=kept) as watch:
        await attempted(watch, keeper.http, tries)


def parts(count: int) -> EmailMessage:
    mail = EmailMessage()
    mail.set_content("many")
    for _ in range(count):
        mail.add_attachment(b"x", maintype="application", subtype="octet-stream")
    return mail


def nested(depth: int) -> bytes:
    head = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (at, at) for at in range(depth))
    return head + b"Content-Type: text/plain\r\n\r\ndeep\r\n"


def bodies() -> dict[str, bytes]:
    """Mails that a careless reader would choke on, without their first headers."""
    plain = b"Content-Type: text/plain; charset=%s\r\nContent-Transfer-Encoding: %s\r\n\r\n%s"
    return {
        "many parts": parts(2_000).as_bytes(),
        "deep": nested(200),
        "no such alphabet": plain % (b"utf-32", b"8bit", b"\xff\xfe\x00\x00\xff"),
        "base64 that is none": plain % (b"utf-8", b"base64", b"!!!!====" * 100),
        "a file of a mail program": plain.replace(b"text/plain", b"application/ms-tnef; name=winmail.dat")
        % (b"x", b"base64", b"eJ8+Ig=="),
        "a report of nothing": b"Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n--x--\r\n",
        "long heads": b"X-Long: " + b"\r\n ".join([b"y" * 900] * 300) + b"\r\n\r\nlong",
    }


@pytest.mark.timeout(400)
async def test_mail_that_is_none_is_read_or_refused_and_everybody_else_is_served(
    stack: dict[str, Any], keeper: Gateway, agent: Gateway, desk: dict[str, Any]
) -> None:
    run = uuid.uuid4().hex
    async with watched(stack, agent):
        for place, (what, body) in enumerate(bodies().items()):
            head = f"From: {REQUESTER}\r\nSubject: {run} {what}\r\nMessage-ID: <{place}.{run}@mail.example>\r\n"
            for _ in range(2):  # the same twice is once
                try:
                    await mailed(stack, desk, head.encode() + body)
                except aiosmtplib.SMTPResponseException as refused:
                    assert 500 <= refused.code < 600, (what, refused)
        good = f"good.{run}@mail.example"
        await mailed(stack, desk, letter("It burns.", From=REQUESTER, Message_ID=f"<{good}>"))
        assert (await became(keeper, desk, good))["state"] == "DONE"
        async with asyncio.timeout(SOON):
            while True:
                mails = (await keeper.get(f"mailboxes/{desk['id']}/mails", pageSize=100))["mails"]
                if all(mail["state"] != "PENDING" for mail in mails):
                    break
                await asyncio.sleep(0.2)
    ids = [mail["messageId"] for mail in mails]
    assert len(ids) == len(set(ids)) > len(bodies()) // 2
    records = [mail["record"] for mail in mails if mail["record"]]
    assert len(records) == len(set(records)), "one mail, one incident"
