"""An authority made for a test, and the folders of certificates that it hands out."""

import ipaddress
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


class Authority:
    """Signs what it is asked to."""

    def __init__(self, name: str = "authority") -> None:
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._own = (
            self._started(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def certificate(self) -> bytes:
        """Its own, as a file has it."""
        return self._own.public_bytes(Encoding.PEM)

    def issue(self, folder: Path, name: str, *, common: str = "", hosts: Collection[str] = ()) -> Path:
        """A certificate for 127.0.0.1 and `hosts` that is known by `name`, in `folder` as a Secret would be."""
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(name)]
        names += [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), *(x509.DNSName(host) for host in hosts)]
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common or "somebody")])
        usages = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH, x509.ExtendedKeyUsageOID.CLIENT_AUTH])
        made = (
            self._started(subject, key)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(usages, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "tls.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        (folder / "tls.crt").write_bytes(made.public_bytes(Encoding.PEM))
        (folder / "ca.crt").write_bytes(self.certificate)
        return folder

    @staticmethod
    def serial(certificate: str) -> str:
        """The number of a certificate, by which it is told from another of the same names."""
        return str(x509.load_pem_x509_certificate(certificate.encode()).serial_number)

    def _started(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
        )
