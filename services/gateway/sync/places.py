"""Where it lies what is kept of connections beside their records, and which events concern them."""

from chassis.store.backend import Document
from services.gateway.domain.connection import Connection

CONNECTIONS, LINKS, POLLS, SECRETS = "connections", "connection_links", "connection_polls", "connection_secrets"
DUE_FIELD = "next_poll_time"
OF_INCIDENTS = "itsm.incident.v1.Incident"
"""How types of events of incidents begin."""
PATTERN = f"{OF_INCIDENTS}*"


def first_poll(connection: Connection, tenant: str) -> Document:
    """What is kept of the polls of a new connection: everything is news from now on."""
    due = connection.create_time if connection.enabled and connection.direction.comes_in else None
    return {
        "_id": connection.id,
        "tenant": tenant,
        "cursor": connection.create_time,
        "failures": 0,
        "again": False,
        DUE_FIELD: due,
        "last_poll_time": None,
    }
