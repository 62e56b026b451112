"""What the gateway owns, plugged together: webhooks and other deliveries, each served by this very process."""

from itsm.gateway import v1 as pb
from pydantic import Field, SecretStr

from chassis.assembly import Assembly
from chassis.outbound import USUAL_PORTS, Outbound, Policy
from chassis.service import Stage
from services.gateway import notices, reactions
from services.gateway import store as kept
from services.gateway.api.webhooks import WebhookApi
from services.gateway.catalog import Catalog
from services.gateway.deliveries.webhooks import LIMITS, WebhookSender
from services.gateway.deliveries.worker import AT_ONCE, Sender, Worker
from services.gateway.domain.delivery import Channel
from services.gateway.live.ring import Ring
from services.gateway.mail import wiring as mail
from services.gateway.mail.settings import MailSettings
from services.gateway.notices import NoticeSettings
from services.gateway.owners import Owners, asking
from services.gateway.sync import wiring as sync
from services.gateway.usecases.health import Health
from services.gateway.usecases.log import Log
from services.gateway.usecases.telling import Telling
from services.gateway.usecases.webhooks import Webhooks

WEBHOOK = "itsm.gateway.v1.WebhookService"


class OwnSettings(MailSettings, NoticeSettings):
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

    def master(self, key: bytes) -> bytes:
        """What secrets follow from, where `key` is that of page tokens."""
        return self.webhook_key.get_secret_value().encode() or key

    def outbound_policy(self) -> Policy:
        """Which addresses that users give may be reached."""
        return Policy.of(
            networks=self.outbound_networks, denied=self.outbound_denied, ports=self.outbound_ports, http=self.outbound_http
        )


def build(settings: OwnSettings, assembly: Assembly, ring: Ring) -> None:
    """Adds it all to the process; `ring` holds what happened lately."""
    key = settings.page_token_key.get_secret_value().encode()
    outcomes = assembly.service.metrics.webhook_deliveries
    log = Log(assembly.store, kept.delivery_listing(key, assembly.clock), refused=outcomes.labels("refused").inc)
    senders: dict[Channel, Sender] = {
        Channel.WEBHOOK: _webhooks(settings, assembly, log, key),
        Channel.SYNC: _connections(settings, assembly, log, key),
        Channel.MAIL: mail.build(settings, assembly, settings.incident_target, key, settings.master(key)),
        **_notices(settings, assembly, log, key, ring),
    }
    Worker(assembly.store, senders, assembly.service.metrics).attach(assembly.service)


def _connections(settings: OwnSettings, assembly: Assembly, log: Log, key: bytes) -> Sender:
    """Other systems that are kept in step with."""
    master = settings.master(key)
    return sync.build(assembly, log, settings.outbound_policy(), master, settings.incident_target, key)


def _webhooks(settings: OwnSettings, assembly: Assembly, log: Log, key: bytes) -> WebhookSender:
    """Webhooks as a resource, the group that tells them of events, and what hands it over."""
    store, service, policy = assembly.store, assembly.service, settings.outbound_policy()
    master = settings.master(key)
    catalog, owners = Catalog(store.clock), Owners(assembly.guard, asking(assembly))
    listing = kept.webhook_listing(key, store.clock)
    webhooks = Webhooks(store, log, listing, policy=policy, catalog=catalog, master=master)
    assembly.serve(WEBHOOK, pb.add_WebhookServiceServicer_to_server, WebhookApi(webhooks))
    assembly.react(reactions.webhooks(Telling(store, log, catalog, owners)))
    outbound = Outbound(policy, limits=LIMITS, at_once=AT_ONCE)
    service.on_stop(Stage.STORE, outbound.close)
    return WebhookSender(store, outbound, owners, Health(store), master)


def _notices(settings: OwnSettings, assembly: Assembly, log: Log, key: bytes, ring: Ring) -> dict[Channel, Sender]:
    """Who is told of what, and what hands it to chats and browsers."""
    outbound = Outbound(settings.outbound_policy(), limits=LIMITS, at_once=AT_ONCE)
    assembly.service.on_stop(Stage.STORE, outbound.close)
    master = settings.master(key)
    ways = frozenset({Channel.MAIL} if settings.mail_server() is not None else ())
    return notices.build(settings, notices.Parts(assembly, log, ring, outbound, key, master, ways))
