"""Authorities of one's own are believed beside the usual ones."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from chassis.events.kafka import client_options
from chassis.settings import Settings
from chassis.store.mongo import MongoBackend
from chassis.trust import bundle, trusting


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "our authority")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "ca.crt"
    file.write_bytes(made.public_bytes(Encoding.PEM))
    return file


def names(certificates: list[dict[str, object]]) -> str:
    return repr([certificate["subject"] for certificate in certificates])


def test_ones_own_authority_is_believed_beside_the_usual_ones(authority: Path) -> None:
    usual, ours = trusting(None), trusting(authority)
    assert "our authority" not in names(usual.get_ca_certs())
    assert "our authority" in names(ours.get_ca_certs())
    assert ours.cert_store_stats()["x509_ca"] == usual.cert_store_stats()["x509_ca"] + 1


def test_the_same_is_there_as_a_file_and_none_where_nothing_is_added(authority: Path) -> None:
    assert bundle(None) is None
    file = bundle(authority)
    assert file is not None
    assert Path(file).read_text().count("BEGIN CERTIFICATE") == trusting(authority).cert_store_stats()["x509_ca"]
    assert bundle(authority) == file, "made once"
    authority.write_bytes(authority.read_bytes() + b"\n")
    fresh = bundle(authority)
    assert fresh is not None
    assert fresh != file, "and again when the authorities have changed"
    Path(fresh).unlink()
    assert bundle(authority) not in (None, fresh), "or when somebody has cleared it away"


def test_a_file_without_certificates_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("nothing")
    with pytest.raises(OSError, match=r".+"):
        trusting(tmp_path / "ca.crt")


@pytest.mark.parametrize(
    ("settings", "protocol", "signs_in", "encrypted"),
    [
        ({}, "PLAINTEXT", False, False),
        ({"kafka_username": "itsm_asset"}, "SASL_PLAINTEXT", True, False),
        ({"kafka_username": "itsm_asset", "kafka_protocol": "SASL_SSL"}, "SASL_SSL", True, True),
        ({"kafka_protocol": "SSL"}, "SSL", False, True),
        ({"kafka_protocol": "SASL_SSL"}, "SSL", False, True),
    ],
)
def test_brokers_are_spoken_to_as_the_settings_say(
    authority: Path, settings: dict[str, str], protocol: str, signs_in: bool, encrypted: bool
) -> None:
    options = client_options(Settings(ca_file=authority, kafka_mechanism="SCRAM-SHA-512", **settings))
    assert options["security_protocol"] == protocol
    assert (options.get("sasl_mechanism") == "SCRAM-SHA-512") is signs_in
    assert ("ssl_context" in options) is encrypted
    if encrypted:
        assert "our authority" in names(options["ssl_context"].get_ca_certs())


async def test_a_database_that_asks_for_tls_may_have_an_authority_of_ours_or_a_usual_one(authority: Path) -> None:
    assert bundle(authority) != str(authority)
    for uri, expected in (("mongodb://h:1/x?tls=true", bundle(authority)), ("mongodb://h:1/x", None)):
        backend = MongoBackend(uri, authorities=authority)
        options = backend._client.delegate.options._options  # the driver tells it nowhere else
        assert options.get("tlsCAFile") == expected
        await backend.close()
