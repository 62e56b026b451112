"""The incident service, plugged together: a module for each group of aggregates, which alone knows its parts."""

from collections.abc import Awaitable, Callable

from chassis.assembly import Assembly
from chassis.policy import Policy
from chassis.service import Service
from services.incident import store as kept
from services.incident.app import (
    approvals,
    articles,
    attachments,
    automation,
    changes,
    follow_ups,
    incidents,
    majors,
    planning,
    problems,
    requests,
    service_levels,
    surveys,
    tasks,
    texts,
    tools,
    triage,
)
from services.incident.app.parts import Parts
from services.incident.app.people import People
from services.incident.app.settings import Settings
from services.incident.usecases.approving import Approving
from services.incident.usecases.linking import Linking
from services.incident.usecases.notes import Notes
from services.incident.usecases.policies import Policies
from services.incident.usecases.reading import Reading
from services.incident.usecases.routing import Routing
from services.incident.usecases.tasks import Tasks

__all__ = ["SERVICES", "Settings", "build"]

_GROUPS = (
    incidents,
    service_levels,
    attachments,
    triage,
    problems,
    approvals,
    changes,
    articles,
    tasks,
    majors,
    planning,
    requests,
    follow_ups,
    automation,
    tools,
    surveys,
)

SERVICES = tuple(name for group in _GROUPS for name in group.SERVICES)
"""The proto services that this process serves."""


def build(settings: Settings, *, fetch_policy: Callable[[], Awaitable[Policy]] | None = None) -> Service:
    """The service with all its parts. `fetch_policy` replaces the question to the auth service."""
    assembly = Assembly(
        "incident",
        settings,
        kinds=kept.KINDS,
        indexes=kept.INDEXES,
        migrations=kept.MIGRATIONS,
        fetch_policy=fetch_policy,
        wordings=texts.wordings(),
    )
    store = assembly.store
    listings = kept.listings(settings.page_token_key.get_secret_value().encode(), store.clock)
    parts = Parts(
        assembly=assembly,
        settings=settings,
        store=store,
        listings=listings,
        policies=Policies(store),
        reading=Reading(store, listings),
        notes=Notes(store),
        linking=Linking(store),
        approving=Approving(store, People(assembly)),
        tasks=Tasks(store),
        routing=Routing(store, kept.INCIDENT_FIELDS),
    )
    for group in _GROUPS:
        group.wire(parts)
    return assembly.service
