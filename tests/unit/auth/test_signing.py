"""The keys of short tokens: made once, published ahead, kept sealed, replaced in time."""

import asyncio

import httpx
import pytest

from chassis.auth import Issuer, Keys, Verifier
from chassis.errors import Unauthenticated
from chassis.testing import MemoryBackend
from services.auth.usecases.signing import AHEAD, PERIOD, SIGNING_KEYS, Signer

ISSUER = "urn:itsm:test:auth"
CLAIMS = {"sub": "u-1", "kind": "user", "tenant": "main", "roles": ["agent"]}


class Wall:
    """A clock in seconds since 1970, an hour into a period."""

    def __init__(self) -> None:
        self.now = 2968 * PERIOD.total_seconds() + 3600

    def __call__(self) -> float:
        return self.now


def verifier(signer: Signer, wall: Wall) -> Verifier:
    http = httpx.AsyncClient()
    own = Issuer(name=ISSUER, keys=Keys("", http, load=signer.jwks))
    return Verifier(keycloak=Issuer(name="none", keys=own.keys), own=own, now=wall)


async def test_a_short_token_lives_a_minute_and_is_believed_by_any_service() -> None:
    wall = Wall()
    signer = Signer(MemoryBackend(), ISSUER, "secret", now=wall)
    token, end = await signer.sign(CLAIMS)
    assert end == int(wall.now) + 60
    principal = await verifier(signer, wall).verify(token)
    assert (principal.tenant, principal.roles, principal.expires_at) == ("main", frozenset({"agent"}), end)
    wall.now += 91
    with pytest.raises(Unauthenticated):
        await verifier(signer, wall).verify(token)


async def test_replicas_agree_on_one_key() -> None:
    backend, wall = MemoryBackend(), Wall()
    signers = [Signer(backend, ISSUER, "secret", now=wall) for _ in range(5)]
    await asyncio.gather(*(signer.prepare() for signer in signers))
    assert len(backend.collections[SIGNING_KEYS]) == 1
    token, _ = await signers[0].sign(CLAIMS)
    assert await verifier(signers[4], wall).verify(token)


async def test_the_next_key_is_published_before_it_signs_and_the_last_one_after() -> None:
    backend, wall = MemoryBackend(), Wall()
    signer = Signer(backend, ISSUER, "secret", now=wall)
    await signer.prepare()
    assert [key["kid"] for key in (await signer.jwks())["keys"]] == ["2968"]
    wall.now = 2969 * PERIOD.total_seconds() - AHEAD.total_seconds()
    assert [key["kid"] for key in (await signer.jwks())["keys"]] == ["2968", "2969"]
    before, _ = await signer.sign(CLAIMS)
    wall.now = 2969 * PERIOD.total_seconds() - 10
    before, _ = await signer.sign(CLAIMS)
    wall.now += 20
    after, _ = await signer.sign(CLAIMS)
    assert before.split(".")[0] != after.split(".")[0]
    assert await verifier(signer, wall).verify(before)
    assert await verifier(signer, wall).verify(after)
    wall.now += 2 * PERIOD.total_seconds()
    assert "2968" not in {key["kid"] for key in (await signer.jwks())["keys"]}


async def test_no_private_part_is_published_or_kept_in_clear() -> None:
    backend = MemoryBackend()
    signer = Signer(backend, ISSUER, "secret", now=Wall())
    published = await signer.jwks()
    assert all("d" not in key for key in published["keys"])
    (row,) = backend.collections[SIGNING_KEYS].values()
    assert b'"d"' not in row["sealed"]
    assert published["keys"][0]["x"].encode() not in row["sealed"]


async def test_a_changed_secret_brings_a_new_key_instead_of_a_standstill() -> None:
    backend, wall = MemoryBackend(), Wall()
    await Signer(backend, ISSUER, "old", now=wall).prepare()
    signer = Signer(backend, ISSUER, "new", now=wall)
    token, _ = await signer.sign(CLAIMS)
    assert await verifier(signer, wall).verify(token)
