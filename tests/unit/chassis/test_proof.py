"""What is sensitive asks for a proof that is strong and fresh, of people and of nobody else."""

from types import SimpleNamespace

import pytest

from chassis import proof
from chassis.auth import Issuer, Keys, Principal, Verifier
from chassis.errors import Denied, Unauthenticated, from_status, to_status
from chassis.http import problems
from chassis.policy import Policy
from chassis.rpc.edge import Edge
from chassis.rpc.methods import methods
from chassis.telemetry import Metrics
from tests.support.issuers import KEYCLOAK, OWN, FakeIssuer, person, short

NOW = 1_800_000_000
GRANT = methods("itsm.auth.v1.UserService")["/itsm.auth.v1.UserService/GrantRole"]
READ = methods("itsm.auth.v1.UserService")["/itsm.auth.v1.UserService/GetUser"]


@pytest.mark.parametrize("ago", [-30, 0, proof.LONGEST])
def test_a_fresh_proof_of_the_second_level_is_enough(ago: int) -> None:
    proof.require(attended=True, acr=proof.LEVEL, auth_time=NOW - ago, now=NOW)


@pytest.mark.parametrize(
    ("acr", "ago"),
    [
        ("urn:itsm:loa:1", 0),
        ("", 0),
        ("2", 0),
        ("urn:itsm:loa:2 urn:itsm:loa:1", 0),
        (proof.LEVEL, proof.LONGEST + 1),
        (proof.LEVEL, NOW),  # nobody knows when
        (proof.LEVEL, -31),
    ],
)
def test_a_weak_or_old_proof_is_none(acr: str, ago: int) -> None:
    with pytest.raises(Unauthenticated):
        proof.require(attended=True, acr=acr, auth_time=NOW - ago, now=NOW)
    proof.require(attended=False, acr=acr, auth_time=NOW - ago, now=NOW)


def test_the_answer_says_what_a_sign_in_has_to_ask_for() -> None:
    with pytest.raises(Unauthenticated) as refused:
        proof.require(attended=True, acr="", auth_time=0)
    told = problems.of_error(from_status(to_status(refused.value)))
    assert (told.status, told.reason) == (401, "INSUFFICIENT_USER_AUTHENTICATION")
    assert told.facts == {"acrValues": "urn:itsm:loa:2", "maxAge": "900"}
    challenge = 'Bearer error="insufficient_user_authentication", acr_values="urn:itsm:loa:2", max_age="900"'
    assert told.headers["www-authenticate"] == challenge


async def asked(method: object, principal: Principal) -> None:
    async def verify(token: str, hint: str) -> Principal:
        return principal

    policy = Policy(1, {"admin": frozenset({"roles.grant", "users.get"})})
    edge = Edge(SimpleNamespace(verify=verify, policy=lambda: policy), (), Metrics())
    call = SimpleNamespace(method=method, name="GrantRole")
    await edge._context(call, GRANT.request(), {"authorization": "Bearer t"})


def principal(**changes: object) -> Principal:
    known = {"subject": "u", "kind": "user", "tenant": "main", "roles": frozenset({"admin"}), "expires_at": 1, "issuer": "i"}
    return Principal(**(known | changes))


async def test_the_edge_asks_for_it_where_the_proto_says_so_and_after_the_permission() -> None:
    with pytest.raises(Unauthenticated, match="sensitive"):
        await asked(GRANT, principal(attended=True))
    with pytest.raises(Denied):
        await asked(GRANT, principal(attended=True, roles=frozenset()))
    await asked(READ, principal(attended=True))
    await asked(GRANT, principal())


async def test_somebody_who_signed_in_is_at_hand_and_the_bearer_of_a_token_is_not() -> None:
    keycloak, own = FakeIssuer(KEYCLOAK), FakeIssuer(OWN, "Ed25519")
    verifier = Verifier(
        Issuer(name=KEYCLOAK, keys=Keys("https://a", keycloak.client())), Issuer(name=OWN, keys=Keys("https://b", own.client()))
    )
    for organization in (["main"], ["acme"]):
        assert (await verifier.verify(keycloak.sign(person(organization=organization)))).attended
    assert (await verifier.verify(keycloak.sign(person(organization=["main", "acme"])), "main")).attended
    assert (await verifier.verify(own.sign(short(), typ="at+jwt"))).attended, "a session"
    assert (await verifier.verify(own.sign(short(auth_time=0), typ="at+jwt"))).attended, "a session of unknown age"
    assert not (await verifier.verify(own.sign(short(auth_time=None), typ="at+jwt"))).attended, "a personal access token"
