"""For how many days a certificate is still good."""

import ssl
from datetime import UTC, datetime

from cryptography import x509

from services.monitor.domain.check import Check, Outcome
from services.monitor.domain.check_settings import TlsSettings, tls_endpoint
from services.monitor.probes.found import Found, Refused
from services.monitor.probes.reach import Reach, closed, opened


async def days_left(check: Check, reach: Reach, trusting: ssl.SSLContext) -> Found:
    """Shakes hands and looks at the certificate. Its days are real ones. Raises `Refused`, `OSError`."""
    place, settings = tls_endpoint(check.target), check.tls or TlsSettings()
    if place is None:
        raise Refused("the target must look like host:port")
    host, port = place
    address = await reach.address(host, port)
    context = trusting if settings.verify else unchecked()
    try:
        writer = await opened(address, port, ssl=context, server_hostname=settings.server_name or host)
    except ssl.SSLCertVerificationError as error:
        return Found(Outcome.FAILED, f"the certificate is not trusted: {error.verify_message}")
    try:
        transport: ssl.SSLObject = writer.get_extra_info("ssl_object")
        shown = transport.getpeercert(binary_form=True)
    finally:
        await closed(writer)
    if shown is None:
        return Found(Outcome.FAILED, "it shows no certificate")
    ends = x509.load_der_x509_certificate(shown).not_valid_after_utc
    days = (ends - datetime.now(UTC)).total_seconds() / 86_400
    return Found(_judged(days, settings), f"good until {ends:%Y-%m-%d}, {days:.1f} days", round(days, 2))


def unchecked() -> ssl.SSLContext:
    """For certificates that nobody vouches for."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _judged(days: float, settings: TlsSettings) -> Outcome:
    if days < settings.down_days:
        return Outcome.FAILED
    return Outcome.DEGRADED if days < settings.degraded_days else Outcome.OK
