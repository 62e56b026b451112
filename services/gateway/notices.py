"""Notices, plugged together: who is told of what, in which words, by chat and push; mail leaves by what `mail` names.

The group that tells them of events is one of its own: while nobody knows who may read something, webhooks go on.
"""

from dataclasses import dataclass

from itsm.gateway import v1 as pb
from pydantic import Field

from chassis import plugins
from chassis import settings as chassis_settings
from chassis.assembly import Assembly
from chassis.outbound import Outbound
from chassis.sealing import Sealing
from services.gateway import kept_notices as kept
from services.gateway import reactions
from services.gateway.api.chat_rooms import ChatRoomApi
from services.gateway.api.deliveries import DeliveryApi
from services.gateway.api.inbox import InboxApi
from services.gateway.api.notification_preferences import NotificationPreferencesApi
from services.gateway.api.notification_rules import NotificationRuleApi
from services.gateway.api.push_subscriptions import PushSubscriptionApi
from services.gateway.api.templates import TemplateApi
from services.gateway.catalog import Catalog
from services.gateway.deliveries.chat import ChatSender
from services.gateway.deliveries.push import PushSender
from services.gateway.deliveries.webpush import Vapid
from services.gateway.deliveries.worker import Sender
from services.gateway.domain.delivery import Channel
from services.gateway.domain.template import LOCALE
from services.gateway.live.past import Past
from services.gateway.live.ring import Ring
from services.gateway.owners import Owners
from services.gateway.people import People, Records
from services.gateway.ports import CHANNELS
from services.gateway.usecases.addressing import Addressing
from services.gateway.usecases.answering import Allowed, Links
from services.gateway.usecases.browsers import Browsers
from services.gateway.usecases.inbox import Inbox
from services.gateway.usecases.log import Log
from services.gateway.usecases.notifying import Notifying
from services.gateway.usecases.preferences import Preferences
from services.gateway.usecases.previews import Previews
from services.gateway.usecases.rooms import Addresses, Rooms
from services.gateway.usecases.rules import Rules
from services.gateway.usecases.templates import Templates
from services.gateway.usecases.wording import Wording


class NoticeSettings(chassis_settings.Settings):
    """What the gateway is told for the sake of notices."""

    public_url: str = Field("http://127.0.0.1:8080", description="how browsers and programs reach this installation")
    incident_target: str = Field("", description="gRPC address of the incident service")
    notice_locale: str = Field(LOCALE, description="the language of notices for whoever wants no other: `en`, `de`")
    notice_name: str = Field("ITSM", description="what notices call this installation")
    answer_links: Allowed = Field(
        Allowed.SURVEYS,
        description="what is answered by a link in a mail without signing in: `none`, `surveys`, `all` for votes as well",
    )
    push_contact: str = Field(
        "", description="where push services reach the operator, `mailto:…`; empty for the public address"
    )


@dataclass(frozen=True, slots=True)
class Parts:
    """What notices are made of. `master` is what their secrets follow from, `ways` those by which anything leaves."""

    assembly: Assembly
    log: Log
    ring: Ring
    outbound: Outbound
    key: bytes
    master: bytes
    ways: frozenset[Channel]


def answer_links(settings: NoticeSettings, assembly: Assembly, master: bytes) -> Links:
    """What makes the links by which people answer from a mail, and reads them."""
    return Links(Sealing(master, "answers by link"), assembly.clock, settings.public_url, settings.answer_links)


def build(settings: NoticeSettings, parts: Parts) -> dict[Channel, Sender]:
    """Adds it all to the process; says what hands notices over."""
    assembly, store, key, log = parts.assembly, parts.assembly.store, parts.key, parts.log
    name, url, policy = settings.notice_name, settings.public_url, parts.outbound.policy
    people, records = People(assembly), Records(assembly, settings.incident_target)
    owners, catalog = Owners(assembly.guard, people.roles), Catalog(store.clock)
    wording = Wording(store, settings.notice_locale)
    rules = Rules(store, kept.rule_listing(key, store.clock), catalog)
    assembly.emptying.also(rules.forget)
    addressing = Addressing(store, owners, people, records, parts.ways | {Channel.CHAT, Channel.PUSH})
    links, inbox = answer_links(settings, assembly, parts.master), Inbox(store, kept.inbox_listing(key, store.clock))
    notifying = Notifying(
        store, log, catalog, rules, addressing, wording, people, records, public_url=url, installation=name, links=links,
        inbox=inbox,
    )  # fmt: skip
    assembly.react(reactions.notices(notifying))

    templates = Templates(store, kept.template_listing(key, store.clock))
    previews = Previews(store, templates, rules, addressing, notifying, catalog, owners, records, Past(parts.ring))
    addresses = Addresses(store, Sealing(parts.master, "addresses of notices"))
    vapid = Vapid(parts.master, settings.push_contact or url)
    channels = plugins.load(CHANNELS, settings.plugins)
    plugins.tell(assembly.service, (channels,))
    rooms = Rooms(
        store,
        log,
        kept.room_listing(key, store.clock),
        addresses,
        wording,
        policy=policy,
        public_url=url,
        installation=name,
        plugins=channels.found,
    )
    listing = kept.subscription_listing(key, store.clock)
    browsers = Browsers(
        store, log, listing, addresses, wording, policy=policy, key=vapid.public, public_url=url, installation=name
    )
    for service, add, servicer in (
        ("TemplateService", pb.add_TemplateServiceServicer_to_server, TemplateApi(templates, previews)),
        ("NotificationRuleService", pb.add_NotificationRuleServiceServicer_to_server, NotificationRuleApi(rules, previews)),
        ("ChatRoomService", pb.add_ChatRoomServiceServicer_to_server, ChatRoomApi(rooms)),
        ("PushSubscriptionService", pb.add_PushSubscriptionServiceServicer_to_server, PushSubscriptionApi(browsers)),
        (
            "NotificationPreferencesService",
            pb.add_NotificationPreferencesServiceServicer_to_server,
            NotificationPreferencesApi(Preferences(store)),
        ),
        ("InboxService", pb.add_InboxServiceServicer_to_server, InboxApi(inbox)),
        ("DeliveryService", pb.add_DeliveryServiceServicer_to_server, DeliveryApi(log)),
    ):
        assembly.serve(f"itsm.gateway.v1.{service}", add, servicer)
    return {
        Channel.CHAT: ChatSender(store, parts.outbound, addresses, channels.found),
        Channel.PUSH: PushSender(store, parts.outbound, addresses, browsers, vapid),
    }
