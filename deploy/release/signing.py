"""Signatures with a key pair, ECDSA over P-256 and SHA-256, in the bundles of Sigstore: `cosign` verifies them by `--key`
without a network, and openssl the bare ones.

The nonce follows from key and content (RFC 6979), so the same release signed twice is the same. Sources of the formats:
Sigstore bundle v0.3, DSSE v1.0.2, in-toto Statement v1, cyclonedx.org/bom as its predicate. Fails with `ReleaseError`.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from deploy.release import ReleaseError

BILL = "https://cyclonedx.org/bom"
STATEMENT = "https://in-toto.io/Statement/v1"
_PAYLOAD = "application/vnd.in-toto+json"
_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"


@dataclass(frozen=True, slots=True)
class Signer:
    """Whoever holds the private key."""

    key: ec.EllipticCurvePrivateKey

    @classmethod
    def load(cls, file: Path, passphrase: str = "") -> "Signer":
        """From a PEM file, which may be encrypted."""
        try:
            key = serialization.load_pem_private_key(file.read_bytes(), passphrase.encode() or None)
        except (OSError, TypeError, ValueError, UnsupportedAlgorithm) as problem:
            raise ReleaseError(f"the key {file.name} cannot be read: {problem}") from problem
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ReleaseError(f"the key {file.name} is not of the curve P-256")
        return cls(key)

    @classmethod
    def new(cls) -> "Signer":
        """A key that nobody had before."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    def private(self, passphrase: str = "") -> bytes:
        """To be kept by one person, encrypted where a passphrase is given."""
        how = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)

    def public(self) -> bytes:
        """To be given to everybody, by another way than the release."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.key.public_key().public_bytes(serialization.Encoding.PEM, form)

    def sign(self, digest: bytes) -> bytes:
        """The bare signature, ASN.1 in DER, of what has this SHA-256."""
        return self.key.sign(digest, ec.ECDSA(utils.Prehashed(hashes.SHA256()), deterministic_signing=True))

    def bundle(self, digest: bytes) -> bytes:
        """The same as a bundle."""
        shown = {"algorithm": "SHA2_256", "digest": _encoded(digest)}
        return self._bundled("messageSignature", {"messageDigest": shown, "signature": _encoded(self.sign(digest))})

    def attestation(self, subjects: Mapping[str, str], kind: str, predicate: Any) -> bytes:
        """A signed statement about files: `subjects` are their SHA-256 in hexadecimal by name."""
        named = [{"name": name, "digest": {"sha256": digest}} for name, digest in subjects.items()]
        payload = _json({"_type": STATEMENT, "subject": named, "predicateType": kind, "predicate": predicate})
        signatures = [{"sig": _encoded(self.sign(_pre_authentication(payload)))}]
        return self._bundled("dsseEnvelope", {"payload": _encoded(payload), "payloadType": _PAYLOAD, "signatures": signatures})

    def _bundled(self, name: str, content: Any) -> bytes:
        shown = self.key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        hint = {"publicKey": {"hint": _encoded(hashlib.sha256(shown).digest())}}
        return _json({"mediaType": _BUNDLE, "verificationMaterial": hint, name: content}) + b"\n"


@dataclass(frozen=True, slots=True)
class Verifier:
    """Whoever holds the public key."""

    key: ec.EllipticCurvePublicKey

    @classmethod
    def load(cls, file: Path) -> "Verifier":
        """From a PEM file."""
        try:
            key = serialization.load_pem_public_key(file.read_bytes())
        except (OSError, ValueError, UnsupportedAlgorithm) as problem:
            raise ReleaseError(f"the key {file.name} cannot be read: {problem}") from problem
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise ReleaseError(f"the key {file.name} is not of an elliptic curve")
        return cls(key)

    def trusts(self, digest: bytes, signature: bytes) -> bool:
        """Whether the bare signature is of what has this SHA-256, and of this key."""
        try:
            self.key.verify(signature, digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
        except InvalidSignature:
            return False
        return True

    def trusts_bundle(self, digest: bytes, bundle: bytes) -> bool:
        """The same for a bundle. Raises `ReleaseError` for what is no such bundle."""
        return self.trusts(digest, _decoded(_part(bundle, "messageSignature"), "signature"))

    def statement(self, bundle: bytes) -> dict[str, Any]:
        """What an attestation says. Raises `ReleaseError` where this key has not signed it."""
        envelope = _part(bundle, "dsseEnvelope")
        payload = _decoded(envelope, "payload")
        if not any(self.trusts(_pre_authentication(payload), _decoded(each, "sig")) for each in envelope["signatures"]):
            raise ReleaseError("an attestation is not signed with this key")
        told: dict[str, Any] = json.loads(payload)
        return told


def _pre_authentication(payload: bytes) -> bytes:
    """The digest that DSSE signs: of the lengths beside the content, so that nothing can be moved between the two parts."""
    return hashlib.sha256(b"DSSEv1 %d %s %d %s" % (len(_PAYLOAD), _PAYLOAD.encode(), len(payload), payload)).digest()


def _part(bundle: bytes, name: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(bundle)[name]
    except (ValueError, KeyError, TypeError) as problem:
        raise ReleaseError(f"this is no bundle with a {name}") from problem
    return found


def _decoded(part: Mapping[str, Any], name: str) -> bytes:
    try:
        return base64.b64decode(part[name], validate=True)
    except (ValueError, KeyError, TypeError) as problem:
        raise ReleaseError(f"a bundle has no {name}") from problem


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
