"""What a verifier refuses and what it makes of a good token."""

import asyncio
import base64
import hashlib
import hmac
import time

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from joserfc import jwk

from chassis.auth import Issuer, Keys, Verifier
from chassis.errors import Denied, Unauthenticated, Unavailable
from tests.support.issuers import KEYCLOAK, OWN, FakeIssuer, as_text, machine, person, short


@pytest.fixture(scope="module")
def keycloak() -> FakeIssuer:
    return FakeIssuer(KEYCLOAK)


@pytest.fixture(scope="module")
def own() -> FakeIssuer:
    return FakeIssuer(OWN, algorithm="Ed25519")


def verifier_of(keycloak: FakeIssuer, own: FakeIssuer, **options: object) -> Verifier:
    return Verifier(
        keycloak=Issuer(name=KEYCLOAK, keys=Keys("https://sign-in.example/certs", keycloak.client())),
        own=Issuer(name=OWN, keys=Keys("https://auth.example/jwks.json", own.client()), algorithms=frozenset({"Ed25519"})),
        service_clients=frozenset({"itsm-monitor"}),
        **options,  # type: ignore[arg-type]
    )


@pytest.fixture
def verifier(keycloak: FakeIssuer, own: FakeIssuer) -> Verifier:
    return verifier_of(keycloak, own)


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unsigned(header: dict[str, object], claims: dict[str, object]) -> str:
    return f"{encoded(as_text(header).encode())}.{encoded(as_text(claims).encode())}"


async def refused(verifier: Verifier, token: str, hint: str = "") -> Unauthenticated:
    with pytest.raises(Unauthenticated) as caught:
        await verifier.verify(token, hint)
    return caught.value


async def test_a_signed_in_person_is_recognized(verifier: Verifier, keycloak: FakeIssuer) -> None:
    principal = await verifier.verify(keycloak.sign(person()))
    assert principal.subject == "8c1f8a1e-0000-4000-8000-000000000001"
    assert (principal.kind, principal.tenant, principal.roles) == ("user", "main", frozenset({"agent"}))
    assert (principal.acr, principal.session_id) == ("urn:itsm:loa:1", "session-1")
    assert principal.auth_time > 0
    assert principal.limits is None


async def test_a_short_token_of_the_auth_service_is_recognized(verifier: Verifier, own: FakeIssuer) -> None:
    claims = short(act={"sub": "usr_2"}, permissions=["incidents.get"])
    principal = await verifier.verify(own.sign(claims, typ="at+jwt"))
    assert (principal.tenant, principal.roles, principal.act) == ("acme", frozenset({"agent"}), "usr_2")
    assert principal.limits == frozenset({"incidents.get"})


@pytest.mark.parametrize("token", ["", "x", "a.b", "a.b.c.d", "..", "é.b.c", "\ud800.b.c", "e30.e30.", "bnVsbA.bnVsbA.x"])
async def test_garbage_is_refused(verifier: Verifier, token: str) -> None:
    await refused(verifier, token)


async def test_a_token_that_is_too_long_is_refused_before_it_is_read(verifier: Verifier, keycloak: FakeIssuer) -> None:
    assert "too long" in (await refused(verifier, keycloak.sign(person(filler="x" * 9000)))).message


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "HS256", "RS384", "ES512", "", None, 5, ["RS256"], {}])
async def test_an_algorithm_outside_of_the_list_is_refused(verifier: Verifier, algorithm: object) -> None:
    head = unsigned({"alg": algorithm, "kid": "first", "typ": "JWT"}, person())
    for signature in ("", encoded(b"x" * 256)):
        assert "algorithm" in (await refused(verifier, f"{head}.{signature}")).message


@pytest.mark.parametrize("form", ["pem", "der", "jwk"])
async def test_a_symmetric_signature_with_the_public_key_as_secret_is_refused(
    verifier: Verifier, keycloak: FakeIssuer, form: str
) -> None:
    key = keycloak.keys["first"]
    assert isinstance(key, jwk.RSAKey)
    secret = {
        "pem": key.as_pem(private=False),
        "der": key.as_der(private=False),
        "jwk": as_text(key.as_dict(private=False)).encode(),
    }[form]
    head = unsigned({"alg": "HS256", "kid": "first", "typ": "JWT"}, person())
    signature = encoded(hmac.new(secret, head.encode(), hashlib.sha256).digest())
    assert "algorithm" in (await refused(verifier, f"{head}.{signature}")).message


async def test_the_own_issuer_takes_nothing_but_its_own_algorithm(verifier: Verifier, keycloak: FakeIssuer) -> None:
    assert "algorithm" in (await refused(verifier, keycloak.sign(short(), typ="at+jwt"))).message


