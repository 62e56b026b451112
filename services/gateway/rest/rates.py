"""How much one caller may ask for: a bucket of units each for a principal, a tenant and, where people sign in, an address.

A request costs units by what it makes others do; what is over is refused with 429 and says when to come back. Buckets are
kept in the process: a limit counts for the whole installation, so each replica gives its share of it.

Fails: `Problem` 429. A bucket that nobody used for a window is full again and forgotten.
"""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chassis.http.problems import Problem
from services.gateway.rest.exchange import Scope

WINDOW = 60.0
_KEPT = 100_000

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Standing:
    """What is left in the emptiest bucket of a request, as the draft of the RateLimit headers says it."""

    policy: str
    limit: int
    left: int
    full_in: int

    @property
    def headers(self) -> Sequence[tuple[bytes, bytes]]:
        """`RateLimit-Policy` and `RateLimit`."""
        return (
            (b"ratelimit-policy", f'"{self.policy}";q={self.limit};w={WINDOW:.0f}'.encode()),
            (b"ratelimit", f'"{self.policy}";r={self.left};t={self.full_in}'.encode()),
        )


class Buckets:
    """Buckets of one size by key. `limit` units flow in within a window, and at most as many are kept; 0 never refuses."""

    def __init__(self, policy: str, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.policy, self.limit = policy, limit
        self._clock = clock
        self._empty_until: OrderedDict[str, float] = OrderedDict()

    def ask(self, key: str, cost: int) -> None:
        """Raises `Problem` 429 when the units are not there; takes none."""
        self._after(key, cost, self._clock())

    def take(self, key: str, cost: int) -> Standing:
        """Takes units out. Raises `Problem` 429 when they are not there; nothing is taken then.

        What costs more than the bucket holds takes a full one whole: it could never be let in otherwise.
        """
        now = self._clock()
        after = self._after(key, cost, now)
        self._empty_until[key] = after
        self._empty_until.move_to_end(key)
        while len(self._empty_until) > _KEPT:
            self._empty_until.popitem(last=False)
        return self._standing(after - now)

    def _after(self, key: str, cost: int, now: float) -> float:
        # The moment at which a bucket will be full says everything about it, so that is all that is kept (GCRA).
        each = WINDOW / self.limit
        full = max(self._empty_until.get(key, now), now)
        after = full + min(cost, self.limit) * each
        if after - now > WINDOW + each / 2:
            raise self._refused(full - now, max(1, math.ceil(after - now - WINDOW)))
        return after

    def _standing(self, until_full: float) -> Standing:
        left = max(0, math.floor((WINDOW - until_full) * self.limit / WINDOW + 1e-6))
        return Standing(self.policy, self.limit, left, math.ceil(until_full))

    def _refused(self, until_full: float, seconds: int) -> Problem:
        headers = {name.decode(): value.decode() for name, value in self._standing(until_full).headers}
        text = f"{self.limit} units a minute are given here; come back in {seconds} s"
        facts = {"violatedPolicies": self.policy}
        return Problem(
            429, "rate-limited", text, reason="QUOTA_EXCEEDED", facts=facts, headers={**headers, "retry-after": str(seconds)}
        )


class Rates:
    """The limits of this installation, in units a minute; 0 is none. `replicas` is among how many gateways they are shared."""

    def __init__(
        self,
        *,
        principal: int = 0,
        tenant: int = 0,
        sign_in: int = 0,
        replicas: int = 1,
        trusted: Sequence[Network] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        def buckets(policy: str, limit: int) -> Buckets | None:
            return Buckets(policy, max(1, limit // replicas), clock) if limit else None

        self._principals, self._tenants = buckets("default", principal), buckets("tenant", tenant)
        self._addresses = buckets("sign-in", sign_in)
        self._trusted = trusted

    @property
    def on(self) -> bool:
        """Whether callers have any limit."""
        return self._principals is not None or self._tenants is not None

    def take(self, tenant: str, subject: str, cost: int) -> Standing | None:
        """What is left after a request. Raises `Problem` 429; nothing is taken then, wherever the units are missing."""
        key = f"{tenant}|{subject}"
        if self._principals:
            self._principals.ask(key, cost)
        shared = self._tenants.take(tenant, cost) if self._tenants else None
        own = self._principals.take(key, cost) if self._principals else None
        if own is None or shared is None:
            return own or shared
        return own if own.left * shared.limit <= shared.left * own.limit else shared

    def sign_in(self, scope: Scope) -> None:
        """Counts somebody at the door. Raises `Problem` 429."""
        if self._addresses is not None:
            self._addresses.take(_place(self.address(scope)), 1)

    def address(self, scope: Scope) -> str:
        """Who is asking; what a proxy says counts only where the proxy is one of ours."""
        client = scope.get("client")
        nearest = str(client[0]) if client else ""
        if not self._trusted or not self._is_trusted(nearest):
            return nearest
        said = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for").decode("latin-1")
        for each in reversed([part.strip() for part in said.split(",") if part.strip()]):
            nearest = each
            if not self._is_trusted(each):
                break
        return nearest

    def _is_trusted(self, text: str) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        return any(address in network for network in self._trusted)


def _place(text: str) -> str:
    """What counts as one address: of IPv6 the network of 64 bits, all of whose addresses one machine may use."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    if isinstance(address, ipaddress.IPv4Address):
        return text
    return str(address.ipv4_mapped or ipaddress.IPv6Address(int(address) >> 64 << 64))
