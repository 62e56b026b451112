"""The keys that sign short tokens: Ed25519, one a period, published before they are used and after.

Private keys are kept encrypted (AES-256-GCM) under a key that is derived from a setting. When that setting changes, what
cannot be read any more is replaced: its tokens live for a minute only. Fails with `Unavailable` when the database is away
and no key is at hand.
"""

import json
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwk, jwt

from chassis.auth import AUDIENCE
from chassis.store import Backend, Delete, Insert, Taken

SIGNING_KEYS = "signing_keys"
ALGORITHM = "Ed25519"
LIFE = timedelta(seconds=60)
PERIOD = timedelta(days=7)
AHEAD = timedelta(hours=1)  # a key is published this long before it signs; services refresh theirs every 45 s
_NONCE = 12


class Signer:
    """Signs and publishes. `secret` protects the keys at rest."""

    def __init__(self, backend: Backend, issuer: str, secret: str, *, now: Callable[[], float] = time.time) -> None:
        self.backend, self.issuer, self.now = backend, issuer, now
        derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"itsm signing keys").derive(secret.encode())
        self._seal = AESGCM(derived)
        self._keys: dict[str, jwk.OKPKey] = {}

    async def prepare(self) -> None:
        """Makes the key of this period, and of the next when that is near; forgets those of long ago. Safe in any replica."""
        now = self.now()
        period = int(now // PERIOD.total_seconds())
        await self._have(period)
        if int((now + AHEAD.total_seconds()) // PERIOD.total_seconds()) > period:
            await self._have(period + 1)
        for row in await self.backend.find(SIGNING_KEYS, {"tenant": "-"}):
            if row["period"] < period - 1:
                await self.backend.write([Delete(SIGNING_KEYS, {"_id": row["_id"], "tenant": "-"})])
                self._keys.pop(row["_id"], None)
            elif row["_id"] not in self._keys and (key := self._open(row)) is not None:
                self._keys[row["_id"]] = key

    async def _have(self, period: int) -> None:
        rows = await self.backend.find(SIGNING_KEYS, {"tenant": "-", "period": period})
        if any(self._open(row) is not None for row in rows):
            return
        # The first of a period has a name that replicas agree on, so that only one of them makes it.
        kid = f"{period}" if not rows else f"{period}-{secrets.token_hex(4)}"
        key = jwk.OKPKey.generate_key("Ed25519", {"kid": kid, "use": "sig", "alg": ALGORITHM})
        nonce = secrets.token_bytes(_NONCE)
        sealed = nonce + self._seal.encrypt(nonce, json.dumps(key.as_dict(private=True)).encode(), kid.encode())
        try:
            await self.backend.write([Insert(SIGNING_KEYS, {"_id": kid, "tenant": "-", "period": period, "sealed": sealed})])
        except Taken:  # another replica was first; its key is read in a moment
            return

    def _open(self, row: Mapping[str, Any]) -> jwk.OKPKey | None:
        sealed = bytes(row["sealed"])
        try:
            plain = self._seal.decrypt(sealed[:_NONCE], sealed[_NONCE:], row["_id"].encode())
        except InvalidTag:
            return None
        return jwk.OKPKey.import_key(json.loads(plain))

    async def jwks(self) -> dict[str, Any]:
        """The public keys, as services fetch them."""
        await self.prepare()
        return {"keys": [key.as_dict(private=False) for _, key in sorted(self._keys.items())]}

    async def sign(self, claims: Mapping[str, Any]) -> tuple[str, int]:
        """A token of a minute with these claims, and when it ends (seconds since 1970)."""
        now = int(self.now())
        key = self._current(now)
        if key is None:
            await self.prepare()
            key = self._current(now)
        if key is None:
            raise RuntimeError("there is no key that signs: prepare() made none")
        end = now + int(LIFE.total_seconds())
        standard = {"iss": self.issuer, "aud": AUDIENCE, "iat": now, "exp": end, "jti": secrets.token_hex(16)}
        head = {"alg": ALGORITHM, "kid": key.kid, "typ": "at+jwt"}
        return jwt.encode(head, {**claims, **standard}, key, algorithms=[ALGORITHM]), end

    def _current(self, now: int) -> jwk.OKPKey | None:
        period = str(int(now // PERIOD.total_seconds()))
        mine = [kid for kid in self._keys if kid.partition("-")[0] == period]
        return self._keys[max(mine)] if mine else None
