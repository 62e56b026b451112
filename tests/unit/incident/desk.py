"""An incident service without a process: memory instead of a database, a clock that stands still."""

from datetime import UTC, datetime, timedelta

from chassis.store import Backend, Store
from chassis.testing import FakeClock, MemoryBackend
from services.incident import store as kept
from services.incident.usecases.imports import Imports
from services.incident.usecases.incidents import Incidents
from services.incident.usecases.policies import Policies
from services.incident.usecases.reading import Reading

MONDAY = datetime(2126, 6, 3, 9, tzinfo=UTC)
KEY = b"a key that signs page tokens"


class Desk:
    """Everything that the service is made of, plugged together as `app.build` does."""

    def __init__(self, backend: Backend | None = None, now: datetime = MONDAY) -> None:
        self.clock = FakeClock(now)
        self.backend = backend or MemoryBackend()
        self.store = Store(self.backend, self.clock, kept.KINDS, kept.INDEXES)
        self.policies = Policies(self.store)
        self.incidents = Incidents(self.store, self.policies, reopen_window=timedelta(days=7))
        self.reading = Reading(self.store, kept.listings(KEY, self.clock), self.policies)
        self.imports = Imports(self.store, self.policies)
