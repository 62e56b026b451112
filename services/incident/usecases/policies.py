"""Service-level policies and calendars of a tenant."""

from services.incident.domain.levels import ServiceLevels


class Policies:
    """What is promised."""

    async def levels(self) -> ServiceLevels:
        """What is promised now."""
        return ServiceLevels()
