"""The monitor service as a process. Its aggregates are yet to move in; it takes part in health, policy and events already."""

from chassis.assembly import Assembly
from chassis.service import Service
from chassis.settings import Settings


def build(settings: Settings) -> Service:
    """Plugs the process together."""
    return Assembly("monitor", settings).service