async def test_a_key_of_one_issuer_does_not_sign_for_the_other(verifier: Verifier, own: FakeIssuer) -> None:
    assert "signature" in (await refused(verifier, own.sign(person()))).message


async def test_a_changed_claim_breaks_the_signature(verifier: Verifier, keycloak: FakeIssuer) -> None:
    head, _, signature = keycloak.sign(person()).split(".")
    changed = encoded(as_text(person(resource_access={"itsm-api": {"roles": ["admin"]}})).encode())
    await refused(verifier, f"{head}.{changed}.{signature}")


@pytest.mark.parametrize(
    "header", [{"jwk": {"kty": "oct", "k": "eA"}}, {"jku": "https://evil.example/keys"}, {"x5u": "https://e"}]
)
async def test_a_key_that_comes_with_the_token_is_not_used(keycloak: FakeIssuer, own: FakeIssuer, header: dict) -> None:
    verifier, stranger = verifier_of(keycloak, own), FakeIssuer(KEYCLOAK)
    await refused(verifier, stranger.sign(person(), **header))


@pytest.mark.parametrize("header", [{"crit": ["exp"], "exp": 1}, {"crit": ["b64"], "b64": False}, {"crit": []}])
async def test_a_critical_header_is_refused(verifier: Verifier, keycloak: FakeIssuer, header: dict) -> None:
    head = unsigned({"alg": "RS256", "kid": "first", "typ": "JWT"} | header, person())
    key = keycloak.keys["first"]
    assert isinstance(key, jwk.RSAKey)
    signature = key.private_key.sign(head.encode(), padding.PKCS1v15(), hashes.SHA256())
    await refused(verifier, f"{head}.{encoded(signature)}")


@pytest.mark.parametrize("kid", [None, "", 5, ["first"]])
async def test_a_token_without_a_key_id_is_refused(verifier: Verifier, kid: object) -> None:
    header = {"alg": "RS256", "typ": "JWT"} | ({} if kid is None else {"kid": kid})
    await refused(verifier, f"{unsigned(header, person())}.{encoded(b'x' * 256)}")


@pytest.mark.parametrize(
    "audience",
    [None, "", "itsm-console", [], ["account", "itsm-console"], "itsm-api ", "ITSM-API", {"itsm-api": 1}, [["itsm-api"]]],
)
async def test_a_token_for_someone_else_is_refused(verifier: Verifier, keycloak: FakeIssuer, audience: object) -> None:
    assert "itsm-api" in (await refused(verifier, keycloak.sign(person(aud=audience)))).message


@pytest.mark.parametrize("audience", ["itsm-api", ["itsm-api"], ["account", "itsm-api"]])
async def test_our_audience_is_taken_as_text_and_in_a_list(verifier: Verifier, keycloak: FakeIssuer, audience: object) -> None:
    assert (await verifier.verify(keycloak.sign(person(aud=audience)))).tenant == "main"


@pytest.mark.parametrize(
    "issuer",
    [
        None, "", 5, ["https://sign-in.example/realms/itsm"],
        KEYCLOAK + "/", KEYCLOAK.upper(), KEYCLOAK.replace("https", "http"), KEYCLOAK.replace("itsm", "master"),
        KEYCLOAK.replace("sign-in.example", "sign-in.example.evil"), "urn:itsm:other:auth",
    ],
)  # fmt: skip
async def test_an_issuer_that_is_not_exactly_ours_is_refused(verifier: Verifier, keycloak: FakeIssuer, issuer: object) -> None:
    assert "issuer" in (await refused(verifier, keycloak.sign(person(iss=issuer)))).message


@pytest.mark.parametrize("kind", [None, "ID", "Refresh", "Logout", "Offline", "bearer ", 5])
async def test_what_is_no_access_token_is_refused(verifier: Verifier, keycloak: FakeIssuer, kind: object) -> None:
    assert "access token" in (await refused(verifier, keycloak.sign(person(typ=kind)))).message


@pytest.mark.parametrize("typ", ["logout+jwt", "id_token", "", 5])
async def test_a_header_of_another_kind_of_token_is_refused(verifier: Verifier, keycloak: FakeIssuer, typ: object) -> None:
    token = f"{unsigned({'alg': 'RS256', 'kid': 'first', 'typ': typ}, person())}.{encoded(b'x' * 256)}"
    assert "access token" in (await refused(verifier, token)).message


async def test_an_own_token_must_call_itself_an_access_token(verifier: Verifier, own: FakeIssuer) -> None:
    assert "access token" in (await refused(verifier, own.sign(short(), typ="JWT"))).message


