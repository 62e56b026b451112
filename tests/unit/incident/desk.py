"""An incident service without a process: memory instead of a database, a clock that stands still."""

from datetime import UTC, datetime, timedelta
from typing import Any

from chassis import context as ctx
from chassis.context import Actor, Context
from chassis.errors import Busy
from chassis.store import Backend, Store
from chassis.testing import FakeClock, MemoryBackend
from services.incident import store as kept
from services.incident.usecases.alerts import Alerts
from services.incident.usecases.assets import Assets
from services.incident.usecases.escalations import Escalations
from services.incident.usecases.explaining import Explaining
from services.incident.usecases.families import FAMILY_WORK, Stepper
from services.incident.usecases.family_steps import FamilySteps
from services.incident.usecases.impacts import Impacts
from services.incident.usecases.imports import Imports
from services.incident.usecases.incidents import Incidents
from services.incident.usecases.joining import Joining
from services.incident.usecases.majors import Majors
from services.incident.usecases.notes import Notes
from services.incident.usecases.policies import Policies
from services.incident.usecases.reading import Reading

MONDAY = datetime(2126, 6, 3, 9, tzinfo=UTC)
KEY = b"a key that signs page tokens"


class Again:
    """Calls what it wraps once more when busy, as the edges do: what was decided from memory is then decided from the store."""

    def __init__(self, wrapped: object) -> None:
        self._wrapped = wrapped

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._wrapped, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            try:
                return await method(*arguments, **named)
            except Busy:
                return await method(*arguments, **named)

        return call


class Desk:
    """Everything that the service is made of, plugged together as `app.build` does."""

    def __init__(self, backend: Backend | None = None, now: datetime = MONDAY) -> None:
        self.clock = FakeClock(now)
        self.backend = backend or MemoryBackend()
        self.store = Store(self.backend, self.clock, kept.KINDS, kept.INDEXES)
        self.promises = Policies(self.store)
        self.policies = Again(self.promises)
        incidents = Incidents(self.store, self.promises, reopen_window=timedelta(days=7))
        self.incidents = Again(incidents)
        self.assets = Assets(self.store)
        self.alerts = Again(Alerts(self.store, incidents, self.assets, grace=timedelta(minutes=15)))
        listings = kept.listings(KEY, self.clock)
        self.reading = Reading(self.store, listings)
        self.majors = Again(Majors(self.store, incidents, self.reading, listings["incidents"]))
        self.joining = Again(Joining(self.store, self.promises))
        self.impacts = Again(Impacts(self.store))
        notes = Notes(self.store)
        self.stepper = Stepper(self.store, FamilySteps(self.store, incidents, self.promises, listings, notes).all)
        self.explaining = Explaining(self.store, self.promises)
        self.imports = Again(Imports(self.store, self.promises))
        self.escalations = Again(Escalations(self.store, self.promises))

    async def pass_on(self) -> None:
        """What passes to families does so, as the timer has it done, until nothing is left."""
        tenant = ctx.current().tenant
        with ctx.use(Context(tenant=tenant, actor=Actor(id="itsm-incident", kind="service"))):
            while rows := await self.backend.find(FAMILY_WORK, {"tenant": tenant}):
                for row in rows:
                    await self.stepper.work(tenant, row["_id"])
