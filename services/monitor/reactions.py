"""What monitoring does when others' events arrive: an alert learns which incident stands for it."""

from typing import Any

from itsm.incident import v1 as incident_pb

from chassis.events import Subscriptions
from chassis.events.wire import Envelope
from services.monitor.usecases.alerts import Alerts


def incidents(alerts: Alerts) -> Subscriptions:
    """The group that follows incidents. It waits for nothing else: an alert shows its incident at once."""
    group = Subscriptions("incidents", ordered=False)

    async def taken_in(event: Any, _: Envelope) -> None:
        if event.incident.alert_ids:
            await alerts.link(event.incident.id, list(event.incident.alert_ids))

    for raised in (incident_pb.IncidentOpened, incident_pb.IncidentUpdated, incident_pb.IncidentReopened):
        group.on(raised)(taken_in)
    return group
