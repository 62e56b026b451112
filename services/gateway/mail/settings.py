"""What the gateway is told for the sake of mail, and the server that follows from it.

Fails at start, with `ValueError`, for an address or a server that there cannot be.
"""

import re
import ssl
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr

from chassis import settings as chassis_settings
from chassis.auth import HOME_TENANT
from chassis.errors import Invalid
from chassis.trust import trusting
from services.gateway.mail.addresses import Address
from services.gateway.mail.composing import Identity
from services.gateway.mail.grants import Grants

_URL = re.compile(r"(smtp|smtps|smtp\+plain)://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?/?", re.ASCII)
_PORTS = {"smtp": 587, "smtps": 465, "smtp+plain": 25}


class Protocol(StrEnum):
    """What the listener for mail speaks."""

    SMTP = "smtp"
    LMTP = "lmtp"


class MailSettings(chassis_settings.Settings):
    """Mail, out and in."""

    smtp_url: str = Field(
        "",
        description="the server that takes our mail: `smtp://host:587` (STARTTLS, which it must offer), `smtps://host:465`, "
        "`smtp+plain://host:25` (no TLS); empty: no mail leaves",
    )
    smtp_username: str = Field("", description="its user; empty: nobody signs in")
    smtp_password: SecretStr = Field(SecretStr(""), description="its password")
    mail_from: str = Field("", description="the address that mail is from where no mailbox is: `itsm@example.org`")
    mail_from_name: str = Field("ITSM", description="the name beside that address")
    mail_domains: str = Field(
        "",
        description="which domains, or single addresses, mailboxes of a tenant may have: "
        "`main=example.org,example.net;other=desk@other.example`; empty: that of ITSM_MAIL_FROM, for the tenant `main` alone",
    )

    mail_listen: str = Field("", description="host:port where mail comes in for mailboxes; empty: none does")
    mail_protocol: Protocol = Field(Protocol.SMTP, description="what is spoken there, `smtp` or `lmtp`")
    mail_tls_folder: Path | None = Field(None, description="folder with `tls.crt` and `tls.key` for STARTTLS there")
    mail_largest: int = Field(
        10 * 1024 * 1024, ge=64 * 1024, le=14 * 1024 * 1024, description="how many bytes a message that comes in may have"
    )

    mail_authserv_ids: str = Field(
        "",
        description="names by which servers before us write `Authentication-Results`, comma-separated: their `dmarc=pass` "
        "makes a number in a subject the sender's word; what others wrote by these they must remove; empty: none",
    )

    def model_post_init(self, context: Any) -> None:
        """Refuses a server that could not be spoken to."""
        super().model_post_init(context)
        if self.smtp_url:
            found = _URL.fullmatch(self.smtp_url)
            if found is None:
                raise ValueError("ITSM_SMTP_URL must look like smtp://host:587, without user or password")
            if found[1] == "smtp+plain" and self.smtp_username:
                raise ValueError("ITSM_SMTP_USERNAME is refused with smtp+plain: the password would be there to read")
            if not self.mail_from:
                raise ValueError("ITSM_SMTP_URL needs ITSM_MAIL_FROM, too")
        if self.mail_from:
            try:
                Address.of(self.mail_from)
            except Invalid as wrong:
                raise ValueError(f"ITSM_MAIL_FROM {wrong.violations['address']}") from wrong
        self.mail_grants()

    def mail_server(self) -> "MailServer | None":
        """The server that takes our mail; none where mail is off."""
        found = _URL.fullmatch(self.smtp_url)
        if found is None:
            return None
        scheme, host, port = found.groups()
        return MailServer(
            host=host.strip("[]"),
            port=int(port or _PORTS[scheme]),
            start_tls=scheme == "smtp",
            tls=trusting(self.ca_file) if scheme != "smtp+plain" else None,
            username=self.smtp_username,
            password=self.smtp_password.get_secret_value(),
        )

    def mail_identity(self) -> Identity:
        """Who mail is from where no mailbox is. Its domain is in the ids of all messages."""
        return Identity(Address.of(self.mail_from or "itsm@localhost"), self.mail_from_name)

    def mail_authservs(self) -> frozenset[str]:
        """Servers whose word for a sender counts, in lower case."""
        return frozenset(filter(None, (each.strip().lower() for each in self.mail_authserv_ids.split(","))))

    def mail_grants(self) -> Grants:
        """Which addresses each tenant may use. Raises `ValueError`."""
        own = self.mail_identity().address
        return Grants.of(self.mail_domains or f"{HOME_TENANT}={own.domain}", own)


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over. `tls` is None where it goes in plain text."""

    host: str
    port: int
    start_tls: bool
    tls: ssl.SSLContext | None
    username: str = ""
    password: str = ""
