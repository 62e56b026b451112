"""What the gateway owns, plugged together: webhooks and other deliveries, each served by this very process."""

from itsm.gateway import v1 as pb
from pydantic import Field, SecretStr

from chassis import settings as chassis_settings
from chassis.assembly import Assembly
from chassis.context import Context
from chassis.outbound import USUAL_PORTS, Policy
from services.gateway import store as kept
from services.gateway.api.webhooks import WebhookApi
from services.gateway.catalog import Catalog
from services.gateway.usecases.log import Log
from services.gateway.usecases.webhooks import Webhooks

WEBHOOK = "itsm.gateway.v1.WebhookService"


class OwnSettings(chassis_settings.Settings):
    """What the gateway is told for the sake of what it owns."""

    webhook_key: SecretStr = Field(
        SecretStr(""), description="what the secrets of webhooks follow from; empty for the key of page tokens"
    )
    outbound_networks: str = Field(
        "", description="networks that are not public and may be sent to all the same, separated by commas: `10.0.0.0/8`"
    )
    outbound_denied: str = Field("", description="networks that are never sent to: those of the cluster and its nodes")
    outbound_ports: str = Field(USUAL_PORTS, description="ports that an address may name, also as `8000-8999`")
    outbound_http: bool = Field(False, description="whether addresses may be without TLS")

    def outbound_policy(self) -> Policy:
        """Which addresses that users give may be reached."""
        return Policy.of(
            networks=self.outbound_networks, denied=self.outbound_denied, ports=self.outbound_ports, http=self.outbound_http
        )


def build(settings: OwnSettings, assembly: Assembly) -> None:
    """Adds it all to the process."""
    key = settings.page_token_key.get_secret_value().encode()
    log = Log(assembly.store, kept.delivery_listing(key, assembly.clock))
    _webhooks(settings, assembly, log, key)


def _webhooks(settings: OwnSettings, assembly: Assembly, log: Log, key: bytes) -> None:
    webhooks = Webhooks(
        assembly.store,
        log,
        kept.webhook_listing(key, assembly.clock),
        policy=settings.outbound_policy(),
        catalog=Catalog(assembly.clock),
        limits=lambda caller: _limits(assembly, caller),
        master=settings.webhook_key.get_secret_value().encode() or key,
    )
    assembly.serve(WEBHOOK, pb.add_WebhookServiceServicer_to_server, WebhookApi(webhooks))


def _limits(assembly: Assembly, caller: Context) -> list[str] | None:
    """What a caller's token permits, where that is less than his roles do."""
    whole = assembly.guard.policy().permissions(caller.roles)
    return None if caller.permissions == whole else sorted(caller.permissions)
