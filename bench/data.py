"""What the bench reports and reads: one kind of incident, and many of them put into the store in bulk.

The mass goes through the store's own writes with rows of the shape that a save makes, but nothing of it is pending: it
is there to be searched, not to be told. Records of it are never updated, because no consumer has heard of their first version.
"""

import random
from datetime import timedelta
from typing import Any

from itsm.incident import v1 as pb

from chassis import context as ctx
from chassis.codec import to_document
from chassis.domain import SystemClock, uuid7
from chassis.settings import MongoDriver
from chassis.store import CHANGES, Insert
from chassis.store.changes import change_row
from chassis.store.mongo import MongoBackend
from services.incident.domain.incident import Incident
from services.incident.domain.levels import Moment, ServiceLevels
from services.incident.store import INCIDENTS, KINDS

SEED = 20_251
FIELDS: dict[str, Any] = {
    "title": "Mail is slow for the whole of the second floor",
    "description": "Since nine o'clock messages take minutes to leave the outbox, on every computer that was tried. " * 4,
    "impact": "HIGH",
    "urgency": "MEDIUM",
    "serviceId": "svc_mail",
    "assetIds": ["ast_switch_2_17", "ast_mail_relay_4"],
    "category": "network",
}
LIST_FILTER = 'state = "IN_PROGRESS"'
_BATCH = 1_000
_STATES = ("NEW", "ASSIGNED", "IN_PROGRESS", "ON_HOLD", "RESOLVED", "CLOSED")


def loaded_id(place: int) -> str:
    """The id of one of the mass."""
    return f"inc_bench{place:021d}"


async def load(uri: str, number: int, tenant: str) -> int:
    """Puts `number` incidents into the service's database, unless they are there. Returns how many were missing."""
    backend = MongoBackend(uri, MongoDriver.PYMONGO)
    try:
        query = {"tenant": tenant, "_id": {"$gte": loaded_id(0), "$lte": loaded_id(number - 1)}}
        there = await backend.count(INCIDENTS, query)
        for first in range(there, number, _BATCH):
            places = range(first, min(first + _BATCH, number))
            await backend.write([write for place in places for write in _writes(place, tenant)])
        return number - there
    finally:
        await backend.close()


def _writes(place: int, tenant: str) -> tuple[Insert, Insert]:
    document, row = _template(tenant)
    chance = random.Random(SEED * 1_000_003 + place)  # noqa: S311 - data, no secret
    time = document["create_time"] - timedelta(seconds=chance.randrange(90 * 86_400))
    changed = {
        "_id": loaded_id(place),
        "number": f"INC9{place:06d}",
        "state": chance.choice(_STATES),
        "title": f"{document['title']} {place}",
        "create_time": time,
        "update_time": time,
        "next_due_time": None,
    }
    subject = f"incidents/{loaded_id(place)}"
    told = {**row, "_id": uuid7(), "subject": subject, "key": loaded_id(place), "time": time}
    return Insert(INCIDENTS, {**document, **changed, "tenant": tenant}), Insert(CHANGES, told)


_made: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}


def _template(tenant: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Document and change row of one incident, as opening it makes them; the row as it is once published."""
    if tenant not in _made:
        context = ctx.Context(tenant=tenant, actor=ctx.Actor(id="bench"))
        moment = Moment(at=SystemClock()(), by="bench", levels=ServiceLevels([], []))
        given = {"service_id": FIELDS["serviceId"], "asset_ids": FIELDS["assetIds"], "description": FIELDS["description"]}
        incident = Incident.open(moment, id=loaded_id(0), number="INC9000000", title=FIELDS["title"], **given)
        incident.version = 1
        document = to_document(incident)
        row = change_row(KINDS[0], context, pb.IncidentOpened(), None, document, moment.at)
        del row["pending"]
        _made[tenant] = (document, row)
    return _made[tenant]
