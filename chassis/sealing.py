"""Secrets of others that have to be shown to them later, and are therefore kept: encrypted (AES-256-GCM) under a key of the
installation.

What is sealed is bound to what it is for (`about`): a copy of it beside another record opens nothing. Fails: `open` gives
nothing for what was sealed under another key or for something else; then whoever knows the secret gives it again.
"""

import base64
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE = 12


class Sealing:
    """`purpose` keeps keys that follow from one `master` apart."""

    def __init__(self, master: bytes, purpose: str) -> None:
        derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=f"itsm {purpose}".encode()).derive(master)
        self._cipher = AESGCM(derived)

    def seal(self, plain: str, about: str) -> str:
        """The secret as it may be kept."""
        nonce = secrets.token_bytes(_NONCE)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, plain.encode(), about.encode())).decode()

    def open(self, sealed: str | bytes, about: str) -> str | None:
        """The secret; None where it cannot be read any more. `bytes` are what is spelled out as text elsewhere."""
        try:
            raw = base64.b64decode(sealed, validate=True) if isinstance(sealed, str) else sealed
            return self._cipher.decrypt(raw[:_NONCE], raw[_NONCE:], about.encode()).decode()
        except (InvalidTag, ValueError):
            return None
