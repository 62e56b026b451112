"""References between records: those of this service by id and checked, those of others as they are."""

from dataclasses import replace

from chassis.domain import Aggregate
from chassis.errors import Invalid, NotFound
from chassis.store import Store
from services.incident.domain.link import Link


class Linking:
    """Other services' records are taken as they are: opening work never waits for another service."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kinds = {kind.plural: kind for kind in store.kinds.values()}

    async def known(self, link: Link) -> tuple[Link, Aggregate | None]:
        """The link by id, and its target where that is of this service. Raises `Invalid` for one that the caller cannot see."""
        plural, _, name = link.target.partition("/")
        kind = self._kinds.get(plural)
        if kind is None:
            return link, None
        try:
            target = await self._store.get(kind.aggregate, name)
        except NotFound:
            raise Invalid({"link.target": "there is no such record"}) from None
        return replace(link, target=kind.subject(target.id)), target
