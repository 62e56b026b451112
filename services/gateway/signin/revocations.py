"""What an event of the auth service ends here at once: tokens that were exchanged before, and the sight of open streams.

Each process of the gateway keeps tokens for a while. It reads all events anyway, so a session that ends, a token that is
revoked, a role that is given or taken or permits something else counts in every process as soon as its event arrives; without
events, when the kept token ends or the policy is asked for again.
"""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from services.gateway.live.ring import Entry
from services.gateway.signin.credentials import Credentials

_OVER = "itsm.auth.v1.TokenRevoked"
_RIGHTS = frozenset({"itsm.auth.v1.RoleGranted", "itsm.auth.v1.RoleRevoked"})
_ROLES = frozenset({"itsm.auth.v1.RoleCreated", "itsm.auth.v1.RoleUpdated", "itsm.auth.v1.RoleDeleted"})


class Revocations:
    """Hears of every event. `again` is told of whom (tenant, subject) it has to be asked anew who that is, `changed` which role
    (tenant, name) permits something else."""

    def __init__(
        self, credentials: Credentials, again: Callable[[str, str], None], changed: Callable[[str, str], None]
    ) -> None:
        self._credentials, self._again, self._changed = credentials, again, changed

    def __call__(self, entry: Entry) -> None:
        """Acts on what concerns somebody's rights."""
        if entry.type == _OVER:
            token = _member(entry, "token")
            self._credentials.forget_of(entry.tenant, credential=str(token.get("id", "")))
            self._again(entry.tenant, str(token.get("subject", "")))
        elif entry.type in _RIGHTS:
            subject = str(_member(entry, "grant").get("subject", ""))
            self._credentials.forget_of(entry.tenant, subject=subject)
            self._again(entry.tenant, subject)
        elif entry.type in _ROLES:
            self._changed(entry.tenant, str(_member(entry, "role").get("name", "")))


def _member(entry: Entry, name: str) -> Mapping[str, Any]:
    try:
        found = orjson.loads(entry.value)[name]
    except (ValueError, KeyError, TypeError):  # nothing else writes to this topic; the reader of all events goes on
        return {}
    return found if isinstance(found, dict) else {}
