"""Mail, plugged together: mailboxes as a resource, the listener, what works messages, and what sends them."""

import ssl

from itsm.gateway import v1 as pb

from chassis.assembly import Assembly
from chassis.due import DueWorker
from chassis.service import Stage
from services.gateway import kept_mail as kept
from services.gateway.api.mailboxes import MailboxApi
from services.gateway.deliveries.mail import MailSender
from services.gateway.mail.clerk import Clerk
from services.gateway.mail.conversations import Threads
from services.gateway.mail.desk import Service
from services.gateway.mail.listener import MailListener
from services.gateway.mail.roots import Roots
from services.gateway.mail.settings import MailSettings, Protocol
from services.gateway.usecases.mailboxes import Mailboxes
from services.gateway.usecases.postbox import DUE_FIELD, MAILS, Postbox

MAILBOX = "itsm.gateway.v1.MailboxService"


def build(settings: MailSettings, assembly: Assembly, incident_target: str, key: bytes, master: bytes) -> MailSender:
    """Adds it all to the process; says what hands mail over. `key` is that of page tokens, from `master` follow secrets."""
    store, service = assembly.store, assembly.service
    identity = settings.mail_identity()
    domain = identity.address.domain
    grants = settings.mail_grants()
    mailboxes = Mailboxes(store, kept.mailbox_listing(key, store.clock), grants)
    postbox = Postbox(store, mailboxes.shelf, kept.mail_listing(key, store.clock), grants, largest=settings.mail_largest)
    assembly.serve(MAILBOX, pb.add_MailboxServiceServicer_to_server, MailboxApi(mailboxes, postbox))
    desk = Service(assembly, incident_target)
    trusted = settings.mail_authservs()
    roots = Roots(master, domain)
    clerk = Clerk(
        store,
        postbox,
        desk,
        domain=domain,
        own=identity.address,
        roots=roots,
        authserv_ids=trusted,
        failpoints=assembly.failpoints,
    )
    DueWorker(store, service.name, MAILS, DUE_FIELD, clerk.work, service.metrics).attach(service)
    if settings.mail_listen:
        _listen(settings, assembly, postbox, domain)
    threads = Threads(store, postbox, identity, roots, grants)
    return MailSender(settings.mail_server(), threads, domain, failpoints=assembly.failpoints)


def _listen(settings: MailSettings, assembly: Assembly, postbox: Postbox, domain: str) -> None:
    tls: ssl.SSLContext | None = None
    if settings.mail_tls_folder is not None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(settings.mail_tls_folder / "tls.crt", settings.mail_tls_folder / "tls.key")
    listener = MailListener(settings.mail_listen, postbox, name=domain, local=settings.mail_protocol is Protocol.LMTP, tls=tls)
    assembly.service.on_start(listener.start)
    assembly.service.on_stop(Stage.EDGE, listener.stop)
