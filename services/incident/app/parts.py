"""What every group of aggregates is plugged in with."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from chassis.assembly import Assembly
from chassis.listing import Listing
from chassis.store import Store
from services.incident.app.settings import Settings
from services.incident.usecases.approving import Approving
from services.incident.usecases.incidents import Incidents
from services.incident.usecases.linking import Linking
from services.incident.usecases.notes import Notes
from services.incident.usecases.policies import Policies
from services.incident.usecases.reading import Reading
from services.incident.usecases.routing import Routing
from services.incident.usecases.tasks import Tasks


@dataclass(frozen=True, slots=True)
class Parts:
    """Made once at start; each module beside this one adds its servicers, handlers and timers to what is here."""

    assembly: Assembly
    settings: Settings
    store: Store
    listings: Mapping[str, Listing]
    policies: Policies
    reading: Reading
    notes: Notes
    linking: Linking
    approving: Approving
    tasks: Tasks
    routing: Routing

    @property
    def grace(self) -> timedelta:
        """How long after it cleared an alert that returns is the same trouble."""
        return timedelta(minutes=self.settings.grace_minutes)

    def incidents(self) -> Incidents:
        """Incidents as they are everywhere here: wherever one is opened the rules find its team."""
        window = timedelta(days=self.settings.reopen_days)
        return Incidents(self.store, self.policies, reopen_window=window, grace=self.grace, routing=self.routing)
