"""The standard library's mail parser within limits, so that no message takes more time or memory than its size explains.

Fails with `Unreadable` alone, whatever the bytes are.
"""

import codecs
import re
from collections.abc import Callable, Iterator
from email.message import Message
from email.parser import BytesParser
from email.policy import EmailPolicy
from typing import Any, TypeVar

LARGEST = 25 * 1024 * 1024
HEADER_BYTES = 128 * 1024
MOST_PARTS = 100
_LONGEST_HEADER, _LONGEST_KIND = 4096, 500
_DEEPEST = 20
_PARTED = re.compile(rb"^content-type\s*:", re.IGNORECASE | re.MULTILINE)
_NESTED = re.compile(rb"boundary\s*=|message/(?:rfc822|global|partial)", re.IGNORECASE)
_MOST_NESTED = 40
_BLANK = re.compile(rb"\r?\n\r?\n")
# Kept as they stand: ids are no words, and reading them as such takes the longer the more there are; and what a server says
# of a sender must not be made of words that the sender had encoded.
_AS_IT_STANDS = frozenset({"message-id", "in-reply-to", "references", "authentication-results"})
# Codecs that make text of bytes, step by step; some that Python knows take time by the square of what they are given.
_CHARSETS = re.compile(
    r"utf-(?:8|8-sig|16|16-le|16-be|32|32-le|32-be)|ascii|iso8859-\d+|cp\d+|koi8-[rtu]|mac-\w+|gb2312|gbk|gb18030|hz|big5|"
    r"big5hkscs|euc_\w+|shift_jis\w*|iso2022_\w+|johab|tis-620|kz1048|ptcp154"
)
_TEXT_BYTES = 1024 * 1024


T = TypeVar("T")


class Unreadable(Exception):
    """No message that could be worked. Its text says why, for people."""


class _Careful(EmailPolicy):
    """The default policy with an end to the length of a header, and no error in reading one."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        # Of each part its kind is read, many times, and by the square of its parameters.
        return name, value[: _LONGEST_KIND if name.lower().startswith("content-") else _LONGEST_HEADER]

    def header_fetch_parse(self, name: str, value: Any) -> Any:
        if name.lower() in _AS_IT_STANDS:
            return _plain(str(value))
        try:
            return super().header_fetch_parse(name, value)
        except Exception:  # of the library's parsers, each of which fails in its own way on some input
            return _plain(str(value))


_PARSER = BytesParser(policy=_Careful())


def parsed(raw: bytes) -> Message:
    """The message that these bytes are."""
    if not raw.strip():
        raise Unreadable("it is empty")
    if len(raw) > LARGEST:
        raise Unreadable(f"it has more than {LARGEST} bytes")
    end = _BLANK.search(raw)
    if (end.start() if end else len(raw)) > HEADER_BYTES:
        raise Unreadable(f"its headers have more than {HEADER_BYTES} bytes")
    if _more(_PARTED, raw, MOST_PARTS) or _more(_NESTED, raw, _MOST_NESTED):
        raise Unreadable("it has too many parts")
    try:
        return _PARSER.parsebytes(raw)
    except Exception as error:  # the library promises none, and has some; RecursionError among them
        raise Unreadable(f"it is no message: {type(error).__name__}") from error


def head(raw: bytes) -> Message:
    """Its headers alone."""
    end = _BLANK.search(raw[: HEADER_BYTES + 4])
    return parsed(raw[: end.start() if end else HEADER_BYTES].lstrip() + b"\n\n")


def told(ask: Callable[[], T], otherwise: T) -> T:
    """What the library says, or `otherwise` where it fails on what it was given."""
    try:
        return ask()
    except Exception:  # of parsers, each of which fails in its own way on some input
        return otherwise


def header(message: Message, name: str) -> str:
    """A header as one line of text, empty where there is none."""
    return told(lambda: _plain(str(message.get(name, ""))), "")


def parts(message: Message) -> Iterator[tuple[Message, int]]:
    """The parts that hold something, in their order, and how deep each lies; what lies too deep is passed over."""
    waiting: list[tuple[Message, int]] = [(message, 0)]
    while waiting:
        part, depth = waiting.pop()
        inner = part.get_payload() if part.is_multipart() else None
        if isinstance(inner, list) and part.get_content_maintype() == "multipart":
            if depth < _DEEPEST:
                waiting += [(each, depth + 1) for each in reversed(inner) if isinstance(each, Message)]
        else:
            yield part, depth


def text_of(part: Message) -> str:
    """The text of a part in whatever charset it says, the first of it where it is long; what is no text is replaced."""
    payload: Any = told(lambda: part.get_payload(decode=True), None)
    charset: Any = told(lambda: part.get_content_charset(), None)
    return decoded(payload[:_TEXT_BYTES] if isinstance(payload, bytes) else b"", str(charset or ""))


def decoded(content: bytes, charset: str) -> str:
    """Bytes as text. A charset that nobody knows, or nobody should, counts as UTF-8, and else as Latin."""
    try:
        name = codecs.lookup(charset).name if charset and len(charset) < 40 else ""
    except (LookupError, ValueError):
        name = ""
    if _CHARSETS.fullmatch(name):
        found = content.decode(name, "replace")
    else:
        try:
            found = content.decode()
        except UnicodeDecodeError:
            found = content.decode("cp1252", "replace")
    return tidy(found)


def tidy(text: str) -> str:
    """Text with ends of lines as we write them, and nothing that is no character."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    kept = (letter if letter.isprintable() or letter in "\n\t" else " " if letter.isspace() else "" for letter in lines)
    return "".join(kept)


def _plain(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _more(pattern: re.Pattern[bytes], raw: bytes, most: int) -> bool:
    return any(count >= most for count, _ in enumerate(pattern.finditer(raw)))
