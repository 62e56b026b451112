"""What people set up to keep alerts from people for a time: silences and maintenance windows.

Who may not plan maintenance may silence for a day at most, and touches nobody else's silences: enough for a night, too little
to lose an alert for good.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypeVar

from chassis import context as ctx
from chassis.domain import Ids, new_id
from chassis.errors import Denied, Invalid
from chassis.listing import Listing
from chassis.store import Store
from services.monitor.domain.maintenance import MaintenanceWindow
from services.monitor.domain.silence import Silence
from services.monitor.usecases.looking import Looking
from services.monitor.usecases.mirror import stamped
from services.monitor.usecases.reading import Document, Paged, Paging, page_of
from services.monitor.usecases.situations import SILENCES, WINDOWS

PLANNER = "maintenanceWindows.create"
SHORT = timedelta(hours=24)

S = TypeVar("S", Silence, MaintenanceWindow)


class Quiet:
    """The verbs of silences and maintenance windows. `etag` is the version that the caller decided on, or empty."""

    def __init__(self, store: Store, looking: Looking, silences: Listing, windows: Listing, *, ids: Ids = new_id) -> None:
        self._store, self._looking, self._ids = store, looking, ids
        self._silences, self._windows = silences, windows

    async def create_silence(self, fields: Mapping[str, Any]) -> Silence:
        """A new silence. Raises `Invalid`; also for one of more than a day of a caller who plans no maintenance."""
        made = Silence.made(id=self._ids("sil"), by=ctx.current().actor.id, at=self._store.clock(), **fields)
        self._check_short(made)
        return await self._keep(made)

    async def update_silence(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> Silence:  # noqa: A002 - as its field
        """Changes named fields. Raises `ForbiddenMove` when it is over, `Denied` when it is somebody else's."""
        async with self._store.transaction() as tx:
            silence = await tx.get(Silence, id, etag=etag)
            _check_own(silence)
            silence.edit(self._store.clock(), **fields)
            self._check_short(silence)
            tx.save(silence)
            tx.write(stamped("quiet"))
        await self._wake(f"silences/{silence.id}")
        return silence

    async def expire_silence(self, id: str, *, etag: str = "") -> Silence:  # noqa: A002 - as above
        """Ends it now; one that is over stays as it is."""
        async with self._store.transaction() as tx:
            silence = await tx.get(Silence, id, etag=etag)
            _check_own(silence)
            silence.expire(self._store.clock())
            tx.save(silence)
            tx.write(stamped("quiet"))
        await self._wake(f"silences/{silence.id}")
        return silence

    async def create_window(self, fields: Mapping[str, Any]) -> MaintenanceWindow:
        """A new maintenance window. Raises `Invalid`."""
        by, now = ctx.current().actor.id, self._store.clock()
        return await self._keep(MaintenanceWindow.made(id=self._ids("mnt"), by=by, at=now, **fields))

    async def update_window(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> MaintenanceWindow:  # noqa: A002 - as above
        """Changes named fields. Raises `ForbiddenMove` when it is over."""
        async with self._store.transaction() as tx:
            window = await tx.get(MaintenanceWindow, id, etag=etag)
            window.edit(self._store.clock(), **fields)
            tx.save(window)
            tx.write(stamped("quiet"))
        await self._wake(f"maintenanceWindows/{window.id}")
        return window

    async def expire_window(self, id: str, *, etag: str = "") -> MaintenanceWindow:  # noqa: A002 - as above
        """Ends it now; one that is over stays as it is."""
        async with self._store.transaction() as tx:
            window = await tx.get(MaintenanceWindow, id, etag=etag)
            window.expire(self._store.clock())
            tx.save(window)
            tx.write(stamped("quiet"))
        await self._wake(f"maintenanceWindows/{window.id}")
        return window

    async def merged(self, before: str, after: str) -> None:
        """Two assets turned out to be one: windows of the one that ended, not over yet, are about the one that stayed."""
        async with self._store.transaction() as tx:
            now = self._store.clock()
            found = await tx.find(MaintenanceWindow, {"asset_ids": before, "end_time": {"$gt": now}})
            for window in found:
                window.edit(now, asset_ids=list(dict.fromkeys(after if each == before else each for each in window.asset_ids)))
                tx.save(window)
            if found:
                tx.write(stamped("quiet"))

    async def silence(self, id: str) -> Document:  # noqa: A002 - as above
        """One silence, to become a message."""
        return await self._store.document(Silence, id, naive=True)

    async def window(self, id: str) -> Document:  # noqa: A002 - as above
        """One maintenance window, to become a message."""
        return await self._store.document(MaintenanceWindow, id, naive=True)

    async def silences(self, filter_text: str, order_by: str, paging: Paging) -> Paged:
        """A page of the silences that match."""
        return await page_of(self._store, SILENCES, self._silences, filter_text, order_by, paging)

    async def windows(self, filter_text: str, order_by: str, paging: Paging) -> Paged:
        """A page of the maintenance windows that match."""
        return await page_of(self._store, WINDOWS, self._windows, filter_text, order_by, paging)

    async def _keep(self, made: S) -> S:
        async with self._store.transaction() as tx:
            tx.add(made)
            tx.write(stamped("quiet"))
        return made

    async def _wake(self, reference: str) -> None:
        # Where this is lost with its process, the alerts are looked at all the same, some minutes later.
        await self._looking.wake(reference, self._store.clock())

    def _check_short(self, silence: Silence) -> None:
        if PLANNER in ctx.current().permissions:
            return
        if silence.recurrence is not None:
            raise Invalid({"recurrence": f"needs the permission {PLANNER}"})
        if silence.end_time - self._store.clock() > SHORT:
            raise Invalid({"end_time": f"may be a day ahead; more needs the permission {PLANNER}"})


def _check_own(silence: Silence) -> None:
    context = ctx.current()
    if PLANNER not in context.permissions and silence.creator_id != context.actor.id:
        raise Denied(PLANNER, "this silence is somebody else's")
