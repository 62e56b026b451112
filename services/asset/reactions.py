"""What this service does when others' events arrive: it works out what an incident takes down."""

from collections.abc import Sequence
from typing import Any

from itsm.incident import v1 as incident

from chassis.events.subscriptions import Subscriptions
from chassis.events.wire import Envelope
from services.asset.usecases.impact import Impact


def subscriptions(impact: Impact) -> Subscriptions:
    """The group `impact`. It asks nothing of others and waits for nobody: assets that are not known here hit nothing."""
    group = Subscriptions("impact", gather=0.25)

    @group.ahead
    async def prepare(events: Sequence[Any]) -> None:
        await impact.prepare([event.incident.id for event in events if _concerns(event)])

    async def told(event: Any, _envelope: Envelope) -> None:
        if _concerns(event):
            await impact.assess(event.incident.id, event.incident.asset_ids)

    for each in (incident.IncidentOpened, incident.IncidentUpdated):
        group.on(each)(told)
    return group


def _concerns(event: Any) -> bool:
    """Whether there is something to work out: an incident that names no asset takes down none, until it names some."""
    if isinstance(event, incident.IncidentOpened):
        return bool(event.incident.asset_ids)
    return any(change.field == "assetIds" for change in event.changes)
