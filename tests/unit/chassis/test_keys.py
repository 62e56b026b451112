"""How keys are kept, refreshed and protected from what an issuer's address may answer."""

import asyncio

import httpx
import pytest
from joserfc import jwk
from prometheus_client import Counter

from chassis.errors import Unauthenticated, Unavailable
from chassis.keys import Keys
from tests.support.eventually import eventually
from tests.support.issuers import KEYCLOAK, FakeIssuer
from tests.support.running import background


class Hours:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def keys_of(issuer: FakeIssuer, clock: Hours) -> Keys:
    return Keys("https://sign-in.example/certs", issuer.client(), monotonic=clock)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_keys_are_refreshed_in_the_background_after_45_seconds() -> None:
    issuer, clock = FakeIssuer(KEYCLOAK), Hours()
    keys = keys_of(issuer, clock)
    await keys.get("first")
    clock.now += 44
    await keys.get("first")
    await settle()
    assert issuer.fetches == 1
    clock.now += 1
    issuer.delay = 0.01
    await keys.get("first")
    await asyncio.sleep(0.03)
    assert issuer.fetches == 2


async def test_keys_that_are_kept_are_there_for_the_first_token_although_the_issuer_is_away_by_then() -> None:
    issuer, clock = FakeIssuer(KEYCLOAK), Hours()
    keys = keys_of(issuer, clock)
    async with background(keys.keep):
        await eventually(lambda: issuer.fetches == 1)
        issuer.broken = True
        assert (await keys.get("first")).kid == "first"


async def test_a_rotated_key_is_fetched_at_once_and_the_old_one_stays_while_published() -> None:
    issuer, clock = FakeIssuer(KEYCLOAK), Hours()
    keys = keys_of(issuer, clock)
    await keys.get("first")
    issuer.rotate("second")
    assert (await keys.get("second")).kid == "second"
    assert (await keys.get("first")).kid == "first"
    assert issuer.fetches == 2


async def test_a_withdrawn_key_is_gone_after_the_next_refresh() -> None:
    issuer, clock = FakeIssuer(KEYCLOAK), Hours()
    keys = keys_of(issuer, clock)
    await keys.get("first")
    issuer.rotate("second")
    del issuer.keys["first"]
    clock.now += 46
    await keys.get("first")
    await settle()
    with pytest.raises(Unauthenticated):
        await keys.get("first")


async def test_a_flood_of_unknown_keys_costs_one_fetch_every_30_seconds() -> None:
    issuer, clock = FakeIssuer(KEYCLOAK), Hours()
    keys = keys_of(issuer, clock)
    await keys.get("first")
    for second in range(0, 31, 3):
        clock.now = 1000.0 + second
        answers = await asyncio.gather(*(keys.get(f"{second}-{n}") for n in range(50)), return_exceptions=True)
        assert all(isinstance(answer, Unauthenticated) for answer in answers)
    assert issuer.fetches == 3


async def test_the_last_good_keys_serve_for_a_day_while_the_issuer_is_away() -> None:
    issuer, clock = FakeIssuer(KEYCLOAK), Hours()
    keys = keys_of(issuer, clock)
    await keys.get("first")
    issuer.broken = True
    for hour in range(1, 24):
        clock.now = 1000.0 + hour * 3600
        assert await keys.get("first")
        await settle()
    clock.now = 1000.0 + 24 * 3600 + 60
    with pytest.raises(Unavailable):
        await keys.get("first")
    issuer.broken = False
    clock.now += 2
    assert await keys.get("first")


async def test_an_absent_issuer_is_not_asked_more_than_once_a_second() -> None:
    issuer, clock = FakeIssuer(KEYCLOAK, broken=True), Hours()
    keys = keys_of(issuer, clock)
    for _ in range(50):
        with pytest.raises(Unavailable):
            await keys.get("first")
    assert issuer.fetches == 1


BAD_ANSWERS = {
    "html": httpx.Response(200, text="<html>sign in</html>"),
    "too large": httpx.Response(200, content=b'{"keys": ["' + b"x" * 10_000_000 + b'"]}'),
    "empty set": httpx.Response(200, json={"keys": []}),
    "no set": httpx.Response(200, json=[1]),
    "redirect": httpx.Response(302, headers={"location": "https://evil.example/keys"}),
    "error": httpx.Response(500, json={"keys": []}),
    "symmetric": httpx.Response(200, json={"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "first", "use": "sig"}]}),
    "odd entries": httpx.Response(200, json={"keys": [5, {}, {"kty": "RSA", "kid": "first", "use": "sig"}, {"kty": "EC"}]}),
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
async def test_a_bad_answer_keeps_the_last_good_keys(name: str) -> None:
    issuer, clock = FakeIssuer(KEYCLOAK), Hours()
    keys = keys_of(issuer, clock)
    good = await keys.get("first")
    issuer.answer = BAD_ANSWERS[name]
    clock.now += 60
    await keys.get("first")
    await settle()
    assert issuer.fetches == 2
    assert await keys.get("first") is good


@pytest.mark.parametrize("name", BAD_ANSWERS)
async def test_a_bad_first_answer_is_no_set_of_keys(name: str) -> None:
    issuer = FakeIssuer(KEYCLOAK, answer=BAD_ANSWERS[name])
    with pytest.raises(Unavailable):
        await keys_of(issuer, Hours()).get("first")


async def test_a_slow_issuer_is_given_up_after_three_seconds() -> None:
    issuer = FakeIssuer(KEYCLOAK, delay=60)
    async with asyncio.timeout(5):
        with pytest.raises(Unavailable):
            await keys_of(issuer, Hours()).get("first")


async def test_keys_for_encryption_short_ones_and_symmetric_ones_are_left_out() -> None:
    issuer = FakeIssuer(KEYCLOAK)
    public = issuer.keys["first"].as_dict(private=False)
    issuer.extra_keys = [
        public | {"kid": "encrypts", "use": "enc", "alg": "RSA-OAEP"},
        public | {"kid": "unsaid"} | {"use": None},
        jwk.RSAKey.generate_key(1024, {"kid": "short", "use": "sig", "alg": "RS256"}).as_dict(private=False),
        {"kty": "oct", "k": "c2VjcmV0", "kid": "symmetric", "use": "sig", "alg": "HS256"},
        public | {"kid": "weak", "alg": "RS1"},
    ]
    keys = keys_of(issuer, Hours())
    assert await keys.get("first")
    for kid in ("encrypts", "unsaid", "short", "symmetric", "weak"):
        with pytest.raises(Unauthenticated):
            await keys.get(kid)


async def test_fetches_are_counted_by_how_they_ended() -> None:
    issuer, clock = FakeIssuer(KEYCLOAK), Hours()
    refreshes = Counter("refreshes", "Fetches.", ["outcome"], registry=None)
    keys = Keys("https://sign-in.example/certs", issuer.client(), monotonic=clock, refreshes=refreshes)
    await keys.fetch()
    issuer.answer = httpx.Response(503)
    clock.now += 60
    await keys.fetch()
    await keys.fetch()
    samples = [sample for sample in refreshes.collect()[0].samples if sample.name.endswith("_total")]
    counted = {sample.labels["outcome"]: sample.value for sample in samples}
    assert counted == {"done": 1, "failed": 2}
