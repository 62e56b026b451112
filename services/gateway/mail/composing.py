"""A message as it goes out: RFC 5322 with text and, where there is one, HTML as its alternative.

Nothing of what is handed in becomes a header of its own: what would end a line is a space. Never fails; what is too long is
cut, HTML that is too long is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.headerregistry import Address as Named
from email.message import EmailMessage

from services.gateway.mail.addresses import Address

SUBJECT_LENGTH, NAME_LENGTH = 300, 100
TEXT_LENGTH, HTML_LENGTH = 256 * 1024, 512 * 1024
MOST_REFERENCES = 20

# What a person reads travels in seven bits: a server without 8BITMIME takes it, too.
_PLAIN = policy.SMTP.clone(cte_type="7bit")
_WIDE = policy.SMTPUTF8.clone(cte_type="7bit")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a message is from."""

    address: Address
    name: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """What is to be sent. Ids are without their angle brackets; `references` the oldest first, the last is answered."""

    sender: Identity
    to: Address
    subject: str
    text: str
    html: str
    message_id: str
    references: Sequence[str]
    at: datetime

    @property
    def wide(self) -> bool:
        """Whether the server must know SMTPUTF8."""
        return not (self.sender.address.plain and self.to.plain)


def composed(letter: Letter) -> bytes:
    """The message as bytes."""
    message = EmailMessage(policy=_WIDE if letter.wide else _PLAIN)
    message["From"] = _named(letter.sender)
    message["To"] = _named(Identity(letter.to))
    message["Subject"] = line(letter.subject, SUBJECT_LENGTH) or "(no subject)"
    message["Date"] = letter.at
    message["Message-ID"] = f"<{letter.message_id}>"
    if letter.references:
        message["In-Reply-To"] = f"<{letter.references[-1]}>"
        message["References"] = " ".join(f"<{each}>" for each in letter.references[-MOST_REFERENCES:])
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(_prose(letter.text)[:TEXT_LENGTH] or "\n")
    if letter.html and len(letter.html) <= HTML_LENGTH:
        message.add_alternative(_prose(letter.html), subtype="html")
    return message.as_bytes()


def line(text: str, most: int) -> str:
    """A text as one line of a header: nothing that ends a line, turns the way of writing, is no character or spells one."""
    spaced = "".join(letter if letter.isprintable() else " " for letter in text[: 4 * most]).replace("=?", "= ?")
    return " ".join(spaced.split())[:most].strip()


def _named(identity: Identity) -> Named:
    return Named(line(identity.name, NAME_LENGTH), identity.address.local, identity.address.domain)


def _prose(text: str) -> str:
    kept = (letter for letter in text.replace("\r\n", "\n") if letter.isprintable() or letter in "\n\t" or letter.isspace())
    return "".join(kept).replace("\r", "\n").encode("utf-8", "replace").decode()
