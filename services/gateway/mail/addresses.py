"""Mail addresses, taken apart strictly: one address, no comments, no quoted local parts, no groups, no display name.

Fails with `Invalid` alone. Domains are compared and sent in their ASCII form (IDNA 2008), local parts as they were given.
"""

import re
from dataclasses import dataclass
from typing import Self

import idna

from chassis.errors import Invalid

LONGEST = 254
_LONGEST_LOCAL = 64
_LOCAL = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Address:
    """One address; `domain` in lower case and ASCII."""

    local: str
    domain: str

    @classmethod
    def of(cls, text: str, *, name: str = "address") -> Self:
        """The address that a text is. Raises `Invalid` for the field `name`."""
        local, at, domain = text.rpartition("@")
        if not at or len(text.encode("utf-8", "replace")) > LONGEST or not _LOCAL.fullmatch(local):
            raise Invalid({name: "must be one mail address: somebody@example.org"})
        if len(local.encode()) > _LONGEST_LOCAL:
            raise Invalid({name: f"may have {_LONGEST_LOCAL} bytes before its @"})
        return cls(local, _ascii(domain, name))

    @property
    def plain(self) -> bool:
        """Whether servers without SMTPUTF8 take it."""
        return self.local.isascii()

    @property
    def key(self) -> str:
        """By which two spellings of one address are known: no server in use tells capitals apart."""
        return f"{self.local.lower()}@{self.domain}"

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"


def _ascii(domain: str, name: str) -> str:
    try:
        found = idna.encode(domain, uts46=True).decode().lower() if not domain.isascii() else domain.lower()
    except (idna.IDNAError, UnicodeError):
        found = ""
    if not found or not all(_LABEL.fullmatch(label) for label in found.split(".")):
        raise Invalid({name: "names a domain that there cannot be"})
    return found
