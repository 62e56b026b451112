"""Whose word for a sender counts: trusted servers alone, in `Authentication-Results` that nobody can put words into."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.mail.reading import read
from services.gateway.mail.settings import MailSettings

OURS = frozenset({"mx.example.org"})
PASS = "mx.example.org; dmarc=pass header.from=demo.example"


def proven(*results: str, sender: str = "From: Ann <ann@demo.example>", trusted: frozenset[str] = OURS) -> bool:
    heads = "".join(f"Authentication-Results: {each}\r\n" for each in results)
    return read(f"{heads}{sender}\r\nSubject: x\r\n\r\nx".encode(), trusted).proven


@pytest.mark.parametrize(
    "said",
    [
        PASS,
        "MX.example.org 1;\r\n\tspf=fail smtp.mailfrom=x.example;\r\n\tDMARC/1 = Pass (p=none) header.from = Demo.Example",
        'mx.example.org; dkim=pass reason="ok; it (is"; dmarc=pass (a (nested) comment) header.from=demo.example',
    ],
)
def test_a_trusted_server_proves_the_domain_of_the_sender(said: str) -> None:
    assert proven(said) and proven("other.example; dmarc=fail header.from=demo.example", said, "mx.example.org; dkim=fail")
    assert not proven(said, trusted=frozenset())


@pytest.mark.parametrize(
    "said",
    [
        "evil.example; dmarc=pass header.from=demo.example",
        "evil.example; mx.example.org; dmarc=pass header.from=demo.example",
        "mx.example.org.evil.example; dmarc=pass header.from=demo.example",
        "(mx.example.org) evil.example; dmarc=pass header.from=demo.example",
        "mx.example.org; dmarc=fail header.from=demo.example",
        "mx.example.org; dmarc=none",
        "mx.example.org; dmarc=pass",
        "mx.example.org; dmarc=pass header.from=evil.example",
        "mx.example.org; dmarc=pass header.from=sub.demo.example",
        "mx.example.org; dmarc=pass header.from=no_domain",
        "mx.example.org; spf=pass smtp.mailfrom=demo.example; dkim=pass header.d=demo.example",
        "mx.example.org; spf=fail (dmarc=pass header.from=demo.example; dmarc=pass header.from=demo.example)",
        'mx.example.org; spf=fail reason="; dmarc=pass header.from=demo.example"',
        'mx.example.org; spf=fail reason="\\"; dmarc=pass header.from=demo.example"',
        "mx.example.org; spf=fail (\\); dmarc=pass header.from=demo.example)",
        "mx.example.org; spf=fail =?utf-8?q?=3B_dmarc=3Dpass_header=2Efrom=3Ddemo=2Eexample?=",
        'mx.example.org; dmarc=pass header.from=demo.example; x="',
        "mx.example.org; dmarc=pass header.from=demo.example (",
        "",
    ],
)
def test_what_another_says_or_what_stands_in_words_of_somebody_else_proves_nothing(said: str) -> None:
    assert not proven(said)


def test_one_word_against_the_sender_outweighs_any_for_him() -> None:
    assert not proven(PASS, "mx.example.org; dmarc=fail header.from=demo.example")
    assert not proven(PASS, "mx.example.org; dmarc=pass header.from=evil.example")


@pytest.mark.parametrize(
    "sender",
    ["From: ann@demo.example, eve@evil.example", "From: ann@demo.example\r\nFrom: eve@evil.example", "From: ann@x.example"],
)
def test_who_names_several_senders_or_another_is_not_proven(sender: str) -> None:
    assert not proven(PASS, sender=sender)


@given(st.text(alphabet='mx.example.org;=()"\\ dmarcpasfil/1'))
def test_nothing_that_a_header_says_is_an_error(said: str) -> None:
    assert not proven(f"mx.example.org; {said}")


def test_the_servers_that_are_trusted_are_a_list_of_names_empty_unless_given() -> None:
    assert MailSettings().mail_authservs() == frozenset()
    assert MailSettings(mail_authserv_ids="MX.example.org, b.example,").mail_authservs() == {"mx.example.org", "b.example"}
