"""LDAP servers, read and never written: one connection a reading, to an address that was judged, and to no other.

A name is resolved once, all its addresses must be allowed, and the certificate is held against the name. Referrals are not
followed, aliases not resolved, answers bounded in number, size and time. No value of an entry ever becomes part of a filter.

Fails: never. Whatever goes wrong is told in `Answer.failed`, in words.
"""

import asyncio
import re
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address
from typing import Any

import ldap3
from ldap3.core.exceptions import LDAPException, LDAPSocketOpenError

from chassis.errors import Invalid
from chassis.outbound import Policy, Target, resolve
from services.auth.domain.directory import Directory, Kind
from services.auth.domain.entries import ACCOUNT, MEMBERS, Answer, Groups, Raw, entries

PORTS = {"ldap": 389, "ldaps": 636}
_PAGE = 500
_CONNECT_SECONDS, _ANSWER_SECONDS, _ALL_SECONDS = 5, 20, 120.0
_LONGEST_VALUE = 4096
_PAGED = "1.2.840.113556.1.4.319"
_TOO_MANY, _TOO_LONG, _NO_SUCH = (4, 11), 3, 32
_NO_CREDENTIALS = 49
_AT_ONCE = 3
"""Readings of all tenants. What one may send becomes about four times as much here, and all of them fit into the memory that
an installation gives this service."""
# Threads of their own: a server that keeps one waiting keeps nobody else's.
_READERS = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="directory")
_UNTRUSTED = re.compile(r"certificate verify failed: ([^(]+)")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much one reading takes at most."""

    people: int = 50_000
    groups: int = 5_000
    octets: int = 24 << 20


class _Bounded:
    """A connection of which no more is taken than it may give, and not for longer: the library reads until a message ends."""

    def __init__(self, inner: Any, left: int, until: float) -> None:
        self.inner, self._left, self._until = inner, left, until

    def recv(self, size: int) -> bytes:
        """As that of a socket. Raises `OSError` beyond the bounds."""
        if time.monotonic() > self._until:
            raise OSError(f"it takes longer than {_ALL_SECONDS:.0f} s")
        data: bytes = self.inner.recv(size)
        self._left -= len(data)
        if self._left < 0:
            raise OSError("it sends more than any directory has to say at once: let its filters find less")
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class _Failed(Exception):
    """It cannot be read; the text says why, in words."""


class _Tls(ldap3.Tls):  # type: ignore[misc] # the library has no types
    """TLS by a context of our own, which checks the name that was given, not the address that it stands for."""

    def __init__(self, context: ssl.SSLContext, name: str) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._context, self._name = context, name

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
        plain = getattr(connection.socket, "inner", connection.socket)
        connection.socket = self._context.wrap_socket(plain, do_handshake_on_connect=do_handshake, server_hostname=self._name)


@dataclass(slots=True)
class _Progress:
    """What was seen so far."""

    findings: list[str] = field(default_factory=list)
    complete: bool = True
    until: float = 0.0

    def say(self, text: str) -> None:
        self.findings.append(text)


class LdapReader:
    """See `ports.Ldap`. `trust` makes the context that certificates are checked by, `plain` allows to leave TLS out."""

    def __init__(self, policy: Policy, trust: Callable[[], ssl.SSLContext], *, plain: bool = False) -> None:
        self._policy, self._trust, self._plain = policy, trust, plain

    def check(self, directory: Directory) -> None:
        """Raises `Invalid` for an address that is never reached."""
        self._target(directory)

    def _target(self, directory: Directory) -> Target:
        scheme, _, authority = directory.url.partition("://")
        if scheme.lower() not in PORTS or not authority or "/" in authority.rstrip("/"):
            raise Invalid({"url": "must be ldaps://host[:port] or ldap://host[:port]"})
        if directory.plain and (scheme.lower() == "ldaps" or not self._plain):
            raise Invalid({"plain": "is only for ldap://, where the installation allows it"})
        authority = authority.rstrip("/")
        named = authority.rpartition(":")[2].isdecimal() and not authority.endswith("]")
        port = "" if named else f":{PORTS[scheme.lower()]}"
        target = self._policy.check(f"https://{authority}{port}")
        return Target(scheme.lower(), target.host, target.port, "/")

    async def read(self, directory: Directory, password: str, bounds: Bounds = Bounds()) -> Answer:
        """All people and groups that the directory's filters find, up to the bounds."""
        progress = _Progress()
        try:
            target = self._target(directory)
            address = await self._address(target)
            work = partial(self._read, directory, password, bounds, target, address, progress)
            read = await asyncio.get_running_loop().run_in_executor(_READERS, work)
        except Invalid as problem:
            return Answer(findings=progress.findings, failed=str(problem))
        except (_Failed, LDAPException, OSError) as problem:
            return Answer(findings=progress.findings, failed=_words(problem))
        people, groups = read
        return Answer(people, groups, progress.complete, self._summary(directory, people, groups, progress))

    async def _address(self, target: Target) -> str:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                addresses = await resolve(target.host, target.port)
        except (OSError, TimeoutError):
            raise _Failed(f"the name {target.host} cannot be resolved") from None
        if not addresses or any(self._policy.refusal(ip_address(each.partition("%")[0])) for each in addresses):
            raise _Failed(f"{target.host} stands for an address that is not to be reached")
        return addresses[0]

    def _read(
        self, directory: Directory, password: str, bounds: Bounds, target: Target, address: str, progress: _Progress
    ) -> tuple[list[Raw], list[Raw]]:
        # From here on: who waits for a thread loses no time of his own.
        progress.until = time.monotonic() + _ALL_SECONDS
        connection = self._connection(directory, password, target, address)
        try:
            self._sign_in(connection, directory, target, progress, bounds)
            people = self._search(connection, directory, "user_filter", bounds.people, progress)
            groups = self._search(connection, directory, "group_filter", bounds.groups, progress) if directory.groups else []
            return people, groups
        finally:
            with suppress(LDAPException):  # a connection that was cut off cannot be ended any more
                connection.unbind()

    def _connection(self, directory: Directory, password: str, target: Target, address: str) -> Any:
        tls = None if directory.plain else _Tls(self._trust(), target.host)
        server = ldap3.Server(
            address,
            port=target.port,
            use_ssl=target.scheme == "ldaps",
            tls=tls,
            get_info=ldap3.NONE,
            connect_timeout=_CONNECT_SECONDS,
        )
        return ldap3.Connection(
            server,
            user=directory.bind_dn or None,
            password=password or None,
            client_strategy=ldap3.SAFE_SYNC,
            auto_referrals=False,
            auto_range=True,
            read_only=True,
            check_names=False,
            receive_timeout=_ANSWER_SECONDS,
        )

    @staticmethod
    def _sign_in(connection: Any, directory: Directory, target: Target, progress: _Progress, bounds: Bounds) -> None:
        connection.open(read_server_info=False)
        connection.socket = _Bounded(connection.socket, bounds.octets, progress.until)
        if target.scheme == "ldap" and not directory.plain:
            connection.start_tls(read_server_info=False)
            connection.socket = _Bounded(connection.socket, bounds.octets, progress.until)
        how = "without encryption" if directory.plain else f"by {connection.socket.version()}"
        progress.say(f"Connected to {target.host} at port {target.port} {how}.")
        done, result, _, _ = connection.bind(read_server_info=False)
        if not done:
            why = "the name or the password is wrong" if result["result"] == _NO_CREDENTIALS else result["description"]
            raise _Failed(f"the server does not let {directory.bind_dn or 'anybody without a name'} in: {why}")
        progress.say(f"Signed in as {directory.bind_dn}." if directory.bind_dn else "Let in without a name.")

    def _search(self, connection: Any, directory: Directory, which: str, most: int, progress: _Progress) -> list[Raw]:
        found: list[Raw] = []
        for page in self._pages(connection, directory, which, progress):
            found += page
            if len(found) > most:
                progress.complete = False
                progress.say(f"There are more than {most} entries; the rest was not read.")
                return found[:most]
        return found

    @staticmethod
    def _pages(connection: Any, directory: Directory, which: str, progress: _Progress) -> Iterator[Sequence[Raw]]:
        cookie: bytes | None = None
        elsewhere = 0
        while True:
            if time.monotonic() > progress.until:
                raise _Failed(f"it takes longer than {_ALL_SECONDS:.0f} s")
            _, result, response, _ = connection.search(
                directory.base_dn,
                directory.usual(which),
                search_scope=ldap3.SUBTREE,
                dereference_aliases=ldap3.DEREF_NEVER,
                attributes=_attributes(directory, which),
                time_limit=_ANSWER_SECONDS,
                paged_size=_PAGE,
                paged_cookie=cookie,
            )
            elsewhere += sum(each["type"] == "searchResRef" for each in response or ())
            yield [_raw(each) for each in response or () if each["type"] == "searchResEntry"]
            code = result["result"]
            if code in _TOO_MANY or code == _TOO_LONG:
                progress.complete = False
                progress.say(f"The server stopped before the end: {result['description']}.")
                return
            if code:
                named = f"there is no entry {directory.base_dn}" if code == _NO_SUCH else result["description"]
                raise _Failed(f"the server does not answer the search: {named}")
            cookie = ((result.get("controls") or {}).get(_PAGED) or {}).get("value", {}).get("cookie")
            if not cookie:
                break
        if elsewhere:
            progress.say(f"{elsewhere} parts are kept by other servers, which are not asked.")

    @staticmethod
    def _summary(directory: Directory, people: list[Raw], groups: list[Raw], progress: _Progress) -> list[str]:
        read = entries(directory, Answer(people, groups))
        wrong = [each for each in read if each.wrong]
        said = [*progress.findings, f"{len(people)} people were read below {directory.base_dn}."]
        if wrong:
            said.append(f"{len(wrong)} of them cannot be taken over, such as {wrong[0].username}: {wrong[0].wrong}.")
        if directory.groups:
            said.append(f"{len(groups)} groups were read; they give something to {sum(bool(e.teams | e.roles) for e in read)}.")
            said += [f"There is no group {name}." for name in Groups(directory, groups).unknown()]
        return said


def _words(problem: Exception) -> str:
    """What went wrong, for people: the library wraps what the machine says several times."""
    if found := _UNTRUSTED.search(str(problem)):
        return f"its certificate is not believed: {found[1].strip(' .')}"
    if isinstance(problem, LDAPSocketOpenError):
        return "nobody answers there, or not in time"
    return str(problem) or type(problem).__name__


def _attributes(directory: Directory, which: str) -> list[str]:
    if which == "group_filter":
        return ["cn", *MEMBERS]
    wanted = [directory.usual(name) for name in ("key", "username", "first_name", "last_name", "email")]
    return [*wanted, ACCOUNT] if directory.kind is Kind.ACTIVE_DIRECTORY else wanted


def _raw(entry: Any) -> Raw:
    values = {
        name.partition(";")[0].lower(): [value for value in each if len(value) <= _LONGEST_VALUE]
        for name, each in entry["raw_attributes"].items()
    }
    return Raw(entry["dn"], values)
