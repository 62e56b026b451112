"""A real LDAP server, read: by TLS of both kinds, page by page, and every way in which that can fail told in words."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from chassis.errors import Invalid
from chassis.outbound import Policy
from chassis.trust import trusting
from services.auth import ldap
from services.auth.domain.directory import Directory, DirectoryAttributes, DirectoryGroup, Kind
from services.auth.domain.entries import entries
from services.auth.ldap import Bounds, LdapReader
from tests.support.slapd import BASE, PASSWORD, READER, Slapd, slapd

HERE = Policy.of(networks="127.0.0.0/8", ports="1024-65535")
STRANGE = 'Zoë, "the" *(admin)#+ \\Ünal'
MANY = 600


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Slapd]:
    async with slapd(tmp_path_factory.mktemp("slapd")) as running:
        yield running


@pytest.fixture(scope="module")
async def full(server: Slapd) -> Slapd:
    """More people than a page has, one of whom is hard to spell, and groups in a ring."""
    names = server.people(MANY)
    odd = server.person("zoe", cn=STRANGE, sn="Ünal", givenName="Zoë", mail="zoe@corp.example")
    server.group("inner, circle", [odd, names[0]])
    server.group("outer", [f"cn=inner\\, circle,ou=groups,{BASE}", f"cn=outer,ou=groups,{BASE}", names[1]])
    return server


def directory(url: str, **given: Any) -> Directory:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    fields = {"name": "Corp", "kind": Kind.OPENLDAP, "url": url, "base_dn": BASE, "bind_dn": READER} | given
    return Directory.made(id="dir_1", at=at, by="u-1", password_set=bool(fields["bind_dn"]), **fields)


def reader(server: Slapd, policy: Policy = HERE, *, plain: bool = False) -> LdapReader:
    return LdapReader(policy, partial(trusting, server.authority), plain=plain)


@pytest.mark.parametrize("secure", [True, False], ids=["ldaps", "starttls"])
async def test_everybody_is_read_by_either_tls(full: Slapd, secure: bool) -> None:
    groups = [
        DirectoryGroup(group="OUTER", team="Netz"),
        DirectoryGroup(group=f"CN=inner\\2C circle, ou=Groups,{BASE}", role="agent"),
    ]
    source = directory(full.secure_url if secure else full.url, groups=groups)
    answer = await reader(full).read(source, PASSWORD)
    assert (answer.failed, answer.complete, len(answer.people)) == ("", True, MANY + 1)
    people = {each.username: each for each in entries(source, answer)}
    zoe, first, second, third = (people[name] for name in ("zoe", "p0000", "p0001", "p0002"))
    assert (zoe.first_name, zoe.last_name, zoe.wrong) == ("Zoë", "Ünal", "")
    assert len({each.key for each in people.values()}) == MANY + 1
    assert (zoe.teams, zoe.roles) == ({"Netz"}, {"agent"}), "through a group, in a ring of groups"
    assert (first.teams, first.roles) == ({"Netz"}, {"agent"})
    assert (second.teams, second.roles) == ({"Netz"}, set())
    assert (third.teams, third.roles) == (set(), set())
    assert any("TLSv1" in each for each in answer.findings)


async def test_what_is_bounded_is_told_to_be_incomplete(full: Slapd) -> None:
    answer = await reader(full).read(directory(full.secure_url), PASSWORD, Bounds(people=550))
    assert (answer.complete, len(answer.people)) == (False, 550)
    assert any("more than 550" in each for each in answer.findings)


@pytest.mark.parametrize(
    ("given", "password", "said"),
    [
        ({}, "wrong", "the name or the password is wrong"),
        ({"base_dn": "dc=nowhere,dc=example"}, PASSWORD, "there is no entry dc=nowhere"),
        ({"bind_dn": "no name at all"}, PASSWORD, "does not let"),
        ({"user_filter": "(uid=)(|(x=*)"}, PASSWORD, None),
        ({"user_filter": "(&)"}, PASSWORD, ""),
    ],
)
async def test_what_fails_is_told_in_words(full: Slapd, given: dict[str, Any], password: str, said: str | None) -> None:
    if said is None:
        with pytest.raises(Invalid):
            directory(full.secure_url, **given)
        return
    answer = await reader(full).read(directory(full.secure_url, **given), password)
    assert said in answer.failed
    assert PASSWORD not in str(answer)


async def test_a_certificate_of_nobody_known_or_for_another_name_ends_it(full: Slapd) -> None:
    stranger = LdapReader(HERE, ssl.create_default_context)
    for url in (full.secure_url, full.url):
        refused = await stranger.read(directory(url), PASSWORD)
        assert "its certificate is not believed" in refused.failed
        assert not any("Signed in" in each for each in refused.findings), "no password is told before"
    other = full.secure_url.replace("127.0.0.1", "127.0.0.2")
    assert "not valid for" in (await reader(full).read(directory(other), PASSWORD)).failed


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1",
        "ldap://",
        "ldaps://127.0.0.1:389/cn=x??sub?(uid=*)",
        "ldaps://user@127.0.0.1",
        "ldapi://%2Ftmp",
        "ldaps://127.0.0.1:1",
    ],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(Invalid):
        LdapReader(HERE, ssl.create_default_context).check(directory(url))


def test_an_address_of_the_inside_and_plain_text_need_the_installation() -> None:
    public = LdapReader(Policy.of(ports="389,636"), ssl.create_default_context)
    for url in ("ldaps://10.1.2.3", "ldaps://169.254.169.254", "ldaps://dc1.corp.internal"):
        with pytest.raises(Invalid, match="url"):
            public.check(directory(url))
    with pytest.raises(Invalid, match="plain"):
        public.check(directory("ldap://ldap.example.org", plain=True))
    public.check(directory("ldap://ldap.example.org", attributes=DirectoryAttributes(key="nsUniqueId")))


async def test_plain_text_is_read_where_it_is_allowed(full: Slapd) -> None:
    source = directory(full.url, plain=True)
    answer = await reader(full, plain=True).read(source, PASSWORD)
    assert (answer.failed, len(answer.people)) == ("", MANY + 1)
    assert any("without encryption" in each for each in answer.findings)


async def test_a_server_that_never_ends_is_cut_off(full: Slapd) -> None:
    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            writer.write(b"\x30\x84\x7f\xff\xff\xff")  # a message of two gigabytes
            while True:
                writer.write(b"\x00" * 65536)
                await writer.drain()

    server = await asyncio.start_server(endless, "127.0.0.1", 0)
    try:
        source = directory(f"ldap://127.0.0.1:{server.sockets[0].getsockname()[1]}", plain=True)
        answer = await reader(full, plain=True).read(source, PASSWORD, Bounds(octets=4 << 20))
    finally:
        server.close()
    assert "more than any directory" in answer.failed


async def test_one_that_answers_too_slowly_is_given_up(full: Slapd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ldap, "_ALL_SECONDS", 0.0)
    answer = await reader(full).read(directory(full.secure_url), PASSWORD)
    assert "takes longer than" in answer.failed
