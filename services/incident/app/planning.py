"""Releases, blackouts, and what stands against changes."""

from itsm.incident import v1 as pb

from services.incident.api.planning import PlanningApi
from services.incident.api.releases import ReleaseApi
from services.incident.app.landscape import AssetLandscape
from services.incident.app.parts import Parts
from services.incident.usecases.blackouts import Blackouts
from services.incident.usecases.planning import Planning
from services.incident.usecases.releases import Releases

PLANNING, RELEASE = "itsm.incident.v1.PlanningService", "itsm.incident.v1.ReleaseService"
SERVICES = (PLANNING, RELEASE)


def planning_of(parts: Parts) -> Planning:
    """What changes are asked about before they are planned and made."""
    assembly = parts.assembly
    return Planning(parts.store, AssetLandscape(assembly.channels, parts.settings.asset_target, assembly.account))


def wire(parts: Parts) -> None:
    """Serves them."""
    blackouts = Blackouts(parts.store, parts.reading)
    planning = PlanningApi(blackouts, planning_of(parts), parts.reading)
    parts.assembly.serve(PLANNING, pb.add_PlanningServiceServicer_to_server, planning)
    releases = ReleaseApi(Releases(parts.store), parts.reading, parts.notes)
    parts.assembly.serve(RELEASE, pb.add_ReleaseServiceServicer_to_server, releases)
