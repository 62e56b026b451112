"""What is kept where, and what lists may ask for: a module for each group of aggregates, put together here.

Fails at start, with `ValueError`, when an allow-list contradicts itself.
"""

from collections.abc import Mapping

from chassis.domain import Clock
from chassis.listing import Listing
from services.incident.store import (
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
    tools,
    triage,
)
from services.incident.store.incidents import DUE_FIELD, INCIDENT_FIELDS, INCIDENTS, MIGRATIONS

__all__ = ["DUE_FIELD", "INCIDENTS", "INCIDENT_FIELDS", "INDEXES", "KINDS", "MIGRATIONS", "listings"]

_PARTS = (
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

KINDS = tuple(kind for part in _PARTS for kind in part.KINDS)
INDEXES = tuple(index for part in _PARTS for index in part.INDEXES)


def listings(key: bytes, clock: Clock) -> Mapping[str, Listing]:
    """The lists of this service by plural; `key` signs their tokens."""
    return {plural: listing for part in _PARTS for plural, listing in part.listings(key, clock).items()}
