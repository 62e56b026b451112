"""Whether somebody listens."""

from services.monitor.domain.check import Check, Outcome
from services.monitor.domain.check_settings import endpoint
from services.monitor.probes.found import Found, Refused
from services.monitor.probes.reach import Reach, closed, opened


async def connect(check: Check, reach: Reach) -> Found:
    """Opens a connection and ends it. Raises `Refused`, `OSError`."""
    place = endpoint(check.target)
    if place is None:
        raise Refused("the target must look like host:port")
    host, port = place
    await closed(await opened(await reach.address(host, port), port))
    return Found(Outcome.OK, "connected")
