"""The policy as a service holds it: heard, kept over a restart, followed."""

import pytest

from chassis.auth import Issuer, Keys, Policy, Verifier
from chassis.errors import Unavailable
from chassis.guard import ISSUER_KEYS, Guard
from chassis.keys import USABLE_FOR
from chassis.policy import Part
from chassis.store import Update
from chassis.testing import MemoryBackend
from tests.support.issuers import KEYCLOAK, OWN, FakeIssuer, person

AGENT = Policy(3, {"agent": frozenset({"incidents.resolve"})}, {"requester": {"incidents": {"requester_id": "$subject"}}})


class Auth:
    """The auth service as far as a guard knows it."""

    def __init__(self, policy: Policy | None) -> None:
        self.policy = policy

    async def fetch(self) -> Policy:
        if self.policy is None:
            raise Unavailable("away")
        return self.policy


def a_guard(auth: Auth, backend: MemoryBackend) -> Guard:
    return Guard(a_verifier(FakeIssuer(KEYCLOAK), FakeIssuer(OWN, "Ed25519")), auth.fetch, backend)


def a_verifier(keycloak: FakeIssuer, own: FakeIssuer) -> Verifier:
    return Verifier(
        Issuer(name=KEYCLOAK, keys=Keys("https://realm/certs", keycloak.client())),
        Issuer(name=OWN, keys=Keys("https://auth/jwks.json", own.client())),
    )


async def test_before_the_first_policy_nothing_is_decided() -> None:
    guard = a_guard(Auth(None), MemoryBackend())
    await guard.begin()
    with pytest.raises(Unavailable):
        guard.policy()
    with pytest.raises(Unavailable):
        await guard.check()


async def test_a_policy_once_heard_outlives_the_auth_service_and_the_process() -> None:
    backend = MemoryBackend()
    await a_guard(Auth(AGENT), backend).begin()
    later = a_guard(Auth(None), backend)
    await later.begin()
    assert later.policy() == AGENT


async def test_an_older_policy_never_replaces_a_newer_one() -> None:
    auth = Auth(AGENT)
    guard = a_guard(auth, MemoryBackend())
    await guard.begin()
    auth.policy = Policy(2, {})
    await guard.refresh()
    assert guard.policy().version == 3
    auth.policy = Policy(4, {})
    await guard.refresh()
    assert guard.policy().version == 4


async def test_what_tenants_added_is_kept_and_any_other_revision_of_it_counts() -> None:
    def added(revision: int, permission: str) -> Policy:
        part = Part({"desk": frozenset({permission})}, {"desk": {"incidents": {"team_id": {"$in": ["t"]}}}})
        return Policy(3, AGENT.roles, AGENT.scopes, revision, {"main": part})

    auth, backend = Auth(added(8, "incidents.get")), MemoryBackend()
    guard = a_guard(auth, backend)
    await guard.begin()
    assert guard.policy().of("main").permissions(frozenset({"desk"})) == {"incidents.get"}
    later = a_guard(Auth(None), backend)
    await later.begin()
    assert later.policy() == added(8, "incidents.get")
    assert later.policy().of("main").scope(frozenset({"desk"}), "incidents.get", "u") == {"team_id": {"$in": ["t"]}}
    auth.policy = added(5, "incidents.list")  # as after the restore of a copy
    await guard.refresh()
    assert guard.policy().of("main").permissions(frozenset({"desk"})) == {"incidents.list"}
    auth.policy = added(5, "incidents.list")
    held = guard.policy()
    await guard.refresh()
    assert guard.policy() is held, "who holds on to the policy of before is not asked to look again"


async def test_keys_once_fetched_outlive_their_issuer_and_the_process_for_a_day() -> None:
    keycloak, own, backend = FakeIssuer(KEYCLOAK), FakeIssuer(OWN, "Ed25519"), MemoryBackend()
    before = a_verifier(keycloak, own)
    token = keycloak.sign(person())
    await before.verify(token)
    await Guard(before, Auth(AGENT).fetch, backend).note_keys()
    keycloak.broken = own.broken = True

    async def started() -> Verifier:
        verifier = a_verifier(keycloak, own)
        await Guard(verifier, Auth(None).fetch, backend).begin()
        return verifier

    assert (await (await started()).verify(token)).tenant == "main"
    (kept,) = await backend.find(ISSUER_KEYS, {"tenant": "-"})
    old = {"$set": {"time": kept["time"] - USABLE_FOR}}
    await backend.write([Update(ISSUER_KEYS, {"_id": kept["_id"], "tenant": "-"}, old)])
    with pytest.raises(Unavailable):
        await (await started()).verify(token)
    await backend.write([Update(ISSUER_KEYS, {"_id": kept["_id"], "tenant": "-"}, {"$set": {"document": "[]"}})])
    with pytest.raises(Unavailable):
        await (await started()).verify(token)
