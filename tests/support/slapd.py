"""Debian's slapd as a directory of people: a process of this test alone, on 127.0.0.1, with its data in a folder."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ldap3
import pytest
from ldap3.utils.dn import escape_rdn

from stack.ports import Ports
from tests.support.certificates import Authority
from tests.support.eventually import eventually

BASE = "dc=corp,dc=example"
READER, PASSWORD = f"cn=reader,{BASE}", "read-only-Ünïcode-1"
_ROOT, _ROOT_PASSWORD = f"cn=root,{BASE}", "root-password-1"
_PROGRAM = "/usr/sbin/slapd"

_CONFIGURATION = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/slapd.pid
TLSCACertificateFile {folder}/tls/ca.crt
TLSCertificateFile {folder}/tls/tls.crt
TLSCertificateKeyFile {folder}/tls/tls.key
database mdb
suffix "{base}"
rootdn "{root}"
rootpw {password}
directory {folder}/data
maxsize 67108864
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{reader}" read by anonymous auth by * none
limits dn.exact="{reader}" size.soft=unlimited size.hard=unlimited size.prtotal=unlimited
"""


@dataclass(slots=True)
class Slapd:
    """One that runs. `url` begins in plain text, `secure_url` with TLS; `authority` is whom to trust for both."""

    url: str
    secure_url: str
    authority: Path

    def person(self, uid: str, **more: str) -> str:
        """Adds somebody; says its name in the directory, which is made of `cn`."""
        name = f"cn={escape_rdn(more.get('cn', uid))},ou=people,{BASE}"
        said = {"cn": uid, "sn": uid.title(), "givenName": "Ann", "mail": f"{uid}@corp.example", **more}
        self._do("add", name, ["inetOrgPerson"], {"uid": uid, **said})
        return name

    def people(self, count: int) -> list[str]:
        """Adds so many in one conversation: `p0000`, `p0001`; says their names."""
        names = [f"uid=p{number:04},ou=people,{BASE}" for number in range(count)]
        with self._open() as connection:
            for name in names:
                uid = name[4:9]
                connection.add(name, ["inetOrgPerson"], {"uid": uid, "cn": uid, "sn": uid, "mail": f"{uid}@corp.example"})
        return names

    def group(self, cn: str, members: Sequence[str]) -> str:
        """Adds a group; says its name."""
        name = f"cn={escape_rdn(cn)},ou=groups,{BASE}"
        self._do("add", name, ["groupOfNames"], {"cn": cn, "member": list(members)})
        return name

    def change(self, name: str, **attributes: str | list[str]) -> None:
        """Replaces attributes."""
        values = {key: value if isinstance(value, list) else [value] for key, value in attributes.items()}
        self._do("modify", name, {key: [(ldap3.MODIFY_REPLACE, value)] for key, value in values.items()})

    def remove(self, name: str) -> None:
        """Takes an entry away."""
        self._do("delete", name)

    def _do(self, what: str, *arguments: Any) -> None:
        with self._open() as connection:
            done = getattr(connection, what)(*arguments)
            assert done, (what, arguments, connection.result)

    def _open(self) -> Any:
        server = ldap3.Server(self.url, get_info=ldap3.NONE, connect_timeout=10)
        return ldap3.Connection(server, _ROOT, _ROOT_PASSWORD, auto_bind=True, check_names=False)

    def root(self) -> None:
        """Makes the entries that all others stand below."""
        self._do("add", BASE, ["dcObject", "organization"], {"dc": "corp", "o": "Corp"})
        for unit in ("people", "groups"):
            self._do("add", f"ou={unit},{BASE}", ["organizationalUnit"], {"ou": unit})
        reader: Mapping[str, str] = {"cn": "reader", "userPassword": PASSWORD}
        self._do("add", READER, ["organizationalRole", "simpleSecurityObject"], reader)


@asynccontextmanager
async def slapd(folder: Path) -> AsyncIterator[Slapd]:
    """Runs for the block. Skips the test where it is not there, which CI does not allow."""
    program = shutil.which("slapd") or (_PROGRAM if Path(_PROGRAM).exists() else None)
    if program is None:
        pytest.skip("needs Debian's package slapd")
    ports = Ports(folder / "ports.json")
    plain, secure = f"127.0.0.1:{ports.get('ldap')}", f"127.0.0.1:{ports.get('ldaps')}"
    other = secure.replace("127.0.0.1", "127.0.0.2")  # an address that its certificate does not name
    authority = Authority("directory authority")
    authority.issue(folder / "tls", "urn:directory", hosts=("localhost",))
    (folder / "data").mkdir()
    configuration = folder / "slapd.conf"
    configuration.write_text(
        _CONFIGURATION.format(folder=folder, base=BASE, root=_ROOT, password=_ROOT_PASSWORD, reader=READER)
    )
    with (folder / "slapd.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program,
            "-d",
            "0",
            "-f",
            str(configuration),
            "-h",
            f"ldap://{plain} ldaps://{secure} ldaps://{other}",
            stdout=log,
            stderr=log,
        )
    running = Slapd(f"ldap://{plain}", f"ldaps://{secure}", folder / "tls/ca.crt")

    def answers() -> bool:
        assert process.returncode is None, (folder / "slapd.log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", ports.get("ldap"))) == 0

    try:
        await eventually(answers)
        await asyncio.to_thread(running.root)
        yield running
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
