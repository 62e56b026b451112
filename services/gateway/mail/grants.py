"""Which addresses each tenant may use, which whoever runs the installation says: each address is at home in one tenant at most.

Fails with `ValueError` for what gives an address twice, or to a tenant that there cannot be.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from chassis.errors import Invalid
from services.gateway.mail.addresses import Address

_TENANT = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Grants:
    """Tenants by the domains and by the single addresses that are theirs. `own` is the installation's, and nobody's."""

    own: Address
    domains: Mapping[str, str] = field(default_factory=dict)
    addresses: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str, own: Address) -> Self:
        """What `main=example.org,example.net;other=desk@other.example` says. Raises `ValueError`."""
        domains: dict[str, str] = {}
        addresses: dict[str, str] = {}
        for entry in filter(None, map(str.strip, text.split(";"))):
            tenant, _, given = (each.strip() for each in entry.partition("="))
            if not _TENANT.fullmatch(tenant):
                raise ValueError(f"ITSM_MAIL_DOMAINS names the tenant {tenant!r}, which there cannot be")
            for each in filter(None, map(str.strip, given.split(","))):
                try:
                    address = Address.of(each if "@" in each else f"a@{each}")
                except Invalid as wrong:
                    raise ValueError(f"ITSM_MAIL_DOMAINS: {each!r} {wrong.violations['address']}") from wrong
                kept, key = (addresses, address.key) if "@" in each else (domains, address.domain)
                if kept.setdefault(key, tenant) != tenant:
                    raise ValueError(f"ITSM_MAIL_DOMAINS gives {each!r} to two tenants")
        return cls(own, domains, addresses)

    def allows(self, tenant: str, address: Address) -> bool:
        """Whether this is the tenant's to use. What is given as an address is so whoever has its domain."""
        if address.key == self.own.key:
            return False
        return self.addresses.get(address.key, self.domains.get(address.domain)) == tenant

    def require(self, tenant: str, address: Address) -> None:
        """Raises `Invalid` for an address that a mailbox of this tenant cannot have; it tells nothing of other tenants."""
        if "+" in address.local:
            raise Invalid({"address": "may have no +: what follows one is anybody's choice in mail that comes in"})
        if not self.allows(tenant, address):
            raise refused()


def refused() -> Invalid:
    """The same whether an address is of nobody, of another tenant or the installation's own."""
    return Invalid({"address": "is none that this tenant may use: who runs the installation gives it domains"})
