"""What this service does when others' events arrive: it works out what an incident takes down."""

from typing import Any

from itsm.incident import v1 as incident

from chassis.events.subscriptions import Subscriptions
from chassis.events.wire import Envelope
from services.asset.usecases.impact import Impact


def subscriptions(impact: Impact) -> Subscriptions:
    """The group `impact`. It asks nothing of others and waits for nobody: assets that are not known here hit nothing."""
    group = Subscriptions("impact", gather=0.05)

    @group.on(incident.IncidentOpened)
    async def opened(event: Any, _envelope: Envelope) -> None:
        await impact.assess(event.incident.id, event.incident.asset_ids)

    @group.on(incident.IncidentUpdated)
    async def updated(event: Any, _envelope: Envelope) -> None:
        if any(change.field == "assetIds" for change in event.changes):
            await impact.assess(event.incident.id, event.incident.asset_ids)

    return group
