"""Data as an earlier version left it, changed while others go on."""

from collections.abc import Callable, Coroutine
from typing import Any

from chassis.store import Delete, Insert
from chassis.store.transaction import CLAIMS
from chassis.testing import MemoryBackend
from services.incident.store import MIGRATIONS


async def test_pointers_of_an_earlier_version_end_too() -> None:
    backend = MemoryBackend()
    keys = {
        f"main|{kind}|{key}": kind for key in ("k1", "a|latest-incident|b") for kind in ("latest-incident", "open-incident")
    }
    await backend.write([Insert(CLAIMS, {"_id": key, "tenant": "main", "holder": "inc_1"}) for key in keys])
    [migration] = [each for each in MIGRATIONS if "pointers" in each.name]
    await migration.run(backend)
    rows = await backend.find(CLAIMS, {})
    ending = {row["_id"] for row in rows if "expire_time" in row}
    assert ending == {key for key, kind in keys.items() if kind == "latest-incident"}


async def test_an_incident_that_changes_while_its_alerts_are_counted_is_counted_as_it_is_then() -> None:
    [migration] = [each for each in MIGRATIONS if "counted" in each.name]
    row = {"_id": "inc_1", "tenant": "main", "version": 1, "firing_alert_ids": ["alr_1"]}

    class Moving(MemoryBackend):
        """Others do something between what the migration reads and what it writes."""

        meanwhile: list[Callable[[], Coroutine[Any, Any, None]]]

        async def find(self, collection: str, *given: Any, **more: Any) -> list[dict[str, Any]]:
            found = await super().find(collection, *given, **more)
            if self.meanwhile:
                await self.meanwhile.pop(0)()
            return found

    backend = Moving()

    async def an_older_process_hears_another() -> None:
        await backend.update_many("incidents", {}, {"$push": {"firing_alert_ids": "alr_2"}})

    async def another_process_counts_and_then_one_ends() -> None:
        await migration.run(backend)
        await backend.update_many("incidents", {}, {"$set": {"firing_alert_count": 1}})
        await backend.write([Delete(CLAIMS, {"_id": "main|firing-alert|alr_1"})])

    backend.meanwhile = [an_older_process_hears_another, another_process_counts_and_then_one_ends]
    await backend.write([Insert("incidents", row)])
    await migration.run(backend)
    [after] = await backend.find("incidents", {})
    assert after["firing_alert_count"] == 1
    assert [claim["_id"] for claim in await backend.find(CLAIMS, {})] == ["main|firing-alert|alr_2"]
