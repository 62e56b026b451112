"""Whether a server that is trusted says that a message is of whom it names: `Authentication-Results` (RFC 8601) with DMARC.

Never fails: what cannot be read proves nothing, and one word against the sender outweighs any for him.
"""

import re
from collections.abc import Collection, Iterator
from email.message import Message
from typing import Any

from chassis.errors import Invalid
from services.gateway.mail.addresses import Address
from services.gateway.mail.careful import told

_DMARC = re.compile(r"\s*dmarc\s*(?:/\s*\d+\s*)?=\s*([a-z]+)(.*)", re.IGNORECASE)
_FROM = re.compile(r"\sheader\.from\s*=\s*([^\s\"]+)", re.IGNORECASE)
_AGAINST = ("none", "")


def vouched(message: Message, sender: Address, authserv_ids: Collection[str]) -> bool:
    """Whether a server of these names says so, and each of its words about DMARC agrees."""
    # A message with several senders may show one and prove another.
    if not authserv_ids or told(lambda: _senders(message), 0) != 1:
        return False
    said = [each for text in message.get_all("authentication-results", []) for each in _verdicts(str(text), authserv_ids)]
    return bool(said) and all(verdict == ("pass", sender.domain) for verdict in said)


def _senders(message: Message) -> int:
    headers: list[Any] = message.get_all("from", [])
    return sum(len(each.addresses) for each in headers) if len(headers) == 1 else 0


def _verdicts(text: str, authserv_ids: Collection[str]) -> Iterator[tuple[str, str]]:
    """What a header says of DMARC, and of which domain."""
    parts = _parts(text)
    if parts is None:
        yield _AGAINST
    elif next(iter(parts[0].lower().split()), "") in authserv_ids:
        for found in filter(None, map(_DMARC.fullmatch, parts[1:])):
            domain = _FROM.search(found[2])
            yield found[1].lower(), _ascii(domain[1]) if domain else ""


def _parts(text: str) -> list[str] | None:
    """What stands between semicolons, without comments and with quoted texts empty; None where one of them does not end."""
    parts: list[list[str]] = [[]]
    depth, quoted = 0, False
    letters = iter(text)
    for letter in letters:
        if letter == "\\" and (quoted or depth):
            next(letters, "")
        elif quoted or (letter == '"' and not depth):
            quoted = not quoted if letter == '"' else quoted
            parts[-1].append('"' if letter == '"' else "")
        elif letter in "()":
            depth += 1 if letter == "(" else -1
            parts[-1].append(" ")
            if depth < 0:
                return None
        elif not depth and letter == ";":
            parts.append([])
        elif not depth:
            parts[-1].append(letter)
    return None if quoted or depth else ["".join(each) for each in parts]


def _ascii(domain: str) -> str:
    try:
        return Address.of(f"a@{domain}").domain
    except Invalid:
        return ""
