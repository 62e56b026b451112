"""A browser and its push service: keys of its own, and reading what was encrypted for it, by the RFCs and not by our code."""

import base64
import json
import os
import struct
from typing import Any

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def text(raw: bytes) -> str:
    """Bytes in base64url."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def raw(value: str) -> bytes:
    """The bytes of base64url."""
    return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))


class Browser:
    """One subscription."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint, self._key, self._auth = endpoint, ec.generate_private_key(ec.SECP256R1()), os.urandom(16)
        self._point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.p256dh, self.auth = text(self._point), text(self._auth)

    @property
    def subscription(self) -> dict[str, str]:
        """As the API takes it."""
        return {"endpoint": self.endpoint, "p256dh": self.p256dh, "auth": self.auth, "name": "a test"}

    def read(self, body: bytes) -> dict[str, Any]:
        """What was sent (RFC 8188 and 8291). Raises `InvalidTag` where it was not encrypted for this browser."""
        salt, (size, length) = body[:16], struct.unpack("!IB", body[16:21])
        theirs, sealed = body[21 : 21 + length], body[21 + length :]
        assert len(sealed) <= size
        shared = self._key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs))
        secret = _mac(_mac(self._auth, shared), b"WebPush: info\0" + self._point + theirs + b"\1")
        seed = _mac(salt, secret)
        key = _mac(seed, b"Content-Encoding: aes128gcm\0\1")[:16]
        nonce = _mac(seed, b"Content-Encoding: nonce\0\1")[:12]
        plain = AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\0")
        assert plain[-1:] == b"\2"
        found: dict[str, Any] = json.loads(plain[:-1])
        return found


def vapid_claims(authorization: str, public: str) -> dict[str, Any]:
    """What the sender says of itself (RFC 8292). Raises `InvalidSignature` where the key did not sign it."""
    scheme, _, rest = authorization.partition(" ")
    told = dict(part.strip().split("=", 1) for part in rest.split(","))
    assert (scheme, told["k"]) == ("vapid", public)
    head, claims, signature = told["t"].split(".")
    proof = raw(signature)
    pair = utils.encode_dss_signature(int.from_bytes(proof[:32]), int.from_bytes(proof[32:]))
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw(public))
    key.verify(pair, f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
    found: dict[str, Any] = json.loads(raw(claims))
    return found


def _mac(key: bytes, message: bytes) -> bytes:
    mac = hmac.HMAC(key, hashes.SHA256())
    mac.update(message)
    return mac.finalize()
