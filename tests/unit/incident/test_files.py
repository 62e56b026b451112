"""Names that are only shown, and kinds that are only believed when they are found."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Invalid
from services.incident.domain import files

PNG, ZIP, OLE = b"\x89PNG\r\n\x1a\n", b"PK\x03\x04rest", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    ("given_name", "shown"),
    [
        ("../../x", "x"),
        ("/etc/passwd", "passwd"),
        ("C:\\x\\y.txt", "y.txt"),
        ("a\0b.txt", "ab.txt"),
        ("a\r\nSet-Cookie: b.txt", "aSet-Cookie: b.txt"),
        (".htaccess", "htaccess"),
        ("CON", "_CON"),
        ("lpt1.txt", "_lpt1.txt"),
        ("console.txt", "console.txt"),
        ("report.pdf. .", "report.pdf"),
        ("gpj.\u202eexe.png", "gpj.exe.png"),
        ('a"b;c.txt', 'a"b;c.txt'),
        ("....", "file"),
        ("", "file"),
        ("🔥.png", "🔥.png"),
        ("U\u0308ber.txt", "Über.txt"),
        ("x" * 4096 + ".png", "x" * 196 + ".png"),
    ],
)
def test_a_name_is_one_safe_step_of_a_path(given_name: str, shown: str) -> None:
    assert files.display_name(given_name) == shown


@given(st.text(max_size=400))
def test_no_name_holds_a_path_a_control_or_nothing_and_making_it_safe_again_changes_nothing(text: str) -> None:
    name = files.display_name(text)
    assert 0 < len(name) <= files.LONGEST_NAME + 1
    assert not {"/", "\\", "\0", "\n", "\r", "\u202e"} & set(name)
    assert not any(unicodedata.category(letter) in {"Cc", "Cf", "Cs"} for letter in name)
    assert not name.startswith((".", " ")) and not name.endswith((".", " "))


@pytest.mark.parametrize("name", ["setup.exe", "invoice.pdf.exe", "invoice.exe.pdf", "a.JS", "x.ps1", "gpj.exe.png"])
def test_what_runs_when_it_is_opened_is_not_taken(name: str) -> None:
    with pytest.raises(Invalid, match="are not taken"):
        files.require_harmless(name)


def test_what_has_no_such_extension_is_taken() -> None:
    for name in ("exe", "report.pdf", "archive.tar.gz", "js notes.txt", "no extension"):
        files.require_harmless(name)


@pytest.mark.parametrize(
    ("content", "said", "kind"),
    [
        (PNG, "", "image/png"),
        (PNG, "image/png", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg", "image/jpeg"),
        (b"GIF89a/*<script>*/=1;alert(1)", "image/gif", "image/gif"),
        (b"RIFF....WEBPVP8 ", "", "image/webp"),
        (b"%PDF-1.7", "", "application/pdf"),
        (ZIP, DOCX, DOCX),
        (ZIP, "", "application/zip"),
        (OLE, "application/msword", "application/msword"),
        ("Grüße".encode(), "text/csv", "text/plain"),
        ("Grüße".encode()[:-1] + b"\xc3", "", "text/plain"),
        (b"<!DOCTYPE html><script>alert(1)</script>", "", "text/html"),
        (b'\xef\xbb\xbf <?xml version="1.0"?><svg onload="alert(1)"/>', "", "image/svg+xml"),
        (b'<?xml version="1.0"?><?xml-stylesheet href="x.xsl"?><a/>', "text/xml", "text/xml"),
        (b"\x00\x01\x02", "", "application/octet-stream"),
        (b"\xfe\xed\xff\xc0 nothing", "", "application/octet-stream"),
    ],
)
def test_a_file_is_what_is_found_in_it(content: bytes, said: str, kind: str) -> None:
    assert files.found(content, said) == kind


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<html><script>alert(1)</script>", "image/png"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "image/png"),
        (b"MIME-Version: 1.0\r\nContent-Type: multipart/related", "image/png"),
        (b"%PDF-1.7 /JS (app.alert(1))", "image/png"),
        (PNG, "application/pdf"),
        (PNG, "text/html"),
        (b"plain", DOCX),
        (ZIP, "application/msword"),
        (b"MZ\x90\x00", ""),
        (b"\x7fELF\x02", "text/plain"),
    ],
)
def test_what_says_to_be_something_else_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(Invalid):
        files.found(content, said)


def test_a_declared_type_is_read_without_its_parameters_and_says_nothing_where_it_is_bytes() -> None:
    assert files.declared("Image/JPG; charset=x") == "image/jpeg"
    assert files.declared("application/octet-stream") == files.declared("") == ""
    with pytest.raises(Invalid):
        files.declared("no type\r\n")


@given(st.binary(max_size=64), st.sampled_from(["", "image/png", "text/plain", DOCX]))
def test_any_bytes_are_judged(content: bytes, said: str) -> None:
    try:
        kind = files.found(content, said)
    except Invalid:
        return
    assert "/" in kind
