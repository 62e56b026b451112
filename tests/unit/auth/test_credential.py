"""What a credential is good for, and for how long."""

from datetime import UTC, datetime, timedelta

import pytest

from chassis.errors import ForbiddenMove, Invalid, Unauthenticated
from services.auth.domain.credential import Credential, Kind, Secret, SignIn

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def session(at: datetime = NOON) -> Credential:
    sign_in = SignIn("sid-1", 1_795_000_000, "urn:itsm:loa:1", ("agent",))
    return Credential.session(Secret.new(Kind.SESSION, "main"), id="crd_1", subject="u-1", sign_in=sign_in, at=at)


def token(kind: Kind = Kind.PERSONAL, **more: object) -> Credential:
    fields: dict = {"name": "script", "roles": (), "permissions": (), "expire_time": None} | more
    return Credential.token(Secret.new(kind, "main"), id="crd_2", creator_id="u-1", at=NOON, **fields)


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("tenant", ["main", "a_b", "acme-2.eu"])
def test_a_secret_names_its_kind_and_tenant(kind: Kind, tenant: str) -> None:
    secret = Secret.new(kind, tenant)
    read = Secret.read(secret.text)
    assert (read.kind, read.tenant, read.hash) == (kind, tenant, secret.hash)


def test_secrets_are_long_and_never_the_same() -> None:
    texts = {Secret.new(Kind.PERSONAL, "main").text for _ in range(100)}
    assert len(texts) == 100
    assert all(len(text.rpartition("_")[2]) == 64 for text in texts)


@pytest.mark.parametrize("before", ["", "its", "its_main", "xxx_main_", "its__", "its_main_é"])
@pytest.mark.parametrize("after", ["", "0" * 64, "0" * 63])
def test_what_cannot_be_a_secret_is_refused(before: str, after: str) -> None:
    with pytest.raises(Unauthenticated):
        Secret.read(before + after)


def test_the_record_of_a_credential_does_not_hold_its_secret() -> None:
    secret = Secret.new(Kind.PERSONAL, "main")
    made = Credential.token(secret, id="crd_3", name="n", creator_id="u-1", roles=(), permissions=(), expire_time=None, at=NOON)
    assert secret.text not in repr(made)
    assert secret.text.rpartition("_")[2] not in repr(made)


@pytest.mark.parametrize(("after", "good"), [(timedelta(hours=7, minutes=59), True), (timedelta(hours=8), False)])
def test_a_session_ends_after_eight_idle_hours(after: timedelta, good: bool) -> None:
    one = session()
    if good:
        one.check(NOON + after)
    else:
        with pytest.raises(Unauthenticated):
            one.check(NOON + after)


def test_a_session_in_use_ends_after_a_day_all_the_same() -> None:
    one = session()
    for hour in range(1, 24):
        one.check(NOON + timedelta(hours=hour))
        one.use_time = NOON + timedelta(hours=hour)
    with pytest.raises(Unauthenticated):
        one.check(NOON + timedelta(hours=24))


def test_a_token_lies_idle_for_months_and_ends_on_its_day() -> None:
    one = token()
    one.check(NOON + timedelta(days=90) - timedelta(seconds=1))
    with pytest.raises(Unauthenticated):
        one.check(NOON + timedelta(days=90))


def test_a_use_is_noted_once_a_minute() -> None:
    one = session()
    assert not one.use_is_news(NOON + timedelta(seconds=59))
    assert one.use_is_news(NOON + timedelta(seconds=60))
    assert token().use_is_news(NOON)


def test_what_is_revoked_stays_so() -> None:
    one = token()
    one.take_recorded()
    one.revoke(NOON)
    with pytest.raises(Unauthenticated):
        one.check(NOON)
    with pytest.raises(ForbiddenMove):
        one.revoke(NOON)


def test_a_personal_token_never_has_more_than_its_owner_has_now() -> None:
    assert token().effective_roles({"agent", "auditor"}) == {"agent", "auditor"}
    assert token(roles=["agent", "admin"]).effective_roles({"agent"}) == {"agent"}
    assert token(roles=["admin"]).effective_roles({"agent"}) == frozenset()
    assert session().effective_roles({"agent"}) == {"agent"}


@pytest.mark.parametrize("kind", [Kind.AGENT, Kind.INTEGRATION])
def test_a_key_stands_for_itself_with_its_own_roles(kind: Kind) -> None:
    key = token(kind, roles=["monitor-manager"])
    assert key.subject == key.id
    assert key.effective_roles(()) == {"monitor-manager"}
    with pytest.raises(Invalid):
        token(kind)


@pytest.mark.parametrize(
    "more",
    [
        {"name": ""},
        {"name": "   "},
        {"name": "x" * 201},
        {"expire_time": NOON},
        {"expire_time": NOON - timedelta(days=1)},
        {"expire_time": NOON + timedelta(days=367)},
    ],
)
def test_a_token_with_a_bad_name_or_end_is_refused(more: dict) -> None:
    with pytest.raises(Invalid):
        token(**more)
