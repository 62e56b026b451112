"""A message as it came in, as far as anything is made of it: who wrote what, in answer to what, and whether anybody did.

Nothing of it is trusted: headers by which platforms steer mail among themselves are never looked at, a sender is only whom the
message names, unless a server that is trusted vouches for him. Fails with `careful.Unreadable` alone.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from email.message import Message
from mimetypes import guess_extension
from typing import Any

from chassis.errors import Invalid
from services.gateway.mail import words
from services.gateway.mail.addresses import Address
from services.gateway.mail.careful import Unreadable, header, parsed, parts, text_of, told
from services.gateway.mail.composing import NAME_LENGTH, SUBJECT_LENGTH, line
from services.gateway.mail.proof import vouched

MOST_REFERENCES = 50
MOST_FILES = 50
_FILE_LENGTH = 120
_ID = re.compile(r"<([^<>\s]{1,250})>")
_DELIVERY = re.compile(rb"<?(dlv_[0-9a-f]{32})@")
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_AUTOMATIC = frozenset({"bulk", "junk", "auto_reply"})
_NOBODY = frozenset({"mailer-daemon", "postmaster"})
_ANSWERS = re.compile(r"^(?:(?:re|aw|fwd?|wg|sv|vs|antw|ref|tr)\s*(?:\[\d+\])?\s*:\s*)+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Bounce:
    """A server says that a message did not arrive. `deliveries` are those that it can mean; `final` that it never will."""

    deliveries: tuple[str, ...]
    final: bool
    status: str
    words: str


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that came with a message, images within its text included. Its declared type is not believed, and not kept."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Incoming:
    """What a message says. `text` is all of it, `answer` without what it quotes; ids are without their angle brackets."""

    sender: Address
    proven: bool
    """Whether a trusted server says that it is of the sender's domain."""
    name: str
    subject: str
    text: str
    answer: str
    message_id: str
    references: tuple[str, ...]
    files: tuple[str, ...]
    attached: tuple[Attached, ...]
    automatic: str
    """Why nobody wrote it; empty where somebody did."""
    bounce: Bounce | None


def read(raw: bytes, authserv_ids: Collection[str] = ()) -> Incoming:
    """What these bytes say. `authserv_ids` name the servers whose word for a sender counts. Raises `Unreadable`."""
    message = parsed(raw)
    bounce = _bounce(message, raw)
    sender, name = _sender(message, required=bounce is None)
    text, files, attached = _said(message)
    subject = line(header(message, "subject"), SUBJECT_LENGTH)
    return Incoming(
        sender=sender,
        proven=vouched(message, sender, authserv_ids),
        name=name,
        subject=subject,
        text=text,
        answer=words.answer(text),
        message_id=message_id(message),
        references=_references(message),
        files=files,
        attached=attached,
        automatic=_automatic(message, sender),
        bounce=bounce,
    )


def message_id(message: Message) -> str:
    """The message's own id; empty where it has none."""
    found = _ID.search(header(message, "message-id"))
    return found[1] if found else ""


def topic(subject: str) -> str:
    """A subject without what answers put before it."""
    return _ANSWERS.sub("", subject).strip()


def _sender(message: Message, *, required: bool) -> tuple[Address, str]:
    value = message.get("from")
    try:
        first = value.addresses[0]  # type: ignore[union-attr] # what is none of these is no sender
        return Address.of(first.addr_spec), line(first.display_name, NAME_LENGTH)
    except (AttributeError, IndexError, Invalid, ValueError, TypeError) as wrong:
        if required:
            raise Unreadable("it names no sender") from wrong
        return Address("mailer-daemon", "invalid"), ""


def _references(message: Message) -> tuple[str, ...]:
    """What it answers to, the nearest first."""
    ids = _ID.findall(header(message, "in-reply-to")) + _ID.findall(header(message, "references"))[::-1]
    return tuple(dict.fromkeys(ids))[:MOST_REFERENCES]


def _said(message: Message) -> tuple[str, tuple[str, ...], tuple[Attached, ...]]:
    """Its text, from HTML where there is no other, the names of its files, and the files."""
    plain: list[str] = []
    html: list[str] = []
    files: list[str] = []
    attached: list[Attached] = []
    for part, _ in parts(message):
        kind, name = told(part.get_content_type, "application/octet-stream"), _file_name(part)
        if name or told(part.get_content_disposition, None) == "attachment" or kind.startswith("message/"):
            files.append(name or kind)
            attached.append(_attached(part, kind, name))
        elif kind == "text/plain" and len(plain) < 10:
            plain.append(text_of(part))
        elif kind == "text/html" and not html:
            html.append(text_of(part))
        elif not kind.startswith("text/"):
            files.append(kind)
            attached.append(_attached(part, kind, ""))
    text = "\n".join(plain).strip()
    if not text and html:
        text = words.from_html(html[0]).strip()
    return text, tuple(files[:MOST_FILES]), tuple(each for each in attached[:MOST_FILES] if each.content)


def _attached(part: Message, kind: str, name: str) -> Attached:
    inner = part.get_payload()
    if kind.startswith("message/") and isinstance(inner, list):  # a message that was sent on, as it came
        letters = [each for each in inner if isinstance(each, Message)]
        return Attached(name or "message.eml", b"".join(told(each.as_bytes, b"") for each in letters))
    content: Any = told(lambda: part.get_payload(decode=True), None)
    return Attached(name or f"file{guess_extension(kind) or ''}", content if isinstance(content, bytes) else b"")


def _file_name(part: Message) -> str:
    return line(str(told(lambda: part.get_filename(""), "")).replace("\\", "/").rpartition("/")[2], _FILE_LENGTH)


def _automatic(message: Message, sender: Address) -> str:
    """Why it is an answer by a machine (RFC 3834, and what programs did before there was one)."""
    submitted = header(message, "auto-submitted").partition(";")[0].strip().lower()
    if submitted and submitted != "no":
        return "a machine sent it (Auto-Submitted)"
    if header(message, "precedence").lower() in _AUTOMATIC:
        return "a machine sent it (Precedence)"
    if header(message, "x-autoreply") or header(message, "x-autorespond") or header(message, "x-loop"):
        return "a machine answered (X-Autoreply, X-Loop)"
    if header(message, "return-path") == "<>":
        return "it wants no answer (an empty sender)"
    if sender.local.lower() in _NOBODY:
        return "its sender is no person"
    return ""


def _bounce(message: Message, raw: bytes) -> Bounce | None:
    """What a delivery status notification says (RFC 3464)."""
    kind = told(message.get_content_type, "")
    if kind != "multipart/report" or told(lambda: message.get_param("report-type"), None) != "delivery-status":
        return None
    action = status = said = ""
    for part, _ in parts(message):
        if told(part.get_content_type, "") != "message/delivery-status":
            continue
        blocks = part.get_payload()
        for block in blocks if isinstance(blocks, list) else ():
            if isinstance(block, Message) and (action := header(block, "action").lower()):
                status = (_STATUS.search(header(block, "status")) or [""])[0]
                said = header(block, "diagnostic-code")
                break
    found = tuple(dict.fromkeys(each.decode() for each in _DELIVERY.findall(raw)))[:5]
    return Bounce(found, action == "failed" or (not action and status.startswith("5")), status, said[:500])
