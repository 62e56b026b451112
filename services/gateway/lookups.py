"""What a console asks first and all the time, plugged together: who it is, names while he types, who is at a record."""

from itsm.gateway import v1 as pb

from chassis.assembly import Assembly
from chassis.service import Stage
from services.gateway.api.lookups import LookupApi
from services.gateway.api.presence import PresenceApi
from services.gateway.callers import Callers, Sighted
from services.gateway.finding import Finding
from services.gateway.kept_notices import inbox_listing
from services.gateway.live.presence import Attendance
from services.gateway.live.stream import Stream
from services.gateway.usecases.inbox import Inbox
from services.gateway.usecases.preferences import Preferences
from services.gateway.usecases.presence import Presences

PRESENCE = "itsm.gateway.v1.PresenceService"
LOOKUPS = "itsm.gateway.v1.LookupService"


def build(assembly: Assembly, callers: Callers, stream: Stream, key: bytes) -> None:
    """Adds it all to the process."""
    attendance = Attendance(assembly.backend, assembly.clock, lambda: stream.tenants, stream.say)
    assembly.service.background("presence", attendance.run, stage=Stage.CONSUMERS)
    presences = Presences(assembly.store, Sighted(callers, assembly.guard), attendance.heard)
    assembly.serve(PRESENCE, pb.add_PresenceServiceServicer_to_server, PresenceApi(presences))
    inbox = Inbox(assembly.store, inbox_listing(key, assembly.clock))
    finding = Finding(callers, Preferences(assembly.store), inbox)
    assembly.serve(LOOKUPS, pb.add_LookupServiceServicer_to_server, LookupApi(finding))
