"""Who is calling and what they may do, as one service enforces it: verified tokens and the policy as last heard.

The policy is asked for at the auth service every 2 s, which says it again only where it is another, and is kept in the
service's own database, so that a service starts and works while the auth service is away. So are the keys of both issuers,
good for a day.

Fails: `Unavailable` until a policy was heard for the first time; a failed refresh is logged and the last policy stays.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from chassis.auth import Policy, Principal, Verifier
from chassis.errors import Error, Unavailable
from chassis.policy import Part
from chassis.store import Backend, Update

POLICIES = "policies"
ISSUER_KEYS = "issuer_keys"
REFRESH_SECONDS = 2.0
"""So long, and the time of one answer, may a role that somebody changed count as it was (docs/decisions/052)."""
_KEYS_SECONDS = 15.0
_NOTED_SECONDS = 600.0  # so much older than they are, at most, are keys taken to be after a restart
_RETRY_SECONDS = 1.0

_log = logging.getLogger(__name__)


class Guard:
    """What the RPC edge asks. Run `begin` at the start and `follow` as background work."""

    def __init__(self, verifier: Verifier, fetch: Callable[[], Awaitable[Policy]], backend: Backend) -> None:
        self._verifier = verifier
        self._fetch = fetch
        self._backend = backend
        self._policy: Policy | None = None
        self._refreshing = asyncio.Lock()
        self._noted: dict[str, tuple[str, float]] = {}

    async def verify(self, token: str, tenant_hint: str = "") -> Principal:
        """The verified caller. Raises `Unauthenticated`, `Denied` or `Unavailable`."""
        return await self._verifier.verify(token, tenant_hint)

    def policy(self) -> Policy:
        """The policy as last heard. Raises `Unavailable` before that."""
        if self._policy is None:
            raise Unavailable("the policy is not known here yet", reason="NO_POLICY")
        return self._policy

    @property
    def known(self) -> Policy | None:
        """The same; None before that."""
        return self._policy

    async def check(self) -> None:
        """For readiness: raises `Unavailable` until a policy is known."""
        self.policy()

    async def begin(self) -> None:
        """Learns the policy before the first call, if the auth service or the own database can tell it."""
        await self._recall()
        await self._recall_keys()
        await self._try_refresh()

    async def follow(self) -> None:
        """Keeps the policy and the keys of both issuers fresh until canceled."""
        async with asyncio.TaskGroup() as tasks:
            for keys in self._verifier.keys:
                tasks.create_task(keys.keep())
            tasks.create_task(self._keep_policy())
            tasks.create_task(self._keep_keys())

    async def _keep_policy(self) -> None:
        while True:
            heard = await self._try_refresh()
            await asyncio.sleep(REFRESH_SECONDS if heard else _RETRY_SECONDS)

    async def _keep_keys(self) -> None:
        while True:
            try:
                await self.note_keys()
            except Error as error:
                _log.warning("Keys not noted.", extra={"reason": error.reason})
            await asyncio.sleep(_KEYS_SECONDS)

    async def note_keys(self) -> None:
        """Keeps the public keys of both issuers for the next start: what is valid then works while an issuer is away."""
        now = time.time()
        for keys in self._verifier.keys:
            text = orjson.dumps(keys.document).decode()
            known, at = self._noted.get(keys.url, ("", 0.0))
            if not keys.url or keys.document is None or (text == known and now - at < _NOTED_SECONDS):
                continue
            noted = {"document": text, "time": now - keys.age}
            query = {"_id": keys.url, "tenant": "-"}
            await self._backend.write([Update(ISSUER_KEYS, query, {"$set": noted}, strict=False, upsert=True)])
            self._noted[keys.url] = text, now

    async def _recall_keys(self) -> None:
        for keys in self._verifier.keys:
            kept = await self._backend.find_one(ISSUER_KEYS, {"_id": keys.url, "tenant": "-"})
            if kept is not None:
                keys.remember(orjson.loads(kept["document"]), time.time() - kept["time"])

    async def _try_refresh(self) -> bool:
        try:
            await self.refresh()
        except Error as error:
            _log.warning("Policy not refreshed.", extra={"reason": error.reason})
            return False
        return True

    async def refresh(self) -> None:
        """Fetches the policy now; keeps it when it is another and not of an older table. Raises what the fetch raises.

        Of one table any other revision counts, not only a higher one: a database that was restored has an earlier one.
        """
        async with self._refreshing:
            await self._refresh()

    async def _refresh(self) -> None:
        policy, known = await self._fetch(), self._policy
        if known is not None and (
            policy.version < known.version or (policy.version, policy.revision) == (known.version, known.revision)
        ):
            return
        self._policy = policy
        _log.info("Policy heard.", extra={"version": policy.version, "revision": policy.revision})
        query = {"_id": "current", "tenant": "-"}
        await self._backend.write([Update(POLICIES, query, {"$set": {"policy": _dump(policy)}}, strict=False, upsert=True)])

    async def _recall(self) -> None:
        kept = await self._backend.find_one(POLICIES, {"_id": "current", "tenant": "-"})
        if kept is not None:
            self._policy = _load(kept["policy"])


def _dump(policy: Policy) -> str:
    own = {tenant: _written(part) for tenant, part in policy.own.items()}
    return orjson.dumps({"version": policy.version, "revision": policy.revision, "own": own, **_written(policy)}).decode()


def _written(part: Policy | Part) -> dict[str, Any]:
    return {"roles": {role: sorted(permissions) for role, permissions in part.roles.items()}, "scopes": part.scopes}


def _load(text: str) -> Policy:
    kept = orjson.loads(text)
    own = {tenant: Part(_roles(part), part["scopes"]) for tenant, part in kept.get("own", {}).items()}
    return Policy(kept["version"], _roles(kept), kept["scopes"], kept.get("revision", 0), own)


def _roles(part: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    return {role: frozenset(permissions) for role, permissions in part["roles"].items()}
