"""The policy as a service holds it: heard, kept over a restart, followed."""

import pytest

from chassis.auth import Policy, Verifier
from chassis.errors import Unavailable
from chassis.guard import Guard
from chassis.testing import MemoryBackend

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
    nobody: Verifier = None  # type: ignore[assignment]
    return Guard(nobody, auth.fetch, backend)


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
