"""Whom this process believes on the other end of a connection: the usual authorities, those of the system, and one's own.

Fails with `OSError` for a file that cannot be read or holds no certificates.
"""

import ssl
import tempfile
from pathlib import Path

import httpx

_made: dict[Path, tuple[bytes, str]] = {}


def trusting(authorities: Path | None) -> ssl.SSLContext:
    """A context of a client that also believes the certificates of the file, where there is one."""
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    if authorities is not None:
        context.load_verify_locations(authorities)
    return context


def bundle(authorities: Path | None) -> str | None:
    """The same as a file, for libraries that take nothing else; none where nothing is added to what they believe anyway.

    The file is made once and again only when what it was made of has changed.
    """
    if authorities is None:
        return None
    content = authorities.read_bytes()
    made_of, made = _made.get(authorities, (b"", ""))
    if made_of == content and Path(made).is_file():
        return made
    certificates = trusting(authorities).get_ca_certs(binary_form=True)
    with tempfile.NamedTemporaryFile("w", prefix="authorities-", suffix=".pem", delete=False) as file:
        file.write("".join(ssl.DER_cert_to_PEM_cert(each) for each in certificates))
    _made[authorities] = content, file.name
    return file.name
