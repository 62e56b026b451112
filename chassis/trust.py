"""Whom this process believes on the other end of a connection: the usual authorities, those of the system, and one's own.

Fails with `OSError` for a file that cannot be read or holds no certificates.
"""

import ssl
import tempfile
from pathlib import Path

import httpx


def trusting(authorities: Path | None) -> ssl.SSLContext:
    """A context of a client that also believes the certificates of the file, where there is one."""
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    if authorities is not None:
        context.load_verify_locations(authorities)
    return context


def bundle(authorities: Path | None) -> str | None:
    """The same as a file, for libraries that take nothing else; none where nothing is added to what they believe anyway."""
    if authorities is None:
        return None
    certificates = trusting(authorities).get_ca_certs(binary_form=True)
    with tempfile.NamedTemporaryFile("w", prefix="authorities-", suffix=".pem", delete=False) as file:
        file.write("".join(ssl.DER_cert_to_PEM_cert(each) for each in certificates))
    return file.name