@pytest.mark.parametrize(
    ("exp", "good"), [(-31, False), (-30, False), (-29, True), (0, True), (1, True)], ids=["-31", "-30", "-29", "now", "+1"]
)
async def test_an_expired_token_is_good_for_thirty_more_seconds(
    keycloak: FakeIssuer, own: FakeIssuer, exp: int, good: bool
) -> None:
    at = int(time.time())
    verifier = verifier_of(keycloak, own, now=lambda: float(at))
    token = keycloak.sign(person(exp=at + exp, iat=at - 300))
    if good:
        assert (await verifier.verify(token)).tenant == "main"
    else:
        assert (await refused(verifier, token)).reason == "TOKEN_EXPIRED"


@pytest.mark.parametrize("claim", ["nbf", "iat"])
@pytest.mark.parametrize(("ahead", "good"), [(31, False), (30, True), (29, True), (-5, True)])
async def test_a_token_from_the_future_is_refused(
    keycloak: FakeIssuer, own: FakeIssuer, claim: str, ahead: int, good: bool
) -> None:
    at = int(time.time())
    verifier = verifier_of(keycloak, own, now=lambda: float(at))
    token = keycloak.sign(person(**{claim: at + ahead}))
    if good:
        assert await verifier.verify(token)
    else:
        await refused(verifier, token)


@pytest.mark.parametrize("value", [None, "1999999999", 1999999999.5, 10**18, True, -1, 0, [1], 2_000_000_000_000])
@pytest.mark.parametrize("claim", ["exp", "iat"])
async def test_an_odd_time_is_refused(verifier: Verifier, keycloak: FakeIssuer, claim: str, value: object) -> None:
    await refused(verifier, keycloak.sign(person(**{claim: value})))


async def test_a_token_that_lives_for_a_year_is_refused(verifier: Verifier, keycloak: FakeIssuer) -> None:
    await refused(verifier, keycloak.sign(person(exp=int(time.time()) + 365 * 86400)))


async def test_a_foreign_client_is_refused_where_clients_are_listed(keycloak: FakeIssuer, own: FakeIssuer) -> None:
    listed = Issuer(
        name=KEYCLOAK, keys=Keys("https://sign-in.example/certs", keycloak.client()), parties=frozenset({"itsm-console"})
    )
    verifier = Verifier(keycloak=listed, own=verifier_of(keycloak, own).own)
    assert await verifier.verify(keycloak.sign(person()))
    for party in (None, "other", ["itsm-console"]):
        await refused(verifier, keycloak.sign(person(azp=party)))


@pytest.mark.parametrize("subject", [None, "", 5])
async def test_a_token_of_nobody_is_refused(verifier: Verifier, keycloak: FakeIssuer, subject: object) -> None:
    await refused(verifier, keycloak.sign(person(sub=subject)))


@pytest.mark.parametrize("claim", [None, [], {}, "main", "*", ["*"], [""], ["a|b"], [5], 7])
async def test_a_person_without_a_tenant_is_denied(verifier: Verifier, keycloak: FakeIssuer, claim: object) -> None:
    for hint in ("", "main"):
        with pytest.raises(Denied) as caught:
            await verifier.verify(keycloak.sign(person(organization=claim)), hint)
        assert caught.value.reason == "NO_TENANT"


@pytest.mark.parametrize("claim", [["main"], {"main": {"id": "6e7f"}}])
async def test_the_tenant_is_read_from_a_list_and_from_an_object(
    verifier: Verifier, keycloak: FakeIssuer, claim: object
) -> None:
    principal = await verifier.verify(keycloak.sign(person(organization=claim)))
    assert (principal.tenant, principal.roles) == ("main", frozenset({"agent"}))


@pytest.mark.parametrize("claim", [["acme", "main"], {"acme": {}, "main": {}}])
async def test_in_several_tenants_client_roles_do_not_count(verifier: Verifier, keycloak: FakeIssuer, claim: object) -> None:
    token = keycloak.sign(person(organization=claim))
    principal = await verifier.verify(token, "main")
    assert (principal.tenant, principal.roles) == ("main", frozenset())
    assert "exchange" in principal.caveat
    for hint in ("", "other"):
        with pytest.raises(Denied):
            await verifier.verify(token, hint)


async def test_client_roles_count_in_the_home_tenant_only(verifier: Verifier, keycloak: FakeIssuer) -> None:
    principal = await verifier.verify(keycloak.sign(person(organization=["acme"])))
    assert (principal.tenant, principal.roles) == ("acme", frozenset())
    assert "main" in principal.caveat


async def test_a_tenant_that_was_asked_for_must_be_the_tokens(
    verifier: Verifier, keycloak: FakeIssuer, own: FakeIssuer
) -> None:
    for token in (keycloak.sign(person()), own.sign(short(), typ="at+jwt")):
        with pytest.raises(Denied):
            await verifier.verify(token, "other")


@pytest.mark.parametrize("tenant", [None, "", "*", 5, ["acme"], "a|b"])
async def test_an_own_token_without_a_tenant_is_denied(verifier: Verifier, own: FakeIssuer, tenant: object) -> None:
    with pytest.raises(Denied):
        await verifier.verify(own.sign(short(tenant=tenant), typ="at+jwt"))


