"""What this service does about changes of others: it keeps every one of them in the audit log."""

from collections.abc import Mapping
from typing import Any

from chassis.events.subscriptions import Subscriptions
from chassis.events.wire import Envelope
from services.auth.usecases.audit import AuditLog


def reactions(log: AuditLog) -> Subscriptions:
    """The handlers. Entries may come in any order and twice: each has its own key."""
    audit = Subscriptions("audit", ordered=False, gather=0.5)

    @audit.on_audit
    async def keep(entry: Mapping[str, Any], envelope: Envelope) -> None:
        await log.keep(envelope.id, entry)

    return audit
