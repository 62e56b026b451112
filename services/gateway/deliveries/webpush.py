"""Web Push: what is sent to a browser, encrypted for it alone (RFC 8291, aes128gcm), and who sends it (VAPID, RFC 8292).

Fails: `ValueError` for keys that are no point of P-256, or too long a message.
"""

import base64
import hashlib
import hmac
import os
import struct
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwk, jwt

RECORD = 4096
LONGEST = 3_900
"""Bytes of a message: with what is around it a record stays below what every push service takes."""
_LIFE_SECONDS = 12 * 3600
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of the group of P-256


class Vapid:
    """The installation as push services know it. Its key follows from `master`, so that none is kept anywhere; `subject` is
    where its operator is reached."""

    def __init__(self, master: bytes, subject: str, *, now: Callable[[], float] = time.time) -> None:
        number = int.from_bytes(hashlib.sha512(hmac.digest(master, b"vapid", "sha512")).digest()) % (_ORDER - 1) + 1
        private = ec.derive_private_key(number, ec.SECP256R1())
        self._key = jwk.ECKey.import_key(private)
        self._subject, self._now = subject, now
        self.public = encoded(_point(private.public_key()))
        self._known: dict[str, tuple[float, str]] = {}

    def authorization(self, endpoint: str) -> str:
        """The header by which a push service knows who sends; one token for each service and half its life."""
        parts = urlsplit(endpoint)
        audience, now = f"{parts.scheme}://{parts.netloc}", self._now()
        known = self._known.get(audience)
        if known is None or now - known[0] > _LIFE_SECONDS / 2:
            claims = {"aud": audience, "exp": int(now) + _LIFE_SECONDS, "sub": self._subject}
            token = jwt.encode({"typ": "JWT", "alg": "ES256"}, claims, self._key, algorithms=["ES256"])
            if len(self._known) > 1_000:
                self._known.clear()
            known = self._known[audience] = (now, token)
        return f"vapid t={known[1]}, k={self.public}"


def encrypted(
    message: bytes, p256dh: str, auth: str, *, salt: bytes = b"", sender: ec.EllipticCurvePrivateKey | None = None
) -> bytes:
    """The body of a push: `message` for the browser with these keys. `salt` and `sender` are new each time unless given."""
    if len(message) > LONGEST:
        raise ValueError(f"a push may have {LONGEST} bytes")
    salt, sender = salt or os.urandom(16), sender or ec.generate_private_key(ec.SECP256R1())
    theirs, ours = decoded(p256dh), _point(sender.public_key())
    shared = sender.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs))
    secret = _derived(shared, decoded(auth), b"WebPush: info\x00" + theirs + ours, 32)
    key = _derived(secret, salt, b"Content-Encoding: aes128gcm\x00", 16)
    nonce = _derived(secret, salt, b"Content-Encoding: nonce\x00", 12)
    head = salt + struct.pack("!IB", RECORD, len(ours)) + ours
    return head + AESGCM(key).encrypt(nonce, message + b"\x02", None)


def encoded(raw: bytes) -> str:
    """Bytes in base64url, as browsers write them."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """The bytes of such a text. Raises `ValueError`."""
    bare = text.rstrip("=")
    return base64.b64decode(bare.encode("ascii") + b"=" * (-len(bare) % 4), b"-_", validate=True)


def _derived(secret: bytes, salt: bytes, info: bytes, size: int) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=size, salt=salt, info=info).derive(secret)


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