async def test_a_service_account_names_the_tenant_and_gets_the_role_of_its_service(
    verifier: Verifier, keycloak: FakeIssuer
) -> None:
    principal = await verifier.verify(keycloak.sign(machine()), "acme")
    assert (principal.kind, principal.tenant, principal.roles) == ("service", "acme", frozenset({"service:monitor"}))
    for hint in ("", "*", "a|b"):
        with pytest.raises(Denied):
            await verifier.verify(keycloak.sign(machine()), hint)


async def test_an_account_that_is_no_service_of_ours_gets_no_tenant(verifier: Verifier, keycloak: FakeIssuer) -> None:
    with pytest.raises(Denied):
        await verifier.verify(keycloak.sign(machine(azp="itsm-stranger")), "main")


async def test_a_persons_session_never_passes_as_a_service(verifier: Verifier, keycloak: FakeIssuer) -> None:
    await refused(verifier, keycloak.sign(person(azp="itsm-monitor")), "main")


async def test_a_client_role_cannot_pass_for_a_service(verifier: Verifier, keycloak: FakeIssuer) -> None:
    access = {"itsm-api": {"roles": ["service:monitor", "viewer"]}, "other": {"roles": ["admin"]}}
    assert (await verifier.verify(keycloak.sign(person(resource_access=access)))).roles == frozenset({"viewer"})


@pytest.mark.parametrize("access", [None, [], "admin", {"itsm-api": ["admin"]}, {"itsm-api": {"roles": "admin"}}])
async def test_an_odd_list_of_roles_grants_nothing(verifier: Verifier, keycloak: FakeIssuer, access: object) -> None:
    assert (await verifier.verify(keycloak.sign(person(resource_access=access)))).roles == frozenset()


@pytest.mark.parametrize("limits", ["incidents.get", {}, [], [5]])
async def test_odd_limits_permit_nothing_rather_than_everything(verifier: Verifier, own: FakeIssuer, limits: object) -> None:
    assert (await verifier.verify(own.sign(short(permissions=limits), typ="at+jwt"))).limits == frozenset()


async def test_a_verified_token_is_remembered_until_it_expires(keycloak: FakeIssuer, own: FakeIssuer) -> None:
    at = [time.time()]
    verifier = verifier_of(keycloak, own, now=lambda: at[0])
    token = keycloak.sign(person())
    assert await verifier.verify(token) is await verifier.verify(token)
    at[0] += 331
    assert (await refused(verifier, token)).reason == "TOKEN_EXPIRED"


async def test_a_remembered_token_does_not_outlive_the_key_that_signed_it(own: FakeIssuer) -> None:
    keycloak, at = FakeIssuer(KEYCLOAK), [time.time()]
    verifier = verifier_of(keycloak, own, now=lambda: at[0])
    verifier.keycloak.keys._monotonic = lambda: at[0]
    token = keycloak.sign(person())
    await verifier.verify(token)
    keycloak.rotate("second")
    del keycloak.keys["first"]
    at[0] += 46
    await verifier.verify(keycloak.sign(person()))
    await asyncio.sleep(0.01)  # the keys are refreshed meanwhile
    assert (await refused(verifier, token)).reason == "TOKEN_KEY_UNKNOWN"


async def test_what_is_remembered_for_one_tenant_does_not_answer_for_another(verifier: Verifier, keycloak: FakeIssuer) -> None:
    token = keycloak.sign(person(organization=["acme", "main"]))
    assert (await verifier.verify(token, "acme")).tenant == "acme"
    assert (await verifier.verify(token, "main")).tenant == "main"
    with pytest.raises(Denied):
        await verifier.verify(token, "other")


async def test_the_memory_of_tokens_is_bounded(keycloak: FakeIssuer, own: FakeIssuer) -> None:
    verifier = verifier_of(keycloak, own, cache_size=3)
    for number in range(10):
        await verifier.verify(keycloak.sign(person(jti=str(number))))
    assert len(verifier._verified) == 3


async def test_without_any_keys_the_answer_is_unavailable_not_unauthenticated(own: FakeIssuer) -> None:
    keycloak = FakeIssuer(KEYCLOAK, broken=True)
    with pytest.raises(Unavailable):
        await verifier_of(keycloak, own).verify(keycloak.sign(person()))


async def test_many_first_callers_share_one_fetch(own: FakeIssuer) -> None:
    keycloak = FakeIssuer(KEYCLOAK, delay=0.02)
    verifier = verifier_of(keycloak, own)
    await asyncio.gather(*(verifier.verify(keycloak.sign(person(jti=str(number)))) for number in range(20)))
    assert keycloak.fetches == 1
