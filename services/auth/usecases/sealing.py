"""Secrets of others that this service has to show them again: kept encrypted, opened for one purpose and one record.

AES-256-GCM under a key that is derived from a setting. What was sealed for one record does not open for another. When the
setting changes, nothing opens any more, and whoever knows the secret gives it again.
"""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE = 12


class Sealing:
    """`purpose` keeps what is sealed for one use from being opened in another."""

    def __init__(self, secret: str, purpose: str) -> None:
        derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=f"itsm {purpose}".encode()).derive(secret.encode())
        self._aead = AESGCM(derived)

    def seal(self, text: str, about: str) -> bytes:
        """The text, readable for whoever names the same record."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._aead.encrypt(nonce, text.encode(), about.encode())

    def open(self, sealed: bytes, about: str) -> str | None:
        """The text, or None where it was sealed with another key or for another record."""
        try:
            return self._aead.decrypt(sealed[:_NONCE], sealed[_NONCE:], about.encode()).decode()
        except InvalidTag:
            return None
