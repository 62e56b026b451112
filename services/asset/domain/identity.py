"""What assets are recognized by, in the one form that is compared, and the values that are none.

A value that many machines share is worse than none: it merges strangers. What makers, firmwares and adapters are known to
leave behind is therefore not kept at all.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from uuid import UUID

MOST = 100
"""Identifiers that an asset may have."""
LONGEST = 300


class IdentifierKind(StrEnum):
    """What an identifier is."""

    SERIAL = "SERIAL"
    UUID = "UUID"
    MAC = "MAC"
    FQDN = "FQDN"
    HOSTNAME = "HOSTNAME"
    CLOUD_ID = "CLOUD_ID"
    ASSET_TAG = "ASSET_TAG"
    AGENT = "AGENT"
    IP = "IP"
    MACHINE = "MACHINE"


STRONG = (IdentifierKind.UUID, IdentifierKind.SERIAL, IdentifierKind.CLOUD_ID, IdentifierKind.ASSET_TAG)
"""A machine has one of each: two that say another one are two machines, whatever else they share."""

CLAIMED = frozenset({*STRONG, IdentifierKind.MAC, IdentifierKind.AGENT})
"""One asset per value; who comes second with the same one and contradicts in a strong one has it without holding it."""

ANYBODYS = frozenset({IdentifierKind.HOSTNAME, IdentifierKind.IP})
"""Names and addresses that identify nothing by themselves."""

SHARED = frozenset({*ANYBODYS, IdentifierKind.MACHINE})
"""What identifies nothing alone: names and addresses, and what every copy of an image has."""

SYSTEM = "SYSTEM"
"""How keys of installed systems begin."""

_JUNK_TEXTS = frozenset(
    {
        "TO BE FILLED BY O.E.M.", "TO BE FILLED BY OEM", "DEFAULT STRING", "SYSTEM SERIAL NUMBER", "CHASSIS SERIAL NUMBER",
        "BASE BOARD SERIAL NUMBER", "SYSTEM MANUFACTURER", "SYSTEM PRODUCT NAME", "SYSTEM VERSION", "NOT SPECIFIED",
        "NOT APPLICABLE", "NOT AVAILABLE", "NOT DEFINED", "NOT SETTABLE", "N/A", "NONE", "NULL", "NIL", "UNKNOWN", "INVALID",
        "EMPTY", "DEFAULT", "OEM", "O.E.M.", "OEM_SERIAL", "NO SERIAL", "NO ASSET TAG", "NO ASSET INFORMATION", "ASSET TAG",
        "ASSET-1234567890", "SERIAL", "SERIAL NUMBER", "SERNUM0", "TBD", "TEST", "UNDEFINED", "MODEL", "PRODUCT NAME",
        "0123456789", "123456789", "1234567890", "12345678", "1234567", "123456", "12345", "1234", "ABCDEFGH", "XXXXXXXX",
    }
)  # fmt: skip
_JUNK_UUIDS = frozenset(
    {
        "03000200-0400-0500-0006-000700080009",
        "00020003-0004-0005-0006-000700080009",
        "12345678-1234-5678-90ab-cddeefaabbcc",
        "12345678-1234-5678-1234-567812345678",
        "4c4c4544-0000-2010-8020-80c04f202020",
        "58585858-5858-5858-5858-585858585858",
        "a0a0a0a0-a0a0-a0a0-a0a0-a0a0a0a0a0a0",
        "fefefefe-fefe-fefe-fefe-fefefefefefe",
        "11111111-2222-3333-4444-555555555555",
        "01234567-8910-1112-1314-151617181920",
        "ffffffff-0000-0000-0000-000000000000",
    }
)
# Adapters that come with a program, a dock or a cable and not with a machine.
_JUNK_MACS = (
    "00:05:9a:3c:7a",  # a VPN client
    "00:09:0f:fe", "00:09:0f:aa",  # another
    "00:1c:42:00:00:08", "00:1c:42:00:00:09",  # host side of a hypervisor
    "00:50:56:c0:00",  # another
    "00:50:b6", "8c:ae:4c", "00:e0:4c:36", "00:e0:4c:68",  # docks and USB adapters
    "20:41:53:59:4e:ff", "50:50:54:50:30:30",  # dial-up ports
    "00:00:5e:00:01", "00:00:5e:00:02",  # shared by routers that stand in for each other
)  # fmt: skip
# Locally administered addresses are made up and may come back anywhere; these hypervisors give them to their guests for good.
_GUEST_MACS = ("52:54:00", "fa:16:3e")
_HEX = re.compile(r"[0-9a-f]{12}")
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_LOCAL_NAMES = frozenset({"localhost", "localhost.localdomain", "localhost6", "ip6-localhost", "(none)", "none", "unknown"})


@dataclass(slots=True, kw_only=True, frozen=True)
class Identifier:
    """Something that an asset is recognized by."""

    kind: IdentifierKind
    value: str

    @property
    def key(self) -> str:
        """How it is looked up and held."""
        return f"{self.kind.value}|{self.value}"


def system_keys(identifiers: Iterable[Identifier]) -> set[str]:
    """By what an installed system is looked up and held: together with each of its names, because copies share the rest."""
    known = list(identifiers)
    systems = [each.value for each in known if each.kind is IdentifierKind.MACHINE]
    names = [each.value for each in known if each.kind is IdentifierKind.HOSTNAME]
    return {f"{SYSTEM}|{system}|{name}" for system in systems for name in names}


def is_junk(text: str) -> bool:
    """Whether a text is what a maker leaves where nothing was filled in."""
    plain = " ".join(text.split()).upper()
    bare = re.sub(r"[\s.\-_:/#*]", "", plain)
    return plain in _JUNK_TEXTS or len(set(bare)) <= 1


def clean(kind: IdentifierKind, value: str) -> Identifier | None:
    """The identifier in the form that is compared; None for what is no value of its kind."""
    text = " ".join(value.split())
    if not text or len(text) > LONGEST:
        return None
    cleaned = _CLEANERS[kind](text)
    return Identifier(kind=kind, value=cleaned) if cleaned else None


def distinct(identifiers: Iterable[Identifier]) -> list[Identifier]:
    """Each once, in the order of kind and value, as many as an asset may have."""
    order = list(IdentifierKind)
    return sorted(set(identifiers), key=lambda each: (order.index(each.kind), each.value))[:MOST]


def _serial(text: str) -> str:
    return "" if is_junk(text) or len(text) < 3 else text.upper()


def _uuid(text: str) -> str:
    """Firmware readers differ in the order of the first three parts: of both readings the smaller one stands for both."""
    try:
        parsed = UUID(text)
    except ValueError:
        return ""
    both = {str(parsed), str(UUID(bytes=parsed.bytes_le))}
    junk = both & _JUNK_UUIDS or len(set(parsed.hex)) <= 1
    return "" if junk else min(both)


def _machine(text: str) -> str:
    """As the agent made it: a hash has no other order of bytes."""
    try:
        parsed = UUID(text)
    except ValueError:
        return ""
    return "" if len(set(parsed.hex)) <= 2 else str(parsed)


def _mac(text: str) -> str:
    digits = re.sub(r"[:.\-\s]", "", text.lower())
    if not _HEX.fullmatch(digits) or len(set(digits)) == 1:
        return ""
    mac = ":".join(digits[place : place + 2] for place in range(0, 12, 2))
    first = int(digits[:2], 16)
    multicast, made_up = first & 1, first & 2 and not mac.startswith(_GUEST_MACS)
    return "" if multicast or made_up or mac.startswith(_JUNK_MACS) else mac


def _name(text: str) -> str:
    name = text.lower().rstrip(".")
    return "" if name in _LOCAL_NAMES or not _NAME.fullmatch(name) else name


def _full_name(text: str) -> str:
    name = _name(text)
    return name if "." in name and not name.startswith("localhost.") else ""


def _ip(text: str) -> str:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    return (
        "" if address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast else str(address)
    )


_CLEANERS: dict[IdentifierKind, Callable[[str], str]] = {
    IdentifierKind.SERIAL: _serial,
    IdentifierKind.UUID: _uuid,
    IdentifierKind.MAC: _mac,
    IdentifierKind.FQDN: _full_name,
    IdentifierKind.HOSTNAME: _name,
    IdentifierKind.CLOUD_ID: lambda text: "" if is_junk(text) else text,
    IdentifierKind.ASSET_TAG: lambda text: "" if is_junk(text) else text.upper(),
    IdentifierKind.AGENT: lambda text: text,
    IdentifierKind.IP: _ip,
    IdentifierKind.MACHINE: _machine,
}
