"""Addresses of mail: one is taken, whatever could be two, or a header, is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Invalid
from services.gateway.mail.addresses import Address


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("ann@demo.example", "ann@demo.example"),
        ("Ann.O'Neil+tickets@Demo.EXAMPLE", "Ann.O'Neil+tickets@demo.example"),
        ("root@mailhost", "root@mailhost"),
        ("jörg@bücher.example", "jörg@xn--bcher-kva.example"),
        ("用户@例子.example", "用户@xn--fsqu00a.example"),
    ],
)
def test_one_address_is_taken_with_its_domain_in_ascii(text: str, spelled: str) -> None:
    assert str(Address.of(text)) == spelled


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "ann",
        "ann@",
        "@demo.example",
        "a@b.example, c@d.example",
        "a@b.example c@d.example",
        "a@b@c.example",
        '"ann smith"@demo.example',
        "ann(comment)@demo.example",
        "Ann <ann@demo.example>",
        "ann@demo.example\r\nBcc: eve@evil.example",
        "ann@demo.example\n",
        "ann\u2028@demo.example",
        "ann@demo..example",
        "ann@-demo.example",
        "ann@demo.example.",
        "ann@[127.0.0.1]",
        ".ann@demo.example",
        "ann.@demo.example",
        "ann@xn--" + "a" * 60 + ".example",
        "a" * 65 + "@demo.example",
        "ä" * 40 + "@demo.example",
        "ann@" + "a." * 130 + "example",
        "ann%0d%0a@\r\ndemo.example",
        "undisclosed-recipients:;",
        "\ud800@demo.example",
    ],
)
def test_whatever_else_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        Address.of(text)


@given(st.text())
def test_any_text_is_one_address_on_one_line_or_refused(text: str) -> None:
    try:
        address = Address.of(text)
    except Invalid:
        return
    assert str(address).count("@") == 1
    assert str(address).isprintable()
    assert not set(str(address)) & set(' <>,;:()[]\\"')


def test_an_address_is_known_in_any_spelling() -> None:
    assert Address.of("Ann@Bücher.example").key == Address.of("ann@xn--bcher-kva.example").key
    assert Address.of("ann@demo.example").key != Address.of("bob@demo.example").key
