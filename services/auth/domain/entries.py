"""What an LDAP server answered, as people and what their groups give them. Nothing here is sent anywhere."""

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from services.auth.domain.directory import Directory, DirectoryGroup
from services.auth.domain.reconcile import Entry

MEMBERS = ("member", "uniqueMember", "memberUid")
ACCOUNT = "userAccountControl"
"""Where Active Directory says, by its second bit, that an account is disabled."""
_DISABLED = 2
_LONGEST_NAME, _LONGEST = 255, 255
_MAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}")
_PAIR = re.compile(rb"\\([0-9a-fA-F]{2})|\\(.)", re.DOTALL)
_PARTS = re.compile(r"((?:[^\\,+]|\\.)*)(?:[,+]|$)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Raw:
    """An entry as it came. Names of attributes are in lower case."""

    dn: str
    values: Mapping[str, Sequence[bytes]]

    def all(self, name: str) -> list[str]:
        """The texts of an attribute; what is no text is left out."""
        found = []
        for value in self.values.get(name.lower(), ()):
            try:
                found.append(value.decode())
            except UnicodeDecodeError:
                continue
        return found

    def text(self, name: str) -> str:
        """The first of them without surrounding space; empty where there is none."""
        return next((text.strip() for text in self.all(name)), "")


@dataclass(frozen=True, slots=True)
class Answer:
    """What was read. `failed` says why nothing can be done with it; `findings` tell in words what was seen on the way."""

    people: Sequence[Raw] = ()
    groups: Sequence[Raw] = ()
    complete: bool = False
    findings: Sequence[str] = ()
    failed: str = ""


def same_dn(text: str) -> str:
    """A distinguished name in a form that is equal for equal names (RFC 4514): case, space and escapes do not count."""
    parts = []
    for match in _PARTS.finditer(text):
        kind, _, value = match[1].partition("=")
        if not kind.strip() and not value:
            continue
        plain = _PAIR.sub(lambda pair: bytes.fromhex(pair[1].decode()) if pair[1] else pair[2], value.strip().encode())
        parts.append(f"{kind.strip().lower()}={' '.join(plain.decode(errors='replace').casefold().split())!r}")
    return ",".join(parts)


class Groups:
    """Who belongs to the groups that a directory's mapping names, direct or through groups that were read, too."""

    def __init__(self, directory: Directory, groups: Sequence[Raw]) -> None:
        self._mapping = directory.groups
        self._groups = {same_dn(group.dn): group for group in groups}

    @cached_property
    def _members(self) -> Sequence[tuple[DirectoryGroup, frozenset[str], frozenset[str]]]:
        return [(each, *self._within(self._named(each.group))) for each in self._mapping]

    def unknown(self) -> list[str]:
        """Groups of the mapping that were not read."""
        return [each.group for each in self._mapping if not self._named(each.group)]

    def gives(self, person: Raw, username: str) -> tuple[frozenset[str], frozenset[str]]:
        """The teams and the roles of somebody."""
        name = same_dn(person.dn)
        mine = [each for each, names, accounts in self._members if name in names or username in accounts]
        return frozenset(each.team for each in mine if each.team), frozenset(each.role for each in mine if each.role)

    def _named(self, group: str) -> list[str]:
        """By distinguished name, else by `cn`, of which there may be several."""
        if (name := same_dn(group)) in self._groups:
            return [name]
        wanted = group.casefold()
        return [name for name, raw in self._groups.items() if wanted in (text.casefold() for text in raw.all("cn"))]

    def _within(self, start: Sequence[str]) -> tuple[frozenset[str], frozenset[str]]:
        names: set[str] = set()
        accounts: set[str] = set()
        waiting, seen = list(start), set(start)
        while waiting:
            raw = self._groups[waiting.pop()]
            accounts.update(text.strip().lower() for text in raw.all("memberUid"))
            for member in (same_dn(text) for kind in ("member", "uniqueMember") for text in raw.all(kind)):
                names.add(member)
                if member in self._groups and member not in seen:
                    seen.add(member)
                    waiting.append(member)
        return frozenset(names), frozenset(accounts)


def entries(directory: Directory, answer: Answer) -> list[Entry]:
    """The people of an answer; those that cannot be taken over say why."""
    groups = Groups(directory, answer.groups)
    return [_entry(directory, raw, groups) for raw in answer.people]


def _entry(directory: Directory, raw: Raw, groups: Groups) -> Entry:
    username = raw.text(directory.usual("username")).lower()
    first, last, mail = (raw.text(directory.usual(name)) for name in ("first_name", "last_name", "email"))
    key = _key(raw, directory.usual("key"))
    teams, roles = groups.gives(raw, username)
    wrong = ""
    if not key:
        wrong = f"it has no {directory.usual('key')}, by which it would be known again"
    elif not username:
        wrong = f"it has no {directory.usual('username')} to sign in with"
    elif len(username) > _LONGEST_NAME or not username.isprintable():
        wrong = "its sign-in name is too long, or has letters that cannot be seen"
    elif mail and not _MAIL.fullmatch(mail):
        wrong = "its mail address is none"
    elif not all(len(text) <= _LONGEST and text.isprintable() for text in (first, last)):
        wrong = "its name is too long, or has letters that cannot be seen"
    control = raw.text(ACCOUNT)
    return Entry(
        key=key or same_dn(raw.dn),
        username=username or raw.dn[:_LONGEST],
        first_name=first,
        last_name=last,
        email=mail,
        teams=teams,
        roles=roles,
        active=not (control.isdecimal() and int(control) & _DISABLED),
        wrong=wrong,
    )


def _key(raw: Raw, attribute: str) -> str:
    value = next(iter(raw.values.get(attribute.lower(), ())), b"")
    if attribute.lower() == "objectguid" and len(value) == 16:
        return str(uuid.UUID(bytes_le=bytes(value)))
    try:
        return value.decode().strip()[:_LONGEST]
    except UnicodeDecodeError:
        return value.hex()[:_LONGEST]
