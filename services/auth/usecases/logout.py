"""Logout tokens of the realm (OpenID Connect Back-Channel Logout 1.0, 2.4 to 2.6).

Fails: `Unauthenticated` for whatever is not exactly such a token, `Unavailable` while the realm's keys cannot be fetched.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from chassis.auth import Issuer, proven_claims
from chassis.errors import Unauthenticated

_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_LEEWAY = 30
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Over:
    """What is over: one session of the realm, or, without its id, all of a person's."""

    session_id: str
    subject: str


@dataclass(frozen=True, slots=True)
class LogoutTokens:
    """Verifies them. `clients` are those that the realm tells of a logout."""

    issuer: Issuer
    clients: frozenset[str]
    now: Callable[[], float] = time.time

    async def verify(self, token: str) -> Over:
        """Raises `Unauthenticated` or `Unavailable`."""
        claims = await proven_claims(token, self.issuer, header_types=frozenset({"jwt", "logout+jwt"}))
        audience, events = claims.get("aud"), claims.get("events")
        named = {audience} if isinstance(audience, str) else set(audience) if isinstance(audience, list) else set()
        issued = claims.get("iat")
        session_id, subject = claims.get("sid", ""), claims.get("sub", "")
        good = (
            bool(named & self.clients)
            and isinstance(events, dict)
            and _EVENT in events
            and "nonce" not in claims
            and isinstance(issued, int)
            and abs(self.now() - issued) <= _LONGEST + _LEEWAY
            and isinstance(session_id, str)
            and isinstance(subject, str)
            and bool(session_id or subject)
        )
        if not good:
            raise Unauthenticated("this is no logout token for us", reason="TOKEN_INVALID")
        return Over(session_id, subject)
