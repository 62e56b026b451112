"""What an event ends at once: exchanged tokens of a credential or a person, in each process that keeps them."""

import asyncio
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from services.gateway.live.ring import Entry
from services.gateway.signin.credentials import Credentials
from services.gateway.signin.revocations import Revocations

OWNERS = {
    "a": ("main", "crd_1", "ann"),
    "b": ("main", "crd_2", "ann"),
    "c": ("main", "crd_3", "bob"),
    "d": ("acme", "crd_1", "ann"),
}


class Exchange:
    """The auth service as far as it exchanges secrets; `asked` counts by secret."""

    def __init__(self) -> None:
        self.asked: dict[str, int] = {}
        self.hold = asyncio.Event()
        self.hold.set()
        self.begun = asyncio.Event()

    async def Exchange(self, request: Any, **_: Any) -> Any:
        tenant, credential, subject = OWNERS[request.secret]
        self.asked[request.secret] = number = self.asked.get(request.secret, 0) + 1
        self.begun.set()
        await self.hold.wait()
        return SimpleNamespace(token=f"{request.secret}{number}", tenant=tenant, credential_id=credential, subject=subject)


def entry(kind: str, tenant: str, value: object) -> Entry:
    text = value if isinstance(value, bytes) else orjson.dumps(value)
    return Entry("auth", 0, 0, 0, tenant, "tokens", "tokens/x", f"itsm.auth.v1.{kind}", b"", text)


@pytest.mark.parametrize(
    ("kind", "tenant", "value", "gone"),
    [
        ("TokenRevoked", "main", {"token": {"id": "crd_1", "subject": "ann"}}, {"a"}),
        ("TokenRevoked", "acme", {"token": {"id": "crd_1", "subject": "ann"}}, {"d"}),
        ("RoleRevoked", "main", {"grant": {"subject": "ann"}}, {"a", "b"}),
        ("RoleGranted", "main", {"grant": {"subject": "bob"}}, {"c"}),
        ("TokenCreated", "main", {"token": {"id": "crd_1", "subject": "ann"}}, set()),
        ("TokenRevoked", "main", {}, set()),
        ("TokenRevoked", "main", b"{", set()),
        ("RoleRevoked", "main", [], set()),
    ],
)
async def test_an_event_has_exactly_those_asked_again_whom_it_concerns(
    kind: str, tenant: str, value: object, gone: set[str]
) -> None:
    auth, told = Exchange(), []
    credentials = Credentials(SimpleNamespace(exchange=auth), "http://gateway")  # type: ignore[arg-type]
    for _ in range(2):
        for secret in OWNERS:
            await credentials.exchanged(secret)
    revocations = Revocations(credentials, lambda *who: told.append(who), lambda *role: pytest.fail(f"{role} is no role of it"))
    revocations(entry(kind, tenant, value))
    for secret in OWNERS:
        await credentials.exchanged(secret)
    assert {secret for secret, count in auth.asked.items() if count == 2} == gone
    assert {who[1] for who in told if who[1]} == {OWNERS[secret][2] for secret in gone}


async def test_what_was_being_exchanged_when_a_right_ended_is_not_kept() -> None:
    auth = Exchange()
    credentials = Credentials(SimpleNamespace(exchange=auth), "http://gateway")  # type: ignore[arg-type]
    auth.hold.clear()
    asking = asyncio.create_task(credentials.exchanged("a"))
    await auth.begun.wait()
    credentials.forget_of("main", credential="crd_1")
    auth.hold.set()
    assert await asking == "a1"
    assert await credentials.exchanged("a") == "a2"
    assert await credentials.exchanged("a") == "a2"


@pytest.mark.parametrize("kind", ["RoleCreated", "RoleUpdated", "RoleDeleted"])
async def test_a_role_that_permits_something_else_is_told_of(kind: str) -> None:
    told: list[tuple[str, str]] = []
    credentials = Credentials(SimpleNamespace(exchange=Exchange()), "http://gateway")  # type: ignore[arg-type]
    hears = Revocations(credentials, lambda *who: pytest.fail(f"{who} holds it perhaps"), lambda *role: told.append(role))
    hears(entry(kind, "acme", {"role": {"id": "rol_1", "name": "desk"}}))
    assert told == [("acme", "desk")]
