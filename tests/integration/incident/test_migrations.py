"""Data as an older release left it."""

from uuid import uuid4

from chassis.store import Insert
from chassis.store.mongo import MongoBackend
from services.incident.store import MIGRATIONS


async def test_alerts_that_an_incident_listed_as_firing_are_claims_and_a_number(database: str) -> None:
    backend, tenant = MongoBackend(database), f"old-{uuid4().hex[:8]}"
    lists: dict[str, list[str]] = {"inc_1": ["alr_1", "alr_2"], "inc_2": ["alr_3"], "inc_3": []}
    await backend.write(
        [
            Insert("incidents", {"_id": f"{id_}_{tenant}", "tenant": tenant, "version": 1, "firing_alert_ids": firing})
            for id_, firing in lists.items()
        ]
    )
    for _ in range(2):  # whoever was killed over it runs it again
        for migration in MIGRATIONS:
            await migration.run(backend)
    rows = await backend.find("incidents", {"tenant": tenant}, sort=[("_id", 1)])
    assert [row.get("firing_alert_count", 0) for row in rows] == [2, 1, 0]
    assert not any(row.get("firing_alert_ids") for row in rows)
    claims = {row["_id"]: row["holder"] for row in await backend.find("claims", {"tenant": tenant})}
    assert claims == {f"{tenant}|firing-alert|{alert}": f"{id_}_{tenant}" for id_, firing in lists.items() for alert in firing}
    await backend.close()
