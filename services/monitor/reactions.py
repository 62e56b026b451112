"""What monitoring does when others' events arrive: an alert learns which incident stands for it."""

from typing import Any

from itsm.asset import v1 as asset_pb
from itsm.incident import v1 as incident_pb

from chassis.events import Subscriptions
from chassis.events.wire import Envelope
from services.monitor.usecases.alerts import Alerts
from services.monitor.usecases.checks import Checks


def incidents(alerts: Alerts) -> Subscriptions:
    """The group that follows incidents. It waits for nothing else: an alert shows its incident at once."""
    group = Subscriptions("incidents", ordered=False)

    async def taken_in(event: Any, _: Envelope) -> None:
        if event.incident.alert_ids:
            await alerts.link(event.incident.id, list(event.incident.alert_ids))

    for raised in (incident_pb.IncidentOpened, incident_pb.IncidentUpdated, incident_pb.IncidentReopened):
        group.on(raised)(taken_in)
    return group


def agents(checks: Checks) -> Subscriptions:
    """The group that follows agents: a check is reached with the key that its agent has now."""
    group = Subscriptions("agents", ordered=False)

    async def keyed(event: Any, envelope: Envelope) -> None:
        agent = event.agent
        subject = agent.token_id if agent.state == asset_pb.Agent.ACTIVE else ""
        await checks.enrolled(agent.id, subject, agent.asset_id, envelope.time)

    for told in (asset_pb.AgentEnrolled, asset_pb.AgentRebound, asset_pb.AgentRevoked):
        group.on(told)(keyed)
    return group
