"""What monitoring keeps of assets: names to find them by, whose they are, and what decides about dependencies."""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

COUNTED = frozenset({"IN_USE", "IN_REPAIR", "LOST"})
"""States in which an asset is part of what runs; in all but the first of them it does not work."""
WORKING = "IN_USE"
LONGEST_NAME = 253


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """An asset as monitoring knows it."""

    asset_id: str
    name: str = ""
    team_id: str = ""
    criticality: str = ""


def names_of(spoken: str) -> list[str]:
    """By which names something that a sender calls so may be found, the surest first: `db1.example:9100` is also `db1`.

    None for what every machine is called by itself.
    """
    name = _host(spoken.strip().lower().rstrip("."))
    if not name or len(name) > LONGEST_NAME or _is_everywhere(name):
        return []
    short = name.partition(".")[0]
    return [name] if short == name or _is_address(name) else [name, short]


def name_of(identifier: str) -> str:
    """The form in which a name of an asset is kept; empty for one that would find every machine."""
    name = identifier.strip().lower().rstrip(".")
    return "" if len(name) > LONGEST_NAME or _is_everywhere(name) else name


def kept_names(identifiers: Iterable[str]) -> list[str]:
    """All names of an asset in that form, each once."""
    return sorted({name for each in identifiers if (name := name_of(each))})


def _host(spoken: str) -> str:
    """Without a scheme, a path and a port."""
    rest = spoken.partition("://")[2] or spoken
    rest = rest.partition("/")[0]
    if rest.startswith("["):
        return rest[1:].partition("]")[0]
    host, colon, port = rest.rpartition(":")
    return host if colon and port.isdigit() and ":" not in host else rest


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_everywhere(name: str) -> bool:
    if name in ("localhost", "localhost.localdomain"):
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified or address.is_link_local
